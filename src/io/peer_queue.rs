//! How much the peer has not read yet, when its socket is on this host: no privilege is needed.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod netlink;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod proc;

use std::io;
use std::net::SocketAddr;

#[cfg(any(target_os = "linux", target_os = "android"))]
use self::netlink::{Answer, Netlink};

/// The receive queue of the socket at the other end of a connection.
#[derive(Debug)]
pub struct PeerQueue {
    /// The peer's socket: its address is the peer's, its remote address is ours.
    peer: Tuple,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    way: Way,
}

/// What is known of the peer's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The bytes in its receive queue: those that its kernel has received and its program has not
    /// read, whether the connection was accepted yet or not. The end of the stream is no byte.
    pub unread: u64,
    /// All bytes that its kernel has received in order; the end of the stream counts as one more.
    /// Unknown where only the list of sockets was there to ask, and before Linux 4.1.
    pub received: Option<u64>,
}

/// A socket by its two addresses. IPv4 addresses mapped into IPv6 stand here as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tuple {
    local: SocketAddr,
    remote: SocketAddr,
}

/// How the kernel is asked.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug)]
enum Way {
    /// By `sock_diag(7)`, for this one socket. The flag says that an answer of "no such socket" is
    /// to be believed: it also stands for a kernel without that service, and for a socket bound to
    /// an interface, so the first one is checked against the list of sockets.
    Netlink(Netlink, bool),
    /// By the list of all sockets of this network namespace in /proc: microseconds become milliseconds.
    Proc,
}

impl PeerQueue {
    /// Prepares to look for the peer of a connection, given the two addresses as our socket has
    /// them (getsockname(2), getpeername(2)). Never fails: what cannot be seen is told by
    /// [`PeerQueue::look`].
    #[must_use]
    pub fn open(local: SocketAddr, peer: SocketAddr) -> PeerQueue {
        let peer = Tuple { local: canonical(peer), remote: canonical(local) };
        PeerQueue {
            peer,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            way: Netlink::open().map_or(Way::Proc, |netlink| Way::Netlink(netlink, false)),
        }
    }

    /// Looks at the peer's socket. `None` where it is not visible: on another host or in another
    /// network namespace, closed, or on a system other than Linux.
    ///
    /// Bytes that have not arrived yet are not counted as unread, and the two numbers are not taken
    /// in one instant: that all has arrived must be known before this is asked whether all was read.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn look(&mut self) -> io::Result<Option<Peer>> {
        let listed = |unread: Option<u64>| unread.map(|unread| Peer { unread, received: None });
        let Way::Netlink(netlink, trusted) = &mut self.way else { return proc::unread(&self.peer).map(listed) };
        match netlink.ask(&self.peer) {
            Ok(Answer::Found(found)) => {
                *trusted = true;
                Ok(found)
            }
            Ok(Answer::Unknown) if *trusted => Ok(None),
            Ok(Answer::Unknown) => {
                *trusted = true;
                let unread = proc::unread(&self.peer)?;
                if unread.is_some() {
                    self.way = Way::Proc;
                }
                Ok(listed(unread))
            }
            Err(_) => {
                self.way = Way::Proc;
                proc::unread(&self.peer).map(listed)
            }
        }
    }

    /// Always `None`: this system does not show another program's socket.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn look(&mut self) -> io::Result<Option<Peer>> {
        let _ = self.peer;
        Ok(None)
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address, // with its scope
        ip => SocketAddr::new(ip, address.port()),
    }
}

/// The states of a socket (`net/tcp_states.h`) in which its queue counts otherwise than usual.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod state {
    pub(super) const TIME_WAIT: u8 = 6;
    pub(super) const CLOSE: u8 = 7;
    pub(super) const CLOSE_WAIT: u8 = 8;
    pub(super) const LAST_ACK: u8 = 9;
    pub(super) const LISTEN: u8 = 10;
    pub(super) const CLOSING: u8 = 11;
}

/// Unread bytes from a socket's state and the queue the kernel reports for it. The kernel counts
/// sequence numbers, and the end of the stream takes one of them until it is read, always the last.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn bytes(state: u8, queue: u32) -> Option<u64> {
    let queue = u64::from(queue);
    match state {
        state::LISTEN | state::CLOSE => None, // a listener counts connections
        state::TIME_WAIT => Some(0),
        state::CLOSE_WAIT | state::LAST_ACK | state::CLOSING => Some(queue.saturating_sub(1)),
        _ => Some(queue),
    }
}

#[cfg(test)]
mod tests;
