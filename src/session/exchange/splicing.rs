//! Bytes that a service only forwards: moved within the kernel where both descriptors allow that.

use std::io;
use std::time::Instant;

use super::super::peer::Peer;
use super::Exchange;
use super::peers::Peers;
use crate::io::splice::{self, Fault, SplicePipe, Step, Way};
use crate::peer::flow::READS_PER_TURN;
use crate::peer::life::Input;
use crate::service::{Event, PeerId, Service};

/// The number of empty pipes that are kept for the next peer that needs one.
const SPARE: usize = 4;

/// The pipes through which bytes are spliced.
#[derive(Debug, Default)]
pub(super) struct Splicer {
    spare: Vec<SplicePipe>,
}

/// How the splices of one turn ended.
#[derive(Debug)]
pub(super) enum Spliced {
    /// There may be more to move.
    More,
    /// Nothing more is ready.
    Starved,
    /// The sink takes no more now.
    Full,
    /// The source has ended.
    Ended,
    /// The source cannot be read.
    SourceFailed(io::Error),
    /// The sink cannot be written to.
    SinkFailed(io::Error),
}

impl Splicer {
    /// Moves what is ready from one peer to another, or enough for one turn. Returns the number of bytes too.
    pub(super) fn splice(
        &mut self,
        peers: &mut Peers,
        (from, to, way): (PeerId, PeerId, Way),
        now: Instant,
    ) -> (usize, Spliced) {
        let limit = peers.get(from).and_then(Peer::drains).unwrap_or(usize::MAX);
        let mut sum = 0;
        for _ in 0..READS_PER_TURN {
            let step = match self.step(peers, from, to, way) {
                Ok(step) => step,
                Err(Fault::From(error)) => return (sum, Spliced::SourceFailed(error)),
                Err(Fault::To(error)) => return (sum, Spliced::SinkFailed(error)),
            };
            sum += step.moved();
            peers.note_splice(from, to, step, now);
            match step {
                Step::Moved(_) if sum >= limit => break,
                Step::Moved(_) => {}
                Step::Full => return (sum, Spliced::Full),
                Step::Starved => {
                    self.release(peers, from, sum);
                    return (sum, Spliced::Starved);
                }
                Step::Ended => {
                    self.release(peers, from, 0);
                    return (sum, Spliced::Ended);
                }
                Step::Refused => {
                    if let Some(source) = peers.get_mut(from) {
                        source.flow.forbid_splice();
                    }
                    break;
                }
            }
        }
        (sum, Spliced::More)
    }

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
    fn release(&mut self, peers: &mut Peers, id: PeerId, moved: usize) {
        let Some(peer) = peers.get_mut(id) else { return };
        peer.flow.note_moved(moved);
        self.spare.extend(peer.pipe.take());
        self.spare.truncate(SPARE);
    }
}

impl<S: Service> Exchange<S> {
    /// Where the bytes of a peer can be spliced to, and how. What is recorded has to be read.
    pub(super) fn splice_route(&self, id: PeerId) -> Option<(PeerId, PeerId, Way)> {
        if self.recorder.is_on() || !self.hosted.context.is_empty() { None } else { self.routes().splice(id) }
    }

    /// Splices what is ready, or enough for one turn.
    pub(super) fn splice(&mut self, id: PeerId, route: (PeerId, PeerId, Way)) {
        let (moved, spliced) = self.splicer.splice(&mut self.peers, route, self.reactor.now());
        if moved > 0 {
            self.on(id, Input::Received(moved));
            if id == PeerId::Console {
                self.hosted.on(Event::Moved { peer: id });
            }
        }
        match spliced {
            _ if self.is_drained(id) => self.end_drain(id),
            Spliced::More => self.reactor.again(id),
            Spliced::Starved => self.end_burst(id, true),
            Spliced::Full => {}
            Spliced::Ended => self.on_peer_end(id),
            Spliced::SourceFailed(error) => self.fail(id, error),
            Spliced::SinkFailed(error) => self.peers.fail_write(route.1, error, 0, &mut self.reactor),
        }
    }

    /// Gives the service, as messages, what is in the pipe of a peer whose bytes can no longer be spliced: it would
    /// be lost with the pipe. It is at most what a pipe holds.
    pub(super) fn empty_pipe(&mut self, id: PeerId) {
        if let Some(pipe) = self.peers.get_mut(id).and_then(|peer| peer.pipe.take()) {
            self.hosted.dispatch_pipe(id, pipe, &mut self.scratch);
        }
    }
}
