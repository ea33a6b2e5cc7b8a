//! Any bytes under any framing: no panic, bounded memory, the same messages however they are split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretcat::frame::{FrameError, Framing, Inbox, Role};

const FRAMINGS: [&str; 14] = [
    "lines",
    "http",
    "length:u8",
    "length:u16",
    "length:u16le",
    "length:u32",
    "length:u32le",
    "length:u24le+1",
    "length:varint",
    "length:1:varint",
    "length:4:u16",
    "length:1:u32-4",
    r"delimiter:\0",
    r"delimiter:\r\n.\r\n",
];
/// The bytes that an inbox may hold above the limit of a body: a length field, or a delimiter without its last byte.
const OVER: usize = 4;

type Messages = Vec<(Vec<u8>, Vec<u8>)>;

fuzz_target!(|data: &[u8]| {
    let [which, role, limit, size, stream @ ..] = data else { return };
    let framing: Framing = FRAMINGS[usize::from(*which) % FRAMINGS.len()].parse().unwrap();
    let role = if role & 1 == 0 { Role::Requests } else { Role::Responses };
    let limit = usize::from(*limit) * 4;
    let inbox = || Inbox::new(framing, role, limit);

    let (whole, end) = decode(inbox(), limit, stream, stream.len().max(1), 0);
    let wire: Vec<u8> = whole.iter().flat_map(|(wire, _)| wire.clone()).collect();
    assert!(stream.starts_with(&wire));
    if framing != Framing::Http {
        assert!(whole.iter().all(|(_, body)| body.len() <= limit));
    }
    for (step, keep) in [(1, 0), (usize::from(*size) + 1, 0), (usize::from(*size) + 1, 3)] {
        assert_eq!(decode(inbox(), limit, stream, step, keep), (whole.clone(), end.clone()));
    }
});

/// Reads the stream in parts of `step` bytes; each `keep`th part is kept before it is pulled from.
fn decode(mut inbox: Inbox, limit: usize, stream: &[u8], step: usize, keep: usize) -> (Messages, Option<FrameError>) {
    let mut messages = Messages::new();
    for (number, mut fresh) in stream.chunks(step).enumerate() {
        if keep > 0 && number % keep == 0 {
            inbox.keep(fresh);
            fresh = &[];
        }
        loop {
            match inbox.pull(&mut fresh) {
                Ok(Some(message)) => messages.push((message.wire.to_vec(), message.body.into_owned())),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(fresh.is_empty());
        assert!(inbox.buffered() <= limit + OVER);
        inbox.shrink();
    }
    loop {
        match inbox.finish() {
            Ok(Some(message)) => messages.push((message.wire.to_vec(), message.body.into_owned())),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}
