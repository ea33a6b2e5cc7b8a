//! How an exchange closes its connections: in order, at shutdown, or at once.

use std::io;

use super::super::peer::Peer;
use super::{Exchange, Leftover};
use crate::frame::FrameError;
use crate::io::conn::Conn;
use crate::io::reactor::{Behind, Ready};
use crate::peer::life::{AfterDrain, CloseReason, Input};
use crate::service::{Event, OnShutdown, PeerId, Service};

/// How much of what has arrived from one peer is still processed at shutdown: more than the kernel can hold
/// (`tcp_rmem`, tcp(7)), and a limit for a peer that does not stop sending.
const DRAIN_LIMIT: usize = 16 * 1024 * 1024;
/// How often a peer is still offered output, or stdin is still forwarded, at shutdown: more than the kernel can
/// hold (`tcp_wmem`, tcp(7)).
const LAST_PORTIONS: usize = 64;

impl<S: Service> Exchange<S> {
    /// Closes all connections in order. What has arrived is answered first.
    pub(in crate::session) fn shut_down(&mut self) {
        for id in self.peers.ids() {
            if self.openings.contains(id) {
                self.drop_one(id);
                continue;
            }
            if self.hosted.service.on_shutdown(id) == OnShutdown::KeepReading {
                continue;
            }
            // A peer whose data is incomplete gets more, as long as the kernel takes it at once.
            for _ in 0..LAST_PORTIONS {
                if self.hosted.service.on_shutdown(id) != OnShutdown::Abort {
                    break;
                }
                self.offer_room(id);
            }
            self.on(id, Input::Shutdown { limit: DRAIN_LIMIT });
            self.read_now(id);
        }
    }

    /// Forwards what can be read from stdin now, as far as it is taken at once. False: there is more.
    pub(in crate::session) fn forward_last_input(&mut self) -> bool {
        for _ in 0..LAST_PORTIONS {
            if !self.has_last_input() {
                return true;
            }
            self.read_now(PeerId::Console);
        }
        false
    }

    /// Whether bytes of stdin are still to be forwarded before the end of the session: they are ready, or were
    /// read and not taken yet.
    pub(in crate::session) fn has_last_input(&self) -> bool {
        self.routes().has_last_input()
    }

    /// Gives a peer its turn: bytes that have arrived since the kernel was last asked count too.
    pub(in crate::session) fn read_now(&mut self, id: PeerId) {
        self.serve(Ready { key: id.into(), readable: true, writable: false, behind: Behind::Nothing });
    }

    /// Closes all connections at once, because the time for an orderly end is over. A connection that has not got
    /// everything is reset.
    pub(in crate::session) fn drop_all(&mut self) {
        let ids = self.peers.ids();
        // All are asked first: a relayed connection is incomplete while its partner holds bytes for it.
        let incomplete: Vec<_> = ids.iter().copied().filter(|&id| self.routes().is_incomplete(id)).collect();
        for id in incomplete {
            self.on(id, Input::AbortByShutdown);
        }
        for id in ids {
            self.drop_one(id);
        }
    }

    /// Closes all connections at once with a reset, because this side has failed.
    pub(in crate::session) fn abort_all(&mut self) {
        self.peers.ids().into_iter().for_each(|id| self.on(id, Input::Abort));
        self.report_removed();
    }

    /// stdout has no reader any more: each connection is closed if everything received was taken, and reset if not.
    pub(in crate::session) fn end_without_output(&mut self) {
        for id in self.peers.ids() {
            let has_ended = |conn: &Conn| conn.life().has_peer_ended();
            let is_received = self.peers.conn(id).is_some_and(has_ended)
                && self.peers.get(id).is_some_and(|peer| peer.pipe.is_none());
            if is_received { self.drop_one(id) } else { self.on(id, Input::Abort) }
        }
        self.report_removed();
    }

    /// The shutdown aborts a connection, because the peer will not get everything.
    pub(in crate::session) fn abort_by_shutdown(&mut self, id: PeerId) {
        self.on(id, Input::AbortByShutdown);
        self.report_removed();
    }

    /// Closes a connection at once: with a reset if bytes are still queued for it.
    pub(in crate::session) fn drop_one(&mut self, id: PeerId) {
        let unsent = self.peers.backlog(id);
        self.on(id, Input::Drop { unsent });
        self.report_removed();
    }

    /// Writes what the console still holds back.
    pub(in crate::session) fn end_output(&mut self) {
        if let Some(Err(error)) = self.peers.console_mut().map(crate::io::console::Console::end) {
            self.peers.remove_console(CloseReason::Unwritable(error), &self.reactor);
            self.report_removed();
        }
    }

    /// Closes a connection in order, without waiting for the peer's end.
    pub(in crate::session) fn close_now(&mut self, id: PeerId) {
        self.begin_close(id, Input::CloseNow);
        self.report_removed();
        self.reactor.again(id);
    }

    /// Begins to close a connection in order.
    pub(super) fn begin_close(&mut self, id: PeerId, how: Input) {
        self.empty_pipe(id);
        self.on(id, how);
    }

    /// Whether no more received bytes of a peer are processed at shutdown.
    pub(super) fn is_drained(&self, id: PeerId) -> bool {
        match self.peers.get(id).and_then(Peer::drains) {
            Some(0) => true,
            Some(_) => self.hosted.service.on_shutdown(id) == OnShutdown::CloseUnread,
            None => false,
        }
    }

    /// What had arrived from a peer before the shutdown is processed.
    pub(super) fn end_drain(&mut self, id: PeerId) {
        let then = match self.hosted.service.on_shutdown(id) {
            OnShutdown::TreatAsEof => AfterDrain::TreatAsEof,
            OnShutdown::Abort => AfterDrain::Abort,
            OnShutdown::Close | OnShutdown::CloseUnread | OnShutdown::KeepReading => AfterDrain::Close,
        };
        if then == AfterDrain::TreatAsEof {
            self.on(id, Input::Drained(then));
            return self.hosted.on(Event::Eof { peer: id });
        }
        self.begin_close(id, Input::Drained(then));
        self.reactor.again(id);
    }

    /// The peer has closed its side.
    pub(super) fn on_peer_end(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if let Err(error) = self.hosted.dispatch_last(id, peer, &self.recorder) {
            return self.refuse(id, error);
        }
        if id != PeerId::Console {
            if peer.is_broken() {
                return self.on(id, Input::Turn); // neither side has anything more for the other
            }
            peer.link.end_group();
            let goes_to_console = self.hosted.service.sink(id) == PeerId::Console;
            self.peers.note_end(id, goes_to_console, self.reactor.now());
        }
        self.hosted.on(Event::Eof { peer: id });
    }

    /// The received bytes are invalid. The service may reply; a peer that it does not close is closed here.
    pub(super) fn refuse(&mut self, id: PeerId, error: FrameError) {
        if id == PeerId::Console {
            return self.peers.remove_console(CloseReason::Garbled(error), &self.reactor);
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        if !self.hosted.refuse(id, peer, &error) {
            self.on(id, Input::Garbled(error));
        }
    }

    /// Reading has failed, or the connection is to count as failed.
    pub(super) fn fail(&mut self, id: PeerId, error: io::Error) {
        self.peers.fail(id, error, &mut self.reactor);
    }

    /// What a peer has sent and stdout has not taken.
    pub(in crate::session) fn leftover(&mut self, from: PeerId) -> Leftover {
        self.empty_pipe(from);
        self.apply();
        let peer = self.peers.get(from).filter(|_| from != PeerId::Console);
        let kept = peer.map_or(0, |peer| peer.inbox.buffered());
        let more = peer.is_some_and(|peer| peer.flow.is_paused() && peer.link.readiness().0);
        Leftover { held: self.peers.backlog(PeerId::Console) + kept, more }
    }
}
