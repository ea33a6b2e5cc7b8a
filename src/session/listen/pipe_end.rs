//! The standard streams of `listen --service pipe`: bytes that clients did not get, and bytes that stdout did not
//! take.

use std::io;

use super::super::Context;
use super::super::exchange::{Ended, Exchange, Leftover};
use super::super::input_wait::InputWait;
use super::super::meter::Meter;
use super::losses::Losses;
use super::phase::Phase;
use crate::config::{Direction, ListenConfig, PipeMode};
use crate::error::{Error, Operation};
use crate::io::console::Console;
use crate::io::report::Report;
use crate::peer::life::CloseReason;
use crate::service::{PeerId, Service};
use crate::value::counted;

/// The standard streams of a pipe, and what was lost.
pub(super) struct PipeEnd {
    losses: Losses,
    input_wait: InputWait,
    meter: Meter,
}

impl PipeEnd {
    /// Opens the standard streams.
    pub(super) fn open<S: Service>(
        pipe: &PipeMode,
        config: &ListenConfig,
        context: &Context,
        exchange: &mut Exchange<S>,
    ) -> Result<Self, Error> {
        let read_input = pipe.stream.direction != Direction::Receive;
        let console =
            Console::open(&exchange.reactor, read_input).map_err(Error::local(Operation::Open, "stdin and stdout"))?;
        exchange.add_console(console, config.traffic.max_message);
        exchange.peers.ack_timeout = Some(pipe.stream.ack_timeout());
        Ok(PipeEnd {
            losses: Losses::of(exchange.traits.clients),
            input_wait: InputWait::of_stream(),
            meter: Meter::start(&config.output, &context.report, exchange),
        })
    }

    /// Prints the progress, and that stdin is waited for.
    pub(super) fn end_turn<S: Service>(&mut self, exchange: &mut Exchange<S>, config: &ListenConfig, report: &Report) {
        self.meter.measure(exchange);
        let now = exchange.now();
        self.input_wait.check(exchange, report, config.output.quiet, now);
    }

    /// Prints the total of the progress.
    pub(super) fn end_meter<S: Service>(&mut self, exchange: &Exchange<S>) {
        self.meter.end(exchange);
    }

    /// Sends the bytes that can be read from stdin now, as far as the client takes them at once. If there are
    /// more, the client gets a reset, because its stream is incomplete.
    pub(super) fn send_last_input<S: Service>(&mut self, exchange: &mut Exchange<S>) {
        if exchange.forward_last_input() {
            return;
        }
        let client = exchange.hosted.service.sink(PeerId::Console);
        if let Some(conn) = exchange.peers.conn(client) {
            let error = Error::network(Operation::Serve, conn.peer())(stopped_with("bytes unsent"));
            self.losses.stopped(client, error);
        }
        exchange.abort_by_shutdown(client);
    }

    /// Notes the bytes that are left when the time for an orderly end is over.
    pub(super) fn note_leftover<S: Service>(&mut self, exchange: &mut Exchange<S>) {
        let client = exchange.hosted.service.sink(PeerId::Console);
        if let Some(conn) = exchange.peers.conn(client).filter(|conn| conn.backlog() > 0) {
            let unsent = format!("{} unsent", counted(conn.backlog() as u64, "byte"));
            self.losses.stopped(client, Error::network(Operation::Serve, conn.peer())(stopped_with(&unsent)));
        }
        let unwritten = match exchange.leftover(client) {
            Leftover { held: 0, more: false } => None,
            Leftover { held: 0, more: true } => Some("bytes unwritten".to_owned()),
            Leftover { held, more: false } => Some(format!("{} unwritten", counted(held as u64, "byte"))),
            Leftover { held, more: true } => Some(format!("more than {} unwritten", counted(held as u64, "byte"))),
        };
        if let Some(unwritten) = unwritten {
            self.losses.unwritten(Error::local(Operation::WriteTo, "stdout")(stopped_with(&unwritten)));
        }
    }

    /// Notes the loss of a connection. With one connection it is the error of the run; with several, each loss
    /// is printed at once, and the status reports it at the end.
    pub(super) fn note_loss(&mut self, ended: &Ended, phase: Phase, report: &Report) {
        if phase.is_ending() && matches!(ended.reason, CloseReason::Done) {
            return; // it was stopped, and `note_leftover` has noted the loss
        }
        let Some(loss) = ended.delivery.loss(ended.name.as_str(), &ended.reason) else { return };
        if let Some(loss) = self.losses.failed(ended.id, loss) {
            report.warning(&loss.to_string());
        }
    }

    /// The result of the run: its failure, or the number of connections that lost bytes.
    pub(super) fn outcome(self) -> Result<(), Error> {
        self.losses.outcome()
    }
}

/// The error of a pipe that was stopped before everything was sent.
fn stopped_with(what: &str) -> io::Error {
    io::Error::other(format!("stopped with {what}"))
}
