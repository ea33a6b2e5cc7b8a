//! What the two sides of a TLS connection have agreed on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::value::escape;

/// The most characters of a name that a peer chose.
const LONGEST: usize = 255;

/// What a handshake of TLS has brought. It has no keys, and the names of the peer are of bounded length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSession {
    /// The protocol and its version.
    pub version: Cow<'static, str>,
    /// The cipher suite, as its registry names it.
    pub suite: Cow<'static, str>,
    /// The group of the key exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Cow<'static, str>>,
    /// The application protocol (ALPN), escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    alpn: Option<String>,
    /// The name of the server that the client has sent (SNI).
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    /// The name in the certificate of the client, at the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
}

impl TlsSession {
    /// What is known of each handshake.
    #[must_use]
    pub fn new(version: &'static str, suite: &'static str, group: Option<&'static str>) -> TlsSession {
        TlsSession {
            version: version.into(),
            suite: suite.into(),
            group: group.map(Cow::from),
            ..TlsSession::default()
        }
    }

    /// With the names that the two sides have sent: the application protocol, the server, and the client.
    #[must_use]
    pub fn with_names(self, alpn: Option<&[u8]>, server_name: Option<&str>, client: Option<&str>) -> TlsSession {
        let alpn = alpn.map(|name| clip(&escape(name)));
        TlsSession { alpn, server_name: server_name.map(clip), client: client.map(clip), ..self }
    }

    /// Its facts, named and escaped: those of `--show-options`.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let shown = |name: &String| escape(name.as_bytes());
        let rows = [
            ("version", Some(self.version.to_string())),
            ("cipher suite", Some(self.suite.to_string())),
            ("group", self.group.as_deref().map(str::to_owned)),
            ("ALPN", self.alpn.clone()),
            ("server name", self.server_name.as_ref().map(shown)),
            ("client", self.client.as_ref().map(shown)),
        ];
        rows.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect()
    }

    /// Its facts in one line: `TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768, ALPN h2, server name example.test`.
    #[must_use]
    pub fn line(&self) -> String {
        let named = |(name, fact): (&str, String)| match name {
            "version" | "cipher suite" | "group" => fact,
            _ => format!("{name} {fact}"),
        };
        self.facts().into_iter().map(named).collect::<Vec<_>>().join(", ")
    }
}

/// The first characters of a name.
fn clip(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &name[..at]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_every_fact_that_is_known() {
        let session = TlsSession::new("TLS 1.3", "TLS_AES_256_GCM_SHA384", Some("X25519MLKEM768"));
        assert_eq!(session.line(), "TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768");
        let named = session.with_names(Some(b"h2"), Some("example.test"), Some("Alice"));
        assert_eq!(
            named.line(),
            "TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768, ALPN h2, server name example.test, client Alice"
        );
    }

    #[test]
    fn names_of_the_peer_are_escaped_and_bounded() {
        let hostile = "\u{1b}]0;x\u{7}\n".repeat(10_000);
        let session = TlsSession::new("TLS 1.2", "?", None);
        let session = session.with_names(Some(hostile.as_bytes()), Some(&hostile), Some(&hostile));
        let line = session.line();
        assert!(!line.chars().any(char::is_control) && line.len() < 4_000, "{line}");
        assert!(serde_json::to_string(&session).unwrap().len() < 6_000);
    }
}
