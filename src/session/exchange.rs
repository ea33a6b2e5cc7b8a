//! The engine: peers, a service, and the turns between them. Received bytes are decoded, answered and sent, and no
//! peer waits for another one unless its output goes there.
//!
//! One message takes this way: [`Exchange::serve`] (an event of the reactor) → `turn` → `read` → `dispatch` (the
//! inbox finds messages, the service reacts to them) → `apply` → `carry_out` → `send` → the connection.

mod closing;
mod delivery;
mod ended;
mod openings;
mod output;
mod peers;
mod splicing;
mod timers;

use std::io;
use std::time::{Duration, Instant};

pub(super) use delivery::{Delivery, Leftover, SILENCE};
pub(super) use ended::Ended;
use openings::Openings;
use peers::Peers;
use splicing::Splicer;
use timers::Timers;

use super::peer::{Link, Pair, Peer, note_received};
use crate::frame::{Inbox, Role};
use crate::io::conn::{Conn, Turn};
use crate::io::console::Console;
use crate::io::key::Key;
use crate::io::reactor::{Behind, Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::{Incoming, read_buffer};
use crate::peer::flow::{Idleness, READS_PER_TURN, room};
use crate::peer::life::{At, Input, Life, Reading};
use crate::service::{Context, Event, PeerId, Service, Store, Traits};

/// How long the peer's end is waited for after everything was sent.
const LINGER: Duration = Duration::from_secs(1);

/// A service and its peers, on one event loop.
#[derive(Debug)]
pub(super) struct Exchange<S> {
    pub(super) reactor: Reactor,
    pub(super) service: S,
    pub(super) traits: Traits,
    store: Box<dyn Store>,
    timers: Timers,
    openings: Openings,
    pub(super) peers: Peers,
    /// The service has ended the session.
    pub(super) stopped: bool,
    /// The clients that the service wants a connection for, since this was last emptied.
    pub(super) dials: Vec<PeerId>,
    /// The peers that have ended since this was last emptied.
    pub(super) ended: Vec<Ended>,
    /// The number of connections that the shutdown has cut off.
    pub(super) aborted: usize,
    /// How long a connection that is being closed waits for acknowledgements; `None` does not wait.
    pub(super) ack_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    context: Context,
    /// The peers that were sent something in this turn.
    written_to: Vec<PeerId>,
    scratch: Vec<u8>,
    splicer: Splicer,
    /// The number of bytes sent to the console.
    pub(super) shown: u64,
    recorder: Recorder,
    /// The service waits for the event that stdout has taken everything.
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
            openings: Openings::default(),
            peers: Peers::default(),
            stopped: false,
            dials: Vec::new(),
            ended: Vec::new(),
            aborted: 0,
            ack_timeout: None,
            idle_timeout,
            context: Context::default(),
            written_to: Vec::new(),
            scratch: read_buffer(),
            splicer: Splicer::default(),
            shown: 0,
            recorder: recorder.clone(),
            owes_drained: false,
        }
    }

    /// Adds the console.
    pub(super) fn add_console(&mut self, console: Console, limit: usize) {
        if self.traits.forwards {
            console.widen();
        }
        let inbox = Inbox::new(self.traits.framing, Role::Requests, limit);
        self.peers.insert_console(Peer::new(Link::Console(Box::new(console)), inbox, self.reactor.now()));
        self.emit(Event::Open { peer: PeerId::Console });
        self.reactor.again(PeerId::Console);
    }

    /// Adds a connection and gives it its first turn.
    pub(super) fn add(&mut self, conn: Conn, inbox: Inbox) -> io::Result<PeerId> {
        let peer = Peer::new(Link::Conn(conn), inbox, self.reactor.now());
        self.insert(peer, |peer| Event::Open { peer })
    }

    /// Adds the connection that was made for a client.
    pub(super) fn add_for(&mut self, client: PeerId, conn: Conn, inbox: Inbox) -> io::Result<PeerId> {
        let server = conn.id();
        let mut peer = Peer::new(Link::Conn(conn), inbox, self.reactor.now());
        peer.is_made = true;
        peer.pair = self.peers.conn(client).map(|conn| Pair::Client(conn.id()));
        if let Some(client) = self.peers.get_mut(client) {
            client.pair = Some(Pair::Server(server));
        }
        let id = self.insert(peer, |server| Event::Linked { client, server })?;
        self.resume(client);
        Ok(id)
    }

    fn insert(&mut self, mut peer: Peer, event: impl FnOnce(PeerId) -> Event<'static>) -> io::Result<PeerId> {
        if let Link::Conn(conn) = &mut peer.link {
            conn.register(&self.reactor, self.peers.next_id().into())?;
        }
        let id = self.peers.insert(peer);
        self.begin_opening(id, event(id));
        self.turn(id);
        Ok(id)
    }

    /// Gives the service an event that did not come from a peer's bytes.
    pub(super) fn emit(&mut self, event: Event<'_>) {
        self.act(|service, context| service.on(event, context));
    }

    /// Has the service do something, and carries it out.
    pub(super) fn act(&mut self, act: impl FnOnce(&mut S, &mut Context)) {
        act(&mut self.service, &mut self.context);
        self.apply();
    }

    /// Has the console do something, and writes what that shows.
    pub(super) fn at_console(&mut self, act: impl FnOnce(&mut Console)) {
        if let Some(console) = self.peers.console_mut() {
            act(console);
            self.write_out(PeerId::Console);
        }
    }

    /// Gives the peer of an event its turn.
    pub(super) fn serve(&mut self, ready: Ready) {
        let id = match ready.key {
            Key::Conn(number) => PeerId::conn(number),
            Key::Stdin | Key::Stdout => PeerId::Console,
            Key::Service => return self.report_timers(),
            _ => return,
        };
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.link.on_ready(ready);
        if ready.behind == Behind::End {
            // No read returns a reset that came after the peer's end.
            let ended = peer.link.conn().filter(|conn| conn.life().has_peer_ended());
            if let Some(error) = ended.and_then(|conn| conn.stream().take_error()) {
                self.on(id, Input::Failed(error));
                return self.apply();
            }
        }
        self.turn(id);
    }

    /// One turn of one peer: writes what is queued, reads what has come, and checks the clock.
    fn turn(&mut self, id: PeerId) {
        self.write_out(id);
        if self.openings.contains(id) && !self.advance_opening(id) {
            return;
        }
        self.offer_room(id);
        match self.peers.get(id).map(|peer| peer.link.life().map_or(Reading::Process, Life::reading)) {
            Some(Reading::Process) => {
                self.read(id);
                self.apply();
                if self.is_layered(id) {
                    self.flush_layer(id);
                }
                self.check_idleness(id);
            }
            Some(Reading::Discard) => self.discard(id),
            Some(Reading::Nothing) | None => return,
        }
        self.apply();
        self.report_drained();
        self.apply();
        self.resume(id);
        self.resume(PeerId::Console);
    }

    /// Continues the opening of a connection. False: it is not open yet, and nothing else is to be done with it.
    #[cold]
    #[inline(never)]
    fn advance_opening(&mut self, id: PeerId) -> bool {
        let is_processing = self.peers.get(id).is_some_and(Peer::is_processing);
        if is_processing && !self.continue_opening(id) {
            self.apply();
            if self.openings.contains(id) && self.peers.get(id).is_some_and(|peer| !peer.is_processing()) {
                self.reactor.again(id); // it has failed: what it sends is discarded from the next turn on
            }
            return false;
        }
        true
    }

    /// Gives a peer whose reading was paused another turn, if the cause of the pause is gone.
    fn resume(&mut self, id: PeerId) {
        let is_paused = self.peers.get(id).is_some_and(|peer| peer.flow.is_paused() && peer.is_processing());
        if !is_paused || !self.service.wants(id) || self.is_stuck(id) {
            return;
        }
        let sink = self.peers.get(self.service.sink(id));
        if sink.is_none_or(|sink| sink.as_sink().has_room()) {
            let sink = sink.map(|sink| sink.flow);
            if let Some(peer) = self.peers.get_mut(id) {
                peer.flow.resume(sink);
            }
            self.reactor.again(id);
        }
    }

    /// Tells a service that sends without input that there is room for more.
    fn offer_room(&mut self, id: PeerId) {
        let has_room = |peer: &Peer| peer.is_processing() && peer.link.backlog() == 0 && peer.link.is_open();
        if self.traits.streams && self.peers.get(id).is_some_and(has_room) {
            self.emit(Event::Drained { peer: id });
            if self.peers.get(id).is_some_and(has_room) {
                self.reactor.again(id); // the kernel took everything: more, after the turns of the others
            }
        }
    }

    /// Reads, decodes and answers until nothing more is ready, or enough for one turn was read.
    fn read(&mut self, id: PeerId) {
        if let Some((to, way)) = self.splice_route(id) {
            return self.splice(id, to, way);
        }
        if self.traits.forwards && self.service.wants(id) {
            self.empty_pipe(id);
        }
        let now = self.reactor.now();
        if self.is_layered(id) && !self.advance_handshake(id, now) {
            return;
        }
        let mut len = 0; // at first, only what the inbox holds is dispatched
        for reads in 0..=READS_PER_TURN {
            if !self.dispatch(id, len) {
                return;
            }
            self.apply();
            let Some(peer) = self.peers.get_mut(id) else { return };
            if !peer.is_processing() {
                return;
            }
            if reads == READS_PER_TURN {
                return self.reactor.again(id);
            }
            match peer.link.read(&mut self.scratch, now) {
                Ok(Incoming::Bytes(n)) => {
                    peer.flow.note_read(n, now);
                    len = n;
                }
                Ok(Incoming::Undecoded) => {
                    peer.flow.note_activity(now);
                    len = 0;
                }
                Ok(Incoming::Eof) => return self.on_peer_end(id),
                Ok(Incoming::Until(at)) => {
                    peer.flow.note_activity(at); // the pause is ours
                    self.reactor.wake_at(id, at);
                    return self.end_burst(id, false);
                }
                Ok(Incoming::Blocked) => return self.end_burst(id, true),
                Err(error) => return self.fail(id, error),
            }
            if peer.drains().is_some() && self.drain(id, len) {
                self.dispatch(id, len);
                return self.end_drain(id);
            }
        }
    }

    /// Whether a layer encodes the bytes of a peer.
    #[inline]
    fn is_layered(&self, id: PeerId) -> bool {
        self.peers.get(id).is_some_and(|peer| peer.link.is_layered())
    }

    /// Reads for the handshake of a layer, whether or not the service wants data of the peer: what is queued for the
    /// peer waits for it. False: nothing else is to be read in this turn.
    #[cold]
    #[inline(never)]
    fn advance_handshake(&mut self, id: PeerId, now: Instant) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some(peer) = self.peers.get_mut(id) else { return false };
            match peer.link.advance_handshake(&mut self.scratch, now) {
                Ok(Incoming::Undecoded) => peer.flow.note_activity(now),
                Ok(_) => return true, // it is over, or a read finds the same
                Err(error) => {
                    self.fail(id, error);
                    return false;
                }
            }
        }
        self.reactor.again(id);
        false
    }

    /// Writes what a layer has to send after a read: its handshake, or an answer to the peer's.
    #[cold]
    #[inline(never)]
    fn flush_layer(&mut self, id: PeerId) {
        self.write_out(id);
    }

    /// Nothing more is ready to be read: no reply is held back to be joined with a later one, and a peer that is
    /// drained at shutdown has been drained.
    fn end_burst(&mut self, id: PeerId, is_drained: bool) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if id != PeerId::Console && self.service.sink(id) == id && peer.link.holds_back() {
            self.context.flush(id);
        }
        peer.inbox.shrink();
        peer.link.shrink();
        if is_drained && peer.drains().is_some() {
            self.end_drain(id);
        }
    }

    /// Gives the service the messages in the inbox and in the first `len` bytes of the scratch buffer. False: the
    /// sink is full, the service wants no more, or the peer has sent something invalid.
    fn dispatch(&mut self, id: PeerId, len: usize) -> bool {
        let room = if self.is_stuck(id) { 0 } else { room(self.peers.backlog(self.service.sink(id))) };
        let Some(peer) = self.peers.get_mut(id) else { return false };
        let mut fresh = &self.scratch[..len];
        loop {
            peer.flow.pause(self.context.pending() >= room || !self.service.wants(id));
            if peer.flow.is_paused() {
                peer.inbox.keep(fresh);
                return false;
            }
            match peer.inbox.pull(&mut fresh) {
                Ok(Some(message)) => {
                    note_received(&peer.link, &mut peer.received, message.wire, &self.recorder);
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

    /// Reports an input to the life of a connection, and follows what it wants.
    pub(in crate::session) fn on(&mut self, id: PeerId, input: Input) {
        let at = self.at();
        let Some(conn) = self.peers.conn_mut(id) else { return };
        let turn = conn.on(input, at);
        self.follow(id, turn);
    }

    fn follow(&mut self, id: PeerId, turn: Turn) {
        match turn {
            Turn::Idle => {}
            Turn::Until(at) => self.reactor.wake_at(id, at),
            Turn::Close => self.remove(id),
        }
    }

    /// The time and the limits of this turn.
    fn at(&self) -> At {
        At {
            now: self.reactor.now(),
            linger: LINGER,
            ack_timeout: self.ack_timeout,
            is_receipt: self.traits.forwards && self.ack_timeout.is_some(),
        }
    }

    /// Closes a peer that neither sends nor takes anything for too long.
    fn check_idleness(&mut self, id: PeerId) {
        let Some(limit) = self.idle_timeout.filter(|_| id != PeerId::Console) else { return };
        let Some(peer) = self.peers.get(id) else { return };
        let held_back = peer.flow.is_paused() && peer.is_processing();
        let sink = self.peers.get(self.service.sink(id)).filter(|_| held_back).map(|sink| sink.flow);
        match peer.flow.idleness(limit, sink, self.reactor.now()) {
            Idleness::Over => {
                let is_complete = !self.is_incomplete_when_idle(id);
                self.on(id, Input::Idle { is_complete });
            }
            Idleness::Until(at) => self.reactor.wake_at(id, at),
            Idleness::Never => {}
        }
    }

    /// Whether the sink of a peer's input takes nothing more. The input is then not
    /// read, because what was read would be lost.
    fn is_stuck(&self, id: PeerId) -> bool {
        self.traits.forwards && self.peers.get(self.service.sink(id)).is_some_and(Peer::is_broken)
    }

    /// The time of this turn, for what is measured outside.
    pub(super) fn now(&self) -> Instant {
        self.reactor.now()
    }
}

#[cfg(test)]
mod tests;
