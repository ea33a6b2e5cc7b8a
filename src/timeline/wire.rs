//! Where messages are on the wire, if a layer such as TLS encodes them: messages count plaintext, and everything else
//! in the picture counts bytes on the wire.

use std::collections::VecDeque;

use super::lane::{Lane, Mark, Messages};

/// The largest number of records, and of messages, that wait for each other; neighbours are joined above it.
const CAP: usize = 512;
/// The number of first records whose plaintext is known.
const FIRST: usize = 384;

/// One direction of a connection: its records, and the messages that are not found in them yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    pub(super) records: Lane,
    /// The end of the plaintext in the records.
    pub(super) plaintext: u64,
    /// The offset of each of the first records, and where its plaintext starts and ends.
    first: Vec<(u64, u64, u64)>,
    /// The records after the last message that was found, those with plaintext only.
    after: VecDeque<Record>,
    waiting: VecDeque<Waiting>,
}

/// The bytes of a record, or of several that are joined, on the wire and in the plaintext.
#[derive(Clone, Copy, Debug)]
struct Record {
    offset: u64,
    end_offset: u64,
    start: u64,
    end: u64,
}

/// Messages whose records have not come, of about the same size if they are several.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u64,
    count: u64,
    /// In the plaintext.
    start: u64,
    end: u64,
}

impl Wire {
    /// Whether a layer encodes the bytes.
    pub(super) fn is_layered(&self) -> bool {
        self.records.count() > 0
    }

    /// Adds a record: its bytes on the wire, and where its plaintext starts and ends.
    pub(super) fn record(&mut self, mark: Mark, start: u64, end: u64, messages: &mut Messages) {
        self.records.push(mark);
        if self.first.len() < FIRST {
            self.first.push((mark.start, start, end));
        }
        self.plaintext = self.plaintext.max(end);
        if start < end {
            if self.after.len() == CAP {
                join_pairs(&mut self.after, Record::joined);
            }
            self.after.push_back(Record { offset: mark.start, end_offset: mark.end, start, end });
            self.find(messages);
        }
    }

    /// The plaintext of the record that begins at this offset, if it is one of the first.
    pub(super) fn plaintext_at(&self, offset: u64) -> Option<(u64, u64)> {
        let at = self.first.binary_search_by_key(&offset, |(offset, ..)| *offset).ok()?;
        self.first.get(at).map(|(_, start, end)| (*start, *end))
    }

    /// The plaintext of the records that begin between these offsets, if they have any.
    pub(super) fn plaintext_within(&self, from: u64, to: u64) -> Option<(u64, u64)> {
        let is_within = |record: &&(u64, u64, u64)| (from..to).contains(&record.0) && record.1 < record.2;
        let mut records = self.first.iter().filter(is_within);
        let first = records.next()?;
        Some((first.1, records.next_back().unwrap_or(first).2))
    }

    /// Adds a message, which is found now or when its last record comes.
    pub(super) fn message(&mut self, number: u64, start: u64, end: u64, messages: &mut Messages) {
        if !self.is_layered() {
            return messages.push(number, start, end);
        }
        if self.waiting.len() == CAP {
            join_pairs(&mut self.waiting, Waiting::joined);
        }
        self.waiting.push_back(Waiting { number, count: 1, start, end });
        self.find(messages);
    }

    /// The number of kept items.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.records.marks().len()
            + self.records.head().len()
            + self.after.len()
            + self.waiting.len()
            + self.first.len()
    }

    /// Adds the messages all of whose records are there.
    fn find(&mut self, messages: &mut Messages) {
        while let Some(&waiting) = self.waiting.front().filter(|waiting| waiting.end <= self.plaintext) {
            self.waiting.pop_front();
            for index in 0..waiting.count {
                let (start, end) = (waiting.edge(index), waiting.edge(index + 1));
                let (from, to) = (self.first(start), self.last(end));
                messages.push(waiting.number.saturating_add(index), from, to.max(from));
                while self.after.front().is_some_and(|record| record.end <= end) {
                    self.after.pop_front();
                }
            }
        }
    }

    /// Where the plaintext from this offset on begins on the wire.
    fn first(&self, plaintext: u64) -> u64 {
        let record = self.after.iter().find(|record| record.end > plaintext).or(self.after.back());
        record.map_or(0, |record| if plaintext <= record.start { record.offset } else { record.at(plaintext) })
    }

    /// Where the plaintext up to this offset ends on the wire.
    fn last(&self, plaintext: u64) -> u64 {
        self.after.iter().find(|record| record.end >= plaintext).or(self.after.back()).map_or(0, |r| r.at(plaintext))
    }
}

/// Half as many items, each made of two neighbours.
fn join_pairs<T: Copy>(items: &mut VecDeque<T>, join: impl Fn(T, T) -> T) {
    let all = items.make_contiguous();
    *items = all.chunks(2).map(|pair| if let [a, b] = *pair { join(a, b) } else { pair[0] }).collect();
}

impl Waiting {
    /// The end of so many of its messages in the plaintext.
    fn edge(&self, messages: u64) -> u64 {
        let share = u128::from(self.end.saturating_sub(self.start)) * u128::from(messages) / u128::from(self.count);
        self.start.saturating_add(u64::try_from(share).unwrap_or(u64::MAX))
    }

    fn joined(self, next: Waiting) -> Waiting {
        Waiting { count: self.count.saturating_add(next.count), end: next.end, ..self }
    }
}

impl Record {
    /// The place of an offset of the plaintext: messages share the bytes of a record in proportion.
    fn at(&self, plaintext: u64) -> u64 {
        let share = u128::from(plaintext.clamp(self.start, self.end) - self.start);
        let (wire, plain) = (self.end_offset.saturating_sub(self.offset), self.end.saturating_sub(self.start).max(1));
        self.offset + u64::try_from(share * u128::from(wire) / u128::from(plain)).unwrap_or(0)
    }

    fn joined(self, next: Record) -> Record {
        Record { end_offset: next.end_offset, end: next.end, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(start: u64, end: u64) -> Mark {
        Mark { t0: 0, t1: 0, start, end, count: 1 }
    }

    /// The messages in bytes on the wire.
    fn found(messages: &Messages, end: u64) -> Vec<(Option<u64>, u64, u64)> {
        messages.split(0, end)
    }

    #[test]
    fn message_is_where_its_records_are() {
        for record_first in [true, false] {
            let (mut wire, mut messages) = (Wire::default(), Messages::default());
            wire.record(mark(0, 1500), 0, 0, &mut messages); // the handshake
            let records = |wire: &mut Wire, messages: &mut Messages| {
                wire.record(mark(1500, 1525), 0, 3, messages);
                wire.record(mark(1525, 1554), 3, 10, messages);
            };
            if record_first {
                records(&mut wire, &mut messages);
            }
            wire.message(1, 0, 10, &mut messages);
            if !record_first {
                assert_eq!(messages.count(), 0);
                records(&mut wire, &mut messages);
            }
            assert_eq!(found(&messages, 1554), [(None, 0, 1500), (Some(1), 1500, 1554)], "{record_first}");
        }
    }

    #[test]
    fn messages_share_the_bytes_of_a_record() {
        let (mut wire, mut messages) = (Wire::default(), Messages::default());
        wire.record(mark(100, 140), 0, 20, &mut messages);
        for number in 1..=2 {
            wire.message(number, (number - 1) * 10, number * 10, &mut messages);
        }
        // A record of the layer alone comes between, and the third message has bytes of two records.
        wire.record(mark(140, 164), 20, 20, &mut messages);
        wire.message(3, 20, 26, &mut messages);
        wire.record(mark(164, 188), 20, 24, &mut messages);
        wire.record(mark(188, 212), 24, 28, &mut messages);
        let expected = [
            (None, 0, 100),
            (Some(1), 100, 120),
            (Some(2), 120, 140),
            (None, 140, 164),
            (Some(3), 164, 200),
            (None, 200, 212),
        ];
        assert_eq!(found(&messages, 212), expected);
    }

    #[test]
    fn memory_is_bounded_and_every_message_is_counted() {
        let (mut wire, mut messages) = (Wire::default(), Messages::default());
        wire.record(mark(0, 9), 0, 0, &mut messages);
        for number in 0..10_000 {
            wire.message(number + 1, number, number + 1, &mut messages); // no record of it comes
        }
        for k in 0..10_000 {
            wire.record(mark(9 + 3 * k, 12 + 3 * k), k, k + 1, &mut messages);
        }
        assert_eq!(messages.count(), 10_000);
        for number in [1, 2, 600] {
            assert_eq!(messages.near(9 + 3 * (number - 1)), Some(number));
        }
        let (mut long, mut one) = (Wire::default(), Messages::default());
        for k in 0..10_000 {
            long.record(mark(3 * k, 3 * k + 3), k, k + 1, &mut one);
        }
        long.message(1, 0, 10_000, &mut one);
        assert_eq!(found(&one, 30_000), [(Some(1), 0, 30_000)]);
        assert!(wire.room() <= 2 * CAP + 1_500 && long.room() <= 2 * CAP + 1_500);
    }
}
