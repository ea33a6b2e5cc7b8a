//! Counters of a run in the text format 0.0.4 of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). No label has a value that a peer chooses.

use std::fmt::Write;

use serde::Serialize;

use super::response::Response;
use crate::trace::{BarrierOutcome, ConnMap, Direction, Ending, Event, EventKind, Side, TcpSample};

/// The counters of a run. Their memory grows only with the number of open connections.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    totals: Totals,
    open: ConnMap<Open>,
}

/// The counts at one time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    connect: Counts,
    listen: Counts,
    /// `None` where nobody logs in.
    #[serde(skip)]
    failed_logins: Option<u64>,
}

/// An open connection.
#[derive(Clone, Copy, Debug)]
struct Open {
    side: Side,
    peer_closed: bool,
    own_closed: bool,
    /// The segments that are counted already.
    counted: TcpSample,
}

/// Which sides of a connection have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    PeerClosed,
    OwnClosed,
    BothClosed,
}

/// The counts of one side.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    opened: u64,
    states: [u64; 4],
    endings: [u64; ENDINGS.len()],
    bytes: Directions,
    messages: Directions,
    writes: u64,
    reads: u64,
    segments: Directions,
    retransmits: u64,
    barriers: [u64; OUTCOMES.len()],
    replies: Times,
}

/// How many times were at most as long as each bound, their sum in nanoseconds, and their number.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Times {
    up_to: [u64; BOUNDS.len()],
    nanos: u64,
    count: u64,
}

/// The bounds of the histogram of times: in nanoseconds, and in seconds as text.
const BOUNDS: [(u64, &str); 16] = [
    (50_000, "0.00005"),
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (10_000_000_000, "10"),
];

/// A number for each direction.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Directions {
    out: u64,
    #[serde(rename = "in")]
    arrived: u64,
}

/// The outcomes of barriers, by their names in the trace.
const OUTCOMES: [(&str, BarrierOutcome); 8] = [
    ("acked", BarrierOutcome::Acked),
    ("read", BarrierOutcome::Read),
    ("record_read", BarrierOutcome::RecordRead),
    ("witnessed", BarrierOutcome::Witnessed),
    ("record_witnessed", BarrierOutcome::RecordWitnessed),
    ("witnessed_once", BarrierOutcome::WitnessedOnce),
    ("not_visible", BarrierOutcome::NotVisible),
    ("abandoned", BarrierOutcome::Abandoned),
];

/// The endings of connections, by their names.
const ENDINGS: [(&str, Ending); 5] = [
    ("orderly", Ending::Orderly),
    ("reset", Ending::Reset),
    ("peer_reset", Ending::PeerReset),
    ("timed_out", Ending::TimedOut),
    ("failed", Ending::Failed),
];

impl Open {
    fn state(&self) -> State {
        match (self.peer_closed, self.own_closed) {
            (false, false) => State::Open,
            (true, false) => State::PeerClosed,
            (false, true) => State::OwnClosed,
            (true, true) => State::BothClosed,
        }
    }
}

impl Counters {
    /// Counts one event.
    pub fn note(&mut self, event: &Event) {
        let side = match &event.what {
            EventKind::Open { side, .. } => *side,
            _ => self.open.get(&event.conn).map_or(Side::Connect, |open| open.side),
        };
        let counts = match side {
            Side::Connect => &mut self.totals.connect,
            Side::Listen => &mut self.totals.listen,
        };
        match &event.what {
            EventKind::Open { .. } => {
                counts.opened += 1;
                counts.states[State::Open as usize] += 1;
                let open = Open { side, peer_closed: false, own_closed: false, counted: TcpSample::default() };
                self.open.insert(event.conn, open);
            }
            EventKind::Eof { .. } | EventKind::Shutdown { .. } => {
                let Some(open) = self.open.get_mut(&event.conn) else { return };
                let before = open.state();
                match event.what {
                    EventKind::Eof { .. } => open.peer_closed = true,
                    _ => open.own_closed = true,
                }
                counts.states[before as usize] -= 1;
                counts.states[open.state() as usize] += 1;
            }
            EventKind::Close { error, reset } => {
                let Some(open) = self.open.remove(&event.conn) else { return };
                counts.states[open.state() as usize] -= 1;
                count_one(&mut counts.endings, &ENDINGS, Ending::new(error.as_deref(), *reset));
            }
            EventKind::Sample(sample) => {
                let Some(open) = self.open.get_mut(&event.conn) else { return };
                counts.add_segments(sample, &open.counted);
                open.counted = *sample;
            }
            what => counts.note(what),
        }
    }

    /// Counts failed logins of the clients of a listener; with 0, that there are none so far.
    pub fn add_failed_logins(&mut self, number: u64) {
        *self.totals.failed_logins.get_or_insert(0) += number;
    }

    /// The counts now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

impl Counts {
    fn note(&mut self, what: &EventKind) {
        match what {
            EventKind::Write { accepted, .. } => {
                self.writes += 1;
                self.bytes.out = self.bytes.out.saturating_add(*accepted);
            }
            EventKind::Read { len, .. } => {
                self.reads += 1;
                self.bytes.arrived = self.bytes.arrived.saturating_add(*len);
            }
            EventKind::Message { dir: Direction::Out, .. } => self.messages.out += 1,
            EventKind::Message { dir: Direction::In, .. } => self.messages.arrived += 1,
            EventKind::Barrier { outcome, .. } => {
                count_one(&mut self.barriers, &OUTCOMES, *outcome);
            }
            EventKind::Reply { nanos, .. } => self.replies.note(*nanos),
            _ => {}
        }
    }

    /// Adds what the kernel has counted since an earlier sample.
    fn add_segments(&mut self, sample: &TcpSample, before: &TcpSample) {
        let since = |now: Option<u64>, before: Option<u64>| now.unwrap_or(0).saturating_sub(before.unwrap_or(0));
        self.segments.out += since(sample.first_segments(), before.first_segments());
        self.segments.arrived += since(sample.data_segs_in, before.data_segs_in);
        self.retransmits += since(sample.total_retrans, before.total_retrans);
    }
}

impl Times {
    fn note(&mut self, nanos: u64) {
        for (count, (bound, _)) in self.up_to.iter_mut().zip(BOUNDS) {
            *count += u64::from(nanos <= bound);
        }
        self.nanos = self.nanos.saturating_add(nanos);
        self.count += 1;
    }
}

/// The labels of a value, and the value.
type Series = (String, u64);

impl Totals {
    /// The response with the counts.
    #[must_use]
    pub fn response(&self) -> Response {
        Response::new("text/plain; version=0.0.4; charset=utf-8", self.render())
    }

    /// The counts as text.
    fn render(&self) -> String {
        let mut text = String::new();
        let version = env!("CARGO_PKG_VERSION");
        family(&mut text, "build_info", "gauge", "The version of secretcat.", [(format!("version=\"{version}\""), 1)]);
        let states = ["open", "peer_closed", "own_closed", "both_closed"];
        let by_state = self.of_sides(|counts| named("state", states.into_iter().zip(counts.states)));
        family(&mut text, "connections", "gauge", "Connections, by the sides that have ended.", by_state);
        let opened = self.of_sides(|counts| vec![(String::new(), counts.opened)]);
        family(&mut text, "connections_opened_total", "counter", "Connections made or accepted.", opened);
        let ended = self.of_sides(|counts| named("ending", names(&ENDINGS).zip(counts.endings)));
        family(&mut text, "connections_ended_total", "counter", "Connections that have ended, by how.", ended);
        for (name, help, of) in DIRECTED {
            let values = self.of_sides(|counts| {
                let Directions { out, arrived } = of(counts);
                named("direction", [("out", out), ("in", arrived)].into_iter())
            });
            family(&mut text, name, "counter", help, values);
        }
        for (name, help, of) in SINGLE {
            family(&mut text, name, "counter", help, self.of_sides(|counts| vec![(String::new(), of(counts))]));
        }
        let barriers = self.of_sides(|counts| named("outcome", names(&OUTCOMES).zip(counts.barriers)));
        family(&mut text, "barriers_total", "counter", "Barriers between writes, by what was established.", barriers);
        if let Some(number) = self.failed_logins {
            family(&mut text, "failed_logins_total", "counter", "Logins that have failed.", [(String::new(), number)]);
        }
        self.render_times(&mut text);
        text
    }

    /// Appends the histogram of reply times.
    fn render_times(&self, text: &mut String) {
        let name = "reply_seconds";
        let help = "Time from the last byte of a message to the last byte of its reply.";
        let _ = writeln!(text, "# HELP secretcat_{name} {help}\n# TYPE secretcat_{name} histogram");
        for (side, counts) in [("connect", &self.connect), ("listen", &self.listen)] {
            let Times { up_to, nanos, count } = counts.replies;
            let bounds = BOUNDS.iter().map(|(_, bound)| *bound).zip(up_to).chain([("+Inf", count)]);
            for (bound, count) in bounds {
                let _ = writeln!(text, "secretcat_{name}_bucket{{side=\"{side}\",le=\"{bound}\"}} {count}");
            }
            let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            let _ = writeln!(text, "secretcat_{name}_sum{{side=\"{side}\"}} {seconds}.{rest:09}");
            let _ = writeln!(text, "secretcat_{name}_count{{side=\"{side}\"}} {count}");
        }
    }

    /// The series of both sides.
    fn of_sides(&self, series: impl Fn(&Counts) -> Vec<Series>) -> Vec<Series> {
        let sides = [("connect", &self.connect), ("listen", &self.listen)];
        let of_side = |(side, counts): (&str, &Counts)| {
            let label = format!("side=\"{side}\"");
            let label = move |other: String| if other.is_empty() { label.clone() } else { format!("{label},{other}") };
            series(counts).into_iter().map(move |(other, value)| (label(other), value)).collect::<Vec<_>>()
        };
        sides.into_iter().flat_map(of_side).collect()
    }
}

/// The name of a family, its help text, and its value.
type Family<T> = (&'static str, &'static str, fn(&Counts) -> T);

const DIRECTED: [Family<Directions>; 3] = [
    ("bytes_total", "Bytes written and read on the wire.", |counts| counts.bytes),
    ("messages_total", "Complete messages sent and received.", |counts| counts.messages),
    ("segments_total", "TCP segments with data, without retransmissions.", |counts| counts.segments),
];

const SINGLE: [Family<u64>; 3] = [
    ("writes_total", "Calls that have written bytes.", |counts| counts.writes),
    ("reads_total", "Calls that have read bytes.", |counts| counts.reads),
    ("retransmits_total", "TCP segments that were retransmitted.", |counts| counts.retransmits),
];

/// The names of the values of a label.
fn names<T>(values: &[(&'static str, T)]) -> impl Iterator<Item = &'static str> {
    values.iter().map(|(name, _)| *name)
}

/// Counts one of the values of a label.
fn count_one<T: Copy + PartialEq>(counts: &mut [u64], values: &[(&'static str, T)], one: T) {
    for (count, (_, value)) in counts.iter_mut().zip(values) {
        *count += u64::from(*value == one);
    }
}

/// Values with the names of one label.
fn named<'a>(label: &str, values: impl Iterator<Item = (&'a str, u64)>) -> Vec<Series> {
    values.map(|(name, value)| (format!("{label}=\"{name}\""), value)).collect()
}

/// Appends a family of metrics.
fn family(text: &mut String, name: &str, kind: &str, help: &str, series: impl IntoIterator<Item = Series>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP secretcat_{name} {help}\n# TYPE secretcat_{name} {kind}");
    for (labels, value) in series {
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        let _ = writeln!(text, "secretcat_{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::every_kind;

    fn values(counters: &Counters) -> Vec<String> {
        let text = counters.totals().render();
        let is_value = |line: &&str| !line.starts_with('#') && !line.ends_with(" 0") && !line.contains("_reply_");
        text.lines().filter(is_value).map(|line| line.trim_start_matches("secretcat_").to_owned()).collect()
    }

    #[test]
    fn events_are_counted_by_side_direction_and_outcome() {
        let mut counters = Counters::default();
        for event in every_kind() {
            counters.note(&event);
        }
        let version = env!("CARGO_PKG_VERSION");
        // Connection 1 is opened twice, and then is a listener's.
        let expected = [
            &format!("build_info{{version=\"{version}\"}} 1"),
            "connections{side=\"connect\",state=\"open\"} 2",
            "connections_opened_total{side=\"connect\"} 2",
            "connections_opened_total{side=\"listen\"} 1",
            "connections_ended_total{side=\"listen\",ending=\"orderly\"} 1",
            "bytes_total{side=\"connect\",direction=\"out\"} 10",
            "bytes_total{side=\"connect\",direction=\"in\"} 3",
            "bytes_total{side=\"listen\",direction=\"out\"} 5",
            "bytes_total{side=\"listen\",direction=\"in\"} 17",
            "messages_total{side=\"connect\",direction=\"in\"} 1",
            "messages_total{side=\"listen\",direction=\"out\"} 1",
            "messages_total{side=\"listen\",direction=\"in\"} 1",
            "segments_total{side=\"listen\",direction=\"out\"} 11",
            "segments_total{side=\"listen\",direction=\"in\"} 3",
            "writes_total{side=\"connect\"} 1",
            "writes_total{side=\"listen\"} 1",
            "reads_total{side=\"connect\"} 1",
            "reads_total{side=\"listen\"} 1",
            "retransmits_total{side=\"listen\"} 1",
        ];
        let got = values(&counters);
        let barriers = OUTCOMES.map(|(name, _)| format!("barriers_total{{side=\"listen\",outcome=\"{name}\"}} 1"));
        assert_eq!(got, expected.iter().map(ToString::to_string).chain(barriers).collect::<Vec<_>>());
    }

    #[test]
    fn reply_times_are_counted_up_to_each_bound() {
        let mut counters = Counters::default();
        for nanos in [40_000, 100_000, 2_000_000_000, 11_000_000_000] {
            counters.note(&Event::new(0, 1, EventKind::Reply { number: 1, nanos }));
        }
        let text = counters.totals().render();
        let of = |bound: &str| format!("\nsecretcat_reply_seconds_bucket{{side=\"connect\",le=\"{bound}\"}} ");
        for (bound, count) in [("0.00005", 1), ("0.0001", 2), ("1", 2), ("2.5", 3), ("10", 3), ("+Inf", 4)] {
            assert!(text.contains(&format!("{}{count}\n", of(bound))), "{bound} in {text}");
        }
        assert!(text.contains("\nsecretcat_reply_seconds_sum{side=\"connect\"} 13.000140000\n"), "{text}");
        assert!(text.ends_with("\nsecretcat_reply_seconds_count{side=\"listen\"} 0\n"), "{text}");
    }

    #[test]
    fn closed_connections_take_no_memory_and_count_once() {
        let mut counters = Counters::default();
        let open = |conn| {
            let what = EventKind::Open { side: Side::Listen, local: "a".into(), peer: "\"\n".into(), made_for: None };
            Event::new(0, conn, what)
        };
        for conn in 1..=1000 {
            counters.note(&open(conn));
            for segments in [2, 5, 5] {
                let sample = TcpSample { data_segs_in: Some(segments), ..TcpSample::default() };
                counters.note(&Event::new(0, conn, EventKind::Sample(sample)));
            }
            counters.note(&Event::new(0, conn, EventKind::Eof { offset: 0, plaintext: None }));
            counters.note(&Event::new(0, conn, EventKind::Shutdown { offset: 0, plaintext: None }));
            if conn > 2 {
                let error = Some("connection reset".to_owned()).filter(|_| conn % 2 == 0);
                counters.note(&Event::new(0, conn, EventKind::Close { error: error.clone(), reset: false }));
                counters.note(&Event::new(0, conn, EventKind::Close { error, reset: false }));
            }
        }
        assert_eq!(counters.open.len(), 2);
        assert_eq!(
            values(&counters)[1..],
            [
                "connections{side=\"listen\",state=\"both_closed\"} 2",
                "connections_opened_total{side=\"listen\"} 1000",
                "connections_ended_total{side=\"listen\",ending=\"orderly\"} 499",
                "connections_ended_total{side=\"listen\",ending=\"peer_reset\"} 499",
                "segments_total{side=\"listen\",direction=\"in\"} 5000",
            ]
        );
    }
}
