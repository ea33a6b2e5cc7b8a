//! The bytes that the peer has not read yet, if its socket is on this host. No privileges are needed, except for
//! speed in another network namespace, and where /proc hides the processes of others.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod namespaces;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod netlink;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod proc;
mod sockets;

use std::io;
use std::net::SocketAddr;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::Arc;

#[cfg(any(target_os = "linux", target_os = "android"))]
use self::namespaces::Namespace;
#[cfg(any(target_os = "linux", target_os = "android"))]
use self::netlink::{Answer, Netlink};
pub use self::sockets::{Matches, Sockets};

/// The receive queue of the socket at the other end of a connection.
#[derive(Debug)]
pub struct PeerQueue {
    /// The peer's socket: its address is the peer's, its remote address is ours.
    peer: Tuple,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    way: Way,
    /// The socket was seen in this network namespace.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    seen: bool,
    /// Sockets of other network namespaces were looked for, and root would see more of them.
    some_hidden: bool,
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
    /// The socket was found in another network namespace of this host.
    Elsewhere(Arc<Namespace>),
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
            #[cfg(any(target_os = "linux", target_os = "android"))]
            seen: false,
            some_hidden: false,
        }
    }

    /// Whether root may see the peer's socket, where it was not visible.
    #[must_use]
    pub fn would_root_help(&self) -> bool {
        self.some_hidden
    }

    /// Whether the peer's socket was found in another network namespace. Sockets of several namespaces can have the
    /// same addresses: the peer's has received exactly the bytes that were sent to it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.way, Way::Elsewhere(_))
    }

    /// Always false: this system has no network namespaces.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        false
    }

    /// The state of the peer's socket. `None` if it is not visible: on another host, closed, or on a system other than
    /// Linux.
    ///
    /// Bytes in transit do not count as unread, and the two numbers are not read at one instant. So first make sure
    /// that all bytes have arrived, then ask whether all were read.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn look(&mut self) -> io::Result<Option<Peer>> {
        let listed = |unread: Option<u64>| unread.map(|unread| Peer { unread, received: None });
        let unread = |wanted: &Tuple| proc::unread(proc::HERE, wanted).map(listed);
        let here = match &mut self.way {
            Way::Elsewhere(namespace) => return namespace.look(&self.peer),
            Way::Proc => unread(&self.peer)?,
            Way::Netlink(netlink, trusted) => match netlink.ask(&self.peer) {
                Ok(Answer::Found(found)) => {
                    (*trusted, self.seen) = (true, true);
                    return Ok(found);
                }
                Ok(Answer::Unknown) if *trusted => None,
                Ok(Answer::Unknown) => {
                    *trusted = true;
                    let listed = unread(&self.peer)?;
                    if listed.is_some() {
                        self.way = Way::Proc;
                    }
                    listed
                }
                Err(_) => {
                    self.way = Way::Proc;
                    unread(&self.peer)?
                }
            },
        };
        if here.is_some() || self.seen {
            self.seen = true;
            return Ok(here); // a socket that was seen here is nowhere else
        }
        let search = namespaces::find(&self.peer);
        self.some_hidden = search.some_hidden;
        let Some(namespace) = search.found else { return Ok(None) };
        let found = namespace.look(&self.peer);
        self.way = Way::Elsewhere(namespace);
        found
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
