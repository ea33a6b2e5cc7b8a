//! Cuts the handshake records of a TLS connection anew, without its keys.
//!
//! TLS carries a handshake message in one or more records, and where it is split is not part of what the two sides
//! sign. Anyone between them may therefore cut records anew while they are plain text.

use super::{Cutter, Piece};

/// The length of the header of a record: its type, two bytes of version, and the length of its payload.
const HEADER: usize = 5;
/// The longest payload of a record: 2^14 bytes, and what encryption may add in TLS 1.3.
const LONGEST: usize = 16384 + 256;
/// The first byte of the version of every record.
const MAJOR: u8 = 3;

/// Types of records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// Cuts the payload of each plain-text handshake record of one direction of a TLS connection as a plan says: each
/// piece becomes a record of its own. All other bytes pass unchanged, in their order.
///
/// The plain text ends for good with the first record that is encrypted or announces encryption. After it, TLS 1.2
/// has encrypted records of the handshake's type. A client that is asked for a second `ClientHello` may send
/// `ChangeCipherSpec` before it: that `ClientHello` is not cut.
#[derive(Debug)]
pub struct Recutter {
    cutter: Cutter,
    /// The bytes of a handshake record, or of a header, that is not complete.
    held: Vec<u8>,
    state: State,
}

/// Why a [`Recutter`] cuts no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecutEnd {
    /// The record is encrypted, or the next ones are.
    #[error("the next TLS records are encrypted")]
    Encrypted,
    /// The bytes begin no record of TLS.
    #[error("the bytes are not TLS records")]
    NotTls,
    /// The record is longer than TLS allows.
    #[error("a TLS record has {0} bytes, more than {LONGEST}")]
    TooLong(usize),
    /// There are no further bytes.
    #[error("the direction has ended")]
    Ended,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// `held` and the next bytes begin a record.
    Record,
    /// Bytes left of a record that is not cut.
    Passing(usize),
    /// All further bytes pass.
    Off(RecutEnd),
}

/// A record, by the first bytes of its header.
#[derive(Debug, PartialEq, Eq)]
enum Header {
    Incomplete,
    /// To be cut; the length of its payload, at least 1.
    Handshake(usize),
    /// Not to be cut; the length of its payload.
    Other(usize),
    Last(RecutEnd),
}

impl Recutter {
    /// Cuts each record as the cutter cuts a message: an offset of 1 is after the first byte of its payload.
    #[must_use]
    pub fn new(cutter: Cutter) -> Recutter {
        Recutter { cutter, held: Vec::new(), state: State::Record }
    }

    /// Appends the bytes, cut anew, to `out`, and their pieces to `pieces`. An incomplete handshake record is held
    /// until the rest of it arrives.
    ///
    /// A piece of the plan is a whole record, header included, and [`Piece::is_whole`]. A piece that is not is a
    /// stretch of bytes that the plan does not cut; it is joined to one that ends `pieces`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
        while !bytes.is_empty() {
            match self.state {
                State::Record => bytes = self.take_record(bytes, out, pieces),
                State::Passing(left) => {
                    let (record, rest) = bytes.split_at(left.min(bytes.len()));
                    pass(record, out, pieces);
                    self.state = if record.len() < left { State::Passing(left - record.len()) } else { State::Record };
                    bytes = rest;
                }
                State::Off(_) => {
                    pass(bytes, out, pieces);
                    return;
                }
            }
        }
    }

    /// The direction has ended: appends the bytes that are held, unchanged.
    pub fn end(&mut self, out: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
        self.flush(out, pieces);
        if self.off().is_none() {
            self.state = State::Off(RecutEnd::Ended);
        }
    }

    /// Why all further bytes pass unchanged; `None` while records may still be cut. Afterwards, no bytes are held and
    /// a caller needs the re-cutter no more.
    #[must_use]
    pub fn off(&self) -> Option<RecutEnd> {
        match self.state {
            State::Off(reason) => Some(reason),
            State::Record | State::Passing(_) => None,
        }
    }

    /// The number of bytes that are held, at most those of one record.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes bytes of the record that begins with `held`; returns the others.
    fn take_record<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>, pieces: &mut Vec<Piece>) -> &'a [u8] {
        let mut start = [0; HEADER];
        let mut known = 0;
        for (slot, byte) in start.iter_mut().zip(self.held.iter().chain(bytes)) {
            *slot = *byte;
            known += 1;
        }
        match header(&start[..known]) {
            Header::Handshake(payload) if HEADER + payload <= self.held.len() + bytes.len() => {
                let (new, rest) = bytes.split_at(HEADER + payload - self.held.len());
                if self.held.is_empty() {
                    cut(&mut self.cutter, new, out, pieces);
                } else {
                    // The memory is freed: most connections have few such records, and then none.
                    let mut record = std::mem::take(&mut self.held);
                    record.extend_from_slice(new);
                    cut(&mut self.cutter, &record, out, pieces);
                }
                return rest;
            }
            Header::Incomplete | Header::Handshake(_) => {
                self.held.extend_from_slice(bytes);
                return &[];
            }
            Header::Other(payload) => self.state = State::Passing(HEADER + payload - self.held.len()),
            Header::Last(reason) => self.state = State::Off(reason),
        }
        self.flush(out, pieces);
        bytes
    }

    fn flush(&mut self, out: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
        pass(&std::mem::take(&mut self.held), out, pieces);
    }
}

/// Reads the header as far as its bytes are there. Bytes of another protocol are noticed at the first one that TLS
/// does not have: a short greeting in plain text must not be held.
fn header(bytes: &[u8]) -> Header {
    match *bytes {
        [CHANGE_CIPHER_SPEC | APPLICATION_DATA, ..] => Header::Last(RecutEnd::Encrypted),
        [kind, ..] if !matches!(kind, ALERT | HANDSHAKE | HEARTBEAT) => Header::Last(RecutEnd::NotTls),
        [_, major, ..] if major != MAJOR => Header::Last(RecutEnd::NotTls),
        [kind, _, _, high, low, ..] => match usize::from(u16::from_be_bytes([high, low])) {
            payload if payload > LONGEST => Header::Last(RecutEnd::TooLong(payload)),
            payload if kind == HANDSHAKE && payload > 0 => Header::Handshake(payload),
            payload => Header::Other(payload),
        },
        _ => Header::Incomplete,
    }
}

/// Appends a whole record as the records that the plan makes of it.
fn cut(cutter: &mut Cutter, record: &[u8], out: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
    let Some((&[kind, major, minor, _, _], mut payload)) = record.split_first_chunk() else { return };
    cutter.read(payload, true);
    cutter.group(&[payload.len()]);
    while let Some(piece) = cutter.next_piece() {
        let (part, rest) = payload.split_at(piece.len);
        let [.., high, low] = part.len().to_be_bytes(); // a part of a payload whose length has two bytes
        out.extend_from_slice(&[kind, major, minor, high, low]);
        out.extend_from_slice(part);
        pieces.push(Piece { len: HEADER + part.len(), ..piece });
        payload = rest;
    }
}

/// Appends bytes that are not cut.
fn pass(bytes: &[u8], out: &mut Vec<u8>, pieces: &mut Vec<Piece>) {
    out.extend_from_slice(bytes);
    match pieces.last_mut() {
        Some(last) if !last.is_whole => last.len += bytes.len(),
        _ if bytes.is_empty() => (),
        _ => pieces.push(Piece { len: bytes.len(), pause: None, is_whole: false }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Cutting, Plan};
    use crate::value::{Offsets, Range, Seed, Size};

    /// A stream that arrives in these parts, cut anew.
    fn recut<'a>(plan: &Plan, parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<Piece>, RecutEnd) {
        let mut recutter = Recutter::new(Cutter::new(plan, 1));
        let (mut out, mut pieces) = (Vec::new(), Vec::new());
        for part in parts {
            recutter.push(part, &mut out, &mut pieces);
            assert!(recutter.held() < HEADER + LONGEST && recutter.held.capacity() <= 2 * (HEADER + LONGEST));
            assert!(recutter.off().is_none() || recutter.held() == 0);
        }
        recutter.end(&mut out, &mut pieces);
        assert_eq!(recutter.held(), 0);
        (out, pieces, recutter.off().unwrap())
    }

    fn plan(cutting: Cutting) -> Plan {
        Plan { cutting, ..Plan::default() }
    }

    fn cut_at(offsets: &str) -> Plan {
        plan(Cutting::Cut(offsets.parse().unwrap()))
    }

    fn chunk(sizes: &str) -> Plan {
        plan(Cutting::Chunk(sizes.parse().unwrap()))
    }

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, MAJOR, 1], &len[..], payload].concat()
    }

    /// The records at the start of a stream, up to the first that is not one of the handshake, and the rest.
    fn handshake(mut stream: &[u8]) -> (Vec<&[u8]>, &[u8]) {
        let mut payloads = Vec::new();
        while let [HANDSHAKE, MAJOR, _, high, low, after @ ..] = stream {
            let Some((payload, rest)) = after.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))) else {
                break;
            };
            payloads.push(payload);
            stream = rest;
        }
        (payloads, stream)
    }

    /// What clients of TLS 1.2 and 1.3 sent.
    fn recorded() -> [Vec<u8>; 2] {
        let lines = include_str!("../../tests/cases/handshakes.txt").lines();
        let bytes = lines.filter_map(|line| line.strip_prefix("tls")).map(|line| line.split_once(' ').unwrap().1);
        bytes.map(|hex| HEXLOWER.decode(hex.as_bytes()).unwrap()).collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn handshake_records_are_cut_until_encryption_begins() {
        let [older, newer] = recorded();
        for (stream, before, after) in
            [(&older, vec![146, 37], vec![1, 16, 129, 1, 16, 20]), (&newer, vec![213], vec![1, 16, 196])]
        {
            let (records, rest) = handshake(stream);
            assert_eq!(records.iter().map(|payload| payload.len()).collect::<Vec<_>>(), before);
            assert_eq!(rest[0], CHANGE_CIPHER_SPEC);

            let (out, pieces, end) = recut(&cut_at("1,17"), [&stream[..]]);
            let (cut, unchanged) = handshake(&out);
            assert_eq!(cut.iter().map(|payload| payload.len()).collect::<Vec<_>>(), after);
            assert_eq!((cut.concat(), unchanged), (records.concat(), rest));
            let mut lens: Vec<_> = after.iter().map(|len| (HEADER + len, true)).collect();
            lens.push((rest.len(), false));
            assert_eq!(pieces.iter().map(|piece| (piece.len, piece.is_whole)).collect::<Vec<_>>(), lens);
            assert_eq!(end, RecutEnd::Encrypted);
        }
    }

    #[test]
    fn every_offset_of_a_client_hello_makes_two_records() {
        let [_, stream] = recorded();
        let (records, rest) = handshake(&stream);
        let hello = records[0];
        for offset in 1..hello.len() {
            let (out, pieces, _) = recut(&cut_at(&offset.to_string()), [&stream[..]]);
            let parts = [record(HANDSHAKE, &hello[..offset]), record(HANDSHAKE, &hello[offset..])];
            assert_eq!(out, [&parts.concat(), rest].concat());
            assert_eq!(pieces.len(), 3);
        }
    }

    #[test]
    fn header_of_a_piece_keeps_type_and_version() {
        let stream = [HANDSHAKE, MAJOR, 7, 0, 3, b'a', b'b', b'c'];
        let (out, ..) = recut(&chunk("2"), [&stream[..]]);
        assert_eq!(out, [HANDSHAKE, MAJOR, 7, 0, 2, b'a', b'b', HANDSHAKE, MAJOR, 7, 0, 1, b'c']);
        let (out, pieces, _) = recut(&Plan::default(), [&stream[..]]);
        assert_eq!((&out[..], pieces), (&stream[..], vec![Piece { len: 8, pause: None, is_whole: true }]));
    }

    #[test]
    fn every_record_but_the_first_has_a_pause() {
        let plan = Plan { delay: Some("10ms".parse().unwrap()), ..cut_at("1") };
        let stream = [record(HANDSHAKE, b"ab"), record(CHANGE_CIPHER_SPEC, &[1])].concat();
        let (_, pieces, _) = recut(&plan, [&stream[..]]);
        let pauses: Vec<_> = pieces.iter().map(|piece| piece.pause).collect();
        assert_eq!(pauses, [None, Some(Duration::from_millis(10)), None]);
    }

    #[test]
    fn alerts_and_empty_records_pass_between_records_that_are_cut() {
        let between = [record(ALERT, &[1, 0]), record(HANDSHAKE, &[]), record(HEARTBEAT, b"beat")].concat();
        let stream = [record(HANDSHAKE, b"ab"), between.clone(), record(HANDSHAKE, b"cd")].concat();
        let (out, pieces, end) = recut(&chunk("1"), [&stream[..]]);
        let [a, b, c, d] = [b"a", b"b", b"c", b"d"].map(|byte| record(HANDSHAKE, byte));
        assert_eq!(out, [a, b, between.clone(), c, d].concat());
        assert_eq!(pieces.iter().map(|piece| piece.len).collect::<Vec<_>>(), [6, 6, between.len(), 6, 6]);
        assert_eq!(end, RecutEnd::Ended);
    }

    #[test]
    fn bytes_of_other_protocols_pass_at_once() {
        // The last is a ClientHello in the form of SSL 2.
        for greeting in [&b"GET / HTTP/1.1\r\n"[..], b"EHLO", b"\n", b"\x16ab", b"\x15\x02", b"\x80\x2e\x01\x03\x01"] {
            let mut recutter = Recutter::new(Cutter::new(&chunk("1"), 1));
            let (mut out, mut pieces) = (Vec::new(), Vec::new());
            recutter.push(greeting, &mut out, &mut pieces);
            assert_eq!((&out[..], recutter.off()), (greeting, Some(RecutEnd::NotTls)));
            recutter.push(&record(HANDSHAKE, b"ab"), &mut out, &mut pieces);
            assert_eq!(pieces, [Piece { len: greeting.len() + 7, pause: None, is_whole: false }]);
            recutter.end(&mut out, &mut pieces);
            assert_eq!(recutter.off(), Some(RecutEnd::NotTls));
        }
    }

    #[test]
    fn record_that_is_too_long_is_not_held() {
        let longest = record(HANDSHAKE, &vec![b'a'; LONGEST]);
        assert_eq!(recut(&chunk("1"), [&longest[..]]).1.len(), LONGEST);
        for kind in [ALERT, HANDSHAKE] {
            let longer = record(kind, &vec![b'a'; LONGEST + 1]);
            let (out, pieces, end) = recut(&chunk("1"), longer.chunks(1));
            assert_eq!((out.len(), pieces.len(), end), (longer.len(), 1, RecutEnd::TooLong(LONGEST + 1)));
            assert_eq!(end.to_string(), "a TLS record has 16641 bytes, more than 16640");
        }
    }

    #[test]
    fn incomplete_record_is_held_until_the_end() {
        let stream = record(HANDSHAKE, b"abc");
        for len in 1..stream.len() {
            let mut recutter = Recutter::new(Cutter::new(&chunk("1"), 1));
            let (mut out, mut pieces) = (Vec::new(), Vec::new());
            recutter.push(&stream[..len], &mut out, &mut pieces);
            assert_eq!((out.len(), pieces.len(), recutter.held(), recutter.off()), (0, 0, len, None));
            recutter.end(&mut out, &mut pieces);
            assert_eq!((&out[..], recutter.off()), (&stream[..len], Some(RecutEnd::Ended)));
            assert_eq!(pieces, [Piece { len, pause: None, is_whole: false }]);
        }
    }

    fn plans() -> impl Strategy<Value = Plan> {
        let sizes = (0u64..40, 0u64..40).prop_map(|(a, b)| Range { min: Size(a.min(b)), max: Size(a.max(b)) });
        let offsets = prop::collection::vec((-300i64..300).prop_filter("0", |n| *n != 0), 1..6);
        let cutting = prop_oneof![
            Just(Cutting::Whole),
            sizes.prop_map(Cutting::Chunk),
            offsets.prop_map(|list| Cutting::Cut(Offsets::new(list).unwrap())),
        ];
        (cutting, any::<u64>(), any::<bool>()).prop_map(|(cutting, seed, pauses)| Plan {
            cutting,
            seed: Seed(seed),
            delay: pauses.then(|| "1ms..9ms".parse().unwrap()),
            ..Plan::default()
        })
    }

    /// Streams of records, among them recorded ones, and bytes that are none.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
        let kinds =
            prop::sample::select(vec![HANDSHAKE, HANDSHAKE, HANDSHAKE, HANDSHAKE, ALERT, HEARTBEAT, 20, 23, 25]);
        let records = (kinds, bytes(60)).prop_map(|(kind, payload)| record(kind, &payload));
        let [older, newer] = recorded();
        let part = prop_oneof![
            16 => records,
            1 => Just(older),
            1 => Just(newer),
            1 => bytes(9),
            1 => bytes(9).prop_map(|bytes| [&[HANDSHAKE, MAJOR, 3], &bytes[..]].concat()),
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    /// The stream split at these places.
    fn split<'a>(mut stream: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
        let mut parts = Vec::new();
        for len in lens {
            let (part, rest) = stream.split_at((*len).min(stream.len()));
            parts.push(part);
            stream = rest;
        }
        parts.push(stream);
        parts
    }

    proptest! {
        #[test]
        fn any_split_of_the_input_gives_the_same_records(
            plan in plans(), stream in streams(), lens in prop::collection::vec(0usize..50, 0..40),
        ) {
            let whole = recut(&plan, [&stream[..]]);
            prop_assert_eq!(&recut(&plan, split(&stream, &lens)), &whole);
            prop_assert_eq!(&recut(&plan, stream.chunks(1)), &whole);
        }

        #[test]
        fn payload_and_other_bytes_are_unchanged(plan in plans(), stream in streams()) {
            let (out, pieces, _) = recut(&plan, [&stream[..]]);
            prop_assert_eq!(pieces.iter().map(|piece| piece.len).sum::<usize>(), out.len());
            let mut joined = Vec::new();
            let (mut input, mut output) = (&stream[..], &out[..]);
            for piece in pieces {
                let (bytes, rest) = output.split_at(piece.len);
                output = rest;
                if piece.is_whole {
                    let (payloads, rest) = handshake(bytes);
                    prop_assert!(rest.is_empty() && payloads.len() == 1 && !payloads[0].is_empty());
                    joined.extend_from_slice(payloads[0]);
                    // The record of the input that these records were made of.
                    let len = usize::from(u16::from_be_bytes([input[3], input[4]]));
                    prop_assert!(input[0] == HANDSHAKE && joined.len() <= len);
                    if joined.len() == len {
                        prop_assert_eq!(&input[HEADER..HEADER + len], &joined);
                        input = &input[HEADER + len..];
                        joined.clear();
                    }
                } else {
                    prop_assert!(joined.is_empty() && piece.pause.is_none());
                    prop_assert_eq!(&input[..bytes.len()], bytes);
                    input = &input[bytes.len()..];
                }
            }
            prop_assert!(input.is_empty() && joined.is_empty());
        }

        #[test]
        fn bytes_after_change_cipher_spec_are_unchanged(plan in plans(), first in streams(), rest in streams()) {
            let payload = first.get(..200).unwrap_or(&first);
            let end = [record(CHANGE_CIPHER_SPEC, &[1]), rest].concat();
            let (out, ..) = recut(&plan, [&record(HANDSHAKE, payload)[..], &end]);
            prop_assert!(out.ends_with(&end));
            let (payloads, _) = handshake(&out[..out.len() - end.len()]);
            prop_assert_eq!(payloads.concat(), payload);
        }

        #[test]
        fn any_bytes_are_neither_lost_nor_held(plan in plans(), stream in prop::collection::vec(any::<u8>(), 0..400)) {
            let (out, pieces, _) = recut(&plan, stream.chunks(7));
            prop_assert_eq!(pieces.iter().map(|piece| piece.len).sum::<usize>(), out.len());
            prop_assert!(out.len() >= stream.len());
        }
    }
}
