//! The header of the PROXY protocol: a proxy sends it before the first byte of the client, and names in it
//! the ends of the client's connection.
//!
//! The facts are those of `doc/proxy-protocol.txt`, which comes with haproxy: versions 1 (text) and 2 (binary).

mod v1;
mod v2;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::value::{Endpoint, Named, Tlv, Word};

/// A PROXY header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// How it is written.
    pub version: Version,
    /// The ends of the client's connection.
    pub ends: Ends,
    /// Its extensions; version 1 has none.
    pub tlvs: Vec<Tlv>,
}

/// The version of a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl Named for Version {
    const ALL: &'static [Self] = &[Version::V1, Version::V2];

    fn word(self) -> Word {
        match self {
            Version::V1 => Word::new("v1", "A line of text"),
            Version::V2 => Word::new("v2", "Binary, with TLVs"),
        }
    }
}

/// The two ends of a connection, of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Not given (`UNKNOWN`, `LOCAL`): the addresses of the connection itself count.
    Unknown,
    /// TCP over IPv4.
    Tcp4 {
        /// The client's end.
        source: SocketAddrV4,
        /// The end that the client has connected to.
        destination: SocketAddrV4,
    },
    /// TCP over IPv6.
    Tcp6 {
        /// The client's end.
        source: SocketAddrV6,
        /// The end that the client has connected to.
        destination: SocketAddrV6,
    },
    /// A unix socket; only version 2 can say it.
    Unix {
        /// The name of the client's socket.
        source: Vec<u8>,
        /// The name of the socket that the client has connected to.
        destination: Vec<u8>,
    },
}

impl Ends {
    /// The ends of one family that keep the most of these two: IPv4 beside IPv6 is written as IPv6 (RFC 4291, section
    /// 2.5.5.2), and the name of a unix socket beside an IP address is left out.
    #[must_use]
    pub fn new(source: &Endpoint, destination: &Endpoint) -> Ends {
        match (source, destination) {
            (Endpoint::Unknown, _) | (_, Endpoint::Unknown) => Ends::Unknown,
            (Endpoint::Unix(source), Endpoint::Unix(destination)) => {
                Ends::Unix { source: source.clone(), destination: destination.clone() }
            }
            (Endpoint::Ip(source), Endpoint::Ip(destination)) => Ends::of_ips(*source, *destination),
            (Endpoint::Ip(source), Endpoint::Unix(_)) => Ends::of_ips(*source, unspecified(*source)),
            (Endpoint::Unix(_), Endpoint::Ip(destination)) => Ends::of_ips(unspecified(*destination), *destination),
        }
    }

    fn of_ips(source: SocketAddr, destination: SocketAddr) -> Ends {
        match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => Ends::Tcp4 { source, destination },
            (source, destination) => Ends::Tcp6 { source: in_v6(source), destination: in_v6(destination) },
        }
    }

    /// The client's end.
    #[must_use]
    pub fn source(&self) -> Endpoint {
        match self {
            Ends::Unknown => Endpoint::Unknown,
            Ends::Tcp4 { source, .. } => Endpoint::ip((*source).into()),
            Ends::Tcp6 { source, .. } => Endpoint::ip((*source).into()),
            Ends::Unix { source, .. } => Endpoint::Unix(source.clone()),
        }
    }

    /// The end that the client has connected to.
    #[must_use]
    pub fn destination(&self) -> Endpoint {
        match self {
            Ends::Unknown => Endpoint::Unknown,
            Ends::Tcp4 { destination, .. } => Endpoint::ip((*destination).into()),
            Ends::Tcp6 { destination, .. } => Endpoint::ip((*destination).into()),
            Ends::Unix { destination, .. } => Endpoint::Unix(destination.clone()),
        }
    }
}

/// The unspecified address, in the family of this one.
fn unspecified(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        SocketAddr::V6(_) => SocketAddr::new(std::net::Ipv6Addr::UNSPECIFIED.into(), 0),
    }
}

fn in_v6(addr: SocketAddr) -> SocketAddrV6 {
    match addr {
        SocketAddr::V4(addr) => SocketAddrV6::new(addr.ip().to_ipv6_mapped(), addr.port(), 0, 0),
        SocketAddr::V6(addr) => SocketAddrV6::new(*addr.ip(), addr.port(), 0, 0),
    }
}

/// Why bytes are not a PROXY header. The texts never contain bytes of the peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The connection begins with something else.
    #[error("no PROXY header: the connection begins with other bytes")]
    Missing,
    /// The peer ended the connection.
    #[error("the connection ended within the PROXY header, after {received} bytes of it")]
    Truncated {
        /// The bytes of the header that were received.
        received: usize,
    },
    /// It is longer than accepted, or than its length field can say.
    #[error("PROXY header longer than {limit} bytes")]
    TooLong {
        /// The largest number of bytes.
        limit: usize,
    },
    /// It breaks the rules of its version.
    #[error("malformed PROXY header: {0}")]
    Malformed(&'static str),
}

impl Header {
    /// Its bytes. Version 1 writes a unix socket as `UNKNOWN`, and no TLVs.
    ///
    /// # Errors
    /// [`HeaderError::TooLong`] if the TLVs do not fit into a header.
    pub fn encode(&self) -> Result<Vec<u8>, HeaderError> {
        match self.version {
            Version::V1 => Ok(v1::encode(&self.ends)),
            Version::V2 => v2::encode(&self.ends, &self.tlvs),
        }
    }
}

/// Decodes the header at the start of a connection, in pieces of any size, and takes no byte after it.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    /// The bytes of the header so far, at most [`LONGEST`].
    held: Vec<u8>,
    is_complete: bool,
}

/// The longest header that the decoder accepts.
pub const LONGEST: usize = v2::PREFIX + v2::LONGEST_REST;

impl Decoder {
    /// The number of bytes that may be read now: a valid header has at least that many more. 0 after its end.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match self.held.first() {
            _ if self.is_complete => 0,
            None => v1::SHORTEST,
            Some(&first) if first == v1::START[0] => v1::least_rest(&self.held),
            Some(_) => v2::rest(&self.held),
        }
    }

    /// The number of bytes of the header so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.held.len()
    }

    /// Takes bytes of the header from the start of `fresh`; returns the header when it is complete.
    ///
    /// # Errors
    /// What is wrong with it; nothing more can be decoded then.
    pub fn pull(&mut self, fresh: &mut &[u8]) -> Result<Option<Header>, HeaderError> {
        while !fresh.is_empty() && !self.is_complete {
            let (taken, rest) = fresh.split_at(self.wanted().min(fresh.len()));
            self.held.extend_from_slice(taken);
            *fresh = rest;
            if let Some(header) = self.scan()? {
                self.is_complete = true;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn scan(&self) -> Result<Option<Header>, HeaderError> {
        let begins = |start: &[u8]| self.held.iter().zip(start).all(|(held, start)| held == start);
        if begins(v1::START) {
            v1::decode(&self.held)
        } else if begins(&v2::START) {
            v2::decode(&self.held)
        } else {
            Err(HeaderError::Missing)
        }
    }
}

#[cfg(test)]
mod tests;
