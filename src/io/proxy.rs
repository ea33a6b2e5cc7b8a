//! Connecting through a proxy: resolves the server's name if the scheme asks for it, connects to the proxy, and has it
//! connect to the server.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Duration;

use super::address::Lookup;
use super::dial::{Dial, DialState};
use super::files;
use super::key::Key;
use super::reactor::{Reactor, Ready};
use super::report::Report;
use super::stream::Stream;
use crate::config::{ProxyConfig, SocketOptions};
use crate::error::{Endpoint, Error, Operation, shown_path};
use crate::peer::proxy::{Handshake, ProxyError};
use crate::value::{Address, Credentials, Destination, Family, ProxyUrl};

/// The most that is looked at in one read of the proxy's answer.
const READ: usize = 4096;

/// A proxy, and the credentials for it.
#[derive(Clone, Debug)]
pub struct Proxy {
    url: ProxyUrl,
    credentials: Option<Credentials>,
}

impl Proxy {
    /// A server beyond this proxy, for errors.
    #[must_use]
    pub fn endpoint(&self, to: &Address) -> Endpoint {
        Endpoint::from((to, &self.url))
    }

    /// Reads the credentials, and prints a warning if other users can read them too.
    ///
    /// # Errors
    /// When the file cannot be read, or contradicts the URL.
    pub fn open(config: &ProxyConfig, report: &Report) -> Result<Self, Error> {
        let url = config.url.clone();
        let Some(path) = &config.credentials else {
            return Ok(Proxy { credentials: url.user.as_deref().map(Credentials::of_user), url });
        };
        let (credentials, privacy) = files::read_credentials(path)?;
        let shown = shown_path(path);
        if url.user.as_deref().is_some_and(|user| user != credentials.user()) {
            return Err(Error::Usage(format!("{shown} has another user than --proxy {url}: remove one of them")));
        }
        if privacy == files::Privacy::Shared {
            report.warning(&format!("{shown}: other users can read this password (chmod 600 makes it private)"));
        }
        Ok(Proxy { url, credentials: Some(credentials) })
    }
}

/// A connection that is being made through a proxy.
#[derive(Debug)]
pub struct ProxyDial {
    proxy: Proxy,
    to: Address,
    family: Family,
    options: SocketOptions,
    /// Its number among the dials of the reactor.
    number: usize,
    /// The addresses of the server that the proxy was not asked for.
    destinations: VecDeque<Destination>,
    step: Step,
    /// The number of bytes that the proxy was sent.
    sent: u64,
}

#[derive(Debug)]
enum Step {
    /// The name of the server is resolved.
    Resolving(Lookup),
    /// The proxy is being connected.
    Dialing(Box<Dial>),
    /// The proxy is asked to connect.
    Asking(Stream, Handshake),
    /// The connection was handed out, or has failed.
    Over,
}

/// How far the conversation with the proxy has come.
enum Progress {
    Pending,
    Done,
}

/// Why the conversation with the proxy ended.
enum Failure {
    Network(io::Error),
    Proxy(ProxyError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Network(error)
    }
}

impl From<ProxyError> for Failure {
    fn from(error: ProxyError) -> Self {
        Failure::Proxy(error)
    }
}

impl ProxyDial {
    /// Starts to connect to `to`. The reactor reports the socket as the dial `number` or an attempt of it.
    ///
    /// # Errors
    /// When a name lookup cannot be started.
    pub fn start(
        proxy: &Proxy,
        to: &Address,
        family: Family,
        options: &SocketOptions,
        reactor: &Reactor,
        number: usize,
    ) -> Result<Self, Error> {
        let mut dial = ProxyDial {
            proxy: proxy.clone(),
            to: to.clone(),
            family,
            options: options.clone(),
            number,
            destinations: VecDeque::new(),
            step: Step::Over,
            sent: 0,
        };
        dial.step = match to {
            Address::Tcp { host, port } if proxy.url.scheme.resolves_here() => {
                let lookup = Lookup::start(host, *port, family, &reactor.waker());
                Step::Resolving(lookup.map_err(Error::network(Operation::Resolve, to))?)
            }
            // The configuration refuses addresses that no proxy can connect to.
            _ => {
                let unproxied = Destination::new(to).map_err(|error| Error::Usage(error.to_string()));
                dial.destinations.push_back(unproxied?);
                dial.dial(reactor)?
            }
        };
        Ok(dial)
    }

    /// Notes an event of the reactor. The conversation with the proxy needs no notes: it tries whatever is next.
    pub fn on_ready(&mut self, ready: Ready) {
        if let Step::Dialing(dial) = &mut self.step {
            dial.on_ready(ready);
        }
    }

    /// Continues.
    ///
    /// # Errors
    /// When the proxy cannot be reached, or has not connected to any address of the server.
    pub fn poll(&mut self, reactor: &Reactor) -> Result<DialState, Error> {
        loop {
            match &mut self.step {
                Step::Resolving(lookup) => {
                    let found = lookup.poll().map_err(Error::network(Operation::Resolve, &self.to))?;
                    let Some(found) = found else { return Ok(DialState::Pending(None)) };
                    self.destinations = found.into_iter().map(Destination::from).collect();
                    self.step = self.dial(reactor)?;
                }
                Step::Dialing(dial) => match dial.poll(reactor) {
                    Ok(DialState::Connected(stream, _)) => self.step = self.ask(stream, reactor)?,
                    Ok(pending) => return Ok(pending),
                    Err(error) => return Err(self.of_proxy(error)),
                },
                Step::Asking(stream, handshake) => match converse(stream, handshake, &mut self.sent) {
                    Ok(Progress::Pending) => return Ok(DialState::Pending(None)),
                    Ok(Progress::Done) => return Ok(self.hand_out(reactor)),
                    Err(failure) => {
                        self.abandon(reactor);
                        match failure {
                            Failure::Proxy(error) if error.is_about_the_server() && !self.destinations.is_empty() => {
                                self.step = self.dial(reactor)?;
                            }
                            Failure::Proxy(error) => return Err(self.failed(io::Error::other(error))),
                            Failure::Network(error) => return Err(self.failed(error)),
                        }
                    }
                },
                Step::Over => return Ok(DialState::Pending(None)),
            }
        }
    }

    /// The number of bytes that the proxy was sent before the connection was made.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The error after `limit`: it names the step that had not ended.
    #[must_use]
    pub fn timeout(&self, limit: Duration, option: &'static str) -> Error {
        let (operation, address, what) = match &self.step {
            Step::Resolving(_) => (Operation::Resolve, Endpoint::from(&self.to), "answer"),
            Step::Dialing(dial) => match dial.timeout(limit, option) {
                Error::Timeout { operation: Operation::Connect, what, .. } => {
                    (Operation::Connect, self.endpoint(), what)
                }
                resolving => return resolving,
            },
            Step::Asking(..) | Step::Over => (Operation::Connect, self.endpoint(), "answer of the proxy"),
        };
        Error::Timeout { operation, address, what, limit, option }
    }

    /// Aborts what is in progress.
    pub fn abandon(&mut self, reactor: &Reactor) {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Dialing(mut dial) => dial.abandon(reactor),
            Step::Asking(mut stream, _) => reactor.deregister(&mut stream),
            Step::Resolving(_) | Step::Over => {}
        }
    }

    fn dial(&self, reactor: &Reactor) -> Result<Step, Error> {
        let address = self.proxy.url.address();
        let dial = Dial::start(&address, self.family, &self.options, reactor, self.number)?;
        Ok(Step::Dialing(Box::new(dial)))
    }

    /// Begins the conversation with the proxy.
    fn ask(&mut self, mut stream: Stream, reactor: &Reactor) -> Result<Step, Error> {
        let Some(to) = self.destinations.pop_front() else { return Ok(Step::Over) };
        reactor.register(&mut stream, Key::Dial(self.number)).map_err(|error| self.failed(error))?;
        self.sent = 0;
        let credentials = self.proxy.credentials.as_ref();
        Ok(Step::Asking(stream, Handshake::new(self.proxy.url.scheme, credentials, &to)))
    }

    fn hand_out(&mut self, reactor: &Reactor) -> DialState {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Asking(mut stream, _) => {
                // Registered anew, the socket is reported as readable if bytes of the server are there already.
                reactor.deregister(&mut stream);
                DialState::Connected(stream, self.endpoint().to_string())
            }
            _ => DialState::Pending(None),
        }
    }

    fn endpoint(&self) -> Endpoint {
        self.proxy.endpoint(&self.to)
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::network(Operation::Connect, self.endpoint())(source)
    }

    /// The error of connecting to the proxy: it names the server too.
    fn of_proxy(&self, error: Error) -> Error {
        match error {
            Error::Network { operation: Operation::Connect, source, options, .. } => {
                Error::Network { operation: Operation::Connect, endpoint: self.endpoint(), source, options }
            }
            other => other,
        }
    }
}

/// Sends and receives as far as it goes. Received bytes are looked at first, and only those of the proxy are read: the
/// bytes of the server that follow stay in the socket.
fn converse(stream: &mut Stream, handshake: &mut Handshake, sent: &mut u64) -> Result<Progress, Failure> {
    let mut buf = [0; READ];
    loop {
        while !handshake.pending().is_empty() {
            match stream.write(handshake.pending()) {
                Ok(count) => {
                    handshake.on_sent(count);
                    *sent += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The proxy may have sent the reason before.
                Err(error) => return Err(final_answer(stream, handshake, &mut buf).unwrap_or(error.into())),
            }
        }
        if handshake.is_done() {
            return Ok(Progress::Done);
        }
        match receive(stream, handshake, &mut buf)? {
            Some(0) | None => return Ok(Progress::Pending),
            Some(_) => {}
        }
    }
}

/// The failure that the proxy has sent, if there is one.
fn final_answer(stream: &mut Stream, handshake: &mut Handshake, buf: &mut [u8]) -> Option<Failure> {
    loop {
        // The failed write has taken the error of the socket: an end here is not the proxy's.
        if matches!(stream.peek(buf), Ok(0) | Err(_)) {
            return None;
        }
        match receive(stream, handshake, buf) {
            Ok(Some(1..)) => {}
            Ok(_) => return None,
            Err(failure) => return Some(failure),
        }
    }
}

/// Receives once; returns the number of bytes that were the handshake's. `None`: there are none now.
fn receive(stream: &mut Stream, handshake: &mut Handshake, buf: &mut [u8]) -> Result<Option<usize>, Failure> {
    let count = match stream.peek(buf) {
        Ok(0) => return Err(handshake.on_end().into()),
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let taken = handshake.on_received(&buf[..count])?;
    // They are in the socket, so they can be read without waiting.
    stream.read_exact(&mut buf[..taken])?;
    Ok(Some(taken))
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::thread;
    use std::time::Instant;

    use super::super::reactor::run_until;
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);
    /// The replies that the connection was refused, and that it was made.
    const REFUSED: [u8; 4] = [5, 5, 0, 1];
    const MADE: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

    /// A SOCKS5 proxy that gives these replies, each on a connection of its own. It returns the last byte of the address
    /// in each request.
    fn proxy(replies: &'static [&'static [u8]]) -> (SocketAddr, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move |&reply: &&[u8]| {
            let (mut client, _) = listener.accept().unwrap();
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            let (mut greeting, mut request) = ([0; 3], [0; 10]);
            client.read_exact(&mut greeting).unwrap();
            client.write_all(&[5, 0]).unwrap();
            client.read_exact(&mut request).unwrap();
            client.write_all(&[reply, b"data"].concat()).unwrap();
            request[7]
        };
        (address, thread::spawn(move || replies.iter().map(serve).collect()))
    }

    /// Connects to these addresses of a server through the proxy; the bytes that follow the reply.
    fn connect(proxy: SocketAddr, addresses: &[&str]) -> Result<Vec<u8>, String> {
        let url = format!("socks5://{proxy}").parse().unwrap();
        let proxy = Proxy { url, credentials: None };
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let (to, options) = ("a.example:1".parse().unwrap(), SocketOptions::default());
        let mut dial = ProxyDial::start(&proxy, &to, Family::Any, &options, &reactor, 3).unwrap();
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        dial.step = Step::Resolving(Lookup::Known(addresses));
        let begun = Instant::now();
        run_until(&mut reactor, |reactor, ready, now| {
            for &ready in ready {
                dial.on_ready(ready);
            }
            assert!(begun.elapsed() < DEADLINE);
            reactor.wake_at(Key::Clock, now + DEADLINE);
            match dial.poll(reactor) {
                Ok(DialState::Connected(mut stream, _)) => {
                    let mut data = [0; 4];
                    while stream.peek(&mut data).is_ok_and(|count| count < 4) {}
                    assert_eq!(dial.sent(), 13);
                    Some(stream.read_exact(&mut data).map(|()| data.to_vec()).map_err(|error| error.to_string()))
                }
                Ok(DialState::Pending(_)) => None,
                Err(error) => Some(Err(error.to_string())),
            }
        })
    }

    #[test]
    fn proxy_is_given_one_address_after_the_other() {
        let (address, served) = proxy(&[&REFUSED, &MADE]);
        assert_eq!(connect(address, &["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]), Ok(b"data".to_vec()));
        assert_eq!(served.join().unwrap(), [1, 2]);
    }

    #[test]
    fn last_refusal_is_reported_after_all_addresses() {
        let (address, served) = proxy(&[&[5, 4, 0, 1], &REFUSED]);
        let why = "refused by the proxy: connection refused (is a server listening there?)";
        let error = format!("connect a.example:1 through socks5://{address}: {why}");
        assert_eq!(connect(address, &["10.0.0.1:1", "10.0.0.2:1"]), Err(error));
        assert_eq!(served.join().unwrap(), [1, 2]);
    }

    #[test]
    fn broken_proxy_is_not_given_further_addresses() {
        let (address, served) = proxy(&[&[4, 0]]);
        let error = format!("connect a.example:1 through socks5://{address}: invalid answer of the proxy: ");
        assert_eq!(connect(address, &["10.0.0.1:1", "10.0.0.2:1"]), Err(error + "no reply of SOCKS5"));
        assert_eq!(served.join().unwrap(), [1]);
    }
}
