//! Builds the scene from the ends of connections: conversations, and their streams of bytes.

use super::lane::{Lane, Mark, Messages};
use super::observed::{Sign, reader_waits, signs_in, signs_out};
use super::tape::Tape;
use super::texts::{Text, Texts};
use super::waits::Wait;
use super::wire::Wire;
use crate::trace::Side;
use crate::trace::units::{counted, grouped, size};

/// A conversation: one end of a connection, both ends if both are in this process, or the two connections of a relay.
#[derive(Debug)]
pub(super) struct Panel<'a> {
    pub(super) title: String,
    /// Its plans, TLS sessions and errors, and what is not visible.
    pub(super) notes: Vec<String>,
    pub(super) streams: Vec<Stream<'a>>,
    /// When it began.
    pub(super) opened: u64,
    /// Its sides from left to right, and what connects each with the next one.
    pub(super) sides: Vec<String>,
    pub(super) links: Vec<Link<'a>>,
}

/// A connection between two sides, with the ends that are recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    /// The side that has made it.
    pub(super) left: Option<&'a Tape>,
    pub(super) right: Option<&'a Tape>,
}

/// The bytes of one direction, from the calls that write them to the calls that read them.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) caption: String,
    pub(super) messages: &'a Messages,
    /// The number of its connection, for the colour of bytes without messages.
    pub(super) conn: u64,
    /// Whether a layer such as TLS encodes the bytes.
    pub(super) is_layered: bool,
    /// The known lanes from top to bottom.
    pub(super) rows: Vec<Row<'a>>,
}

/// A lane with its kind and its events.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) kind: RowKind,
    /// The side whose calls these are.
    pub(super) who: &'static str,
    pub(super) lane: &'a Lane,
    pub(super) waits: Vec<Wait>,
    pub(super) signs: Vec<Sign>,
    /// Whether its bytes have the offsets of those in the next lane.
    pub(super) continues: bool,
    source: Source<'a>,
}

/// Where the bytes of a lane are known from.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Unknown,
    /// Calls with the same offsets.
    Calls(&'a Texts),
    /// The plaintext in records.
    Plaintext(&'a Wire, &'a Texts),
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

/// The conversations, in the order of their first ends.
pub(super) fn panels(tapes: &[Tape]) -> Vec<Panel<'_>> {
    let mut taken = vec![false; tapes.len()];
    let mut panels = Vec::new();
    for (at, tape) in tapes.iter().enumerate() {
        if taken[at] {
            continue;
        }
        let mut find = |is_other: &dyn Fn(&Tape) -> bool| {
            let other = (at + 1..tapes.len()).find(|&other| !taken[other] && is_other(&tapes[other]))?;
            taken[other] = true;
            Some(&tapes[other])
        };
        let onward = find(&|other| tape.side == Side::Listen && other.made_for == Some(tape.conn));
        panels.push(match onward {
            Some(onward) => relay(tape, onward),
            None => match find(&|other| are_ends_of_one(tape, other)) {
                Some(other) if tape.side == Side::Connect => both_ends(tape, other),
                Some(other) => both_ends(other, tape),
                None => one_end(tape),
            },
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
    fn new(kind: RowKind, who: &'static str, lane: &'a Lane, source: Source<'a>) -> Row<'a> {
        Row { kind, who, lane, waits: Vec::new(), signs: Vec::new(), continues: true, source }
    }

    pub(super) fn marks(&self, part: Part) -> &'a [Mark] {
        match part {
            Part::Whole => self.lane.marks(),
            Part::Until(t) => &self.lane.head()[..self.lane.head().partition_point(|mark| mark.t0 <= t)],
        }
    }

    /// The bytes from `from` to `to` of a mark, as far as they are known.
    pub(super) fn text(&self, from: u64, to: u64) -> Option<Text> {
        match self.source {
            Source::Unknown => None,
            Source::Calls(texts) => texts.of(from, to),
            Source::Plaintext(wire, texts) => {
                let (start, end) = wire.plaintext_at(from)?;
                texts.of(start, end)
            }
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

fn both_ends<'a>(client: &'a Tape, server: &'a Tape) -> Panel<'a> {
    let stream = |way: &str, from: &'a Tape, to: &'a Tape, [writer, reader]: [&'static str; 2]| {
        // The reader's kernel counts segments too, but only the writer's separates retransmissions.
        let segments = if from.segments_out.count() > 0 { &from.segments_out } else { &to.segments_in };
        let messages = messages(&from.sent, &to.received);
        let mut rows = writing(from, writer, segments);
        let mut reads = Row::new(RowKind::Reads, reader, &to.reads, wire_source(to, &to.texts_in));
        reads.waits = reader_waits(Some(from), to);
        reads.signs = signs_in(to);
        rows.push(reads);
        let is_layered = from.wire_out.is_layered();
        let caption = caption(way, messages, &from.writes, &from.wire_out, from.sent_again);
        Stream { caption, messages, conn: client.conn, is_layered, rows }
    };
    let streams = [
        stream("client \u{2192} server", client, server, ["client", "server"]),
        stream("server \u{2192} client", server, client, ["server", "client"]),
    ];
    let (one, two) = (client.conn, server.conn);
    Panel {
        title: format!("#{one} client {} \u{2192} #{two} server {}", client.local, server.local),
        notes: notes_of_both(client, server),
        streams: streams.into_iter().filter(Stream::has_calls).collect(),
        opened: client.opened.min(server.opened),
        sides: vec![format!("client {}", client.local), format!("server {}", server.local)],
        links: vec![Link { left: Some(client), right: Some(server) }],
    }
}

fn one_end(tape: &Tape) -> Panel<'_> {
    let (us, peer, ways) = match tape.side {
        Side::Connect => ("client", "server", ["client \u{2192} server", "server \u{2192} client"]),
        Side::Listen => ("server", "client", ["server \u{2192} client", "client \u{2192} server"]),
    };
    let sent = Stream {
        caption: caption(ways[0], &tape.sent, &tape.writes, &tape.wire_out, tape.sent_again),
        messages: &tape.sent,
        conn: tape.conn,
        is_layered: tape.wire_out.is_layered(),
        rows: writing(tape, us, &tape.segments_out),
    };
    let received = Stream {
        caption: caption(ways[1], &tape.received, &tape.reads, &tape.wire_in, 0),
        messages: &tape.received,
        conn: tape.conn,
        is_layered: tape.wire_in.is_layered(),
        rows: reading(tape, us),
    };
    // A listener receives, then sends.
    let (streams, title) = match tape.side {
        Side::Connect => {
            let client = tape.made_for.map_or_else(String::new, |client| format!(" for #{client}"));
            let title = format!("#{} client {} \u{2192} server {}{client}", tape.conn, tape.local, tape.peer);
            ([sent, received], title)
        }
        Side::Listen => {
            ([received, sent], format!("client {} \u{2192} #{} server {}", tape.peer, tape.conn, tape.local))
        }
    };
    let unseen = format!("Only the calls of the {us} are recorded, not those of the {peer}.");
    Panel {
        title,
        notes: notes(tape).into_iter().chain([unseen]).collect(),
        streams: streams.into_iter().filter(Stream::has_calls).collect(),
        opened: tape.opened,
        sides: match tape.side {
            Side::Connect => vec![format!("client {}", tape.local), format!("server {}", tape.peer)],
            Side::Listen => vec![format!("client {}", tape.peer), format!("server {}", tape.local)],
        },
        links: vec![match tape.side {
            Side::Connect => Link { left: Some(tape), right: None },
            Side::Listen => Link { left: None, right: Some(tape) },
        }],
    }
}

/// The two connections of one conversation through this program.
fn relay<'a>(client: &'a Tape, server: &'a Tape) -> Panel<'a> {
    let tapes = [client, server];
    let is_layered = tapes.iter().any(|tape| tape.is_layered());
    // The bytes of one side are those of the other if nothing is added or encoded.
    let is_same = !is_layered && !tapes.iter().any(|tape| tape.has_header);
    let stream = |way: &str, from: &'a Tape, to: &'a Tape| {
        let messages = messages(&to.sent, &from.received);
        let mut rows = reading(from, "relay");
        if let Some(last) = rows.last_mut() {
            last.continues = is_same;
        }
        rows.extend(writing(to, "relay", &to.segments_out));
        let caption = caption(way, messages, &from.reads, &from.wire_in, to.sent_again);
        Stream { caption, messages, conn: client.conn, is_layered: from.wire_in.is_layered(), rows }
    };
    let streams = [
        stream("client \u{2192} relay \u{2192} server", client, server),
        stream("server \u{2192} relay \u{2192} client", server, client),
    ];
    let (one, two) = (client.conn, server.conn);
    let other = (!is_same).then(|| "The bytes on the two sides of the relay differ: no bands connect them.".to_owned());
    let unseen = "Only the calls of the relay are recorded.".to_owned();
    Panel {
        title: format!(
            "#{one} client {} \u{2192} relay {} \u{2192} #{two} server {}",
            client.peer, client.local, server.peer
        ),
        notes: notes_of_both(client, server).into_iter().chain(other).chain([unseen]).collect(),
        streams: streams.into_iter().filter(Stream::has_calls).collect(),
        opened: client.opened,
        sides: vec![
            format!("client {}", client.peer),
            format!("relay {}", client.local),
            format!("server {}", server.peer),
        ],
        links: vec![Link { left: None, right: Some(client) }, Link { left: Some(server), right: None }],
    }
}

impl Stream<'_> {
    fn has_calls(&self) -> bool {
        self.rows.iter().any(|row| row.lane.count() > 0)
    }
}

/// The bytes of calls, unless a layer encodes them.
fn wire_source<'a>(tape: &Tape, texts: &'a Texts) -> Source<'a> {
    if tape.is_layered() { Source::Unknown } else { Source::Calls(texts) }
}

/// The lanes of what an end sends: records are made before they are written.
fn writing<'a>(tape: &'a Tape, who: &'static str, segments: &'a Lane) -> Vec<Row<'a>> {
    let wire = &tape.wire_out;
    let records = wire
        .is_layered()
        .then(|| Row::new(RowKind::Records, who, &wire.records, Source::Plaintext(wire, &tape.texts_sent)));
    let source = wire_source(tape, &tape.texts_out);
    let mut writes = Row::new(RowKind::Writes, who, &tape.writes, source);
    writes.waits = tape.waits_out.iter().copied().collect();
    writes.signs = signs_out(tape);
    let segments = (segments.count() > 0).then(|| Row::new(RowKind::Segments, "network", segments, source));
    records.into_iter().chain([writes]).chain(segments).collect()
}

/// The lanes of what an end receives: records are complete after they are read.
fn reading<'a>(tape: &'a Tape, who: &'static str) -> Vec<Row<'a>> {
    let wire = &tape.wire_in;
    let source = wire_source(tape, &tape.texts_in);
    let arrived = &tape.segments_in;
    let segments = (arrived.count() > 0).then(|| Row::new(RowKind::Segments, "network", arrived, source));
    let mut reads = Row::new(RowKind::Reads, who, &tape.reads, source);
    reads.waits = reader_waits(None, tape);
    reads.signs = signs_in(tape);
    let records = wire
        .is_layered()
        .then(|| Row::new(RowKind::Records, who, &wire.records, Source::Plaintext(wire, &tape.texts_received)));
    segments.into_iter().chain([reads]).chain(records).collect()
}

/// The writer knows a message before the reader does.
fn messages<'a>(sent: &'a Messages, received: &'a Messages) -> &'a Messages {
    if sent.count() > 0 { sent } else { received }
}

fn caption(way: &str, messages: &Messages, lane: &Lane, wire: &Wire, sent_again: u64) -> String {
    let messages = (messages.count() > 0).then(|| counted(messages.count(), "message"));
    let bytes = if lane.bytes() < 10_000 { counted(lane.bytes(), "byte") } else { size(lane.bytes()) };
    let again = (sent_again > 0).then(|| format!("{} retransmitted", counted(sent_again, "segment")));
    let plaintext = wire.is_layered().then(|| format!("{} of plaintext", grouped(wire.plaintext)));
    let parts: Vec<String> = messages.into_iter().chain([bytes]).chain(plaintext).chain(again).collect();
    format!("{way}: {}", parts.join(", "))
}

fn notes(tape: &Tape) -> Vec<String> {
    let session = (!tape.session.is_empty()).then(|| format!("#{} {}", tape.conn, tape.session));
    let plan = (!tape.plan.is_empty()).then(|| format!("#{} {}", tape.conn, tape.plan));
    let error = tape.closed.as_ref().and_then(|closed| closed.error.as_ref());
    let error = error.map(|error| format!("#{} ended: {error}", tape.conn));
    session.into_iter().chain(plan).chain(error).collect()
}

/// The notes of two ends; what they have in common is noted once.
fn notes_of_both(client: &Tape, server: &Tape) -> Vec<String> {
    let bare = |note: &String| note.split_once(' ').map_or(String::new(), |(_, text)| text.to_owned());
    let (first, mut second) = (notes(client), notes(server));
    let mut all = Vec::new();
    for note in first {
        match second.iter().position(|other| bare(other) == bare(&note)) {
            Some(at) => {
                second.remove(at);
                all.push(format!("#{}, #{} {}", client.conn, server.conn, bare(&note)));
            }
            None => all.push(note),
        }
    }
    all.extend(second);
    all
}
