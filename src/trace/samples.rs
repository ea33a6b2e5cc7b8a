//! Sample events for the tests of this layer.

use super::data::Data;
use super::event::{BarrierOutcome, ConnId, Direction, Event, EventKind, Side, TcpSample};
use super::start::Start;
use super::tls::TlsSession;
use crate::plan::Plan;

/// One event.
pub(crate) fn event(t: u64, conn: ConnId, what: EventKind) -> Event {
    Event::new(t, conn, what)
}

/// A plan from its JSON.
pub(crate) fn plan(json: &str) -> Plan {
    serde_json::from_str(json).unwrap()
}

/// What most handshakes agree on.
pub(crate) fn tls_session() -> TlsSession {
    TlsSession::new("TLS 1.3", "TLS_AES_256_GCM_SHA384", Some("X25519MLKEM768"))
}

/// At least one event of every kind, with every optional field both present and absent.
pub(crate) fn every_kind() -> Vec<Event> {
    let full = TcpSample {
        data_segs_out: Some(12),
        data_segs_in: Some(3),
        segs_out: Some(14),
        segs_in: Some(11),
        total_retrans: Some(1),
        unacked: Some(0),
        notsent_bytes: Some(0),
        bytes_acked: Some(58),
        bytes_received: Some(81),
        bytes_retrans: Some(1),
        snd_mss: Some(32_768),
        snd_wnd: Some(65_536),
        snd_cwnd: Some(10),
        rtt: Some(36),
        rwnd_limited: Some(0),
    };
    let option = |requested: Option<&str>, effective: Option<&str>| EventKind::Option {
        name: "sndbuf",
        requested: requested.map(Into::into),
        effective: effective.map(Into::into),
    };
    let barrier = |outcome| EventKind::Barrier { offset: 17, outcome };
    let kinds = vec![
        EventKind::Open {
            side: Side::Connect,
            local: "127.0.0.1:51234".into(),
            peer: "127.0.0.1:4500".into(),
            made_for: None,
        },
        EventKind::Open { side: Side::Listen, local: "[::1]:4500".into(), peer: "[::1]:51234".into(), made_for: None },
        EventKind::ProxyHeader {
            dir: Direction::Out,
            source: "192.0.2.7:44444".into(),
            destination: "192.0.2.8:80".into(),
        },
        EventKind::ProxyHeader { dir: Direction::In, source: "unknown".into(), destination: "unknown".into() },
        EventKind::Plan(plan(
            r#"{"cutting":{"cut":"1,5,-1"},"coalesce":2,"delay":"1ms..3ms","barrier":"peer-read","seed":7}"#,
        )),
        EventKind::Plan(plan(r#"{"cutting":{"chunk":"1..7"},"barrier":"acked","seed":18446744073709551615}"#)),
        EventKind::Plan(plan(r#"{"cutting":{"cut":"1"},"layer":"tcp","seed":7}"#)),
        EventKind::Plan(Plan::default()),
        option(Some("4k"), Some("8192")),
        option(None, Some("8192")),
        option(Some("4k"), None),
        option(None, None),
        EventKind::Tls(Box::new(tls_session().with_names(Some(b"h2"), Some("example.test"), Some("Alice")))),
        EventKind::Tls(Box::new(TlsSession::new("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", None))),
        EventKind::Record { dir: Direction::Out, offset: 0, len: 1450, start: 0, end: 0 },
        EventKind::Record { dir: Direction::In, offset: 1450, len: 34, start: 17, end: 29 },
        EventKind::Write { offset: 10, asked: 5, accepted: 5, pinned: false },
        EventKind::Read { offset: 0, len: 17 },
        EventKind::Message { dir: Direction::Out, number: 1, start: 0, end: 17 },
        EventKind::Message { dir: Direction::In, number: 1, start: 0, end: 27 },
        EventKind::Reply { number: 1, nanos: 36_000 },
        EventKind::Pause { offset: 15, nanos: 20_000_000 },
        barrier(BarrierOutcome::Acked),
        barrier(BarrierOutcome::Read),
        barrier(BarrierOutcome::RecordRead),
        barrier(BarrierOutcome::Witnessed),
        barrier(BarrierOutcome::RecordWitnessed),
        barrier(BarrierOutcome::WitnessedOnce),
        barrier(BarrierOutcome::NotVisible),
        barrier(BarrierOutcome::Abandoned),
        EventKind::Sample(full),
        EventKind::Sample(TcpSample::default()),
        EventKind::Eof { offset: 81, plaintext: None },
        EventKind::Eof { offset: 1813, plaintext: Some(81) },
        EventKind::Shutdown { offset: 57, plaintext: None },
        EventKind::Shutdown { offset: 1594, plaintext: Some(57) },
        EventKind::Close { error: None, reset: false },
        EventKind::Close { error: Some("connection reset".into()), reset: false },
        EventKind::Close { error: None, reset: true },
    ];
    let mut events: Vec<Event> = kinds.into_iter().zip(0..).map(|(what, k)| event(k * 125_000, 1, what)).collect();
    let made_for = Some(3);
    let onward =
        EventKind::Open { side: Side::Connect, local: "10.0.0.2:55010".into(), peer: "10.0.0.3:80".into(), made_for };
    events.push(event(3_000_000, 4, onward));
    for (what, bytes) in [
        (EventKind::Write { offset: 0, asked: 12, accepted: 10, pinned: true }, &b"SECRET 42\n"[..]),
        (EventKind::Read { offset: 17, len: 3 }, b"\xff\0\n"),
        (EventKind::Message { dir: Direction::In, number: 2, start: 17, end: 97 }, &[b'x'; 80]),
    ] {
        events.push(Event { data: Some(Data::head(bytes)), ..event(3_125_000, 4, what) });
    }
    events
}

/// A run with `--loopback`: both ends of one connection, messages cut at `cuts`, each piece its own
/// write, segment and read, and one reply a message.
pub(crate) fn loopback(messages: u64, cuts: &[u64]) -> Vec<Event> {
    typed(messages, cuts, 180_000)
}

/// The same with this number of nanoseconds between a reply and the next message.
pub(crate) fn typed(messages: u64, cuts: &[u64], between: u64) -> Vec<Event> {
    let mut run = Run::new();
    run.open("127.0.0.1:51234", "127.0.0.1:4500");
    let cut: Vec<String> = cuts.iter().map(u64::to_string).collect();
    if !cut.is_empty() {
        run.push(
            1,
            EventKind::Plan(plan(&format!(
                r#"{{"cutting":{{"cut":"{}"}},"barrier":"peer-read","seed":7}}"#,
                cut.join(",")
            ))),
        );
    }
    for number in 1..=messages {
        let len = 14 + 5 * (number % 3);
        run.message(number, len, cuts);
        run.wait(15_000);
        run.reply(number, 27);
        run.wait(between + number * 7_919 % 50_000);
    }
    run.close();
    run.events
}

/// Messages sent without waiting, two joined in one write and cut once across their boundary; the peer reads
/// all available bytes.
pub(crate) fn coalesced() -> Vec<Event> {
    let mut run = Run::new();
    run.open("127.0.0.1:51234", "127.0.0.1:4500");
    run.push(1, EventKind::Plan(plan(r#"{"cutting":{"cut":"11,20"},"coalesce":2,"delay":"20ms"}"#)));
    let (first, second) = (16, 13);
    run.push(1, EventKind::Message { dir: Direction::Out, number: 1, start: 0, end: first });
    run.push(1, EventKind::Message { dir: Direction::Out, number: 2, start: first, end: first + second });
    for (at, len) in [(0, 11), (11, 9), (20, 9)] {
        if at > 0 {
            run.push(1, EventKind::Pause { offset: at, nanos: 20_000_000 });
            run.wait(20_000_000);
        }
        run.write(1, len, 1);
        if at == 0 {
            run.wait(18_000);
            run.read(2, 0, 11);
        }
    }
    run.wait(30_000);
    run.read(2, 11, 18);
    run.push(2, EventKind::Message { dir: Direction::In, number: 1, start: 0, end: first });
    run.push(2, EventKind::Message { dir: Direction::In, number: 2, start: first, end: first + second });
    run.wait(9_000);
    run.push(2, EventKind::Message { dir: Direction::Out, number: 1, start: 0, end: 22 });
    run.push(2, EventKind::Message { dir: Direction::Out, number: 2, start: 22, end: 45 });
    run.write(2, 45, 1);
    run.wait(11_000);
    run.read(1, 0, 45);
    run.close();
    let texts = ["SECRET 42 ready\nhello, world\n", "Digits: 42   Count: 2\nSecret code not found.\n"];
    with_texts(run.events, texts)
}

/// The same events with the bytes that the client and the server have sent.
pub(crate) fn with_texts(mut events: Vec<Event>, [client, server]: [&str; 2]) -> Vec<Event> {
    for event in &mut events {
        let (is_out, start, end) = match event.what {
            EventKind::Write { offset, accepted, .. } => (true, offset, offset + accepted),
            EventKind::Read { offset, len } => (false, offset, offset + len),
            EventKind::Message { dir, start, end, .. } => (dir == Direction::Out, start, end),
            _ => continue,
        };
        let text = if (event.conn == 1) == is_out { client } else { server };
        let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        event.data = Some(Data::head(&text.as_bytes()[range]));
    }
    events
}

/// The first line of the trace of [`coalesced`].
pub(crate) fn start() -> Start {
    let command = "/usr/bin/secretcat connect --loopback --cut 11,20 --coalesce 2 --delay 20ms --timeline run.svg";
    Start {
        time: "2026-11-26T22:00:00.000000001Z".into(),
        version: "1.0.0".into(),
        command: command.split(' ').map(|word| word.as_bytes().to_vec()).collect(),
    }
}

/// Both ends of a connection with TLS, its messages cut after three bytes: each piece is a record and a write.
pub(crate) fn tls(messages: u64) -> Vec<Event> {
    let mut run = Run::new();
    run.open("127.0.0.1:51234", "127.0.0.1:4500");
    run.push(1, EventKind::Plan(plan(r#"{"cutting":{"cut":"3"},"barrier":"peer-read","seed":7}"#)));
    run.records(1, &[(1436, 0)]);
    run.write(1, 1436, 1);
    run.wait(70_000);
    run.read(2, 0, 1436);
    run.records(2, &[(1215, 0), (6, 0), (524, 0)]);
    run.wait(700_000);
    run.write(2, 1745, 1);
    run.wait(30_000);
    run.read(1, 0, 1745);
    let session = || EventKind::Tls(Box::new(tls_session().with_names(Some(b"h2"), Some("example.test"), None)));
    run.records(1, &[(6, 0), (74, 0)]);
    run.push(1, session());
    run.write(1, 80, 1);
    for number in 1..=messages {
        let (start, at, reply_at) = (10 * (number - 1), run.out[0], run.out[1]);
        run.push(1, EventKind::Message { dir: Direction::Out, number, start, end: start + 10 });
        run.records(1, &[(25, 3), (29, 7)]);
        run.write(1, 25, 1);
        run.wait(24_000);
        // The server takes the end of the handshake and the first record together.
        let read = if number == 1 { 80 } else { 0 };
        run.read(2, at - read, 25 + read);
        if number == 1 {
            run.push(2, session());
        }
        run.wait(9_000);
        run.push(1, EventKind::Barrier { offset: at + 25, outcome: BarrierOutcome::RecordRead });
        run.write(1, 29, 1);
        run.wait(24_000);
        run.read(2, at + 25, 29);
        run.push(2, EventKind::Message { dir: Direction::In, number, start, end: start + 10 });
        let (start, end) = (22 * (number - 1), 22 * number);
        run.push(2, EventKind::Message { dir: Direction::Out, number, start, end });
        run.records(2, &[(44, 22)]);
        run.write(2, 44, 1);
        run.wait(18_000);
        run.read(1, reply_at, 44);
        run.push(1, EventKind::Message { dir: Direction::In, number, start, end });
        run.wait(90_000);
    }
    run.records(1, &[(24, 0)]);
    run.write(1, 24, 1);
    run.close();
    run.events
}

/// A relay: the bytes that a client sends on connection 1 are forwarded, cut, on connection 2, and back.
pub(crate) fn relay() -> Vec<Event> {
    let mut run = Run::new();
    run.push(
        1,
        EventKind::Open {
            side: Side::Listen,
            local: "10.0.0.2:4500".into(),
            peer: "10.0.0.9:40112".into(),
            made_for: None,
        },
    );
    run.wait(400_000);
    run.push(
        2,
        EventKind::Open {
            side: Side::Connect,
            local: "10.0.0.2:55010".into(),
            peer: "10.0.0.3:80".into(),
            made_for: Some(1),
        },
    );
    run.push(2, EventKind::Plan(plan(r#"{"cutting":{"chunk":"1..7"},"barrier":"acked","seed":42}"#)));
    let (mut asked, mut answered) = (0, 0);
    for number in 1..=4 {
        run.wait(900_000);
        let (len, reply) = (18 + number, 40);
        run.read(1, asked, len);
        run.push(1, EventKind::Message { dir: Direction::In, number, start: asked, end: asked + len });
        run.push(2, EventKind::Message { dir: Direction::Out, number, start: asked, end: asked + len });
        let mut left = len;
        while left > 0 {
            let piece = left.min(1 + (left * 5 + number) % 7);
            run.write(2, piece, 1);
            run.wait(210_000);
            run.push(2, EventKind::Barrier { offset: asked + len - left + piece, outcome: BarrierOutcome::Acked });
            left -= piece;
        }
        asked += len;
        run.wait(300_000);
        run.read(2, answered, reply);
        run.push(2, EventKind::Message { dir: Direction::In, number, start: answered, end: answered + reply });
        run.push(1, EventKind::Message { dir: Direction::Out, number, start: answered, end: answered + reply });
        run.write(1, reply, 1);
        answered += reply;
    }
    run.push(1, EventKind::Close { error: Some("connection reset by peer".into()), reset: false });
    run.push(2, EventKind::Close { error: None, reset: false });
    run.events
}

/// Raw bytes from one end: large writes, many segments each, rarely sampled.
pub(crate) fn bulk(writes: u64) -> Vec<Event> {
    let mut run = Run::new();
    run.push(
        1,
        EventKind::Open {
            side: Side::Connect,
            local: "10.0.0.2:55010".into(),
            peer: "10.0.0.3:80".into(),
            made_for: None,
        },
    );
    for k in 0..writes {
        run.push(1, EventKind::Write { offset: run.out[0], asked: 65_536, accepted: 65_536, pinned: false });
        run.out[0] += 65_536;
        run.segments[0] += 46;
        run.wait(70_000 + k * 104_729 % 90_000 + if k % 50 == 49 { 2_000_000 } else { 0 });
        if k % 4 == 3 {
            run.sample(1);
        }
    }
    run.sample(1);
    run.push(1, EventKind::Shutdown { offset: run.out[0], plaintext: None });
    run.push(1, EventKind::Close { error: None, reset: false });
    run.events
}

/// Two ends of a connection, 1 and 2, and their counters.
pub(crate) struct Run {
    pub(crate) events: Vec<Event>,
    now: u64,
    /// Bytes, writes and segments sent by each end.
    out: [u64; 2],
    segments: [u64; 2],
    /// The end of the records of each end, on the wire and in the plaintext.
    encoded: [(u64, u64); 2],
}

impl Run {
    pub(crate) fn new() -> Run {
        Run { events: Vec::new(), now: 40_000, out: [0; 2], segments: [0; 2], encoded: [(0, 0); 2] }
    }

    pub(crate) fn push(&mut self, conn: ConnId, what: EventKind) {
        self.events.push(event(self.now, conn, what));
    }

    pub(crate) fn wait(&mut self, nanos: u64) {
        self.now += nanos;
    }

    pub(crate) fn open(&mut self, local: &str, peer: &str) {
        self.push(1, EventKind::Open { side: Side::Connect, local: local.into(), peer: peer.into(), made_for: None });
        self.wait(30_000);
        self.push(2, EventKind::Open { side: Side::Listen, local: peer.into(), peer: local.into(), made_for: None });
        self.wait(90_000);
    }

    /// A message of `len` bytes from 1 to 2, cut at offsets from its start; every piece arrives alone.
    pub(crate) fn message(&mut self, number: u64, len: u64, cuts: &[u64]) {
        let start = self.out[0];
        self.push(1, EventKind::Message { dir: Direction::Out, number, start, end: start + len });
        let mut edges: Vec<u64> = cuts.iter().copied().filter(|cut| (1..len).contains(cut)).collect();
        edges.push(len);
        let mut from = 0;
        for to in edges {
            self.write(1, to - from, 1);
            self.wait(14_000);
            self.read(2, start + from, to - from);
            self.wait(9_000);
            self.push(1, EventKind::Barrier { offset: start + to, outcome: BarrierOutcome::Read });
            from = to;
        }
        self.push(2, EventKind::Message { dir: Direction::In, number, start, end: start + len });
    }

    /// A reply of `len` bytes from 2 to 1, whole.
    pub(crate) fn reply(&mut self, number: u64, len: u64) {
        let start = self.out[1];
        self.push(2, EventKind::Message { dir: Direction::Out, number, start, end: start + len });
        self.write(2, len, 1);
        self.wait(18_000);
        self.read(1, start, len);
        self.push(1, EventKind::Message { dir: Direction::In, number, start, end: start + len });
    }

    /// One write that is sent in this number of segments, and the sample that shows it.
    pub(crate) fn write(&mut self, conn: ConnId, len: u64, segments: u64) {
        let side = usize::from(conn == 2);
        self.push(conn, EventKind::Write { offset: self.out[side], asked: len, accepted: len, pinned: false });
        self.out[side] += len;
        self.segments[side] += segments;
        self.wait(6_000);
        self.sample(conn);
    }

    /// Records of these lengths on the wire and in the plaintext.
    pub(crate) fn records(&mut self, conn: ConnId, records: &[(u64, u64)]) {
        for &(len, plaintext) in records {
            let (offset, start) = self.encoded[usize::from(conn == 2)];
            self.encoded[usize::from(conn == 2)] = (offset + len, start + plaintext);
            self.push(conn, EventKind::Record { dir: Direction::Out, offset, len, start, end: start + plaintext });
        }
    }

    /// One read, and the sample after it.
    pub(crate) fn read(&mut self, conn: ConnId, offset: u64, len: u64) {
        self.push(conn, EventKind::Read { offset, len });
        self.sample(conn);
    }

    /// The kernel's counters of one end.
    pub(crate) fn sample(&mut self, conn: ConnId) {
        let side = usize::from(conn == 2);
        let sample = TcpSample {
            data_segs_out: Some(self.segments[side]),
            data_segs_in: Some(self.segments[1 - side]),
            total_retrans: Some(0),
            snd_mss: Some(32_768),
            ..TcpSample::default()
        };
        self.push(conn, EventKind::Sample(sample));
    }

    pub(crate) fn close(&mut self) {
        self.push(1, EventKind::Shutdown { offset: self.out[0], plaintext: None });
        self.wait(12_000);
        self.push(2, EventKind::Eof { offset: self.out[0], plaintext: None });
        self.push(2, EventKind::Shutdown { offset: self.out[1], plaintext: None });
        self.wait(12_000);
        self.push(1, EventKind::Eof { offset: self.out[1], plaintext: None });
        for conn in [1, 2] {
            self.sample(conn);
            self.push(conn, EventKind::Close { error: None, reset: false });
        }
    }
}
