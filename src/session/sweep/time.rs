//! The time of a sweep: until when trials begin, and when the last conversation is aborted.

use std::time::{Duration, Instant};

use crate::io::key::Key;
use crate::io::reactor::Reactor;
use crate::io::signal::Signals;

/// The part of the time that the first look at the trials has, if there are some to repeat.
const FIRST_LOOK: (u32, u32) = (2, 3);

/// The time of a sweep, which begins with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SweepTime {
    begun: Instant,
    /// `--max-time`.
    limit: Option<Duration>,
}

impl SweepTime {
    /// A time that begins now.
    pub(super) fn begin(limit: Option<Duration>, now: Instant) -> SweepTime {
        SweepTime { begun: now, limit }
    }

    /// Whether no further trial begins.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.has_passed(self.limit, now)
    }

    /// Whether no further trial begins in the first look. If there are trials to repeat, some of the time is left for
    /// them.
    pub(super) fn is_over_for_first(&self, has_suspects: bool, now: Instant) -> bool {
        let (part, of) = if has_suspects { FIRST_LOOK } else { (1, 1) };
        self.has_passed(self.limit.map(|limit| limit / of * part), now)
    }

    /// Whether everything is aborted now: the sweep was interrupted, or its time is over for as long as a conversation
    /// may take without progress. Otherwise the loop wakes when it is.
    pub(super) fn must_abort(&self, patience: Duration, signals: &Signals, reactor: &mut Reactor) -> bool {
        let end = self.end(patience);
        if let Some(end) = end {
            reactor.wake_at(Key::Clock, end);
        }
        signals.stopped() || end.is_some_and(|end| reactor.now() >= end)
    }

    /// When the last conversation is aborted, which may take as long as this without progress.
    fn end(&self, patience: Duration) -> Option<Instant> {
        self.begun.checked_add(self.limit?.checked_add(patience)?)
    }

    fn has_passed(&self, limit: Option<Duration>, now: Instant) -> bool {
        limit.is_some_and(|limit| now.saturating_duration_since(self.begun) >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_look_leaves_a_third_of_the_time_to_the_second() {
        let start = Instant::now();
        let time = SweepTime::begin(Some(Duration::from_secs(60)), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, first, first_with_suspects, all) in [
            (0, false, false, false),
            (39, false, false, false),
            (40, false, true, false),
            (59, false, true, false),
            (60, true, true, true),
        ] {
            assert_eq!(time.is_over_for_first(false, at(seconds)), first, "{seconds}");
            assert_eq!(time.is_over_for_first(true, at(seconds)), first_with_suspects, "{seconds}");
            assert_eq!(time.is_over(at(seconds)), all, "{seconds}");
        }
    }

    #[test]
    fn last_conversation_ends_within_one_timeout() {
        let start = Instant::now();
        let time = |limit| SweepTime::begin(limit, start);
        let five = Duration::from_secs(5);
        assert_eq!(time(Some(five)).end(five), Some(start + five * 2));
        assert_eq!((time(None).end(five), time(None).is_over(start + five)), (None, false));
        assert_eq!(time(Some(Duration::MAX)).end(five), None);
    }
}
