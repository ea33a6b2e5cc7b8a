//! Another connection in the place of one that was lost (`--reconnect`), while the person types on.

use std::time::Instant;

use super::super::Run;
use super::{announce, inbox};
use crate::error::{Error, Operation};
use crate::io::conn::{Conn, Origin};
use crate::io::dial::{Dial, Progress};
use crate::io::driver::Ready;
use crate::io::key::Key;
use crate::io::stream::Stream;
use crate::service::talk::Talk;
use crate::trace::Side;

/// The tries to connect again.
#[derive(Debug)]
pub(super) struct Redial {
    /// The number of the connection that is to be made.
    number: u64,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The next try begins at this time.
    Resting(Instant),
    /// A try that is over at this time.
    Dialing(Box<Dial>, Instant),
}

/// What has become of it.
#[derive(Debug)]
pub(super) enum Outcome {
    Pending,
    Connected,
    /// It is of no use to try again.
    Failed(Error),
}

impl Redial {
    /// The first try begins at this time.
    pub(super) fn new(number: u64, at: Instant) -> Redial {
        Redial { number, step: Step::Resting(at) }
    }

    /// Notes an event of the loop.
    pub(super) fn on_ready(&mut self, event: Ready) {
        if let Step::Dialing(dial, _) = &mut self.step {
            dial.on_ready(event);
        }
    }

    /// Goes on trying.
    pub(super) fn poll(&mut self, run: &mut Run<'_, Talk>, now: Instant) -> Outcome {
        loop {
            let (config, driver) = (run.config, &mut run.exchange.driver);
            match &mut self.step {
                Step::Resting(at) if now < *at => {
                    driver.wake_at(Key::Clock, *at);
                    return Outcome::Pending;
                }
                Step::Resting(_) => {
                    let begun = Dial::start(run.address, config.family, &config.traffic.socket, driver, 0);
                    match begun {
                        Ok(dial) => self.step = Step::Dialing(Box::new(dial), now + config.connect_limit.time),
                        Err(error) => return Outcome::Failed(error),
                    }
                }
                Step::Dialing(dial, until) => match dial.poll(driver, now) {
                    Ok(Progress::Connected(stream, name)) => return self.take(stream, name, run),
                    Ok(Progress::Pending(_)) if now >= *until => {
                        dial.abandon(driver);
                        self.step = Step::Resting(now + config.retry.delay);
                    }
                    Ok(Progress::Pending(next)) => {
                        driver.wake_at(Key::Clock, next.map_or(*until, |at| at.min(*until)));
                        return Outcome::Pending;
                    }
                    Err(Error::Network { .. }) => self.step = Step::Resting(now + config.retry.delay),
                    Err(error) => return Outcome::Failed(error),
                },
            }
        }
    }

    fn take(&self, stream: Stream, name: String, run: &mut Run<'_, Talk>) -> Outcome {
        let (config, context) = (run.config, run.context);
        announce(config, &context.report, &name);
        let origin = Origin { side: Side::Connect, peer: name, number: self.number, made_for: None };
        let conn = Conn::new(stream, origin, &config.traffic, false, &context.recorder);
        match run.exchange.add(conn, inbox(config)) {
            Ok(server) => {
                run.server = server;
                Outcome::Connected
            }
            Err(error) => Outcome::Failed(Error::network(Operation::Connect, run.address)(error)),
        }
    }
}
