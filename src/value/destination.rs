//! The server that a proxy is asked to connect to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Address, Host};

/// A server in the terms of a proxy: an IP address, or a name that the proxy resolves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    host: Place,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Ip(IpAddr),
    /// Letters, digits, hyphens, underscores and dots only: nothing that could end a line or a field of a request.
    Name(String),
}

/// Why a proxy cannot connect to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproxied {
    /// A unix socket.
    #[error("{0} is a unix socket of this host, which no proxy can reach: remove --proxy")]
    Unix(Address),
    /// An address with an interface of this host.
    #[error("{0} names an interface of this host, which means nothing to a proxy: remove the part after %")]
    Scoped(Address),
    /// Every interface.
    #[error("{0} is every interface of a host: give the proxy a host name or an address")]
    Any(Address),
    /// A name with characters beyond ASCII, or too long, which the parser of addresses refuses by itself.
    #[error("{0} has characters beyond ASCII, and the proxy resolves it: give its form with xn--")]
    NotAscii(Address),
}

impl Destination {
    /// The destination for an address. A name is left to the proxy.
    ///
    /// # Errors
    /// When a proxy cannot connect to it.
    pub fn new(address: &Address) -> Result<Destination, Unproxied> {
        let Address::Tcp { host, port } = address else { return Err(Unproxied::Unix(address.clone())) };
        let host = match host {
            Host::Ip(ip) => Place::Ip(*ip),
            Host::Name(name) if name.len() <= MAX_NAME && name.bytes().all(is_plain) => Place::Name(name.clone()),
            Host::Name(_) => return Err(Unproxied::NotAscii(address.clone())),
            Host::Scoped(..) => return Err(Unproxied::Scoped(address.clone())),
            Host::Any => return Err(Unproxied::Any(address.clone())),
        };
        Ok(Destination { host, port: *port })
    }

    /// The IP address; `None` if it is a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.host {
            Place::Ip(ip) => Some(ip),
            Place::Name(_) => None,
        }
    }

    /// The name; `None` if it is an IP address.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Place::Ip(_) => None,
            Place::Name(name) => Some(name),
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// The longest name that SOCKS5 can carry (RFC 1928, section 5).
const MAX_NAME: usize = 255;

/// Whether a name that a proxy gets may have this byte.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

impl From<SocketAddr> for Destination {
    fn from(addr: SocketAddr) -> Self {
        Destination { host: Place::Ip(addr.ip()), port: addr.port() }
    }
}

impl fmt::Display for Destination {
    /// Prints `HOST:PORT`, with IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Place::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Place::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_proxy_can_reach_print_as_authority() {
        for text in ["127.0.0.1:80", "[::1]:4500", "a-b_c.example.:1"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(Destination::new(&address).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        let cases = [
            ("unix:/s", "unix:/s is a unix socket of this host, which no proxy can reach: remove --proxy"),
            (
                "[fe80::1%eth0]:1",
                "[fe80::1%eth0]:1 names an interface of this host, which means nothing to a proxy: remove the part after %",
            ),
            ("*:1", "*:1 is every interface of a host: give the proxy a host name or an address"),
            (
                "b\u{fc}cher.example:1",
                "b\u{fc}cher.example:1 has characters beyond ASCII, and the proxy resolves it: give its form with xn--",
            ),
        ];
        for (text, error) in cases {
            assert_eq!(Destination::new(&text.parse().unwrap()).unwrap_err().to_string(), error);
        }
    }

    /// A name can be built without its parser, and still no byte of it can forge a line of a request.
    #[test]
    fn name_with_control_characters_is_refused() {
        let long = "a".repeat(MAX_NAME + 1);
        for name in ["a\r\nHost: b", "a b", "a\0", "a@b", "a:b", "a/b", "a\u{85}", &long] {
            let address = Address::Tcp { host: Host::Name(name.to_owned()), port: 1 };
            assert!(matches!(Destination::new(&address), Err(Unproxied::NotAscii(_))), "{name:?}");
        }
    }
}
