//! Making the connection, as often and as long as the configuration has it.

use std::time::{Duration, Instant};

use super::Context;
use crate::config::ConnectConfig;
use crate::error::Error;
use crate::io::dial::{Dial, FIRST_KEY, Progress};
use crate::io::driver::{CLOCK, Driver, Ready};
use crate::io::stream::Stream;
use crate::value::Address;

/// Making the connection, as often and as long as the configuration has it.
pub(super) struct Caller<'a> {
    pub(super) config: &'a ConnectConfig,
    pub(super) address: &'a Address,
    pub(super) context: &'a Context,
    pub(super) driver: Driver,
}

impl Caller<'_> {
    pub(super) fn connect(mut self) -> Result<(Driver, Stream, String), Error> {
        let times = self.config.retry.times;
        let mut left = times;
        loop {
            match self.attempt() {
                Ok((stream, name)) => {
                    if left < times {
                        self.context.report.status("");
                    }
                    return Ok((self.driver, stream, name));
                }
                Err(error @ (Error::Network { .. } | Error::Timeout { .. })) if left > 0 => {
                    left -= 1;
                    if self.config.seeing.verbosity > 0 {
                        self.context.report.event(&format!("{error}; trying again"));
                    }
                    self.rest(self.config.retry.delay)?;
                    self.announce(u64::from(times - left) + 1, u64::from(times) + 1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reports at a terminal which try begins, where -v does not report how the last one failed. The
    /// line is gone once there is something else to report.
    fn announce(&self, number: u64, all: u64) {
        let (seeing, report) = (&self.config.seeing, &self.context.report);
        if seeing.quiet || seeing.verbosity > 0 || !report.is_terminal() {
            return;
        }
        let text = format!("connecting (try {number} of {all})");
        if report.redraws() { report.status(&text) } else { report.line(&text) }
    }

    fn attempt(&mut self) -> Result<(Stream, String), Error> {
        let begun = Instant::now();
        let options = &self.config.traffic.socket;
        let mut dial = Dial::start(self.address, self.config.family, options, &self.driver, FIRST_KEY)?;
        let limit = self.config.connect_timeout;
        let until = begun.checked_add(limit);
        let mut ready = Vec::new();
        loop {
            let now = Instant::now();
            match dial.poll(&self.driver, now)? {
                Progress::Connected(stream, name) => return Ok((stream, name)),
                Progress::Pending(next) => {
                    if until.is_some_and(|at| now >= at) {
                        dial.abandon(&self.driver);
                        return Err(dial.timeout(limit, "--connect-timeout"));
                    }
                    if let Some(at) = next.into_iter().chain(until).min() {
                        self.driver.wake_at(CLOCK, at);
                    }
                }
            }
            self.wait(&mut ready)?;
            for &event in &ready {
                dial.on_ready(event);
            }
        }
    }

    fn rest(&mut self, pause: Duration) -> Result<(), Error> {
        let Some(until) = Instant::now().checked_add(pause) else { return Ok(()) };
        let mut ready = Vec::new();
        while Instant::now() < until {
            self.driver.wake_at(CLOCK, until);
            self.wait(&mut ready)?;
        }
        Ok(())
    }

    fn wait(&mut self, ready: &mut Vec<Ready>) -> Result<(), Error> {
        ready.clear();
        self.driver.wait(ready).map_err(Error::local("wait in", "the event loop"))?;
        if self.context.signals.stopped() { Err(Error::Interrupted) } else { Ok(()) }
    }
}
