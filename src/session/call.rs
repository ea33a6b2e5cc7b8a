//! Connecting to the other side of a run, with the retries and time limits of the configuration.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::Instant;

use super::Context;
use crate::config::{ConnectLimit, Output, ProxyHeader, Retry, Traffic};
use crate::error::{Error, Operation};
use crate::io::conn::Conn;
use crate::io::connector::{Connecting, Connector, Encoding, Make};
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::value::{Address, Family};

/// How connections are made, and what is printed meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallTerms<'a> {
    pub(super) traffic: &'a Traffic,
    /// They carry bytes, not messages.
    pub(super) raw: bool,
    pub(super) family: Family,
    pub(super) limit: ConnectLimit,
    pub(super) retry: Retry,
    /// The PROXY header that is sent first.
    pub(super) header: Option<&'a ProxyHeader>,
    pub(super) output: &'a Output,
}

/// The attempts to connect, one after the other, with pauses between them.
pub(super) struct Caller<'a> {
    terms: CallTerms<'a>,
    address: &'a Address,
    context: &'a Context,
    /// Encodes the bytes of the connections.
    encoding: Option<&'a dyn Encoding>,
    /// The number of the next connection.
    number: u64,
    /// The number of attempts left after the next one; `None` is any number, and none of them is printed.
    left: Option<u32>,
    step: Step,
}

enum Step {
    /// The next attempt begins at this time; `None` is now.
    Pausing(Option<Instant>),
    Connecting(Box<Connecting>),
}

impl<'a> Caller<'a> {
    /// As many attempts as the configuration has; the first begins at once.
    pub(super) fn new(
        terms: CallTerms<'a>,
        address: &'a Address,
        context: &'a Context,
        encoding: Option<&'a dyn Encoding>,
    ) -> Self {
        let left = Some(terms.retry.times);
        Caller { terms, address, context, encoding, number: 0, left, step: Step::Pausing(None) }
    }

    /// Any number of attempts for a connection of this number; the first begins after a pause.
    pub(super) fn without_end(
        terms: CallTerms<'a>,
        address: &'a Address,
        context: &'a Context,
        encoding: Option<&'a dyn Encoding>,
        number: u64,
        now: Instant,
    ) -> Self {
        let step = Step::Pausing(now.checked_add(terms.retry.delay));
        Caller { terms, address, context, encoding, number, left: None, step }
    }

    /// Whether a failed attempt is followed by another one.
    pub(super) fn may_try_again(&self) -> bool {
        self.left != Some(0)
    }

    /// Connects; returns the connection and its event loop. `lost` is the error of an earlier connection, which
    /// counts as a failed attempt.
    pub(super) fn connect(&mut self, lost: Option<Error>) -> Result<(Reactor, Conn), Error> {
        let reactor =
            Reactor::new(self.terms.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
        self.context.signals.watch(&reactor.waker());
        let mut calling = Calling { caller: self, reactor, lost };
        let connected = Reactor::run(&mut calling)?;
        if calling.caller.has_retried() {
            calling.caller.context.report.status("");
        }
        Ok((calling.reactor, connected))
    }

    /// Notes an event of the reactor.
    pub(super) fn on_ready(&mut self, ready: Ready) {
        if let Step::Connecting(connecting) = &mut self.step {
            connecting.on_ready(ready);
        }
    }

    /// Continues; `None`: poll again in a later turn, which the reactor wakes.
    ///
    /// # Errors
    /// The error of the last attempt, or one that no further attempt can mend.
    pub(super) fn poll(&mut self, reactor: &mut Reactor, now: Instant) -> Result<Option<Conn>, Error> {
        match &mut self.step {
            Step::Pausing(Some(until)) if now < *until => reactor.wake_at(Key::Clock, *until),
            Step::Pausing(_) => {
                self.announce();
                match self.connector().start(reactor, 0) {
                    Ok(connecting) => {
                        self.step = Step::Connecting(Box::new(connecting));
                        return self.poll(reactor, now);
                    }
                    Err(error) => self.retry(error, reactor, now)?,
                }
            }
            Step::Connecting(connecting) => match connecting.poll(reactor) {
                Ok(connected) => return Ok(connected),
                Err(error) => self.retry(error, reactor, now)?,
            },
        }
        Ok(None)
    }

    /// Pauses before the next attempt; without one, returns the error.
    fn retry(&mut self, error: Error, reactor: &mut Reactor, now: Instant) -> Result<(), Error> {
        let may_pass = match &error {
            // The peer does not keep to the protocol, or its certificate is refused: it will be the same again.
            Error::Network { source, .. } => source.kind() != ErrorKind::InvalidData,
            Error::Timeout { .. } => true,
            _ => false,
        };
        if !self.may_try_again() || !may_pass {
            return Err(error);
        }
        self.pause(&error, reactor, now);
        Ok(())
    }

    /// Pauses before the next attempt, after an error.
    fn pause(&mut self, error: &Error, reactor: &mut Reactor, now: Instant) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            if self.terms.output.verbosity > 0 {
                self.context.report.event(&format!("{error}; trying again"));
            }
        }
        let until = now.checked_add(self.terms.retry.delay).unwrap_or(now);
        reactor.wake_at(Key::Clock, until);
        self.step = Step::Pausing(Some(until));
    }

    /// One attempt to connect to the server.
    fn connector(&self) -> Connector<'_> {
        let CallTerms { traffic, raw, family, limit, header, .. } = self.terms;
        Connector {
            address: self.address,
            proxy: self.context.proxy.as_ref(),
            family,
            limit: limit.time,
            limited_by: limit.option,
            make: Make {
                traffic,
                raw,
                number: self.number,
                made_for: None,
                header,
                encoding: self.encoding,
                greeting: None,
                hello: None,
                recorder: &self.context.recorder,
                witness: self.context.witness.as_ref(),
            },
        }
    }

    fn has_retried(&self) -> bool {
        self.left.is_some_and(|left| left < self.terms.retry.times)
    }

    /// Prints at a terminal which attempt begins, unless it is the first or -v has printed how the previous one
    /// failed. The next line replaces it.
    fn announce(&self) {
        let (output, report, times) = (self.terms.output, &self.context.report, self.terms.retry.times);
        let Some(left) = self.left.filter(|&left| left < times) else { return };
        if output.quiet || output.verbosity > 0 || !report.is_terminal() {
            return;
        }
        let (number, all) = (u64::from(times - left) + 1, u64::from(times) + 1);
        let text = format!("connecting (try {number} of {all})");
        if report.redraws() { report.status(&text) } else { report.line(&text) }
    }
}

/// Connects before anything else is done.
struct Calling<'c, 'a> {
    caller: &'c mut Caller<'a>,
    reactor: Reactor,
    lost: Option<Error>,
}

impl Handler for Calling<'_, '_> {
    type Output = Conn;
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.caller.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<Conn>, Error> {
        if self.caller.context.signals.stopped() {
            return Err(Error::Interrupted);
        }
        if let Some(error) = self.lost.take() {
            if !self.caller.may_try_again() {
                return Err(error);
            }
            self.caller.pause(&error, &mut self.reactor, now);
        }
        let connected = self.caller.poll(&mut self.reactor, now)?;
        Ok(connected.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    }
}
