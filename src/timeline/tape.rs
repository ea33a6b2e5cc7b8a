//! The data of one end of a connection for the picture, in bounded memory.

use super::lane::{Lane, Mark, Messages};
use super::wire::Wire;
use crate::trace::{BarrierOutcome, ConnId, Direction, EventKind, Side, TcpSample};
use crate::trace::{plan_flags, shown};

/// The largest number of pauses and barriers of an end, from its start: only the enlarged part shows them.
pub(super) const NOTES: usize = 256;
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
    /// The start of each pause, and its duration in nanoseconds.
    pub(super) pauses: Vec<(u64, u64)>,
    pub(super) barriers: Vec<(u64, BarrierOutcome)>,
    pub(super) sent_again: u64,
    pub(super) shutdown: Option<u64>,
    pub(super) eof: Option<u64>,
    /// The error that ended it.
    pub(super) error: Option<String>,
    pub(super) out: Segmenter,
    pub(super) arrived: Segmenter,
}

impl Tape {
    pub(super) fn new(conn: ConnId, side: Side, local: &str, peer: &str) -> Tape {
        Tape {
            conn,
            side,
            local: kept(local),
            peer: kept(peer),
            made_for: None,
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
            pauses: Vec::new(),
            barriers: Vec::new(),
            sent_again: 0,
            shutdown: None,
            eof: None,
            error: None,
            out: Segmenter::default(),
            arrived: Segmenter::default(),
        }
    }

    pub(super) fn note(&mut self, t: u64, what: &EventKind) {
        let t = t.min(MOST);
        match what {
            EventKind::Plan(plan) => self.plan = kept(&plan_flags(plan)),
            // A call that the kernel refused has no bytes.
            EventKind::Write { offset, accepted, .. } if *accepted > 0 => {
                let mark = call(t, *offset, *accepted);
                self.writes.push(mark);
                self.out.moved(mark);
            }
            EventKind::Read { offset, len } if *len > 0 => {
                let mark = call(t, *offset, *len);
                self.reads.push(mark);
                self.arrived.moved(mark);
            }
            EventKind::Message { dir, number, start, end } => {
                let (number, start, end) = ((*number).min(MOST), (*start).min(MOST), (*end).min(MOST));
                match dir {
                    Direction::Out => self.wire_out.message(number, start, end.max(start), &mut self.sent),
                    Direction::In => self.wire_in.message(number, start, end.max(start), &mut self.received),
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
            EventKind::Pause { nanos, .. } if self.pauses.len() < NOTES => self.pauses.push((t, *nanos)),
            EventKind::Barrier { outcome, .. } if self.barriers.len() < NOTES => self.barriers.push((t, *outcome)),
            EventKind::Sample(sample) => self.sample(t, sample),
            EventKind::Eof { offset, .. } => {
                self.eof = Some(t);
                self.arrived.most = *offset;
                self.segments_in.trim(*offset);
            }
            EventKind::Shutdown { .. } => self.shutdown = Some(t),
            EventKind::Close { error } => self.error = error.as_deref().map(kept),
            _ => {}
        }
    }

    /// The number of items that are kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let lanes = [&self.writes, &self.segments_out, &self.segments_in, &self.reads];
        let lanes: usize = lanes.iter().map(|lane| lane.marks().len() + lane.head().len()).sum();
        let strings = self.local.len() + self.peer.len() + self.plan.len() + self.session.len();
        let lanes = lanes + self.wire_out.room() + self.wire_in.room();
        let notes = self.pauses.len() + self.barriers.len() + self.out.pending.len() + self.arrived.pending.len();
        lanes + self.sent.room() + self.received.room() + strings + notes
    }

    fn sample(&mut self, t: u64, sample: &TcpSample) {
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
        Tape::new(1, Side::Connect, "a", "b")
    }

    fn write(tape: &mut Tape, t: u64, len: u64) {
        let offset = tape.writes.bytes();
        tape.note(t, &EventKind::Write { offset, asked: len, accepted: len });
    }

    fn sample(tape: &mut Tape, t: u64, segments: u64, notsent: u64) {
        let sample = TcpSample {
            data_segs_out: Some(segments),
            total_retrans: Some(0),
            notsent_bytes: Some(notsent),
            ..TcpSample::default()
        };
        tape.note(t, &EventKind::Sample(sample));
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
        tape.note(10, &arrived(1, 5)); // seen at a write, before it is read
        tape.note(20, &EventKind::Read { offset: 0, len: 5 });
        tape.note(21, &arrived(1, 5));
        tape.note(900, &EventKind::Read { offset: 5, len: 5 });
        tape.note(901, &arrived(2, 10));
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
        tape.note(1, &EventKind::Read { offset: 0, len: 7 });
        tape.note(2, &arrived(1, 8));
        assert_eq!(tape.segments_in.bytes(), 8);
        tape.note(3, &EventKind::Eof { offset: 7, plaintext: None });
        assert_eq!((tape.segments_in.bytes(), tape.segments_in.marks()[0].end), (7, 7));
        tape.note(4, &arrived(2, 8));
        assert_eq!((tape.segments_in.bytes(), tape.segments_in.count()), (7, 2));
    }

    #[test]
    fn strings_are_clipped_and_escaped() {
        let mut tape = tape();
        tape.note(1, &EventKind::Close { error: Some("\u{1b}".repeat(1_000_000)) });
        let error = tape.error.unwrap();
        assert!(error.len() < 2 * TEXT && !error.contains('\u{1b}'), "{error}");
    }
}
