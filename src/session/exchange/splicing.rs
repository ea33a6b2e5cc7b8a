//! Bytes that a service only forwards: moved within the kernel where both descriptors allow that.

use std::io;

use super::super::peer::Link;
use super::peers::Peers;
use super::{Exchange, READS_PER_TURN};
use crate::io::splice::{self, Fault, FdKind, SplicePipe, Step, Way};
use crate::peer::life::Input;
use crate::service::{Event, PeerId, Service};

/// The number of empty pipes that are kept for the next peer that needs one.
const SPARE: usize = 4;

/// The pipes through which bytes are spliced.
#[derive(Debug, Default)]
pub(super) struct Splicer {
    spare: Vec<SplicePipe>,
}

impl Splicer {
    /// Moves bytes from one peer to another with one call.
    fn step(&mut self, peers: &mut Peers, from: PeerId, to: PeerId, way: Way) -> Result<Step, Fault> {
        let mut pipe = peers.get_mut(from).and_then(|peer| peer.pipe.take());
        if way == Way::Through && pipe.is_none() {
            pipe = self.spare.pop().or_else(|| SplicePipe::new().ok());
            if pipe.is_none() {
                return Ok(Step::Refused); // out of descriptors: bytes can still be copied
            }
        }
        let step = match (peers.get(from), peers.get(to)) {
            (Some(source), Some(sink)) => match (source.link.input(), sink.link.output(), &mut pipe) {
                _ if !sink.link.readiness().1 => Ok(Step::Full),
                (Some(from), Some(into), Some(pipe)) => pipe.step(from, into),
                (Some(from), Some(into), None) => splice::step(from, into),
                _ => Ok(Step::Refused),
            },
            _ => Ok(Step::Refused),
        };
        if let Some(source) = peers.get_mut(from) {
            source.pipe = pipe;
        }
        step
    }

    /// Takes the empty pipe of a peer that sends nothing now.
    fn release(&mut self, pipe: Option<SplicePipe>) {
        self.spare.extend(pipe);
        self.spare.truncate(SPARE);
    }
}

impl<S: Service> Exchange<S> {
    /// Where the bytes of this peer can be spliced to, and how.
    pub(super) fn splice_route(&self, id: PeerId) -> Option<(PeerId, Way)> {
        if !self.traits.forwards || self.recorder.is_on() || !self.service.wants(id) || !self.context.is_empty() {
            return None;
        }
        let peer = self.peers.get(id)?;
        if !peer.is_processing() || peer.inbox.buffered() > 0 || !peer.flow.may_splice() {
            return None;
        }
        let to = self.service.sink(id);
        let (from, into) = (peer.link.input()?.kind, self.peers.get(to)?.link.output()?.kind);
        let pays = peer.flow.is_bulk() || peer.pipe.is_some() || (from, into) != (FdKind::Socket, FdKind::Socket);
        Way::between(from, into).filter(|_| pays).map(|way| (to, way))
    }

    /// Splices what is ready, or enough for one turn.
    pub(super) fn splice(&mut self, id: PeerId, to: PeerId, way: Way) {
        let mut sum = 0;
        for _ in 0..READS_PER_TURN {
            let step = match self.splicer.step(&mut self.peers, id, to, way) {
                Ok(step) => step,
                Err(Fault::From(error)) => return self.fail(id, error),
                Err(Fault::To(error)) => return self.fail_sink(to, error),
            };
            sum += step.moved();
            if !self.note_splice(id, to, step) {
                return;
            }
            match step {
                Step::Moved(_) if self.peers.get(id).and_then(super::Peer::drains) == Some(0) => {
                    return self.end_drain(id);
                }
                Step::Moved(_) => {}
                Step::Starved => {
                    self.release_pipe(id, sum);
                    return self.end_burst(id, true);
                }
                Step::Full => return,
                Step::Ended => {
                    self.release_pipe(id, 0);
                    return self.on_peer_end(id);
                }
                Step::Refused => {
                    if let Some(peer) = self.peers.get_mut(id) {
                        peer.flow.forbid_splice();
                    }
                    break;
                }
            }
        }
        self.reactor.again(id);
    }

    /// Notes the result of one splice at both peers; false: the source is gone.
    fn note_splice(&mut self, id: PeerId, to: PeerId, step: Step) -> bool {
        let (now, moved) = (self.reactor.now(), step.moved());
        let Some(peer) = self.peers.get_mut(id) else { return false };
        peer.link.moved_in(step);
        peer.received.bytes += moved as u64;
        peer.flow.pause(step == Step::Full);
        let drains = peer.drains().is_some();
        if moved > 0 {
            peer.flow.note_activity(now);
        }
        if let Some(sink) = self.peers.get_mut(to) {
            sink.link.moved_out(step);
            if moved > 0 {
                sink.flow.note_activity(now);
            }
        }
        if to == PeerId::Console {
            self.shown += moved as u64;
        }
        if drains {
            self.on(id, Input::Received(moved));
        }
        if moved > 0 && id == PeerId::Console {
            self.service.on(Event::Moved { peer: id }, &mut self.context);
        }
        true
    }

    fn release_pipe(&mut self, id: PeerId, moved: usize) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.flow.note_moved(moved);
            self.splicer.release(peer.pipe.take());
        }
    }

    /// Gives the service, as messages, what is in the pipe of a peer whose bytes can no longer be spliced: it would
    /// be lost with the pipe. It is at most what a pipe holds.
    pub(super) fn empty_pipe(&mut self, id: PeerId) {
        let Some(mut pipe) = self.peers.get_mut(id).and_then(|peer| peer.pipe.take()) else { return };
        // Reading from our own pipe does not fail.
        while let Ok(n @ 1..) = pipe.take(&mut self.scratch) {
            self.service.on(Event::Message { peer: id, bytes: &self.scratch[..n] }, &mut self.context);
        }
    }

    /// A sink takes nothing more. A stdout without a reader is no failure.
    fn fail_sink(&mut self, to: PeerId, error: io::Error) {
        match self.peers.get_mut(to).map(|sink| &mut sink.link) {
            Some(Link::Console(console)) if error.kind() == io::ErrorKind::BrokenPipe => console.closed = true,
            _ => self.fail_write(to, error, 0),
        }
    }
}
