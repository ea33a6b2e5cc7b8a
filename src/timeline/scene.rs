//! Builds the scene from the ends of connections: pairs of ends, and their streams of bytes.

use super::lane::{Lane, Mark, Messages};
use super::tape::Tape;
use super::wire::Wire;
use crate::trace::units::{counted, grouped, size};
use crate::trace::{BarrierOutcome, Side};

/// A connection: one end, or both if both are in this process.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    pub(super) title: String,
    /// Its plan, and its end.
    pub(super) notes: Vec<String>,
    pub(super) streams: Vec<Stream<'a>>,
}

/// The bytes of one direction, from the calls that write them to the calls that read them.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) caption: String,
    pub(super) messages: &'a Messages,
    /// The number of its connection, for the colour of bytes without messages.
    pub(super) conn: u64,
    /// The known lanes from top to bottom.
    pub(super) rows: Vec<Row<'a>>,
    pub(super) pauses: &'a [(u64, u64)],
    pub(super) barriers: &'a [(u64, BarrierOutcome)],
    /// When the writer and the reader saw the end.
    pub(super) shutdown: Option<u64>,
    pub(super) eof: Option<u64>,
}

/// A lane with its kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) kind: RowKind,
    pub(super) lane: &'a Lane,
}

/// The kind of the marks of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// The records of a layer such as TLS.
    Records,
    Writes,
    Segments,
    Reads,
}

/// Which marks of a lane are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// All, joined if there are too many.
    Whole,
    /// The first ones one by one, up to a time.
    Until(u64),
}

/// The panels of all connections, in the order of their first ends.
pub(super) fn panels(tapes: &[Tape]) -> Vec<Panel<'_>> {
    let mut taken = vec![false; tapes.len()];
    let mut panels = Vec::new();
    for (at, tape) in tapes.iter().enumerate() {
        if taken[at] {
            continue;
        }
        let other = (at + 1..tapes.len()).find(|&other| !taken[other] && are_ends_of_one(tape, &tapes[other]));
        if let Some(other) = other {
            taken[other] = true;
        }
        panels.push(match other.map(|other| &tapes[other]) {
            Some(other) if tape.side == Side::Connect => both_ends(tape, other),
            Some(other) => both_ends(other, tape),
            None => one_end(tape),
        });
    }
    panels
}

impl<'a> Panel<'a> {
    /// All lanes of the panel from top to bottom.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        self.streams.iter().flat_map(|stream| &stream.rows)
    }

    /// All marks of the panel.
    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        let rows = self.streams.iter().flat_map(|stream| stream.rows.iter().map(move |row| (stream, row)));
        rows.flat_map(|(stream, row)| row.lane.marks().iter().map(move |mark| stream.ended_by_reads(row, *mark)))
    }
}

impl<'a> Stream<'a> {
    /// The marks of a row that are drawn. Records may be made long before they are written: with the first marks only
    /// those are drawn whose writes are.
    pub(super) fn marks(&self, row: &Row<'a>, part: Part) -> &'a [Mark] {
        let marks = row.marks(part);
        let writes = self.rows.iter().find(|row| row.kind == RowKind::Writes);
        match (row.kind, part, writes) {
            (RowKind::Records, Part::Until(_), Some(writes)) => {
                let end = writes.marks(part).last().map_or(0, |last| last.end);
                &marks[..marks.partition_point(|mark| mark.start < end)]
            }
            _ => marks,
        }
    }

    /// The calls of one kind, if they are known.
    pub(super) fn calls(&self, kind: RowKind) -> Option<&'a [Mark]> {
        self.rows.iter().find(|row| row.kind == kind).map(|row| row.lane.marks())
    }

    /// A mark of a row. Segments may be counted late; they had arrived when their bytes were read.
    pub(super) fn ended_by_reads(&self, row: &Row<'_>, mark: Mark) -> Mark {
        let reads = self.calls(RowKind::Reads).filter(|_| row.kind == RowKind::Segments).unwrap_or_default();
        let read = reads.get(reads.partition_point(|read| read.end < mark.end));
        let t1 = read.map_or(mark.t1, |read| mark.t1.min(read.t1)).max(mark.t0);
        Mark { t1, ..mark }
    }
}

impl<'a> Row<'a> {
    pub(super) fn marks(&self, part: Part) -> &'a [Mark] {
        match part {
            Part::Whole => self.lane.marks(),
            Part::Until(t) => &self.lane.head()[..self.lane.head().partition_point(|mark| mark.t0 <= t)],
        }
    }

    /// `9 writes`.
    pub(super) fn label(&self) -> String {
        counted(self.lane.count(), self.kind.noun())
    }

    /// The bytes of each mark: `27 B each`, with a sign for "about" if they differ.
    pub(super) fn sizes(&self) -> String {
        let (count, bytes) = (self.lane.count(), self.lane.bytes());
        let mean = (bytes + count / 2).checked_div(count).unwrap_or(0);
        let exact = self.lane.marks().iter().all(|mark| mark.end - mark.start == mean * mark.count);
        match count {
            1 => size(bytes),
            _ if exact => format!("{} each", size(mean)),
            _ => format!("\u{2248} {} each", size(mean)),
        }
    }
}

impl Part {
    /// Whether a mark at time `t` is drawn.
    pub(super) fn holds(self, t: u64) -> bool {
        match self {
            Part::Whole => true,
            Part::Until(end) => t <= end,
        }
    }
}

impl RowKind {
    pub(super) fn noun(self) -> &'static str {
        match self {
            RowKind::Records => "record",
            RowKind::Writes => "write",
            RowKind::Segments => "segment",
            RowKind::Reads => "read",
        }
    }
}

/// Whether two ends belong to one connection: the local address of one is the peer address of the other.
fn are_ends_of_one(a: &Tape, b: &Tape) -> bool {
    a.side != b.side && a.local == b.peer && a.peer == b.local && !a.local.is_empty() && !a.peer.is_empty()
}

fn both_ends<'a>(connect: &'a Tape, listen: &'a Tape) -> Panel<'a> {
    let stream = |from: &'a Tape, to: &'a Tape| {
        // The reader's kernel counts segments too, but only the writer's separates retransmissions.
        let segments = if from.segments_out.count() > 0 { &from.segments_out } else { &to.segments_in };
        let way = format!("#{} to #{}", from.conn, to.conn);
        Stream {
            caption: caption(&way, messages(&from.sent, &to.received), &from.writes, &from.wire_out, from),
            messages: messages(&from.sent, &to.received),
            conn: connect.conn,
            rows: rows(Some(&from.writes), segments, Some(&to.reads), &from.wire_out),
            pauses: &from.pauses,
            barriers: &from.barriers,
            shutdown: from.shutdown,
            eof: to.eof,
        }
    };
    Panel {
        title: format!("#{} {} \u{2192} #{} {}", connect.conn, connect.local, listen.conn, listen.local),
        notes: notes_of_both(connect, listen),
        streams: [stream(connect, listen), stream(listen, connect)]
            .into_iter()
            .filter(|stream| !stream.rows.is_empty())
            .collect(),
    }
}

fn one_end(tape: &Tape) -> Panel<'_> {
    let sent = Stream {
        caption: caption("sent", &tape.sent, &tape.writes, &tape.wire_out, tape),
        messages: &tape.sent,
        conn: tape.conn,
        rows: rows(Some(&tape.writes), &tape.segments_out, None, &tape.wire_out),
        pauses: &tape.pauses,
        barriers: &tape.barriers,
        shutdown: tape.shutdown,
        eof: None,
    };
    let received = Stream {
        caption: caption("received", &tape.received, &tape.reads, &tape.wire_in, tape),
        messages: &tape.received,
        conn: tape.conn,
        rows: rows(None, &tape.segments_in, Some(&tape.reads), &tape.wire_in),
        pauses: &[],
        barriers: &[],
        shutdown: None,
        eof: tape.eof,
    };
    // The earlier direction is drawn first: a listener receives, then sends.
    let streams = match tape.side {
        Side::Connect => [sent, received],
        Side::Listen => [received, sent],
    };
    let title = match tape.side {
        Side::Connect => {
            let client = tape.made_for.map_or_else(String::new, |client| format!(" for #{client}"));
            format!("#{} {} \u{2192} {}{client}", tape.conn, tape.local, tape.peer)
        }
        Side::Listen => format!("#{} {} \u{2190} {}", tape.conn, tape.local, tape.peer),
    };
    Panel { title, notes: notes(tape), streams: streams.into_iter().filter(|stream| !stream.rows.is_empty()).collect() }
}

/// The lanes with marks; none if no byte was sent. Records are made before they are written, and complete after they
/// are read.
fn rows<'a>(writes: Option<&'a Lane>, segments: &'a Lane, reads: Option<&'a Lane>, wire: &'a Wire) -> Vec<Row<'a>> {
    let calls = [writes, reads].into_iter().flatten().map(Lane::count).sum::<u64>();
    if calls == 0 {
        return Vec::new();
    }
    let segments = (segments.count() > 0).then_some(segments);
    let records = wire.is_layered().then_some(&wire.records);
    let (encoded, decoded) = if writes.is_some() { (records, None) } else { (None, records) };
    let encoded = (RowKind::Records, encoded);
    let decoded = (RowKind::Records, decoded);
    [encoded, (RowKind::Writes, writes), (RowKind::Segments, segments), (RowKind::Reads, reads), decoded]
        .into_iter()
        .filter_map(|(kind, lane)| Some(Row { kind, lane: lane? }))
        .collect()
}

/// The writer knows a message before the reader does.
fn messages<'a>(sent: &'a Messages, received: &'a Messages) -> &'a Messages {
    if sent.count() > 0 { sent } else { received }
}

fn caption(way: &str, messages: &Messages, lane: &Lane, wire: &Wire, from: &Tape) -> String {
    let messages = (messages.count() > 0).then(|| counted(messages.count(), "message"));
    let bytes = if lane.bytes() < 10_000 { counted(lane.bytes(), "byte") } else { size(lane.bytes()) };
    // Received segments do not show retransmissions.
    let again = (from.sent_again > 0 && !std::ptr::eq(lane, &raw const from.reads))
        .then(|| format!("{} retransmitted", counted(from.sent_again, "segment")));
    let plaintext = wire.is_layered().then(|| format!("{} of plaintext", grouped(wire.plaintext)));
    let parts: Vec<String> = messages.into_iter().chain([bytes]).chain(plaintext).chain(again).collect();
    format!("{way}: {}", parts.join(", "))
}

fn notes(tape: &Tape) -> Vec<String> {
    let session = (!tape.session.is_empty()).then(|| format!("#{} {}", tape.conn, tape.session));
    let plan = (!tape.plan.is_empty()).then(|| format!("#{} {}", tape.conn, tape.plan));
    let error = tape.error.as_ref().map(|error| format!("#{} ended: {error}", tape.conn));
    session.into_iter().chain(plan).chain(error).collect()
}

/// The notes of two ends; if they agree on the session, it is noted once.
fn notes_of_both(connect: &Tape, listen: &Tape) -> Vec<String> {
    let is_again =
        |note: &String| connect.session == listen.session && *note == format!("#{} {}", listen.conn, listen.session);
    notes(connect).into_iter().chain(notes(listen).into_iter().filter(|note| !is_again(note))).collect()
}
