//! The times in which a side waits, and what for: as far as it was observed.

use super::axis::time;
use crate::trace::BarrierOutcome;

/// The number of first waits that are kept, and of longest ones.
const KEPT: usize = 256;

/// A time in which a side waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) cause: Cause,
}

/// What a side waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The writer pauses, as its plan says.
    Delay,
    /// The writer waits at a barrier; how it ended.
    Barrier(BarrierOutcome),
    /// The peer's receive window has no room for what the writer's kernel has to send.
    Window,
    /// Bytes have arrived and are not read.
    Reader,
}

/// Waits in the order of time, in bounded memory: the first ones and the longest ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    first: Vec<Wait>,
    longest: Vec<Wait>,
}

impl Waits {
    pub(super) fn push(&mut self, wait: Wait) {
        if wait.to < wait.from {
            return;
        }
        if self.first.len() < KEPT {
            self.first.push(wait);
            return;
        }
        self.longest.push(wait);
        if self.longest.len() == 2 * KEPT {
            self.longest.sort_by_key(|wait| std::cmp::Reverse(wait.to - wait.from));
            self.longest.truncate(KEPT);
            self.longest.sort_by_key(|wait| wait.from);
        }
    }

    /// All that are kept.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Wait> {
        self.first.iter().chain(&self.longest)
    }

    /// The number of items that are kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.first.len() + self.longest.len()
    }
}

impl Wait {
    /// The words for it, the longest first.
    pub(super) fn words(&self) -> Vec<String> {
        let nanos = time(self.to - self.from);
        match self.cause {
            Cause::Delay => vec![format!("delay {nanos}"), "delay".to_owned()],
            Cause::Barrier(_) => vec![format!("barrier {nanos}"), "barrier".to_owned()],
            Cause::Window => vec![format!("window closed {nanos}"), "window closed".to_owned(), "window".to_owned()],
            Cause::Reader => vec![
                format!("waiting for the reader {nanos}"),
                "waiting for the reader".to_owned(),
                format!("unread {nanos}"),
                "unread".to_owned(),
            ],
        }
    }

    /// The tooltip.
    pub(super) fn about(&self) -> String {
        let nanos = time(self.to - self.from);
        match self.cause {
            Cause::Delay => format!("delay of {nanos} before the next write (--delay)"),
            Cause::Barrier(outcome) => format!("barrier of {nanos}: {}", established(outcome)),
            Cause::Window => format!("window closed, within {nanos}: the peer's kernel has no room for more bytes"),
            Cause::Reader => format!("waiting for the reader for {nanos}: bytes have arrived and are not read"),
        }
    }
}

/// Whether a barrier has shown what it waits for.
pub(super) fn is_proven(outcome: BarrierOutcome) -> bool {
    !matches!(outcome, BarrierOutcome::WitnessedOnce | BarrierOutcome::NotVisible | BarrierOutcome::Abandoned)
}

fn established(outcome: BarrierOutcome) -> &'static str {
    match outcome {
        BarrierOutcome::Read => "the peer has read all bytes before",
        BarrierOutcome::RecordRead => "record read: the peer has taken it from its kernel",
        BarrierOutcome::Witnessed => "the witness saw that the peer has read all bytes before",
        BarrierOutcome::RecordWitnessed => "record read: the witness saw that the peer has taken it",
        BarrierOutcome::WitnessedOnce => "read from a socket that may be the peer's",
        BarrierOutcome::Acked => "the peer's kernel has all bytes before",
        BarrierOutcome::NotVisible => "acknowledged; not visible whether it was read",
        BarrierOutcome::Abandoned => "the connection ended first",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_longest_waits_are_kept() {
        let mut waits = Waits::default();
        for k in 0..100_000_u64 {
            let nanos = if k == 77_777 { 1_000_000 } else { k % 1_000 };
            waits.push(Wait { from: k * 2_000, to: k * 2_000 + nanos, cause: Cause::Delay });
        }
        assert!(waits.room() <= 3 * KEPT);
        assert!(waits.iter().any(|wait| wait.to - wait.from == 1_000_000));
        assert!((0..256).all(|k| waits.iter().any(|wait| wait.from == k * 2_000)));
        assert!(waits.iter().zip(waits.iter().skip(1)).filter(|(a, b)| a.from > b.from).count() <= 1);
    }
}
