//! The brokers that rooms are shared through: `nats://[USER@]HOST[:PORT][,…]`, or `tls://` and the same.

use std::fmt;
use std::str::FromStr;

use super::authority::{Authority, BadAuthority, write_user};
use super::{Address, Invalid};

/// The port of a broker whose URL names none, as with the clients of NATS.
const DEFAULT_PORT: u16 = 4222;
/// The schemes: without TLS, and with it.
const SCHEMES: [&str; 2] = ["nats://", "tls://"];
/// The most brokers.
const MOST: usize = 100;

const WHAT: &str = "a broker";
const EXPECTED: &str = "nats://[USER@]HOST[:PORT][,...] or tls://..., with one user, and IPv6 in brackets";
const NO_PASSWORD: &str =
    "a URL without a password, which other users could see: put it into a file for --via-password-file";

/// Brokers, each of which serves all that is to be shared, and the user for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Whether the scheme asks for TLS.
    pub tls: bool,
    /// The user.
    pub user: Option<String>,
    /// Their addresses; at least one.
    pub addresses: Vec<Address>,
}

impl FromStr for BrokerUrl {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new(text, WHAT, EXPECTED);
        let scheme = SCHEMES.into_iter().find(|scheme| without(text, scheme).is_some());
        let shown_scheme = scheme.unwrap_or(SCHEMES[0]);
        let mut url = BrokerUrl { tls: scheme == Some(SCHEMES[1]), user: None, addresses: Vec::new() };
        let mut parts: Vec<&str> = text.split(',').collect();
        if scheme.is_none() {
            // No error shows a password.
            parts = vec![text.split_once("://").map_or(text, |(_, rest)| rest)];
        }
        for part in &parts {
            let part = without(part, shown_scheme).unwrap_or(part);
            let Authority { user, host, port } = Authority::parse(part, DEFAULT_PORT).map_err(|bad| match bad {
                BadAuthority::Password(shown) => Invalid::new(&format!("{shown_scheme}{shown}"), WHAT, NO_PASSWORD),
                BadAuthority::Form => invalid(),
            })?;
            let user = user.map(|user| String::from_utf8(user).map_err(|_| invalid())).transpose()?;
            if user.is_some() && url.user.is_some() && url.user != user {
                return Err(invalid());
            }
            url.user = url.user.or(user);
            url.addresses.push(Address::Tcp { host, port });
        }
        if scheme.is_none() || url.addresses.len() > MOST {
            return Err(invalid());
        }
        Ok(url)
    }
}

/// A text without the scheme at its start; `None`: it has another one, or none.
fn without<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

impl fmt::Display for BrokerUrl {
    /// Prints a URL that parses to itself, with the ports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEMES[usize::from(self.tls)])?;
        write_user(self.user.as_deref().map(str::as_bytes), f)?;
        for (number, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if number > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BrokerUrl, String> {
        text.parse().map_err(|error: Invalid| error.to_string())
    }

    #[test]
    fn urls_print_with_the_ports_and_parse_back() {
        let cases = [
            ("nats://127.0.0.1", "nats://127.0.0.1:4222"),
            ("NATS://ann@broker.test:1,[::1],nats://other", "nats://ann@broker.test:1,[::1]:4222,other:4222"),
            ("nats://a%20b@h/,nats://a%20b@i:7/", "nats://a%20b@h:4222,i:7"),
            ("nats://h,nats://ann@i", "nats://ann@h:4222,i:4222"),
            ("TLS://h,tls://ann@i:1,j", "tls://ann@h:4222,i:1,j:4222"),
        ];
        for (text, printed) in cases {
            let url = parse(text).unwrap();
            assert_eq!(url.to_string(), printed);
            assert_eq!(parse(printed), Ok(url), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_syntax() {
        let many = format!("nats://{}h", "h,".repeat(MOST));
        let texts = [
            "",
            "127.0.0.1:4222",
            "nats://",
            "nats://h,",
            "nats://*",
            "http://h",
            "nats://h:0",
            "nats://h/x",
            "nats://a@h,b@i",
            "nats://%ff@h",
            "nats://::1",
            "nats://h:4222,http://i",
            "mqtt://h",
            "nats://h,tls://i",
            "tls://",
            &many,
        ];
        for text in texts {
            assert_eq!(parse(text), Err(format!("\"{text}\" is not a broker: expected {EXPECTED}")));
        }
        let hidden = format!("is not a broker: expected {NO_PASSWORD}");
        assert_eq!(parse("nats://al:hush@h"), Err(format!("\"nats://al:...@h\" {hidden}")));
        for text in
            ["al:hush@h", "nats://h,al:hush@h", "tls://al:hush@h", "http://al:hush@h,i", "nats://h,x://a:hush@h"]
        {
            let error = parse(text).unwrap_err();
            assert!(error.ends_with(&hidden) && !error.contains("hush"), "{error}");
        }
    }
}
