//! The operation that failed, its address, and a hint.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::Target;
use crate::value::{Address, Host, ProxyUrl, abstract_name};

/// An operation that can fail, in the words of its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Accept a connection on a listening socket.
    Accept,
    /// Connect to a server.
    Connect,
    /// Create a file.
    Create,
    /// Handle signals.
    Handle,
    /// Listen on an address.
    Listen,
    /// Notify the service manager.
    Notify,
    /// Open a file or a stream.
    Open,
    /// Read from a file or a stream.
    Read,
    /// Rename a file.
    Rename,
    /// Look up a name.
    Resolve,
    /// Serve a client.
    Serve,
    /// Share a socket with another event loop.
    Share,
    /// Start a thread or an event loop.
    Start,
    /// Use a socket of the service manager.
    TakeOver,
    /// Receive a reply from a server.
    Receive,
    /// Keep an idle connection open.
    KeepOpen,
    /// Wait in the event loop.
    Wait,
    /// Write a file.
    Write,
    /// Write to a stream.
    WriteTo,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Accept => "accept on",
            Operation::Connect => "connect",
            Operation::Create => "create",
            Operation::Handle => "handle",
            Operation::Listen => "listen",
            Operation::Notify => "notify",
            Operation::Open => "open",
            Operation::Read => "read",
            Operation::Rename => "rename",
            Operation::Resolve => "resolve",
            Operation::Serve => "serve",
            Operation::Share => "share",
            Operation::Start => "start",
            Operation::TakeOver => "take over",
            Operation::Receive => "receive from",
            Operation::KeepOpen => "connection to",
            Operation::Wait => "wait in",
            Operation::Write => "write",
            Operation::WriteTo => "write to",
        })
    }
}

/// The address of a failed operation on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// As the user wrote it. Boxed, because the size of an error is part of every result.
    Address(Box<Address>),
    /// An address of IPv4 or IPv6.
    Socket(SocketAddr),
    /// A peer by its name.
    Peer(String),
    /// A server, and the proxy on the way to it.
    Through(Box<(Address, ProxyUrl)>),
}

impl Endpoint {
    /// The address as the user wrote it, if it is known.
    fn address(&self) -> Option<&Address> {
        match self {
            Endpoint::Address(address) => Some(address),
            Endpoint::Socket(_) | Endpoint::Peer(_) | Endpoint::Through(_) => None,
        }
    }

    /// Whether this is the address of a unix socket.
    fn is_unix(&self) -> bool {
        matches!(self.address(), Some(Address::Unix(_)))
    }

    /// Whether there is a proxy on the way.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        matches!(self, Endpoint::Through(_))
    }

    /// Whether this is the abstract name of a unix socket.
    fn is_abstract(&self) -> bool {
        matches!(self.address(), Some(Address::Unix(path)) if abstract_name(path).is_some())
    }

    /// Whether this is a link-local IPv6 address without an interface.
    fn lacks_zone(&self) -> bool {
        match (self, self.address()) {
            (_, Some(Address::Tcp { host: Host::Ip(IpAddr::V6(ip)), .. })) => ip.is_unicast_link_local(),
            (Endpoint::Socket(SocketAddr::V6(addr)), _) => addr.ip().is_unicast_link_local() && addr.scope_id() == 0,
            _ => false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Address(address) => address.fmt(f),
            Endpoint::Socket(addr) => addr.fmt(f),
            Endpoint::Peer(name) => f.write_str(name),
            Endpoint::Through(ends) => write!(f, "{} through {}", ends.0, ends.1),
        }
    }
}

impl From<&Address> for Endpoint {
    fn from(address: &Address) -> Self {
        Endpoint::Address(Box::new(address.clone()))
    }
}

impl From<(&Address, &ProxyUrl)> for Endpoint {
    fn from((address, proxy): (&Address, &ProxyUrl)) -> Self {
        Endpoint::Through(Box::new((address.clone(), proxy.clone())))
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(addr: SocketAddr) -> Self {
        Endpoint::Socket(addr)
    }
}

impl From<&str> for Endpoint {
    fn from(name: &str) -> Self {
        Endpoint::Peer(name.to_owned())
    }
}

impl From<&Endpoint> for Endpoint {
    fn from(endpoint: &Endpoint) -> Self {
        endpoint.clone()
    }
}

/// Options that may be the cause of a failed connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// The source port.
    pub source_port: Option<u16>,
    /// The limit of hops (`--ttl`).
    pub hops: Option<u32>,
}

/// A hint about the next step after a failed operation on a file; empty if there is none.
pub(super) fn file_hint(operation: Operation, target: &Target, error: &io::Error) -> &'static str {
    match (operation, target, error.kind()) {
        (Operation::Create, Target::File(_), io::ErrorKind::NotFound) => " (does its directory exist?)",
        (Operation::Create | Operation::Read, Target::File(_), io::ErrorKind::IsADirectory) => " (name a file)",
        (Operation::Create, Target::File(_), io::ErrorKind::PermissionDenied) => " (may this user write there?)",
        (Operation::Write, Target::File(_), io::ErrorKind::StorageFull) => " (free space, or use another disk)",
        _ => "",
    }
}

/// A hint about the cause or the next step; empty if there is none.
pub(super) fn hint(operation: Operation, endpoint: &Endpoint, error: &io::Error, options: Suspects) -> String {
    let text = match (operation, error.kind()) {
        (Operation::Listen, kind) if endpoint.is_unix() => match kind {
            io::ErrorKind::AddrInUse if endpoint.is_abstract() => "another program listens there",
            io::ErrorKind::AddrInUse => "another program listens there, or the file is not a socket",
            _ => "",
        },
        (Operation::Connect | Operation::Listen, io::ErrorKind::InvalidInput) if endpoint.lacks_zone() => {
            "a link-local address needs its interface, as in [fe80::1%eth0]:4500; ip link lists them"
        }
        (Operation::Connect, io::ErrorKind::ConnectionRefused) if endpoint.is_proxied() => "is the proxy running?",
        (Operation::Connect, io::ErrorKind::ConnectionRefused) => "is a server listening there?",
        (Operation::Connect, io::ErrorKind::NotFound) if endpoint.is_unix() => "is a server listening on that path?",
        (Operation::Connect, io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse) => match options.source_port {
            Some(port) => {
                return format!(" (port {port} already has a connection to this address: use another one with -p)");
            }
            None => "",
        },
        (Operation::Connect, io::ErrorKind::HostUnreachable) => match options.hops {
            Some(hops) => return format!(" (--ttl {hops} may be too few hops)"),
            None => "",
        },
        (Operation::Listen, io::ErrorKind::AddrInUse) => "another program listens there; port 0 picks a free one",
        (Operation::Listen, io::ErrorKind::PermissionDenied) => "ports below 1024 need privileges; use a higher one",
        (Operation::Listen, io::ErrorKind::AddrNotAvailable) => {
            "not an address of this host: ip addr lists them, and *:PORT is every interface"
        }
        (Operation::Resolve, _) => "check the name, or give a numeric address",
        _ => "",
    };
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
