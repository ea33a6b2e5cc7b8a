//! The local address of outgoing connections.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::value::Invalid;

/// A local address to connect from: `ADDR`, `ADDR:PORT`, `[V6]:PORT` or `:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The address; `None` leaves it to the system.
    pub ip: Option<IpAddr>,
    /// The port; 0 leaves it to the system.
    pub port: u16,
}

impl FromStr for Source {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Source, Invalid> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let bracketed = inner.and_then(|inner| inner.parse().ok()).map(IpAddr::V6);
        let alone = || text.parse().ok().map(|ip| Source { ip: Some(ip), port: 0 });
        let port = || {
            let digits = text.strip_prefix(':').filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
            digits.parse().ok().map(|port| Source { ip: None, port })
        };
        let both = || {
            let both: SocketAddr = text.parse().ok()?;
            // Only the address is kept, without its scope.
            let scoped = matches!(both, SocketAddr::V6(v6) if v6.scope_id() != 0);
            (!scoped).then(|| Source { ip: Some(both.ip()), port: both.port() })
        };
        let source = bracketed.map(|ip| Source { ip: Some(ip), port: 0 });
        source.or_else(alone).or_else(port).or_else(both).ok_or_else(|| {
            Invalid::new(
                text,
                "a source address",
                "a local address of this host: ADDR, ADDR:PORT, [IPV6]:PORT or :PORT",
            )
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (Some(ip), 0) => ip.fmt(f),
            (Some(ip), port) => SocketAddr::new(ip, port).fmt(f),
            (None, port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_printed() {
        let cases = [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("127.0.0.1:0", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:65535", "[::1]:65535"),
            (":5000", ":5000"),
        ];
        for (text, printed) in cases {
            assert_eq!(text.parse::<Source>().map(|source| source.to_string()), Ok(printed.into()), "{text}");
        }
        for text in
            ["", ":", "localhost", "127.0.0.1:", "1.2.3.4:65536", ":+1", "[::1", "[1.2.3.4]:1", "[fe80::1%3]:1", "5000"]
        {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "\"{text}\" is not a source address: expected a local address of this host: \
                     ADDR, ADDR:PORT, [IPV6]:PORT or :PORT"
                )
            );
        }
    }
}
