//! The peers of an exchange: the connections by their numbers, and the console. What is sent to one of them, and how
//! it ends, is carried out here, without the service.

use std::io;
use std::time::{Duration, Instant};

use slab::Slab;

use super::super::account::Account;
use super::super::peer::{Link, Peer};
use super::{Delivery, Ended};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::{Conn, Turn};
use crate::io::console::Console;
use crate::io::key::Key;
use crate::io::reactor::Reactor;
use crate::io::recorder::Recorder;
use crate::io::splice::{SplicePipe, Step};
use crate::io::transcript::Recorded;
use crate::io::{Flush, Incoming};
use crate::peer::flow::{READS_PER_TURN, SHED};
use crate::peer::life::{At, CloseReason, Input};
use crate::service::{PeerId, Traits};

/// How long the peer's end is waited for after everything was sent.
const LINGER: Duration = Duration::from_secs(1);

/// The peers of an exchange.
#[derive(Debug)]
pub(in crate::session) struct Peers {
    conns: Slab<Peer>,
    console: Option<Peer>,
    /// The number of connections that were made for clients of a relay.
    made: usize,
    traits: Traits,
    /// How long a connection that is being closed waits for acknowledgements; `None` does not wait.
    pub(in crate::session) ack_timeout: Option<Duration>,
    /// The number of bytes sent to the console.
    pub(in crate::session) shown: u64,
    /// A peer whose bytes go to stdout has ended, and the service waits until stdout has taken them.
    owes_drained: bool,
    /// The peers that have ended, and that the service does not know of yet.
    removed: Vec<Removed>,
}

/// A peer that has ended.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) ended: Ended,
    /// The pipe with bytes that it had sent.
    pub(super) pipe: Option<SplicePipe>,
}

impl Peers {
    /// No peers yet, of a service with these traits.
    pub(super) fn new(traits: Traits) -> Self {
        Peers {
            conns: Slab::new(),
            console: None,
            made: 0,
            traits,
            ack_timeout: None,
            shown: 0,
            owes_drained: false,
            removed: Vec::new(),
        }
    }

    /// The number of connections.
    pub(in crate::session) fn connections(&self) -> usize {
        self.conns.len()
    }

    /// The number of connections that were accepted, or made by `connect`.
    pub(in crate::session) fn clients(&self) -> usize {
        self.conns.len() - self.made
    }

    /// The number that the next connection will have.
    pub(super) fn next_id(&self) -> PeerId {
        PeerId::conn(self.conns.vacant_key())
    }

    /// Adds a connection.
    pub(super) fn insert(&mut self, peer: Peer) -> PeerId {
        self.made += usize::from(peer.is_made);
        PeerId::conn(self.conns.insert(peer))
    }

    /// Adds the console.
    pub(super) fn insert_console(&mut self, peer: Peer) {
        self.console = Some(peer);
    }

    /// A peer.
    #[inline]
    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        if let PeerId::Conn(number) = id { self.conns.get(number.index()) } else { self.console.as_ref() }
    }

    /// A peer, mutable.
    #[inline]
    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        if let PeerId::Conn(number) = id { self.conns.get_mut(number.index()) } else { self.console.as_mut() }
    }

    /// The connection of a peer; `None` for the console.
    pub(in crate::session) fn conn(&self, id: PeerId) -> Option<&Conn> {
        self.get(id)?.link.conn()
    }

    /// The connection of a peer, mutable.
    pub(in crate::session) fn conn_mut(&mut self, id: PeerId) -> Option<&mut Conn> {
        if let Link::Conn(conn) = &mut self.get_mut(id)?.link { Some(conn) } else { None }
    }

    /// The console.
    pub(in crate::session) fn console(&self) -> Option<&Console> {
        if let Link::Console(console) = &self.console.as_ref()?.link { Some(console) } else { None }
    }

    /// The console, mutable.
    pub(in crate::session) fn console_mut(&mut self) -> Option<&mut Console> {
        if let Link::Console(console) = &mut self.console.as_mut()?.link { Some(console) } else { None }
    }

    /// From now on closing this connection resets it, unless it comes to an orderly end.
    pub(in crate::session) fn arm(&mut self, id: PeerId) {
        if let Some(conn) = self.conn_mut(id) {
            conn.arm();
        }
    }

    /// Whether stdout has lost its reader.
    pub(in crate::session) fn is_console_closed(&self) -> bool {
        self.console().is_some_and(|console| console.closed)
    }

    /// What was received from a peer and is no complete message yet.
    pub(in crate::session) fn unfinished(&self, id: PeerId) -> &[u8] {
        self.get(id).map_or(&[], |peer| peer.inbox.held())
    }

    /// Removes what is no complete message, because no more messages are expected.
    pub(in crate::session) fn take_unfinished(&mut self, id: PeerId) -> Vec<u8> {
        let bytes = || Inbox::new(Framing::Raw, Role::Responses, 0);
        let inbox = self.get_mut(id).map(|peer| std::mem::replace(&mut peer.inbox, bytes()));
        inbox.map(Inbox::into_held).unwrap_or_default()
    }

    /// Bytes queued for a peer.
    #[inline]
    pub(in crate::session) fn backlog(&self, id: PeerId) -> usize {
        self.get(id).map_or(0, |peer| peer.link.backlog())
    }

    /// Bytes received from stdin.
    pub(in crate::session) fn read_from_console(&self) -> u64 {
        self.console.as_ref().map_or(0, |console| console.received.bytes)
    }

    /// The numbers of all connections.
    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.conns.iter().map(|(number, _)| PeerId::conn(number)).collect()
    }

    /// The figures of the connections.
    pub(in crate::session) fn accounts(&self, now: Instant) -> impl Iterator<Item = Account> + '_ {
        self.conns.iter().filter_map(move |(_, peer)| Account::of(peer, now))
    }

    /// What of stdin has not reached this peer.
    pub(in crate::session) fn delivery(&self, id: PeerId, now: Instant) -> Delivery {
        if self.console.is_none() && self.ack_timeout.is_none() {
            return Delivery::default(); // nothing comes from stdin: the kernel need not be asked at each end
        }
        self.get(id).map(|peer| Delivery::of(peer, self.console.as_ref(), now)).unwrap_or_default()
    }

    /// Notes that a peer has closed its side, and how much of stdin was read by then. Only a stream goes on after that.
    pub(super) fn note_end(&mut self, id: PeerId, goes_to_console: bool, now: Instant) {
        if self.console.is_none() && !self.traits.forwards {
            return;
        }
        self.owes_drained |= goes_to_console;
        let read = self.read_from_console();
        let Some(peer) = self.get_mut(id) else { return };
        peer.ended = Some(Box::new((now, read)));
        if let Link::Conn(conn) = &peer.link {
            conn.watch_peer(); // it may be gone, and without a write nothing would notice
        }
    }

    /// Whether stdout has taken everything that an ended peer had sent; true once.
    pub(super) fn take_drained(&mut self) -> bool {
        let is_drained = self.owes_drained && self.console().is_some_and(|console| console.backlog() == 0);
        self.owes_drained &= !is_drained;
        is_drained
    }

    /// Notes the result of one splice at both peers.
    pub(super) fn note_splice(&mut self, from: PeerId, to: PeerId, step: Step, now: Instant) {
        let moved = step.moved();
        if let Some(source) = self.get_mut(from) {
            source.link.moved_in(step);
            source.received.bytes += moved as u64;
            source.flow.pause(step == Step::Full);
            if moved > 0 {
                source.flow.note_activity(now);
            }
        }
        if let Some(sink) = self.get_mut(to) {
            sink.link.moved_out(step);
            if moved > 0 {
                sink.flow.note_activity(now);
            }
        }
        if to == PeerId::Console {
            self.shown += moved as u64;
        }
    }

    /// Records messages of these lengths that are about to be sent.
    pub(super) fn note_sent(
        &mut self,
        to: PeerId,
        bytes: &[u8],
        lengths: impl Iterator<Item = usize>,
        recorder: &Recorder,
    ) -> Recorded {
        let are_copies = self.traits.sheds; // sent to all others
        self.get_mut(to).map_or(Recorded::Yes, |peer| peer.note_sent(bytes, lengths, are_copies, recorder))
    }

    /// Writes nothing to a connection until the record with this id is on the disk. False: it is no connection.
    pub(super) fn hold(&mut self, id: PeerId, record: u64) -> bool {
        let Some(peer) = self.get_mut(id) else { return false };
        let Link::Conn(conn) = &mut peer.link else { return false };
        conn.hold(true);
        peer.held_for = record;
        true
    }

    /// Writes to a connection again that was held for this record, and for none after it. False: it is another one.
    pub(super) fn release(&mut self, id: PeerId, record: u64) -> bool {
        let Some(peer) = self.get_mut(id).filter(|peer| peer.held_for == record) else { return false };
        peer.held_for = 0;
        if let Link::Conn(conn) = &mut peer.link {
            conn.hold(false);
        }
        true
    }

    /// Sends messages of these lengths: at once as far as that is possible, the rest is queued.
    #[inline]
    pub(super) fn send(
        &mut self,
        to: PeerId,
        bytes: &[u8],
        lengths: impl Iterator<Item = usize>,
        reactor: &mut Reactor,
    ) {
        let sheds = self.traits.sheds;
        let Some(peer) = self.get_mut(to) else { return };
        peer.flow.note_activity(reactor.now());
        match &mut peer.link {
            Link::Conn(conn) if conn.life().is_open() => {
                let (before, waiting) = (conn.written(), conn.backlog() + bytes.len());
                if let Err(error) = conn.send_all(bytes, lengths) {
                    let unsent = (waiting as u64).saturating_sub(conn.written() - before);
                    self.fail_write(to, error, unsent, reactor);
                } else if sheds && conn.backlog() > SHED {
                    self.on(to, Input::Overrun, reactor);
                }
            }
            Link::Conn(conn) if conn.life().is_broken() => self.on(to, Input::Refused(bytes.len() as u64), reactor),
            Link::Conn(_) => {} // our direction has ended
            Link::Console(console) => {
                // The console of rooms must not stop the others, either.
                let sent = if sheds { console.send_within(bytes, SHED) } else { console.send(bytes) };
                self.shown += bytes.len() as u64;
                if let Err(error) = sent {
                    self.fail_write(to, error, 0, reactor);
                }
            }
        }
    }

    /// Writes what is queued for a peer.
    pub(super) fn flush(&mut self, id: PeerId, reactor: &mut Reactor) {
        let (streams, now) = (self.traits.streams, reactor.now());
        let Some(peer) = self.get_mut(id) else { return };
        let before = peer.link.backlog();
        let flush = peer.link.flush(now);
        if peer.link.backlog() < before {
            peer.flow.note_activity(now);
        }
        match flush {
            Err(error) => self.fail_write(id, error, 0, reactor),
            Ok(Flush::Until(at)) => {
                if !peer.link.is_awaiting() {
                    peer.flow.note_activity(at); // the pause is ours
                }
                reactor.wake_at(if id == PeerId::Console { Key::Stdout } else { id.into() }, at);
            }
            Ok(Flush::More) => reactor.again(id),
            Ok(Flush::Idle) if before > 0 && streams => reactor.again(id),
            Ok(Flush::Blocked | Flush::Idle) => {}
        }
    }

    /// Reads and discards, because closing with unread bytes would reset the connection and destroy what was sent.
    pub(super) fn discard(&mut self, id: PeerId, scratch: &mut [u8], reactor: &mut Reactor) {
        for _ in 0..READS_PER_TURN {
            let Some(conn) = self.conn_mut(id) else { return };
            match conn.read(scratch, reactor.now()) {
                Ok(Incoming::Bytes(n)) => self.on(id, Input::Received(n), reactor),
                Ok(Incoming::Undecoded) => {}
                Ok(Incoming::Until(at)) => return reactor.wake_at(id, at),
                Ok(Incoming::Eof | Incoming::Blocked) => return,
                Err(error) => return self.on(id, Input::Failed(error), reactor),
            }
        }
        reactor.again(id);
    }

    /// Reports an input to the life of a connection, and does what follows from it.
    pub(super) fn on(&mut self, id: PeerId, input: Input, reactor: &mut Reactor) {
        let at = self.at(reactor.now());
        let Some(conn) = self.conn_mut(id) else { return };
        let turn = conn.on(input, at);
        self.follow(id, turn, reactor);
    }

    /// Drives a connection that is being closed: its end is sent when everything is written, and it is closed when
    /// both ends are there or the time is over.
    pub(super) fn drive(&mut self, id: PeerId, reactor: &mut Reactor) {
        let at = self.at(reactor.now());
        let Some(conn) = self.conn_mut(id) else { return };
        let turn = conn.drive(at);
        self.follow(id, turn, reactor);
    }

    /// A write has failed: the peer takes nothing more. Bytes that it sent before can still be read, perhaps with
    /// the reason. A stdout without a reader is no failure.
    pub(super) fn fail_write(&mut self, id: PeerId, error: io::Error, unsent: u64, reactor: &mut Reactor) {
        let at = self.at(reactor.now());
        match self.get_mut(id).map(|peer| &mut peer.link) {
            Some(Link::Conn(conn)) => {
                let turn = conn.fail_write(error, unsent, at);
                reactor.again(id);
                self.follow(id, turn, reactor);
            }
            Some(Link::Console(console)) if error.kind() == io::ErrorKind::BrokenPipe => console.closed = true,
            Some(Link::Console(_)) => self.remove_console(CloseReason::Unwritable(error), reactor),
            None => {}
        }
    }

    /// Reading has failed, or the connection is to count as failed.
    pub(super) fn fail(&mut self, id: PeerId, error: io::Error, reactor: &mut Reactor) {
        match id {
            PeerId::Conn(_) => self.on(id, Input::Failed(error), reactor),
            PeerId::Console => self.remove_console(CloseReason::Failed(error), reactor),
        }
    }

    /// Removes the console.
    pub(super) fn remove_console(&mut self, reason: CloseReason, reactor: &Reactor) {
        if let Some(console) = self.console.take() {
            let ended = Ended::close(PeerId::Console, console, reason, Delivery::default(), reactor);
            self.removed.push(Removed { ended, pipe: None });
        }
    }

    /// Whether peers have ended that the service does not know of.
    #[inline]
    pub(super) fn has_removed(&self) -> bool {
        !self.removed.is_empty()
    }

    /// The peers that have ended since the last call. The service is to get their last events before another
    /// connection gets their numbers.
    pub(super) fn take_removed(&mut self) -> Vec<Removed> {
        std::mem::take(&mut self.removed)
    }

    /// Does what a connection asks for after an input of its life.
    fn follow(&mut self, id: PeerId, turn: Turn, reactor: &mut Reactor) {
        match turn {
            Turn::Idle => {}
            Turn::Until(at) => reactor.wake_at(id, at),
            Turn::Close => self.remove(id, reactor),
        }
    }

    /// Removes a connection whose life has ended.
    fn remove(&mut self, id: PeerId, reactor: &Reactor) {
        let PeerId::Conn(number) = id else { return };
        let delivery = self.delivery(id, reactor.now());
        let Some(mut peer) = self.conns.try_remove(number.index()) else { return };
        self.made -= usize::from(peer.is_made);
        let pipe = peer.pipe.take();
        self.removed.push(Removed { ended: Ended::close(id, peer, CloseReason::Done, delivery, reactor), pipe });
    }

    /// The time and the limits of this turn.
    fn at(&self, now: Instant) -> At {
        let is_receipt = self.traits.forwards && self.ack_timeout.is_some();
        At { now, linger: LINGER, ack_timeout: self.ack_timeout, is_receipt }
    }
}
