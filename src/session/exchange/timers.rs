//! The timers of a service.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::io::key::Key;
use crate::io::reactor::Reactor;

/// Numbered timers, by time. The reactor reports [`Key::Service`] when one is due.
#[derive(Debug, Default)]
pub(super) struct Timers {
    order: BTreeSet<(Instant, u64)>,
    times: HashMap<u64, Instant>,
}

impl Timers {
    /// Sets a timer, instead of the one that has this number. `None` is a time too far away.
    pub(super) fn set(&mut self, id: u64, at: Option<Instant>, reactor: &mut Reactor) {
        self.cancel(id);
        if let Some(at) = at {
            self.insert(id, at);
            reactor.wake_at(Key::Service, at);
        }
    }

    /// Cancels a timer. One that is not set is no error.
    pub(super) fn cancel(&mut self, id: u64) {
        if let Some(at) = self.times.remove(&id) {
            self.order.remove(&(at, id));
        }
    }

    /// The timers that are due now, in their order. One of them may cancel another, or set it again: see
    /// [`expire`](Self::expire).
    pub(super) fn due(&self, now: Instant) -> Vec<u64> {
        self.order.iter().take_while(|&&(at, _)| at <= now).map(|&(_, id)| id).collect()
    }

    /// Removes a timer if it is due. False: it is not, or was cancelled.
    pub(super) fn expire(&mut self, id: u64, now: Instant) -> bool {
        let is_due = self.times.get(&id).is_some_and(|&at| at <= now);
        if is_due {
            self.cancel(id);
        }
        is_due
    }

    /// Has the reactor wake for the next timer.
    pub(super) fn wait(&self, reactor: &mut Reactor) {
        if let Some(at) = self.next() {
            reactor.wake_at(Key::Service, at);
        }
    }

    fn insert(&mut self, id: u64, at: Instant) {
        self.times.insert(id, at);
        self.order.insert((at, id));
    }

    fn next(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_fire_once_and_in_order() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let after = |ms| now + Duration::from_millis(ms);
        timers.set(1, Some(after(30)), &mut reactor);
        timers.set(2, Some(after(10)), &mut reactor);
        timers.set(3, Some(after(20)), &mut reactor);
        assert_eq!(timers.next(), Some(after(10)));
        assert_eq!(timers.due(after(9)), [0_u64; 0]);
        assert_eq!(timers.due(after(20)), [2, 3]);
        assert!(timers.expire(2, after(20)) && !timers.expire(2, after(20)));
        assert_eq!(timers.due(after(30)), [3, 1]);
    }

    #[test]
    fn timer_set_again_replaces_the_old_one() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let after = |ms| now + Duration::from_millis(ms);
        timers.set(1, Some(after(10)), &mut reactor);
        timers.set(1, Some(after(50)), &mut reactor);
        assert!(!timers.expire(1, after(10)));
        assert_eq!((timers.next(), timers.order.len()), (Some(after(50)), 1));
        timers.cancel(1);
        timers.cancel(1);
        assert_eq!((timers.next(), timers.times.len()), (None, 0));
    }
}
