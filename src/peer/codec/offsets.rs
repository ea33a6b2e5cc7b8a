//! Which plaintext the bytes on the wire carry.

use std::collections::VecDeque;

/// At most so many ends are remembered: the memory of a connection is bounded, and what is not forgotten in time
/// becomes coarser.
const MOST: usize = 1024;

/// The ends of the records that were sent, on the wire and in the plaintext.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    /// The end of the last record that is forgotten.
    start: End,
    /// The ends of those after it, in rising order.
    ends: VecDeque<End>,
}

#[derive(Clone, Copy, Debug, Default)]
struct End {
    wire: u64,
    plaintext: u64,
}

impl Offsets {
    /// So many bytes on the wire, which carry nothing, stand before the first record.
    pub(super) fn shift(&mut self, wire: u64) {
        self.start.wire += wire;
        self.ends.iter_mut().for_each(|end| end.wire += wire);
    }

    /// Adds a record of these lengths; one of the handshake carries no plaintext.
    pub(super) fn add(&mut self, wire: u64, plaintext: u64) {
        if self.ends.len() == MOST {
            self.join_pairs();
        }
        let last = self.ends.back().copied().unwrap_or(self.start);
        self.ends.push_back(End { wire: last.wire + wire, plaintext: last.plaintext + plaintext });
    }

    /// The plaintext in the records that end at or before this offset of the wire.
    pub(super) fn plaintext_at(&self, wire: u64) -> u64 {
        let whole = self.ends.partition_point(|end| end.wire <= wire);
        let last = whole.checked_sub(1).and_then(|last| self.ends.get(last));
        last.copied().unwrap_or(self.start).plaintext
    }

    /// Where the first record ends with which the plaintext up to this offset is complete; `None` where no
    /// record has it. Of what is forgotten the last offset is given.
    pub(super) fn wire_at(&self, plaintext: u64) -> Option<u64> {
        if plaintext <= self.start.plaintext {
            return Some(self.start.wire);
        }
        let first = self.ends.partition_point(|end| end.plaintext < plaintext);
        self.ends.get(first).map(|end| end.wire)
    }

    /// The number of records that are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Forgets the records that end at or before this offset of the wire.
    pub(super) fn forget(&mut self, wire: u64) {
        while let Some(end) = self.ends.front().filter(|end| end.wire <= wire) {
            self.start = *end;
            self.ends.pop_front();
        }
    }

    /// Whether half of what may be remembered is.
    pub(super) fn are_many(&self) -> bool {
        self.ends.len() >= MOST / 2
    }

    /// Makes one record of two, twice as coarse: what is known of the peer's plaintext becomes less, and never wrong.
    fn join_pairs(&mut self) {
        let mut is_second = false;
        self.ends.retain(|_| {
            is_second = !is_second;
            !is_second
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_coarse_offsets_claim_less() {
        let mut offsets = Offsets::default();
        let total = 10 * MOST as u64;
        for _ in 0..total {
            offsets.add(3, 1);
        }
        assert!(offsets.ends.len() <= MOST && offsets.are_many());
        for plaintext in 1..=total {
            assert!(offsets.plaintext_at(3 * plaintext) <= plaintext);
            assert!(offsets.wire_at(plaintext).unwrap() >= 3 * plaintext);
        }
        assert_eq!((offsets.plaintext_at(3 * total), offsets.wire_at(total)), (total, Some(3 * total)));
        offsets.forget(3 * total);
        assert!(offsets.ends.is_empty() && !offsets.are_many());
    }

    #[test]
    fn bytes_before_the_first_record_carry_no_plaintext() {
        let mut offsets = Offsets::default();
        offsets.add(10, 0);
        offsets.shift(40);
        offsets.add(5, 3);
        assert_eq!([0, 40, 54, 55].map(|wire| offsets.plaintext_at(wire)), [0, 0, 0, 3]);
        assert_eq!((offsets.wire_at(0), offsets.wire_at(1), offsets.wire_at(4)), (Some(40), Some(55), None));
    }
}
