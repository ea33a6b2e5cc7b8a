//! Connecting: tries all addresses of a name, the next one while the previous one does not answer (RFC 8305).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket};

use super::address::Lookup;
use super::key::Key;
use super::reactor::{Behind, Reactor, Ready};
use super::sockopt::{self, OptionError, Stage, Words};
use super::stream::{self, Stream};
use crate::config::SocketOptions;
use crate::error::{Endpoint, Error, Operation, Suspects};
use crate::value::{Address, Family};

/// The delay before the next address is tried (RFC 8305, section 8: Connection Attempt Delay).
const HEAD_START: Duration = Duration::from_millis(250);
/// The pause between two attempts to connect to a unix socket whose queue is full: no event reports that there
/// is room.
const NEXT_TRY: Duration = Duration::from_millis(10);

/// A connection attempt, to one address after the other.
#[derive(Debug)]
pub struct Dial {
    address: Address,
    options: SocketOptions,
    lookup: Option<Lookup>,
    waiting: VecDeque<SockAddr>,
    attempts: Vec<Attempt>,
    /// When the next address is tried; `None` is at once.
    next_at: Option<Instant>,
    failed: Option<(Endpoint, io::Error)>,
    /// Its number among the dials of the reactor.
    number: usize,
    /// The number of the next attempt.
    begun: u8,
}

#[derive(Debug)]
struct Attempt {
    stream: Stream,
    family: sockopt::Family,
    endpoint: Endpoint,
    key: Key,
    ready: bool,
}

/// The result of starting an attempt.
#[derive(Debug)]
enum Begun {
    Stands(Attempt),
    UnderWay,
    /// The queue of the unix socket is full.
    Full,
    Failed,
}

/// The state of a dial.
#[derive(Debug)]
pub enum DialState {
    /// Poll again after an event of the reactor, or at this time.
    Pending(Option<Instant>),
    /// Connected, with the address that answered.
    Connected(Stream, String),
}

impl Dial {
    /// Starts to connect to `address`. The reactor reports its sockets as attempts of the dial `number`.
    ///
    /// # Errors
    /// When the lookup cannot be started.
    pub fn start(
        address: &Address,
        family: Family,
        options: &SocketOptions,
        reactor: &Reactor,
        number: usize,
    ) -> Result<Self, Error> {
        let mut dial = Dial {
            address: address.clone(),
            options: options.clone(),
            lookup: None,
            waiting: VecDeque::new(),
            attempts: Vec::new(),
            next_at: None,
            failed: None,
            number,
            begun: 0,
        };
        match address {
            Address::Unix(path) => {
                dial.waiting
                    .push_back(stream::unix_address(path).map_err(Error::network(Operation::Connect, address))?);
            }
            Address::Tcp { host, port } => {
                let lookup = Lookup::start(host, *port, family, &reactor.waker());
                dial.lookup = Some(lookup.map_err(Error::network(Operation::Resolve, address))?);
            }
        }
        Ok(dial)
    }

    /// Notes that an attempt is ready.
    pub fn on_ready(&mut self, ready: Ready) {
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.key == ready.key) {
            attempt.ready |= ready.writable || ready.behind != Behind::Nothing;
        }
    }

    /// Continues: takes the answer of the lookup, checks the attempts, starts the next one.
    ///
    /// # Errors
    /// When every address has failed, the error of the last one; or at once when an option cannot be set.
    pub fn poll(&mut self, reactor: &Reactor) -> Result<DialState, Error> {
        let now = reactor.now();
        if let Some(lookup) = &mut self.lookup {
            match lookup.poll().map_err(Error::network(Operation::Resolve, &self.address))? {
                None => return Ok(DialState::Pending(None)),
                Some(found) => self.waiting = found.into_iter().map(|addr| reachable(addr).into()).collect(),
            }
            self.lookup = None;
        }
        if let Some(attempt) = self.look_at_attempts(reactor) {
            return self.stands(attempt);
        }
        while self.next_at.is_none_or(|at| now >= at) {
            let Some(target) = self.waiting.pop_front() else { break };
            self.next_at = match self.begin(&target, reactor)? {
                Begun::Stands(attempt) => return self.stands(attempt),
                Begun::UnderWay => Some(now + HEAD_START),
                Begun::Failed => None, // the address has failed: try the next one at once
                Begun::Full => {
                    self.waiting.push_front(target);
                    Some(now + NEXT_TRY)
                }
            };
        }
        if self.attempts.is_empty() && self.waiting.is_empty() {
            return Err(self.failure());
        }
        Ok(DialState::Pending(self.next_at.filter(|_| !self.waiting.is_empty())))
    }

    /// The connected stream. Options that need a connection are set before anything is sent.
    fn stands(&self, Attempt { stream, family, endpoint, .. }: Attempt) -> Result<DialState, Error> {
        stream.set_options(&self.options, family).map_err(|error| option_error(&endpoint, &error))?;
        Ok(DialState::Connected(stream, endpoint.to_string()))
    }

    /// The error after `limit`: it names the step that had not ended, the lookup or the connection.
    #[must_use]
    pub fn timeout(&self, limit: Duration, option: &'static str) -> Error {
        let resolving = self.lookup.is_some();
        let operation = if resolving { Operation::Resolve } else { Operation::Connect };
        let what = if resolving { "answer" } else { "connection" };
        Error::Timeout { operation, address: Endpoint::from(&self.address), what, limit, option }
    }

    /// Aborts all attempts.
    pub fn abandon(&mut self, reactor: &Reactor) {
        for mut attempt in self.attempts.drain(..) {
            reactor.deregister(&mut attempt.stream);
        }
    }

    /// Removes the attempts that have ended; the first connection wins.
    fn look_at_attempts(&mut self, reactor: &Reactor) -> Option<Attempt> {
        let mut at = 0;
        while at < self.attempts.len() {
            if !self.attempts[at].ready {
                at += 1;
                continue;
            }
            let mut attempt = self.attempts.remove(at);
            reactor.deregister(&mut attempt.stream);
            match attempt.stream.take_error() {
                None => {
                    self.abandon(reactor);
                    return Some(attempt);
                }
                Some(error) => {
                    self.failed = Some((attempt.endpoint, error));
                    self.next_at = None;
                }
            }
        }
        None
    }

    /// Starts one attempt.
    fn begin(&mut self, target: &SockAddr, reactor: &Reactor) -> Result<Begun, Error> {
        let endpoint = target.as_socket().map_or_else(|| Endpoint::from(&self.address), Endpoint::from);
        let socket = match self.prepare(target, &endpoint) {
            Err(Error::Network { source, .. }) => {
                self.failed = Some((endpoint, source));
                return Ok(Begun::Failed);
            }
            other => other?,
        };
        let connected = socket.connect(target);
        let family = family_of(target);
        let key = Key::Attempt { dial: self.number, attempt: self.begun };
        self.begun = self.begun.wrapping_add(1);
        let stream = Stream::from_socket(socket, family);
        let mut attempt = Attempt { stream, family, endpoint, key, ready: false };
        match connected {
            Ok(()) => {
                self.abandon(reactor);
                return Ok(Begun::Stands(attempt));
            }
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
                match reactor.register(&mut attempt.stream, key) {
                    Ok(()) => {
                        self.attempts.push(attempt);
                        return Ok(Begun::UnderWay);
                    }
                    Err(error) => self.failed = Some((attempt.endpoint, error)),
                }
            }
            // For a unix socket, EAGAIN means a full queue, not an attempt in progress (connect(2)).
            Err(error) if !attempt.stream.is_tcp() && error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Begun::Full);
            }
            Err(error) => self.failed = Some((attempt.endpoint, error)),
        }
        Ok(Begun::Failed)
    }

    /// A socket with its options set, bound to `--source`.
    fn prepare(&self, target: &SockAddr, endpoint: &Endpoint) -> Result<Socket, Error> {
        let fail = || Error::network(Operation::Connect, endpoint);
        let socket = stream::socket(Domain::from(i32::from(target.family()))).map_err(fail())?;
        let family = family_of(target);
        let refused = |error| option_error(endpoint, &error);
        sockopt::apply((&socket).into(), &self.options, Stage::BeforeBind, family).map_err(refused)?;
        if let (Some(asked), Some(addr)) = (&self.options.source, target.as_socket()) {
            let any: IpAddr = match addr {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let from = SocketAddr::new(asked.ip.unwrap_or(any), asked.port);
            if from.is_ipv4() == addr.is_ipv4() {
                let (name, words, requested) = match asked.ip {
                    None => ("source-port", Words::SourcePort, asked.port.to_string()),
                    Some(_) => ("source", Words::Source, asked.to_string()),
                };
                let refused = |source| OptionError { name, words, requested, source };
                socket.bind(&from.into()).map_err(refused).map_err(|error| option_error(endpoint, &error))?;
            } else {
                let text = format!("--source {} and the address are of different families", from.ip());
                return Err(Error::network(Operation::Connect, endpoint)(io::Error::other(text)));
            }
        }
        sockopt::apply((&socket).into(), &self.options, Stage::BeforeConnect, family).map_err(refused)?;
        Ok(socket)
    }

    fn failure(&mut self) -> Error {
        let none = || (Endpoint::from(&self.address), io::Error::from(io::ErrorKind::NotFound));
        let (endpoint, source) = self.failed.take().unwrap_or_else(none);
        let source_port = self.options.source.map(|from| from.port).filter(|&port| port != 0);
        let options = Suspects { source_port, hops: self.options.ttl };
        Error::Network { operation: Operation::Connect, endpoint, source, options }
    }
}

/// "Every interface" is not an address to connect to: it means this host.
fn reachable(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, addr.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, addr.port()).into(),
        _ => addr,
    }
}

/// The address family for the table of socket options.
pub(super) fn family_of(addr: &SockAddr) -> sockopt::Family {
    sockopt::Family::of(addr.as_socket().map(|addr| addr.ip()))
}

/// Converts the error of a socket option.
pub(super) fn option_error(address: impl Into<Endpoint>, error: &OptionError) -> Error {
    let advice = error.advice().map(|advice| format!(" ({advice})")).unwrap_or_default();
    Error::Option { address: address.into(), what: format!("{error}{advice}") }
}

#[cfg(test)]
mod tests {
    use socket2::Type;

    use super::super::reactor::run_until;
    use super::*;

    /// A listening socket whose queue is full, and the connections in the queue.
    fn full(domain: Domain, addr: &SockAddr) -> (Socket, Vec<Socket>) {
        let listener = Socket::new(domain, Type::STREAM, None).unwrap();
        listener.bind(addr).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let begin = || {
            let socket = Socket::new(domain, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&addr); // the queue is full for the last of them
            socket
        };
        let waiting = (0..4).map(|_| begin()).collect();
        (listener, waiting)
    }

    fn on_loopback() -> SockAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()
    }

    /// Continues until the connection is made. A dial with nothing to wait for is never woken.
    fn connect(dial: &mut Dial, reactor: &mut Reactor, mut step: impl FnMut()) -> String {
        run_until(reactor, |reactor, ready, now| {
            for &ready in ready {
                dial.on_ready(ready);
            }
            match dial.poll(reactor).unwrap() {
                DialState::Connected(_, address) => return Some(address),
                DialState::Pending(next) => {
                    assert!(dial.waiting.is_empty() || next.is_some(), "{dial:?}");
                    reactor.wake_at(Key::Clock, next.unwrap_or_else(|| now + Duration::from_secs(60)));
                }
            }
            step();
            None
        })
    }

    #[test]
    fn full_backlog_is_retried_until_it_has_room() {
        let path = std::env::temp_dir().join(format!("secretcat-{}-queue", std::process::id()));
        let _ = std::fs::remove_file(&path); // of a process of the same number that was killed
        let addr = SockAddr::unix(&path).unwrap();
        let (listener, _waiting) = full(Domain::UNIX, &addr);
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let address = Address::Unix(path.clone());
        let mut dial = Dial::start(&address, Family::Any, &SocketOptions::default(), &reactor, 0).unwrap();
        let mut tries = 0;
        let step = || {
            tries += 1;
            if tries == 3 {
                listener.accept().unwrap();
            }
        };
        assert_eq!(connect(&mut dial, &mut reactor, step), address.to_string());
        assert_eq!(tries, 3);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn next_address_is_tried_at_once_after_a_failure() {
        let (silent, _waiting) = full(Domain::IPV4, &on_loopback());
        let bound = |listens| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&on_loopback()).unwrap();
            if listens {
                socket.listen(1).unwrap();
            }
            socket
        };
        let (refusing, listening) = (bound(false), bound(true));
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let address = Address::default();
        let mut dial = Dial::start(&address, Family::V4, &SocketOptions::default(), &reactor, 0).unwrap();
        dial.lookup = None;
        dial.waiting = [&silent, &refusing, &listening].map(|socket| socket.local_addr().unwrap()).into();
        let found = listening.local_addr().unwrap().as_socket().unwrap().to_string();
        assert_eq!(connect(&mut dial, &mut reactor, || ()), found);
    }
}
