//! The time of a sweep: until when trials begin, and when the last conversation is aborted.

use std::time::{Duration, Instant};

use crate::config::MaxTime;
use crate::io::key::Key;
use crate::io::reactor::Reactor;
use crate::io::signal::Signals;
use crate::plan::TrialKind;

/// The part of the time that the first look at the trials has, if there are some to repeat.
const FIRST_LOOK: (u32, u32) = (2, 3);

/// The time of a sweep, which begins with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SweepTime {
    begun: Instant,
    limits: MaxTime,
}

impl SweepTime {
    /// A time that begins now.
    pub(super) fn begin(limits: MaxTime, now: Instant) -> SweepTime {
        SweepTime { begun: now, limits }
    }

    /// There are no single cuts: what has less time beside them has all.
    pub(super) fn has_no_single_cuts(&mut self) {
        self.limits.others = self.limits.all;
    }

    /// The time for other trials than single cuts, if that is less.
    pub(super) fn of_others(&self) -> Option<Duration> {
        self.limits.others.filter(|_| self.limits.others != self.limits.all)
    }

    /// Whether no further trial begins.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.has_passed(self.limits.all, now)
    }

    /// Whether no further trial of this kind begins in the first look. If there are trials to repeat, some of the time is
    /// left for them.
    pub(super) fn is_over_for(&self, kind: TrialKind, has_suspects: bool, now: Instant) -> bool {
        let (part, of) = if has_suspects { FIRST_LOOK } else { (1, 1) };
        let is_over = self.has_passed(self.limits.all.map(|limit| limit / of * part), now);
        is_over || (kind != TrialKind::OneCut && self.has_passed(self.limits.others, now))
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
        self.begun.checked_add(self.limits.all?.checked_add(patience)?)
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
        let time = SweepTime::begin(MaxTime::new(Duration::from_secs(60)), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        for (seconds, first, first_with_suspects, all) in [
            (0, false, false, false),
            (39, false, false, false),
            (40, false, true, false),
            (59, false, true, false),
            (60, true, true, true),
        ] {
            for kind in [TrialKind::OneCut, TrialKind::TwoCuts] {
                assert_eq!(time.is_over_for(kind, false, at(seconds)), first, "{seconds}");
                assert_eq!(time.is_over_for(kind, true, at(seconds)), first_with_suspects, "{seconds}");
            }
            assert_eq!(time.is_over(at(seconds)), all, "{seconds}");
        }
        assert_eq!(time.of_others(), None);
    }

    #[test]
    fn other_trials_than_single_cuts_begin_within_15_seconds() {
        let start = Instant::now();
        let mut time = SweepTime::begin(MaxTime::default(), start);
        assert_eq!(time.of_others(), Some(Duration::from_secs(15)));
        let over = |time: SweepTime, kind, seconds| time.is_over_for(kind, false, start + Duration::from_secs(seconds));
        for kind in [TrialKind::Chunks, TrialKind::Header, TrialKind::Joined, TrialKind::TwoCuts] {
            assert_eq!((over(time, kind, 14), over(time, kind, 15)), (false, true), "{kind}");
        }
        assert_eq!((over(time, TrialKind::OneCut, 59), over(time, TrialKind::OneCut, 60)), (false, true));
        time.has_no_single_cuts();
        assert_eq!((over(time, TrialKind::TwoCuts, 59), over(time, TrialKind::TwoCuts, 60)), (false, true));
        assert_eq!(time.of_others(), None);
    }

    #[test]
    fn last_conversation_ends_within_one_timeout() {
        let start = Instant::now();
        let time = |limit| SweepTime::begin(MaxTime::new(limit), start);
        let five = Duration::from_secs(5);
        assert_eq!(time(five).end(five), Some(start + five * 2));
        assert_eq!((time(Duration::ZERO).end(five), time(Duration::ZERO).is_over(start + five)), (None, false));
        assert_eq!(time(Duration::MAX).end(five), None);
    }
}
