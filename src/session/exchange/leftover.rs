//! What an exchange has not passed on to stdout when its time is over.

use std::time::Instant;

use super::Exchange;
use crate::service::{PeerId, Service};

/// Bytes that somebody has sent and stdout has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Leftover {
    /// They have been read, and are held here.
    pub(in crate::session) held: usize,
    /// There are others that have not been read.
    pub(in crate::session) more: bool,
}

impl<S: Service> Exchange<S> {
    /// What a peer has sent and stdout has not taken by now.
    pub(in crate::session) fn leftover(&mut self, from: PeerId, now: Instant) -> Leftover {
        self.surface(from);
        self.apply(now);
        let peer = self.peer(from).filter(|_| from != PeerId::Console);
        let kept = peer.map_or(0, |peer| peer.inbox.buffered());
        let more = peer.is_some_and(|peer| peer.paused && peer.link.readiness().0);
        Leftover { held: self.backlog(PeerId::Console) + kept, more }
    }
}
