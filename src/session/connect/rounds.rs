//! The rounds of `--repeat`: the messages of `-m` are sent again, when their replies are there and the time has come.

use std::time::Instant;

use super::super::rate_limit::Quota;
use super::Run;
use crate::config::{Input, Rounds};
use crate::io::key::Key;
use crate::service::filter::{Filter, Mismatch};
use crate::service::{Event, PeerId};

/// The rounds that are left.
#[derive(Debug)]
pub(super) struct RoundsLeft {
    config: Rounds,
    /// The number of rounds that have begun.
    begun: u32,
    /// When the next round may begin.
    due: Instant,
    /// The lines about replies that do not match: the error at the end counts all of them.
    lines: Quota,
}

impl RoundsLeft {
    /// The first round has begun.
    pub(super) fn new(config: Rounds, now: Instant) -> Self {
        RoundsLeft { config, begun: 1, due: now + config.interval, lines: Quota::default() }
    }

    /// Prints the replies that have not matched `--expect`: each in a line, with its round.
    pub(super) fn report(&mut self, run: &mut Run<'_, Filter>, now: Instant) {
        let (Input::Given(messages), Some(expect)) = (&run.config.input, &run.config.probe.expect) else { return };
        for Mismatch { number, reply } in run.exchange.hosted.service.take_mismatches() {
            if run.config.output.quiet || !self.lines.admits(now) {
                continue;
            }
            let each = messages.len() as u64;
            let place = match number.map(|number| ((number - 1) / each + 1, (number - 1) % each + 1)) {
                None => format!("round {}", self.begun),
                Some((round, _)) if each == 1 => format!("round {round}"),
                Some((round, message)) => format!("round {round}, message {message}"),
            };
            let text = format!("{}: {place}: expected \"{expect}\", received {reply}", run.endpoint());
            run.context.report.warning(&text);
        }
    }

    /// Begins the next round if it is time, or ends the input after the last one.
    pub(super) fn advance(&mut self, run: &mut Run<'_, Filter>, now: Instant) {
        let filter = &run.exchange.hosted.service;
        let is_answered = filter.unanswered() == 0 && run.exchange.peers.backlog(run.server) == 0;
        if filter.input_ended() || !is_answered {
            return;
        }
        if self.begun == self.config.times {
            return run.exchange.act(Filter::end_input);
        }
        if run.lost.is_some() || filter.server_ended() {
            return; // the verdict says how
        }
        if now < self.due {
            return run.exchange.reactor.wake_at(Key::Clock, self.due);
        }
        // Rounds that were missed are not made up for.
        self.due = (self.due + self.config.interval).max(now);
        // Without a limit the number only has to differ from it.
        self.begun = self.begun.checked_add(1).unwrap_or(1);
        run.send_given();
    }
}

impl Run<'_, Filter> {
    /// Sends the messages of `-m`.
    fn send_given(&mut self) {
        let Input::Given(messages) = &self.config.input else { return };
        for message in messages {
            self.exchange.emit(Event::Message { peer: PeerId::Console, bytes: message });
        }
        let server = self.server;
        self.exchange.act(|_, context| context.flush(server));
    }
}
