//! Property tests: a stream has the same messages however it is split.

use proptest::prelude::*;

use super::*;
use crate::plan::{Cutter, Cutting, Plan};
use crate::value::{Offsets, Range, Seed, Size};

/// The wire bytes and body of every message, and the final error.
pub(super) type Outcome = (Vec<(Vec<u8>, Vec<u8>)>, Option<FrameError>);

/// Reads the stream in these parts; before the parts that `kept` names, the rest of the previous part is kept.
pub(super) fn decode(mut inbox: Inbox, parts: &[&[u8]], kept: &[bool]) -> Outcome {
    let mut messages = Vec::new();
    let mut keep = kept.iter().copied();
    for part in parts {
        let mut fresh = *part;
        loop {
            if !fresh.is_empty() && keep.next().unwrap_or(false) {
                inbox.keep(fresh);
                break;
            }
            match inbox.pull(&mut fresh) {
                Ok(Some(message)) => messages.push((message.wire.to_vec(), message.body.into_owned())),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(inbox.pull(&mut fresh), Err(error.clone()));
                    assert_eq!(inbox.finish(), Err(error.clone()));
                    assert_eq!(inbox.buffered(), 0);
                    return (messages, Some(error));
                }
            }
        }
        inbox.shrink();
    }
    // Kept bytes are pulled before the end.
    while let Some(message) = match inbox.pull(&mut &[][..]) {
        Ok(message) => message,
        Err(error) => return (messages, Some(error)),
    } {
        messages.push((message.wire.to_vec(), message.body.into_owned()));
    }
    loop {
        match inbox.finish() {
            Ok(Some(message)) => messages.push((message.wire.to_vec(), message.body.into_owned())),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

pub(super) fn bodies(outcome: &Outcome) -> Vec<&[u8]> {
    outcome.0.iter().map(|(_, body)| &body[..]).collect()
}

const LIMIT: usize = 40;

fn framing() -> impl Strategy<Value = (Framing, Role)> {
    (prop::sample::select(tests::samples()), prop::sample::select(vec![Role::Requests, Role::Responses]))
}

/// Bytes that resemble messages.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"\x02",
        b"\0\0\0\x05",
        b"\x06\0\0",
        b"\x80\x01",
        b"\x83\x80",
        b"a\x01",
        b"-",
        b"--a",
        b"GET / HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 103 \n",
        b"Content-Length: 3\r\n\r\n",
        b"\r\n\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"A:1\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"abc",
        b"1;x\r\n",
        b"Connection: close\r\n",
    ];
    let part = prop_oneof![
        8 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..50),
        1 => (0usize..60).prop_map(|len| vec![b'x'; len]),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Plans that cut a stream: at offsets, or in pieces of drawn sizes.
fn plan() -> impl Strategy<Value = Plan> {
    let cutting = prop_oneof![
        prop::collection::btree_set(1i64..120, 1..8).prop_map(|cuts| Cutting::Cut(Offsets::new(cuts).unwrap())),
        (1u64..30, 0u64..30).prop_map(|(min, more)| Cutting::Chunk(Range { min: Size(min), max: Size(min + more) })),
    ];
    (cutting, any::<u64>()).prop_map(|(cutting, seed)| Plan { cutting, seed: Seed(seed), ..Plan::default() })
}

/// The pieces in which a peer with this plan would write the stream.
fn pieces<'a>(plan: &Plan, stream: &'a [u8]) -> Vec<&'a [u8]> {
    let mut cutter = Cutter::new(plan, 0);
    let mut rest = stream;
    let mut pieces = Vec::new();
    while let Some(piece) = cutter.next_in_stream(rest.len()) {
        let (part, after) = rest.split_at(piece.len);
        pieces.push(part);
        rest = after;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_split_gives_the_same_messages(
        (framing, role) in framing(), stream in stream(), limit in 0usize..200,
        plan in plan(), kept in prop::collection::vec(any::<bool>(), 0..20),
    ) {
        let inbox = || Inbox::new(framing, role, limit);
        let parts = pieces(&plan, &stream);
        prop_assert_eq!(parts.concat(), &stream[..]);
        let whole = decode(inbox(), &[&stream], &[]);
        let wire: Vec<u8> = whole.0.iter().flat_map(|(wire, _)| wire.clone()).collect();
        prop_assert!(stream.starts_with(&wire));
        let split = decode(inbox(), &parts, &kept);
        if framing == Framing::Raw {
            prop_assert_eq!(bodies(&split).concat(), bodies(&whole).concat());
        } else {
            prop_assert_eq!(split, whole);
        }
    }

    #[test]
    fn inbox_never_holds_more_than_one_message_may_have(
        (framing, role) in framing(), stream in stream(), size in 1usize..90,
    ) {
        let mut inbox = Inbox::new(framing, role, LIMIT);
        for mut part in stream.chunks(size) {
            while let Ok(Some(_)) = inbox.pull(&mut part) {}
            prop_assert!(inbox.buffered() <= LIMIT + 4);
        }
    }
}
