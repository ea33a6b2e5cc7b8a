//! Queries the kernel for the state of one socket by its addresses (`sock_diag(7)`, `linux/inet_diag.h`).

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Peer, Tuple, bytes};

/// The answer of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The socket exists. `None`: it has no receive queue any more.
    Found(Option<Peer>),
    /// The socket does not exist, as far as this interface reports.
    Unknown,
}

/// A connection to the kernel, used for all queries about one peer.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: Socket,
    /// The number of the last query, to recognize late answers.
    sequence: u32,
}

// linux/netlink.h and linux/sock_diag.h
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
/// `NLM_F_ROOT | NLM_F_MATCH`: all sockets.
const NLM_F_DUMP: u16 = 0x300;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const HEADER: usize = 16;
/// `IPPROTO_TCP` as one byte.
const TCP: u8 = 6;

/// The length of `struct inet_diag_req_v2`, with the addresses from byte 8 on.
const REQUEST: usize = 56;
/// The length of a query.
const LENGTH: u32 = 72;
/// The length of `struct inet_diag_msg`, with the addresses from byte 4 and the receive queue at 56.
const REPLY: usize = 72;
/// `idiag_cookie` in `struct inet_diag_msg`, two words.
const COOKIE: usize = 44;
/// `idiag_rqueue` in `struct inet_diag_msg`.
const RQUEUE: usize = 56;
/// The attribute with the `struct tcp_info` of the socket, and the bit that requests it.
const INET_DIAG_INFO: u16 = 2;
const INFO_WANTED: u8 = 1 << (INET_DIAG_INFO - 1);
/// `tcpi_bytes_received` in `struct tcp_info` (linux/tcp.h).
const BYTES_RECEIVED: usize = 128;

/// The room for an answer: about 350 bytes today, and `struct tcp_info` at its end grows with the kernel. It is cleared
/// for each query, so a page would cost more than the rest of the query outside the kernel.
const ANSWER: usize = 1024;
/// The room for a part of a list; the kernel fills what it gets.
const PART: usize = 32 * 1024;
/// The states of connections that receive, or have received, and that have counters: `ESTABLISHED`, `FIN_WAIT1`,
/// `FIN_WAIT2`, `CLOSE_WAIT`, `LAST_ACK`, `CLOSING`.
const CONNECTED: u32 = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11;

/// A socket of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) ends: Tuple,
    pub(super) cookie: u64,
    pub(super) peer: Option<Peer>,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Netlink> {
        let protocol = Protocol::from(libc::NETLINK_SOCK_DIAG);
        // The kernel answers during the call, so there is nothing to wait for.
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::DGRAM.nonblocking(), Some(protocol))?;
        Ok(Netlink { socket, sequence: 0 })
    }

    /// Queries the TCP socket with these addresses. This socket is bound to neither name nor group, so only the kernel
    /// can answer it.
    pub(super) fn ask(&mut self, wanted: &Tuple) -> io::Result<Answer> {
        self.query(wanted, &mut [0; ANSWER]).map(|(answer, _)| answer)
    }

    /// The answer about the socket with these addresses, and the length of the message that has it.
    fn query(&mut self, wanted: &Tuple, buffer: &mut [u8; ANSWER]) -> io::Result<(Answer, usize)> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&request(wanted, self.sequence))?;
        loop {
            let len = (&self.socket).read(buffer)?;
            let message = buffer.get(..len).unwrap_or_default();
            if let Some(answer) = parse(message, self.sequence, wanted)? {
                return Ok((answer, len));
            }
        }
    }
}

impl Netlink {
    /// Describes the TCP socket with these addresses.
    pub(super) fn describe(&mut self, wanted: &Tuple) -> io::Result<Option<Described>> {
        let mut buffer = [0; ANSWER];
        Ok(match self.query(wanted, &mut buffer)? {
            (Answer::Unknown, _) => None,
            (Answer::Found(_), len) => describe(&buffer[HEADER..len]),
        })
    }

    /// Calls `visit` for every connected TCP socket over this version of IP.
    pub(super) fn list(&mut self, is_v4: bool, mut visit: impl FnMut(Described)) -> io::Result<()> {
        let nothing =
            SocketAddr::new(if is_v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }, 0);
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = request(&Tuple { local: nothing, remote: nothing }, self.sequence);
        request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        request[HEADER + 4..HEADER + 8].copy_from_slice(&CONNECTED.to_ne_bytes());
        self.socket.send(&request)?;
        let mut buffer = vec![0; PART];
        loop {
            let len = (&self.socket).read(&mut buffer)?;
            let mut rest = buffer.get(..len).unwrap_or_default();
            while let Some(&[a, b, c, d, e, f, _, _, g, h, i, j]) = rest.first_chunk() {
                let len = usize::try_from(u32::from_ne_bytes([a, b, c, d])).unwrap_or(usize::MAX);
                let message = rest.get(..len).filter(|_| len >= HEADER).ok_or(io::ErrorKind::InvalidData)?;
                rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
                if u32::from_ne_bytes([g, h, i, j]) != self.sequence {
                    continue; // of an earlier query
                }
                match u16::from_ne_bytes([e, f]) {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => {
                        let error = message.get(HEADER..).and_then(<[u8]>::first_chunk).copied();
                        let error = error.map_or(libc::EPROTO, |error| i32::from_ne_bytes(error).saturating_neg());
                        return Err(io::Error::from_raw_os_error(error));
                    }
                    _ => describe(&message[HEADER..]).into_iter().for_each(&mut visit),
                }
            }
        }
    }
}

/// Parses a `struct inet_diag_msg` and its attributes.
fn describe(body: &[u8]) -> Option<Described> {
    let &[_, state, _, _, ref id @ ..] = body.get(..REPLY)? else { return None };
    let ends = ends(body[0], id)?;
    let word = |at: usize| body.get(at..)?.first_chunk().copied();
    let unread = bytes(state, u32::from_ne_bytes(word(RQUEUE)?));
    let cookie = u64::from(u32::from_ne_bytes(word(COOKIE)?)) | u64::from(u32::from_ne_bytes(word(COOKIE + 4)?)) << 32;
    let received = received(&body[REPLY..]);
    Some(Described { ends, cookie, peer: unread.map(|unread| Peer { unread, received }) })
}

/// A `struct nlmsghdr` and a `struct inet_diag_req_v2`, in host byte order except the addresses.
fn request(wanted: &Tuple, sequence: u32) -> [u8; HEADER + REQUEST] {
    let mut message = [0; HEADER + REQUEST];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        message[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&LENGTH.to_ne_bytes());
    put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(&NLM_F_REQUEST.to_ne_bytes());
    put(&sequence.to_ne_bytes());
    put(&[0; 4]); // the sending process, which the kernel fills in
    let family = if wanted.local.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    put(&[u8::try_from(family).unwrap_or_default(), TCP, INFO_WANTED, 0]);
    put(&u32::MAX.to_ne_bytes()); // in any state
    put(&wanted.local.port().to_be_bytes());
    put(&wanted.remote.port().to_be_bytes());
    put(&address(wanted.local));
    put(&address(wanted.remote));
    put(&scope(wanted).to_ne_bytes());
    put(&[0xff; 8]); // INET_DIAG_NOCOOKIE
    message
}

/// An address as sixteen bytes, an IPv4 one in the first four.
fn address(address: SocketAddr) -> [u8; 16] {
    match address.ip() {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}

/// The interface of link-local addresses; 0 for others.
fn scope(wanted: &Tuple) -> u32 {
    match wanted.local {
        SocketAddr::V6(address) => address.scope_id(),
        SocketAddr::V4(_) => 0,
    }
}

/// Parses one datagram; `None` if it does not answer this query.
pub(super) fn parse(message: &[u8], sequence: u32, wanted: &Tuple) -> io::Result<Option<Answer>> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let field = |at: usize| -> Option<[u8; 4]> { message.get(at..at + 4)?.try_into().ok() };
    let word = |at: usize| field(at).map(u32::from_ne_bytes).ok_or_else(malformed);
    let kind = field(4).map(|[a, b, ..]| u16::from_ne_bytes([a, b])).ok_or_else(malformed)?;
    if word(8)? != sequence {
        return Ok(None);
    }
    if kind == NLMSG_ERROR {
        let error = i32::from_ne_bytes(field(HEADER).ok_or_else(malformed)?).saturating_neg();
        let unknown = error == libc::ENOENT;
        return if unknown { Ok(Some(Answer::Unknown)) } else { Err(io::Error::from_raw_os_error(error)) };
    }
    let body = message.get(HEADER..HEADER + REPLY).filter(|_| kind == SOCK_DIAG_BY_FAMILY).ok_or_else(malformed)?;
    if !is_wanted(body, wanted) {
        return Ok(Some(Answer::Unknown)); // without such a connection, the listener answers
    }
    let unread = bytes(body[1], word(HEADER + RQUEUE)?);
    let received = received(&message[HEADER + REPLY..]);
    Ok(Some(Answer::Found(unread.map(|unread| Peer { unread, received }))))
}

/// Finds the received bytes among attributes (`struct rtattr`: length, type, value, padded to 4).
fn received(mut attributes: &[u8]) -> Option<u64> {
    while let Some(&[a, b, c, d]) = attributes.first_chunk() {
        let len = usize::from(u16::from_ne_bytes([a, b])).max(4);
        if u16::from_ne_bytes([c, d]) == INET_DIAG_INFO {
            let info = attributes.get(4..len)?;
            return info.get(BYTES_RECEIVED..)?.first_chunk().copied().map(u64::from_ne_bytes);
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

/// Whether a `struct inet_diag_msg` is about this socket.
fn is_wanted(body: &[u8], wanted: &Tuple) -> bool {
    let &[family, _, _, _, ref id @ ..] = body else { return false };
    let plain = |address: SocketAddr| (address.ip(), address.port());
    ends(family, id).is_some_and(|Tuple { local, remote }| {
        plain(local) == plain(wanted.local) && plain(remote) == plain(wanted.remote)
    })
}

/// The addresses in a `struct inet_diag_sockid`. An IPv6 socket may have an IPv4 peer.
fn ends(family: u8, id: &[u8]) -> Option<Tuple> {
    let &[a, b, c, d, ref rest @ ..] = id else { return None };
    let (local, rest) = rest.split_first_chunk()?;
    let (remote, _) = rest.split_first_chunk()?;
    let address = |bytes: &[u8; 16], port: [u8; 2]| {
        let ip = match *bytes {
            [a, b, c, d, ..] if i32::from(family) == libc::AF_INET => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            _ => Ipv6Addr::from(*bytes).to_canonical(),
        };
        SocketAddr::new(ip, u16::from_be_bytes(port))
    };
    Some(Tuple { local: address(local, [a, b]), remote: address(remote, [c, d]) })
}
