//! One end of a connection in a PROXY header.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

use super::{Address, Invalid, abstract_name};

/// One end of a connection as a PROXY header names it: numeric, because no receiver resolves names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Not given: the receiver keeps the addresses of the connection itself.
    Unknown,
    /// An IP address and a port.
    Ip(SocketAddr),
    /// The name of a unix socket as the kernel has it (unix(7)): an abstract name begins with NUL, and a socket
    /// without a name has none.
    Unix(Vec<u8>),
}

/// The longest name of a unix socket in a PROXY header.
pub const UNIX_NAME: usize = 108;

const WHAT: &str = "an end of a connection";
const EXPECTED: &str = "IP:PORT, [IPV6]:PORT, unix:PATH, unix:@NAME or unknown";

impl Endpoint {
    /// Parses an argument. The path of a unix socket may have any bytes.
    pub fn parse_os(text: &OsStr) -> Result<Endpoint, Invalid> {
        let invalid = || Invalid::os(text, WHAT, EXPECTED);
        if let Some(path) = text.as_bytes().strip_prefix(b"unix:") {
            let usable = !matches!(path, b"" | b"@") && !path.contains(&0) && path.len() <= UNIX_NAME;
            let end = Endpoint::of_path(&PathBuf::from(OsString::from_vec(path.to_vec())));
            return if usable { Ok(end) } else { Err(invalid()) };
        }
        match text.to_str() {
            Some("unknown") => Ok(Endpoint::Unknown),
            Some(text) => text.parse().map(Endpoint::ip).map_err(|_| invalid()),
            None => Err(invalid()),
        }
    }

    /// The end with this address; an IPv4 address in an IPv6 one (RFC 4291, section 2.5.5.2) is IPv4.
    #[must_use]
    pub fn ip(addr: SocketAddr) -> Endpoint {
        Endpoint::Ip(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
    }

    /// The unix socket with this path, or with an abstract name after `@`.
    #[must_use]
    pub fn of_path(path: &std::path::Path) -> Endpoint {
        Endpoint::Unix(match abstract_name(path) {
            Some(name) => [b"\0", name].concat(),
            None => path.as_os_str().as_bytes().to_vec(),
        })
    }

    /// Its IP address, if it has one.
    #[must_use]
    pub fn ip_addr(&self) -> Option<IpAddr> {
        if let Endpoint::Ip(addr) = self { Some(addr.ip()) } else { None }
    }
}

impl FromStr for Endpoint {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Endpoint, Invalid> {
        Endpoint::parse_os(OsStr::new(text))
    }
}

impl fmt::Display for Endpoint {
    /// Prints text that parses to the same end and is safe for a terminal, with the exceptions of [`Address`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unknown => f.write_str("unknown"),
            Endpoint::Ip(addr) => addr.fmt(f),
            Endpoint::Unix(name) => {
                let path = match name.strip_prefix(b"\0") {
                    Some(name) => [b"@", name].concat(),
                    None => name.clone(),
                };
                Address::Unix(PathBuf::from(OsString::from_vec(path))).fmt(f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_parsed_and_printed() {
        for text in ["192.0.2.7:44444", "[2001:db8::1]:0", "unix:/run/s", "unix:@lab", "unknown"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("unix:@lab".parse(), Ok(Endpoint::Unix(b"\0lab".to_vec())));
        assert_eq!("[::ffff:192.0.2.7]:1".parse::<Endpoint>().unwrap().to_string(), "192.0.2.7:1");
        assert_eq!(Endpoint::Unix(b"\0a\x1b\0".to_vec()).to_string(), r"unix:@a\x1b\x00");
        assert_eq!("192.0.2.7:1".parse::<Endpoint>().unwrap().ip_addr(), Some([192, 0, 2, 7].into()));
        assert_eq!(Endpoint::Unknown.ip_addr(), None);
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        let long = format!("unix:/{}", "x".repeat(UNIX_NAME));
        for text in ["", "192.0.2.7", "2001:db8::1", "example.test:80", "[fe80::1%lo]:1", "unix:", "unix:@", &long] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not {WHAT}: expected {EXPECTED}"));
        }
        assert!(long[..long.len() - 1].parse::<Endpoint>().is_ok());
        assert!(Endpoint::parse_os(OsStr::from_bytes(b"unix:/\xff")).is_ok());
        assert!(Endpoint::parse_os(OsStr::from_bytes(b"\xff")).is_err());
    }
}
