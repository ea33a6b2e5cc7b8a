//! Connecting within a time limit: from an address to a connection, for every command that connects.

use std::io;
use std::time::{Duration, Instant};

use super::conn::{Conn, Origin};
use super::dial::{Dial, DialState};
use super::greeting::{Expected, Greeting};
use super::key::Key;
use super::proxy::{Proxy, ProxyDial};
use super::reactor::{Reactor, Ready};
use super::recorder::Recorder;
use super::stream::Stream;
use super::witness::Witness;
use super::{Flush, Incoming};
use crate::config::{ProxyHeader, Traffic};
use crate::error::{Endpoint, Error, Operation};
use crate::frame::proxy_header::Ends;
use crate::peer::codec::{Hello, Protocol};
use crate::plan::HeaderPieces;
use crate::trace::{ConnId, Side};
use crate::value::{Address, Family};

/// The address to connect to, with the time limit, and the connection that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Connector<'a> {
    /// The address; a name is resolved.
    pub address: &'a Address,
    /// The proxy that connects to the address.
    pub proxy: Option<&'a Proxy>,
    /// The family of the addresses that are tried.
    pub family: Family,
    /// The time that an attempt may take, with the handshake.
    pub limit: Duration,
    /// What sets the limit, for the error.
    pub limited_by: &'static str,
    /// The connection.
    pub make: Make<'a>,
}

/// How a connection is made of a connected socket.
#[derive(Clone, Copy, Debug)]
pub struct Make<'a> {
    /// The options of the socket, and how the connection writes and reads.
    pub traffic: &'a Traffic,
    /// It carries a stream of bytes, not messages.
    pub raw: bool,
    /// Selects the random numbers of its plan.
    pub number: u64,
    /// The client's connection in a relay.
    pub made_for: Option<ConnId>,
    /// The PROXY header that is sent first.
    pub header: Option<&'a ProxyHeader>,
    /// Encodes its bytes; `None` is plain TCP.
    pub encoding: Option<&'a dyn Encoding>,
    /// What the server sends before its bytes are encoded.
    pub greeting: Option<Expected>,
    /// What the client has asked for in a relay, to be passed on.
    pub hello: Option<&'a Hello>,
    /// Records what happens on it.
    pub recorder: &'a Recorder,
    /// Sees the server's socket where it is not on this host.
    pub witness: Option<&'a Witness>,
}

/// Begins a protocol that encodes the bytes of a connection, such as TLS, once for each connection.
pub trait Encoding: Send + Sync {
    /// The protocol of a new connection. In a relay, it asks its server for what its client has asked for.
    ///
    /// # Errors
    /// When the protocol refuses its settings.
    fn begin(&self, hello: Option<&Hello>) -> Result<Box<dyn Protocol>, Error>;
}

impl std::fmt::Debug for dyn Encoding + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoding")
    }
}

/// A connection that is being made.
#[derive(Debug)]
pub struct Connecting {
    step: Step,
    /// The key of its deadlines, and of its socket in the handshake.
    key: Key,
    limit: Duration,
    limited_by: &'static str,
    /// The end of the limit; `None` is never.
    until: Option<Instant>,
    /// The socket was connected, and its handshake has begun.
    has_begun_handshake: bool,
    /// What the server has sent before it.
    greeting: Vec<u8>,
    plan: Box<Planned>,
}

/// What is done once the socket is connected.
#[derive(Debug)]
struct Planned {
    traffic: Traffic,
    raw: bool,
    number: u64,
    made_for: Option<ConnId>,
    header: Option<ProxyHeader>,
    protocol: Option<Box<dyn Protocol>>,
    greeting: Option<Greeting>,
    recorder: Recorder,
    witness: Option<Witness>,
}

#[derive(Debug)]
enum Step {
    Dialing(Box<Dial>),
    /// A proxy connects.
    Proxying(Box<ProxyDial>),
    /// The server greets.
    Greeting(Box<Connected>, Greeting),
    /// The protocol of the connection shakes hands.
    Opening(Box<Conn>),
    /// The connection was handed out, or has failed.
    Over,
}

/// A connected socket.
#[derive(Debug)]
struct Connected {
    stream: Stream,
    peer: String,
    sent_to_proxy: Option<u64>,
}

impl<'a> Make<'a> {
    /// A plain connection for messages, the first of its kind.
    #[must_use]
    pub fn plain(traffic: &'a Traffic, recorder: &'a Recorder) -> Self {
        Make {
            traffic,
            raw: false,
            number: 0,
            made_for: None,
            header: None,
            encoding: None,
            greeting: None,
            hello: None,
            recorder,
            witness: None,
        }
    }
}

impl Connector<'_> {
    /// Starts to connect. The reactor reports the deadlines as dial `number`, and the sockets as its attempts.
    ///
    /// # Errors
    /// When the name lookup cannot be started, or the protocol of the connection cannot.
    pub fn start(&self, reactor: &Reactor, number: usize) -> Result<Connecting, Error> {
        let until = reactor.now().checked_add(self.limit);
        let Make { traffic, raw, number: stream, made_for, header, encoding, greeting, hello, recorder, witness } =
            self.make;
        let protocol = encoding.map(|encoding| encoding.begin(hello)).transpose()?;
        let (to, family, options) = (self.address, self.family, &traffic.socket);
        let step = match self.proxy {
            None => Step::Dialing(Box::new(Dial::start(to, family, options, reactor, number)?)),
            Some(proxy) => Step::Proxying(Box::new(ProxyDial::start(proxy, to, family, options, reactor, number)?)),
        };
        let planned = Planned {
            traffic: traffic.clone(),
            raw,
            number: stream,
            made_for,
            header: header.cloned(),
            protocol,
            greeting: greeting.map(Greeting::new),
            recorder: recorder.clone(),
            witness: witness.cloned(),
        };
        Ok(Connecting {
            step,
            key: Key::Dial(number),
            limit: self.limit,
            limited_by: self.limited_by,
            until,
            has_begun_handshake: false,
            greeting: Vec::new(),
            plan: Box::new(planned),
        })
    }
}

impl Connecting {
    /// Notes an event of the reactor.
    pub fn on_ready(&mut self, ready: Ready) {
        match &mut self.step {
            Step::Dialing(dial) => dial.on_ready(ready),
            Step::Proxying(dial) => dial.on_ready(ready),
            Step::Opening(conn) => conn.on_ready(ready),
            Step::Greeting(..) | Step::Over => {} // the greeting is read as far as it goes
        }
    }

    /// Continues; `None`: poll again after an event, or when the reactor reports the dial.
    ///
    /// # Errors
    /// When every address has failed, an option cannot be set, the handshake has failed, or the time is over.
    pub fn poll(&mut self, reactor: &mut Reactor) -> Result<Option<Conn>, Error> {
        let next = match &mut self.step {
            Step::Dialing(dial) => match dial.poll(reactor)? {
                DialState::Connected(stream, peer) => {
                    return self.open(Connected { stream, peer, sent_to_proxy: None }, reactor);
                }
                DialState::Pending(next) => next,
            },
            Step::Proxying(dial) => match dial.poll(reactor)? {
                DialState::Connected(stream, peer) => {
                    let sent_to_proxy = Some(dial.sent());
                    return self.open(Connected { stream, peer, sent_to_proxy }, reactor);
                }
                DialState::Pending(next) => next,
            },
            Step::Greeting(connected, greeting) => match greeting.read(&mut connected.stream) {
                Ok(true) => return self.end_greeting(reactor),
                Ok(false) => None,
                Err(error) => {
                    let endpoint = Endpoint::from(&*connected.peer);
                    self.abandon(reactor);
                    return Err(Error::network(Operation::Connect, endpoint)(error));
                }
            },
            Step::Opening(conn) => match shake_hands(conn, reactor.now()) {
                Ok(Handshake::Done) => return Ok(self.hand_out(reactor)),
                Ok(Handshake::Pending(next)) => next,
                Err(error) => {
                    let endpoint = Endpoint::from(conn.peer());
                    self.abandon(reactor);
                    return Err(Error::network(Operation::Connect, endpoint)(error));
                }
            },
            Step::Over => return Ok(None),
        };
        if self.until.is_some_and(|until| reactor.now() >= until) {
            let error = self.timeout();
            self.abandon(reactor);
            return Err(error);
        }
        if let Some(at) = next.into_iter().chain(self.until).min() {
            reactor.wake_at(self.key, at);
        }
        Ok(None)
    }

    /// The server has greeted.
    fn end_greeting(&mut self, reactor: &mut Reactor) -> Result<Option<Conn>, Error> {
        let Step::Greeting(mut connected, greeting) = std::mem::replace(&mut self.step, Step::Over) else {
            return Ok(None);
        };
        reactor.deregister(&mut connected.stream);
        self.greeting = greeting.into_bytes();
        self.open(*connected, reactor)
    }

    /// The socket is connected.
    fn open(&mut self, mut connected: Connected, reactor: &mut Reactor) -> Result<Option<Conn>, Error> {
        self.step = Step::Over;
        if let Some(greeting) = self.plan.greeting.take() {
            let registered = reactor.register(&mut connected.stream, self.key);
            registered.map_err(Error::network(Operation::Connect, Endpoint::from(&*connected.peer)))?;
            self.step = Step::Greeting(Box::new(connected), greeting);
            return self.poll(reactor);
        }
        let Connected { stream, peer, sent_to_proxy } = connected;
        let Planned { traffic, raw, number, made_for, header, protocol, recorder, witness, .. } = &mut *self.plan;
        let header =
            header.as_ref().map(|header| Self::header(header, &stream, &peer, traffic, *number)).transpose()?;
        let (number, made_for, witness) = (*number, *made_for, witness.take());
        let origin = Origin { side: Side::Connect, peer, number, made_for, sent_to_proxy, witness };
        let mut conn = Conn::of(stream, origin, traffic, *raw, recorder, protocol.take());
        if let Some((ends, bytes, pieces)) = header {
            conn.send_header(&ends, &bytes, pieces);
        }
        if !conn.is_handshaking() {
            return Ok(Some(conn));
        }
        let registered = conn.register(reactor, self.key);
        registered.map_err(Error::network(Operation::Connect, Endpoint::from(conn.peer())))?;
        self.step = Step::Opening(Box::new(conn));
        self.has_begun_handshake = true;
        self.poll(reactor)
    }

    /// The ends and bytes of the PROXY header of a connection, and its pieces.
    fn header(
        header: &ProxyHeader,
        stream: &Stream,
        peer: &str,
        traffic: &Traffic,
        number: u64,
    ) -> Result<(Ends, Vec<u8>, HeaderPieces), Error> {
        let (ours, theirs) = stream.ends().map_err(Error::network(Operation::Connect, Endpoint::from(peer)))?;
        let cuts = header.cuts.as_ref();
        let header = header.header(ours, theirs);
        let bytes = header.encode().map_err(|error| Error::Usage(error.to_string()))?;
        let pieces = HeaderPieces::new(&traffic.plan, number, bytes.len(), cuts);
        Ok((header.ends, bytes, pieces.map_err(|uncut| Error::Usage(uncut.to_string()))?))
    }

    fn hand_out(&mut self, reactor: &Reactor) -> Option<Conn> {
        let Step::Opening(mut conn) = std::mem::replace(&mut self.step, Step::Over) else { return None };
        conn.deregister(reactor);
        Some(*conn)
    }

    /// The error after the limit: it names the step that had not ended.
    fn timeout(&self) -> Error {
        match &self.step {
            Step::Dialing(dial) => dial.timeout(self.limit, self.limited_by),
            Step::Proxying(dial) => dial.timeout(self.limit, self.limited_by),
            Step::Greeting(connected, greeting) => {
                Error::network(Operation::Connect, Endpoint::from(&*connected.peer))(greeting.timeout(self.limit))
            }
            Step::Opening(conn) => self.timeout_without("handshake", conn.peer()),
            Step::Over => self.timeout_without("handshake", ""),
        }
    }

    fn timeout_without(&self, what: &'static str, peer: &str) -> Error {
        Error::Timeout {
            operation: Operation::Connect,
            address: Endpoint::from(peer),
            what,
            limit: self.limit,
            option: self.limited_by,
        }
    }

    /// Whether the socket was connected, and its handshake has begun: an error is then that of the handshake.
    #[must_use]
    pub fn has_begun_handshake(&self) -> bool {
        self.has_begun_handshake
    }

    /// What the server has sent before the handshake.
    #[must_use]
    pub fn into_greeting(self) -> Vec<u8> {
        self.greeting
    }

    /// Aborts the attempts in progress, or closes the connection that shakes hands.
    pub fn abandon(&mut self, reactor: &Reactor) {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Dialing(mut dial) => dial.abandon(reactor),
            Step::Proxying(mut dial) => dial.abandon(reactor),
            Step::Greeting(mut connected, _) => reactor.deregister(&mut connected.stream),
            Step::Opening(conn) => drop(conn.close(reactor)),
            Step::Over => {}
        }
    }
}

/// How far a handshake is.
enum Handshake {
    Done,
    /// Go on after an event, or at this time.
    Pending(Option<Instant>),
}

/// The most that the socket is read for a handshake in one turn.
const READS: usize = 16;

/// Writes and reads for the handshake of a connection, as far as it goes.
fn shake_hands(conn: &mut Conn, now: Instant) -> io::Result<Handshake> {
    let mut buf = [0; 16 * 1024];
    for _ in 0..READS {
        let flushed = match conn.flush(now) {
            Ok(flushed) => flushed,
            // What the peer has sent before may say why.
            Err(error) => {
                while let Ok(Incoming::Undecoded) = conn.advance_handshake(&mut buf, now) {}
                return Err(conn.advance_handshake(&mut buf, now).err().unwrap_or(error));
            }
        };
        if !conn.is_handshaking() {
            return Ok(Handshake::Done);
        }
        let writes_at = match flushed {
            Flush::Until(at) => Some(at),
            Flush::More => Some(now),
            Flush::Idle | Flush::Blocked => None,
        };
        match conn.advance_handshake(&mut buf, now) {
            Ok(Incoming::Undecoded) => {}
            Ok(Incoming::Until(at)) => {
                return Ok(Handshake::Pending(Some(writes_at.map_or(at, |other| at.min(other)))));
            }
            Ok(Incoming::Blocked) => return Ok(Handshake::Pending(writes_at)),
            Ok(Incoming::Bytes(_) | Incoming::Eof) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => {
                conn.send_alert(now);
                return Err(error);
            }
        }
    }
    Ok(Handshake::Pending(Some(now)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::reactor::run_until;
    use super::*;

    /// A listener, and its address.
    fn listener() -> (TcpListener, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        (listener, address)
    }

    /// Connects; `passes_events` passes the events on.
    fn connect(address: &Address, limit: Duration, passes_events: bool) -> Result<Conn, Error> {
        let (traffic, recorder) = (Traffic::default(), Recorder::default());
        let make = Make::plain(&traffic, &recorder);
        let connector = Connector { address, proxy: None, family: Family::Any, limit, limited_by: "the test", make };
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let mut connecting = connector.start(&reactor, 3).unwrap();
        run_until(&mut reactor, |reactor, ready, now| {
            assert!(ready.iter().all(|event| event.key != Key::Clock), "nothing woke the loop");
            for &event in ready.iter().filter(|_| passes_events) {
                connecting.on_ready(event);
            }
            reactor.wake_at(Key::Clock, now + Duration::from_secs(60));
            connecting.poll(reactor).transpose()
        })
    }

    #[test]
    fn timeout_beyond_the_clock_is_unlimited() {
        let (_listener, address) = listener();
        let conn = connect(&address, Duration::MAX, true).unwrap();
        assert_eq!(conn.peer(), address.to_string());
    }

    #[test]
    fn connection_not_made_in_time_is_an_error() {
        let (_listener, address) = listener();
        let error = connect(&address, Duration::from_millis(20), false).unwrap_err();
        assert!(matches!(error, Error::Timeout { option: "the test", .. }), "{error}");
    }
}
