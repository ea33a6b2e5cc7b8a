//! Replies that are due: how long each may take, and what is said where they do not come.

use std::time::{Duration, Instant};

use super::super::exchange::Why;
use super::Run;
use crate::error::{Error, Operation, cause};
use crate::io::key::Key;
use crate::service::Service;
use crate::value::Span;

/// What begins the time of the next reply anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    answered: u64,
    /// Bytes that wait, while the message that is to be answered next has not left whole.
    waiting: usize,
}

/// The time of the reply that is due next, as `--timeout` limits it.
#[derive(Debug, Default)]
pub(super) struct ReplyClock {
    /// How far the conversation was when the clock was set, and when that was.
    set: Option<(Progress, Instant)>,
}

impl ReplyClock {
    /// Each reply has its time, counted from when it became the next one due and its message had
    /// left. While that still leaves, no time is counted but what the server makes it wait.
    pub(super) fn overdue<S: Service>(
        &mut self,
        run: &mut Run<'_, S>,
        (sent, answered): (u64, u64),
        now: Instant,
    ) -> Option<Error> {
        let limit = run.config.reply_timeout?;
        let conn = run.exchange.conn(run.server)?;
        let leaving = sent.saturating_sub(conn.unwritten() as u64) <= answered;
        if sent <= answered || (leaving && conn.is_pausing()) {
            self.set = None;
            return None;
        }
        let progress = Progress { answered, waiting: if leaving { conn.backlog() } else { 0 } };
        let since = match self.set {
            Some((before, since)) if before == progress => since,
            _ => now,
        };
        self.set = Some((progress, since));
        let at = since.checked_add(limit)?;
        if now < at {
            run.exchange.reactor.wake_at(Key::Clock, at);
            return None;
        }
        Some(Error::Timeout {
            operation: Operation::Receive,
            address: run.address.to_string(),
            what: "reply",
            limit,
            option: "--timeout",
        })
    }
}

/// That the connection has ended with this many messages unanswered.
pub(super) fn lost<S>(run: &Run<'_, S>, how: String, unanswered: u64) -> Error {
    Error::Lost { address: run.address.to_string(), how, unanswered }
}

/// That the time of `--quit-after` is over.
pub(super) fn left_early(pause: Duration) -> String {
    format!("ended {} after the end of the input (--quit-after sets the time)", Span(pause))
}

/// That a reply was longer than is allowed.
pub(super) fn too_long<S>(run: &Run<'_, S>) -> String {
    let limit = run.config.traffic.max_message;
    format!("a reply of more than {limit} bytes (--max-message sets the limit)")
}

/// How a connection was lost, in words; `None` where it ended in order.
pub(super) fn how_lost(why: &Why) -> Option<String> {
    match why {
        Why::Failed(error) | Why::Unwritable(error) => Some(cause(error)),
        Why::Garbled(error) => Some(error.to_string()),
        Why::Unacknowledged => Some("not everything sent was acknowledged".to_owned()),
        Why::Done | Why::Idle => None,
    }
}
