//! How a listener's pipe ends: what its clients did not get, and what stdout did not take.

use std::io;
use std::time::Instant;

use super::super::exchange::{Ended, Leftover, Why};
use super::server::Server;
use crate::error::{Error, bytes};
use crate::service::{CONSOLE, Service};

impl<S: Service> Server<'_, S> {
    /// A pipe is stopped: what stands ready on stdin is passed on as far as it is taken at once. If
    /// there is more, its client must not take what it has for all.
    pub(super) fn cut_input_short(&mut self, now: Instant) {
        if self.exchange.pass_last_input(now) {
            return;
        }
        let client = self.exchange.service.sink(CONSOLE);
        if let Some(conn) = self.exchange.cut_short(client) {
            self.failure = Some(Error::network("serve", conn.peer())(stopped_with("bytes unsent")));
        }
    }

    /// The time for an orderly end is over, and a pipe is there to pass everything on.
    pub(super) fn note_leftover(&mut self, now: Instant) {
        let client = self.exchange.service.sink(CONSOLE);
        if let Some(conn) = self.exchange.conn(client).filter(|conn| conn.backlog() > 0) {
            let unsent = format!("{} unsent", bytes(conn.backlog()));
            self.failure = Some(Error::network("serve", conn.peer())(stopped_with(&unsent)));
        }
        let unwritten = match self.exchange.leftover(client, now) {
            Leftover { held: 0, more: false } => None,
            Leftover { held: 0, more: true } => Some("bytes unwritten".to_owned()),
            Leftover { held, more: false } => Some(format!("{} unwritten", bytes(held))),
            Leftover { held, more: true } => Some(format!("more than {} unwritten", bytes(held))),
        };
        if let Some(unwritten) = unwritten {
            self.failure = Some(Error::local("write to", "stdout")(stopped_with(&unwritten)));
        }
    }

    /// Notes what the connection of a pipe has lost. The one connection of a pipe is the whole run;
    /// of several, each loss is said when it is seen, and the status tells of it at the end.
    pub(super) fn note_loss(&mut self, Ended { name, why, delivery, .. }: &Ended) {
        if self.grace.is_some() && matches!(why, Why::Done) {
            return; // it was stopped, and that has been noted
        }
        let Some(loss) = delivery.loss(name, why) else { return };
        if self.config.is_one_pipe() {
            self.failure.get_or_insert(loss);
        } else {
            self.context.report.warning(&loss.to_string());
            self.losses += 1;
        }
    }

    /// What a run has come to: its failure, or that connections of a kept pipe have lost bytes.
    pub(super) fn outcome(&mut self) -> Result<(), Error> {
        if self.exchange.console_closed() {
            return Err(Error::OutputGone);
        }
        match (self.failure.take(), self.losses) {
            (Some(failure), _) => Err(failure),
            (None, 0) => Ok(()),
            (None, connections) => Err(Error::Incomplete { connections }),
        }
    }
}

/// Why a pipe has failed that was stopped before all was passed on.
fn stopped_with(what: &str) -> io::Error {
    io::Error::other(format!("stopped with {what}"))
}
