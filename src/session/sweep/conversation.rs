//! The times of one conversation of a sweep: when to half-close, and when to stop waiting.

use std::time::{Duration, Instant};

use super::super::account::Sending;
use crate::peer::outbox::Proofs;
use crate::plan::Trial;
use crate::service::probe::Replies;
use crate::verdict::Ending;

/// The shortest and the longest silence after the first reply, until it is taken to be complete.
const GRACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// The time limits of all conversations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The silence after which an incomplete conversation ends.
    pub(super) silence: Duration,
    /// The time within which the server has to read.
    pub(super) timeout: Duration,
    /// The number of expected replies is a guess: more bytes may follow.
    pub(super) guessed: bool,
    /// There are no messages: how long to wait for the server's end after ours, which means nothing.
    pub(super) handshake_only: Option<Duration>,
}

/// A running conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) trial: Trial,
    /// When the connection was made.
    begun: Instant,
    /// The last time that a byte was sent or received.
    active: Instant,
    /// The last time that the server read bytes.
    taken: Instant,
    /// How far it had come in the last turn.
    last: State,
}

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) sending: Sending,
    pub(super) replies: Replies,
}

/// What a conversation does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for an event, at most until this time.
    Wait(Instant),
    /// It half-closes.
    Finish,
    /// It ends.
    End(Ending),
}

impl Conversation {
    pub(super) fn new(trial: Trial, now: Instant) -> Self {
        Conversation { trial, begun: now, active: now, taken: now, last: State::default() }
    }

    /// What to do after a turn.
    pub(super) fn next(&mut self, state: State, limits: Limits, now: Instant) -> Next {
        let State { sending, replies } = state;
        let State { sending: before, replies: Replies { received, .. } } = std::mem::replace(&mut self.last, state);
        if (sending.unsent, sending.awaiting) != (before.unsent, before.awaiting) {
            (self.active, self.taken) = (now, now);
        }
        if replies.received != received {
            self.active = now;
        }
        // The server has read nothing yet: it may be busy with other clients, which means nothing for this trial.
        let is_unread = sending.awaiting && sending.proofs == Proofs::default() && replies.received == 0;
        let silence = match limits.handshake_only {
            Some(wait) if replies.finished && sending.unsent == 0 => wait.min(limits.silence),
            _ if is_unread => limits.timeout,
            _ => limits.silence,
        };
        // A server that sends slowly without end must not delay the end forever.
        let until = (self.active + silence).min(self.taken + limits.timeout);
        if now >= until {
            let sends = now < self.active + silence && replies.received > 0;
            return Next::End(if sends { Ending::Endless } else { Ending::Open });
        }
        if replies.finished || sending.unsent > 0 {
            return Next::Wait(until);
        }
        // The server may send more after the half-close.
        let wait = if replies.complete { self.grace(limits.guessed).min(silence / 2) } else { silence / 2 };
        let at = (self.active + wait).min(self.taken + limits.timeout / 2);
        if now < at { Next::Wait(at) } else { Next::Finish }
    }

    /// The silence after everything expected, before half-closing. If the expectation is a guess, it is long
    /// compared with the time that the reply took.
    fn grace(&self, guessed: bool) -> Duration {
        let taken = self.active.saturating_duration_since(self.begun);
        if guessed { (taken * 20).clamp(GRACE.0, GRACE.1) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Layout;

    const LIMITS: Limits = Limits {
        silence: Duration::from_millis(300),
        timeout: Duration::from_secs(5),
        guessed: false,
        handshake_only: None,
    };
    /// Nothing came.
    const NONE: Replies = Replies { received: 0, complete: false, finished: false, over: false };
    /// Everything expected came.
    const ALL: Replies = Replies { received: 3, complete: true, ..NONE };

    /// Everything was sent.
    fn sent(replies: Replies) -> State {
        State { sending: Sending::default(), replies }
    }

    fn begin() -> (Conversation, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let after = move |ms| start + Duration::from_millis(ms);
        (Conversation::new(Layout::new(&[4]).whole(), start), after)
    }

    #[test]
    fn half_close_follows_the_last_expected_reply() {
        let (mut conversation, after) = begin();
        assert_eq!(conversation.next(sent(NONE), LIMITS, after(0)), Next::Wait(after(150)));
        assert_eq!(conversation.next(sent(ALL), LIMITS, after(10)), Next::Finish);
        let finished = sent(Replies { finished: true, ..ALL });
        assert_eq!(conversation.next(finished, LIMITS, after(10)), Next::Wait(after(310)));
        assert_eq!(conversation.next(finished, LIMITS, after(310)), Next::End(Ending::Open));
    }

    #[test]
    fn handshake_alone_does_not_wait_for_the_end_of_the_server() {
        let (mut conversation, after) = begin();
        let limits = Limits { handshake_only: Some(Duration::from_millis(50)), ..LIMITS };
        let shaken = Replies { complete: true, ..NONE };
        assert_eq!(conversation.next(sent(shaken), limits, after(0)), Next::Finish);
        let finished = sent(Replies { finished: true, ..shaken });
        assert_eq!(conversation.next(finished, limits, after(1)), Next::Wait(after(50)));
        assert_eq!(conversation.next(finished, limits, after(50)), Next::End(Ending::Open));
    }

    #[test]
    fn guessed_end_of_replies_is_awaited_longer() {
        let guessed = Limits { guessed: true, ..LIMITS };
        let (mut conversation, after) = begin();
        assert_eq!(conversation.next(sent(ALL), guessed, after(5)), Next::Wait(after(105)));
        assert_eq!(conversation.next(sent(ALL), guessed, after(105)), Next::Finish);
    }

    #[test]
    fn server_that_reads_nothing_gets_the_whole_timeout() {
        let (mut conversation, after) = begin();
        let unread = Sending { unsent: 2, awaiting: true, proofs: Proofs::default() };
        let next = conversation.next(State { sending: unread, replies: NONE }, LIMITS, after(1));
        assert_eq!(next, Next::Wait(after(5001)));
        let proofs = Proofs { confirmed: 1, unconfirmed: 0 };
        let read = State { sending: Sending { unsent: 1, proofs, ..unread }, replies: NONE };
        assert_eq!(conversation.next(read, LIMITS, after(400)), Next::Wait(after(700)));
        assert_eq!(conversation.next(read, LIMITS, after(700)), Next::End(Ending::Open));
    }

    #[test]
    fn server_that_sends_slowly_for_ever_is_stopped() {
        let (mut conversation, after) = begin();
        let sending = |received| sent(Replies { received, finished: true, ..NONE });
        for (received, ms) in (0..5000).step_by(200).enumerate() {
            assert!(matches!(conversation.next(sending(received), LIMITS, after(ms)), Next::Wait(_)), "{ms}");
        }
        assert_eq!(conversation.next(sending(100), LIMITS, after(5000)), Next::End(Ending::Endless));
    }
}
