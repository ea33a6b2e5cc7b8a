//! How an exchange closes its connections: in order, at shutdown, or at once.

use std::io;
use std::time::{Duration, Instant};

use super::super::account::Account;
use super::super::peer::{Link, Peer, note_received};
use super::{Delivery, Ended, Exchange, READS_PER_TURN};
use crate::frame::FrameError;
use crate::io::Incoming;
use crate::io::conn::Conn;
use crate::io::reactor::{Behind, Ready};
use crate::peer::life::{Acknowledged, AfterDrain, CloseReason, Input, Life};
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
            if self.service.on_shutdown(id) == OnShutdown::KeepReading {
                continue;
            }
            // What it is owed, as far as the kernel takes it at once.
            for _ in 0..LAST_PORTIONS {
                if self.service.on_shutdown(id) != OnShutdown::Abort {
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
        if !self.traits.forwards || !self.service.wants(PeerId::Console) {
            return false;
        }
        let Some(sink) = self.peers.get(self.service.sink(PeerId::Console)) else { return false };
        let has_input = || match self.peers.get(PeerId::Console) {
            Some(peer @ Peer { link: Link::Console(console), .. }) => peer.holds_input() || console.has_input(),
            _ => false,
        };
        sink.link.backlog() > 0 || (sink.link.is_open() && has_input())
    }

    /// Gives a peer its turn: bytes that have arrived since the kernel was last asked count too.
    fn read_now(&mut self, id: PeerId) {
        self.serve(Ready { key: id.into(), readable: true, writable: false, behind: Behind::Nothing });
    }

    /// Closes all connections at once, because the time for an orderly end is over. A connection that has not got
    /// everything is reset.
    pub(in crate::session) fn drop_all(&mut self) {
        let ids = self.peers.ids();
        // All are asked first: a relayed connection is incomplete while its partner holds bytes for it.
        let incomplete: Vec<_> = ids.iter().copied().filter(|&id| self.is_incomplete(id)).collect();
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
    }

    /// stdout has no reader any more: each connection is closed if everything received was taken, and reset if not.
    pub(in crate::session) fn end_without_output(&mut self) {
        for id in self.peers.ids() {
            let has_ended = |conn: &Conn| conn.life().has_peer_ended();
            let is_received = self.peers.conn(id).is_some_and(has_ended)
                && self.peers.get(id).is_some_and(|peer| peer.pipe.is_none());
            if is_received { self.drop_one(id) } else { self.on(id, Input::Abort) }
        }
    }

    /// Closes a connection at once: with a reset if bytes are still queued for it.
    pub(in crate::session) fn drop_one(&mut self, id: PeerId) {
        let unsent = self.peers.backlog(id);
        self.on(id, Input::Drop { unsent });
    }

    /// Writes what the console still holds back.
    pub(in crate::session) fn end_output(&mut self) {
        if let Some(Err(error)) = self.peers.console_mut().map(crate::io::console::Console::end) {
            self.remove_console(CloseReason::Unwritable(error));
        }
    }

    /// Closes a connection in order, without waiting for the peer's end.
    pub(in crate::session) fn close_now(&mut self, id: PeerId) {
        self.begin_close(id, Input::CloseNow);
        self.reactor.again(id);
    }

    /// Begins to close a connection in order.
    pub(super) fn begin_close(&mut self, id: PeerId, how: Input) {
        self.empty_pipe(id);
        self.on(id, how);
    }

    /// Whether a connection would not get everything that is there for it, or that it has asked for, if it ended
    /// now.
    fn is_incomplete(&self, id: PeerId) -> bool {
        let Some(peer) = self.peers.get(id) else { return false };
        let source = self.service.sink(id); // in a pair, each is the sink of the other
        let source = self.peers.get(source).filter(|_| self.traits.forwards && self.service.sink(source) == id);
        self.service.on_shutdown(id) == OnShutdown::Abort
            || peer.drains().is_some()
            || peer.link.backlog() > 0
            || source.is_some_and(|source| source.holds_input() || source.flow.is_paused())
    }

    /// Whether a connection that is closed for its idleness has lost something.
    pub(super) fn is_incomplete_when_idle(&self, id: PeerId) -> bool {
        let loses = || self.delivery(id).loss("", &CloseReason::Idle).is_some();
        self.is_incomplete(id) && (self.ack_timeout.is_none() || loses())
    }

    /// Counts received bytes at shutdown; whether no more are processed.
    pub(super) fn drain(&mut self, id: PeerId, bytes: usize) -> bool {
        self.on(id, Input::Received(bytes));
        self.peers.get(id).and_then(Peer::drains) == Some(0)
    }

    /// What had arrived from a peer before the shutdown is processed.
    pub(super) fn end_drain(&mut self, id: PeerId) {
        let then = match self.service.on_shutdown(id) {
            OnShutdown::TreatAsEof => AfterDrain::TreatAsEof,
            OnShutdown::Abort => AfterDrain::Abort,
            OnShutdown::Close | OnShutdown::KeepReading => AfterDrain::Close,
        };
        if then == AfterDrain::TreatAsEof {
            self.on(id, Input::Drained(then));
            return self.service.on(Event::Eof { peer: id }, &mut self.context);
        }
        self.begin_close(id, Input::Drained(then));
        self.reactor.again(id);
    }

    /// The peer has closed its side.
    pub(super) fn on_peer_end(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        let is_whole = peer.inbox.ends_with_stream();
        loop {
            match peer.inbox.finish() {
                Ok(Some(message)) => {
                    note_received(&peer.link, &mut peer.received, message.wire, &self.recorder);
                    let bytes = &message.body;
                    let event =
                        if is_whole { Event::Message { peer: id, bytes } } else { Event::Rest { peer: id, bytes } };
                    self.service.on(event, &mut self.context);
                }
                Ok(None) => break,
                Err(error) => return self.refuse(id, error),
            }
        }
        if id != PeerId::Console {
            if peer.is_broken() {
                return self.on(id, Input::Turn); // neither side has anything more for the other
            }
            peer.link.end_group();
            self.note_peer_end(id);
        }
        self.service.on(Event::Eof { peer: id }, &mut self.context);
    }

    /// The received bytes are invalid. The service may reply; a peer that it does not close is closed here.
    pub(super) fn refuse(&mut self, id: PeerId, error: FrameError) {
        if id == PeerId::Console {
            return self.remove_console(CloseReason::Garbled(error));
        }
        if self.peers.get_mut(id).is_some_and(|peer| peer.inbox.take_expectation()) {
            self.service.on(Event::Expects { peer: id }, &mut self.context); // as if the rest had come later
        }
        if let FrameError::TooLong { .. } = error {
            return self.service.on(Event::TooLong { peer: id }, &mut self.context);
        }
        self.service.on(Event::Malformed { peer: id, error: &error }, &mut self.context);
        if !self.context.closes(id) {
            self.on(id, Input::Garbled(error));
        }
    }

    /// A write has failed: the peer takes nothing more. Bytes that it sent before can still be read, perhaps with
    /// the reason.
    pub(super) fn fail_write(&mut self, id: PeerId, error: io::Error, unsent: u64) {
        let at = self.at();
        let Some(conn) = self.peers.conn_mut(id) else { return self.remove_console(CloseReason::Unwritable(error)) };
        let turn = conn.fail_write(error, unsent, at);
        self.reactor.again(id);
        self.follow(id, turn);
    }

    /// Reading has failed, or the connection is to count as failed.
    pub(super) fn fail(&mut self, id: PeerId, error: io::Error) {
        match id {
            PeerId::Conn(_) => self.on(id, Input::Failed(error)),
            PeerId::Console => self.remove_console(CloseReason::Failed(error)),
        }
    }

    /// Drives a connection that is being closed: its end is sent when everything is written, and it is closed when
    /// both ends are there or the time is over.
    pub(super) fn drive(&mut self, id: PeerId) {
        let at = self.at();
        let Some(conn) = self.peers.conn_mut(id) else { return };
        let turn = conn.drive(at);
        self.follow(id, turn);
    }

    /// Reads and discards, because closing with unread bytes would reset the connection and destroy what was sent.
    pub(super) fn discard(&mut self, id: PeerId) {
        let now = self.reactor.now();
        for reads in 0..=READS_PER_TURN {
            let Some(peer) = self.peers.get_mut(id) else { return };
            if reads == READS_PER_TURN {
                self.reactor.again(id);
                break;
            }
            match peer.link.read(&mut self.scratch, now) {
                Ok(Incoming::Bytes(n)) => self.on(id, Input::Received(n)),
                Ok(Incoming::Undecoded) => {}
                Ok(Incoming::Until(at)) => {
                    self.reactor.wake_at(id, at);
                    break;
                }
                Ok(Incoming::Eof | Incoming::Blocked) => break,
                Err(error) => {
                    self.on(id, Input::Failed(error));
                    break;
                }
            }
        }
        if self.is_layered(id) {
            self.flush_layer(id);
        }
        self.drive(id);
        let is_writing = |life: &Life| !life.is_lingering();
        if self.peers.conn(id).is_some_and(|conn| is_writing(conn.life())) {
            self.check_idleness(id);
        }
    }

    /// When to ask again whether an open connection has taken and acknowledged everything; `None` when it has.
    ///
    /// # Errors
    /// The connection was reset, or nothing more was acknowledged within this time.
    pub(in crate::session) fn await_acknowledgements(
        &mut self,
        id: PeerId,
        limit: Duration,
    ) -> Result<Option<Instant>, CloseReason> {
        let now = self.reactor.now();
        let Some(conn) = self.peers.conn_mut(id) else { return Ok(None) };
        match conn.await_acknowledgements(limit, now).map_err(CloseReason::Failed)? {
            Acknowledged::All => Ok(None),
            Acknowledged::AskAt(at) => Ok(Some(at)),
            Acknowledged::TimedOut => Err(CloseReason::Unacknowledged),
        }
    }

    /// The figures of the connections that have not ended.
    pub(in crate::session) fn accounts(&self) -> impl Iterator<Item = Account> + '_ {
        let now = self.reactor.now();
        self.peers.iter().filter_map(move |peer| Account::of(peer, now))
    }

    /// Removes a connection whose life has ended.
    pub(super) fn remove(&mut self, id: PeerId) {
        let delivery = self.delivery(id);
        self.empty_pipe(id);
        let Some(peer) = self.peers.remove(id) else { return };
        let account = Account::of(&peer, self.reactor.now());
        self.dials.retain(|&client| client != id);
        let is_unknown = self.openings.remove(id);
        let Link::Conn(conn) = peer.link else { return };
        let (name, aborted, resets) =
            (conn.peer().to_owned(), conn.life().is_aborted_by_shutdown(), conn.life().resets());
        self.aborted += usize::from(aborted);
        let reason = match (conn.close(&self.reactor), peer.inbox.failure()) {
            (CloseReason::Done, Some(error)) => CloseReason::Garbled(error.clone()),
            (reason, _) => reason,
        };
        let failed = match reason {
            CloseReason::Failed(_) => true,
            CloseReason::Idle => resets,
            _ => false,
        };
        self.ended.push(Ended { id, name, reason, aborted, unfinished: peer.inbox.into_held(), delivery, account });
        if is_unknown {
            return; // the service does not know it
        }
        if failed {
            self.service.on(Event::Failed { peer: id }, &mut self.context);
        }
        self.service.on(Event::Closed { peer: id }, &mut self.context);
    }

    fn remove_console(&mut self, reason: CloseReason) {
        if self.peers.remove(PeerId::Console).is_some() {
            self.ended.push(Ended {
                id: PeerId::Console,
                name: "console".to_owned(),
                reason,
                aborted: false,
                unfinished: Vec::new(),
                account: None,
                delivery: Delivery::default(),
            });
            self.service.on(Event::Closed { peer: PeerId::Console }, &mut self.context);
        }
    }
}
