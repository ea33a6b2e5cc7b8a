//! The members and rooms that a client has read of, for TAB.

use std::collections::VecDeque;
use std::rc::Rc;

/// The largest number of names, and of rooms.
const MOST: usize = 1000;
/// The longest name.
const LONGEST: usize = 64;

/// Names, the ones that were read last first. Upper and lower case are the same.
#[derive(Debug, Default)]
pub(super) struct Seen(VecDeque<Rc<str>>);

impl Seen {
    /// Puts a name first.
    pub(super) fn note(&mut self, name: &str) {
        if self.0.front().is_some_and(|first| &**first == name) {
            return;
        }
        let name = self.remove(name).filter(|known| &**known == name).unwrap_or_else(|| name.into());
        self.insert(name, VecDeque::push_front);
    }

    /// Adds a name behind the others, if it is not among them.
    pub(super) fn add(&mut self, name: &str) {
        if self.position(name).is_none() {
            self.insert(name.into(), VecDeque::push_back);
        }
    }

    /// Forgets a name.
    pub(super) fn remove(&mut self, name: &str) -> Option<Rc<str>> {
        self.0.remove(self.position(name)?)
    }

    /// All names but this one.
    pub(super) fn others(&self, mine: Option<&str>) -> Vec<Rc<str>> {
        let is_other = |name: &&Rc<str>| !mine.is_some_and(|mine| name.eq_ignore_ascii_case(mine));
        self.0.iter().filter(is_other).cloned().collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|known| known.eq_ignore_ascii_case(name))
    }

    fn insert(&mut self, name: Rc<str>, push: impl FnOnce(&mut VecDeque<Rc<str>>, Rc<str>)) {
        if name.len() <= LONGEST {
            push(&mut self.0, name);
            self.0.truncate(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_name_is_first_and_none_is_there_twice() {
        let mut seen = Seen::default();
        for name in ["ann", "bob", "eve", "ANN"] {
            seen.note(name);
        }
        seen.add("Bob");
        seen.add("kim");
        assert_eq!(seen.others(Some("Eve")), ["ANN".into(), "bob".into(), "kim".into()].map(|name: Rc<str>| name));
        seen.remove("BOB");
        assert_eq!(seen.others(None).len(), 3);
    }

    #[test]
    fn names_are_limited() {
        let mut seen = Seen::default();
        for number in 0..2 * MOST {
            seen.note(&format!("guest{number}"));
        }
        seen.note(&"x".repeat(LONGEST + 1));
        seen.add("last");
        assert_eq!((seen.others(None).len(), &*seen.others(None)[0]), (MOST, "guest1999"));
    }
}
