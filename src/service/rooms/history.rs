//! The last lines of a room.

use std::collections::VecDeque;
use std::rc::Rc;

use super::event::{Happening, RoomEvent};
use crate::value::Timestamp;

/// The memory that a kept line takes besides its text: the event, its place in the ring, and the shares of names.
const OVERHEAD: usize = 192;

/// The lines that are kept of a room, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    lines: VecDeque<Rc<RoomEvent>>,
    bytes: usize,
}

/// Which lines of a room are asked for. A limit applies from the line that is nearest to the place that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The last ones.
    Latest,
    /// Those before a place: the last of them.
    Before(Place),
    /// Those after a place: the first of them.
    After(Place),
    /// Those after a place: the last of them.
    Since(Place),
    /// Those around a place: as many before it as from it on.
    Around(Place),
    /// Those between two places, from one of the two on.
    Between {
        /// They come after this place.
        after: Place,
        /// They come before this place.
        before: Place,
        /// The end from which they are taken.
        from: Edge,
    },
}

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The oldest line of it.
    First,
    /// The newest line of it.
    Last,
}

/// A place in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the line with this number.
    Id(u64),
    /// At this time.
    Time(Timestamp),
}

/// How much of the history is sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The number of lines.
    pub lines: usize,
    /// The number of bytes, as [`History::cost`] counts them.
    pub bytes: usize,
}

impl Place {
    /// Whether it comes after another place. The number of a line has its time.
    #[must_use]
    pub fn is_later_than(self, other: Place) -> bool {
        let number = |place| match place {
            Place::Id(id) => id,
            Place::Time(at) => at.millis() << 10,
        };
        number(self) > number(other)
    }

    fn is_before(self, event: &RoomEvent) -> bool {
        match self {
            Place::Id(id) => id < event.id,
            Place::Time(at) => at < event.at,
        }
    }

    fn is_after(self, event: &RoomEvent) -> bool {
        match self {
            Place::Id(id) => id > event.id,
            Place::Time(at) => at > event.at,
        }
    }
}

impl History {
    /// The memory that an event takes; 0 if it is not kept.
    #[must_use]
    pub fn cost(event: &RoomEvent) -> usize {
        if let Happening::Line { text, .. } = &event.what { OVERHEAD + text.len() } else { 0 }
    }

    /// Keeps an event, if it is a line, and at most this number of lines.
    pub fn push(&mut self, event: &Rc<RoomEvent>, most: usize) {
        let cost = History::cost(event);
        if cost > 0 && most > 0 {
            self.lines.push_back(Rc::clone(event));
            self.bytes += cost;
            while self.lines.len() > most {
                self.drop_oldest();
            }
        }
    }

    /// Forgets the oldest line.
    pub fn drop_oldest(&mut self) {
        if let Some(event) = self.lines.pop_front() {
            self.bytes -= History::cost(&event);
        }
    }

    /// The number of the oldest line.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        self.lines.front().map(|event| event.id)
    }

    /// The memory that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no lines.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines of a range, the oldest first, at most as many as the portion allows.
    #[must_use]
    pub fn select(&self, range: Range, portion: Portion) -> Vec<&Rc<RoomEvent>> {
        match range {
            Range::Latest => self.take(|_| true, Edge::Last, portion),
            Range::Before(place) => self.take(|event| place.is_after(event), Edge::Last, portion),
            Range::After(place) => self.take(|event| place.is_before(event), Edge::First, portion),
            Range::Since(place) => self.take(|event| place.is_before(event), Edge::Last, portion),
            Range::Between { after, before, from } => {
                self.take(|event| after.is_before(event) && before.is_after(event), from, portion)
            }
            Range::Around(place) => {
                let half = |lines| Portion { lines, bytes: portion.bytes / 2 };
                let mut lines = self.take(|event| place.is_after(event), Edge::Last, half(portion.lines / 2));
                let rest = half(portion.lines - lines.len());
                lines.extend(self.take(|event| !place.is_after(event), Edge::First, rest));
                lines
            }
        }
    }

    /// The lines for which this holds, from this end on, the oldest first.
    fn take(&self, is_in: impl Fn(&RoomEvent) -> bool, from: Edge, portion: Portion) -> Vec<&Rc<RoomEvent>> {
        let mut bytes = 0;
        let mut fits = |event: &&Rc<RoomEvent>| {
            bytes += History::cost(event);
            bytes <= portion.bytes
        };
        let is_in = |event: &&Rc<RoomEvent>| is_in(event);
        match from {
            Edge::First => self.lines.iter().filter(is_in).take(portion.lines).take_while(&mut fits).collect(),
            Edge::Last => {
                let last = self.lines.iter().rev().filter(is_in).take(portion.lines).take_while(&mut fits);
                let mut lines: Vec<_> = last.collect();
                lines.reverse();
                lines
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Tone;
    use super::super::name::{Name, RoomName};
    use super::*;

    fn history(ids: impl IntoIterator<Item = u64>, most: usize) -> History {
        let mut history = History::default();
        for id in ids {
            let what = Happening::Line {
                room: RoomName::parse(b"lab", 9).unwrap(),
                text: b"0123456789"[..].into(),
                tone: Tone::Message,
            };
            let by = Name::parse(b"ann", 9).ok();
            history.push(&Rc::new(RoomEvent { id, at: Timestamp::from_millis(id * 10), by, what }), most);
        }
        history
    }

    #[test]
    fn ring_keeps_the_last_lines() {
        let mut history = history(1..=9, 4);
        assert_eq!((history.len(), history.oldest(), history.bytes()), (4, Some(6), 4 * (OVERHEAD + 10)));
        for _ in 0..5 {
            history.drop_oldest();
        }
        assert_eq!((history.is_empty(), history.oldest(), history.bytes()), (true, None, 0));
        let quit = Happening::Quit { reason: b"bye"[..].into() };
        let event = RoomEvent { id: 1, at: Timestamp::default(), by: None, what: quit };
        history.push(&Rc::new(event), 4);
        assert!(history.is_empty(), "only lines are kept");
    }

    #[test]
    fn ranges_are_selected_from_the_nearest_line() {
        let history = history(1..=9, 9);
        let ids = |range, lines, bytes| {
            history.select(range, Portion { lines, bytes }).into_iter().map(|event| event.id).collect::<Vec<_>>()
        };
        let all = usize::MAX;
        let cost = OVERHEAD + 10;
        let time = |millis| Place::Time(Timestamp::from_millis(millis));
        let between = |after, before, from| Range::Between { after, before, from };
        let cases = [
            (ids(Range::Latest, 3, all), vec![7, 8, 9]),
            (ids(Range::Latest, 0, all), vec![]),
            (ids(Range::Latest, 99, 2 * cost), vec![8, 9]),
            (ids(Range::Latest, 99, cost - 1), vec![]),
            (ids(Range::Before(Place::Id(5)), 2, all), vec![3, 4]),
            (ids(Range::Before(time(35)), 2, all), vec![2, 3]),
            (ids(Range::Before(Place::Id(1)), 2, all), vec![]),
            (ids(Range::After(Place::Id(5)), 2, all), vec![6, 7]),
            (ids(Range::After(time(50)), 99, 3 * cost), vec![6, 7, 8]),
            (ids(Range::After(Place::Id(99)), 2, all), vec![]),
            (ids(Range::Since(Place::Id(5)), 2, all), vec![8, 9]),
            (ids(Range::Since(time(85)), 2, all), vec![9]),
            (ids(Range::Around(Place::Id(5)), 4, all), vec![3, 4, 5, 6]),
            (ids(Range::Around(Place::Id(5)), 3, all), vec![4, 5, 6]),
            (ids(Range::Around(time(15)), 4, all), vec![1, 2, 3, 4]),
            (ids(Range::Around(Place::Id(99)), 4, all), vec![8, 9]),
            (ids(Range::Around(Place::Id(5)), 99, 4 * cost), vec![3, 4, 5, 6]),
            (ids(between(Place::Id(2), Place::Id(7), Edge::First), 2, all), vec![3, 4]),
            (ids(between(Place::Id(2), Place::Id(7), Edge::Last), 2, all), vec![5, 6]),
            (ids(between(time(20), Place::Id(4), Edge::Last), 9, all), vec![3]),
            (ids(between(Place::Id(7), Place::Id(2), Edge::First), 9, all), vec![]),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
