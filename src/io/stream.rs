//! One connected socket of any family, for the event loop.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use mio::event::Source;
use mio::{Interest, Registry, Token, net};
use socket2::TcpKeepalive;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::sockopt::{self, Family, OptionError, Stage};
use super::sys;
use crate::config::SocketOptions;
use crate::value::{Endpoint, abstract_name};

/// A connected, non-blocking stream socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(net::TcpStream),
    /// A unix domain socket.
    Unix(net::UnixStream),
}

/// Whether this system reports how far the peer has taken what was sent.
const SHOWS_PROGRESS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// An option or a command that needs such reports, on a system without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not available on {}: only Linux reports what the peer has acknowledged", std::env::consts::OS)]
pub struct NoProgress {
    name: &'static str,
}

/// Checks that this system reports how far the peer has taken what was sent, for the option or command of this name.
///
/// # Errors
/// When it does not.
pub fn check_progress(name: &'static str) -> Result<(), NoProgress> {
    if SHOWS_PROGRESS { Ok(()) } else { Err(NoProgress { name }) }
}

/// Creates a non-blocking stream socket.
///
/// # Errors
/// The kernel's.
pub(super) fn socket(domain: Domain) -> io::Result<Socket> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Socket::new(domain, Type::STREAM.nonblocking(), None);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let socket = Socket::new(domain, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// The address of a unix socket: a path, or an abstract name after `@`.
///
/// # Errors
/// When it is too long.
pub(super) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    match abstract_name(path) {
        // The kernel recognizes an abstract name by a NUL in front (unix(7)).
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
        None => SockAddr::unix(path),
    }
}

/// The end with this address.
fn end(addr: &SockAddr) -> Endpoint {
    let unix = || {
        let path = addr.as_pathname().map(|path| path.as_os_str().as_bytes().to_vec());
        let name = || addr.as_abstract_namespace().map(|name| [b"\0", name].concat());
        Endpoint::Unix(path.or_else(name).unwrap_or_default())
    };
    addr.as_socket().map_or_else(unix, Endpoint::ip)
}

impl Stream {
    /// Takes ownership of a non-blocking socket that is connected or connecting.
    #[must_use]
    pub fn from_socket(socket: Socket, family: Family) -> Self {
        match family {
            Family::V4 | Family::V6 => Stream::Tcp(net::TcpStream::from_std(socket.into())),
            Family::Unix => Stream::Unix(net::UnixStream::from_std(socket.into())),
        }
    }

    /// The socket, for its options.
    #[must_use]
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(self)
    }

    /// Sets the options of an established connection.
    ///
    /// # Errors
    /// The first option that the kernel refused.
    pub fn set_options(&self, options: &SocketOptions, family: Family) -> Result<(), OptionError> {
        if family == Family::Unix {
            // A unix socket inherits no options from its listener.
            sockopt::apply(self.socket(), options, Stage::BeforeConnect, family)?;
        }
        if let (None, Some(bytes), true) = (options.sndbuf, options.sndbuf_within_host, self.is_within_host()) {
            // With the buffer of the system it works too, and slower.
            let _ = self.socket().set_send_buffer_size(bytes);
        }
        sockopt::apply(self.socket(), options, Stage::Connected, family)
    }

    /// Whether the peer of a TCP connection is on this host: its packets pass no network.
    fn is_within_host(&self) -> bool {
        self.endpoints().is_some_and(|(ours, peers)| ours.ip() == peers.ip() || peers.ip().to_canonical().is_loopback())
    }

    /// Whether this is TCP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(self, Stream::Tcp(_))
    }

    /// The user that the peer's process ran as when it connected; `None` if this is no unix socket.
    #[must_use]
    pub fn peer_user(&self) -> Option<u32> {
        if self.is_tcp() { None } else { sys::peer_user(self.as_fd()).ok() }
    }

    /// Whether it can be observed here how far the peer has taken what was sent.
    #[must_use]
    pub fn shows_progress(&self) -> bool {
        self.is_tcp() || SHOWS_PROGRESS
    }

    /// Our address and the peer's, if the socket is TCP and still has them.
    #[must_use]
    pub fn endpoints(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self {
            Stream::Tcp(stream) => Some((stream.local_addr().ok()?, stream.peer_addr().ok()?)),
            Stream::Unix(_) => None,
        }
    }

    /// Our end and the peer's, as a PROXY header names them.
    ///
    /// # Errors
    /// The kernel's: the connection is gone.
    pub fn ends(&self) -> io::Result<(Endpoint, Endpoint)> {
        let socket = self.socket();
        Ok((end(&socket.local_addr()?), end(&socket.peer_addr()?)))
    }

    /// Takes the pending error of the socket (`SO_ERROR`).
    #[must_use]
    pub fn take_error(&self) -> Option<io::Error> {
        self.socket().take_error().unwrap_or_else(Some)
    }

    /// Writes bytes that share no segment with bytes written later. Linux separates them by `MSG_EOR`
    /// (`tcp_sendmsg` marks the last buffer, and neither the next write nor the collapsing of retransmissions
    /// crosses the mark). Other systems have only `TCP_NODELAY`, which does not guarantee it.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send_record(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Stream::Tcp(_) => self.socket().send_with_flags(bytes, libc::MSG_EOR | libc::MSG_NOSIGNAL),
            _ => self.write(bytes),
        }
    }

    /// Writes bytes that are held until the next write or the end of the stream (`MSG_MORE`, send(2)); other
    /// systems send them at once. They share a segment with the end, but not with another write.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send_held(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Stream::Tcp(_) => self.socket().send_with_flags(bytes, libc::MSG_MORE | libc::MSG_EOR | libc::MSG_NOSIGNAL),
            _ => self.write(bytes),
        }
    }

    /// Sends the bytes that [`send_held`](Self::send_held) has written: setting `TCP_NODELAY` sends pending
    /// bytes (tcp(7)).
    ///
    /// # Errors
    /// The kernel's.
    pub fn let_go(&self) -> io::Result<()> {
        let Stream::Tcp(stream) = self else { return Ok(()) };
        let nagle = !stream.nodelay()?;
        stream.set_nodelay(true)?;
        if nagle { stream.set_nodelay(false) } else { Ok(()) }
    }

    /// Makes the kernel probe the peer after this time without traffic, and then three times, a third of it
    /// apart (tcp(7)).
    ///
    /// # Errors
    /// The kernel's.
    pub fn keep_alive(&self, idle: Duration) -> io::Result<()> {
        let probes = TcpKeepalive::new().with_time(idle).with_interval(idle / 3).with_retries(3);
        self.socket().set_tcp_keepalive(&probes)
    }

    /// Closes it on a separate thread: with `SO_LINGER` close(2) blocks until the peer has acknowledged
    /// everything, even on a non-blocking socket.
    pub fn close_elsewhere(self) {
        static CLOSER: OnceLock<Option<Sender<Stream>>> = OnceLock::new();
        let closer = CLOSER.get_or_init(|| {
            let (sender, receiver) = channel::<Stream>();
            let close_all = move || receiver.into_iter().for_each(drop);
            std::thread::Builder::new().name("closer".to_owned()).spawn(close_all).ok().map(|_| sender)
        });
        if let Some(closer) = closer {
            // Without the thread, the stream is returned and closed here.
            drop(closer.send(self));
        }
    }

    /// Reads without taking the bytes from the socket (`MSG_PEEK`, recv(2)).
    ///
    /// # Errors
    /// The kernel's; `Unsupported` for a unix socket.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.peek(buf),
            Stream::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Has the next bytes acknowledged at once (`TCP_QUICKACK`, tcp(7)); other systems have no such option.
    ///
    /// # Errors
    /// The kernel's.
    pub fn acknowledge_quickly(&self) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return self.socket().set_tcp_quickack(true);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Half-closes: sends the FIN.
    ///
    /// # Errors
    /// The kernel's.
    pub fn half_close(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buf),
            Stream::Unix(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(buf),
            Stream::Unix(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.register(registry, token, interests),
            Stream::Unix(stream) => stream.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.reregister(registry, token, interests),
            Stream::Unix(stream) => stream.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.deregister(registry),
            Stream::Unix(stream) => stream.deregister(registry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_progress_is_refused_in_one_line() {
        let refusal = NoProgress { name: "--barrier" }.to_string();
        let system = std::env::consts::OS;
        assert_eq!(
            refusal,
            format!("--barrier is not available on {system}: only Linux reports what the peer has acknowledged")
        );
        assert_eq!(check_progress("sweep").is_ok(), cfg!(any(target_os = "linux", target_os = "android")));
    }
}
