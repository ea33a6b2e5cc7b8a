//! The times of one conversation of a sweep: when the next message is due, when to half-close, and when to stop waiting.

use std::time::{Duration, Instant};

use super::super::account::Sending;
use crate::peer::outbox::Proofs;
use crate::plan::Trial;
use crate::service::probe::{Certainty, Replies, Stage};
use crate::verdict::Ending;

/// The shortest and the longest silence after the first bytes of a reply whose end is not known, until it is taken to be
/// complete.
const GRACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// The same as a multiple of the time that the reply took.
const GRACE_FACTOR: u32 = 20;
/// The shortest time within which a message is answered by a server that has answered before.
const LEAST_REPLY: Duration = Duration::from_millis(300);
/// The same as a multiple of the longest time that a reply took.
const REPLY_FACTOR: u32 = 50;

/// The time limits of all conversations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The silence after which an incomplete conversation ends.
    pub(super) silence: Duration,
    /// The time within which the server has to read.
    pub(super) timeout: Duration,
    /// How long to wait for the server's end, after all replies and our end.
    pub(super) end: Duration,
    /// There are no messages: the server's end after ours means nothing.
    pub(super) handshake_only: bool,
}

impl Limits {
    /// The same, this much longer.
    pub(super) fn extended(self, extra: Duration) -> Limits {
        let Limits { silence, timeout, end, handshake_only } = self;
        Limits { silence: silence + extra, timeout: timeout + extra, end: end + extra, handshake_only }
    }
}

/// A running conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) trial: Trial,
    /// When the connection was ready.
    pub(super) begun: Instant,
    /// The last time that a byte was sent or received.
    active: Instant,
    /// The last time that the server read bytes.
    taken: Instant,
    /// When the part that is awaited could begin: the last one was complete.
    asked: Instant,
    /// The longest time that a reply took.
    slowest: Option<Duration>,
    /// How far it had come in the last turn.
    last: State,
    /// Whether the server had read all that was sent when it ended.
    pub(super) is_read: Option<bool>,
    /// The bytes of the requests that the server had read when this side ended it, where that is visible.
    pub(super) read: Option<usize>,
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
    /// The reply is taken to be complete, and the next message is sent.
    Advance,
    /// It half-closes.
    Finish,
    /// It ends.
    End(Ending),
}

/// The times that a conversation took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// From the connection to the last byte.
    pub(super) talk: Duration,
    /// The longest time from a message to its reply.
    pub(super) reply: Duration,
}

impl Conversation {
    pub(super) fn new(trial: Trial, now: Instant) -> Self {
        Conversation {
            trial,
            begun: now,
            active: now,
            taken: now,
            asked: now,
            slowest: None,
            last: State::default(),
            is_read: None,
            read: None,
        }
    }

    /// The times so far.
    pub(super) fn pace(&self) -> Pace {
        Pace { talk: self.active - self.begun, reply: self.slowest.unwrap_or_default() }
    }

    /// What to do after a turn.
    pub(super) fn next(&mut self, state: State, limits: Limits, now: Instant) -> Next {
        self.note(state, now);
        let State { sending, replies } = state;
        // The server has read nothing yet: it may be busy with other clients, which means nothing for this trial.
        let is_unread = sending.awaiting && sending.proofs == Proofs::default() && replies.received == 0;
        let finished = replies.stage != Stage::Open;
        let answered = replies.received > 0 || limits.handshake_only;
        let silence = match () {
            () if finished && replies.complete && sending.unsent == 0 && answered => limits.end,
            () if is_unread => limits.timeout,
            () => limits.silence,
        };
        // A server that sends slowly without end must not delay the end forever.
        let until = (self.active + silence).min(self.taken + limits.timeout);
        if now >= until {
            let was_active = self.active >= self.taken + limits.timeout / 2;
            let sends = now < self.active + silence && replies.received > 0 && was_active;
            return Next::End(if sends { Ending::Endless } else { Ending::Open });
        }
        if sending.unsent > 0 || finished {
            return Next::Wait(until);
        }
        if replies.complete {
            return Next::Finish;
        }
        let wait = match replies.end {
            Certainty::Known => return Next::Wait(until),
            Certainty::Near => silence / 2,
            Certainty::Unknown => self.patience(replies.has_begun, limits),
        };
        let at = (self.active + wait).min(self.taken + limits.timeout / 2);
        if now < at { Next::Wait(at.min(until)) } else { Next::Advance }
    }

    /// Notes when something has happened.
    fn note(&mut self, state: State, now: Instant) {
        let State { sending, replies } = state;
        let State { sending: before, replies: Replies { received, parts, .. } } =
            std::mem::replace(&mut self.last, state);
        if (sending.unsent, sending.awaiting) != (before.unsent, before.awaiting) {
            (self.active, self.taken) = (now, now);
        }
        if replies.received != received {
            self.active = now;
            self.slowest = self.slowest.max(Some(now - self.asked));
        }
        if replies.parts != parts {
            self.asked = now;
            self.active = now;
            // The server has not had this message yet.
            self.taken = now;
        }
    }

    /// The silence that ends a part whose end is not known: if it has begun, long compared with the time that it took,
    /// and otherwise with the replies so far.
    fn patience(&self, has_begun: bool, limits: Limits) -> Duration {
        let taken = self.active.saturating_duration_since(self.asked);
        match self.slowest {
            _ if has_begun => (taken * GRACE_FACTOR).clamp(GRACE.0, GRACE.1),
            Some(slowest) => (slowest * REPLY_FACTOR).max(LEAST_REPLY).min(limits.timeout / 2),
            None => limits.timeout / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Layout;

    const LIMITS: Limits = Limits {
        silence: Duration::from_millis(300),
        timeout: Duration::from_secs(5),
        end: Duration::from_millis(50),
        handshake_only: false,
    };
    /// Nothing came.
    const NONE: Replies =
        Replies { received: 0, parts: 1, end: Certainty::Known, has_begun: false, complete: false, stage: Stage::Open };
    /// Everything expected came.
    const ALL: Replies = Replies { received: 3, parts: 2, complete: true, ..NONE };

    /// Everything was sent.
    fn sent(replies: Replies) -> State {
        State { sending: Sending::default(), replies }
    }

    fn begin() -> (Conversation, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let after = move |ms| start + Duration::from_millis(ms);
        let mut conversation = Conversation::new(Layout::new(&[4]).whole(), start);
        conversation.last = sent(NONE);
        (conversation, after)
    }

    #[test]
    fn half_close_follows_the_last_expected_reply() {
        let (mut conversation, after) = begin();
        assert_eq!(conversation.next(sent(NONE), LIMITS, after(0)), Next::Wait(after(300)));
        assert_eq!(conversation.next(sent(ALL), LIMITS, after(10)), Next::Finish);
        let finished = sent(Replies { stage: Stage::HalfClosed, ..ALL });
        assert_eq!(conversation.next(finished, LIMITS, after(10)), Next::Wait(after(60)));
        assert_eq!(conversation.next(finished, LIMITS, after(60)), Next::End(Ending::Open));
        let pace = Pace { talk: Duration::from_millis(10), reply: Duration::from_millis(10) };
        assert_eq!(conversation.pace(), pace);
    }

    #[test]
    fn incomplete_reply_ends_the_conversation_without_a_half_close() {
        let (mut conversation, after) = begin();
        let half = sent(Replies { received: 2, has_begun: true, ..NONE });
        assert_eq!(conversation.next(half, LIMITS, after(10)), Next::Wait(after(310)));
        assert_eq!(conversation.next(half, LIMITS, after(310)), Next::End(Ending::Open));
    }

    #[test]
    fn handshake_alone_does_not_wait_for_the_end_of_the_server() {
        let (mut conversation, after) = begin();
        let limits = Limits { handshake_only: true, ..LIMITS };
        let shaken = Replies { complete: true, ..NONE };
        assert_eq!(conversation.next(sent(shaken), limits, after(0)), Next::Finish);
        let finished = sent(Replies { stage: Stage::HalfClosed, ..shaken });
        assert_eq!(conversation.next(finished, limits, after(1)), Next::Wait(after(50)));
        assert_eq!(conversation.next(finished, limits, after(50)), Next::End(Ending::Open));
    }

    #[test]
    fn reply_after_the_half_close_is_awaited_longer() {
        let (mut conversation, after) = begin();
        let finished = sent(Replies { complete: true, stage: Stage::HalfClosed, ..NONE });
        assert_eq!(conversation.next(finished, LIMITS, after(0)), Next::Wait(after(300)));
    }

    #[test]
    fn unknown_end_of_a_reply_is_awaited_by_the_pace_of_the_server() {
        let (mut conversation, after) = begin();
        let unknown = Replies { end: Certainty::Unknown, ..NONE };
        let limits = Limits { silence: LIMITS.timeout, ..LIMITS };
        assert_eq!(conversation.next(sent(unknown), limits, after(0)), Next::Wait(after(2500)));
        let begun = Replies { received: 2, has_begun: true, ..unknown };
        assert_eq!(conversation.next(sent(begun), limits, after(5)), Next::Wait(after(105)));
        assert_eq!(conversation.next(sent(begun), limits, after(105)), Next::Advance);
        let second = Replies { parts: 2, has_begun: false, ..begun };
        assert_eq!(conversation.next(sent(second), limits, after(105)), Next::Wait(after(405)));
        assert_eq!(conversation.next(sent(second), limits, after(405)), Next::Advance);
    }

    #[test]
    fn known_number_of_bytes_may_be_a_little_less() {
        let (mut conversation, after) = begin();
        let near = sent(Replies { received: 2, has_begun: true, end: Certainty::Near, ..NONE });
        assert_eq!(conversation.next(near, LIMITS, after(10)), Next::Wait(after(160)));
        assert_eq!(conversation.next(near, LIMITS, after(160)), Next::Advance);
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
        let limits = Limits { end: LIMITS.silence, ..LIMITS };
        let sending = |received| sent(Replies { received, complete: true, stage: Stage::HalfClosed, ..NONE });
        for (received, ms) in (0..5000).step_by(200).enumerate() {
            assert!(matches!(conversation.next(sending(received), limits, after(ms)), Next::Wait(_)), "{ms}");
        }
        assert_eq!(conversation.next(sending(100), limits, after(5000)), Next::End(Ending::Endless));
        // A part of a reply that came at once is not what is still sent.
        let (mut conversation, after) = begin();
        let (limits, part) = (Limits { silence: LIMITS.timeout, ..LIMITS }, sent(Replies { received: 1, ..NONE }));
        assert_eq!(conversation.next(sent(NONE), limits, after(0)), Next::Wait(after(5000)));
        assert_eq!(conversation.next(part, limits, after(5)), Next::Wait(after(5000)));
        assert_eq!(conversation.next(part, limits, after(5000)), Next::End(Ending::Open));
    }
}
