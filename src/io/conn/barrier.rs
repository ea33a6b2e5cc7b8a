//! Waiting until the last write was acknowledged, or read by the peer's program, without a fixed pause.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::peer_queue::PeerQueue;
use super::super::stream::Stream;
use super::super::sys;
use crate::plan::Barrier;
use crate::trace::BarrierOutcome;

/// The first look after a write; each further one comes later by half as much again.
const FIRST_LOOK: Duration = Duration::from_micros(10);
/// The longest time between two looks: it bounds what a slow peer costs us, and what we add to its time.
const LAST_LOOK: Duration = Duration::from_millis(1);

/// What is waited for on one connection, write after write.
#[derive(Debug)]
pub(super) struct Gate {
    barrier: Barrier,
    queue: Option<PeerQueue>,
    /// The peer's socket was seen at least once.
    seen: bool,
    interval: Duration,
}

/// How a look at the barrier came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Not yet: look again then.
    Again(Instant),
    /// The next write may go.
    Passed(BarrierOutcome),
}

impl Gate {
    pub(super) fn new(barrier: Barrier) -> Self {
        Gate { barrier, queue: None, seen: false, interval: FIRST_LOOK }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.barrier != Barrier::None
    }

    /// Begins the wait for the write that was just made.
    pub(super) fn begin(&mut self) {
        self.interval = FIRST_LOOK;
    }

    /// Looks whether the last write has got where it should.
    pub(super) fn look(&mut self, stream: &Stream, now: Instant) -> io::Result<Look> {
        // Order matters: bytes on their way are in neither queue, but they are not acknowledged.
        if sys::queued_out(stream.as_fd())? > 0 {
            return Ok(self.again(now));
        }
        if self.barrier == Barrier::Acked {
            return Ok(Look::Passed(BarrierOutcome::Acked));
        }
        match self.unread(stream) {
            Some(0) => Ok(Look::Passed(BarrierOutcome::Read)),
            Some(_) => Ok(self.again(now)),
            None => Ok(Look::Passed(BarrierOutcome::NotVisible)),
        }
    }

    /// Whether the peer's socket was never seen: it is on another host, not merely closed since.
    pub(super) fn is_blind(&self) -> bool {
        !self.seen
    }

    fn unread(&mut self, stream: &Stream) -> Option<u64> {
        if self.queue.is_none() {
            let (local, peer) = stream.endpoints()?;
            self.queue = Some(PeerQueue::open(local, peer));
        }
        let unread = self.queue.as_mut()?.unread().ok().flatten();
        self.seen |= unread.is_some();
        unread
    }

    fn again(&mut self, now: Instant) -> Look {
        let at = now + self.interval;
        self.interval = (self.interval * 3 / 2).min(LAST_LOOK);
        Look::Again(at)
    }
}
