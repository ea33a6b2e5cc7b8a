//! Whatever the bytes are, and however they are split, the machines do not panic and give the same events.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What a receiver makes of bytes that come in these pieces: its events, and what ends them. It answers each offer that
/// it has nothing, and the end of each file that it is saved.
fn received(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Option<Violation>) {
    let mut receiver = Receiver::new(Limits { max_size: Some(1000), checksum: Checksum::None });
    let (mut events, mut data, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut waiting: Vec<u8> = Vec::new();
    for piece in pieces(bytes, cuts) {
        waiting.extend_from_slice(piece);
        let mut rest = &waiting[..];
        loop {
            let event = match receiver.pull(&mut rest) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            };
            if let ReceiverEvent::Data(bytes) = event {
                data.extend_from_slice(bytes);
                continue;
            }
            events.push(format!("{event:?} after {:?}", std::mem::take(&mut data)));
            match event {
                ReceiverEvent::Offered(_) => receiver.have(0, None, &mut out),
                ReceiverEvent::Completed(_) => receiver.saved(&mut out),
                ReceiverEvent::Differs | ReceiverEvent::TooLarge(_) => receiver.refuse("", &mut out),
                _ => {}
            }
        }
        assert!(!receiver.is_answering());
        let taken = waiting.len() - rest.len();
        waiting.drain(..taken);
    }
    (events, None)
}

fn sent(bytes: &[u8], cuts: &[usize]) -> (Vec<SenderEvent>, Option<Violation>) {
    let (mut sender, mut out) = (Sender::new(), Vec::new());
    let name = FileName::new(b"a").unwrap();
    let offer = Offer { name, size: Some(5), modified: None, checksum: Checksum::Sha256 };
    let mut events = Vec::new();
    for mut piece in pieces(bytes, cuts) {
        loop {
            match sender.pull(&mut piece) {
                Ok(Some(event)) => {
                    match event {
                        SenderEvent::Ready => sender.offer(&offer, &mut out),
                        SenderEvent::Have { .. } => sender.complete(5, Some(Digest([0; 32])), &mut out),
                        SenderEvent::Exists(_) => sender.differ(&mut out),
                        SenderEvent::Skipped(_) | SenderEvent::Refused(_) | SenderEvent::Saved => sender.end(&mut out),
                        SenderEvent::Ended | SenderEvent::Failed(_) => {}
                    }
                    events.push(event);
                }
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
    }
    (events, None)
}

/// The bytes, cut at these offsets.
fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Lines of the protocol and other bytes, in any order.
fn script() -> impl Strategy<Value = Vec<u8>> {
    let hash = "ab".repeat(32);
    let lines = [
        "secretcat-files 1 send\n",
        "secretcat-files 1 receive\n",
        "file 5 - none a\n",
        "file - 1.000000000 sha256 b c\r\n",
        "file 5 - none ../a\n",
        "have 0\n",
        "data 0\n",
        "chunk 5\nhello",
        "chunk 0\n",
        "chunk 1001\n",
        "chunk 2\n\n\n",
        "complete 5 -\n",
        "saved\n",
        "refuse why\n",
        "end\n",
        "error why\n",
    ];
    let mut lines: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).into();
    lines.extend(
        [format!("complete 5 {hash}\n"), format!("have 2 {hash}\n"), format!("exists {hash}\n")].map(Into::into),
    );
    let begin = proptest::sample::select(vec![&b"secretcat-files 1 send\n"[..], b"secretcat-files 1 receive\n", b""]);
    let rest = vec(prop_oneof![9 => proptest::sample::select(lines), 1 => vec(any::<u8>(), 0..40)], 0..12);
    (begin, rest).prop_map(|(begin, rest)| [begin, &rest.concat()].concat())
}

proptest! {
    #[test]
    fn events_do_not_depend_on_the_cuts(bytes in script(), cuts in vec(any::<usize>(), 0..8)) {
        let each: Vec<usize> = (0..bytes.len()).collect();
        for cuts in [&cuts, &each] {
            prop_assert_eq!(received(&bytes, cuts), received(&bytes, &[]));
            prop_assert_eq!(sent(&bytes, cuts), sent(&bytes, &[]));
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in vec(any::<u8>(), 0..4000), cuts in vec(any::<usize>(), 0..4)) {
        received(&bytes, &cuts);
        sent(&bytes, &cuts);
    }
}

#[test]
fn whole_transfer_gives_the_events_of_both_sides() {
    let script = "secretcat-files 1 send\nfile 5 - none a\ndata 0\nchunk 2\nhechunk 3\nllocomplete 5 -\nend\n";
    let (events, violation) = received(script.as_bytes(), &[]);
    let offer = "Offer { name: \"a\", size: Some(5), modified: None, checksum: None }";
    let expected = [
        "Ready after []".to_owned(),
        format!("Offered({offer}) after []"),
        "Begins(0) after []".to_owned(),
        format!("Completed(None) after {:?}", b"hello"),
        "Ended after []".to_owned(),
    ];
    assert_eq!((events, violation), (expected.to_vec(), None));
    let (events, violation) = sent(b"secretcat-files 1 receive\nhave 0\nsaved\nend\n", &[]);
    let have = SenderEvent::Have { offset: 0, digest: None };
    assert_eq!((events, violation), (vec![SenderEvent::Ready, have, SenderEvent::Saved, SenderEvent::Ended], None));
}

#[test]
fn first_bytes_of_other_protocols_are_refused_at_once() {
    for (bytes, violation) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], Violation::Foreign("HTTP/1.1 400 Bad Request".to_owned())),
        (b"\n", Violation::Foreign(String::new())),
        // Without a line feed: a program that waits for this side sends none.
        (b"\x16\x03", Violation::Tls),
        (b"\x15\x03\x03\x00\x02\x02\x46", Violation::Tls),
        (b"\x16\n", Violation::NoText),
        (b"J\x00\x00\x00\x0a8.0.36", Violation::NoText),
        (&[b'x'; LONGEST + 1], Violation::LongLine),
        (b"saved\n", Violation::Unexpected { got: "saved", expected: "the first line" }),
        (b"secretcat-files 1 send\n", Violation::SameRole(Role::Send)),
    ] {
        assert_eq!(sent(bytes, &[]), (vec![], Some(violation)), "{bytes:?}");
    }
    for bytes in [&b"secretcat-files 1 recei"[..], b"HTTP/1.1", b"\x16", b""] {
        assert_eq!(first_line(bytes, Role::Receive), Ok(None));
    }
}

#[test]
fn size_limits_and_order_are_kept() {
    let begin = "secretcat-files 1 send\nfile";
    for (script, violation) in [
        ("secretcat-files 1 receive\n".to_owned(), Violation::SameRole(Role::Receive)),
        (format!("{begin} - - none a\ndata 0\nchunk 1001\n"), Violation::TooLarge(1000)),
        (format!("{begin} 1 - none a\ndata 0\nchunk 2\n"), Violation::OtherSize),
        (format!("{begin} 1 - none a\ndata 1\n"), Violation::WrongOffset),
        (format!("{begin} 1 - none a\ndata 0\ncomplete 1 -\n"), Violation::OtherSize),
        (format!("{begin} 0 - sha256 a\ndata 0\ncomplete 0 -\n"), Violation::NoChecksum),
        (format!("{begin} 1 - none a\nend\n"), Violation::Unexpected { got: "end", expected: "data" }),
        ("x".repeat(LONGEST + 1), Violation::LongLine),
    ] {
        assert_eq!(received(script.as_bytes(), &[]).1, Some(violation), "{script}");
    }
    let (events, violation) = received(format!("{begin} 1001 - none a\nend\n").as_bytes(), &[]);
    assert!(events[1].starts_with("TooLarge(") && events[2].starts_with("Ended"), "{events:?}");
    assert_eq!(violation, None);
    let strict = Limits::default();
    let mut receiver = Receiver::new(strict);
    let mut bytes = &b"secretcat-files 1 send\nfile 1 - none a\n"[..];
    assert_eq!(receiver.pull(&mut bytes), Ok(Some(ReceiverEvent::Ready)));
    assert_eq!(receiver.pull(&mut bytes), Err(Violation::NoChecksum));
}
