//! The timers of a service, and their turns.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::Exchange;
use crate::io::key::Key;
use crate::service::{Event, Service};

impl<S: Service> Exchange<S> {
    /// Sets a timer of the service, instead of the one that has this number. `None` is a time too far away.
    pub(super) fn set_timer(&mut self, id: u64, at: Option<Instant>) {
        self.timers.cancel(id);
        if let Some(at) = at {
            self.timers.set(id, at);
            self.reactor.wake_at(Key::Service, at);
        }
    }

    pub(super) fn cancel_timer(&mut self, id: u64) {
        self.timers.cancel(id);
    }

    /// Reports the timers that are due now to the service, in their order, and sets the alarm for the next one.
    pub(super) fn report_timers(&mut self) {
        let now = self.reactor.now();
        for id in self.timers.due(now) {
            if self.timers.expire(id, now) {
                self.service.on(Event::Timer { id }, &mut self.context);
                self.apply();
            }
        }
        if let Some(at) = self.timers.next() {
            self.reactor.wake_at(Key::Service, at);
        }
    }
}

/// Numbered timers, by time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    order: BTreeSet<(Instant, u64)>,
    times: HashMap<u64, Instant>,
}

impl Timers {
    fn set(&mut self, id: u64, at: Instant) {
        self.cancel(id);
        self.times.insert(id, at);
        self.order.insert((at, id));
    }

    fn cancel(&mut self, id: u64) {
        if let Some(at) = self.times.remove(&id) {
            self.order.remove(&(at, id));
        }
    }

    fn next(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }

    /// The timers that are due now. One of them may cancel another, or set it again.
    fn due(&self, now: Instant) -> Vec<u64> {
        self.order.iter().take_while(|&&(at, _)| at <= now).map(|&(_, id)| id).collect()
    }

    /// Removes a timer if it is due. False: it is not, or was cancelled.
    fn expire(&mut self, id: u64, now: Instant) -> bool {
        let is_due = self.times.get(&id).is_some_and(|&at| at <= now);
        if is_due {
            self.cancel(id);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_fire_once_and_in_order() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        timers.set(1, after(30));
        timers.set(2, after(10));
        timers.set(3, after(20));
        assert_eq!(timers.next(), Some(after(10)));
        assert_eq!(timers.due(after(9)), [0_u64; 0]);
        assert_eq!(timers.due(after(20)), [2, 3]);
        assert!(timers.expire(2, after(20)) && !timers.expire(2, after(20)));
        assert_eq!(timers.due(after(30)), [3, 1]);
    }

    #[test]
    fn timer_set_again_replaces_the_old_one() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        timers.set(1, after(10));
        timers.set(1, after(50));
        assert!(!timers.expire(1, after(10)));
        assert_eq!((timers.next(), timers.order.len()), (Some(after(50)), 1));
        timers.cancel(1);
        timers.cancel(1);
        assert_eq!((timers.next(), timers.times.len()), (None, 0));
    }
}
