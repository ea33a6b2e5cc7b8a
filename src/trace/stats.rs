//! The `--stats` summary: exact counts of a whole run, short enough to read in ten seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{BarrierOutcome, ConnId, Direction, Event, EventKind, Side, Sink, TcpSample};
use super::histogram::{Histogram, table};
use super::units::{counted, grouped, per_second, rate, span};

/// Counts of a whole run, separate for each side if both are present. Its memory grows only with the number of
/// open connections.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    connect: Totals,
    listen: Totals,
    open: BTreeMap<ConnId, Open>,
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
}

/// A number for each direction.
#[derive(Clone, Copy, Debug, Default)]
struct Directions {
    out: u64,
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
        let mut before = 0;
        match (&event.what, self.open.get_mut(&event.conn)) {
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
        let side = self.open.get(&event.conn).map(|open| open.side).or(self.latest).unwrap_or(Side::Connect);
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

    /// The summary as lines that each end in a line feed. `elapsed` is the duration of the run.
    #[must_use]
    pub fn render(&self, elapsed: Duration) -> String {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let mut sides = vec![("connect", self.with_open(Side::Connect)), ("listen", self.with_open(Side::Listen))];
        if sides.iter().any(|(_, totals)| totals.connections > 0) {
            sides.retain(|(_, totals)| totals.connections > 0);
        } else {
            sides.truncate(1);
        }

        let both = sides.len() > 1;
        let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
        if both {
            rows.push(("", sides.iter().map(|(name, _)| (*name).to_owned()).collect()));
        }
        for (label, cell) in ROWS {
            let cells: Vec<Option<String>> = sides.iter().map(|(_, totals)| cell(totals, nanos)).collect();
            if cells.iter().any(Option::is_some) {
                rows.push((label, cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect()));
            }
        }
        rows.push(("time", vec![span(nanos)]));

        let width = rows.iter().filter(|row| row.1.len() > 1).map(|row| row.1[0].len()).max().unwrap_or(0);
        let mut text = String::new();
        for (label, cells) in rows {
            let line = format!("{label:13} {:width$}   {}", cells[0], cells.get(1).map_or("", String::as_str));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        let heading = |name: &str, what: &str| if both { format!("{name} {what}") } else { what.to_owned() };
        let columns: Vec<(String, &Histogram)> = sides
            .iter()
            .flat_map(|(name, totals)| {
                [(heading(name, "writes"), &totals.writes), (heading(name, "reads"), &totals.reads)]
            })
            .collect();
        let table = table(&columns, if both { 8 } else { 20 });
        if table.is_empty() { text } else { text + "\n" + &table }
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
        self.records.out + self.records.arrived > 0
    }

    /// Which bytes are counted, where there are two kinds.
    fn on_the_wire(&self) -> &'static str {
        if self.is_layered() { " on the wire" } else { "" }
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
            EventKind::Close { error: Some(_) } => self.failed += 1,
            EventKind::Close { error: None }
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

    /// `9 out, 3 in`.
    fn line(self) -> String {
        format!("{} out, {} in", grouped(self.out), grouped(self.arrived))
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

/// Formats a cell of one side, given the duration of the run in nanoseconds; `None` if there is no value.
type Cell = fn(&Totals, u64) -> Option<String>;

/// The lines of the summary from top to bottom.
const ROWS: [(&str, Cell); 11] = [
    ("connections", |totals, _| {
        let failed = if totals.failed > 0 { format!(" ({} failed)", grouped(totals.failed)) } else { String::new() };
        Some(format!("{}{failed}", grouped(totals.connections)))
    }),
    // Raw bytes have no messages.
    ("messages", |totals, _| {
        let (out, arrived) = (totals.messages_out, totals.messages_in);
        (out + arrived > 0).then(|| format!("{} out, {} in", grouped(out), grouped(arrived)))
    }),
    ("bytes", |totals, _| {
        let (out, arrived) = (grouped(totals.bytes_out), grouped(totals.bytes_in));
        Some(format!("{out} out, {arrived} in{}", totals.on_the_wire()))
    }),
    // What a layer such as TLS encodes, and the records that it makes of it.
    ("plaintext", |totals, _| totals.is_layered().then(|| totals.plaintext.line())),
    ("records", |totals, _| totals.is_layered().then(|| totals.records.line())),
    ("writes", |totals, _| {
        let short =
            if totals.short_writes > 0 { format!(" ({} short)", grouped(totals.short_writes)) } else { String::new() };
        Some(format!("{}{short}", grouped(totals.writes.total())))
    }),
    // Without TCP, or without the counters of the kernel, the value is absent, not 0.
    ("segments", |totals, _| {
        let segments = &totals.segments;
        let unknown = totals.connections.saturating_sub(segments.known);
        let but = if unknown > 0 { format!(" ({} unknown)", counted(unknown, "connection")) } else { String::new() };
        (segments.known > 0).then(|| {
            let again =
                if segments.again > 0 { format!(", {} retransmitted", grouped(segments.again)) } else { String::new() };
            format!("{} out{again}, {} in{but}", grouped(segments.out), grouped(segments.arrived))
        })
    }),
    ("reads", |totals, _| Some(grouped(totals.reads.total()))),
    ("pauses", |totals, _| {
        (totals.pauses > 0).then(|| format!("{}, {} in all", grouped(totals.pauses), span(totals.paused)))
    }),
    ("barriers", |totals, _| {
        let held = totals.barriers_held + totals.records_read + totals.barriers_witnessed;
        let not = totals.barriers_not_visible + totals.barriers_abandoned;
        let why = match (totals.barriers_not_visible, totals.barriers_abandoned) {
            (0, 0) => String::new(),
            (_, 0) => " (not visible on this host)".to_owned(),
            (0, _) => " (the connection ended first)".to_owned(),
            (hidden, late) => {
                format!(" ({} not visible, {} when the connection ended)", grouped(hidden), grouped(late))
            }
        };
        let kinds = [(totals.records_read, "record read"), (totals.barriers_witnessed, "seen by the witness")];
        let kinds = kinds
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| if count == held { what.to_owned() } else { format!("{} {what}", grouped(count)) });
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        let how = if kinds.is_empty() { String::new() } else { format!(" ({kinds})") };
        (held + not > 0).then(|| format!("{} confirmed{how}, {} not{why}", grouped(held), grouped(not)))
    }),
    ("rate", |totals, nanos| {
        let (out, arrived) = (rate(totals.bytes_out, nanos)?, rate(totals.bytes_in, nanos)?);
        let messages = totals.messages_out.max(totals.messages_in);
        let messages = match per_second(messages, nanos) {
            Some(count) if count >= 10 => format!(", {}/s", counted(count, "message")),
            _ => String::new(),
        };
        Some(format!("{out} out, {arrived} in{}{messages}", totals.on_the_wire()))
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::{event, every_kind, loopback};

    fn summary(events: &[Event]) -> Summary {
        let mut summary = Summary::new();
        for event in events {
            summary.note(event);
        }
        summary
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
                "              connect                 listen\n",
                "connections   1                       1\n",
                "messages      3 out, 3 in             3 out, 3 in\n",
                "bytes         57 out, 81 in           81 out, 57 in\n",
                "writes        9                       3\n",
                "segments      9 out, 3 in             3 out, 9 in\n",
                "reads         3                       9\n",
                "barriers      9 confirmed, 0 not      -\n",
                "rate          46 B/s out, 65 B/s in   65 B/s out, 46 B/s in\n",
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
            EventKind::Close { error } => error.is_some(),
            _ => true,
        });
        events.retain(|event| event.conn == 1);
        events.push(event(
            9,
            2,
            EventKind::Open { side: Side::Connect, local: String::new(), peer: String::new(), made_for: None },
        ));
        events.push(event(9, 2, EventKind::Write { offset: 0, asked: 9, accepted: 4 }));
        assert_eq!(
            summary(&events).render(Duration::from_secs(1)),
            concat!(
                "connections   2 (1 failed)\n",
                "messages      1 out, 1 in\n",
                "bytes         9 out, 17 in on the wire\n",
                "plaintext     0 out, 12 in\n",
                "records       1 out, 1 in\n",
                "writes        2 (1 short)\n",
                "segments      11 out, 1 retransmitted, 3 in (1 connection unknown)\n",
                "reads         1\n",
                "pauses        1, 20 ms in all\n",
                "barriers      5 confirmed (1 record read, 2 seen by the witness), 3 not (2 not visible, 1 when the \
                 connection ended)\n",
                "rate          9 B/s out, 17 B/s in on the wire\n",
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
                summary.note(&event(0, conn - 99, EventKind::Close { error: None }));
            }
        }
        let text = summary.render(Duration::ZERO);
        assert!(text.contains("\nsegments      100,000 out, 100,000 retransmitted, 0 in\n"), "{text}");
    }
}
