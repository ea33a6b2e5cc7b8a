//! Peers, a service, and the turns between them: what one says is decoded, answered and sent, and
//! nobody waits for anybody but for whom it is talking to.

mod delivery;
mod ended;
mod joining;
mod kept_input;
mod leftover;
mod meter;
mod parting;
mod passing;
mod sending;
mod terminal;
mod timers;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use slab::Slab;

pub(super) use delivery::Delivery;
pub(super) use ended::{Ended, Why};
pub(super) use leftover::Leftover;
use meter::Meter;
use passing::PLENTY;
use timers::Timers;

use super::peer::{Link, Passed, Peer, Stage};
use crate::io::conn::Conn;
use crate::io::key::Key;
use crate::io::reactor::{Behind, Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::splice::Middle;
use crate::io::{Incoming, read_buffer};
use crate::service::{Context, Event, PeerId, Service, Store, Traits};
use crate::trace::{Direction, What};

/// Reads a peer may make in one turn, so that one that talks fast leaves the others theirs.
const TURN: usize = 4;
/// Unread output above this stops the reading of what causes it.
const HIGH: usize = 16 * 1024;
/// Unread output above this ends the connection, where nothing else stops its growth.
const SHED: usize = 1024 * 1024;
/// How long a peer that is parted from may take to end its side.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what has arrived is still read from one peer when the session is stopped: more than
/// the kernel has room for (`tcp_rmem`, tcp(7)), and an end for one that goes on and on.
const LAST_WORDS: usize = 16 * 1024 * 1024;
/// How many times somebody is still given what it was to be sent, or stdin is still passed on, when
/// the session is stopped: that is more than the kernel has room for (`tcp_wmem`, tcp(7)).
const LAST_PORTIONS: usize = 64;

/// A service and everybody who talks to it, on one event loop.
#[derive(Debug)]
pub(super) struct Exchange<S> {
    pub(super) reactor: Reactor,
    pub(super) service: S,
    pub(super) traits: Traits,
    store: Box<dyn Store>,
    timers: Timers,
    /// The service has said that its work is done.
    pub(super) stopped: bool,
    /// Whom the service wants a connection made for, since this was last emptied.
    pub(super) dials: Vec<PeerId>,
    /// Who is gone since this was last emptied.
    pub(super) ended: Vec<Ended>,
    /// Who did not get all before the end of the session.
    pub(super) cut_short: HashSet<PeerId>,
    peers: Slab<Peer>,
    /// How many of them were called for others.
    called: usize,
    console: Option<Peer>,
    context: Context,
    /// Who has been sent something in this turn.
    touched: Vec<PeerId>,
    scratch: Vec<u8>,
    /// What is told of how far it is.
    meter: Option<Meter>,
    /// Bytes given to the console.
    shown: u64,
    /// Empty pipes for those who are to be moved within the kernel.
    spare: Vec<Middle>,
    recorder: Recorder,
    idle_timeout: Option<Duration>,
    /// How long the acknowledgement of everything is waited for at the end of a connection; `None`
    /// does not wait for it.
    pub(super) ack_timeout: Option<Duration>,
    /// The service is to be told when stdout has taken everything.
    owes_drained: bool,
}

impl<S: Service> Exchange<S> {
    pub(super) fn new(
        reactor: Reactor,
        service: S,
        traits: Traits,
        store: Box<dyn Store>,
        idle_timeout: Option<Duration>,
        recorder: &Recorder,
    ) -> Self {
        Exchange {
            reactor,
            service,
            traits,
            store,
            timers: Timers::default(),
            stopped: false,
            dials: Vec::new(),
            ended: Vec::new(),
            cut_short: HashSet::new(),
            peers: Slab::new(),
            called: 0,
            console: None,
            context: Context::default(),
            touched: Vec::new(),
            scratch: read_buffer(),
            meter: None,
            shown: 0,
            spare: Vec::new(),
            recorder: recorder.clone(),
            idle_timeout,
            ack_timeout: None,
            owes_drained: false,
        }
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> usize {
        self.peers.len()
    }

    /// How many of them came by themselves.
    pub(super) fn clients(&self) -> usize {
        self.peers.len() - self.called
    }

    /// Whether stdout has been closed by its reader.
    pub(super) fn console_closed(&self) -> bool {
        matches!(&self.console, Some(Peer { link: Link::Console(console), .. }) if console.closed)
    }

    /// Whether something of stdin is still to be forwarded before the end of the session: it stands
    /// ready, or was read and not taken yet.
    pub(super) fn has_last_input(&self) -> bool {
        let ready = |peer: &Peer| match &peer.link {
            Link::Console(console) => peer.middle.is_some() || peer.inbox.buffered() > 0 || console.has_input(),
            Link::Conn(_) => false,
        };
        let more = |sink: &Peer| sink.link.is_open() && self.console.as_ref().is_some_and(ready);
        let left = |sink: &Peer| sink.link.backlog() > 0 || more(sink);
        let forwards = self.traits.forwards && self.service.wants(PeerId::Console);
        forwards && self.peer(self.service.sink(PeerId::Console)).is_some_and(left)
    }

    /// Bytes that a peer has not been able to take yet.
    pub(super) fn backlog(&self, id: PeerId) -> usize {
        self.peer(id).map_or(0, |peer| peer.link.backlog())
    }

    /// Hands the service an event that did not come from a peer's bytes.
    pub(super) fn tell(&mut self, event: Event<'_>) {
        self.service.on(event, &mut self.context);
        self.apply(Instant::now());
    }

    /// Gives whoever is ready its turn.
    pub(super) fn serve(&mut self, ready: Ready, now: Instant) {
        let id = match ready.key {
            Key::Conn(number) => PeerId::Conn(number),
            Key::Stdin | Key::Stdout => PeerId::Console,
            Key::Service => return self.report_timers(now),
            _ => return,
        };
        if let Some(peer) = self.peer_mut(id) {
            peer.link.on_ready(ready);
            if ready.behind == Behind::End {
                if let Some(error) = self.late_failure(id) {
                    self.remove(id, Why::Failed(error));
                    return self.apply(now);
                }
            }
            self.turn(id, now);
        }
    }

    /// One turn of one peer: write what waits, read what has come, look at the clock.
    fn turn(&mut self, id: PeerId, now: Instant) {
        self.write_out(id, now);
        self.let_stream(id, now);
        let listening = match self.peer(id) {
            None => return,
            Some(peer) => peer.stage == Stage::Talking,
        };
        if listening {
            self.hear(id, now);
            self.apply(now);
            self.watch_idleness(id, now);
        } else {
            self.part(id, now);
        }
        self.apply(now);
        self.tell_drained();
        self.apply(now);
        self.resume(id);
        self.resume(PeerId::Console);
    }

    /// Gives a peer that was stopped another turn, if what stopped it is gone.
    fn resume(&mut self, id: PeerId) {
        let paused = self.peer(id).is_some_and(|peer| peer.paused && peer.stage == Stage::Talking);
        if !paused || !self.service.wants(id) || self.is_stuck(id) {
            return;
        }
        // A sink with nothing waiting that takes nothing was filled within the kernel.
        let has_room = |sink: &Peer| match sink.link.backlog() {
            0 => sink.link.readiness().1,
            backlog => backlog < HIGH,
        };
        let sink = self.peer(self.service.sink(id));
        if sink.is_none_or(has_room) {
            let since = sink.map(|sink| sink.active); // it was we who did not listen
            self.with(id, |peer| peer.active = since.map_or(peer.active, |at| peer.active.max(at)));
            self.reactor.again(id);
        }
    }

    /// Tells a service that sends unasked that there is room for more.
    fn let_stream(&mut self, id: PeerId, now: Instant) {
        let has_room = |peer: &Peer| peer.stage == Stage::Talking && peer.link.backlog() == 0 && peer.link.is_open();
        if self.traits.streams && self.peer(id).is_some_and(has_room) {
            self.service.on(Event::Drained { peer: id }, &mut self.context);
            self.apply(now);
            if self.peer(id).is_some_and(has_room) {
                self.reactor.again(id); // the kernel took it all: more, when the others had their turn
            }
        }
    }

    /// Reads, decodes and answers, until there is nothing more, or enough for one turn.
    fn hear(&mut self, id: PeerId, now: Instant) {
        if let Some((to, way)) = self.passage(id) {
            return self.pass(id, to, way, now);
        }
        if self.traits.forwards && self.service.wants(id) {
            self.surface(id);
        }
        let mut len = 0; // at first, what was left in the inbox last time
        for reads in 0..=TURN {
            if !self.digest(id, len) {
                return;
            }
            self.apply(now);
            let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
            if peer.stage != Stage::Talking {
                return;
            }
            if reads == TURN {
                return self.reactor.again(id);
            }
            let incoming = peer.link.read(&mut self.scratch, now);
            if let (Ok(Incoming::Bytes(n)), Some(left)) = (&incoming, &mut peer.allowance) {
                *left = left.saturating_sub(*n);
            }
            match incoming {
                Ok(Incoming::Bytes(n)) => {
                    peer.active = now;
                    peer.plenty = n >= PLENTY;
                    len = n;
                }
                Ok(Incoming::Eof) => return self.hear_end(id),
                Ok(Incoming::Until(at)) => {
                    peer.active = at; // the pause is ours
                    self.reactor.wake_at(id, at);
                    return self.pause_for_breath(id, false);
                }
                Ok(Incoming::Blocked) => return self.pause_for_breath(id, true),
                Err(error) => return self.remove(id, Why::Failed(error)),
            }
            if peer.allowance == Some(0) {
                self.digest(id, len);
                return self.hear_last_word(id);
            }
        }
    }

    /// Nothing more is there now: no answer is held back to be joined with a later one, and who is
    /// being parted from has had its last word.
    fn pause_for_breath(&mut self, id: PeerId, drained: bool) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        if id != PeerId::Console && self.service.sink(id) == id && peer.link.holds_back() {
            self.context.flush(id);
        }
        peer.inbox.settle();
        peer.link.settle();
        if drained && peer.allowance.is_some() {
            self.hear_last_word(id);
        }
    }

    /// Takes the messages out of what stands in the scratch buffer and in the inbox. False: its
    /// sink is full, the service wants no more, or the peer has said something it should not.
    fn digest(&mut self, id: PeerId, len: usize) -> bool {
        let sink = self.service.sink(id);
        let room = if self.is_stuck(id) { 0 } else { HIGH.saturating_sub(self.backlog(sink)) };
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return false };
        let mut fresh = &self.scratch[..len];
        loop {
            peer.paused = self.context.pending() >= room || !self.service.wants(id);
            if peer.paused {
                peer.inbox.keep(fresh);
                return false;
            }
            match peer.inbox.pull(&mut fresh) {
                Ok(Some(message)) => {
                    note_heard(peer.link.conn(), &mut peer.heard, message.wire, &self.recorder);
                    self.service.on(Event::of(id, &message), &mut self.context);
                    if self.context.closes(id) {
                        return false;
                    }
                    if self.context.is_upgrading(id) {
                        peer.inbox.keep(fresh); // for its next turn, which the upgrade gives it
                        return false;
                    }
                }
                Ok(None) => {
                    if peer.inbox.take_expectation() {
                        self.service.on(Event::Expects { peer: id }, &mut self.context);
                    }
                    return true;
                }
                Err(error) => {
                    self.refuse(id, error);
                    return false;
                }
            }
        }
    }

    fn peer(&self, id: PeerId) -> Option<&Peer> {
        if let PeerId::Conn(number) = id { self.peers.get(number) } else { self.console.as_ref() }
    }

    fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        peer_of(&mut self.peers, &mut self.console, id)
    }

    fn with(&mut self, id: PeerId, change: impl FnOnce(&mut Peer)) {
        if let Some(peer) = self.peer_mut(id) {
            change(peer);
        }
    }
}

/// Records a message that has come, if it came over a connection that has messages.
fn note_heard(conn: Option<&Conn>, heard: &mut Passed, wire: &[u8], recorder: &Recorder) {
    let start = heard.bytes;
    heard.bytes += wire.len() as u64;
    heard.messages += 1;
    if let Some(conn) = conn.filter(|conn| !conn.is_raw()) {
        let (number, end) = (heard.messages, heard.bytes);
        recorder.note_bytes(conn.id(), wire, || What::Message { dir: Direction::In, number, start, end });
    }
}

/// A peer, by a borrow of the two fields it may stand in and no others.
fn peer_of<'a>(peers: &'a mut Slab<Peer>, console: &'a mut Option<Peer>, id: PeerId) -> Option<&'a mut Peer> {
    if let PeerId::Conn(number) = id { peers.get_mut(number) } else { console.as_mut() }
}
