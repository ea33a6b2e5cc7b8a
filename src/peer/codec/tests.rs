//! A layer with a handshake and a close of its own, over any plan and any cuts: what the seam must carry.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::peer::outbox::{Channel, Step};
use crate::plan::Plan;
use crate::trace::BarrierOutcome;

/// Takes received plaintext through a small buffer.
fn take_all(layer: &mut Layer, plain: &mut Vec<u8>) {
    let mut buf = [0; 7];
    while layer.has_plaintext() {
        let n = layer.take(&mut buf);
        plain.extend_from_slice(&buf[..n]);
    }
    assert_eq!(layer.taken(), plain.len() as u64);
}

/// One end: a layer, its outbox, and what it has decoded.
struct Side {
    layer: Layer,
    outbox: Outbox,
    sent: Vec<u8>,
    wire: Vec<u8>,
    plain: Vec<u8>,
    /// Wire offsets where writes ended, and where barriers stood.
    writes: Vec<usize>,
    barriers: Vec<u64>,
}

impl Side {
    fn new(is_client: bool, plan: &str) -> Side {
        let plan: Plan = serde_json::from_str(plan).unwrap();
        let channel = Channel { number: 0, raw: false, has_barriers: true, joins: false };
        Side {
            layer: Layer::new(Rotor::end(is_client), &plan, channel),
            outbox: Layer::outbox(&plan, channel),
            sent: Vec::new(),
            wire: Vec::new(),
            plain: Vec::new(),
            writes: Vec::new(),
            barriers: Vec::new(),
        }
    }

    fn send(&mut self, message: &[u8]) {
        assert!(self.layer.send(message, std::iter::once(message.len())));
        self.sent.extend_from_slice(message);
    }

    /// Writes all that the layer has, at most `most` bytes at a time; the bytes that are new on the wire.
    fn write(&mut self, most: usize, now: &mut Instant) -> Vec<u8> {
        self.layer.move_into(&mut self.outbox);
        let start = self.wire.len();
        loop {
            match self.outbox.next(*now) {
                Step::Write { bytes, pin } => {
                    let n = bytes.len().min(most);
                    self.wire.extend_from_slice(&bytes[..n]);
                    self.outbox.wrote(n, pin);
                    self.writes.push(self.wire.len());
                }
                Step::Barrier { offset, .. } => {
                    self.barriers.push(offset);
                    self.outbox.passed(BarrierOutcome::Read);
                }
                Step::Pause { .. } | Step::Until(_) => *now += Duration::from_millis(1),
                Step::Release => self.outbox.released(),
                Step::Idle => return self.wire[start..].to_vec(),
            }
        }
    }

    fn read(&mut self, bytes: &[u8], most: usize) {
        for part in bytes.chunks(most) {
            self.layer.receive(part).unwrap();
            take_all(&mut self.layer, &mut self.plain);
        }
    }
}

const PLAIN: &str = r#"{"cutting":"whole"}"#;
const CHUNKS: &str = r#"{"cutting":{"chunk":"3"},"barrier":"peer-read","delay":"1ms"}"#;
const WIRE_CHUNKS: &str = r#"{"cutting":{"chunk":"3"},"barrier":"peer-read","delay":"1ms","layer":"tcp"}"#;
const RECORDS: &str = r#"{"cutting":"whole","barrier":"acked"}"#;

/// Has both sides write and read in turn until neither has anything to write.
fn converse(client: &mut Side, server: &mut Side, most: usize) {
    let mut now = Instant::now();
    loop {
        let (asked, answered) = (client.write(most, &mut now), server.write(most, &mut now));
        if asked.is_empty() && answered.is_empty() {
            return;
        }
        server.read(&asked, most);
        client.read(&answered, most);
    }
}

#[test]
fn the_plain_codec_takes_no_more_than_a_pointer() {
    assert!(Codec::default().layer().is_none());
    assert!(Codec::default().layer_mut().is_none());
    let mut layered = Codec::Layer(Box::new(Rotor::layer(true)));
    assert_eq!(layered.layer().map(Layer::name), Some("Rotor"));
    assert!(layered.layer_mut().is_some());
    assert_eq!(size_of::<Codec>(), size_of::<usize>());
}

#[test]
fn plaintext_waits_for_the_end_of_the_handshake() {
    let (mut client, mut server) = (Side::new(true, PLAIN), Side::new(false, PLAIN));
    let state = |side: &Side| (side.layer.is_established(), side.layer.wants_write(), side.layer.waiting());
    assert_eq!((state(&client), state(&server)), ((false, true, 0), (false, false, 0)));
    client.send(b"SECRET 1");
    server.send(b"welcome");
    client.layer.close();
    assert!(!client.layer.send(b"late", std::iter::once(4)) && !client.layer.is_closed());
    assert_eq!((state(&client), state(&server)), ((false, true, 8), (false, false, 7)));
    assert_eq!(client.layer.wire_at(8), None);
    let hello = client.write(100, &mut Instant::now());
    assert_eq!(hello.len(), 7);
    server.read(&hello, 100);
    assert_eq!(state(&server), (true, true, 0));
    converse(&mut client, &mut server, 100);
    assert_eq!((client.plain.as_slice(), server.plain.as_slice()), (&b"welcome"[..], &b"SECRET 1"[..]));
    assert!(client.layer.is_closed() && !server.layer.is_closed());
    assert_eq!((server.layer.end(), server.layer.wants_read()), (End::Clean, false));
    assert_eq!((client.layer.end(), client.layer.wants_read()), (End::CutOff, true));
    assert_eq!(server.layer.receive(b"\x09\0"), Ok(()));
}

#[test]
fn protocol_violation_is_an_error() {
    for bytes in [&b"\x03\x01x"[..], b"\x04\0", b"\x02\0", &[b'G'; 80]] {
        let mut server = Rotor::layer(false);
        let violation = server.receive(bytes).unwrap_err();
        assert_eq!(violation.to_string(), format!("a record of kind {} does not belong here", bytes[0]));
        assert_eq!(server.end(), End::CutOff);
        // It is final.
        assert_eq!(server.receive(b"\x01\0"), Err(violation.clone()));
        assert_eq!(server.violation(), Some(&violation));
        // What is sent now never leaves.
        server.send(b"late", std::iter::once(4));
        server.close();
        assert_eq!((server.waiting(), server.is_closed()), (4, false));
        server.move_into(&mut Side::new(false, PLAIN).outbox); // the alert
        assert!(!server.owes_bytes());
    }
    // Plaintext that waits for the handshake is not sent to a peer that breaks it.
    let mut server = Rotor::layer(false);
    server.send(b"welcome", std::iter::once(7));
    assert!(server.receive(b"\x01\0\x09\0").is_err());
    assert_eq!(server.waiting(), 7);
}

#[test]
fn a_plan_without_cuts_writes_each_record_at_once() {
    let (mut client, mut server) = (Side::new(true, RECORDS), Side::new(false, PLAIN));
    client.send(b"four");
    client.send(&[b'x'; 20]); // two records
    client.layer.close();
    converse(&mut client, &mut server, 1000);
    assert_eq!(client.writes, [7, 13, 31, 37, 39]);
    // Neither the handshake nor the close is a piece of the plan, and a message that one record cannot hold is one.
    assert_eq!(client.barriers, [13, 37]);
    let plaintext: Vec<u64> = client.barriers.iter().map(|&offset| client.layer.plaintext_at(offset)).collect();
    assert_eq!(plaintext, [4, 24]);
}

#[test]
fn a_peer_that_only_sends_costs_no_offsets() {
    let (mut client, mut server) = (Side::new(true, PLAIN), Side::new(false, PLAIN));
    converse(&mut client, &mut server, 1000);
    for _ in 0..100 {
        client.send(b"x");
        converse(&mut client, &mut server, 1000);
        client.layer.forget(client.wire.len() as u64);
    }
    assert_eq!(server.plain.len(), 100);
    assert_eq!((server.layer.offsets.len(), server.layer.pieces.len()), (1, 0), "the handshake only");
    assert_eq!(client.layer.offsets.len(), 0);
}

#[test]
fn offsets_are_many_until_they_are_forgotten() {
    let (mut client, mut server) = (Side::new(true, PLAIN), Side::new(false, PLAIN));
    converse(&mut client, &mut server, 1000);
    assert!(!client.layer.remembers_many());
    for _ in 0..512 {
        client.send(b"x");
    }
    assert!(client.layer.remembers_many());
    client.layer.forget(u64::MAX);
    assert!(!client.layer.remembers_many());
}

#[test]
fn waiting_bytes_are_owed_until_a_layer_is_abandoned() {
    let state =
        |layer: &Layer| (layer.is_open(), layer.is_closed(), layer.owes_bytes(), layer.waiting(), layer.accepted());
    let greeted = || {
        let mut layer = Rotor::layer(true);
        assert!(layer.owes_bytes(), "the first message of the handshake");
        layer.move_into(&mut Side::new(true, PLAIN).outbox);
        layer
    };
    let mut layer = greeted();
    assert_eq!(state(&layer), (true, false, false, 0, 0));
    assert!(layer.send(b"SECRET", std::iter::once(6)) && layer.send(b" 1", std::iter::once(2)));
    assert_eq!(state(&layer), (true, false, true, 8, 8));
    layer.close();
    assert_eq!(state(&layer), (false, false, true, 8, 8));
    layer.abandon();
    assert_eq!(state(&layer), (false, true, false, 0, 8));
    let mut layer = greeted();
    layer.close();
    assert_eq!(state(&layer), (false, false, true, 0, 0), "the close is owed");
    let mut layer = Rotor::layer(true);
    layer.abandon();
    assert!(!layer.wants_write());
}

#[test]
fn an_idle_layer_frees_the_memory_of_a_burst() {
    let (mut client, mut server) = (Side::new(true, PLAIN), Side::new(false, PLAIN));
    converse(&mut client, &mut server, 1000);
    // The queue keeps the memory of the first burst, and gives it back for the second.
    for _ in 0..2 {
        for _ in 0..512 {
            client.send(b"x");
        }
        server.read(&client.write(usize::MAX, &mut Instant::now()), usize::MAX);
    }
    assert_eq!(server.plain.len(), 1024);
    client.layer.shrink();
    server.layer.shrink();
    assert_eq!((client.layer.wire.capacity(), server.layer.received.bytes_mut().capacity()), (KEPT, KEPT));
    assert_eq!(client.layer.pieces.capacity(), KEPT / size_of::<Piece>());
}

proptest! {
    #[test]
    fn plaintext_arrives_whole_and_a_truncation_shows(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        most in 1usize..40, plan in 0usize..4, cut in any::<prop::sample::Index>(), forgotten in 0u64..300,
    ) {
        let plan = [PLAIN, RECORDS, CHUNKS, WIRE_CHUNKS][plan];
        let (mut client, mut server) = (Side::new(true, plan), Side::new(false, plan));
        let half = messages.len() / 2;
        for (index, (from_client, message)) in messages.iter().enumerate() {
            if index == half {
                converse(&mut client, &mut server, most); // the first half waits for the handshake
            }
            if *from_client { client.send(message) } else { server.send(message) }
        }
        client.layer.close();
        server.layer.close();
        converse(&mut client, &mut server, most);
        prop_assert_eq!(&client.plain, &server.sent);
        prop_assert_eq!(&server.plain, &client.sent);
        prop_assert_eq!((client.layer.end(), server.layer.end()), (End::Clean, End::Clean));

        // Whatever part of the wire a peer has got, it decodes what the offsets say, and only the whole is clean.
        let decode = |bytes: &[u8]| {
            let (mut layer, mut plain) = (Rotor::layer(false), Vec::new());
            layer.receive(bytes).unwrap();
            take_all(&mut layer, &mut plain);
            (plain, layer.end())
        };
        let at = cut.index(client.wire.len());
        for offset in client.barriers.iter().copied().chain([at as u64]) {
            let (plain, end) = decode(&client.wire[..usize::try_from(offset).unwrap()]);
            let whole = offset == client.wire.len() as u64;
            prop_assert_eq!(end, if whole { End::Clean } else { End::CutOff });
            prop_assert!(client.sent.starts_with(&plain));
            prop_assert_eq!(plain.len() as u64, client.layer.plaintext_at(offset));
        }
        // The least that a peer needs for some plaintext is enough, and one byte less is not.
        for plaintext in 1..=client.sent.len() as u64 {
            let wire = client.layer.wire_at(plaintext).unwrap();
            prop_assert!(client.layer.plaintext_at(wire) >= plaintext && client.layer.plaintext_at(wire - 1) < plaintext);
        }
        prop_assert_eq!(client.layer.wire_at(client.sent.len() as u64 + 1), None);
        // What is forgotten does not move what comes after it.
        let end = client.wire.len() as u64;
        let known: Vec<u64> = (forgotten..=end).map(|offset| client.layer.plaintext_at(offset)).collect();
        client.layer.forget(forgotten);
        prop_assert_eq!(known, (forgotten..=end).map(|offset| client.layer.plaintext_at(offset)).collect::<Vec<_>>());
    }
}
