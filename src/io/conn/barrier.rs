//! Waiting until the last write was acknowledged, or read by the peer's program, without a fixed pause.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::peer_queue::{Peer, PeerQueue};
use super::super::stream::Stream;
use super::super::sys;
use super::super::witness::{At, Inquiry, Sight, Witness};
use crate::peer::witness::stream::Bytes;
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
    /// The other end of the socket is a proxy, which was sent this many bytes before those of the connection. That the
    /// proxy has read a write is waited for, and proves nothing about the server.
    sent_to_proxy: Option<u64>,
    queue: Option<PeerQueue>,
    /// The peer's socket was seen on this host at least once.
    seen: bool,
    /// Sees the peer's socket where it is not on this host.
    witness: Option<Witness>,
    /// What it is asked about this connection, once the peer's socket was not found on this host.
    inquiry: Option<Box<Inquiry>>,
    /// The bytes that were sent, for a witness that is the listener.
    sent: Option<Bytes>,
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
    pub(super) fn new(barrier: Barrier, witness: Option<Witness>, now: Instant) -> Self {
        BarrierWait {
            barrier,
            sent_to_proxy: None,
            queue: None,
            seen: false,
            sent: witness.as_ref().filter(|witness| witness.is_listener()).map(|_| Bytes::default()),
            witness,
            inquiry: None,
            arrived: false,
            offset: None,
            since: now,
            interval: FIRST_LOOK,
            last: None,
        }
    }

    /// The same, for a connection through a proxy. Only a listener sees the bytes beyond it.
    pub(super) fn at_proxy(barrier: Barrier, sent: u64, witness: Option<Witness>, now: Instant) -> Self {
        let witness = witness.filter(Witness::is_listener);
        BarrierWait { sent_to_proxy: Some(sent), ..BarrierWait::new(barrier, witness, now) }
    }

    /// Notes bytes of the connection that were written.
    pub(super) fn note_sent(&mut self, bytes: &[u8]) {
        if let Some(sent) = &mut self.sent {
            sent.add(bytes);
        }
    }

    /// Looks whether all bytes up to this offset have got where they should. The first look at an offset begins the
    /// wait. `is_last`: nothing is queued after it.
    pub(super) fn check(&mut self, stream: &Stream, offset: u64, is_last: bool, now: Instant) -> io::Result<Check> {
        if self.offset != Some(offset) {
            (self.offset, self.since, self.interval, self.arrived) = (Some(offset), now, FIRST_LOOK, false);
            self.last = None;
        }
        // A connection may be flushed more than once in a turn of the loop; a look is three system calls.
        if let Some((_, next)) = self.last.filter(|&(last, _)| now <= last) {
            return Ok(Check::Again(next));
        }
        if !stream.is_tcp() {
            let is_read = is_read_from_unix(stream)?;
            return Ok(if is_read { Check::Passed(BarrierOutcome::Read) } else { self.again(now) });
        }
        let acknowledged = is_acknowledged(stream)?;
        if self.barrier == Barrier::Acked {
            return Ok(if acknowledged { Check::Passed(BarrierOutcome::Acked) } else { self.again(now) });
        }
        if self.asks_witness(stream) {
            return Ok(self.ask(offset, acknowledged, is_last, now));
        }
        // Order matters: bytes on their way are in no queue, so that they have arrived is known
        // before it is asked whether they were read. The peer's own count says so at once, where
        // its acknowledgement may be held back for 40 ms to go with data.
        self.arrived = self.arrived || acknowledged || self.has_received(stream, offset);
        if !self.arrived {
            return Ok(self.again(now));
        }
        match self.peer(stream).filter(|peer| self.is_peer(peer, offset, acknowledged)) {
            Some(Peer { unread: 0, .. }) if self.sent_to_proxy.is_some() => {
                Ok(Check::Passed(BarrierOutcome::NotVisible))
            }
            Some(Peer { unread: 0, .. }) => Ok(Check::Passed(BarrierOutcome::Read)),
            Some(_) => Ok(self.again(now)),
            None if !acknowledged => Ok(self.again(now)),
            None => Ok(Check::Passed(BarrierOutcome::NotVisible)),
        }
    }

    /// Whether the peer's socket was never seen: it is on another host, not merely closed since. The server beyond a
    /// proxy never is.
    pub(super) fn is_blind(&self) -> bool {
        let is_witnessed = self.inquiry.as_ref().is_some_and(|inquiry| inquiry.is_accepted());
        !is_witnessed && (!self.seen || self.sent_to_proxy.is_some())
    }

    /// What `--barrier peer-read` cannot promise here, and what it does instead.
    pub(super) fn not_visible(&self, stream: &Stream) -> String {
        let peer = stream.endpoints().map_or_else(String::new, |(_, peer)| format!("{peer}: "));
        let seen_by_witness = self.inquiry.as_ref().and_then(|inquiry| inquiry.reason());
        let (why, instead) = match self.sent_to_proxy {
            _ if seen_by_witness.is_some() => {
                (seen_by_witness.unwrap_or_default(), "waiting for its acknowledgements and --delay instead")
            }
            None if self.queue.as_ref().is_some_and(PeerQueue::would_root_help) => (
                "the peer's socket is not visible on this host (another host, or a network namespace that needs root)",
                "waiting for its acknowledgements and --delay instead",
            ),
            None => (
                "the peer's socket is not visible on this host (another host?)",
                "waiting for its acknowledgements and --delay instead",
            ),
            Some(_) if self.seen => (
                "this is a proxy, and the socket of the server is not visible",
                "waiting until the proxy has read instead",
            ),
            Some(_) => (
                "this is a proxy, and the socket of the server is not visible",
                "waiting for the acknowledgements of the proxy and --delay instead",
            ),
        };
        format!("{peer}--barrier peer-read: {why}; {instead}")
    }

    /// Whether the peer's own count has all bytes up to this offset.
    fn has_received(&mut self, stream: &Stream, offset: u64) -> bool {
        let end = self.end(offset);
        self.peer(stream).is_some_and(|peer| peer.received >= Some(end) && self.is_peer(&peer, offset, false))
    }

    /// The number of bytes on the socket up to this offset.
    fn end(&self, offset: u64) -> u64 {
        offset.saturating_add(self.sent_to_proxy.unwrap_or(0))
    }

    /// Whether a socket with the peer's addresses is the peer's. A socket of another network namespace may be another
    /// one: it has received other bytes.
    fn is_peer(&self, peer: &Peer, offset: u64, acknowledged: bool) -> bool {
        let (Some(received), true) = (peer.received, self.queue.as_ref().is_some_and(PeerQueue::is_elsewhere)) else {
            return true;
        };
        received == self.end(offset) || (received < self.end(offset) && !acknowledged)
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

    /// Whether the witness is asked about this connection: it is the listener, or the peer's socket was not on this host
    /// at the first barrier.
    fn asks_witness(&mut self, stream: &Stream) -> bool {
        if let (Some(witness), None, false) = (&self.witness, &self.inquiry, self.seen) {
            let witness = witness.clone();
            if self.sent.is_some() || self.peer(stream).is_none() {
                let open = |(local, peer)| Box::new(Inquiry::new(&witness, local, peer));
                self.inquiry = stream.endpoints().map(open);
            }
        }
        self.inquiry.is_some()
    }

    /// Asks the witness about the peer's socket. Without an answer that proves something, the acknowledgement is awaited.
    fn ask(&mut self, offset: u64, is_acknowledged: bool, is_last: bool, now: Instant) -> Check {
        let (sent, bytes) = (self.end(offset), self.sent.unwrap_or_default());
        let waited = now.saturating_duration_since(self.since);
        let at = At { sent, bytes, is_acknowledged, is_last, waited };
        match self.inquiry.as_mut().map_or(Sight::Nothing, |inquiry| inquiry.look(at)) {
            Sight::Read => Check::Passed(BarrierOutcome::Witnessed),
            Sight::ReadOnce => Check::Passed(BarrierOutcome::WitnessedOnce),
            Sight::Nothing if is_acknowledged => Check::Passed(BarrierOutcome::NotVisible),
            Sight::Pending | Sight::Nothing => self.again(now),
        }
    }

    fn again(&mut self, now: Instant) -> Check {
        let at = now + self.interval;
        let waited = now.saturating_duration_since(self.since);
        self.interval = (self.interval * 3 / 2).min(LAST_LOOK.max(waited / PART));
        self.last = Some((now, at));
        Check::Again(at)
    }
}

/// Whether the peer has read all bytes from a unix socket: what it has not read counts as queued on this side (the
/// kernel's `unix_outq_len`). A peer that is closed with unread bytes frees them too, but sets an error before.
fn is_read_from_unix(stream: &Stream) -> io::Result<bool> {
    if sys::queued_out(stream.as_fd())? > 0 {
        return Ok(false);
    }
    stream.take_error().map_or(Ok(true), Err)
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

    /// A connection whose first five bytes were for a proxy, and the proxy's end of it.
    fn through_a_proxy() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.write_all(b"proxy").unwrap();
        theirs.read_exact(&mut [0; 5]).unwrap();
        (Stream::from_socket(ours.into(), crate::io::sockopt::Family::V4), theirs)
    }

    #[test]
    fn proxy_that_has_read_proves_nothing() {
        let (mut stream, mut theirs) = through_a_proxy();
        stream.write_all(b"abc").unwrap();
        let now = Instant::now();
        let mut wait = BarrierWait::at_proxy(Barrier::PeerRead, 5, None, now);
        assert!(matches!(wait.check(&stream, 3, false, now).unwrap(), Check::Again(_)));
        theirs.read_exact(&mut [0; 3]).unwrap();
        let later = now + LAST_LOOK;
        assert_eq!(wait.check(&stream, 3, false, later).unwrap(), Check::Passed(BarrierOutcome::NotVisible));
        assert!(wait.is_blind());
        assert!(wait.not_visible(&stream).ends_with("waiting until the proxy has read instead"));
    }

    /// Five bytes have arrived and were read, but none of them is of the connection.
    #[test]
    fn bytes_for_the_proxy_do_not_count_as_arrived() {
        let (stream, _theirs) = through_a_proxy();
        let now = Instant::now();
        let peer = |wait: &mut BarrierWait| wait.peer(&stream).and_then(|peer| peer.received);
        let mut wait = BarrierWait::at_proxy(Barrier::PeerRead, 5, None, now);
        assert_eq!(peer(&mut wait), Some(5));
        assert!(!wait.has_received(&stream, 3) && wait.has_received(&stream, 0));
        let mut direct = BarrierWait::new(Barrier::PeerRead, None, now);
        assert!(direct.has_received(&stream, 3));
    }

    #[test]
    fn unix_peer_that_closes_has_not_read() {
        let (mut ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.write_all(b"abc").unwrap();
        let stream = Stream::from_socket(ours.try_clone().unwrap().into(), crate::io::sockopt::Family::Unix);
        let now = Instant::now();
        let mut wait = BarrierWait::new(Barrier::PeerRead, None, now);
        assert!(matches!(wait.check(&stream, 3, false, now).unwrap(), Check::Again(_)));
        theirs.read_exact(&mut [0; 2]).unwrap();
        assert!(
            matches!(wait.check(&stream, 3, false, now + LAST_LOOK).unwrap(), Check::Again(_)),
            "one byte is unread"
        );
        theirs.read_exact(&mut [0; 1]).unwrap();
        assert_eq!(wait.check(&stream, 3, false, now + 2 * LAST_LOOK).unwrap(), Check::Passed(BarrierOutcome::Read));
        ours.write_all(b"d").unwrap();
        drop(theirs);
        let closed = wait.check(&stream, 4, false, now + 3 * LAST_LOOK).unwrap_err();
        assert_eq!(closed.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn one_turn_of_the_loop_makes_one_look() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.write_all(b"abc").unwrap();
        let stream = Stream::from_socket(ours.into(), crate::io::sockopt::Family::V4);
        let now = Instant::now();
        let mut wait = BarrierWait::new(Barrier::PeerRead, None, now);
        let first = wait.check(&stream, 3, false, now).unwrap();
        assert!(matches!(first, Check::Again(_)));
        theirs.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(wait.check(&stream, 3, false, now).unwrap(), first);
        assert_eq!(wait.check(&stream, 3, false, now + FIRST_LOOK).unwrap(), Check::Passed(BarrierOutcome::Read));
    }
}
