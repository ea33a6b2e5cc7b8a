//! Expected replies: their time limit, and the errors for missing replies.

use std::time::{Duration, Instant};

use super::Run;
use crate::error::{Error, Operation, cause};
use crate::io::key::Key;
use crate::peer::life::CloseReason;
use crate::service::Service;
use crate::value::Span;

/// The progress that restarts the time limit of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Awaited {
    answered: u64,
    /// The bytes that are waiting to be sent, while the message of the next reply is not sent completely.
    waiting: usize,
}

/// The time limit of the next reply (`--timeout`).
#[derive(Debug, Default)]
pub(super) struct ReplyClock {
    /// The progress when the clock was set, and the time.
    set: Option<(Awaited, Instant)>,
}

impl ReplyClock {
    /// The error if the next reply is overdue. Its time starts when the previous reply was received and its message was
    /// sent. While the message is being sent, only the time in which the server does not read counts.
    pub(super) fn overdue<S: Service>(
        &mut self,
        run: &mut Run<'_, S>,
        (sent, answered): (u64, u64),
        now: Instant,
    ) -> Option<Error> {
        let limit = run.config.reply_timeout?;
        let conn = run.exchange.peers.conn(run.server)?;
        let is_sending = sent.saturating_sub(conn.unwritten() as u64) <= answered;
        if sent <= answered || (is_sending && conn.is_pausing()) {
            self.set = None;
            return None;
        }
        let awaited = Awaited { answered, waiting: if is_sending { conn.backlog() } else { 0 } };
        let since = match self.set {
            Some((before, since)) if before == awaited => since,
            _ => now,
        };
        self.set = Some((awaited, since));
        let at = since.checked_add(limit)?;
        if now < at {
            run.exchange.reactor.wake_at(Key::Clock, at);
            return None;
        }
        Some(Error::Timeout {
            operation: Operation::Receive,
            address: run.endpoint(),
            what: "reply",
            limit,
            option: "--timeout",
        })
    }
}

/// The text for a server that ended without a reply after our end.
pub(super) const UNHEARD: &str =
    "closed without a reply after our close_notify (many TLS servers do this: --no-shutdown)";

/// The text for a server of rooms that asks a client without a login for one.
pub(super) const USERS_ONLY: &str = "the server serves users only (--user NAME logs in)";

/// The error that the connection ended with this number of messages unanswered.
pub(super) fn lost<S>(run: &Run<'_, S>, how: String, unanswered: u64) -> Error {
    Error::Lost { address: run.endpoint(), how, unanswered }
}

/// The text for the end of the time of `--quit-after`.
pub(super) fn left_early(pause: Duration) -> String {
    format!("ended {} after the end of the input (--quit-after sets the time)", Span(pause))
}

/// The text for a reply that exceeds the limit.
pub(super) fn too_long<S>(run: &Run<'_, S>) -> String {
    let limit = run.config.traffic.max_message;
    format!("a reply of more than {limit} bytes (--max-message sets the limit)")
}

/// The reason why a connection was lost; `None` if it was closed in order.
pub(super) fn how_lost(why: &CloseReason) -> Option<String> {
    match why {
        CloseReason::Failed(error) | CloseReason::Unwritable(error) => Some(cause(error)),
        CloseReason::Garbled(error) => Some(error.to_string()),
        CloseReason::Unacknowledged => Some("not everything sent was acknowledged".to_owned()),
        CloseReason::Done | CloseReason::Idle | CloseReason::Overrun => None,
    }
}
