//! Where the input of each peer goes, and what keeps it from going there.

use std::time::{Duration, Instant};

use super::super::peer::{Link, Peer};
use super::peers::Peers;
use crate::io::splice::{FdKind, Way};
use crate::peer::flow::{Idleness, room};
use crate::peer::life::{CloseReason, Life};
use crate::service::{OnShutdown, PeerId, Service, Traits};

/// The peers, and the service that knows the sink of each: the peer that gets the output for its input.
pub(super) struct Routes<'a, S> {
    pub(super) peers: &'a Peers,
    pub(super) service: &'a S,
    pub(super) traits: Traits,
    /// The transcript waits for the disk, and no further message is received.
    pub(super) is_full: bool,
}

impl<S: Service> Routes<'_, S> {
    /// The sink of a peer's input.
    fn sink(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(self.service.sink(id))
    }

    /// Whether the sink of a peer's input takes nothing more. The input is then not read, because what was read
    /// would be lost.
    fn is_stuck(&self, id: PeerId) -> bool {
        self.traits.forwards && self.sink(id).is_some_and(Peer::is_broken)
    }

    /// The number of bytes that may be queued for the sink of a peer before reading stops.
    pub(super) fn room(&self, id: PeerId) -> usize {
        if self.is_stuck(id) { 0 } else { room(self.peers.backlog(self.service.sink(id))) }
    }

    /// Whether reading from a peer was paused, and the cause of the pause is gone.
    pub(super) fn may_resume(&self, id: PeerId) -> bool {
        let is_paused = self.peers.get(id).is_some_and(|peer| peer.flow.is_paused() && peer.is_processing());
        is_paused
            && !self.is_full
            && self.service.wants(id)
            && !self.is_stuck(id)
            && self.sink(id).is_none_or(|sink| sink.as_sink().has_room())
    }

    /// Where the bytes of a peer can be spliced to, and how.
    pub(super) fn splice(&self, id: PeerId) -> Option<(PeerId, PeerId, Way)> {
        let peer = self.peers.get(id)?;
        let may_splice = peer.is_processing() && peer.inbox.buffered() == 0 && peer.flow.may_splice();
        if !may_splice || !self.service.wants(id) {
            return None;
        }
        let (from, into) = (peer.link.input()?.kind, self.sink(id)?.link.output()?.kind);
        let pays = peer.flow.is_bulk() || peer.pipe.is_some() || (from, into) != (FdKind::Socket, FdKind::Socket);
        Way::between(from, into).filter(|_| pays).map(|way| (id, self.service.sink(id), way))
    }

    /// Whether the idle time of a peer is over. A connection that only waits for the peer's end has a limit of its own.
    pub(super) fn idleness(&self, id: PeerId, limit: Duration, now: Instant) -> Idleness {
        let is_lingering = |peer: &&Peer| peer.link.life().is_some_and(Life::is_lingering);
        let Some(peer) = self.peers.get(id).filter(|peer| !is_lingering(peer)) else { return Idleness::Never };
        let held_back = peer.flow.is_paused() && peer.is_processing();
        peer.flow.idleness(limit, self.sink(id).filter(|_| held_back).map(|sink| sink.flow), now)
    }

    /// Whether bytes of stdin are still to be forwarded before the end of the session: they are ready, or were read
    /// and not taken yet.
    pub(super) fn has_last_input(&self) -> bool {
        if !self.traits.forwards || !self.service.wants(PeerId::Console) {
            return false;
        }
        let Some(sink) = self.sink(PeerId::Console) else { return false };
        let has_input = || match self.peers.get(PeerId::Console) {
            Some(peer @ Peer { link: Link::Console(console), .. }) => peer.holds_input() || console.has_input(),
            _ => false,
        };
        sink.link.backlog() > 0 || (sink.link.is_open() && has_input())
    }

    /// Whether a connection would not get everything that is there for it, or that it has asked for, if it ended
    /// now.
    pub(super) fn is_incomplete(&self, id: PeerId) -> bool {
        let Some(peer) = self.peers.get(id) else { return false };
        let source = self.service.sink(id); // in a pair, each is the sink of the other
        let source = self.peers.get(source).filter(|_| self.traits.forwards && self.service.sink(source) == id);
        self.service.on_shutdown(id) == OnShutdown::Abort
            || peer.drains().is_some()
            || peer.link.backlog() > 0
            || source.is_some_and(|source| source.holds_input() || source.flow.is_paused())
    }

    /// Whether a connection that is closed for its idleness has lost something.
    pub(super) fn is_incomplete_when_idle(&self, id: PeerId, now: Instant) -> bool {
        let loses = || self.peers.delivery(id, now).loss("", &CloseReason::Idle).is_some();
        self.is_incomplete(id) && (self.peers.ack_timeout.is_none() || loses())
    }
}
