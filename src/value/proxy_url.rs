//! A proxy as curl spells it: `socks5://[USER@]HOST[:PORT]`, `socks5h://` or `http://`.

use std::fmt;
use std::str::FromStr;

use super::authority::{Authority, BadAuthority, write_user};
use super::{Address, Host, Invalid, Named, Word};

/// The port of a proxy whose URL names none, as with curl.
const DEFAULT_PORT: u16 = 1080;

const WHAT: &str = "a proxy";
const EXPECTED: &str = "socks5://[USER@]HOST[:PORT], socks5h:// or http://, with IPv6 in brackets";
const NO_PASSWORD: &str =
    "a URL without a password, which other users could see: put USER:PASSWORD into a file for --proxy-credentials";
const NO_TLS: &str = "socks5://, socks5h:// or http://: TLS to the proxy itself is not supported";

/// A proxy, and the protocol that it speaks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxyUrl {
    /// The protocol.
    pub scheme: ProxyScheme,
    /// The user; any bytes but a colon.
    pub user: Option<Vec<u8>>,
    /// Its host; never [`Host::Any`].
    pub host: Host,
    /// Its port.
    pub port: u16,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyScheme {
    /// SOCKS5; this host resolves the name of the server.
    Socks5,
    /// SOCKS5; the proxy resolves the name of the server.
    Socks5h,
    /// HTTP CONNECT; the proxy resolves the name of the server.
    Http,
}

impl ProxyScheme {
    /// Whether this host resolves the name of the server.
    #[must_use]
    pub fn resolves_here(self) -> bool {
        self == ProxyScheme::Socks5
    }
}

impl Named for ProxyScheme {
    const ALL: &'static [Self] = &[ProxyScheme::Socks5, ProxyScheme::Socks5h, ProxyScheme::Http];

    fn word(self) -> Word {
        match self {
            ProxyScheme::Socks5 => Word::new("socks5", ""),
            ProxyScheme::Socks5h => Word::new("socks5h", ""),
            ProxyScheme::Http => Word::new("http", ""),
        }
    }
}

impl ProxyUrl {
    /// The address of the proxy itself.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::Tcp { host: self.host.clone(), port: self.port }
    }
}

impl FromStr for ProxyUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<ProxyUrl, Invalid> {
        let refused = |expected| Invalid::new(text, WHAT, expected);
        let invalid = || refused(EXPECTED);
        // Read before anything else, so that no error shows a password.
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let authority = Authority::parse(rest, DEFAULT_PORT);
        if let Err(BadAuthority::Password(shown)) = &authority {
            let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
            return Err(Invalid::new(&format!("{scheme}{shown}"), WHAT, NO_PASSWORD));
        }
        if scheme.eq_ignore_ascii_case("https") {
            return Err(refused(NO_TLS));
        }
        let known = ProxyScheme::ALL.iter().find(|known| scheme.eq_ignore_ascii_case(known.word().name));
        let scheme = *known.ok_or_else(invalid)?;
        let Authority { user, host, port } = authority.map_err(|_| invalid())?;
        Ok(ProxyUrl { scheme, user, host, port })
    }
}

impl fmt::Display for ProxyUrl {
    /// Prints a URL that parses to itself, with its port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.word().name)?;
        write_user(self.user.as_deref(), f)?;
        self.address().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ProxyUrl, String> {
        text.parse().map_err(|error: Invalid| error.to_string())
    }

    #[test]
    fn urls_print_with_the_port_and_parse_back() {
        let cases = [
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080"),
            ("socks5h://proxy.test:9050", "socks5h://proxy.test:9050"),
            ("HTTP://proxy.test:3128/", "http://proxy.test:3128"),
            ("http://alice@[::1]", "http://alice@[::1]:1080"),
            ("socks5://[fe80::1%eth0]:1", "socks5://[fe80::1%eth0]:1"),
            ("socks5://a%20b@c@proxy:65535", "socks5://a%20b%40c@proxy:65535"),
            ("socks5://%ff%00@proxy", "socks5://%FF%00@proxy:1080"),
        ];
        for (text, printed) in cases {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), printed);
            assert_eq!(parse(printed), Ok(url), "{text}");
        }
        assert_eq!(parse("socks5://%61@h").unwrap().user, Some(b"a".to_vec()));
    }

    #[test]
    fn other_texts_are_refused_with_the_syntax() {
        let long = format!("http://{}@h", "u".repeat(256));
        let texts = [
            "",
            "127.0.0.1:1080",
            "://h",
            "ftp://h",
            "socks4://h",
            "http://",
            "http://@h",
            "http://*:1",
            "http://::1",
            "http://[::1",
            "http://[127.0.0.1]",
            "http://h:",
            "http://h:0",
            "http://h:65536",
            "http://h:http",
            "http://h/path",
            "http://h?query",
            "http://h h",
            "http://%@h",
            "http://%4@h",
            "http://%+1@h",
            "http://a%3ab@h",
            "http://\u{e9}%C@h",
            &long,
        ];
        for text in texts {
            assert_eq!(parse(text), Err(format!("\"{text}\" is not a proxy: expected {EXPECTED}")));
        }
        assert!(parse("https://h").unwrap_err().ends_with("TLS to the proxy itself is not supported"));
    }

    #[test]
    fn password_in_the_url_is_refused_and_not_shown() {
        let shown = format!("is not a proxy: expected {NO_PASSWORD}");
        assert_eq!(parse("http://al:hush@h"), Err(format!("\"http://al:...@h\" {shown}")));
        for text in ["al:hush@h:1", "ftp://al:hush@h", "https://al:@h", "socks5://al:hu:sh@x@h", "http://:hush@*"] {
            let error = parse(text).unwrap_err();
            assert!(error.ends_with(&shown) && !error.contains("hu"), "{error}");
        }
    }
}
