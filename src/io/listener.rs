//! The listening socket: binding, accepting, and a pause when the host is out of descriptors.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, SockAddr, SockRef, Socket};

use super::address::Lookup;
use super::dial::{family_of, option_error};
use super::key::Key;
use super::reactor::{Handler, Reactor, Ready};
use super::signal::Signals;
use super::sockopt::{self, Stage};
use super::stream::{self, Stream};
use super::systemd::Manager;
use crate::config::SocketOptions;
use crate::error::{Error, Operation};
use crate::service::Port;
use crate::value::{Address, Family, Host, abstract_name};

/// The length of the queue of connections that wait to be accepted; the kernel limits it as well
/// (net.core.somaxconn).
const BACKLOG: u32 = 4096;

/// A TCP port of this host that no socket uses now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

/// A listening socket, or one accepted connection of a service manager.
#[derive(Debug)]
pub struct Listener {
    socket: Kind,
    shown: String,
    port: Port,
    /// It belongs to the service manager or to another loop, which removes the file of a unix socket.
    inherited: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
    /// A connection that a service manager has accepted: it is returned once.
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android")),
        allow(dead_code, reason = "only systemd makes one")
    )]
    Accepted(RefCell<Option<Arrival>>),
}

/// An accepted connection.
#[derive(Debug)]
pub struct Arrival {
    /// The connection.
    pub stream: Stream,
    /// The address of the client, as text.
    pub peer: String,
    /// The IP address of the client, if it has one.
    pub ip: Option<IpAddr>,
    /// The port that it came to.
    pub port: Port,
}

impl Arrival {
    /// A connection that another program has accepted. The client of a unix socket has no name; it is named by
    /// the path of the socket.
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android")),
        allow(dead_code, reason = "only systemd makes one")
    )]
    fn accepted(socket: Socket, peer: &SockAddr, shown: &str) -> Self {
        let ip = peer.as_socket().map(|peer| peer.ip());
        let stream = Stream::from_socket(socket, sockopt::Family::of(ip));
        let peer = peer.as_socket().map_or_else(|| shown.to_owned(), |peer| peer.to_string());
        Arrival { stream, peer, ip, port: Port::Main }
    }

    /// The address family of its socket, known without a system call.
    #[must_use]
    pub fn family(&self) -> sockopt::Family {
        sockopt::Family::of(self.ip)
    }
}

/// Why no connection was accepted.
#[derive(Debug)]
pub enum NoArrival {
    /// No client is waiting; the reactor will report one.
    Nobody,
    /// The client has closed the connection before it was accepted: continue.
    Gone,
    /// No descriptor, or no memory, for another connection: pause and continue.
    Exhausted(io::Error),
    /// The listening socket itself failed.
    Failed(io::Error),
    /// The only connection was returned before.
    NoMore,
}

impl Listener {
    /// Binds and listens. The reactor, which has no other source yet, waits for the name lookup.
    ///
    /// # Errors
    /// When the address cannot be bound, or an option cannot be set; `Interrupted` when a signal arrives during
    /// the name lookup.
    pub fn bind(
        address: &Address,
        family: Family,
        options: &SocketOptions,
        reactor: &mut Reactor,
        signals: &Signals,
    ) -> Result<Self, Error> {
        let fail = || Error::network(Operation::Listen, address);
        let (host, port) = match address {
            Address::Unix(path) => return Self::bind_unix(path.clone(), options).map_err(fail()),
            Address::Tcp { host, port } => (host, *port),
        };
        let resolve = || Error::network(Operation::Resolve, address);
        let lookup = Lookup::start(host, port, family, &reactor.waker()).map_err(resolve())?;
        let found = Reactor::run(&mut Resolving { reactor, lookup, signals })?.map_err(resolve())?;
        let mut last = None;
        for addr in found {
            match Self::bind_tcp(addr, *host == Host::Any, options) {
                Err(Error::Network { source, .. }) => last = Some(source),
                other => return other,
            }
        }
        Err(fail()(last.unwrap_or_else(|| io::ErrorKind::NotFound.into())))
    }

    fn bind_tcp(addr: SocketAddr, everywhere: bool, options: &SocketOptions) -> Result<Self, Error> {
        let fail = || Error::network(Operation::Listen, addr);
        let socket = stream::socket(Domain::for_address(addr)).map_err(fail())?;
        if everywhere && addr.is_ipv6() {
            socket.set_only_v6(false).map_err(fail())?;
        }
        if options.reuseaddr.is_none() {
            // A listener that has just ended can be restarted (socket(7), SO_REUSEADDR).
            socket.set_reuse_address(true).map_err(fail())?;
        }
        let target = SockAddr::from(addr);
        let family = family_of(&target);
        sockopt::apply((&socket).into(), options, Stage::BeforeBind, family)
            .map_err(|error| option_error(addr, &error))?;
        socket.bind(&target).map_err(fail())?;
        sockopt::apply((&socket).into(), options, Stage::BeforeConnect, family)
            .map_err(|error| option_error(addr, &error))?;
        let backlog = options.backlog.unwrap_or(BACKLOG);
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(fail())?;
        let socket = TcpListener::from_std(socket.into());
        let shown = socket.local_addr().map_err(fail())?.to_string();
        Ok(Listener { socket: Kind::Tcp(socket), shown, port: Port::Main, inherited: false })
    }

    fn bind_unix(path: PathBuf, options: &SocketOptions) -> io::Result<Self> {
        let addr = stream::unix_address(&path)?;
        let socket = stream::socket(Domain::UNIX)?;
        match socket.bind(&addr) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(&path, &addr) => {
                std::fs::remove_file(&path)?;
                socket.bind(&addr)?;
            }
            other => other?,
        }
        socket.listen(i32::try_from(options.backlog.unwrap_or(BACKLOG)).unwrap_or(i32::MAX))?;
        let shown = Address::Unix(path.clone()).to_string();
        Ok(Listener {
            socket: Kind::Unix(UnixListener::from_std(socket.into()), path),
            shown,
            port: Port::Main,
            inherited: false,
        })
    }

    /// Takes the socket of the service manager, if there is one. A listening socket is bound already, so only
    /// the options that connections inherit and the backlog apply. A connection is returned as the only client.
    ///
    /// # Errors
    /// When it is not a stream socket of a known family, or an option cannot be set.
    pub fn inherited(manager: &Manager, options: &SocketOptions) -> Result<Option<Self>, Error> {
        let Some(socket) = manager.socket()?.map(Socket::from) else { return Ok(None) };
        let fail = || Error::local(Operation::TakeOver, manager.passed());
        socket.set_nonblocking(true).map_err(fail())?;
        let addr = socket.local_addr().map_err(fail())?;
        let shown = match (addr.as_socket(), unix_name(&addr)) {
            (Some(addr), _) => addr.to_string(),
            (None, Some(path)) => Address::Unix(path).to_string(),
            (None, None) => return Err(fail()(io::Error::other("neither IPv4, IPv6 nor a unix socket"))),
        };
        // Systems without systemd may not have this socket option.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if !socket.is_listener().map_err(fail())? {
            // A connection without the address of its peer has already ended.
            let arrival = socket.peer_addr().ok().map(|peer| Arrival::accepted(socket, &peer, &shown));
            return Ok(Some(Listener {
                socket: Kind::Accepted(RefCell::new(arrival)),
                shown,
                port: Port::Main,
                inherited: true,
            }));
        }
        sockopt::apply((&socket).into(), options, Stage::BeforeConnect, family_of(&addr))
            .map_err(|error| option_error(shown.as_str(), &error))?;
        if let Some(backlog) = options.backlog {
            socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(fail())?;
        }
        let socket = match unix_name(&addr) {
            Some(path) => Kind::Unix(UnixListener::from_std(socket.into()), path),
            None => Kind::Tcp(TcpListener::from_std(socket.into())),
        };
        Ok(Some(Listener { socket, shown, port: Port::Main, inherited: true }))
    }

    /// A second handle of the same socket, for another loop.
    ///
    /// # Errors
    /// The kernel's.
    pub fn again(&self) -> io::Result<Listener> {
        let socket = match &self.socket {
            Kind::Tcp(socket) => Kind::Tcp(TcpListener::from_std(socket.as_fd().try_clone_to_owned()?.into())),
            Kind::Unix(socket, path) => {
                Kind::Unix(UnixListener::from_std(socket.as_fd().try_clone_to_owned()?.into()), path.clone())
            }
            Kind::Accepted(_) => Kind::Accepted(RefCell::default()),
        };
        Ok(Listener { socket, shown: self.shown.clone(), port: self.port, inherited: true })
    }

    /// The listening socket, if there is one, for its options.
    #[must_use]
    pub fn socket(&self) -> Option<SockRef<'_>> {
        match &self.socket {
            Kind::Tcp(socket) => Some(SockRef::from(socket)),
            Kind::Unix(socket, _) => Some(SockRef::from(socket)),
            Kind::Accepted(_) => None,
        }
    }

    /// The client of the connection that a service manager has accepted, if this is one.
    #[must_use]
    pub fn only_client(&self) -> Option<String> {
        match &self.socket {
            Kind::Tcp(_) | Kind::Unix(..) => None,
            Kind::Accepted(arrival) => {
                let gone = || "a client that has disconnected".to_owned();
                Some(arrival.borrow().as_ref().map_or_else(gone, |arrival| arrival.peer.clone()))
            }
        }
    }

    /// The address it listens on, as text, with the actual port if 0 was requested.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The address it listens on, if that is an IP address.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Kind::Tcp(socket) => socket.local_addr().ok(),
            Kind::Unix(..) | Kind::Accepted(_) => None,
        }
    }

    /// The same one for the clients of this port.
    #[must_use]
    pub fn for_port(self, port: Port) -> Self {
        Listener { port, ..self }
    }

    /// Which port it is.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
    }

    /// Registers it with the reactor.
    ///
    /// # Errors
    /// The kernel's.
    pub fn register(&mut self, reactor: &mut Reactor) -> io::Result<()> {
        self.register_as(self.port.into(), reactor)
    }

    /// Registers it with this key: a reactor with several listeners has one for each.
    ///
    /// # Errors
    /// The kernel's.
    pub fn register_as(&mut self, key: Key, reactor: &mut Reactor) -> io::Result<()> {
        match &mut self.socket {
            Kind::Tcp(socket) => reactor.register_one(socket, key, mio::Interest::READABLE),
            Kind::Unix(socket, _) => reactor.register_one(socket, key, mio::Interest::READABLE),
            Kind::Accepted(_) => {
                reactor.again(key); // the connection is ready
                Ok(())
            }
        }
    }

    /// Accepts the next connection.
    ///
    /// # Errors
    /// Each variant calls for another reaction.
    pub fn accept(&self) -> Result<Arrival, NoArrival> {
        match &self.socket {
            Kind::Tcp(socket) => {
                let (stream, addr) = socket.accept().map_err(NoArrival::from)?;
                Ok(Arrival {
                    stream: Stream::Tcp(stream),
                    peer: addr.to_string(),
                    ip: Some(addr.ip()),
                    port: self.port,
                })
            }
            Kind::Unix(socket, path) => {
                let (stream, _) = socket.accept().map_err(NoArrival::from)?;
                let peer = Address::Unix(path.clone()).to_string();
                Ok(Arrival { stream: Stream::Unix(stream), peer, ip: None, port: self.port })
            }
            Kind::Accepted(arrival) => arrival.take().ok_or(NoArrival::NoMore),
        }
    }

    /// Closes it, and removes the file of a unix socket.
    pub fn close(mut self, reactor: &Reactor) {
        match &mut self.socket {
            Kind::Tcp(socket) => reactor.deregister(socket),
            Kind::Unix(socket, path) => {
                reactor.deregister(socket);
                if !self.inherited && abstract_name(path).is_none() {
                    // The file may have been removed already.
                    let _ = std::fs::remove_file(path);
                }
            }
            Kind::Accepted(_) => {}
        }
    }
}

/// The name lookup of a listener that is not bound yet.
struct Resolving<'a> {
    reactor: &'a mut Reactor,
    lookup: Lookup,
    signals: &'a Signals,
}

impl Handler for Resolving<'_> {
    type Output = io::Result<Vec<SocketAddr>>;
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }

    fn on_event(&mut self, _: Ready, _: Instant) -> Result<(), Error> {
        Ok(()) // the waker: the lookup has ended, or a signal has arrived
    }

    fn end_turn(&mut self, _: Instant) -> Result<ControlFlow<Self::Output>, Error> {
        match self.lookup.poll().transpose() {
            Some(found) => Ok(ControlFlow::Break(found)),
            None if self.signals.stopped() => Err(Error::Interrupted),
            None => Ok(ControlFlow::Continue(())),
        }
    }
}

impl From<io::Error> for NoArrival {
    /// Classifies an error of accept(2), which may concern the network, the new connection or this host.
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            _ if error.kind() == io::ErrorKind::WouldBlock => NoArrival::Nobody,
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => NoArrival::Exhausted(error),
            Some(libc::EBADF | libc::EINVAL | libc::ENOTSOCK | libc::EOPNOTSUPP | libc::EFAULT) => {
                NoArrival::Failed(error)
            }
            _ => NoArrival::Gone,
        }
    }
}

/// The path of a unix socket; for an abstract one its name after `@`; empty if it has none.
fn unix_name(addr: &SockAddr) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let named = |name: &[u8]| PathBuf::from(OsString::from_vec([b"@", name].concat()));
    let path = addr.as_pathname().map(PathBuf::from).or_else(|| addr.as_abstract_namespace().map(named));
    addr.is_unix().then(|| path.unwrap_or_default())
}

/// Whether the file is a socket without a listener, left by a program that was killed.
fn is_stale(path: &std::path::Path, addr: &SockAddr) -> bool {
    use std::os::unix::fs::FileTypeExt;
    if abstract_name(path).is_some() {
        return false; // an abstract name is not a file, and disappears with its program
    }
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    let refused = || -> io::Result<bool> {
        let probe = stream::socket(Domain::UNIX)?;
        Ok(probe.connect(addr).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
    };
    is_socket && refused().unwrap_or(false)
}
