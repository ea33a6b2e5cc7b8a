//! The connections to a listener: the first one whose first line is right is served, and the others are rejected with a
//! reason. A connection that says nothing holds no other one up.

use std::time::{Duration, Instant};

use super::wire::{Read, Wire};
use crate::config::LinkConfig;
use crate::error::{Error, Operation, cause};
use crate::io::conn::{Conn, Origin};
use crate::io::encoding::ServerEncoding;
use crate::io::key::Key;
use crate::io::listener::{Arrival, Listener, NoArrival};
use crate::io::reactor::{Reactor, Ready};
use crate::session::Context;
use crate::session::rate_limit::RateLimited;
use crate::trace::Side;
use crate::transfer::{LONGEST, Line, Role, Violation, first_line};

/// The most connections that have not sent their first line.
const MOST: usize = 64;
/// The time within which the first line has to come.
const GREETS: Duration = Duration::from_secs(10);
/// The pause after accept has found no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// The listening socket, and its connections without a first line.
pub(super) struct Arrivals<'a> {
    config: &'a LinkConfig,
    context: &'a Context,
    /// What this side does.
    role: Role,
    listener: Listener,
    encoding: Option<ServerEncoding>,
    open: Vec<Option<Opening>>,
    /// The connections so far: each has its number in its key, so that no event is taken for that of another one.
    accepted: usize,
    rejected: RateLimited,
}

/// A connection that has not sent its first line, or is rejected.
struct Opening {
    wire: Wire,
    received: Vec<u8>,
    until: Instant,
    is_closing: bool,
}

/// What has become of a connection in a turn.
enum Step {
    Waits,
    /// Its first line is right.
    Greeted,
    Rejected(Violation),
    /// It fails, before it has sent its first line.
    Failed(String),
    Over,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(
        config: &'a LinkConfig,
        context: &'a Context,
        role: Role,
        listener: Listener,
        encoding: Option<ServerEncoding>,
    ) -> Self {
        let (open, rejected) = ((0..MOST).map(|_| None).collect(), RateLimited::once_a_second());
        Arrivals { config, context, role, listener, encoding, open, accepted: 0, rejected }
    }

    /// Notes an event of the reactor.
    pub(super) fn on_ready(&mut self, ready: Ready) {
        self.open.iter_mut().flatten().for_each(|opening| opening.wire.on_ready(ready));
    }

    /// Returns a connection whose first line is right, with what was received from it.
    ///
    /// # Errors
    /// When the listening socket fails.
    pub(super) fn next(&mut self, reactor: &mut Reactor) -> Result<Option<(Wire, Vec<u8>)>, Error> {
        self.accept(reactor)?;
        for number in 0..self.open.len() {
            if matches!(self.drive(number, reactor), Step::Greeted) {
                let opening = self.open[number].take();
                return Ok(opening.map(|opening| (opening.wire, opening.received)));
            }
        }
        Ok(None)
    }

    /// Rejects the connections that come while another one is served.
    ///
    /// # Errors
    /// When the listening socket fails.
    pub(super) fn reject(&mut self, reactor: &mut Reactor) -> Result<(), Error> {
        if self.config.keeps_open() {
            return Ok(()); // they are served later
        }
        self.accept(reactor)?;
        for number in 0..self.open.len() {
            if matches!(self.drive(number, reactor), Step::Greeted) {
                self.reject_one(number, "another transfer is running", reactor);
            }
        }
        Ok(())
    }

    /// Gives those that have waited for another transfer the time for their first line.
    pub(super) fn resume(&mut self, reactor: &mut Reactor) {
        for opening in self.open.iter_mut().flatten() {
            opening.until = reactor.now() + GREETS;
        }
    }

    fn accept(&mut self, reactor: &mut Reactor) -> Result<(), Error> {
        while let Some(number) = self.open.iter().position(Option::is_none) {
            match self.listener.accept() {
                Ok(arrival) => {
                    let peer = arrival.peer.clone();
                    match self.open(arrival, reactor) {
                        Ok(opening) => self.open[number] = Some(opening),
                        Err(error) => self.report(&format!("accept {peer}: {error}"), reactor.now()),
                    }
                }
                Err(NoArrival::Gone) => {}
                Err(NoArrival::Nobody | NoArrival::NoMore) => break,
                Err(NoArrival::Exhausted(error)) => {
                    self.report(&format!("accept: {}; new connections wait", cause(&error)), reactor.now());
                    reactor.wake_at(Key::Listener, reactor.now() + PAUSE);
                    break;
                }
                Err(NoArrival::Failed(error)) => {
                    return Err(Error::network(Operation::Accept, self.listener.shown())(error));
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, arrival: Arrival, reactor: &mut Reactor) -> Result<Opening, String> {
        let (traffic, context) = (&self.config.traffic, self.context);
        arrival.stream.set_options(&traffic.socket, arrival.family()).map_err(|error| error.to_string())?;
        if self.config.output.show_options && self.accepted == 0 {
            crate::session::show_options(&arrival.stream, Some(&self.listener), &traffic.socket, context);
        }
        let (side, peer, endpoint) = (Side::Listen, arrival.peer.clone(), arrival.peer.as_str().into());
        let origin =
            Origin { side, peer, number: self.accepted as u64, made_for: None, sent_to_proxy: None, witness: None };
        let key = Key::Conn(self.accepted);
        self.accepted += 1;
        let protocol = self.encoding.as_ref().map(|server| server.encoding.begin(None)).transpose();
        let protocol = protocol.map_err(|error| error.to_string())?;
        let conn = Conn::of(arrival.stream, origin, traffic, true, &context.recorder, protocol);
        let wire = Wire::new(conn, key, endpoint, reactor).map_err(|error| cause(&error))?;
        // It may have sent something before it was registered.
        wire.again(reactor);
        Ok(Opening { wire, received: Vec::new(), until: reactor.now() + GREETS, is_closing: false })
    }

    fn drive(&mut self, number: usize, reactor: &mut Reactor) -> Step {
        let role = self.role;
        let Some(opening) = &mut self.open[number] else { return Step::Waits };
        match opening.step(role, reactor) {
            Step::Rejected(why) => {
                self.reject_one(number, &why.to_string(), reactor);
                Step::Waits
            }
            Step::Failed(why) => {
                opening.wire.flush(reactor); // an alert of TLS
                let text = format!("rejected {}: {why}", opening.wire.endpoint());
                self.report(&text, reactor.now());
                self.close_one(number, reactor);
                Step::Over
            }
            Step::Over => {
                self.close_one(number, reactor);
                Step::Over
            }
            other => other,
        }
    }

    fn close_one(&mut self, number: usize, reactor: &mut Reactor) {
        if let Some(opening) = self.open[number].take() {
            opening.wire.close(reactor);
        }
        reactor.again(Key::Listener); // there is room for another one
    }

    fn reject_one(&mut self, number: usize, why: &str, reactor: &mut Reactor) {
        let Some(opening) = &mut self.open[number] else { return };
        let mut line = Vec::new();
        Line::Error(why.to_owned()).encode(&mut line);
        opening.wire.send(&line);
        opening.wire.begin_close(reactor);
        (opening.is_closing, opening.until) = (true, reactor.now() + GREETS);
        opening.wire.again(reactor);
        let text = format!("rejected {}: {why}", opening.wire.endpoint());
        self.report(&text, reactor.now());
    }

    fn report(&mut self, text: &str, now: Instant) {
        if !self.config.output.quiet {
            self.rejected.log(text.to_owned(), now, &self.context.report);
        }
    }

    /// Closes the listening socket.
    pub(super) fn close(mut self, reactor: &Reactor) {
        self.rejected.end(&self.context.report);
        for opening in self.open.into_iter().flatten() {
            opening.wire.close(reactor);
        }
        self.listener.close(reactor);
    }
}

impl Opening {
    fn step(&mut self, role: Role, reactor: &mut Reactor) -> Step {
        let is_late = reactor.now() >= self.until;
        if self.is_closing {
            return if self.wire.drive_close(reactor) || is_late { Step::Over } else { self.wait(reactor) };
        }
        self.wire.flush(reactor);
        loop {
            match first_line(&self.received, role.other()) {
                Ok(Some(Line::Error(why))) => return Step::Failed(format!("the {}: {why}", role.other().side())),
                Ok(Some(_)) => return Step::Greeted,
                Ok(None) => {}
                Err(violation) => return Step::Rejected(violation),
            }
            let mut buf = [0; 4 * LONGEST];
            match self.wire.read(&mut buf, reactor) {
                Read::Bytes(n) => self.received.extend_from_slice(&buf[..n]),
                Read::Nothing if is_late => return Step::Rejected(Violation::Silent),
                Read::Nothing => return self.wait(reactor),
                Read::Ended(Some(error)) => return Step::Failed(cause(&error)),
                Read::Ended(None) if self.received.is_empty() => return Step::Over,
                Read::Ended(None) => return Step::Failed("it has ended within its first line".to_owned()),
            }
        }
    }

    fn wait(&self, reactor: &mut Reactor) -> Step {
        reactor.wake_at(Key::Clock, self.until);
        Step::Waits
    }
}
