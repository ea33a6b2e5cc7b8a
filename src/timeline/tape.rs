//! The data of one end of a connection for the picture, in bounded memory.

use super::lane::{Lane, Mark, Messages};
use super::texts::Texts;
use super::waits::{Cause, Wait, Waits};
use super::wire::Wire;
use crate::trace::{ConnId, Data, Direction, Ending, Event, EventKind, Side, TcpSample};
use crate::trace::{plan_flags, shown};

/// The largest number of acknowledgements of an end that are kept.
const ACKS: usize = 256;
/// The part of the time between two samples in which the window must have been closed, to be drawn as closed.
const MOSTLY: u64 = 2;
/// The largest number of calls that wait for the sample with the number of their segments.
pub(super) const PENDING: usize = 64;
/// The largest time and offset that are drawn (36 years, an exbibyte), so that sums do not overflow.
const MOST: u64 = 1 << 60;
/// The largest number of characters of a string from outside.
const TEXT: usize = 120;

/// One end of one connection.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    pub(super) conn: ConnId,
    pub(super) side: Side,
    pub(super) local: String,
    pub(super) peer: String,
    /// In a relay: the client's connection that it was made for.
    pub(super) made_for: Option<ConnId>,
    /// When it was connected or accepted.
    pub(super) opened: u64,
    /// Whether it is a connection of TCP, which has segments.
    pub(super) is_tcp: bool,
    /// A PROXY header was sent or received: the offsets of its two sides differ in a relay.
    pub(super) has_header: bool,
    /// The options that repeat its plan; empty without a plan.
    pub(super) plan: String,
    pub(super) writes: Lane,
    pub(super) segments_out: Lane,
    pub(super) segments_in: Lane,
    pub(super) reads: Lane,
    pub(super) sent: Messages,
    pub(super) received: Messages,
    /// The records of each direction, if a layer encodes the bytes.
    pub(super) wire_out: Wire,
    pub(super) wire_in: Wire,
    /// What the sides of a TLS connection have agreed on; empty without TLS.
    pub(super) session: String,
    /// What the writer waits for, and the reader's waits.
    pub(super) waits_out: Waits,
    pub(super) waits_in: Waits,
    /// The bytes of writes and reads, and of messages sent and received.
    pub(super) texts_out: Texts,
    pub(super) texts_in: Texts,
    pub(super) texts_sent: Texts,
    pub(super) texts_received: Texts,
    /// The times at which the peer's kernel had everything up to an offset.
    pub(super) acks: Vec<(u64, u64)>,
    pub(super) sent_again: u64,
    pub(super) shutdown: Option<u64>,
    pub(super) eof: Option<u64>,
    /// When it was closed, with the error that ended it.
    pub(super) closed: Option<Closed>,
    /// The times of the last write and the last sample.
    last_write: u64,
    last_sample: Option<LastSample>,
    unread: Unread,
    pub(super) out: Segmenter,
    pub(super) arrived: Segmenter,
}

/// The end of one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) t: u64,
    pub(super) error: Option<String>,
    /// This side closes it with a reset.
    pub(super) reset: bool,
}

impl Closed {
    /// Whether the peer has reset it.
    pub(super) fn was_reset(&self) -> bool {
        Ending::new(self.error.as_deref(), self.reset) == Ending::PeerReset
    }
}

/// A sample, as far as the next one is compared with it.
#[derive(Clone, Copy, Debug)]
struct LastSample {
    t: u64,
    rwnd_limited: Option<u64>,
    is_window_closed: bool,
}

/// Bytes that have arrived and are not read.
#[derive(Clone, Copy, Debug)]
struct Unread {
    /// Since when there are some.
    since: Option<u64>,
    /// The fewest bytes that the kernel has counted more than were read: those of a proxy are not read here.
    fewest: u64,
}

impl Tape {
    pub(super) fn new(open: &Event, side: Side, local: &str, peer: &str, made_for: Option<ConnId>) -> Tape {
        Tape {
            opened: open.t.min(MOST),
            is_tcp: !local.starts_with("unix") && !peer.starts_with("unix"),
            has_header: false,
            conn: open.conn,
            side,
            local: kept(local),
            peer: kept(peer),
            made_for,
            plan: String::new(),
            writes: Lane::default(),
            segments_out: Lane::default(),
            segments_in: Lane::default(),
            reads: Lane::default(),
            sent: Messages::default(),
            received: Messages::default(),
            wire_out: Wire::default(),
            wire_in: Wire::default(),
            session: String::new(),
            waits_out: Waits::default(),
            waits_in: Waits::default(),
            texts_out: Texts::default(),
            texts_in: Texts::default(),
            texts_sent: Texts::default(),
            texts_received: Texts::default(),
            acks: Vec::new(),
            sent_again: 0,
            shutdown: None,
            eof: None,
            closed: None,
            last_write: 0,
            last_sample: None,
            unread: Unread { since: None, fewest: u64::MAX },
            out: Segmenter::default(),
            arrived: Segmenter::default(),
        }
    }

    pub(super) fn note(&mut self, event: &Event) {
        let t = event.t.min(MOST);
        let bytes = event.data.as_ref().map_or(&[][..], Data::bytes);
        match &event.what {
            EventKind::Plan(plan) => self.plan = kept(&plan_flags(plan)),
            EventKind::ProxyHeader { .. } => self.has_header = true,
            // A call that the kernel refused has no bytes.
            EventKind::Write { offset, accepted, .. } if *accepted > 0 => {
                let mark = call(t, *offset, *accepted);
                self.writes.push(mark);
                self.texts_out.push(mark.start, bytes);
                self.out.moved(mark);
                self.last_write = t;
            }
            EventKind::Read { offset, len } if *len > 0 => {
                let mark = call(t, *offset, *len);
                self.reads.push(mark);
                self.texts_in.push(mark.start, bytes);
                self.arrived.moved(mark);
                if let Some(from) = self.unread.since.take() {
                    self.waits_in.push(Wait { from, to: t, cause: Cause::Reader });
                }
            }
            EventKind::Message { dir, number, start, end } => {
                let (number, start, end) = ((*number).min(MOST), (*start).min(MOST), (*end).min(MOST));
                match dir {
                    Direction::Out => {
                        self.texts_sent.push(start, bytes);
                        self.wire_out.message(number, start, end.max(start), &mut self.sent);
                    }
                    Direction::In => {
                        self.texts_received.push(start, bytes);
                        self.wire_in.message(number, start, end.max(start), &mut self.received);
                    }
                }
            }
            EventKind::Tls(session) => self.session = clipped(session.line()),
            EventKind::Record { dir, offset, len, start, end } => {
                let (mark, start, end) = (call(t, *offset, *len), (*start).min(MOST), (*end).min(MOST));
                match dir {
                    Direction::Out => self.wire_out.record(mark, start, end, &mut self.sent),
                    Direction::In => self.wire_in.record(mark, start, end, &mut self.received),
                }
            }
            EventKind::Pause { nanos, .. } => {
                let to = t.saturating_add(*nanos).min(MOST);
                self.waits_out.push(Wait { from: t, to, cause: Cause::Delay });
            }
            EventKind::Barrier { outcome, .. } => {
                self.waits_out.push(Wait { from: self.last_write.min(t), to: t, cause: Cause::Barrier(*outcome) });
            }
            EventKind::Sample(sample) => self.sample(t, sample),
            EventKind::Eof { offset, .. } => {
                self.eof = Some(t);
                self.unread.since = None;
                self.arrived.most = *offset;
                self.segments_in.trim(*offset);
            }
            EventKind::Shutdown { .. } => self.shutdown = Some(t),
            EventKind::Close { error, reset } => {
                self.closed = Some(Closed { t, error: error.as_deref().map(kept), reset: *reset });
            }
            EventKind::Open { .. }
            | EventKind::Option { .. }
            | EventKind::Write { .. }
            | EventKind::Read { .. }
            | EventKind::Reply { .. } => {}
        }
    }

    /// Whether a layer such as TLS encodes the bytes.
    pub(super) fn is_layered(&self) -> bool {
        self.wire_in.is_layered() || self.wire_out.is_layered()
    }

    /// The number of items that are kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let lanes = [&self.writes, &self.segments_out, &self.segments_in, &self.reads];
        let lanes: usize = lanes.iter().map(|lane| lane.marks().len() + lane.head().len()).sum();
        let strings = self.local.len() + self.peer.len() + self.plan.len() + self.session.len();
        let lanes = lanes + self.wire_out.room() + self.wire_in.room();
        let texts = [&self.texts_out, &self.texts_in, &self.texts_sent, &self.texts_received];
        let texts: usize = texts.iter().map(|texts| texts.room()).sum();
        let waits = self.waits_out.room() + self.waits_in.room() + self.acks.len();
        let notes = texts + waits + self.out.pending.len() + self.arrived.pending.len();
        lanes + self.sent.room() + self.received.room() + strings + notes
    }

    fn sample(&mut self, t: u64, sample: &TcpSample) {
        self.note_window(t, sample);
        self.note_unread(t, sample);
        let has_all = sample.unacked == Some(0) && sample.notsent_bytes == Some(0);
        let is_new = self.acks.last().is_none_or(|(_, end)| *end < self.out.edge);
        if has_all && is_new && self.out.edge > 0 && self.acks.len() < ACKS {
            self.acks.push((t, self.out.edge));
        }
        self.sent_again = sample.total_retrans.unwrap_or(self.sent_again).min(MOST);
        if let Some(total) = sample.first_segments() {
            let sent = self.out.edge.saturating_sub(sample.notsent_bytes.unwrap_or(0));
            self.out.sampled(t, total, sent, &mut self.segments_out);
        }
        if let Some(total) = sample.data_segs_in {
            let arrived = sample.bytes_received.unwrap_or(self.arrived.edge);
            // Bytes arrive before they are read: segments are drawn no later than the read of their bytes.
            let t = self.arrived.pending.first().map_or(t, |read| read.t0.min(t));
            self.arrived.sampled(t, total, arrived, &mut self.segments_in);
        }
    }
}

impl Tape {
    /// Notes whether the peer's window was closed for most of the time since the last sample.
    fn note_window(&mut self, t: u64, sample: &TcpSample) {
        let before = self.last_sample.replace(LastSample {
            t,
            rwnd_limited: sample.rwnd_limited,
            is_window_closed: sample.snd_wnd == Some(0),
        });
        let Some(before) = before else { return };
        // The kernel counts microseconds.
        let limited = sample.rwnd_limited.zip(before.rwnd_limited);
        let limited = limited.map_or(0, |(now, then)| now.saturating_sub(then).saturating_mul(1_000));
        let between = t.saturating_sub(before.t);
        if before.is_window_closed || (limited > 0 && limited >= between / MOSTLY) {
            self.waits_out.push(Wait { from: before.t, to: t, cause: Cause::Window });
        }
    }

    /// Notes whether bytes have arrived that are not read. The kernel counts the FIN as a byte.
    fn note_unread(&mut self, t: u64, sample: &TcpSample) {
        let Some(received) = sample.bytes_received else { return };
        let more = received.saturating_sub(self.arrived.edge);
        if more > self.unread.fewest.saturating_add(1) && self.eof.is_none() {
            self.unread.since.get_or_insert(t);
        }
        self.unread.fewest = self.unread.fewest.min(more);
    }
}

/// Derives from the counters which bytes were sent in which segments: exactly if each call had its segment,
/// otherwise as a number of segments over a range of bytes.
#[derive(Clone, Debug)]
pub(super) struct Segmenter {
    /// The segments of earlier samples, and their bytes.
    segments: u64,
    counted_to: u64,
    /// The offset at the end of the last call.
    edge: u64,
    /// The end of the stream, which the kernel counts as a byte.
    most: u64,
    /// Calls whose segments are in no sample yet.
    pub(super) pending: Vec<Mark>,
}

impl Default for Segmenter {
    fn default() -> Self {
        Segmenter { segments: 0, counted_to: 0, edge: 0, most: MOST, pending: Vec::new() }
    }
}

impl Segmenter {
    fn moved(&mut self, mark: Mark) {
        self.edge = mark.end;
        let full = self.pending.len() == PENDING;
        match self.pending.last_mut() {
            // Too many for one sample: they are drawn as one range anyway.
            Some(last) if full => (last.t1, last.end, last.count) = (mark.t1, mark.end, last.count.saturating_add(1)),
            _ => self.pending.push(mark),
        }
    }

    /// Notes that at `t` the kernel had counted `total` segments, with all bytes before `to`.
    fn sampled(&mut self, t: u64, total: u64, to: u64, lane: &mut Lane) {
        let (total, to) = (total.min(MOST), to.min(self.most));
        let count = total.saturating_sub(self.segments);
        self.segments = self.segments.max(total);
        if count == 0 || to <= self.counted_to {
            lane.count_only(count);
            // The time of an earlier sample is not the time of the next segments.
            self.pending.retain(|call| call.end > self.counted_to);
            return;
        }
        let whole = self.pending.iter().take_while(|call| call.end <= to).count();
        let calls = &self.pending[..whole];
        let exact = calls.len() as u64 == count
            && calls.iter().all(|call| call.count == 1)
            && calls.first().is_some_and(|call| call.start == self.counted_to)
            && calls.last().is_some_and(|call| call.end == to);
        if exact {
            for call in calls {
                lane.push(*call);
            }
        } else {
            let t0 = self.pending.first().map_or(t, |call| call.t0.min(t));
            lane.push(Mark { t0, t1: t.max(t0), start: self.counted_to, end: to, count });
        }
        self.pending.drain(..whole);
        if let Some(first) = self.pending.first_mut() {
            first.start = first.start.max(to);
        }
        self.counted_to = to;
    }
}

fn call(t: u64, offset: u64, bytes: u64) -> Mark {
    let start = offset.min(MOST);
    Mark { t0: t, t1: t, start, end: offset.saturating_add(bytes).min(MOST), count: 1 }
}

/// A string from outside, escaped and of bounded length.
fn kept(text: &str) -> String {
    clipped(shown(text))
}

fn clipped(text: String) -> String {
    match text.char_indices().nth(TEXT) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape() -> Tape {
        let open = EventKind::Open { side: Side::Connect, local: "a".into(), peer: "b".into(), made_for: None };
        Tape::new(&Event::new(0, 1, open), Side::Connect, "a", "b", None)
    }

    fn write(tape: &mut Tape, t: u64, len: u64) {
        let offset = tape.writes.bytes();
        tape.note(&Event::new(t, 1, EventKind::Write { offset, asked: len, accepted: len, pinned: false }));
    }

    fn sample(tape: &mut Tape, t: u64, segments: u64, notsent: u64) {
        let sample = TcpSample {
            data_segs_out: Some(segments),
            total_retrans: Some(0),
            notsent_bytes: Some(notsent),
            ..TcpSample::default()
        };
        tape.note(&Event::new(t, 1, EventKind::Sample(sample)));
    }

    #[test]
    fn segment_of_each_write_is_drawn_under_it() {
        let mut tape = tape();
        for (t, len) in [(10, 1), (20, 4), (30, 12)] {
            write(&mut tape, t, len);
        }
        sample(&mut tape, 35, 3, 0);
        let marks: Vec<_> = tape.segments_out.marks().iter().map(|mark| (mark.t0, mark.start, mark.end)).collect();
        assert_eq!(marks, [(10, 0, 1), (20, 1, 5), (30, 5, 17)]);
    }

    #[test]
    fn fewer_segments_than_writes_are_drawn_as_a_range() {
        let mut tape = tape();
        for t in 0..100 {
            write(&mut tape, t, 1);
        }
        sample(&mut tape, 120, 35, 10);
        sample(&mut tape, 130, 36, 0);
        let marks: Vec<_> = tape.segments_out.marks().iter().map(|mark| (mark.start, mark.end, mark.count)).collect();
        assert_eq!(marks, [(0, 90, 35), (90, 100, 1)]);
        assert_eq!(tape.segments_out.count(), 36);
    }

    #[test]
    fn no_byte_is_drawn_twice_in_any_order_of_samples() {
        let mut tape = tape();
        write(&mut tape, 1, 10);
        sample(&mut tape, 2, 1, 10);
        sample(&mut tape, 3, 2, 4);
        sample(&mut tape, 4, 2, 0);
        sample(&mut tape, 5, 3, 0);
        assert_eq!(tape.segments_out.bytes(), 10);
        assert_eq!(tape.segments_out.count(), 3);
    }

    #[test]
    fn received_segment_is_drawn_at_its_read() {
        let mut tape = tape();
        let arrived = |segments, bytes| {
            EventKind::Sample(TcpSample {
                data_segs_in: Some(segments),
                bytes_received: Some(bytes),
                ..TcpSample::default()
            })
        };
        tape.note(&Event::new(10, 1, arrived(1, 5))); // seen at a write, before it is read
        tape.note(&Event::new(20, 1, EventKind::Read { offset: 0, len: 5 }));
        tape.note(&Event::new(21, 1, arrived(1, 5)));
        tape.note(&Event::new(900, 1, EventKind::Read { offset: 5, len: 5 }));
        tape.note(&Event::new(901, 1, arrived(2, 10)));
        let drawn: Vec<_> = tape.segments_in.marks().iter().map(|mark| (mark.t0, mark.start, mark.end)).collect();
        assert_eq!(drawn, [(10, 0, 5), (900, 5, 10)]);
    }

    #[test]
    fn fin_does_not_count_as_a_byte() {
        let mut tape = tape();
        let arrived = |segments, bytes| {
            EventKind::Sample(TcpSample {
                data_segs_in: Some(segments),
                bytes_received: Some(bytes),
                ..TcpSample::default()
            })
        };
        tape.note(&Event::new(1, 1, EventKind::Read { offset: 0, len: 7 }));
        tape.note(&Event::new(2, 1, arrived(1, 8)));
        assert_eq!(tape.segments_in.bytes(), 8);
        tape.note(&Event::new(3, 1, EventKind::Eof { offset: 7, plaintext: None }));
        assert_eq!((tape.segments_in.bytes(), tape.segments_in.marks()[0].end), (7, 7));
        tape.note(&Event::new(4, 1, arrived(2, 8)));
        assert_eq!((tape.segments_in.bytes(), tape.segments_in.count()), (7, 2));
    }

    #[test]
    fn strings_are_clipped_and_escaped() {
        let mut tape = tape();
        tape.note(&Event::new(1, 1, EventKind::Close { error: Some("\u{1b}".repeat(1_000_000)), reset: false }));
        let error = tape.closed.unwrap().error.unwrap();
        assert!(error.len() < 2 * TEXT && !error.contains('\u{1b}'), "{error}");
    }
}
