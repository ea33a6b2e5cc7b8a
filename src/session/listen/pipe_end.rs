//! The end of `listen --service pipe`: bytes that clients did not get, and bytes that stdout did not take.

use std::io;
use std::time::Instant;

use super::super::exchange::{Ended, Leftover, Why};
use super::server::Server;
use crate::error::{Error, Operation};
use crate::service::{Clients, PeerId, Service};
use crate::value::counted;

impl<S: Service> Server<'_, S> {
    /// Sends the bytes that can be read from stdin now, as far as the client takes them at once. If there are
    /// more, the client gets a reset, because its stream is incomplete.
    pub(super) fn cut_input_short(&mut self, now: Instant) {
        if self.exchange.pass_last_input(now) {
            return;
        }
        let client = self.exchange.service.sink(PeerId::Console);
        if let Some(conn) = self.exchange.cut_short(client) {
            self.failure = Some(Error::network(Operation::Serve, conn.peer())(stopped_with("bytes unsent")));
        }
    }

    /// Notes the bytes that are left when the time for an orderly end is over.
    pub(super) fn note_leftover(&mut self, now: Instant) {
        let client = self.exchange.service.sink(PeerId::Console);
        if let Some(conn) = self.exchange.conn(client).filter(|conn| conn.backlog() > 0) {
            let unsent = format!("{} unsent", counted(conn.backlog() as u64, "byte"));
            self.failure = Some(Error::network(Operation::Serve, conn.peer())(stopped_with(&unsent)));
        }
        let unwritten = match self.exchange.leftover(client, now) {
            Leftover { held: 0, more: false } => None,
            Leftover { held: 0, more: true } => Some("bytes unwritten".to_owned()),
            Leftover { held, more: false } => Some(format!("{} unwritten", counted(held as u64, "byte"))),
            Leftover { held, more: true } => Some(format!("more than {} unwritten", counted(held as u64, "byte"))),
        };
        if let Some(unwritten) = unwritten {
            self.failure = Some(Error::local(Operation::WriteTo, "stdout")(stopped_with(&unwritten)));
        }
    }

    /// Notes the loss of a connection. With one connection it is the error of the run; with several, each loss
    /// is printed at once, and the status reports it at the end.
    pub(super) fn note_loss(&mut self, Ended { name, why, delivery, .. }: &Ended) {
        if self.grace.is_some() && matches!(why, Why::Done) {
            return; // it was stopped, and `note_leftover` has noted the loss
        }
        let Some(loss) = delivery.loss(name, why) else { return };
        if self.config.mode.traits().clients == Clients::One {
            self.failure.get_or_insert(loss);
        } else {
            self.context.report.warning(&loss.to_string());
            self.losses += 1;
        }
    }

    /// The result of the run: its failure, or the number of connections that lost bytes.
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

/// The error of a pipe that was stopped before everything was sent.
fn stopped_with(what: &str) -> io::Error {
    io::Error::other(format!("stopped with {what}"))
}
