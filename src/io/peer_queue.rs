//! The bytes that the peer has not read yet, if its socket is on this host. No privileges are needed.

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

/// The state of the peer's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The bytes in its receive queue: received by its kernel and not read by its program, even before the connection
    /// is accepted. The end of the stream does not count.
    pub unread: u64,
    /// All bytes that its kernel has received in order; the end of the stream counts as one more. `None` if only the
    /// list of sockets is available, and before Linux 4.1.
    pub received: Option<u64>,
}

/// The two addresses of a socket. IPv4 addresses mapped into IPv6 are stored as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tuple {
    local: SocketAddr,
    remote: SocketAddr,
}

/// The interface of the kernel that is used.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug)]
enum Way {
    /// `sock_diag(7)`, for this one socket. Its answer "no such socket" is also that of a kernel without this service,
    /// or for a socket bound to an interface. So the first such answer is checked against the list of sockets; the flag
    /// is set when it may be trusted.
    Netlink(Netlink, bool),
    /// The list of all sockets of this network namespace in /proc, which takes milliseconds instead of microseconds.
    Proc,
}

impl PeerQueue {
    /// Prepares to observe the peer of a connection, from the two addresses of our socket (getsockname(2),
    /// getpeername(2)). It never fails: [`PeerQueue::look`] reports what is not visible.
    #[must_use]
    pub fn open(local: SocketAddr, peer: SocketAddr) -> PeerQueue {
        let peer = Tuple { local: canonical(peer), remote: canonical(local) };
        PeerQueue {
            peer,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            way: Netlink::open().map_or(Way::Proc, |netlink| Way::Netlink(netlink, false)),
        }
    }

    /// The state of the peer's socket. `None` if it is not visible: on another host or in another network namespace,
    /// closed, or on a system other than Linux.
    ///
    /// Bytes in transit do not count as unread, and the two numbers are not read at one instant. So first make sure
    /// that all bytes have arrived, then ask whether all were read.
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

    /// Always `None`: this system does not show the socket of another program.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn look(&mut self) -> io::Result<Option<Peer>> {
        let _ = self.peer;
        Ok(None)
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address, // keeps its scope
        ip => SocketAddr::new(ip, address.port()),
    }
}

/// The socket states (`net/tcp_states.h`) in which the queue counts differently.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod state {
    pub(super) const TIME_WAIT: u8 = 6;
    pub(super) const CLOSE: u8 = 7;
    pub(super) const CLOSE_WAIT: u8 = 8;
    pub(super) const LAST_ACK: u8 = 9;
    pub(super) const LISTEN: u8 = 10;
    pub(super) const CLOSING: u8 = 11;
}

/// The unread bytes, from the state of a socket and its queue. The kernel counts sequence numbers, and the end of the
/// stream takes the last one until it is read.
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
