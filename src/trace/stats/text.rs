//! The summary as lines of at most 80 columns.

use std::time::Duration;

use super::{Directions, Summary, Totals, nanoseconds};
use crate::trace::histogram::{Histogram, table};
use crate::trace::units::{counted, grouped, per_second, rate, span};

/// The largest number of characters of a line.
const WIDTH: usize = 80;
/// The characters of the names at the start of each line.
const LABELS: usize = 14;
/// The characters between the two sides.
const GAP: usize = 3;

impl Summary {
    /// The summary as lines that each end in a line feed. `elapsed` is the duration of the run.
    #[must_use]
    pub fn render(&self, elapsed: Duration) -> String {
        let nanos = nanoseconds(elapsed);
        let mut sides = self.sides();
        if sides.is_empty() {
            sides.push(("connect", Totals::default()));
        }
        let both = sides.len() > 1;
        let is_layered = sides.iter().any(|(_, totals)| totals.is_layered());
        let mut rows: Vec<(String, Vec<String>)> = Vec::new();
        if both {
            rows.push((String::new(), sides.iter().map(|(name, _)| (*name).to_owned()).collect()));
        }
        for (label, cell) in ROWS {
            let cells: Vec<Option<String>> = sides.iter().map(|(_, totals)| cell(totals, nanos)).collect();
            if cells.iter().any(Option::is_some) {
                let wire = if is_layered && matches!(label, "bytes" | "rate") { "wire " } else { "" };
                let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
                rows.push((format!("{wire}{label}"), cells.collect()));
            }
        }
        rows.push(("time".to_owned(), vec![span(nanos)]));

        let both_columns = WIDTH - LABELS - GAP;
        let rooms = if both { [both_columns.div_ceil(2), both_columns / 2] } else { [WIDTH - LABELS; 2] };
        let rows = rows.iter().map(|(label, cells)| {
            let cells = cells.iter().zip(rooms).map(|(cell, room)| wrapped(cell, room)).collect();
            (label.as_str(), cells)
        });
        let rows: Vec<(&str, Vec<Vec<&str>>)> = rows.collect();
        let pairs = rows.iter().filter(|(_, cells)| cells.len() > 1);
        let width = pairs.flat_map(|(_, cells)| &cells[0]).map(|cell| cell.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (label, cells) in rows {
            for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let label = if line == 0 { label } else { "" };
                let cell = |side: usize| cells.get(side).and_then(|lines| lines.get(line)).copied().unwrap_or_default();
                let line = format!("{label:LABELS$}{:width$}{:GAP$}{}", cell(0), "", cell(1));
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        let heading = |name: &str, what: &str| if both { format!("{name} {what}") } else { what.to_owned() };
        let columns: Vec<(String, &Histogram)> = sides
            .iter()
            .flat_map(|(name, totals)| {
                [(heading(name, "writes"), &totals.writes), (heading(name, "reads"), &totals.reads)]
            })
            .collect();
        let table = table(&columns, if both { 8 } else { 20 }, WIDTH);
        if table.is_empty() { text } else { text + "\n" + &table }
    }
}

/// A text in lines of at most this many characters, which end after a comma, before a parenthesis, or
/// between two words.
fn wrapped(mut text: &str, room: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    while text.len() > room {
        let start = &text[..=room]; // numbers and their words are ASCII
        let comma = start.rfind(", ").map(|comma| comma + 1);
        let Some(space) = comma.or_else(|| start.rfind(" (")).or_else(|| start.rfind(' ')) else { break };
        lines.push(&text[..space]);
        text = &text[space + 1..];
    }
    lines.push(text);
    lines
}

impl Directions {
    /// `9 out, 3 in`.
    fn line(self) -> String {
        format!("{} out, {} in", grouped(self.out), grouped(self.arrived))
    }
}

/// Formats a cell of one side, given the duration of the run in nanoseconds; `None` if there is no value.
type Cell = fn(&Totals, u64) -> Option<String>;

/// The lines of the summary from top to bottom.
const ROWS: [(&str, Cell); 13] = [
    ("connections", |totals, _| {
        let failed = if totals.failed > 0 { format!(" ({} failed)", grouped(totals.failed)) } else { String::new() };
        Some(format!("{}{failed}", grouped(totals.connections)))
    }),
    ("failed logins", |totals, _| totals.failed_logins.map(grouped)),
    // Raw bytes have no messages.
    ("messages", |totals, _| {
        let (out, arrived) = (totals.messages_out, totals.messages_in);
        (out > 0 || arrived > 0).then(|| format!("{} out, {} in", grouped(out), grouped(arrived)))
    }),
    ("bytes", |totals, _| Some(format!("{} out, {} in", grouped(totals.bytes_out), grouped(totals.bytes_in)))),
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
    // One reply has one time.
    ("reply time", |totals, _| {
        let times = &totals.replies;
        let quantiles = || {
            let [least, median, p99] = [times.least(), times.percentile(50), times.percentile(99)].map(span);
            format!("min {least}, median {median}, p99 {p99}")
        };
        match times.total() {
            0 => None,
            1 => Some(span(times.least())),
            _ => Some(quantiles()),
        }
    }),
    ("pauses", |totals, _| {
        (totals.pauses > 0).then(|| format!("{}, {} in all", grouped(totals.pauses), span(totals.paused)))
    }),
    ("barriers", |totals, _| {
        let held = totals.confirmed();
        let not = totals.barriers_not_visible.saturating_add(totals.barriers_abandoned);
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
        (held > 0 || not > 0).then(|| format!("{} confirmed{how}, {} not{why}", grouped(held), grouped(not)))
    }),
    // The rate of a single message would be that of the connection.
    ("rate", |totals, nanos| {
        let messages = totals.messages_out.max(totals.messages_in);
        if messages == 1 {
            return None;
        }
        let (out, arrived) = (rate(totals.bytes_out, nanos)?, rate(totals.bytes_in, nanos)?);
        let messages = match per_second(messages, nanos) {
            Some(count) if count >= 10 => format!(", {}/s", counted(count, "message")),
            _ => String::new(),
        };
        Some(format!("{out} out, {arrived} in{messages}"))
    }),
];
