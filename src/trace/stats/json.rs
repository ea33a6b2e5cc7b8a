//! The summary as one JSON object (the schema is `tests/cases/stats.schema.json`).

use std::time::Duration;

use serde::Serialize;

use super::{Directions, Summary, Totals, nanoseconds};
use crate::trace::durations::Durations;
use crate::trace::histogram::{Bucket, Histogram};

/// The summary of a run.
#[derive(Debug, Serialize)]
struct Stats {
    r#type: &'static str,
    version: u8,
    /// Nanoseconds since the run began.
    elapsed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<Side>,
}

/// The counts of the connections that were made, or of those that were accepted.
#[derive(Debug, Serialize)]
struct Side {
    connections: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_logins: Option<u64>,
    messages: Directions,
    bytes: Directions,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<Directions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<Directions>,
    writes: Writes,
    reads: Reads,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Segments>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_time: Option<ReplyTime>,
    pauses: Pauses,
    barriers: Barriers,
}

#[derive(Debug, Serialize)]
struct Writes {
    count: u64,
    short: u64,
    sizes: Vec<Bucket>,
}

#[derive(Debug, Serialize)]
struct Reads {
    count: u64,
    sizes: Vec<Bucket>,
}

#[derive(Debug, Serialize)]
struct Segments {
    out: u64,
    retransmitted: u64,
    r#in: u64,
    /// The connections whose segments the kernel has counted.
    connections: u64,
}

/// Nanoseconds between messages and their replies.
#[derive(Debug, Serialize)]
struct ReplyTime {
    count: u64,
    min: u64,
    median: u64,
    p99: u64,
    max: u64,
}

#[derive(Debug, Serialize)]
struct Pauses {
    count: u64,
    nanos: u64,
}

#[derive(Debug, Serialize)]
struct Barriers {
    confirmed: u64,
    record_read: u64,
    witnessed: u64,
    not_visible: u64,
    abandoned: u64,
}

impl Summary {
    /// The summary as one line, a JSON object. `elapsed` is the duration of the run.
    #[must_use]
    pub fn json(&self, elapsed: Duration) -> String {
        let mut stats =
            Stats { r#type: "stats", version: 1, elapsed: nanoseconds(elapsed), connect: None, listen: None };
        for (name, totals) in self.sides() {
            let side = if name == "connect" { &mut stats.connect } else { &mut stats.listen };
            *side = Some(Side::of(&totals));
        }
        serde_json::to_string(&stats).unwrap_or_default() // numbers in plain structs are always written
    }
}

impl Side {
    fn of(totals: &Totals) -> Side {
        let sizes = |histogram: &Histogram| histogram.buckets().collect();
        let (segments, is_layered) = (&totals.segments, totals.is_layered());
        Side {
            connections: totals.connections,
            failed: totals.failed,
            failed_logins: totals.failed_logins,
            messages: Directions { out: totals.messages_out, arrived: totals.messages_in },
            bytes: Directions { out: totals.bytes_out, arrived: totals.bytes_in },
            plaintext: is_layered.then_some(totals.plaintext),
            records: is_layered.then_some(totals.records),
            writes: Writes { count: totals.writes.total(), short: totals.short_writes, sizes: sizes(&totals.writes) },
            reads: Reads { count: totals.reads.total(), sizes: sizes(&totals.reads) },
            segments: (segments.known > 0).then_some(Segments {
                out: segments.out,
                retransmitted: segments.again,
                r#in: segments.arrived,
                connections: segments.known,
            }),
            reply_time: ReplyTime::of(&totals.replies),
            pauses: Pauses { count: totals.pauses, nanos: totals.paused },
            barriers: Barriers {
                confirmed: totals.confirmed(),
                record_read: totals.records_read,
                witnessed: totals.barriers_witnessed,
                not_visible: totals.barriers_not_visible,
                abandoned: totals.barriers_abandoned,
            },
        }
    }
}

impl ReplyTime {
    fn of(times: &Durations) -> Option<ReplyTime> {
        (times.total() > 0).then(|| ReplyTime {
            count: times.total(),
            min: times.least(),
            median: times.percentile(50),
            p99: times.percentile(99),
            max: times.most(),
        })
    }
}
