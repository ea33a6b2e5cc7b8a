//! Any bytes to the message service, in any parts: the replies are those to the whole, one per message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretcat::frame::{FrameError, Framing, Inbox, Role};
use secretcat::service::secret::Secret;
use secretcat::service::{Batch, Context, Event, PeerId, Service};

const LIMIT: usize = 100;
const PEER: PeerId = PeerId::conn(0);

fuzz_target!(|data: &[u8]| {
    let [size, stream @ ..] = data else { return };
    let whole = answers(stream, stream.len().max(1));
    assert_eq!(answers(stream, usize::from(*size) + 1), whole);
    assert_eq!(answers(stream, 1), whole);
    assert_eq!(whole, expected(stream));
});

/// The replies to the stream, read in parts of `step` bytes.
fn answers(stream: &[u8], step: usize) -> Vec<u8> {
    let mut service = Secret::new(None, Framing::Lines);
    let (mut inbox, mut context) = (Inbox::new(Framing::Lines, Role::Requests, LIMIT), Context::default());
    service.on(Event::Open { peer: PEER }, &mut context);
    'stream: for mut fresh in stream.chunks(step).chain([&[][..]]) {
        let last = fresh.is_empty();
        loop {
            let pulled = if last { inbox.finish() } else { inbox.pull(&mut fresh) };
            match pulled {
                Ok(Some(message)) if last => service.on(Event::Rest { peer: PEER, bytes: &message.body }, &mut context),
                Ok(Some(message)) => service.on(Event::of(PEER, &message), &mut context),
                Ok(None) => break,
                Err(FrameError::TooLong { .. }) => {
                    service.on(Event::TooLong { peer: PEER }, &mut context);
                    break 'stream;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    let sent = |batch| match batch {
        Batch::Messages { bytes, .. } | Batch::Other(_, bytes) => bytes.to_vec(),
        Batch::Upgrade(..) | Batch::Compute(..) => Vec::new(),
    };
    context.batches().flat_map(sent).collect()
}

/// The contract in another form: lines one by one, bytes one by one.
fn expected(stream: &[u8]) -> Vec<u8> {
    let mut answers = Vec::new();
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let rest = lines.pop().filter(|rest| !rest.is_empty());
    let ended = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for message in ended.chain(rest) {
        if message.len() > LIMIT {
            answers.extend_from_slice(b"Message too long.\n");
            break;
        }
        let digits: Vec<u8> = message.iter().copied().filter(u8::is_ascii_digit).collect();
        if message.windows(6).any(|window| window == b"SECRET") {
            answers.extend_from_slice(b"Digits: ");
            answers.extend_from_slice(&digits);
            answers.extend_from_slice(format!("   Count: {}\n", digits.len()).as_bytes());
        } else {
            answers.extend_from_slice(b"Secret code not found.\n");
        }
    }
    answers
}
