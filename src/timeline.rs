//! The `--timeline` picture: when bytes were written, in which segments they were sent, and when they were
//! read.

mod axis;
mod canvas;
mod density;
mod detail;
mod lane;
mod layout;
mod marks;
mod scene;
mod svg;
mod tape;
mod wire;

use self::axis::time;
use self::canvas::MARGIN;
use self::detail::Drawn;
use self::layout::Need;
use self::scene::{Panel, Part, Row, RowKind};
use self::svg::Svg;
use self::tape::Tape;
use crate::trace::units::{counted, size, total};
use crate::trace::{Event, EventKind, Sink};

/// The largest number of connection ends that are kept; later ones are only counted.
const TAPES: usize = 16;
/// The largest number of connections that are drawn, whole and enlarged.
const PANELS: usize = 6;
const ENLARGED: usize = 2;
/// The smallest number of marks in a lane of an enlarged part.
const FEWEST: usize = 2;

/// The data of a run for its picture, in bounded memory.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    tapes: Vec<Tape>,
    more: More,
}

/// The number of connections that are not drawn.
#[derive(Clone, Copy, Debug, Default)]
struct More {
    connections: u64,
    written: u64,
    read: u64,
}

impl Timeline {
    /// A timeline without events.
    #[must_use]
    pub fn new() -> Timeline {
        Timeline::default()
    }

    /// Takes one event.
    pub fn note(&mut self, event: &Event) {
        if let Some(tape) = self.tapes.iter_mut().find(|tape| tape.conn == event.conn) {
            return tape.note(event.t, &event.what);
        }
        match &event.what {
            EventKind::Open { side, local, peer, made_for } if self.tapes.len() < TAPES => {
                let tape = Tape::new(event.conn, *side, local, peer);
                self.tapes.push(Tape { made_for: *made_for, ..tape });
            }
            EventKind::Open { .. } => self.more.connections += 1,
            EventKind::Write { accepted, .. } => self.more.written = self.more.written.saturating_add(*accepted),
            EventKind::Read { len, .. } => self.more.read = self.more.read.saturating_add(*len),
            _ => {}
        }
    }

    /// The picture as an SVG document: 1000 units wide, for light and dark, without scripts.
    #[must_use]
    pub fn render(&self) -> String {
        let mut panels = scene::panels(&self.tapes);
        let summary = summary(&panels);
        let hidden = panels.split_off(panels.len().min(PANELS));

        let mut page = Svg::default();
        page.text("title", MARGIN, 32.0, "How the bytes travelled");
        page.text("dim", MARGIN, 51.0, &summary);
        let mut y = 60.0;
        if panels.iter().flat_map(Panel::rows).next().is_some() {
            y = draw(&mut page, &panels, y);
        }
        if let Some(text) = self.left_out(&hidden) {
            page.text("", MARGIN, y + 14.0, &text);
            y += 20.0;
        }
        page.finish(y + 10.0, &format!("How the bytes travelled: {summary}"))
    }

    /// The note about connections that are not drawn.
    fn left_out(&self, hidden: &[Panel<'_>]) -> Option<String> {
        let connections = self.more.connections + hidden.len() as u64;
        let bytes = |more, kind| size(total(rows(hidden, kind).map(|row| row.lane.bytes()).chain([more])));
        let (written, read) = (bytes(self.more.written, RowKind::Writes), bytes(self.more.read, RowKind::Reads));
        (connections > 0).then(|| {
            format!("Not drawn: {}, {written} written and {read} read.", counted(connections, "more connection"))
        })
    }
}

impl Sink for Timeline {
    fn note(&mut self, event: &Event) {
        Timeline::note(self, event);
    }
}

/// Draws every mark if there is room, or else all marks as columns; and enlarges the first ones if the whole
/// does not show how messages were cut.
fn draw(page: &mut Svg, panels: &[Panel<'_>], y: f64) -> f64 {
    let mut bottom = if let Some(whole) = detail::draw(panels, Part::Whole, y, Need::Room) {
        page.append(&whole.page);
        if whole.shows_bytes {
            return whole.bottom;
        }
        whole.bottom
    } else {
        let (columns, bottom) = density::draw(panels, y);
        page.append(&columns);
        bottom
    };
    let enlarged = &panels[..panels.len().min(ENLARGED)];
    if let Some(first) = enlarge(enlarged, bottom + 36.0) {
        page.text("title", MARGIN, bottom + 28.0, &format!("The first {}, enlarged", time(first.nanos)));
        page.append(&first.page);
        bottom = first.bottom;
    }
    bottom
}

/// As many of the first marks as can be drawn in proportion to their bytes, up to the end of a message; if some
/// are too large for that, as many as can be distinguished.
fn enlarge(panels: &[Panel<'_>], y: f64) -> Option<Drawn> {
    let streams = || panels.iter().flat_map(|panel| &panel.streams);
    let calls = |row: &&Row<'_>| row.kind != RowKind::Records; // records are drawn with their calls
    let rows = || streams().flat_map(|stream| stream.rows.iter().filter(calls).map(|row| (row, stream.messages)));
    let heads = || rows().map(|(row, messages)| (row.lane.head(), messages));
    // After the end of the shortest full head, marks would be missing from its lane.
    let full = heads().filter(|(head, _)| head.len() == lane::HEAD);
    let known = full.filter_map(|(head, _)| head.last()).map(|mark| mark.t0).min().unwrap_or(u64::MAX);
    // If several are equally busy, the topmost one, because the others continue its bytes.
    let (busiest, messages) = heads().reduce(|best, lane| if lane.0.len() > best.0.len() { lane } else { best })?;
    let starts: Vec<u64> =
        busiest.iter().skip(FEWEST).filter(|mark| messages.begins(mark.start)).map(|mark| mark.t0).collect();
    [Need::Proportion, Need::Widths].into_iter().find_map(|need| {
        let mut ends = starts.iter().rev().map(|start| start.saturating_sub(1).min(known));
        ends.find_map(|until| detail::draw(panels, Part::Until(until), y, need))
    })
}

/// The run in one line.
fn summary(panels: &[Panel<'_>]) -> String {
    let sum = |kind: RowKind| total(rows(panels, kind).map(|row| row.lane.count()));
    let messages = total(panels.iter().flat_map(|panel| &panel.streams).map(|stream| stream.messages.count()));
    let counts = [
        (messages, "message"),
        (sum(RowKind::Records), "record"),
        (sum(RowKind::Writes), "write"),
        (sum(RowKind::Segments), "segment"),
        (sum(RowKind::Reads), "read"),
    ];
    let mut parts = vec![counted(panels.len() as u64, "connection")];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun)));
    let marks = || panels.iter().flat_map(Panel::marks);
    let (begin, end) = (marks().map(|mark| mark.t0).min(), marks().map(|mark| mark.t1).max());
    let time = begin.zip(end).map_or_else(String::new, |(begin, end)| format!(", in {}", time(end - begin)));
    format!("{}{time}", parts.join(", "))
}

/// The lanes of one kind.
fn rows<'a>(panels: &'a [Panel<'a>], kind: RowKind) -> impl Iterator<Item = &'a Row<'a>> {
    panels.iter().flat_map(Panel::rows).filter(move |row| row.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::{bulk, coalesced, loopback, relay, tls, typed};
    use crate::trace::{BarrierOutcome, Direction, Side, TcpSample};
    use proptest::prelude::*;

    fn picture(events: &[Event]) -> String {
        let mut timeline = Timeline::new();
        for event in events {
            timeline.note(event);
        }
        timeline.render()
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
            ("empty", vec![]),
        ]
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
                let text = line.split(['<', '>']).nth(2).unwrap().to_owned();
                let (x, class) = (attribute(line, "x").parse::<f64>().unwrap(), attribute(line, "class"));
                let width = svg::text_width(&text);
                let begin = match class.split(' ').next_back() {
                    Some("end") => x - width,
                    Some("mid" | "on") => x - width / 2.0,
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

    #[test]
    fn no_labels_overlap() {
        for (name, events) in pictures() {
            assert_eq!(overlap(&picture(&events)), None, "{name}");
        }
    }

    #[test]
    fn few_messages_are_drawn_singly_and_many_as_columns() {
        let few = picture(&loopback(3, &[1, 5]));
        assert_eq!(
            few.matches("class=\"m0\"").count(),
            3 * 3 + 3 + 2,
            "three lanes of pieces, of a reply, two brackets"
        );
        assert!(few.contains(">9 writes<") && few.contains(">9 segments<") && few.contains(">9 reads<"));
        assert!(few.contains("read: 4 bytes, 1 to 5, message 1, at ") && !few.contains("enlarged"));
        let many = picture(&loopback(3000, &[1, 5]));
        assert!(many.contains(">9,000 writes<") && many.contains(", enlarged<") && many.contains("hsl("));
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
        assert!(drawn.contains(">#1 to #2: 3 messages, 1,702 bytes, 30 of plaintext<"), "{drawn}");
        assert!(drawn.contains(">Grey bytes") || drawn.contains(" Grey bytes"), "{drawn}");
        assert!(!picture(&loopback(3, &[1, 5])).contains("Grey bytes"));
    }

    #[test]
    fn head_names_the_session_once() {
        let mut events = tls(1);
        let line = "TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768, ALPN h2, server name example.test";
        let drawn = picture(&events);
        assert_eq!((drawn.matches(line).count(), drawn.contains(&format!(">#1 {line}<"))), (1, true));
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
        let hostile = "</text><script>alert(1)</script>\u{1b}[2J\"&";
        let mut events = loopback(1, &[]);
        for event in &mut events {
            if let EventKind::Open { local, peer, .. } = &mut event.what {
                (*local, *peer) = (hostile.into(), hostile.into());
            }
        }
        events.push(Event::new(9, 1, EventKind::Close { error: Some(hostile.into()) }));
        let drawn = picture(&events);
        assert!(!drawn.contains("<script") && !drawn.contains('\u{1b}') && drawn.contains("&lt;script&gt;"), "{drawn}");
    }

    #[test]
    fn million_events_of_many_connections_take_bounded_memory() {
        let mut timeline = Timeline::new();
        let hold = |conn: u64, k: u64| {
            [
                EventKind::Message { dir: Direction::Out, number: k + 1, start: 9 * k, end: 9 * k + 9 },
                EventKind::Pause { offset: 9 * k, nanos: 1 },
                EventKind::Write { offset: 9 * k, asked: 9, accepted: 9 },
                EventKind::Read { offset: 9 * k, len: 9 },
                EventKind::Barrier { offset: 9 * k + 9, outcome: BarrierOutcome::Acked },
            ]
            .map(|what| Event::new(10 * k + conn, conn, what))
        };
        for conn in 1..=1_000 {
            let what =
                EventKind::Open { side: Side::Listen, local: "a".repeat(10_000), peer: "b".into(), made_for: None };
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
        let drawn = timeline.render();
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
                events.push(Event::new(t, 1, EventKind::Write { offset: k * len, asked: len, accepted: len }));
            }
            prop_assert_eq!(overlap(&picture(&events)), None);
        }

        #[test]
        fn no_sequence_of_events_causes_a_panic(events in proptest::collection::vec(any_event(), 0..60)) {
            let drawn = picture(&events);
            prop_assert!(!drawn.contains("NaN") && !drawn.contains("inf\""));
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
                _ => EventKind::Write { offset: a, asked: b, accepted: b },
            };
            Event::new(t, conn, what)
        })
    }
}
