//! Connecting within a time limit: from an address to a connection, for every command that connects.

use std::time::{Duration, Instant};

use super::conn::{Conn, Origin};
use super::dial::{Dial, DialState};
use super::key::Key;
use super::reactor::{Reactor, Ready};
use super::recorder::Recorder;
use super::stream::Stream;
use crate::config::{SocketOptions, Traffic};
use crate::error::Error;
use crate::trace::{ConnId, Side};
use crate::value::{Address, Family};

/// The address to connect to, with the options and the time limit.
#[derive(Clone, Copy, Debug)]
pub struct Connector<'a> {
    /// The address; a name is resolved.
    pub address: &'a Address,
    /// The family of the addresses that are tried.
    pub family: Family,
    /// The options of the socket.
    pub options: &'a SocketOptions,
    /// The time that an attempt may take.
    pub limit: Duration,
    /// What sets the limit, for the error.
    pub limited_by: &'static str,
}

/// A connection that is being made.
#[derive(Debug)]
pub struct Connecting {
    dial: Dial,
    /// The key of its deadlines.
    key: Key,
    limit: Duration,
    limited_by: &'static str,
    /// The end of the limit; `None` is never.
    until: Option<Instant>,
}

/// A connected stream.
#[derive(Debug)]
pub struct Connected {
    /// The stream.
    pub stream: Stream,
    /// The address that answered.
    pub peer: String,
}

impl Connector<'_> {
    /// Starts to connect. The reactor reports the deadlines as dial `number`, and the sockets as its attempts.
    ///
    /// # Errors
    /// When the name lookup cannot be started.
    pub fn start(&self, reactor: &Reactor, number: usize) -> Result<Connecting, Error> {
        let until = reactor.now().checked_add(self.limit);
        let dial = Dial::start(self.address, self.family, self.options, reactor, number)?;
        Ok(Connecting { dial, key: Key::Dial(number), limit: self.limit, limited_by: self.limited_by, until })
    }
}

impl Connecting {
    /// Notes an event of the reactor.
    pub fn on_ready(&mut self, ready: Ready) {
        self.dial.on_ready(ready);
    }

    /// Continues; `None`: poll again after an event, or when the reactor reports the dial.
    ///
    /// # Errors
    /// When every address has failed, an option cannot be set, or the time is over.
    pub fn poll(&mut self, reactor: &mut Reactor) -> Result<Option<Connected>, Error> {
        let next = match self.dial.poll(reactor)? {
            DialState::Connected(stream, peer) => return Ok(Some(Connected { stream, peer })),
            DialState::Pending(next) => next,
        };
        if self.until.is_some_and(|until| reactor.now() >= until) {
            self.abandon(reactor);
            return Err(self.dial.timeout(self.limit, self.limited_by));
        }
        if let Some(at) = next.into_iter().chain(self.until).min() {
            reactor.wake_at(self.key, at);
        }
        Ok(None)
    }

    /// Aborts the attempts in progress.
    pub fn abandon(&mut self, reactor: &Reactor) {
        self.dial.abandon(reactor);
    }
}

impl Connected {
    /// The connection. `number` selects the random numbers of its plan; `made_for` is the client's connection in
    /// a relay.
    #[must_use]
    pub fn into_conn(
        self,
        number: u64,
        made_for: Option<ConnId>,
        traffic: &Traffic,
        raw: bool,
        recorder: &Recorder,
    ) -> Conn {
        let origin = Origin { side: Side::Connect, peer: self.peer, number, made_for };
        Conn::new(self.stream, origin, traffic, raw, recorder)
    }
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
    fn connect(address: &Address, limit: Duration, passes_events: bool) -> Result<Connected, Error> {
        let options = &SocketOptions::default();
        let connector = Connector { address, family: Family::Any, options, limit, limited_by: "the test" };
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
        let connected = connect(&address, Duration::MAX, true).unwrap();
        assert_eq!(connected.peer, address.to_string());
    }

    #[test]
    fn connection_not_made_in_time_is_an_error() {
        let (_listener, address) = listener();
        let error = connect(&address, Duration::from_millis(20), false).unwrap_err();
        assert!(matches!(error, Error::Timeout { option: "the test", .. }), "{error}");
    }
}
