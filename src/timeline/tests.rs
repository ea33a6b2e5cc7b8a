//! Tests of whole pictures.

mod arrows;

use super::*;
use crate::trace::samples::{Run, bulk, coalesced, loopback, relay, start, tls, typed};
use crate::trace::{BarrierOutcome, Direction, Side, TcpSample};
use proptest::prelude::*;

fn picture(events: &[Event]) -> String {
    noted(events).render(View::Lanes)
}

fn ladder(events: &[Event]) -> String {
    noted(events).render(View::Ladder)
}

fn noted(events: &[Event]) -> Timeline {
    let mut timeline = Timeline::new();
    timeline.begin(start());
    for event in events {
        timeline.note(event);
    }
    timeline
}

fn pictures() -> Vec<(&'static str, Vec<Event>)> {
    vec![
        ("three", loopback(3, &[1, 5])),
        ("typed", typed(3, &[1, 5], 4_000_000_000)),
        ("thirty", loopback(30, &[])),
        ("thirtycut", loopback(30, &[1, 5])),
        ("many", loopback(3000, &[1, 5])),
        ("coalesced", coalesced()),
        ("relay", relay()),
        ("tls", tls(3)),
        ("tlsmany", tls(3000)),
        ("bulk", bulk(12)),
        ("bulkmany", bulk(4000)),
        ("stalled", stalled()),
        ("crowd", crowd(60)),
        ("hostile", hostile("</text><script>alert(1)</script>\u{1b}[2J\"&\u{65e5}\u{672c}".repeat(9))),
        ("empty", vec![]),
    ]
}

/// A writer whose peer does not read for a second.
fn stalled() -> Vec<Event> {
    let mut run = Run::new();
    run.open("127.0.0.1:51234", "127.0.0.1:4500");
    let sample = |snd_wnd, rwnd_limited, unread: u64| {
        let bytes_received = Some(unread);
        EventKind::Sample(TcpSample { bytes_received, snd_wnd, rwnd_limited, ..TcpSample::default() })
    };
    run.push(1, EventKind::Write { offset: 0, asked: 65_536, accepted: 65_536, pinned: false });
    run.push(1, sample(Some(0), Some(0), 0));
    run.push(2, sample(None, None, 0));
    run.push(2, sample(None, None, 65_536));
    run.wait(1_000_000_000);
    run.push(2, EventKind::Read { offset: 0, len: 65_536 });
    run.push(2, sample(None, None, 65_536));
    run.wait(40_000);
    run.push(1, EventKind::Write { offset: 65_536, asked: 100, accepted: 100, pinned: false });
    run.push(1, sample(Some(65_536), Some(1_000_000), 0));
    run.wait(40_000);
    run.push(2, EventKind::Read { offset: 65_536, len: 100 });
    run.close();
    run.events
}

/// A listener with clients that each send one message.
fn crowd(clients: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for conn in 1..=clients {
        let peer = format!("127.0.0.1:{}", 40_000 + conn);
        let (local, t) = ("127.0.0.1:4500".to_owned(), conn * 1_000_000);
        events.push(Event::new(t, conn, EventKind::Open { side: Side::Listen, local, peer, made_for: None }));
        events.push(Event::new(t + 9_000, conn, EventKind::Read { offset: 0, len: 9 }));
        events.push(Event::new(
            t + 20_000,
            conn,
            EventKind::Write { offset: 0, asked: 21, accepted: 21, pinned: false },
        ));
        events.push(Event::new(t + 90_000, conn, EventKind::Close { error: None, reset: false }));
    }
    events
}

/// A run whose addresses and error are this text.
fn hostile(text: String) -> Vec<Event> {
    let mut events = loopback(1, &[]);
    for event in &mut events {
        if let EventKind::Open { local, peer, .. } = &mut event.what {
            (*local, *peer) = (text.clone(), text.clone());
        }
    }
    events.push(Event::new(9, 1, EventKind::Close { error: Some(text), reset: false }));
    events
}

/// The picture of a fixed run. `UPDATE=1 cargo test` writes it again: view it before you commit it.
#[test]
fn picture_equals_the_committed_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/timeline.svg");
    let drawn = picture(&coalesced());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &drawn).unwrap();
    }
    assert_eq!(drawn, std::fs::read_to_string(path).unwrap());
}

#[test]
fn every_run_has_a_picture_of_sane_size() {
    for (name, events) in pictures() {
        let drawn = picture(&events);
        assert!(drawn.starts_with("<svg xmlns=") && drawn.ends_with("</svg>\n"), "{name}");
        assert!(!drawn.contains("NaN") && !drawn.contains("inf\"") && !drawn.contains("<script"), "{name}");
        assert_eq!(drawn.matches("<title>").count(), drawn.matches("</title>").count(), "{name}");
        assert!(drawn.len() < 600_000, "{name}: {} bytes", drawn.len());
        let mut labels: Vec<&str> = drawn.lines().filter(|line| line.starts_with("<text")).collect();
        let drawn_labels = labels.len();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), drawn_labels, "{name}: a label is drawn twice in one place");
    }
}

/// The position of each label: its line, its start and end, and its text.
fn labels(drawn: &str) -> Vec<(String, f64, f64, String)> {
    let attribute = |line: &str, name: &str| {
        let from = line.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3);
        from.map_or(String::new(), |from| line[from..].split('"').next().unwrap().to_owned())
    };
    let texts = drawn.lines().filter(|line| line.starts_with("<text"));
    texts
        .map(|line| {
            let text = line.split(['<', '>']).nth(2).unwrap();
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            let (x, class) = (attribute(line, "x").parse::<f64>().unwrap(), attribute(line, "class"));
            let width = svg::text_width(&class, &text);
            let begin = match class.split(' ').next_back() {
                Some("end") => x - width,
                Some("mid") => x - width / 2.0,
                _ => x,
            };
            (attribute(line, "y"), begin, begin + width, text)
        })
        .collect()
}

/// Two labels that overlap.
fn overlap(drawn: &str) -> Option<String> {
    let mut labels = labels(drawn);
    labels.sort_by(|a, b| (&a.0, a.1).partial_cmp(&(&b.0, b.1)).unwrap());
    let mut pairs = labels.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    pairs.find(|pair| pair[0].2 > pair[1].1 + 0.5).map(|pair| format!("{pair:?}"))
}

/// A label that is not within the picture.
fn outside(drawn: &str) -> Option<String> {
    let height: f64 = drawn.split('"').nth(5).unwrap().parse().unwrap();
    let is_inside = |(y, from, to, _): &(String, f64, f64, String)| {
        let y: f64 = y.parse().unwrap();
        *from >= 0.0 && *to <= svg::WIDTH && (10.0..=height).contains(&y)
    };
    labels(drawn).into_iter().find(|label| !is_inside(label)).map(|label| format!("{label:?} of {height}"))
}

#[test]
fn no_label_leaves_the_picture() {
    for (name, events) in pictures() {
        assert_eq!(outside(&picture(&events)), None, "{name}");
        let drawn = ladder(&events);
        assert_eq!((outside(&drawn), overlap(&drawn)), (None, None), "{name}");
        assert!(drawn.len() < 600_000 && !drawn.contains("NaN") && !drawn.contains("<script"), "{name}");
    }
    let mut timeline = Timeline::new();
    let command = vec![b"secretcat".to_vec(), vec![b'W'; 5_000]];
    timeline.begin(Start { version: "9".repeat(500), time: "8".repeat(500), command });
    assert_eq!(outside(&timeline.render(View::Lanes)), None);
}

#[test]
fn no_labels_overlap() {
    for (name, events) in pictures() {
        assert_eq!(overlap(&picture(&events)), None, "{name}");
    }
}

#[test]
fn few_messages_are_drawn_singly_and_many_as_columns() {
    let few = picture(&loopback(3, &[1, 5]));
    let strokes = few.matches("<rect").count() - few.matches("class=\"lane\"").count();
    assert_eq!(strokes, 1 + 3 * 9 + 3 * 3 + 6, "the paper, three lanes of pieces and of replies, and brackets");
    assert!(few.contains(">9 writes<") && few.contains(">9 segments<") && few.contains(">9 reads<"));
    assert!(few.contains("read: 4 bytes, 1 to 5, message 1, at ") && !few.contains("enlarged"));
    let many = picture(&loopback(3000, &[1, 5]));
    assert!(many.contains(">9,000 writes<") && many.contains(", enlarged<") && many.contains("hsl("));
}

#[test]
fn marks_carry_their_bytes() {
    let drawn = picture(&coalesced());
    for text in [">SECRET 42 r<", ">eady\\n<", ">hell<", ">o, world\\n<", ">Digits: 42   Count: 2\\n<"] {
        assert!(drawn.contains(text), "{text}: {drawn}");
    }
    assert!(drawn.contains("at 20.1 ms: &quot;eady\\nhell&quot;</title>"), "{drawn}");
    // A write with bytes of two messages has an outline.
    assert_eq!(drawn.matches("class=\"edge\"").count(), 6, "two lanes, the joined read, and three of the reply");
}

#[test]
fn head_has_command_version_date_and_connections() {
    let drawn = picture(&coalesced());
    assert!(drawn.contains(">secretcat connect --loopback --cut 11,20 --coalesce 2 --delay 20ms --timeline run.svg<"));
    assert!(drawn.contains(">secretcat 1.0.0, 2026-11-26 22:00:00 UTC; 1 of 1 connection drawn<"), "{drawn}");
    assert!(picture(&crowd(60)).contains("; 6 of 60 connections drawn<"));
}

#[test]
fn beginning_and_end_of_each_side_are_drawn() {
    let drawn = picture(&loopback(1, &[]));
    assert_eq!((drawn.matches(">SYN<").count(), drawn.matches(">FIN<").count()), (2, 4), "{drawn}");
    let mut events = loopback(1, &[]);
    let is_end = |event: &Event| matches!(event.what, EventKind::Shutdown { .. } | EventKind::Eof { .. });
    events.retain(|event| !is_end(event));
    for event in &mut events {
        if let EventKind::Close { error, reset } = &mut event.what {
            if event.conn == 1 { *reset = true } else { *error = Some("connection reset by peer".into()) }
        }
    }
    let drawn = picture(&events);
    assert_eq!((drawn.matches(">RST<").count(), drawn.matches(">FIN<").count()), (2, 0), "{drawn}");
    let unix = hostile("unix".to_owned());
    let drawn = picture(&unix);
    assert!(!drawn.contains(">SYN<") && drawn.contains(">connect<"), "{drawn}");
}

#[test]
fn each_wait_has_a_word() {
    let drawn = picture(&stalled());
    assert!(drawn.contains(">window closed 1 s<") && drawn.contains(">waiting for the reader 1 s<"), "{drawn}");
    assert!(drawn.contains(">1 s skipped<"), "{drawn}");
    let drawn = picture(&coalesced());
    assert_eq!(drawn.matches(">delay 20 ms<").count(), 2, "{drawn}");
    assert!(picture(&loopback(1, &[1, 5])).contains(">barrier"));
}

#[test]
fn relay_has_both_sides_in_one_block() {
    let drawn = picture(&relay());
    assert_eq!(drawn.matches(" drawn<").count(), 1);
    let title = ">#1 client 10.0.0.9:40112 \u{2192} relay 10.0.0.2:4500 \u{2192} #2 server 10.0.0.3:80<";
    assert!(drawn.contains("; 1 of 1 connection drawn<") && drawn.contains(title), "{drawn}");
    let bands = drawn.matches("class=\"flow ").count();
    let mut layered = relay();
    let record = EventKind::Record { dir: Direction::Out, offset: 0, len: 9, start: 0, end: 0 };
    layered.insert(3, Event::new(900_000, 2, record));
    let drawn = picture(&layered);
    assert!(bands > drawn.matches("class=\"flow ").count() && drawn.contains("no bands connect them"), "{drawn}");
}

/// Whether the picture has a mark that is described so.
#[track_caller]
fn assert_mark(drawn: &str, mark: &str) {
    assert!(drawn.contains(&format!("<title>{mark}, at ")), "{mark}: {drawn}");
}

#[test]
fn messages_over_tls_are_drawn_over_their_own_bytes() {
    let drawn = picture(&tls(3));
    assert!(picture(&tls(3000)).contains(", enlarged<"));
    assert_mark(&drawn, "write: 1,436 bytes, 0 to 1436");
    assert_mark(&drawn, "record: 25 bytes, 1516 to 1541, message 1");
    assert_mark(&drawn, "write: 25 bytes, 1516 to 1541, message 1");
    // The server reads the end of the handshake and the first record of the message together.
    assert_mark(&drawn, "read: 105 bytes, 1436 to 1541, message 1");
    assert_mark(&drawn, "write: 29 bytes, 1541 to 1570, message 1");
    assert_mark(&drawn, "read: 44 bytes, 1745 to 1789, message 1");
    assert!(drawn.contains(">client \u{2192} server: 3 messages, 1,702 bytes, 30 of plaintext<"), "{drawn}");
    assert!(drawn.contains(">Grey bytes") || drawn.contains(" Grey bytes"), "{drawn}");
    assert!(!picture(&loopback(3, &[1, 5])).contains("Grey bytes"));
    // With TLS the end of what is read is not the FIN.
    assert_eq!((drawn.matches(">FIN<").count(), drawn.matches(">end<").count()), (2, 2), "{drawn}");
}

#[test]
fn head_names_the_session_once() {
    let mut events = tls(1);
    let line = "TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768, ALPN h2, server name example.test";
    let drawn = picture(&events);
    assert_eq!((drawn.matches(line).count(), drawn.contains(&format!(">#1, #2 {line}<"))), (1, true));
    for event in events.iter_mut().filter(|event| event.conn == 2) {
        if let EventKind::Tls(session) = &mut event.what {
            **session = session.clone().with_names(None, None, Some("</text>\u{1b}Alice"));
        }
    }
    let drawn = picture(&events);
    assert!(drawn.contains("client &lt;/text&gt;\\x1bAlice<"), "{drawn}");
}

#[test]
fn hostile_names_are_escaped() {
    let drawn = picture(&hostile("</text><script>alert(1)</script>\u{1b}[2J\"&".to_owned()));
    assert!(!drawn.contains("<script") && !drawn.contains('\u{1b}') && drawn.contains("&lt;script&gt;"), "{drawn}");
}

#[test]
fn million_events_of_many_connections_take_bounded_memory() {
    let mut timeline = Timeline::new();
    let hold = |conn: u64, k: u64| {
        [
            EventKind::Message { dir: Direction::Out, number: k + 1, start: 9 * k, end: 9 * k + 9 },
            EventKind::Pause { offset: 9 * k, nanos: 1 },
            EventKind::Write { offset: 9 * k, asked: 9, accepted: 9, pinned: false },
            EventKind::Read { offset: 9 * k, len: 9 },
            EventKind::Barrier { offset: 9 * k + 9, outcome: BarrierOutcome::Acked },
        ]
        .map(|what| Event::new(10 * k + conn, conn, what))
    };
    for conn in 1..=1_000 {
        let what = EventKind::Open { side: Side::Listen, local: "a".repeat(10_000), peer: "b".into(), made_for: None };
        timeline.note(&Event::new(0, conn, what));
    }
    for k in 0..66_667 {
        for conn in [1, 2, 999] {
            for event in hold(conn, k) {
                timeline.note(&event);
            }
        }
    }
    assert_eq!(timeline.tapes.len(), TAPES);
    for tape in &timeline.tapes {
        assert!(tape.room() <= 20_000, "{}", tape.room());
    }
    let drawn = timeline.render(View::Lanes);
    assert!(drawn.contains(">Not drawn: 994 more connections, "), "{}", &drawn[drawn.len() - 300..]);
    assert!(drawn.len() < 600_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_labels_overlap_at_any_pace(
        waits in proptest::collection::vec(prop_oneof![0..50_000_u64, 0..20_000_000_u64], 1..60), len in 1..99_u64,
    ) {
        let what = EventKind::Open { side: Side::Connect, local: "a".into(), peer: "b".into(), made_for: None };
        let mut events = vec![Event::new(0, 1, what)];
        let mut t = 0;
        for (k, wait) in (0..).zip(waits) {
            t += wait;
            let what = EventKind::Message { dir: Direction::Out, number: k + 1, start: k * len, end: (k + 1) * len };
            events.push(Event::new(t, 1, what));
            events.push(Event::new(t, 1, EventKind::Write { offset: k * len, asked: len, accepted: len, pinned: false }));
        }
        prop_assert_eq!(overlap(&picture(&events)), None);
        prop_assert_eq!(outside(&picture(&events)), None);
    }

    #[test]
    fn no_sequence_of_events_causes_a_panic(events in proptest::collection::vec(any_event(), 0..60)) {
        let drawn = picture(&events);
        prop_assert!(!drawn.contains("NaN") && !drawn.contains("inf\""));
        prop_assert_eq!(outside(&drawn), None);
        let drawn = ladder(&events);
        prop_assert!(!drawn.contains("NaN") && !drawn.contains("inf\""));
        prop_assert_eq!(outside(&drawn), None);
    }
}

/// Events that no connection has: any order, any numbers.
fn any_event() -> impl Strategy<Value = Event> {
    let number = || prop_oneof![0..40_u64, any::<u64>()];
    (number(), 1..4_u64, 0..10_u8, number(), number(), number()).prop_map(|(t, conn, kind, a, b, c)| {
        let what = match kind {
            0 => EventKind::Open {
                side: if a % 2 == 0 { Side::Connect } else { Side::Listen },
                local: "a".into(),
                peer: "a".into(),
                made_for: None,
            },
            1 => EventKind::Message {
                dir: if c % 2 == 0 { Direction::Out } else { Direction::In },
                number: c,
                start: a,
                end: b,
            },
            2 => EventKind::Pause { offset: a, nanos: b },
            3 => EventKind::Read { offset: a, len: b },
            4 => EventKind::Barrier { offset: a, outcome: BarrierOutcome::NotVisible },
            5 => EventKind::Shutdown { offset: a, plaintext: None },
            6 => EventKind::Eof { offset: a, plaintext: None },
            7 => EventKind::Sample(TcpSample {
                data_segs_out: Some(a),
                total_retrans: Some(0),
                data_segs_in: Some(b),
                notsent_bytes: Some(c),
                ..TcpSample::default()
            }),
            _ => EventKind::Write { offset: a, asked: b, accepted: b, pinned: false },
        };
        Event::new(t, conn, what)
    })
}
