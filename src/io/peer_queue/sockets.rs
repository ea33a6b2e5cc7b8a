//! All TCP sockets of this network namespace, as a witness looks at them.

use std::io;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::netlink::{Described, Netlink};
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::{Peer, Tuple};
#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::peer::witness::protocol::MOST_SOCKETS;
use crate::peer::witness::protocol::{Ends, Socket};
use crate::peer::witness::watch::SocketState;

/// The TCP sockets of this network namespace.
#[derive(Debug)]
pub struct Sockets(
    #[cfg(any(target_os = "linux", target_os = "android"))] Netlink,
    #[cfg(not(any(target_os = "linux", target_os = "android")))] std::convert::Infallible,
);

/// The sockets that a search has found.
#[derive(Debug)]
pub struct Matches {
    /// Their number.
    pub total: usize,
    /// They, or the first of them.
    pub sockets: Vec<Socket>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Sockets {
    /// Connects to the kernel, and checks that it shows sockets and counts their bytes.
    ///
    /// # Errors
    /// When it does not, with the reason.
    pub fn open() -> io::Result<Sockets> {
        let mut sockets = Sockets(Netlink::open()?);
        sockets.with_bytes(0).map(|_| sockets)
    }

    /// The state of the socket with these addresses, and with this cookie if there is one. `None` if there is none that
    /// has a receive queue.
    ///
    /// # Errors
    /// The kernel's.
    pub fn state(&mut self, ends: &Ends, cookie: Option<u64>) -> io::Result<Option<SocketState>> {
        let wanted = Tuple { local: ends.local, remote: ends.remote };
        let is_it = |socket: &Described| cookie.is_none_or(|cookie| cookie == socket.cookie);
        let mut found = self.0.describe(&wanted)?.filter(is_it);
        if found.is_none() {
            // A socket that is bound to an interface is in the list only.
            self.each(|socket| {
                if socket.ends == wanted && is_it(&socket) {
                    found = Some(socket);
                }
            })?;
        }
        let state = |Described { cookie, peer, .. }| match peer {
            Some(Peer { unread, received: Some(received) }) => Some(SocketState { cookie, received, unread }),
            _ => None,
        };
        Ok(found.and_then(state))
    }

    /// The sockets that have received this number of bytes.
    ///
    /// # Errors
    /// The kernel's.
    pub fn with_bytes(&mut self, bytes: u64) -> io::Result<Matches> {
        let mut matches = Matches { total: 0, sockets: Vec::new() };
        self.each(|Described { ends, cookie, peer }| {
            if peer.is_some_and(|peer| peer.received == Some(bytes)) {
                matches.total += 1;
                if matches.sockets.len() < MOST_SOCKETS {
                    let ends = Ends { local: ends.local, remote: ends.remote };
                    matches.sockets.push(Socket { cookie, ends });
                }
            }
        })?;
        Ok(matches)
    }

    fn each(&mut self, mut visit: impl FnMut(Described)) -> io::Result<()> {
        for is_v4 in [true, false] {
            self.0.list(is_v4, &mut visit)?;
        }
        Ok(())
    }
}

/// This system does not show the sockets of other programs.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Sockets {
    /// Always fails.
    pub fn open() -> io::Result<Sockets> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    pub fn state(&mut self, _: &Ends, _: Option<u64>) -> io::Result<Option<SocketState>> {
        match self.0 {}
    }

    /// Never called.
    pub fn with_bytes(&mut self, _: u64) -> io::Result<Matches> {
        match self.0 {}
    }
}
