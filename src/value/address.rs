//! Where to connect to or listen: a host and a port, or the path of a Unix socket.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use super::text::number;
use super::{Invalid, escape};

/// The port where none is named.
pub const DEFAULT_PORT: u16 = 4500;

/// One end of a connection as a user writes it; names are not resolved here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `HOST:PORT` and its shorter forms.
    Tcp {
        /// The host before the colon.
        host: Host,
        /// The port; 0 asks the system for a free one.
        port: u16,
    },
    /// `unix:PATH`
    Unix(PathBuf),
}

/// The host of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// An IPv6 address with the interface it is valid on: `fe80::1%eth0` (RFC 4007, section 11).
    Scoped(Ipv6Addr, String),
    /// A name to be resolved.
    Name(String),
    /// `*`: every interface, of IPv6 and of IPv4.
    Any,
}

const WHAT: &str = "an address";
const EXPECTED: &str = "HOST:PORT, HOST, :PORT, [IPV6]:PORT, *:PORT or unix:PATH";

impl Address {
    /// Reads an argument. The path of a Unix socket may be any bytes; a host must be UTF-8.
    pub fn parse_os(text: &OsStr) -> Result<Address, Invalid> {
        let invalid = || Invalid::os(text, WHAT, EXPECTED);
        if let Some(path) = text.as_bytes().strip_prefix(b"unix:") {
            let usable = !path.is_empty() && !path.contains(&0);
            return if usable { Ok(Address::Unix(OsStr::from_bytes(path).into())) } else { Err(invalid()) };
        }
        let text = text.to_str().ok_or_else(invalid)?;
        let (host, port) = split(text).ok_or_else(invalid)?;
        let host = if host.is_empty() { Host::LOOPBACK } else { Host::read(host).ok_or_else(invalid)? };
        Ok(Address::Tcp { host, port: port.map_or(Ok(DEFAULT_PORT), read_port)? })
    }

    /// Reads `HOST PORT` as two words, as nc does: an IPv6 host needs no brackets. The port is a
    /// number; names of services are not looked up.
    pub fn from_words(host: &OsStr, port: &OsStr) -> Result<Address, Invalid> {
        let expected = "a host name, an IPv4 or IPv6 address, or * before the port";
        let invalid = || Invalid::os(host, "a host", expected);
        let port = port.to_str().map_or_else(|| Err(Invalid::os(port, PORT, PORTS)), read_port)?;
        let name = host.to_str().ok_or_else(invalid)?;
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| inner.contains(':'));
        let host = Host::read(bare.unwrap_or(name)).ok_or_else(invalid)?;
        Ok(Address::Tcp { host, port })
    }

    /// Whether only programs on this machine can be at this address, as far as that can be said
    /// without resolving: loopback addresses, `localhost` (RFC 6761, section 6.3), Unix sockets.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp { host, .. } => match host {
                Host::Ip(ip) => ip.to_canonical().is_loopback(),
                Host::Scoped(ip, _) => ip.is_loopback(),
                Host::Name(name) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
                Host::Any => false,
            },
        }
    }
}

/// Takes host and port apart; the host comes without brackets.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').filter(|port| !port.is_empty())?) };
        return host.contains(':').then_some((host, port));
    }
    match text.split_once(':') {
        None | Some((_, "")) if text.is_empty() || text.ends_with(':') && !text.ends_with("::") => None,
        // More than one colon: an IPv6 address on its own.
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

const PORT: &str = "a port";
const PORTS: &str = "a number from 0 to 65535";

/// Reads a port alone.
///
/// # Errors
/// What is no number of digits alone, or too large.
pub fn read_port(text: &str) -> Result<u16, Invalid> {
    number(text).and_then(|port| u16::try_from(port).ok()).ok_or_else(|| Invalid::new(text, PORT, PORTS))
}

impl Host {
    const LOOPBACK: Host = Host::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// Reads a host without brackets; `None` when it cannot be one.
    fn read(text: &str) -> Option<Host> {
        if text == "*" {
            return Some(Host::Any);
        }
        if let Ok(ip) = text.parse() {
            return Some(Host::Ip(ip));
        }
        if let Some((ip, scope)) = text.split_once('%') {
            let ip = ip.parse().ok()?;
            return is_interface(scope).then(|| Host::Scoped(ip, scope.to_owned()));
        }
        is_name(text).then(|| Host::Name(text.to_owned()))
    }
}

/// Whether this can be the name or number of a network interface.
fn is_interface(text: &str) -> bool {
    !text.is_empty() && is_plain(text) && !text.contains(['/', '%', '[', ']'])
}

/// Whether a terminal can be shown this word as it is.
fn is_plain(text: &str) -> bool {
    !text.contains(char::is_whitespace) && escape(text.as_bytes()) == text
}

/// Whether this can be a host name (RFC 1123, section 2.1), more generous than the standard: with
/// underscores, and with characters beyond ASCII, about which the resolver has the last word.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| !label.is_empty() && label.len() <= 63;
    let odd = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.".contains(c);
    name.len() <= 253
        && name.split('.').all(fits)
        && !name.contains(odd)
        && is_plain(name)
        // A number alone is a forgotten colon before a port; resolvers would take it for an IPv4 address.
        && !name.bytes().all(|b| b.is_ascii_digit())
        // With a port behind it, it would read as a Unix socket.
        && text != "unix"
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Address, Invalid> {
        Address::parse_os(OsStr::new(text))
    }
}

impl Default for Address {
    /// `127.0.0.1:4500`
    fn default() -> Address {
        Address::Tcp { host: Host::LOOPBACK, port: DEFAULT_PORT }
    }
}

impl fmt::Display for Address {
    /// Fit for a terminal: control characters in the path of a Unix socket are escaped, and only such
    /// a path does not read back as the same address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host: Host::Ip(IpAddr::V6(ip)), port } => write!(f, "[{ip}]:{port}"),
            Address::Tcp { host: host @ Host::Scoped(..), port } => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", escape(path.as_os_str().as_bytes())),
        }
    }
}

impl fmt::Display for Host {
    /// Without the brackets that an IPv6 address has before a port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(ip) => ip.fmt(f),
            Host::Scoped(ip, scope) => write!(f, "{ip}%{scope}"),
            Host::Name(name) => f.write_str(name),
            Host::Any => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str, port: u16) -> Address {
        Address::Tcp { host: Host::Ip(text.parse().unwrap()), port }
    }

    fn name(text: &str, port: u16) -> Address {
        Address::Tcp { host: Host::Name(text.to_owned()), port }
    }

    fn scoped(text: &str, scope: &str, port: u16) -> Address {
        Address::Tcp { host: Host::Scoped(text.parse().unwrap(), scope.to_owned()), port }
    }

    #[test]
    fn every_form_is_read() {
        let cases = [
            ("10.10.11.2:4501", ip("10.10.11.2", 4501)),
            ("10.10.11.2", ip("10.10.11.2", 4500)),
            ("0.0.0.0:80", ip("0.0.0.0", 80)),
            (":80", ip("127.0.0.1", 80)),
            (":0", ip("127.0.0.1", 0)),
            ("[::]:80", ip("::", 80)),
            ("[::1]", ip("::1", 4500)),
            ("::1", ip("::1", 4500)),
            ("::", ip("::", 4500)),
            ("fe80::", ip("fe80::", 4500)),
            ("2001:db8::7:80", ip("2001:db8::7:80", 4500)),
            ("[::ffff:127.0.0.1]:1", ip("::ffff:127.0.0.1", 1)),
            ("[fe80::1%eth0]:80", scoped("fe80::1", "eth0", 80)),
            ("fe80::1%2", scoped("fe80::1", "2", 4500)),
            ("*:80", Address::Tcp { host: Host::Any, port: 80 }),
            ("*", Address::Tcp { host: Host::Any, port: 4500 }),
            ("localhost", name("localhost", 4500)),
            ("my_host.example.:65535", name("my_host.example.", 65535)),
            ("bücher.example:1", name("bücher.example", 1)),
            ("127.1:1", name("127.1", 1)),
            ("unix:/run/x:1", Address::Unix("/run/x:1".into())),
            ("unix:4500", Address::Unix("4500".into())),
        ];
        for (text, address) in cases {
            assert_eq!(text.parse(), Ok(address), "{text}");
        }
        assert_eq!("127.0.0.1:4500".parse(), Ok(Address::default()));
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_with_the_forms() {
        let long_label = "a".repeat(64);
        let long_name = ["a"; 128].join(".");
        let cases = [
            "",
            ":",
            "host:",
            "a b",
            "a\tb:1",
            "a\u{9b}b",
            "a\u{202e}b:1",
            "[fe80::1%a\u{202e}]:80",
            "a..b",
            ".",
            ".a",
            "4500",
            "unix:",
            "unix",
            "unix:a\0b",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[::1]80",
            "[127.0.0.1]:80",
            "[host]:80",
            "[]:80",
            "[::1%]:80",
            "[fe80::1%a b]:80",
            "127.0.0.1%lo",
            "1:2:3",
            "http://host:80",
            "host/path",
            "user@host",
            "::1]:80",
            "**",
            &long_label,
            &long_name,
        ];
        for text in cases {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error, Invalid::new(text, WHAT, EXPECTED), "{text:?}");
        }
    }

    #[test]
    fn a_port_is_a_number_that_is_never_wrapped_round() {
        for port in ["70000", "65536", "131072", "18446744073709556116", "http", "-1", "+1", " 1", "1 ", "0x50"] {
            let message = format!("\"{port}\" is not a port: expected a number from 0 to 65535");
            assert_eq!(format!("host:{port}").parse::<Address>().unwrap_err().to_string(), message);
            assert_eq!(format!("[::1]:{port}").parse::<Address>().unwrap_err().to_string(), message);
            let words = Address::from_words("host".as_ref(), port.as_ref());
            assert_eq!(words.unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn two_words_need_no_brackets() {
        let words = |host: &str, port: &str| Address::from_words(host.as_ref(), port.as_ref());
        assert_eq!(words("localhost", "80"), Ok(name("localhost", 80)));
        assert_eq!(words("10.0.0.1", "80"), Ok(ip("10.0.0.1", 80)));
        assert_eq!(words("::1", "80"), Ok(ip("::1", 80)));
        assert_eq!(words("[::1]", "80"), Ok(ip("::1", 80)));
        assert_eq!(words("fe80::1%eth0", "80"), Ok(scoped("fe80::1", "eth0", 80)));
        assert_eq!(words("*", "80"), Ok(Address::Tcp { host: Host::Any, port: 80 }));
        for host in ["", "host:1", "unix:/x", "[host]", "a b"] {
            assert_eq!(words(host, "80").unwrap_err().what, "a host", "{host:?}");
        }
        assert_eq!(words("host", "").unwrap_err().what, "a port");
    }

    #[test]
    fn arguments_need_not_be_utf8() {
        let path = OsStr::from_bytes(b"unix:/tmp/\xff\x1b");
        assert_eq!(Address::parse_os(path), Ok(Address::Unix(OsStr::from_bytes(b"/tmp/\xff\x1b").into())));
        assert_eq!(Address::parse_os(path).unwrap().to_string(), r"unix:/tmp/\xff\x1b");
        let host = OsStr::from_bytes(b"h\xff:80");
        assert!(Address::parse_os(host).unwrap_err().to_string().starts_with(r#""h\xff:80" is not an address"#));
        assert_eq!(Address::from_words(host, "80".as_ref()).unwrap_err().input, r"h\xff:80");
        assert_eq!(Address::from_words("h".as_ref(), OsStr::from_bytes(b"\xff")).unwrap_err().input, r"\xff");
    }

    #[test]
    fn loopback_is_told_without_resolving() {
        for text in [":1", "127.9.9.9", "::1", "[::ffff:127.0.0.1]:1", "LocalHost.", "unix:x"] {
            assert!(text.parse::<Address>().unwrap().is_loopback(), "{text}");
        }
        for text in ["*", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "fe80::1%lo"] {
            assert!(!text.parse::<Address>().unwrap().is_loopback(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            v4: Ipv4Addr, v6: Ipv6Addr, port: u16, name in "[a-z_][a-z0-9_-]{0,20}(\\.[a-z0-9]{1,9}){1,3}\\.?",
            scope in "[a-z0-9.:]{1,15}", path in "[^\\p{C}]{1,30}",
        ) {
            let hosts = [Host::Ip(v4.into()), Host::Ip(v6.into()), Host::Scoped(v6, scope), Host::Name(name), Host::Any];
            let tcp = hosts.into_iter().map(|host| Address::Tcp { host, port });
            for address in tcp.chain([Address::Unix(path.into())]) {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_prints_and_reads_back(text in "\\PC*|[0-9a-z:.%*\\[\\]-]*") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
