//! When an event loop polls for a moment before it sleeps.

use std::time::Duration;

/// At most this many sleeps follow a poll that found nothing, before the next poll.
const MOST_SLEEPS: u32 = 64;

/// When to poll before sleeping. A thread that sleeps wakes up late, above all on a virtual machine whose host
/// has put the core to sleep too: a conversation in lock-step is up to three times as fast when the loop polls
/// for its next message. Polling costs processor time, so polls that find nothing become rare: after the first
/// one the loop sleeps once without polling, after the second 3 times, and so on up to 64.
#[derive(Debug)]
pub(super) struct BusyPoll {
    window: Duration,
    /// The number of sleeps after the last poll that found nothing.
    pause: u32,
    /// The number of those that are left.
    left: u32,
}

impl BusyPoll {
    /// A poll takes at most this time; with zero there are none.
    pub(super) fn new(window: Duration) -> BusyPoll {
        BusyPoll { window, pause: 0, left: 0 }
    }

    /// The time for a poll before a wait of this length; `None` is no poll.
    pub(super) fn window(&mut self, wait: Option<Duration>) -> Option<Duration> {
        let window = wait.map_or(self.window, |wait| wait.min(self.window));
        if window.is_zero() {
            return None;
        }
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        Some(window)
    }

    /// Notes whether a poll has found events.
    pub(super) fn learn(&mut self, found: bool) {
        self.pause = if found { 0 } else { (2 * self.pause + 1).min(MOST_SLEEPS) };
        self.left = self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_micros(50);

    /// The number of sleeps until the next poll.
    fn pause(busy: &mut BusyPoll) -> usize {
        std::iter::repeat_with(|| busy.window(None)).take_while(Option::is_none).count()
    }

    #[test]
    fn polls_become_rare_until_one_finds_an_event() {
        let mut busy = BusyPoll::new(WINDOW);
        assert_eq!(pause(&mut busy), 0);
        let mut after_nothing = || {
            busy.learn(false);
            pause(&mut busy)
        };
        assert_eq!([(); 9].map(|()| after_nothing()), [1, 3, 7, 15, 31, 63, 64, 64, 64]);
        busy.learn(true);
        assert_eq!(pause(&mut busy), 0);
    }

    #[test]
    fn poll_window_ends_at_the_next_timer() {
        let mut busy = BusyPoll::new(WINDOW);
        assert_eq!(busy.window(Some(Duration::ZERO)), None);
        assert_eq!(busy.window(Some(WINDOW / 2)), Some(WINDOW / 2));
        assert_eq!(busy.window(Some(2 * WINDOW)), Some(WINDOW));
        assert_eq!(BusyPoll::new(Duration::ZERO).window(None), None);
    }
}
