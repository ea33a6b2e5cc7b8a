//! What a service only forwards: moved within the kernel where both ends allow, and read where they do not.

use std::io;
use std::time::Instant;

use super::super::peer::{Link, Peer, Stage};
use super::{Exchange, TURN, Why, peer_of};
use crate::io::splice::{self, Fault, Kind, Middle, Step, Way};
use crate::service::{Event, PeerId, Service};

/// Who says so much at a time is moved from socket to socket through a pipe. Less is moved sooner
/// by a read and a write, which are two calls where the pipe takes three.
pub(super) const PLENTY: usize = 16 * 1024;
/// Pipes that are kept for the next who needs one.
const SPARE: usize = 4;

impl<S: Service> Exchange<S> {
    /// Where what this peer says can be moved to without being read, and on which way.
    pub(super) fn passage(&self, id: PeerId) -> Option<(PeerId, Way)> {
        if !self.traits.forwards || self.recorder.is_on() || !self.service.wants(id) || !self.context.is_empty() {
            return None;
        }
        let may = |peer: &&Peer| peer.stage == Stage::Talking && peer.inbox.buffered() == 0 && !peer.barred;
        let peer = self.peer(id).filter(may)?;
        let to = self.service.sink(id);
        let (from, into) = (peer.link.input()?.kind, self.peer(to)?.link.output()?.kind);
        let worthwhile = peer.plenty || peer.middle.is_some() || (from, into) != (Kind::Socket, Kind::Socket);
        Way::between(from, into).filter(|_| worthwhile).map(|way| (to, way))
    }

    /// Moves what there is, or enough for one turn.
    pub(super) fn pass(&mut self, id: PeerId, to: PeerId, way: Way, now: Instant) {
        let mut sum = 0;
        for _ in 0..TURN {
            let step = match self.step(id, to, way) {
                Ok(step) => step,
                Err(Fault::From(error)) => return self.remove(id, Why::Failed(error)),
                Err(Fault::To(error)) => return self.fail_passage(to, error),
            };
            let (Some(peer), moved) = (peer_of(&mut self.peers, &mut self.console, id), step.moved()) else { return };
            sum += moved;
            peer.link.moved_in(step);
            peer.heard.bytes += moved as u64;
            if moved > 0 {
                peer.active = now;
            }
            peer.paused = step == Step::Full;
            let spent = peer.allowance.as_mut().is_some_and(|left| {
                *left = left.saturating_sub(moved);
                *left == 0
            });
            if to == PeerId::Console {
                self.shown += moved as u64;
            }
            if moved > 0 && id == PeerId::Console {
                self.service.on(Event::Moved { peer: id }, &mut self.context);
            }
            self.with(to, |sink| {
                sink.link.moved_out(step);
                if moved > 0 {
                    sink.active = now;
                }
            });
            match step {
                Step::Moved(_) if spent => return self.hear_last_word(id),
                Step::Moved(_) => {}
                Step::Starved => {
                    self.release(id, sum >= PLENTY);
                    return self.pause_for_breath(id, true);
                }
                Step::Full => return,
                Step::Ended => {
                    self.release(id, false);
                    return self.hear_end(id);
                }
                Step::Refused => {
                    self.with(id, |peer| peer.barred = true);
                    break;
                }
            }
        }
        self.reactor.again(id);
    }

    fn step(&mut self, id: PeerId, to: PeerId, way: Way) -> Result<Step, Fault> {
        let mut middle = peer_of(&mut self.peers, &mut self.console, id).and_then(|peer| peer.middle.take());
        if way == Way::Through && middle.is_none() {
            middle = self.spare.pop().or_else(|| Middle::new().ok());
            if middle.is_none() {
                return Ok(Step::Refused); // no descriptors, but bytes can still be copied
            }
        }
        let step = match (self.peer(id), self.peer(to)) {
            (Some(peer), Some(sink)) => match (peer.link.input(), sink.link.output(), &mut middle) {
                _ if !sink.link.readiness().1 => Ok(Step::Full),
                (Some(from), Some(into), Some(middle)) => middle.step(from, into),
                (Some(from), Some(into), None) => splice::step(from, into),
                _ => Ok(Step::Refused),
            },
            _ => Ok(Step::Refused),
        };
        self.with(id, |peer| peer.middle = middle);
        step
    }

    /// Takes the empty pipe away from a peer that has nothing to say for now: others may want it.
    fn release(&mut self, id: PeerId, plenty: bool) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        peer.plenty = plenty;
        self.spare.extend(peer.middle.take());
        self.spare.truncate(SPARE);
    }

    /// Hands the service, as messages, what stands in the pipe of a peer that can no longer be
    /// moved: it has been said, and would be lost with the pipe. It is no more than a pipe holds.
    pub(super) fn surface(&mut self, id: PeerId) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        let Some(mut middle) = peer.middle.take() else { return };
        // Reading from a pipe of one's own does not fail.
        while let Ok(n @ 1..) = middle.take(&mut self.scratch) {
            self.service.on(Event::Message { peer: id, bytes: &self.scratch[..n] }, &mut self.context);
        }
    }

    /// A sink takes no more. A stdout that nobody reads is no failure.
    fn fail_passage(&mut self, to: PeerId, error: io::Error) {
        match self.peer_mut(to).map(|sink| &mut sink.link) {
            Some(Link::Console(console)) if error.kind() == io::ErrorKind::BrokenPipe => console.closed = true,
            _ => self.fail_write(to, error),
        }
    }
}
