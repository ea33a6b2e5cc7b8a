//! The address to connect to or to listen on: a host and a port, or a path or abstract name of a unix socket.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::text::number;
use super::{Invalid, escape};

/// The default port.
pub const DEFAULT_PORT: u16 = 4500;

/// The address of an end of a connection as a user writes it; names are not resolved here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `HOST:PORT` and its shorter forms.
    Tcp {
        /// The host before the colon.
        host: Host,
        /// The port; 0 asks the system for a free one.
        port: u16,
    },
    /// `unix:PATH`, or `unix:@NAME`: an abstract name instead of a file (unix(7)).
    Unix(PathBuf),
}

/// A function from a service name to its port: `http` is 80.
pub type ServiceNames<'a> = &'a dyn Fn(&str) -> Option<u16>;

/// A function without service names: ports are numbers.
pub(super) const NUMBERS_ONLY: ServiceNames<'static> = &|_| None;

/// The host of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// An IPv6 address with the interface it is valid on: `fe80::1%eth0` (RFC 4007, section 11).
    Scoped(Ipv6Addr, String),
    /// A name to be resolved.
    Name(String),
    /// `*`: every interface, of IPv6 and of IPv4.
    Any,
}

const WHAT: &str = "an address";
const EXPECTED: &str = "HOST:PORT, HOST, :PORT, [IPV6]:PORT, *:PORT, unix:PATH or unix:@NAME";

impl Address {
    /// Parses an argument. The path of a Unix socket may have any bytes; a host must be UTF-8.
    pub fn parse_os(text: &OsStr, services: ServiceNames<'_>) -> Result<Address, Invalid> {
        Address::parse_with(text, DEFAULT_PORT, services)
    }

    /// Parses an argument as [`parse_os`](Self::parse_os) does, with another port for a host without one.
    pub fn parse_with(text: &OsStr, default: u16, services: ServiceNames<'_>) -> Result<Address, Invalid> {
        let invalid = || Invalid::os(text, WHAT, EXPECTED);
        if let Some(path) = text.as_bytes().strip_prefix(b"unix:") {
            let usable = !matches!(path, b"" | b"@") && !path.contains(&0);
            return if usable { Ok(Address::Unix(OsStr::from_bytes(path).into())) } else { Err(invalid()) };
        }
        let text = text.to_str().ok_or_else(invalid)?;
        let (host, port) = split(text).ok_or_else(invalid)?;
        let host = if host.is_empty() { Host::LOOPBACK } else { Host::read(host).ok_or_else(invalid)? };
        Ok(Address::Tcp { host, port: port.map_or(Ok(default), |port| read_port(port, services))? })
    }

    /// Parses `HOST PORT` as two words, as nc does: an IPv6 host needs no brackets.
    pub fn from_words(host: &OsStr, port: &OsStr, services: ServiceNames<'_>) -> Result<Address, Invalid> {
        let expected = "a host name, an IPv4 or IPv6 address, or * before the port";
        let invalid = || Invalid::os(host, "a host", expected);
        let wrong = || Err(Invalid::os(port, PORT, PORTS));
        let port = port.to_str().map_or_else(wrong, |port| read_port(port, services))?;
        let name = host.to_str().ok_or_else(invalid)?;
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| inner.contains(':'));
        let host = Host::read(bare.unwrap_or(name)).ok_or_else(invalid)?;
        Ok(Address::Tcp { host, port })
    }

    /// Whether it is the abstract name of a Unix socket, which exists on Linux only.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        matches!(self, Address::Unix(path) if abstract_name(path).is_some())
    }

    /// Whether only programs on this host can use this address, as far as that is known without resolving:
    /// loopback addresses, `localhost` (RFC 6761, section 6.3), Unix sockets.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp { host, .. } => match host {
                Host::Ip(ip) => ip.to_canonical().is_loopback(),
                Host::Scoped(ip, _) => ip.is_loopback(),
                Host::Name(name) => is_localhost(name),
                Host::Any => false,
            },
        }
    }
}

/// Whether a name means this host, whatever the resolver knows (RFC 6761, section 6.3).
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

/// The abstract name of `@NAME`.
#[must_use]
pub fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// Splits host and port; the host is returned without brackets.
pub(super) fn split(text: &str) -> Option<(&str, Option<&str>)> {
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
const PORTS: &str = "a number from 0 to 65535 or the name of a service such as http";
const NUMBERS: &str = "a number from 0 to 65535";

/// Parses a port: a number, or the name of a service.
///
/// # Errors
/// For a number that is too large, or an unknown service name.
pub fn read_port(text: &str, services: ServiceNames<'_>) -> Result<u16, Invalid> {
    // The name of a service has a letter in it (RFC 6335, section 5.1).
    if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        let port = number(text).and_then(|port| u16::try_from(port).ok());
        return port.ok_or_else(|| Invalid::new(text, PORT, NUMBERS));
    }
    services(text).ok_or_else(|| Invalid::new(text, PORT, PORTS))
}

impl Host {
    /// 127.0.0.1.
    pub const LOOPBACK: Host = Host::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// Parses a host without brackets; `None` if it is not one.
    pub(super) fn read(text: &str) -> Option<Host> {
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

/// Whether this word can be printed on a terminal without escaping.
fn is_plain(text: &str) -> bool {
    !text.contains(char::is_whitespace) && escape(text.as_bytes()) == text
}

/// Whether this can be a host name (RFC 1123, section 2.1), extended by underscores and by characters beyond
/// ASCII, which the resolver checks.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| !label.is_empty() && label.len() <= 63;
    let odd = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.".contains(c);
    name.len() <= 253
        && name.split('.').all(fits)
        && !name.contains(odd)
        && is_plain(name)
        // A number without a colon is a mistake for a port; resolvers would take it for an IPv4 address.
        && !name.bytes().all(|b| b.is_ascii_digit())
        // With a port it would be parsed as a Unix socket.
        && text != "unix"
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Address, Invalid> {
        Address::parse_os(OsStr::new(text), NUMBERS_ONLY)
    }
}

impl Default for Address {
    /// `127.0.0.1:4500`
    fn default() -> Address {
        Address::Tcp { host: Host::LOOPBACK, port: DEFAULT_PORT }
    }
}

impl fmt::Display for Address {
    /// Prints an address that parses to itself and is safe for a terminal. Exception: control characters in the path of
    /// a unix socket are escaped, and such a path does not parse to the same address.
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
    /// Prints an IPv6 address without the brackets that a port needs.
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
mod tests;
