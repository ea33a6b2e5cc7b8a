//! A layer with a handshake and a close of its own, over any plan and any cuts: what the seam must carry.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::peer::outbox::{Channel, Step};
use crate::plan::Plan;
use crate::trace::BarrierOutcome;

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const DATA: u8 = 3;
const CLOSE: u8 = 4;

/// A protocol that rotates each byte. A record is its kind, its length, and its body; the client says
/// hello and the server welcome, and neither sends data before both are said.
#[derive(Debug)]
struct Rotor {
    is_client: bool,
    is_established: bool,
    is_closed_by_peer: bool,
    /// A record that has not come whole.
    partial: Vec<u8>,
}

impl Rotor {
    fn layer(is_client: bool) -> Layer {
        let rotor = Rotor { is_client, is_established: false, is_closed_by_peer: false, partial: Vec::new() };
        Layer::new(Box::new(rotor))
    }
}

fn record(kind: u8, body: &[u8], wire: &mut Vec<u8>) {
    wire.extend([kind, u8::try_from(body.len()).unwrap()]);
    wire.extend(body.iter().map(|byte| byte.wrapping_add(13)));
}

impl Protocol for Rotor {
    fn start(&mut self, wire: &mut Vec<u8>) {
        if self.is_client {
            record(HELLO, b"hello", wire);
        }
    }

    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        self.partial.extend_from_slice(bytes);
        while let [kind, length, rest @ ..] = self.partial.as_slice() {
            let length = usize::from(*length);
            let Some(body) = rest.get(..length) else { break };
            match *kind {
                HELLO if !self.is_client && !self.is_established => record(WELCOME, b"", wire),
                WELCOME if self.is_client && !self.is_established => {}
                DATA if self.is_established => plain.extend(body.iter().map(|byte| byte.wrapping_sub(13))),
                CLOSE if self.is_established => {
                    self.is_closed_by_peer = true;
                    self.partial.clear();
                    return Ok(());
                }
                kind => return Err(Violation(format!("a record of kind {kind} does not belong here"))),
            }
            self.is_established = true;
            self.partial.drain(..2 + length);
        }
        Ok(())
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        assert!(self.is_established, "plaintext within the handshake");
        record(DATA, plain, wire);
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        record(CLOSE, b"", wire);
    }

    fn record_size(&self) -> usize {
        16
    }

    fn is_handshaking(&self) -> bool {
        !self.is_established
    }

    fn is_closed_by_peer(&self) -> bool {
        self.is_closed_by_peer
    }
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
        let channel = Channel { number: 0, raw: false, has_barriers: true };
        Side {
            layer: Rotor::layer(is_client),
            outbox: Outbox::new(&plan, channel),
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
            self.layer.receive(part, &mut self.plain).unwrap();
        }
    }
}

const PLAIN: &str = r#"{"cutting":"whole"}"#;
const CHUNKS: &str = r#"{"cutting":{"chunk":"3"},"barrier":"peer-read","delay":"1ms"}"#;
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
    assert!(Codec::Layer(Box::new(Rotor::layer(true))).layer().is_some());
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
    assert_eq!(server.layer.receive(b"\x09\0", &mut server.plain), Ok(()));
}

#[test]
fn protocol_violation_is_an_error() {
    for bytes in [&b"\x03\x01x"[..], b"\x04\0", b"\x02\0", &[b'G'; 80]] {
        let mut server = Rotor::layer(false);
        let violation = server.receive(bytes, &mut Vec::new()).unwrap_err();
        assert_eq!(violation.to_string(), format!("a record of kind {} does not belong here", bytes[0]));
        assert_eq!(server.end(), End::CutOff);
    }
    // Plaintext that waits for the handshake is not sent to a peer that breaks it.
    let mut server = Rotor::layer(false);
    server.send(b"welcome", std::iter::once(7));
    assert!(server.receive(b"\x01\0\x09\0", &mut Vec::new()).is_err());
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
    assert_eq!(client.barriers, [7, 13, 31, 37, 39]);
    let plaintext: Vec<u64> = client.barriers.iter().map(|&offset| client.layer.plaintext_at(offset)).collect();
    assert_eq!(plaintext, [0, 4, 20, 24, 24]);
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
    assert_eq!((server.layer.offsets.len(), server.layer.records.len()), (1, 0), "the handshake only");
    assert_eq!(client.layer.offsets.len(), 0);
}

proptest! {
    #[test]
    fn plaintext_arrives_whole_and_a_truncation_shows(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        most in 1usize..40, chunks in any::<bool>(), cut in any::<prop::sample::Index>(), forgotten in 0u64..300,
    ) {
        let plan = if chunks { CHUNKS } else { PLAIN };
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
            layer.receive(bytes, &mut plain).unwrap();
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
