//! Connecting, with the retries and time limits of the configuration.

use std::time::Duration;

use super::Context;
use crate::config::ConnectConfig;
use crate::error::{Error, Operation};
use crate::io::connector::{Connected, Connector};
use crate::io::key::Key;
use crate::io::reactor::{Reactor, Ready};
use crate::value::Address;

/// Connecting, with the retries and time limits of the configuration.
pub(super) struct Caller<'a> {
    pub(super) config: &'a ConnectConfig,
    pub(super) address: &'a Address,
    pub(super) context: &'a Context,
    /// The number of attempts left after the next one.
    left: u32,
}

impl<'a> Caller<'a> {
    pub(super) fn new(config: &'a ConnectConfig, address: &'a Address, context: &'a Context) -> Self {
        Caller { config, address, context, left: config.retry.times }
    }

    /// Whether a failed attempt is followed by another one.
    pub(super) fn may_try_again(&self) -> bool {
        self.left > 0
    }

    /// Connects; returns the connection and its event loop. `lost` is the error of an earlier connection, which
    /// counts as a failed attempt.
    pub(super) fn connect(&mut self, lost: Option<Error>) -> Result<(Reactor, Connected), Error> {
        let mut reactor =
            Reactor::new(self.config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
        self.context.signals.watch(&reactor.waker());
        if let Some(error) = lost {
            self.prepare_next(error, &mut reactor)?;
        }
        loop {
            match self.attempt(&mut reactor) {
                Ok(connected) => {
                    if self.left < self.config.retry.times {
                        self.context.report.status("");
                    }
                    return Ok((reactor, connected));
                }
                Err(error @ (Error::Network { .. } | Error::Timeout { .. })) => {
                    self.prepare_next(error, &mut reactor)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits before the next attempt; without one, returns the error.
    fn prepare_next(&mut self, error: Error, reactor: &mut Reactor) -> Result<(), Error> {
        if !self.may_try_again() {
            return Err(error);
        }
        self.left -= 1;
        if self.config.seeing.verbosity > 0 {
            self.context.report.event(&format!("{error}; trying again"));
        }
        self.rest(self.config.retry.delay, reactor)?;
        let times = self.config.retry.times;
        self.announce(u64::from(times - self.left) + 1, u64::from(times) + 1);
        Ok(())
    }

    /// Prints at a terminal which attempt begins, unless -v has printed how the previous one failed. The next
    /// line replaces it.
    fn announce(&self, number: u64, all: u64) {
        let (seeing, report) = (&self.config.seeing, &self.context.report);
        if seeing.quiet || seeing.verbosity > 0 || !report.is_terminal() {
            return;
        }
        let text = format!("connecting (try {number} of {all})");
        if report.redraws() { report.status(&text) } else { report.line(&text) }
    }

    fn attempt(&self, reactor: &mut Reactor) -> Result<Connected, Error> {
        let mut connecting = connector(self.config, self.address).start(reactor, 0)?;
        let mut ready = Vec::new();
        loop {
            if let Some(connected) = connecting.poll(reactor)? {
                return Ok(connected);
            }
            self.wait(reactor, &mut ready)?;
            for &event in &ready {
                connecting.on_ready(event);
            }
        }
    }

    fn rest(&self, pause: Duration, reactor: &mut Reactor) -> Result<(), Error> {
        let Some(until) = reactor.now().checked_add(pause) else { return Ok(()) };
        let mut ready = Vec::new();
        while reactor.now() < until {
            reactor.wake_at(Key::Clock, until);
            self.wait(reactor, &mut ready)?;
        }
        Ok(())
    }

    fn wait(&self, reactor: &mut Reactor, ready: &mut Vec<Ready>) -> Result<(), Error> {
        ready.clear();
        reactor.wait(ready).map_err(Error::local(Operation::Wait, "the event loop"))?;
        if self.context.signals.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// One attempt to connect to the server.
pub(super) fn connector<'a>(config: &'a ConnectConfig, address: &'a Address) -> Connector<'a> {
    Connector {
        address,
        family: config.family,
        options: &config.traffic.socket,
        limit: config.connect_limit.time,
        limited_by: config.connect_limit.option,
    }
}
