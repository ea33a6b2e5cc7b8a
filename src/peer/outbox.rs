//! What a connection still has to write, and the next step of writing it by its plan.

mod queue;
mod schedule;

use std::time::{Duration, Instant};

use queue::Queue;
use schedule::{Schedule, Wait};

use crate::plan::{Barrier, Plan};
use crate::trace::BarrierOutcome;

/// What is to be done next so that the bytes go out as the plan says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Write these bytes with one call; [`Outbox::wrote`] takes how many the kernel took.
    Write {
        /// The rest of one piece, or all that is queued where there is no plan.
        bytes: &'a [u8],
        /// What may share a segment with them.
        pin: Pin,
    },
    /// A pause begins; nothing is written before it is over.
    Pause {
        /// When it is over.
        until: Instant,
        /// How long the plan has it.
        length: Duration,
    },
    /// A pause goes on until then.
    Until(Instant),
    /// The next write waits until all bytes up to this offset have got where the plan wants them;
    /// [`Outbox::passed`] takes the outcome.
    Barrier {
        /// Bytes that the kernel has taken.
        offset: u64,
        /// What is waited for.
        barrier: Barrier,
    },
    /// Send what was written with [`Pin::Hold`], for more stands after it; then call
    /// [`Outbox::released`].
    Release,
    /// There is nothing to write.
    Idle,
}

/// What may share a segment with the bytes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Whatever the kernel puts there.
    Free,
    /// Nothing else.
    Own,
    /// The end of the stream: the bytes wait for what comes next.
    Hold,
}

/// What a plan has to know of the connection that it is carried out on.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// Selects the stream of random numbers that the plan draws from.
    pub number: u64,
    /// It carries one stream of bytes, where message boundaries mean nothing.
    pub raw: bool,
    /// Whether it can be seen how far written bytes have got: without, there are no barriers.
    pub has_barriers: bool,
}

/// Barriers passed between two pieces, by what they proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// The peer had read everything.
    pub confirmed: u64,
    /// Less is known.
    pub unconfirmed: u64,
}

/// The queue of bytes of one connection and the schedule of its plan. It decides what is written next;
/// the connection carries that out and reports back.
#[derive(Debug)]
pub struct Outbox {
    /// Bytes the kernel has taken so far.
    offset: u64,
    /// The last piece waits for the end of the stream, to go with it.
    holds_last: bool,
    /// The last write waits so: nothing stood after it when it was made.
    is_held: bool,
    proofs: Proofs,
    queue: Queue,
    /// `None` where the plan asks for nothing: bytes go out as they are.
    schedule: Option<Box<Schedule>>,
}

impl Outbox {
    /// An empty outbox of a connection with this plan.
    #[must_use]
    pub fn new(plan: &Plan, channel: Channel) -> Self {
        Outbox {
            offset: 0,
            holds_last: false,
            is_held: false,
            proofs: Proofs::default(),
            queue: Queue::default(),
            schedule: (!plan.is_plain()).then(|| Box::new(Schedule::new(plan, channel))),
        }
    }

    /// Queues messages of these lengths that stand one after the other in `bytes`.
    pub fn push(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        self.queue.push(bytes);
        if let Some(schedule) = &mut self.schedule {
            schedule.take_in(bytes.len(), lengths);
        }
    }

    /// Whether bytes may be written at once and without being queued, and how. The caller reports
    /// those that the kernel took to [`wrote_directly`](Self::wrote_directly), and queues the rest.
    #[must_use]
    pub fn direct(&self) -> Option<Pin> {
        self.is_idle().then_some(if self.holds_last { Pin::Hold } else { Pin::Free })
    }

    /// The kernel took so many bytes that were never queued.
    pub fn wrote_directly(&mut self, n: usize) {
        self.offset += n as u64;
    }

    /// What is to be done next. Nothing changes by asking again, but that a pause begins only once.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        let queued = self.queue.len();
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
                return Step::Release; // what was taken for the last piece is not
            }
            let Some(piece) = schedule.next_piece(queued) else { return Step::Idle };
            (schedule.piece, schedule.is_whole) = (piece.len, piece.is_whole);
            if let Some((until, length)) = schedule.begin_pause(piece, now) {
                return Step::Pause { until, length };
            }
        }
        let pin = if self.holds_last && schedule.piece == queued { Pin::Hold } else { Pin::Own };
        Step::Write { bytes: &self.queue.bytes()[..schedule.piece], pin }
    }

    /// The kernel took the first `n` bytes of [`Step::Write`], written with this pin; 0 where it took none.
    pub fn wrote(&mut self, n: usize, pin: Pin) {
        if n == 0 {
            return;
        }
        self.offset += n as u64;
        self.queue.advance(n);
        let Some(schedule) = &mut self.schedule else { return };
        schedule.piece -= n;
        self.is_held = pin == Pin::Hold;
        if schedule.piece == 0 && !self.is_held {
            schedule.begin_barrier();
        }
    }

    /// What was held is on its way: it is a piece like any other.
    pub fn released(&mut self) {
        self.is_held = false;
        if let Some(schedule) = &mut self.schedule {
            schedule.begin_barrier();
        }
    }

    /// The barrier was passed. After the last piece it divides nothing, and proves nothing of a cut.
    pub fn passed(&mut self, outcome: BarrierOutcome) {
        match outcome {
            _ if self.queue.len() == 0 => {}
            BarrierOutcome::Read => self.proofs.confirmed += 1,
            _ => self.proofs.unconfirmed += 1,
        }
        if let Some(schedule) = &mut self.schedule {
            schedule.end_barrier();
        }
    }

    /// From now on the last piece waits for the end of the stream.
    pub fn hold_last(&mut self) {
        self.holds_last = true;
    }

    /// No further message is waited for: those that wait to be joined with others go now.
    pub fn end_group(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.hurry = true;
        }
    }

    /// Forgets what was to be written, and the plan. The offset of the barrier that was waited for, which
    /// will not be passed any more.
    pub fn clear(&mut self) -> Option<u64> {
        let abandoned = self.is_at_barrier().then_some(self.offset);
        self.queue = Queue::default();
        self.schedule = None;
        abandoned
    }

    /// Bytes that the kernel has taken.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes that were sent and that the kernel has not taken yet.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The same without those that wait for further messages to be joined with: whoever sends those
    /// must not be kept waiting for these.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.queue.len() - self.held_back()
    }

    /// Bytes that wait for further messages to be joined with.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.schedule.as_ref().map_or(0, |schedule| schedule.held_back())
    }

    /// Messages whose group is not written to its end; 0 without a plan.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.schedule.as_ref().map_or(0, |schedule| schedule.unwritten())
    }

    /// Whether nothing is to be written, and there is no plan.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.schedule.is_none() && self.queue.len() == 0
    }

    /// Whether everything queued is written, and the barrier after it is passed.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.queue.len() == 0 && !self.is_at_barrier()
    }

    /// Whether bytes would go out as they are and at once.
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

    /// What the barriers passed so far have proved.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        self.proofs
    }

    /// Gives back memory that an idle connection does not need.
    pub fn settle(&mut self) {
        self.queue.settle();
    }
}

#[cfg(test)]
mod tests;
