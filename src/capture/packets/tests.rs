//! Tests of captures: the packets are read back.

use etherparse::{PacketHeaders, TransportHeader};

use super::*;
use crate::trace::samples::loopback;

/// A packet of a capture: sender, sequence number, acknowledgement number, flags, payload and comment.
type Row = (u16, u32, u32, String, String, String);

/// The packets of these events; a write or read has the bytes `0123456789…` from its offset on.
fn rows(events: &[Event]) -> Vec<Row> {
    let mut capture = Capture::new(0, "test");
    for event in events {
        let (offset, len) = match &event.what {
            EventKind::Write { offset, accepted, .. } => (*offset, *accepted),
            EventKind::Read { offset, len } => (*offset, *len),
            _ => (0, 0),
        };
        let digit = |at: u64| b'0' + u8::try_from(at % 10).unwrap();
        capture.note(event, &(offset..offset + len).map(digit).collect::<Vec<_>>());
    }
    capture.finish();
    let mut out = Vec::new();
    capture.take(&mut out);
    packets(&out)
}

fn packets(mut file: &[u8]) -> Vec<Row> {
    let mut rows = Vec::new();
    while !file.is_empty() {
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (kind, length) = (number(0), number(4));
        if kind == 10 {
            rows.push((0, 0, 0, "secrets".into(), String::new(), String::new()));
        }
        if kind == 6 {
            let len = number(20);
            let packet = PacketHeaders::from_ip_slice(&file[28..28 + len]).unwrap();
            let Some(TransportHeader::Tcp(tcp)) = &packet.transport else { panic!("no TCP") };
            let flags = [(tcp.syn, "S"), (tcp.fin, "F"), (tcp.rst, "R"), (tcp.psh, "P"), (tcp.ack, ".")];
            let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name).collect();
            let payload = String::from_utf8(packet.payload.slice().to_vec()).unwrap();
            let option = 28 + len.next_multiple_of(4);
            let comment = &file[option + 4..option + 4 + number(option) / 65_536];
            let comment = String::from_utf8(comment.to_vec()).unwrap();
            rows.push((tcp.source_port, tcp.sequence_number, tcp.acknowledgment_number, flags, payload, comment));
        }
        file = &file[length..];
    }
    rows
}

fn short(rows: &[Row]) -> Vec<(u16, u32, u32, &str, &str)> {
    rows.iter().map(|(port, seq, ack, flags, payload, _)| (*port, *seq, *ack, &flags[..], &payload[..])).collect()
}

fn comments(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| &row.5[..]).collect()
}

fn event(conn: ConnId, what: EventKind) -> Event {
    Event::new(0, conn, what)
}

fn open(conn: ConnId, side: Side, local: &str, peer: &str) -> Event {
    event(conn, EventKind::Open { side, local: local.into(), peer: peer.into(), made_for: None })
}

fn write(conn: ConnId, offset: u64, accepted: u64, pinned: bool) -> Event {
    event(conn, EventKind::Write { offset, asked: accepted, accepted, pinned })
}

fn read(conn: ConnId, offset: u64, len: u64) -> Event {
    event(conn, EventKind::Read { offset, len })
}

fn sample(conn: ConnId, acked: u64, mss: u64) -> Event {
    let sample = TcpSample { bytes_acked: Some(acked), snd_mss: Some(mss), ..TcpSample::default() };
    event(conn, EventKind::Sample(sample))
}

const US: &str = "127.0.0.1:1000";
const SERVER: &str = "127.0.0.1:4500";

#[test]
fn pieces_of_a_message_are_packets_with_comments() {
    let message = |number, start, end| event(1, EventKind::Message { dir: Direction::Out, number, start, end });
    let barrier = event(1, EventKind::Barrier { offset: 4, outcome: BarrierOutcome::Read });
    let events = [
        open(1, Side::Connect, US, SERVER),
        message(1, 0, 11),
        message(2, 11, 13),
        write(1, 0, 4, true),
        sample(1, 1, 1448),
        barrier,
        write(1, 4, 9, true),
        sample(1, 14, 1448),
        read(1, 0, 2),
        event(1, EventKind::Shutdown { offset: 13, plaintext: None }),
        event(1, EventKind::Eof { offset: 2, plaintext: None }),
        event(1, EventKind::Close { error: None, reset: false }),
    ];
    let rows = rows(&events);
    assert_eq!(
        short(&rows),
        [
            (1000, 0, 0, "S", ""),
            (4500, 0, 1, "S.", ""),
            (1000, 1, 1, ".", ""),
            (1000, 1, 1, "P.", "0123"),
            (4500, 1, 5, ".", ""),
            (1000, 5, 1, "P.", "456789012"),
            (4500, 1, 14, "P.", "01"),
            (1000, 14, 3, "F.", ""),
            (4500, 3, 15, "F.", ""),
            (1000, 15, 4, ".", ""),
        ]
    );
    assert_eq!(
        comments(&rows)[3..],
        [
            "write of 4 bytes at 0; message 1, bytes 0 to 4 of 11; cut at 4; a segment of its own",
            "barrier at 4: read by the peer",
            "write of 9 bytes at 4; messages 1 to 2; a segment of its own",
            "read of 2 bytes at 0; as read; the wire may differ",
            "this side closed its side",
            "the peer closed its side",
            "read to the end",
        ]
    );
}

fn message(conn: ConnId, dir: Direction, number: u64, start: u64, end: u64) -> Event {
    event(conn, EventKind::Message { dir, number, start, end })
}

#[test]
fn read_names_the_messages_that_end_in_it() {
    let (received, sent) = (Direction::In, Direction::Out);
    let events = [
        open(1, Side::Listen, SERVER, US),
        read(1, 0, 4),
        sample(1, 0, 1448),
        read(1, 4, 6),
        sample(1, 0, 1448),
        message(1, received, 1, 0, 5),
        message(1, sent, 1, 0, 2),
        message(1, received, 2, 5, 8),
        message(1, received, 3, 8, 10),
        write(1, 0, 2, false),
        sample(1, 2, 1448),
        read(1, 10, 3),
        message(1, received, 4, 10, 12),
        event(1, EventKind::Eof { offset: 13, plaintext: None }),
    ];
    assert_eq!(
        comments(&rows(&events))[3..],
        [
            "read of 4 bytes at 0; as read; the wire may differ",
            "read of 6 bytes at 4; ends of messages 1 to 3; as read; the wire may differ",
            "write of 2 bytes at 0; message 1; as written; the wire may differ",
            "read of 3 bytes at 10; end of message 4; as read; the wire may differ",
            "the peer closed its side",
            "read to the end",
        ]
    );
}

/// Another packet came after the read, and before the message was decoded.
#[test]
fn message_that_is_decoded_late_is_named_by_the_next_packet() {
    let late = [
        open(1, Side::Listen, SERVER, US),
        read(1, 0, 4),
        open(2, Side::Listen, SERVER, "127.0.0.1:1001"),
        message(1, Direction::In, 1, 0, 2),
        message(1, Direction::In, 2, 2, 4),
        write(1, 0, 2, false),
    ];
    let rows = rows(&late);
    assert_eq!(short(&rows)[7..], [(4500, 1, 5, ".", ""), (4500, 1, 5, "P.", "01")]);
    assert_eq!(
        comments(&rows)[7..],
        [
            "received message 1, which ends at 2",
            "received message 2, which ends at 4; write of 2 bytes at 0; as written; the wire may differ",
        ]
    );
}

#[test]
fn read_waits_for_its_messages_until_the_turn_ends() {
    let mut capture = Capture::new(0, "test");
    let mut out = Vec::new();
    for event in [open(1, Side::Listen, SERVER, US), read(1, 0, 2), sample(1, 0, 1448)] {
        capture.note(&event, b"ab");
    }
    capture.take(&mut out);
    assert_eq!(packets(&out).len(), 3);
    capture.end_turn();
    capture.take(&mut out);
    assert_eq!(packets(&out).len(), 4);
    // What the other end has written is named there.
    let rows = rows(&loopback(1, &[4]));
    assert!(!comments(&rows).iter().any(|comment| comment.contains("received message")), "{rows:?}");
}

#[test]
fn write_is_a_segment_only_if_it_is_pinned_and_fits() {
    for (pinned, accepted, len, is_segment) in
        [(true, 4, 4, true), (false, 4, 4, false), (true, 3, 4, false), (true, 1449, 1449, false)]
    {
        let events = [
            open(1, Side::Connect, US, SERVER),
            event(1, EventKind::Write { offset: 0, asked: len, accepted, pinned }),
            sample(1, 1, 1448),
        ];
        let rows = rows(&events);
        assert_eq!(rows[3].5.ends_with("a segment of its own"), is_segment, "{}", rows[3].5);
        assert_eq!(rows[3].5.ends_with("the wire may differ"), !is_segment, "{}", rows[3].5);
    }
}

#[test]
fn both_ends_in_this_program_are_one_connection() {
    let rows = rows(&loopback(1, &[1, 5]));
    let opened = rows.iter().filter(|row| row.3 == "S").count();
    let sent = |first: bool| -> u64 {
        let port = rows[0].0;
        rows.iter().filter(|row| (row.0 == port) == first).map(|row| row.4.len() as u64).sum()
    };
    assert_eq!((opened, sent(true), sent(false)), (1, 19, 27));
}

#[test]
fn reset_comes_from_the_side_that_resets() {
    for (error, reset, sender) in [(Some("x"), false, 4500), (Some("x"), true, 1000), (None, true, 1000)] {
        let error = error.map(str::to_owned);
        let rows = rows(&[open(1, Side::Connect, US, SERVER), event(1, EventKind::Close { error, reset })]);
        assert_eq!((rows[3].0, &rows[3].3[..]), (sender, "R."));
    }
}

#[test]
fn unix_socket_has_placeholders_and_its_name_is_escaped() {
    let rows = rows(&[open(7, Side::Listen, "unix", "unix:\u{1b}[2J"), read(7, 0, 3)]);
    assert_eq!(short(&rows)[3], (7, 1, 1, "P.", "012"));
    assert_eq!(rows[0].5, "connection 7 with unix:\\x1b[2J: the addresses are placeholders");
}

#[test]
fn long_write_is_several_packets() {
    let rows = rows(&[open(1, Side::Connect, US, SERVER), write(1, 0, 200_000, false), sample(1, 1, 65_483)]);
    let lengths: Vec<usize> = rows[3..].iter().map(|row| row.4.len()).collect();
    assert_eq!(lengths, [LARGEST, LARGEST, LARGEST, 200_000 - 3 * LARGEST]);
    assert_eq!(rows[4].1, 1 + 65_495);
}

#[test]
fn handshake_waits_for_its_secrets() {
    let mut capture = Capture::new(0, "test");
    assert!(capture.expect_secrets() && !capture.expect_secrets());
    capture.note(&open(1, Side::Connect, US, SERVER), b"");
    capture.note(&write(1, 0, 3, false), &[HANDSHAKE, 3, 1]);
    capture.note(&sample(1, 1, 1448), b"");
    capture.note(&open(2, Side::Connect, "127.0.0.1:1001", SERVER), b"");
    capture.note(&write(2, 0, 1, false), b"x");
    capture.note(&sample(2, 1, 1448), b"");
    capture.add_secrets("CLIENT_RANDOM 00 00\n");
    capture.finish();
    let mut out = Vec::new();
    capture.take(&mut out);
    let order: Vec<String> = packets(&out).into_iter().map(|row| row.3 + &row.4).collect();
    assert_eq!(order, ["S", "S.", ".", "S", "S.", ".", "P.x", "secrets", "P.\u{16}\u{3}\u{1}"]);
}

#[test]
fn addresses_used_again_are_a_new_connection() {
    let mut capture = Capture::new(0, "test");
    for round in 0..3 {
        for mut event in loopback(1, &[]) {
            event.conn += 2 * round;
            capture.note(&event, b"");
        }
        assert!(capture.twins.is_empty() && capture.flows.is_empty(), "round {round}: {capture:?}");
    }
    let mut out = Vec::new();
    capture.take(&mut out);
    let opened = packets(&out).iter().filter(|row| row.3 == "S").count();
    assert_eq!(opened, 3);
}
