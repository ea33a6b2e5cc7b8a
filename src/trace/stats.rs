//! The `--stats` summary: exact counts of a whole run, as text to be read in ten seconds, or as JSON.

mod json;
mod text;

use std::time::Duration;

use serde::Serialize;

use super::conns::ConnMap;
use super::durations::Durations;
use super::event::{BarrierOutcome, Direction, Event, EventKind, Side, Sink, TcpSample};
use super::histogram::Histogram;

/// Counts of a whole run, separate for each side if both are present. Its memory grows only with the number of
/// open connections.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    connect: Totals,
    listen: Totals,
    open: ConnMap<Open>,
    /// The side of events without an open connection, which do not occur in a well-formed run.
    latest: Option<Side>,
}

/// The state of an open connection.
#[derive(Clone, Copy, Debug)]
struct Open {
    side: Side,
    /// The kernel's counters only increase, so the latest sample includes the earlier ones.
    sample: Option<TcpSample>,
    /// The barriers that count when the witness has seen a later one.
    witnessed_once: u64,
}

/// The counts of one side.
#[derive(Clone, Debug, Default)]
struct Totals {
    connections: u64,
    failed: u64,
    messages_out: u64,
    messages_in: u64,
    bytes_out: u64,
    bytes_in: u64,
    /// The records of layers such as TLS, and their plaintext.
    records: Directions,
    plaintext: Directions,
    short_writes: u64,
    pauses: u64,
    paused: u64,
    barriers_held: u64,
    /// The barriers that the peer passed by taking a record from its kernel.
    records_read: u64,
    /// The barriers that a witness saw.
    barriers_witnessed: u64,
    barriers_not_visible: u64,
    barriers_abandoned: u64,
    segments: Segments,
    writes: Histogram,
    reads: Histogram,
    /// The times between messages and their replies.
    replies: Durations,
    /// `None` where nobody logs in.
    failed_logins: Option<u64>,
}

/// A number for each direction.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Directions {
    out: u64,
    #[serde(rename = "in")]
    arrived: u64,
}

/// The kernel's segment counters of several connections.
#[derive(Clone, Copy, Debug, Default)]
struct Segments {
    out: u64,
    again: u64,
    arrived: u64,
    /// The number of connections with a known count of sent segments.
    known: u64,
}

impl Summary {
    /// A summary without events.
    #[must_use]
    pub fn new() -> Summary {
        Summary::default()
    }

    /// Counts one event.
    pub fn note(&mut self, event: &Event) {
        if let EventKind::Open { side, .. } = &event.what {
            self.latest = Some(*side);
            self.open.insert(event.conn, Open { side: *side, sample: None, witnessed_once: 0 });
        }
        let open = self.open.get_mut(&event.conn);
        let side = open.as_ref().map(|open| open.side).or(self.latest).unwrap_or(Side::Connect);
        let mut before = 0;
        match (&event.what, open) {
            (EventKind::Sample(sample), Some(open)) => {
                open.sample = Some(*sample);
                return;
            }
            (EventKind::Barrier { outcome, .. }, Some(open)) => match outcome {
                BarrierOutcome::WitnessedOnce => open.witnessed_once += 1,
                BarrierOutcome::Witnessed | BarrierOutcome::RecordWitnessed => {
                    before = std::mem::take(&mut open.witnessed_once);
                }
                _ => {}
            },
            _ => {}
        }
        let totals = match side {
            Side::Connect => &mut self.connect,
            Side::Listen => &mut self.listen,
        };
        totals.note(&event.what);
        totals.barriers_not_visible -= before;
        totals.barriers_witnessed += before;
        if matches!(event.what, EventKind::Close { .. }) {
            if let Some(open) = self.open.remove(&event.conn) {
                totals.segments.add(open.sample.as_ref());
            }
        }
    }

    /// Counts failed logins of the clients of a listener; with 0, that there are none so far.
    pub fn add_failed_logins(&mut self, number: u64) {
        *self.listen.failed_logins.get_or_insert(0) += number;
    }

    /// The sides that have connections, with their names.
    fn sides(&self) -> Vec<(&'static str, Totals)> {
        let sides = [("connect", self.with_open(Side::Connect)), ("listen", self.with_open(Side::Listen))];
        sides.into_iter().filter(|(_, totals)| totals.connections > 0).collect()
    }

    /// The totals of one side, open connections included.
    fn with_open(&self, side: Side) -> Totals {
        let mut totals = match side {
            Side::Connect => self.connect.clone(),
            Side::Listen => self.listen.clone(),
        };
        for open in self.open.values().filter(|open| open.side == side) {
            totals.segments.add(open.sample.as_ref());
        }
        totals
    }
}

impl Sink for Summary {
    fn note(&mut self, event: &Event) {
        Summary::note(self, event);
    }
}

impl Totals {
    /// Whether a layer such as TLS encodes bytes.
    fn is_layered(&self) -> bool {
        self.records.out > 0 || self.records.arrived > 0
    }

    /// The barriers that confirmed something.
    fn confirmed(&self) -> u64 {
        self.barriers_held + self.records_read + self.barriers_witnessed
    }

    fn note(&mut self, what: &EventKind) {
        match what {
            EventKind::Open { .. } => self.connections += 1,
            EventKind::Write { asked, accepted, .. } => {
                self.writes.note(*accepted);
                self.bytes_out = self.bytes_out.saturating_add(*accepted);
                self.short_writes += u64::from(accepted < asked);
            }
            EventKind::Read { len, .. } => {
                self.reads.note(*len);
                self.bytes_in = self.bytes_in.saturating_add(*len);
            }
            EventKind::Record { dir, start, end, .. } => {
                self.records.add(*dir, 1);
                self.plaintext.add(*dir, end.saturating_sub(*start));
            }
            EventKind::Message { dir: Direction::Out, .. } => self.messages_out += 1,
            EventKind::Message { dir: Direction::In, .. } => self.messages_in += 1,
            EventKind::Reply { nanos, .. } => self.replies.note(*nanos),
            EventKind::Pause { nanos, .. } => {
                self.pauses += 1;
                self.paused = self.paused.saturating_add(*nanos);
            }
            EventKind::Barrier { outcome, .. } => match outcome {
                BarrierOutcome::Acked | BarrierOutcome::Read => self.barriers_held += 1,
                BarrierOutcome::RecordRead => self.records_read += 1,
                BarrierOutcome::Witnessed | BarrierOutcome::RecordWitnessed => self.barriers_witnessed += 1,
                BarrierOutcome::NotVisible | BarrierOutcome::WitnessedOnce => self.barriers_not_visible += 1,
                BarrierOutcome::Abandoned => self.barriers_abandoned += 1,
            },
            EventKind::Close { error: Some(_), .. } => self.failed += 1,
            EventKind::Close { error: None, .. }
            | EventKind::ProxyHeader { .. }
            | EventKind::Plan(_)
            | EventKind::Tls(_)
            | EventKind::Option { .. }
            | EventKind::Sample(_)
            | EventKind::Eof { .. }
            | EventKind::Shutdown { .. } => {}
        }
    }
}

impl Directions {
    fn add(&mut self, dir: Direction, number: u64) {
        let sum = match dir {
            Direction::Out => &mut self.out,
            Direction::In => &mut self.arrived,
        };
        *sum = sum.saturating_add(number);
    }
}

impl Segments {
    fn add(&mut self, sample: Option<&TcpSample>) {
        let Some(sample) = sample else { return };
        self.arrived += sample.data_segs_in.unwrap_or(0);
        if let Some(out) = sample.first_segments() {
            self.out += out;
            self.again += sample.total_retrans.unwrap_or(0);
            self.known += 1;
        }
    }
}

/// A duration in nanoseconds.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::trace::ReplyTimes;
    use crate::trace::samples::{event, every_kind, loopback, tls};
    use crate::value::{ExpectedReplies, Pairing};

    /// The summary of these events, with their reply times.
    fn summary(events: &[Event]) -> Summary {
        let mut times = ReplyTimes::new(Pairing { made: Some(ExpectedReplies::ONE), accepted: true });
        let mut summary = Summary::new();
        for event in events {
            summary.note(event);
            let mut replies = Vec::new();
            times.note(event, &mut replies);
            for reply in &replies {
                summary.note(reply);
            }
        }
        summary
    }

    /// Both ends of a connection of these sizes, with every row and every remark of the summary.
    fn largest(size: u64) -> Summary {
        let mut summary = summary(&tls(2));
        for totals in [&mut summary.connect, &mut summary.listen] {
            *totals = Totals {
                connections: size,
                failed: size,
                messages_out: size,
                messages_in: size,
                bytes_out: size,
                bytes_in: size,
                records: Directions { out: size, arrived: size / 2 },
                plaintext: Directions { out: size, arrived: size },
                short_writes: size,
                pauses: size,
                paused: size,
                barriers_held: size / 4,
                records_read: size / 4,
                barriers_witnessed: size / 4,
                barriers_not_visible: size,
                barriers_abandoned: size,
                segments: Segments { out: size, again: size, arrived: size, known: size / 2 },
                ..totals.clone()
            };
            (0..64).for_each(|bits| totals.writes.note_many(1 << bits, size / 64));
            (0..64).for_each(|bits| totals.reads.note_many(1 << bits, size / 64));
            for nanos in [1, size / 3, size] {
                totals.replies.note(nanos);
            }
        }
        summary
    }

    #[test]
    fn every_line_fits_80_columns() {
        for size in [4, 99_999, 123_456_789, 1 << 40, u64::MAX] {
            let both = largest(size);
            let mut one = both.clone();
            (one.listen, one.open) = (Totals::default(), ConnMap::default());
            for summary in [both, one] {
                let text = summary.render(Duration::from_nanos(size));
                let widest = text.lines().map(str::len).max();
                assert!(widest <= Some(80), "{widest:?}\n{text}");
                assert_eq!(text.lines().filter(|line| line.starts_with("reply time ")).count(), 1, "{text}");
            }
        }
    }

    #[test]
    fn long_cells_continue_in_their_columns() {
        let text = largest(123_456_789_000).render(Duration::from_secs(3600));
        let rows: Vec<&str> = text.lines().filter(|line| !line.contains('#')).collect();
        assert_eq!(
            rows[..8],
            [
                "              connect                          listen",
                "connections   123,456,789,000                  123,456,789,000",
                "              (123,456,789,000 failed)         (123,456,789,000 failed)",
                "messages      123,456,789,000 out,             123,456,789,000 out,",
                "              123,456,789,000 in               123,456,789,000 in",
                "wire bytes    123,456,789,000 out,             123,456,789,000 out,",
                "              123,456,789,000 in               123,456,789,000 in",
                "plaintext     123,456,789,000 out,             123,456,789,000 out,",
            ]
        );
    }

    #[test]
    fn single_message_has_one_reply_time_and_no_rate() {
        let text = summary(&loopback(1, &[])).render(Duration::from_millis(1));
        assert!(text.contains("\nreply time    ") && !text.contains("rate") && !text.contains("median"), "{text}");
    }

    #[test]
    fn json_follows_the_schema() {
        let schema: Value = serde_json::from_str(include_str!("../../tests/cases/stats.schema.json")).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&schema));
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        for summary in [Summary::new(), summary(&loopback(2, &[1])), summary(&every_kind()), largest(u64::MAX)] {
            let line = summary.json(Duration::from_millis(5));
            let mut value: Value = serde_json::from_str(&line).unwrap();
            let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty() && !line.contains('\n'), "{line}: {wrong:?}");
            value["surprise"] = Value::from(1);
            assert!(!validator.is_valid(&value));
        }
        let line = summary(&loopback(2, &[])).json(Duration::from_micros(700));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["elapsed"], &value["listen"]["connections"]), (&Value::from(700_000), &Value::from(1)));
        assert_eq!(value["connect"]["reply_time"]["count"], 2);
        assert_eq!(
            value["connect"]["reads"],
            serde_json::json!({"count": 2, "sizes": [{"from": 16, "to": 31, "count": 2}]})
        );
    }

    #[test]
    fn summary_of_one_connection() {
        let events: Vec<Event> = loopback(3, &[1, 5]).into_iter().filter(|event| event.conn == 1).collect();
        assert_eq!(
            summary(&events).render(Duration::from_millis(1250)),
            concat!(
                "connections   1\n",
                "messages      3 out, 3 in\n",
                "bytes         57 out, 81 in\n",
                "writes        9\n",
                "segments      9 out, 3 in\n",
                "reads         3\n",
                "reply time    min 68 us, median 68 us, p99 68 us\n",
                "barriers      9 confirmed, 0 not\n",
                "rate          46 B/s out, 65 B/s in\n",
                "time          1.25 s\n",
                "\n",
                "size    writes                  reads\n",
                "1       3 ####################  0\n",
                "2..3    0                       0\n",
                "4..7    3 ####################  0\n",
                "8..15   2 #############         0\n",
                "16..31  1 #######               3 ####################\n",
            )
        );
    }

    #[test]
    fn summary_of_both_ends() {
        assert_eq!(
            summary(&loopback(3, &[1, 5])).render(Duration::from_millis(1250)),
            concat!(
                "              connect                    listen\n",
                "connections   1                          1\n",
                "messages      3 out, 3 in                3 out, 3 in\n",
                "bytes         57 out, 81 in              81 out, 57 in\n",
                "writes        9                          3\n",
                "segments      9 out, 3 in                3 out, 9 in\n",
                "reads         3                          9\n",
                "reply time    min 68 us, median 68 us,   min 24 us, median 24 us,\n",
                "              p99 68 us                  p99 24 us\n",
                "barriers      9 confirmed, 0 not         -\n",
                "rate          46 B/s out, 65 B/s in      65 B/s out, 46 B/s in\n",
                "time          1.25 s\n",
                "\n",
                "size    connect writes  connect reads  listen writes  listen reads\n",
                "1       3 ########      0              0              3 ########\n",
                "2..3    0               0              0              0\n",
                "4..7    3 ########      0              0              3 ########\n",
                "8..15   2 #####         0              0              2 #####\n",
                "16..31  1 ###           3 ########     3 ########     1 ###\n",
            )
        );
    }

    #[test]
    fn summary_of_no_connection() {
        assert_eq!(
            Summary::new().render(Duration::ZERO),
            "connections   0\nbytes         0 out, 0 in\nwrites        0\nreads         0\ntime          0 s\n"
        );
    }

    #[test]
    fn summary_lists_resets_retransmits_and_errors() {
        // Every kind once on one connection: opened once, with the full sample, ended by an error.
        let mut events = every_kind();
        events.retain(|event| match &event.what {
            EventKind::Open { side, .. } => *side == Side::Connect,
            EventKind::Sample(sample) => *sample != TcpSample::default(),
            EventKind::Close { error, .. } => error.is_some(),
            _ => true,
        });
        events.retain(|event| event.conn == 1);
        events.push(event(
            9,
            2,
            EventKind::Open { side: Side::Connect, local: String::new(), peer: String::new(), made_for: None },
        ));
        events.push(event(9, 2, EventKind::Write { offset: 0, asked: 9, accepted: 4, pinned: false }));
        assert_eq!(
            summary(&events).render(Duration::from_secs(1)),
            concat!(
                "connections   2 (1 failed)\n",
                "messages      1 out, 1 in\n",
                "wire bytes    9 out, 17 in\n",
                "plaintext     0 out, 12 in\n",
                "records       1 out, 1 in\n",
                "writes        2 (1 short)\n",
                "segments      11 out, 1 retransmitted, 3 in (1 connection unknown)\n",
                "reads         1\n",
                "reply time    36 us\n",
                "pauses        1, 20 ms in all\n",
                "barriers      5 confirmed (1 record read, 2 seen by the witness),\n",
                "              3 not (2 not visible, 1 when the connection ended)\n",
                "time          1 s\n",
                "\n",
                "size    writes                  reads\n",
                "4..7    2 ####################  0\n",
                "8..15   0                       0\n",
                "16..31  0                       1 ####################\n",
            )
        );
    }

    #[test]
    fn closed_connections_take_no_memory() {
        let mut summary = Summary::new();
        for conn in 1..=100_000 {
            summary.note(&event(
                0,
                conn,
                EventKind::Open { side: Side::Listen, local: "a".into(), peer: "b".into(), made_for: None },
            ));
            let sample = TcpSample { data_segs_out: Some(2), total_retrans: Some(1), ..TcpSample::default() };
            for _ in 0..8 {
                summary.note(&event(0, conn, EventKind::Sample(sample)));
            }
            assert!(summary.open.len() <= 100);
            if conn > 99 {
                summary.note(&event(0, conn - 99, EventKind::Close { error: None, reset: false }));
            }
        }
        let text = summary.render(Duration::ZERO);
        assert!(text.contains("\nsegments      100,000 out, 100,000 retransmitted, 0 in\n"), "{text}");
    }
}
