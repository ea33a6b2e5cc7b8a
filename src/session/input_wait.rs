//! Reports once that the peer has ended and the run waits for stdin; a silent run looks stuck.

use std::time::Instant;

use super::exchange::{Exchange, SILENCE};
use crate::io::key::Key;
use crate::io::report::Report;
use crate::service::Service;

/// The wait for stdin after the peer's end.
#[derive(Debug)]
pub(super) struct InputWait {
    /// The options that would not wait, if there are any.
    ways_out: &'static str,
    /// The time since when stdin is silent, and the number of bytes read by then.
    since: Option<(Instant, u64)>,
    reported: bool,
}

impl InputWait {
    /// The wait of a stream.
    pub(super) fn of_stream() -> InputWait {
        InputWait::with(" (--recv-only does not read it, --end-with-peer leaves now)")
    }

    /// The wait of messages that are sent to a server that owes no reply.
    pub(super) fn of_messages() -> InputWait {
        InputWait::with("")
    }

    fn with(ways_out: &'static str) -> InputWait {
        InputWait { ways_out, since: None, reported: false }
    }

    /// Checks the wait after a turn of the loop.
    pub(super) fn check<S: Service>(&mut self, exchange: &mut Exchange<S>, report: &Report, quiet: bool, now: Instant) {
        if !exchange.hosted.service.waits_for_input() {
            *self = InputWait::with(self.ways_out);
            return;
        }
        let read = exchange.peers.read_from_console();
        let since = match self.since {
            Some((since, before)) if before == read => since,
            _ => now,
        };
        self.since = Some((since, read));
        if self.reported || quiet {
            return;
        }
        if now < since + SILENCE {
            exchange.reactor.wake_at(Key::Clock, since + SILENCE);
            return;
        }
        self.reported = true;
        report.warning(&format!("peer closed its side; still waiting for stdin{}", self.ways_out));
    }
}
