//! Waiting until the last write was acknowledged, or read by the peer's program, without a fixed pause.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::peer_queue::{Peer, PeerQueue};
use super::super::stream::Stream;
use super::super::sys;
use crate::plan::Barrier;
use crate::trace::BarrierOutcome;

/// The first look after a write; each further one comes later by half as much again.
const FIRST_LOOK: Duration = Duration::from_micros(10);
/// The longest time between two looks at a peer that is not slow.
const LAST_LOOK: Duration = Duration::from_millis(1);
/// What a look may add to the time a slow peer takes, as a part of it: looking costs little, then less.
const PART: u32 = 32;

/// What is waited for on one connection, write after write.
#[derive(Debug)]
pub(super) struct BarrierWait {
    barrier: Barrier,
    queue: Option<PeerQueue>,
    /// The peer's socket was seen at least once.
    seen: bool,
    /// The last write has arrived at the peer.
    arrived: bool,
    /// The offset that is waited for, when that wait began, and the time to the next look.
    offset: Option<u64>,
    since: Instant,
    interval: Duration,
    /// The time of the last look that found the wait not over, and the time of the next look.
    last: Option<(Instant, Instant)>,
}

/// How a look at the barrier came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Not yet: look again then.
    Again(Instant),
    /// The next write may go.
    Passed(BarrierOutcome),
}

impl BarrierWait {
    pub(super) fn new(barrier: Barrier, now: Instant) -> Self {
        BarrierWait {
            barrier,
            queue: None,
            seen: false,
            arrived: false,
            offset: None,
            since: now,
            interval: FIRST_LOOK,
            last: None,
        }
    }

    /// Looks whether all bytes up to this offset have got where they should. The first look at an
    /// offset begins the wait.
    pub(super) fn check(&mut self, stream: &Stream, offset: u64, now: Instant) -> io::Result<Check> {
        if self.offset != Some(offset) {
            (self.offset, self.since, self.interval, self.arrived) = (Some(offset), now, FIRST_LOOK, false);
            self.last = None;
        }
        // A connection may be flushed more than once in a turn of the loop; a look is three system calls.
        if let Some((_, next)) = self.last.filter(|&(last, _)| now <= last) {
            return Ok(Check::Again(next));
        }
        let acknowledged = is_acknowledged(stream)?;
        if self.barrier == Barrier::Acked {
            return Ok(if acknowledged { Check::Passed(BarrierOutcome::Acked) } else { self.again(now) });
        }
        // Order matters: bytes on their way are in no queue, so that they have arrived is known
        // before it is asked whether they were read. The peer's own count says so at once, where
        // its acknowledgement may be held back for 40 ms to go with data.
        self.arrived =
            self.arrived || acknowledged || self.peer(stream).is_some_and(|peer| peer.received >= Some(offset));
        if !self.arrived {
            return Ok(self.again(now));
        }
        match self.peer(stream) {
            Some(Peer { unread: 0, .. }) => Ok(Check::Passed(BarrierOutcome::Read)),
            Some(_) => Ok(self.again(now)),
            None if !acknowledged => Ok(self.again(now)),
            None => Ok(Check::Passed(BarrierOutcome::NotVisible)),
        }
    }

    /// Whether the peer's socket was never seen: it is on another host, not merely closed since.
    pub(super) fn is_blind(&self) -> bool {
        !self.seen
    }

    fn peer(&mut self, stream: &Stream) -> Option<Peer> {
        if self.queue.is_none() {
            let (local, peer) = stream.endpoints()?;
            self.queue = Some(PeerQueue::open(local, peer));
        }
        let peer = self.queue.as_mut()?.look().ok().flatten();
        self.seen |= peer.is_some();
        peer
    }

    fn again(&mut self, now: Instant) -> Check {
        let at = now + self.interval;
        let waited = now.saturating_duration_since(self.since);
        self.interval = (self.interval * 3 / 2).min(LAST_LOOK.max(waited / PART));
        self.last = Some((now, at));
        Check::Again(at)
    }
}

/// What `--barrier peer-read` cannot promise here, and what it does instead.
pub(super) fn not_visible(stream: &Stream) -> String {
    let peer = stream.endpoints().map_or_else(String::new, |(_, peer)| format!("{peer}: "));
    format!(
        "{peer}--barrier peer-read: the peer's socket is not visible on this host \
         (another host or network namespace); waiting for its acknowledgements and --delay instead"
    )
}

/// Whether the peer has acknowledged all bytes.
fn is_acknowledged(stream: &Stream) -> io::Result<bool> {
    if sys::queued_out(stream.as_fd())? == 0 {
        return Ok(true);
    }
    // A reset leaves that count as it is, and nobody reads it where the peer's end has been read.
    stream.take_error().map_or(Ok(false), Err)
}

/// When to look again whether all that was written has arrived; `None` when it has, or where that
/// is not told.
pub(super) fn arrival(stream: &Stream, since: Instant, now: Instant) -> io::Result<Option<Instant>> {
    match is_acknowledged(stream) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Ok(false) if stream.is_tcp() => Ok(Some(now + LAST_LOOK.max(now.saturating_duration_since(since) / PART))),
        Ok(_) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[cfg(any(target_os = "linux", target_os = "android"))] // elsewhere the peer's queue is not visible
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn one_turn_of_the_loop_makes_one_look() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.write_all(b"abc").unwrap();
        let stream = Stream::from_socket(ours.into(), crate::io::sockopt::Family::V4);
        let now = Instant::now();
        let mut wait = BarrierWait::new(Barrier::PeerRead, now);
        let first = wait.check(&stream, 3, now).unwrap();
        assert!(matches!(first, Check::Again(_)));
        theirs.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(wait.check(&stream, 3, now).unwrap(), first);
        assert_eq!(wait.check(&stream, 3, now + FIRST_LOOK).unwrap(), Check::Passed(BarrierOutcome::Read));
    }
}
