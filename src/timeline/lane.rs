//! Lanes of marks and lists of messages with bounded memory: they lose detail as they grow.

/// The largest number of marks of a lane; further ones are joined with neighbours.
pub(super) const CAP: usize = 1024;
/// The number of first marks that a lane keeps unjoined, for the enlarged part of the picture.
pub(super) const HEAD: usize = 64;

/// A mark: a call, some segments, or several of either joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The times of its first and last event, in nanoseconds.
    pub(super) t0: u64,
    pub(super) t1: u64,
    /// The stream offsets of its first byte and after its last byte.
    pub(super) start: u64,
    pub(super) end: u64,
    /// The number of calls or segments that it represents.
    pub(super) count: u64,
}

/// One lane of the picture, in the order of time and of bytes.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    marks: Vec<Mark>,
    head: Vec<Mark>,
    /// The number of pushes that are joined in one mark: 1, then 2, 4 and so on.
    joined: u64,
    /// The number of pushes in the last mark.
    filled: u64,
    count: u64,
    bytes: u64,
}

impl Default for Lane {
    fn default() -> Self {
        Lane { marks: Vec::new(), head: Vec::new(), joined: 1, filled: 0, count: 0, bytes: 0 }
    }
}

impl Lane {
    pub(super) fn push(&mut self, mark: Mark) {
        self.count = self.count.saturating_add(mark.count);
        self.bytes = self.bytes.saturating_add(mark.end.saturating_sub(mark.start));
        if self.head.len() < HEAD {
            self.head.push(mark);
        }
        match self.marks.last_mut() {
            Some(last) if self.filled < self.joined => {
                last.join(mark);
                self.filled += 1;
            }
            _ => {
                if self.marks.len() == CAP {
                    self.marks = self
                        .marks
                        .chunks(2)
                        .map(|pair| pair.iter().copied().reduce(Mark::joined).unwrap_or(pair[0]))
                        .collect();
                    self.joined *= 2;
                }
                self.marks.push(mark);
                self.filled = 1;
            }
        }
    }

    /// Counts calls or segments without bytes to draw.
    pub(super) fn count_only(&mut self, count: u64) {
        self.count = self.count.saturating_add(count);
    }

    /// No byte is at `end` or beyond: a segment counted there was the FIN.
    pub(super) fn trim(&mut self, end: u64) {
        let over = self.marks.last().map_or(0, |last| last.end.saturating_sub(end.max(last.start)));
        self.bytes = self.bytes.saturating_sub(over);
        for last in [self.marks.last_mut(), self.head.last_mut()].into_iter().flatten() {
            last.end = last.end.min(end.max(last.start));
        }
    }

    /// The number of calls or segments.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of their bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All marks, with neighbours joined if there were too many.
    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The first marks, unjoined.
    pub(super) fn head(&self) -> &[Mark] {
        &self.head
    }

    /// Whether `marks` shows every push.
    pub(super) fn is_exact(&self) -> bool {
        self.joined == 1
    }
}

impl Mark {
    fn join(&mut self, next: Mark) {
        *self = self.joined(next);
    }

    fn joined(self, next: Mark) -> Mark {
        Mark {
            t0: self.t0,
            t1: next.t1.max(self.t1),
            start: self.start,
            end: next.end.max(self.end),
            count: self.count.saturating_add(next.count),
        }
    }
}

/// A group of messages of one direction: the bytes `start` to `end` contain the messages `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The messages of one direction.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    groups: Vec<Group>,
    head: Vec<Group>,
    joined: u64,
    count: u64,
}

impl Default for Messages {
    fn default() -> Self {
        Messages { groups: Vec::new(), head: Vec::new(), joined: 1, count: 0 }
    }
}

impl Messages {
    pub(super) fn push(&mut self, number: u64, start: u64, end: u64) {
        let group = Group { first: number, last: number, start, end };
        self.count += 1;
        if self.head.len() < CAP {
            self.head.push(group);
        }
        match self.groups.last_mut() {
            Some(last) if last.last.saturating_sub(last.first) + 1 < self.joined => {
                (last.last, last.end) = (number, end);
            }
            _ => {
                if self.groups.len() == CAP {
                    let join = |pair: &[Group]| {
                        let (a, b) = (pair[0], pair[pair.len() - 1]);
                        Group { first: a.first, last: b.last, start: a.start, end: b.end }
                    };
                    self.groups = self.groups.chunks(2).map(join).collect();
                    self.joined *= 2;
                }
                self.groups.push(group);
            }
        }
    }

    /// The number of messages.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of kept items.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.groups.len() + self.head.len()
    }

    /// The bytes from `start` to `end` in order, split where one of the first messages ends, each part with its
    /// message.
    pub(super) fn split(&self, start: u64, end: u64) -> Vec<(Option<u64>, u64, u64)> {
        let mut parts = Vec::new();
        let mut from = start;
        let first = self.head.partition_point(|group| group.end <= start);
        for group in self.head[first..].iter().take_while(|group| group.start < end) {
            if group.start > from {
                parts.push((None, from, group.start));
            }
            let (low, high) = (group.start.max(from), group.end.min(end));
            if low < high {
                parts.push((Some(group.first), low, high));
                from = high;
            }
        }
        if from < end {
            parts.push((None, from, end));
        }
        parts
    }

    /// Whether no message contains both the byte at `offset` and the byte before it.
    pub(super) fn begins(&self, offset: u64) -> bool {
        let at = self.head.partition_point(|group| group.end <= offset);
        self.head.get(at).is_none_or(|group| group.start >= offset)
    }

    /// Whether not all messages up to this offset are known one by one.
    pub(super) fn are_beyond(&self, end: u64) -> bool {
        self.head.len() == CAP && self.head.last().is_some_and(|last| last.end < end)
    }

    /// The number of the message that contains the byte at `offset`, exact or approximate.
    pub(super) fn near(&self, offset: u64) -> Option<u64> {
        let at = self.groups.partition_point(|group| group.end <= offset);
        let group = self.groups.get(at).or(self.groups.last())?;
        let into = u128::from(offset.saturating_sub(group.start)) * u128::from(group.last - group.first + 1)
            / u128::from(group.end.saturating_sub(group.start).max(1));
        Some((group.first + u64::try_from(into).unwrap_or(u64::MAX)).min(group.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn million_marks_keep_their_sums_in_bounded_memory() {
        let (mut lane, mut messages) = (Lane::default(), Messages::default());
        for k in 0..1_000_000 {
            lane.push(Mark { t0: k, t1: k, start: 3 * k, end: 3 * k + 3, count: 1 });
            messages.push(k + 1, 3 * k, 3 * k + 3);
        }
        assert!(lane.marks.len() <= CAP && lane.marks.capacity() <= 2 * CAP && lane.head.len() == HEAD);
        assert!(messages.groups.len() <= CAP && messages.head.len() <= CAP);
        assert_eq!(lane.marks.iter().map(|mark| mark.count).sum::<u64>(), 1_000_000);
        assert!(lane.marks.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].count == lane.joined));
        assert!(lane.marks.len() > CAP / 4, "detail is not given away");
        for offset in [0, 1_499_998, 2_999_999] {
            assert_eq!(messages.near(offset), Some(offset / 3 + 1));
        }
        assert_eq!((lane.count(), lane.bytes(), messages.count()), (1_000_000, 3_000_000, 1_000_000));
    }

    #[test]
    fn mark_is_split_at_message_ends() {
        let mut messages = Messages::default();
        messages.push(1, 0, 10);
        messages.push(2, 10, 20);
        assert_eq!(messages.split(8, 13), [(Some(1), 8, 10), (Some(2), 10, 13)]);
        assert_eq!(messages.split(0, 10), [(Some(1), 0, 10)]);
        assert_eq!(messages.split(15, 25), [(Some(2), 15, 20), (None, 20, 25)]);
        assert_eq!(messages.split(5, 5), []);
        assert_eq!(Messages::default().split(5, 6), [(None, 5, 6)]);
        assert_eq!(Messages::default().near(5), None);
    }
}
