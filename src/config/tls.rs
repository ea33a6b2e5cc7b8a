//! The options of TLS, for a client and for a server.

use std::path::{Path, PathBuf};

use super::ConfigError;
use crate::value::{Named, Pin, Word};

/// What both sides of TLS choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsTerms {
    /// The application protocols, in the order of preference (ALPN, RFC 7301).
    pub alpn: Vec<Vec<u8>>,
    /// The lowest version.
    pub min: TlsVersion,
    /// The key-exchange groups in the order of preference; none is the default list.
    pub groups: Vec<TlsGroup>,
    /// The file that the secrets of each connection are appended to.
    pub keylog: Option<PathBuf>,
}

/// A client's side of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// The name that is sent (SNI) and verified; `None` is the host of the address.
    pub name: Option<String>,
    /// How the server proves who it is.
    pub trust: Trust,
    /// The certificate of this client.
    pub identity: Option<KeyPair>,
    /// What both sides choose.
    pub terms: TlsTerms,
}

impl ClientTls {
    /// The same, but trusting the key of this pin where nothing else was asked for.
    #[must_use]
    pub fn trusting(mut self, pin: Option<Pin>) -> Self {
        if let (Trust::System, Some(pin)) = (&self.trust, pin) {
            self.trust = Trust::Pins(vec![pin]);
        }
        self
    }
}

impl ClientTls {
    /// The options of a command line that ask for the same, as words. The file of the secrets is left out.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["--tls".to_owned()];
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        let file = |path: &Path| path.to_string_lossy().into_owned();
        if let Some(name) = &self.name {
            add("--tls-name", name.clone());
        }
        match &self.trust {
            Trust::System | Trust::Anybody => {}
            Trust::Ca(path) => add("--tls-ca", file(path)),
            Trust::Pins(pins) => pins.iter().for_each(|pin| add("--tls-pin", pin.to_string())),
            Trust::Known(path) => add("--known", file(path)),
        }
        if let Some(KeyPair { cert, key }) = &self.identity {
            add("--tls-cert", file(cert));
            add("--tls-key", file(key));
        }
        if !self.terms.alpn.is_empty() {
            add("--tls-alpn", String::from_utf8_lossy(&self.terms.alpn.join(&b","[..])).into_owned());
        }
        if self.terms.min != TlsVersion::default() {
            add("--tls-min", self.terms.min.word().name.to_owned());
        }
        if !self.terms.groups.is_empty() {
            let names: Vec<_> = self.terms.groups.iter().map(|group| group.word().name).collect();
            add("--tls-groups", names.join(","));
        }
        if self.trust == Trust::Anybody {
            words.push("--tls-insecure".to_owned());
        }
        words
    }
}

/// How a server proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// By a chain to a root certificate of the system.
    #[default]
    System,
    /// By a chain to a certificate of this file.
    Ca(PathBuf),
    /// By a public key that has one of these pins.
    Pins(Vec<Pin>),
    /// By the public key that this file has, which is noted there the first time.
    Known(PathBuf),
    /// It need not.
    Anybody,
}

/// The files of a certificate chain and of its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The chain, that of this side first.
    pub cert: PathBuf,
    /// The key; it may be the same file.
    pub key: PathBuf,
}

/// A server's side of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate of this server; `None` makes one at the start, signed by itself.
    pub identity: Option<KeyPair>,
    /// Which certificates clients must have, if they are asked for one.
    pub clients: Option<ClientCa>,
    /// What both sides choose.
    pub terms: TlsTerms,
}

/// The certificates that clients are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCa {
    /// The file of the certificates that sign them.
    pub ca: PathBuf,
    /// Whether a client may have none.
    pub need: ClientNeed,
}

/// Whether a client needs a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientNeed {
    /// A client may have none, but no other one.
    Optional,
    /// Each client must have one.
    #[default]
    Required,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    V12,
    /// TLS 1.3 (RFC 8446).
    V13,
}

/// A group of the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsGroup {
    /// ML-KEM-768 with X25519: a client's share of it takes more than one segment.
    X25519MlKem768,
    /// X25519 (RFC 7748).
    X25519,
    /// The curve secp256r1, also called P-256.
    P256,
    /// The curve secp384r1, also called P-384.
    P384,
}

impl Named for ClientNeed {
    const ALL: &'static [Self] = &[ClientNeed::Optional, ClientNeed::Required];

    fn word(self) -> Word {
        match self {
            ClientNeed::Optional => Word::new("optional", "A client may have no certificate"),
            ClientNeed::Required => Word::new("required", "Each client must have a certificate"),
        }
    }
}

impl Named for TlsVersion {
    const ALL: &'static [Self] = &[TlsVersion::V12, TlsVersion::V13];

    fn word(self) -> Word {
        match self {
            TlsVersion::V12 => Word::new("1.2", ""),
            TlsVersion::V13 => Word::new("1.3", ""),
        }
    }
}

impl Named for TlsGroup {
    const ALL: &'static [Self] = &[TlsGroup::X25519MlKem768, TlsGroup::X25519, TlsGroup::P256, TlsGroup::P384];

    fn word(self) -> Word {
        match self {
            TlsGroup::X25519MlKem768 => Word::new("X25519MLKEM768", "Post-quantum: the ClientHello takes two segments"),
            TlsGroup::X25519 => Word::new("X25519", ""),
            TlsGroup::P256 => Word::new("secp256r1", ""),
            TlsGroup::P384 => Word::new("secp384r1", ""),
        }
    }
}

impl KeyPair {
    /// The files of `--tls-cert` and `--tls-key`; without a key, the certificate's file must contain it.
    ///
    /// # Errors
    /// When there is a key and no certificate.
    pub fn of(cert: Option<PathBuf>, key: Option<PathBuf>, prefix: &str) -> Result<Option<Self>, ConfigError> {
        match (cert, key) {
            (Some(cert), key) => Ok(Some(KeyPair { key: key.unwrap_or_else(|| cert.clone()), cert })),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(ConfigError::new(format!("--{prefix}-key is the key of a certificate: add --{prefix}-cert FILE")))
            }
        }
    }
}

impl Trust {
    /// The trust that these options describe; `prefix` begins their names.
    ///
    /// # Errors
    /// When more than one of them is given.
    pub fn of(
        ca: Option<PathBuf>,
        pins: Vec<Pin>,
        known: Option<PathBuf>,
        insecure: bool,
        prefix: &str,
    ) -> Result<Self, ConfigError> {
        match (ca, pins.is_empty(), known, insecure) {
            (None, true, None, false) => Ok(Trust::System),
            (Some(ca), true, None, false) => Ok(Trust::Ca(ca)),
            (None, false, None, false) => Ok(Trust::Pins(pins)),
            (None, true, Some(known), false) => Ok(Trust::Known(known)),
            (None, true, None, true) => Ok(Trust::Anybody),
            _ => Err(ConfigError::new(format!(
                "--{prefix}-ca, --{prefix}-pin, --{prefix}-insecure and --{} exclude each other: give one of them",
                prefix.replace("tls", "known")
            ))),
        }
    }
}

impl TlsTerms {
    /// Checks the protocols of ALPN.
    ///
    /// # Errors
    /// Names the one that cannot be sent.
    pub fn check(self, prefix: &str) -> Result<Self, ConfigError> {
        if self.alpn.iter().any(|name| name.is_empty() || name.len() > 255) {
            return Err(ConfigError::new(format!(
                "--{prefix}-alpn takes names of 1 to 255 bytes, separated by commas, such as h2,http/1.1"
            )));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_repeat_each_option() {
        assert_eq!(ClientTls::default().words(), ["--tls"]);
        let all = ClientTls {
            name: Some("a".to_owned()),
            trust: Trust::Ca("ca.pem".into()),
            identity: Some(KeyPair { cert: "cert.pem".into(), key: "key.pem".into() }),
            terms: TlsTerms {
                alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
                min: TlsVersion::V13,
                groups: vec![TlsGroup::X25519, TlsGroup::P256],
                keylog: None,
            },
        };
        let words = "--tls --tls-name a --tls-ca ca.pem --tls-cert cert.pem --tls-key key.pem --tls-alpn h2,http/1.1 \
                     --tls-min 1.3 --tls-groups X25519,secp256r1";
        assert_eq!(all.words().join(" "), words);
        let insecure = ClientTls { trust: Trust::Anybody, ..ClientTls::default() };
        assert_eq!(insecure.words(), ["--tls", "--tls-insecure"]);
        let known = ClientTls { trust: Trust::Known("k".into()), ..ClientTls::default() };
        assert_eq!(known.words(), ["--tls", "--known", "k"]);
        let pinned = ClientTls { trust: Trust::Pins(vec![Pin([0; 32])]), ..ClientTls::default() };
        assert!(pinned.words()[1..].join(" ").starts_with("--tls-pin sha256//AAAA"));
    }
}
