//! The TCP sockets of this machine, as proc(5) lists them: the state of a connection between any programs.

use std::net::SocketAddrV4;
use std::thread;

use super::poll_until;

/// The states of a socket that tests ask for (`include/net/tcp_states.h`).
const LISTEN: u8 = 0x0A;
const TIME_WAIT: u8 = 0x06;
const SYN_SENT: u8 = 0x02;
const SYN_RECV: u8 = 0x03;
/// The peer's FIN has arrived.
const PEER_HAS_ENDED: [u8; 5] = [0x06, 0x07, 0x08, 0x09, 0x0B];

/// This end has sent its FIN, or it waits behind bytes that the peer has no room for.
const HAS_ENDED: [u8; 5] = [0x04, 0x05, 0x06, 0x09, 0x0B];

/// One socket of `/proc/net/tcp`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket {
    local: SocketAddrV4,
    remote: SocketAddrV4,
    state: u8,
    /// Bytes received that the program has not read; an unread FIN counts as one.
    pub(crate) unread: u64,
}

impl Socket {
    /// Whether the connection is made; it may have ended since.
    pub(crate) fn is_up(&self) -> bool {
        ![SYN_SENT, SYN_RECV].contains(&self.state)
    }

    /// Whether the FIN of the other end has arrived.
    pub(crate) fn peer_has_ended(&self) -> bool {
        PEER_HAS_ENDED.contains(&self.state)
    }

    /// Whether this end has closed its side.
    pub(crate) fn has_ended(&self) -> bool {
        HAS_ENDED.contains(&self.state)
    }
}

/// Whether a program listens at this address.
pub(crate) fn listens(at: SocketAddrV4) -> bool {
    all().any(|socket| socket.local == at && socket.state == LISTEN)
}

/// The accepted end of the connection to this address; `None` once its program has closed it.
pub(crate) fn accepted(at: SocketAddrV4) -> Option<Socket> {
    all().find(|socket| socket.local == at && ![LISTEN, TIME_WAIT].contains(&socket.state))
}

/// The connecting end of the connection to this address; `None` once its program has closed it.
pub(crate) fn connecting(to: SocketAddrV4) -> Option<Socket> {
    all().find(|socket| socket.remote == to && socket.state != TIME_WAIT)
}

/// Waits until the program that is connected to this address has received the FIN of the other end.
#[track_caller]
pub(crate) fn wait_for_fin(address: SocketAddrV4) {
    let has_fin = || connecting(address).is_none_or(|socket| socket.peer_has_ended());
    poll_until("the FIN", thread::yield_now, has_fin);
}

fn all() -> impl Iterator<Item = Socket> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let sockets: Vec<Socket> = table.lines().skip(1).filter_map(parse).collect();
    sockets.into_iter()
}

fn parse(line: &str) -> Option<Socket> {
    let mut words = line.split_whitespace().skip(1);
    let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let unread = u64::from_str_radix(words.next()?.split_once(':')?.1, 16).ok()?;
    Some(Socket { local, remote, state, unread })
}

/// `0100007F:1194`: the address as the machine holds it in memory, the port as a number.
fn address(text: &str) -> Option<SocketAddrV4> {
    let (ip, port) = text.split_once(':')?;
    let ip = u32::from_str_radix(ip, 16).ok()?.to_ne_bytes();
    Some(SocketAddrV4::new(ip.into(), u16::from_str_radix(port, 16).ok()?))
}
