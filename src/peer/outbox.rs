//! What a connection still has to write, and the next step of writing it by its plan.

mod queue;
mod schedule;

use std::time::{Duration, Instant};

use queue::Queue;
use schedule::{Schedule, Wait};

use crate::plan::{Barrier, HeaderPieces, Piece, Plan};
use crate::trace::BarrierOutcome;

/// The next step of writing the queued bytes as the plan asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Write these bytes with one call; then report to [`Outbox::wrote`] how many the kernel took.
    Write {
        /// The rest of one piece; without a plan, everything queued.
        bytes: &'a [u8],
        /// What may share a segment with them.
        pin: Pin,
    },
    /// A pause begins; nothing is written before it is over.
    Pause {
        /// When it is over.
        until: Instant,
        /// Its length in the plan.
        length: Duration,
    },
    /// A pause lasts until this time.
    Until(Instant),
    /// The next write waits until all bytes up to this offset were acknowledged or read; report the outcome to
    /// [`Outbox::passed`].
    Barrier {
        /// Bytes that the kernel has taken.
        offset: u64,
        /// What is waited for.
        barrier: Barrier,
    },
    /// Send what was written with [`Pin::Hold`], because more bytes follow; then call [`Outbox::released`].
    Release,
    /// There is nothing to write.
    Idle,
}

/// What may share a segment with the bytes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Any bytes.
    Free,
    /// No other bytes.
    Own,
    /// The FIN: the bytes are held until what comes next.
    Hold,
}

/// What a plan needs to know of its connection.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// The number of the connection, which selects its stream of random numbers.
    pub number: u64,
    /// It carries a stream of bytes without message boundaries.
    pub raw: bool,
    /// Whether acknowledgements can be observed; without them there are no barriers.
    pub has_barriers: bool,
    /// The kernel is to join pieces: Nagle's algorithm or `TCP_CORK` was asked for.
    pub joins: bool,
}

/// Barriers passed between two pieces, by what they proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The peer had read everything.
    pub confirmed: u64,
    /// They were acknowledged, or less is known.
    pub unconfirmed: u64,
}

impl Proofs {
    fn count(&mut self, outcome: BarrierOutcome) {
        match outcome {
            BarrierOutcome::Read
            | BarrierOutcome::RecordRead
            | BarrierOutcome::Witnessed
            | BarrierOutcome::RecordWitnessed => self.confirmed += 1,
            _ => self.unconfirmed += 1,
        }
    }
}

/// The queue of bytes of one connection, and the schedule of its plan. It decides what is written next; the
/// connection carries that out and reports back.
#[derive(Debug)]
pub struct Outbox {
    /// The number of bytes that the kernel has taken, those of the header included.
    offset: u64,
    /// The number of bytes of the header, which stands before everything else.
    header: u32,
    /// The last piece is held for the FIN, to share its segment.
    holds_last: bool,
    /// The last write is held: nothing was queued after it.
    is_held: bool,
    proofs: Proofs,
    /// A barrier was seen by a witness for the first time on this connection: it counts when a later one is.
    witnessed_once: bool,
    /// The barrier that was passed when nothing was queued: it counts when more is written.
    last_barrier: Option<BarrierOutcome>,
    queue: Queue,
    /// `None` if the plan asks for nothing: bytes are written as they are.
    schedule: Option<Box<Schedule>>,
}

impl Outbox {
    /// An empty outbox of a connection with this plan.
    #[must_use]
    pub fn new(plan: &Plan, channel: Channel) -> Self {
        Outbox {
            offset: 0,
            header: 0,
            holds_last: false,
            is_held: false,
            proofs: Proofs::default(),
            witnessed_once: false,
            last_barrier: None,
            queue: Queue::default(),
            schedule: (!plan.is_plain()).then(|| Box::new(Schedule::new(plan, channel))),
        }
    }

    /// An empty outbox of a connection with this plan, for bytes that are cut before they are queued with
    /// [`take_pieces`](Self::take_pieces).
    #[must_use]
    pub fn of_given_pieces(plan: &Plan, channel: Channel) -> Self {
        let mut outbox = Outbox::new(&Plan::default(), channel);
        outbox.schedule = (!plan.is_plain()).then(|| Box::new(Schedule::of_given_pieces(plan, channel)));
        outbox
    }

    /// Queues bytes that were cut into these pieces, and leaves an empty vector. Where this outbox cuts by itself, they
    /// are bytes of its stream.
    pub fn take_pieces(&mut self, bytes: &mut Vec<u8>, pieces: impl Iterator<Item = Piece>) {
        if let Some(schedule) = &mut self.schedule {
            schedule.take_pieces(bytes, pieces);
        }
        self.queue.take(bytes);
    }

    /// Queues a header before everything else, as pieces of its own. To be called once, before anything is written.
    pub fn push_header(&mut self, bytes: &[u8], pieces: HeaderPieces) {
        self.header = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.queue.push_front(bytes);
        self.schedule.get_or_insert_with(|| Box::new(Schedule::of_header_only())).take_header(pieces);
    }

    /// Queues the messages in `bytes`, which have these lengths.
    pub fn push(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        self.queue.push(bytes);
        if let Some(schedule) = &mut self.schedule {
            schedule.take_in(bytes, lengths);
        }
    }

    /// How bytes may be written at once without being queued, if they may. The caller reports those that the
    /// kernel took to [`wrote_directly`](Self::wrote_directly), and queues the rest.
    #[must_use]
    pub fn direct(&self) -> Option<Pin> {
        self.is_idle().then_some(if self.holds_last { Pin::Hold } else { Pin::Free })
    }

    /// The kernel took `n` bytes that were never queued.
    pub fn wrote_directly(&mut self, n: usize) {
        self.offset += n as u64;
    }

    /// The next step. Asking again returns the same step, except that a pause begins only once.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        let queued = self.queue.len();
        if self.schedule.as_ref().is_some_and(|schedule| schedule.is_over()) {
            self.schedule = None;
        }
        let Some(schedule) = &mut self.schedule else {
            let pin = if self.holds_last { Pin::Hold } else { Pin::Free };
            return if queued == 0 { Step::Idle } else { Step::Write { bytes: self.queue.bytes(), pin } };
        };
        match schedule.wait {
            Wait::Barrier => return Step::Barrier { offset: self.offset, barrier: schedule.barrier },
            Wait::Until(at) if now < at => return Step::Until(at),
            Wait::Until(_) | Wait::Nothing => schedule.wait = Wait::Nothing,
        }
        if schedule.piece == 0 {
            if self.is_held && queued > 0 {
                return Step::Release; // it was not the last piece
            }
            let Some(piece) = schedule.next_piece(queued) else { return Step::Idle };
            (schedule.piece, schedule.is_whole) = (piece.len, piece.is_whole);
            if let Some((until, length)) = schedule.begin_pause(piece, now) {
                return Step::Pause { until, length };
            }
        }
        let is_last = schedule.piece == queued && !schedule.is_in_header;
        let pin = if self.holds_last && is_last { Pin::Hold } else { schedule.pin };
        Step::Write { bytes: &self.queue.bytes()[..schedule.piece], pin }
    }

    /// The kernel took the first `n` bytes of [`Step::Write`], written with this pin; 0 if it took none.
    pub fn wrote(&mut self, n: usize, pin: Pin) {
        if n == 0 {
            return;
        }
        self.offset += n as u64;
        self.queue.advance(n);
        if let Some(outcome) = self.last_barrier.take() {
            self.count(outcome);
        }
        let Some(schedule) = &mut self.schedule else { return };
        schedule.piece -= n;
        self.is_held = pin == Pin::Hold;
        if schedule.piece == 0 && !self.is_held {
            schedule.begin_barrier();
        }
    }

    /// The held bytes were sent: they are a piece like any other.
    pub fn released(&mut self) {
        self.is_held = false;
        if let Some(schedule) = &mut self.schedule {
            schedule.begin_barrier();
        }
    }

    /// The barrier was passed. It proves something when more bytes are written: after the last piece it separates
    /// nothing, and where the peer's socket is gone, the peer may have reset the connection.
    pub fn passed(&mut self, outcome: BarrierOutcome) {
        if matches!(outcome, BarrierOutcome::Witnessed | BarrierOutcome::RecordWitnessed) {
            self.proofs.confirmed += u64::from(std::mem::take(&mut self.witnessed_once));
        }
        if self.queue.len() == 0 || outcome == BarrierOutcome::NotVisible {
            self.last_barrier = Some(outcome);
        } else {
            self.count(outcome);
        }
        if let Some(schedule) = &mut self.schedule {
            schedule.end_barrier();
        }
    }

    fn count(&mut self, outcome: BarrierOutcome) {
        match outcome {
            BarrierOutcome::WitnessedOnce => self.witnessed_once = true,
            outcome => self.proofs.count(outcome),
        }
    }

    /// From now on the last piece is held for the FIN.
    pub fn hold_last(&mut self) {
        self.holds_last = true;
    }

    /// No further message follows: messages that wait to be joined with others are written now.
    pub fn end_group(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.end_group();
        }
    }

    /// Drops what is queued, and the plan. Returns the offset of the barrier that was waited for, which will not be
    /// passed.
    pub fn clear(&mut self) -> Option<u64> {
        self.queue = Queue::default();
        self.end_plan()
    }

    /// From now on what is queued is written as it is. The offset of the barrier that was waited for, which will not
    /// be passed any more.
    pub fn end_plan(&mut self) -> Option<u64> {
        let abandoned = self.is_at_barrier().then_some(self.offset);
        self.schedule = None;
        abandoned
    }

    /// The number of bytes that the kernel has taken, those of the header included.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes of the header.
    #[must_use]
    pub fn header(&self) -> usize {
        usize::try_from(self.header).unwrap_or(usize::MAX)
    }

    /// The number of bytes after the header that the kernel has taken.
    #[must_use]
    pub fn offset_after_header(&self) -> u64 {
        self.offset.saturating_sub(self.header.into())
    }

    /// The number of bytes of the header that are queued.
    #[must_use]
    pub fn header_left(&self) -> usize {
        let left = u64::from(self.header).saturating_sub(self.offset);
        usize::try_from(left).unwrap_or(usize::MAX).min(self.queue.len())
    }

    /// The number of queued bytes.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The same without the bytes that wait for further messages to be joined with: their sender must not be made to
    /// wait for them.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.queue.len() - self.held_back()
    }

    /// The number of bytes that wait for further messages to be joined with.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.schedule.as_ref().map_or(0, |schedule| schedule.held_back())
    }

    /// The number of messages whose group is not completely written; 0 without a plan.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.schedule.as_ref().map_or(0, |schedule| schedule.unwritten())
    }

    /// Whether nothing is queued, and there is no plan.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.schedule.is_none() && self.queue.len() == 0
    }

    /// Whether everything queued is written, and the barrier after it is passed.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.queue.len() == 0 && !self.is_at_barrier()
    }

    /// Whether bytes would be written as they are and at once.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.is_idle() && !self.holds_last
    }

    /// Whether the next write waits for a barrier.
    #[must_use]
    pub fn is_at_barrier(&self) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.wait == Wait::Barrier)
    }

    /// Whether there is a plan, and it is at no barrier: what waits, waits for a pause, for further
    /// messages, or for the kernel.
    #[must_use]
    pub fn is_between_barriers(&self) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.wait != Wait::Barrier)
    }

    /// What the passed barriers have proved.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        Proofs { unconfirmed: self.proofs.unconfirmed + u64::from(self.witnessed_once), ..self.proofs }
    }

    /// Gives back memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        self.queue.shrink();
    }
}

#[cfg(test)]
mod tests;
