//! Another connection in the place of one that was lost (`--reconnect`), while the person types on.

use std::time::Instant;

use super::super::super::call::connector;
use super::super::Run;
use super::{announce, inbox};
use crate::error::{Error, Operation};
use crate::io::connector::{Connected, Connecting};
use crate::io::key::Key;
use crate::io::reactor::Ready;
use crate::service::talk::Talk;

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
    /// A try is in progress.
    Dialing(Box<Connecting>),
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
        if let Step::Dialing(connecting) = &mut self.step {
            connecting.on_ready(event);
        }
    }

    /// Goes on trying.
    pub(super) fn poll(&mut self, run: &mut Run<'_, Talk>, now: Instant) -> Outcome {
        loop {
            let (config, reactor) = (run.config, &mut run.exchange.reactor);
            match &mut self.step {
                Step::Resting(at) if now < *at => {
                    reactor.wake_at(Key::Clock, *at);
                    return Outcome::Pending;
                }
                Step::Resting(_) => match connector(config, run.address).start(reactor, 0) {
                    Ok(connecting) => self.step = Step::Dialing(Box::new(connecting)),
                    Err(error) => return Outcome::Failed(error),
                },
                Step::Dialing(connecting) => match connecting.poll(reactor) {
                    Ok(Some(connected)) => return self.take(connected, run),
                    Ok(None) => return Outcome::Pending,
                    Err(Error::Network { .. } | Error::Timeout { .. }) => {
                        self.step = Step::Resting(now + config.retry.delay);
                    }
                    Err(error) => return Outcome::Failed(error),
                },
            }
        }
    }

    fn take(&self, connected: Connected, run: &mut Run<'_, Talk>) -> Outcome {
        let (config, context) = (run.config, run.context);
        announce(config, &context.report, &connected.peer);
        let conn = connected.into_conn(self.number, None, &config.traffic, false, &context.recorder);
        match run.exchange.add(conn, inbox(config)) {
            Ok(server) => {
                run.server = server;
                Outcome::Connected
            }
            Err(error) => Outcome::Failed(Error::network(Operation::Connect, run.address)(error)),
        }
    }
}
