//! Looking for events for a moment, before sleeping until there are some.

use std::time::Duration;

/// Looks in vain are followed by so many sleeps without one, at the most.
const PATIENCE: u32 = 64;

/// When to look before sleeping. Whoever sleeps is woken late, above all on a virtual machine whose
/// host has put the core to sleep too: a conversation in lock-step goes up to three times as fast
/// where its next message is looked for. It costs the processor what it takes, so looks that find
/// nothing become rare: after one in vain 1 sleep goes without, after two 3, and so on up to 64.
#[derive(Debug)]
pub(super) struct BusyPoll {
    window: Duration,
    /// How many sleeps the last look in vain was followed by.
    pause: u32,
    /// How many of them are left.
    left: u32,
}

impl BusyPoll {
    /// Looks take so long at the most; none are made where that is zero.
    pub(super) fn new(window: Duration) -> BusyPoll {
        BusyPoll { window, pause: 0, left: 0 }
    }

    /// How long a look may take before a wait of this length, if there is to be one.
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

    /// Learns from a look.
    pub(super) fn learn(&mut self, found: bool) {
        self.pause = if found { 0 } else { (2 * self.pause + 1).min(PATIENCE) };
        self.left = self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_micros(50);

    /// How many sleeps go without a look until the next one.
    fn pause(busy: &mut BusyPoll) -> usize {
        std::iter::repeat_with(|| busy.window(None)).take_while(Option::is_none).count()
    }

    #[test]
    fn polls_become_rare_until_one_finds_an_event() {
        let mut busy = BusyPoll::new(WINDOW);
        assert_eq!(pause(&mut busy), 0);
        let mut after_one_in_vain = || {
            busy.learn(false);
            pause(&mut busy)
        };
        assert_eq!([(); 9].map(|()| after_one_in_vain()), [1, 3, 7, 15, 31, 63, 64, 64, 64]);
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
