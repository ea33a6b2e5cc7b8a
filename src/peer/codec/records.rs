//! The records of a layer one by one, for the recording of its connection.

use std::ops::Range;

use super::{Layer, Violation};
use crate::trace::Direction;

/// The longest header of a record.
const HEADER: usize = 16;

/// One record: its bytes on the wire, and those of its plaintext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its direction.
    pub dir: Direction,
    /// Offsets on the wire.
    pub wire: Range<u64>,
    /// Offsets in the plaintext: an empty range in the handshake.
    pub plaintext: Range<u64>,
}

/// The records since they were last taken, and where those of each direction have ended.
#[derive(Debug, Default)]
pub(super) struct Records {
    found: Vec<Record>,
    sent: Ends,
    received: Ends,
    /// Of the received record that is incomplete: its first bytes, its length once they say it, and how many bytes
    /// have come.
    header: Vec<u8>,
    length: Option<u64>,
    come: u64,
}

/// The end of the last record.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    wire: u64,
    plaintext: u64,
}

impl Ends {
    fn record(&mut self, dir: Direction, wire: u64, plaintext: u64) -> Record {
        let start = *self;
        *self = Ends { wire: start.wire + wire, plaintext: start.plaintext + plaintext };
        Record { dir, wire: start.wire..self.wire, plaintext: start.plaintext..self.plaintext }
    }
}

impl Records {
    /// So many bytes on the wire, which are no record, stand before the first one that is sent.
    pub(super) fn shift(&mut self, wire: u64) {
        self.sent.wire += wire;
        for record in self.found.iter_mut().filter(|record| record.dir == Direction::Out) {
            record.wire = record.wire.start + wire..record.wire.end + wire;
        }
    }

    /// So many bytes on the wire, which are no record, were received before the first one.
    pub(super) fn receive_after(&mut self, wire: u64) {
        self.received.wire += wire;
    }

    /// Takes the records that were found.
    pub(super) fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.found)
    }

    /// Notes encoded bytes with so much plaintext; `length_of` finds the records in them. Only the last has plaintext.
    pub(super) fn sent(&mut self, mut wire: &[u8], plaintext: u64, length_of: impl Fn(&[u8]) -> Option<usize>) {
        while !wire.is_empty() {
            let length = length_of(wire).unwrap_or(wire.len()).clamp(1, wire.len());
            wire = &wire[length..];
            let plaintext = if wire.is_empty() { plaintext } else { 0 };
            self.found.push(self.sent.record(Direction::Out, length as u64, plaintext));
        }
    }

    /// How many of these received bytes belong to the record that is incomplete; at least one of them.
    pub(super) fn next(&mut self, bytes: &[u8], length_of: impl Fn(&[u8]) -> Option<usize>) -> usize {
        let mut taken = 0;
        while self.length.is_none() && self.header.len() < HEADER && taken < bytes.len() {
            self.header.push(bytes[taken]);
            taken += 1;
            self.length = length_of(&self.header).map(|length| length.max(self.header.len()) as u64);
        }
        self.come += taken as u64;
        let after = match self.length {
            Some(length) => usize::try_from(length - self.come).unwrap_or(usize::MAX).min(bytes.len() - taken),
            None => bytes.len() - taken,
        };
        self.come += after as u64;
        taken + after
    }

    /// Notes that the bytes of [`next`](Self::next) were decoded, and how much plaintext has come so far.
    pub(super) fn received(&mut self, plaintext: u64) {
        if self.length == Some(self.come) {
            let plaintext = plaintext.saturating_sub(self.received.plaintext);
            self.found.push(self.received.record(Direction::In, self.come, plaintext));
            (self.length, self.come) = (None, 0);
            self.header.clear();
        }
    }
}

impl Layer {
    /// So many bytes, which are not of this layer, were received before its first byte.
    pub fn receive_after(&mut self, header: u64) {
        if let Some(records) = &mut self.records {
            records.receive_after(header);
        }
    }

    /// Whether its bytes on the wire are records, with plaintext in them.
    #[must_use]
    pub fn has_records(&self) -> bool {
        self.protocol.has_records()
    }

    /// From its first byte on, each record is kept until it is [taken](Self::take_records).
    pub fn keep_records(&mut self) {
        if !self.has_records() {
            return;
        }
        let mut records = Box::<Records>::default();
        records.sent(&self.wire, 0, |begin| self.protocol.record_length(begin));
        self.records = Some(records);
    }

    /// Whether each piece of the plan is a whole record on the wire: a barrier after it proves that the record was read.
    #[must_use]
    pub fn writes_records(&self) -> bool {
        self.writes_records
    }

    /// The records that were encoded or completely received since they were last taken.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.records.as_mut().map_or_else(Vec::new, |records| records.take())
    }

    /// Decodes record by record, so that the plaintext of each is known.
    pub(super) fn open_each(&mut self, mut bytes: &[u8], records: &mut Records) -> Result<(), Violation> {
        while !bytes.is_empty() && !self.protocol.is_closed_by_peer() {
            let (record, rest) = bytes.split_at(records.next(bytes, |begin| self.protocol.record_length(begin)));
            self.protocol.open(record, self.received.bytes_mut(), &mut self.wire)?;
            records.received(self.decoded());
            bytes = rest;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Rotor, kind, record};
    use super::*;

    /// A client, and a server that has received its hello; the records of both are kept.
    fn ends() -> [Layer; 2] {
        let mut ends = [true, false].map(Rotor::layer);
        ends.iter_mut().for_each(Layer::keep_records);
        let mut hello = Vec::new();
        record(kind::HELLO, b"hello", &mut hello);
        ends[1].receive(&hello).unwrap();
        ends
    }

    #[test]
    fn records_of_the_handshake_have_no_plaintext() {
        let [mut client, mut server] = ends();
        let hello = |dir| Record { dir, wire: 0..7, plaintext: 0..0 };
        assert_eq!(client.take_records(), [hello(Direction::Out)]);
        let welcome = Record { dir: Direction::Out, wire: 0..2, plaintext: 0..0 };
        assert_eq!(server.take_records(), [hello(Direction::In), welcome]);
        assert_eq!(server.take_records(), []);
    }

    #[test]
    fn header_before_the_first_record_moves_it() {
        let mut client = Rotor::layer(true);
        client.keep_records();
        client.begin_after(40);
        assert_eq!(client.take_records(), [Record { dir: Direction::Out, wire: 40..47, plaintext: 0..0 }]);
    }

    proptest! {
        #[test]
        fn received_records_are_found_in_any_reads(
            lengths in proptest::collection::vec(0..20_usize, 1..20), reads in proptest::collection::vec(1..9_usize, 1..40),
        ) {
            let [_, mut server] = ends();
            server.take_records();
            let mut wire = Vec::new();
            for &length in &lengths {
                record(kind::DATA, &vec![b'x'; length], &mut wire);
            }
            let (mut rest, mut sizes, mut found) = (wire.as_slice(), reads.iter().cycle(), Vec::new());
            while !rest.is_empty() {
                let (read, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                server.receive(read).unwrap();
                found.extend(server.take_records());
                server.take(&mut [0; 3]);
                rest = after;
            }
            let (mut at, mut plain) = (7, 0);
            prop_assert_eq!(found.len(), lengths.len());
            for (found, &length) in found.iter().zip(&lengths) {
                let length = length as u64;
                let expected =
                    Record { dir: Direction::In, wire: at..at + length + 2, plaintext: plain..plain + length };
                prop_assert_eq!(found, &expected);
                (at, plain) = (at + length + 2, plain + length);
            }
        }
    }
}
