//! The deadlines of an event loop.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use mio::Token;

/// Deadlines by key. A later deadline for a key that has an earlier one costs nothing: at the earlier one, the
/// owner of the key checks the time and sets the rest.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    heap: BinaryHeap<Reverse<(Instant, Token)>>,
    set: HashMap<Token, Instant>,
}

impl Alarms {
    /// Sets a deadline, unless the key has an earlier one.
    pub(super) fn set(&mut self, key: Token, at: Instant) {
        if self.set.get(&key).is_some_and(|&earlier| earlier <= at) {
            return;
        }
        self.set.insert(key, at);
        self.heap.push(Reverse((at, key)));
    }

    /// The next deadline.
    pub(super) fn first(&mut self) -> Option<Instant> {
        while let Some(&Reverse((at, key))) = self.heap.peek() {
            if self.set.get(&key) == Some(&at) {
                return Some(at);
            }
            self.heap.pop(); // replaced by an earlier one
        }
        None
    }

    /// Removes the deadlines that are due, and calls `ring` for each.
    pub(super) fn due(&mut self, now: Instant, mut ring: impl FnMut(Token)) {
        while self.first().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, key))) = self.heap.pop() {
                self.set.remove(&key);
                ring(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rung(alarms: &mut Alarms, now: Instant) -> Vec<Token> {
        let mut keys = Vec::new();
        alarms.due(now, |key| keys.push(key));
        keys
    }

    #[test]
    fn timers_fire_once_and_in_order() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        alarms.set(Token(1), after(30));
        alarms.set(Token(2), after(10));
        alarms.set(Token(1), after(20)); // earlier: replaces the first
        alarms.set(Token(2), after(90)); // later: the first is kept
        assert_eq!(rung(&mut alarms, after(10)), [Token(2)]);
        assert_eq!(rung(&mut alarms, after(40)), [Token(1)]);
        assert_eq!(rung(&mut alarms, after(99)), [Token(0); 0]);
    }
}
