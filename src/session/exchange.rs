//! The engine: a service, its peers, and the turns between them. Received bytes are decoded, answered and sent, and no
//! peer waits for another one unless its output goes there.
//!
//! It has three parts. [`Peers`] are the connections and the console: bytes are sent to them, and they end. [`Hosted`]
//! is the service: it gets messages, and its context collects what it asks for. [`Routes`] answers where the input of
//! a peer goes, and what keeps it from going there.
//!
//! One message takes this way: [`Exchange::serve`] (an event of the reactor) → `turn` → `read` → [`Hosted::dispatch`]
//! (the inbox finds messages, the service reacts to them) → `apply` → `carry_out` → [`Peers::send`] → the connection.

mod closing;
mod delivery;
mod ended;
mod hosted;
mod mismatch;
mod openings;
mod peers;
mod recorded;
mod routes;
mod splicing;
mod timers;
mod work;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

pub(super) use delivery::{Delivery, Leftover, SILENCE};
pub(super) use ended::Ended;
pub(super) use hosted::OperatorLine;
use hosted::{Dispatched, Hosted};
use openings::Openings;
use peers::{Peers, Removed};
use routes::Routes;
use splicing::Splicer;

use super::peer::{Link, Pair, Peer};
use crate::frame::{Framing, Inbox};
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::io::key::Key;
use crate::io::reactor::{Behind, Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::transcript::Transcript;
use crate::io::worker::Order;
use crate::io::{Incoming, read_buffer};
use crate::peer::flow::{Idleness, READS_PER_TURN};
use crate::peer::life::{Input, Life, Reading};
use crate::service::{Action, Batch, Context, Event, Ordered, PeerId, Port, Service, Store, Traits};

/// A service and its peers, on one event loop.
#[derive(Debug)]
pub(super) struct Exchange<S> {
    pub(super) reactor: Reactor,
    pub(super) hosted: Hosted<S>,
    pub(super) traits: Traits,
    openings: Openings,
    pub(super) peers: Peers,
    /// The peers that have ended since this was last emptied.
    pub(super) ended: Vec<Ended>,
    /// The number of connections that the shutdown has cut off.
    pub(super) aborted: usize,
    idle_timeout: Option<Duration>,
    /// The peers that were sent something in this turn.
    written_to: Vec<PeerId>,
    scratch: Vec<u8>,
    splicer: Splicer,
    recorder: Recorder,
    /// The peers that wait until a record is on the disk, with its id.
    held: VecDeque<(u64, PeerId)>,
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
        recorder.transcript().into_iter().for_each(|transcript| transcript.watch(&reactor.waker()));
        Exchange {
            reactor,
            hosted: Hosted::new(service, store),
            traits,
            openings: Openings::default(),
            peers: Peers::new(traits),
            ended: Vec::new(),
            aborted: 0,
            idle_timeout,
            written_to: Vec::new(),
            scratch: read_buffer(),
            splicer: Splicer::default(),
            recorder: recorder.clone(),
            held: VecDeque::new(),
        }
    }

    /// Adds the console.
    pub(super) fn add_console(&mut self, console: Console, limit: usize) {
        if self.traits.forwards {
            console.widen();
        }
        let inbox = self.traits.inbox(limit);
        self.peers.insert_console(Peer::new(Link::Console(Box::new(console)), inbox, self.reactor.now()));
        self.hosted.note_time(self.reactor.now());
        self.emit(Event::Open { peer: PeerId::Console });
        self.reactor.again(PeerId::Console);
    }

    /// Adds a connection and gives it its first turn.
    pub(super) fn add(&mut self, conn: Conn, inbox: Inbox) -> io::Result<PeerId> {
        self.add_client(conn, inbox, Port::Main)
    }

    /// Adds the connection that was made for a client, or for the service itself, whose client is the console.
    pub(super) fn add_for(&mut self, client: PeerId, conn: Conn, inbox: Inbox) -> io::Result<PeerId> {
        let server = conn.id();
        let mut peer = Peer::new(Link::Conn(conn), inbox, self.reactor.now());
        peer.is_made = true;
        peer.pair = self.peers.conn(client).map(|conn| Pair::Client(conn.id()));
        self.note_server(client, server);
        let id = self.insert(peer, |server| Event::Linked { client, server })?;
        self.resume(client);
        Ok(id)
    }

    fn insert(&mut self, mut peer: Peer, event: impl FnOnce(PeerId) -> Event<'static>) -> io::Result<PeerId> {
        self.hosted.note_time(self.reactor.now());
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
        self.hosted.on(event);
        self.apply();
    }

    /// Has the service do something, and carries it out.
    pub(super) fn act(&mut self, act: impl FnOnce(&mut S, &mut Context)) {
        act(&mut self.hosted.service, &mut self.hosted.context);
        self.apply();
    }

    /// Has the console do something, and writes what that shows.
    pub(super) fn at_console(&mut self, act: impl FnOnce(&mut Console)) {
        if let Some(console) = self.peers.console_mut() {
            act(console);
            self.write_out(PeerId::Console);
            self.apply();
        }
    }

    /// Gives the peer of an event its turn.
    pub(super) fn serve(&mut self, ready: Ready) {
        self.hosted.note_time(self.reactor.now());
        let id = match ready.key {
            Key::Conn(number) => PeerId::conn(number),
            Key::Stdin | Key::Stdout => PeerId::Console,
            Key::Service => return self.report_timers(),
            _ => return,
        };
        let Some(peer) = self.peers.get_mut(id) else { return self.apply() };
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
        if self.traits.streams {
            self.offer_room(id);
        }
        let Some(peer) = self.peers.get(id) else { return self.apply() };
        let (reading, is_layered) = (peer.link.life().map_or(Reading::Process, Life::reading), peer.link.is_layered());
        match reading {
            Reading::Process => {
                self.read(id);
                self.apply();
            }
            Reading::Discard => self.peers.discard(id, &mut self.scratch, &mut self.reactor),
            Reading::Nothing => {}
        }
        if is_layered {
            self.write_out(id); // its handshake, or its answer to what was read
        }
        if reading == Reading::Discard {
            self.peers.drive(id, &mut self.reactor);
        }
        self.check_idleness(id);
        self.apply();
        if self.peers.take_drained() {
            self.emit(Event::Drained { peer: PeerId::Console });
        }
        self.resume(id);
        self.resume(PeerId::Console);
    }

    /// Gives a peer whose reading was paused another turn, if the cause of the pause is gone.
    fn resume(&mut self, id: PeerId) {
        if self.routes().may_resume(id) {
            let sink = self.peers.get(self.hosted.service.sink(id)).map(|sink| sink.flow);
            if let Some(peer) = self.peers.get_mut(id) {
                peer.flow.resume(sink);
            }
            self.reactor.again(id);
        }
    }

    /// Reports to a service that sends without input that there is room for more.
    fn offer_room(&mut self, id: PeerId) {
        let has_room = |peer: &Peer| peer.is_processing() && peer.link.backlog() == 0 && peer.link.is_open();
        if self.peers.get(id).is_some_and(has_room) {
            self.emit(Event::Drained { peer: id });
            if self.peers.get(id).is_some_and(has_room) {
                self.reactor.again(id); // the kernel took everything: more, after the turns of the others
            }
        }
    }

    /// Reads, decodes and answers until nothing more is ready, or enough for one turn was read.
    fn read(&mut self, id: PeerId) {
        if self.traits.forwards {
            if let Some(route) = self.splice_route(id) {
                return self.splice(id, route);
            }
            if self.hosted.service.wants(id) {
                self.empty_pipe(id);
            }
        }
        let now = self.reactor.now();
        if self.peers.get(id).is_some_and(|peer| peer.link.is_layered()) && !self.advance_handshake(id, now) {
            return;
        }
        let mut len = 0; // at first, only what the inbox holds is dispatched
        for reads in 0..=READS_PER_TURN {
            let room = self.routes().room(id);
            let Some(peer) = self.peers.get_mut(id) else { return };
            let dispatched = self.hosted.dispatch(id, peer, &self.scratch[..len], room, &self.recorder);
            let goes_on = dispatched == Ok(Dispatched::All);
            if let Err(error) = dispatched {
                self.refuse(id, error);
            }
            if self.is_drained(id) {
                return self.end_drain(id);
            }
            if !goes_on {
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
            let incoming = match &mut peer.link {
                Link::Conn(conn) => conn.read(&mut self.scratch, now),
                Link::Console(console) => console.read(&mut self.scratch),
            };
            match incoming {
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
                Err(error) => return self.on_read_error(id, error),
            }
            if peer.drains().is_some() {
                self.on(id, Input::Received(len));
            }
            if mismatch::begins_tls(&self.scratch[..len]).is_some_and(|is_server| self.refuse_tls(id, is_server)) {
                return;
            }
        }
    }

    /// Nothing more is ready to be read: no reply is held back to be joined with a later one, and a peer that is
    /// drained at shutdown has been drained.
    fn end_burst(&mut self, id: PeerId, is_drained: bool) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if id != PeerId::Console && self.hosted.service.sink(id) == id && peer.link.holds_back() {
            self.hosted.context.flush(id);
        }
        peer.inbox.shrink();
        peer.link.shrink();
        if is_drained && peer.drains().is_some() {
            self.end_drain(id);
        }
    }

    /// Reports an input to the life of a connection, and does what follows from it.
    fn on(&mut self, id: PeerId, input: Input) {
        self.peers.on(id, input, &mut self.reactor);
    }

    /// Closes a peer that neither sends nor takes anything for too long.
    fn check_idleness(&mut self, id: PeerId) {
        let Some(limit) = self.idle_timeout.filter(|_| !self.may_be_idle(id)) else { return };
        let now = self.reactor.now();
        match self.routes().idleness(id, limit, now) {
            Idleness::Over => {
                let is_complete = !self.routes().is_incomplete_when_idle(id, now);
                self.on(id, Input::Idle { is_complete });
            }
            Idleness::Until(at) => self.reactor.wake_at(id, at),
            Idleness::Never => {}
        }
    }

    /// Carries out what the service has asked for, until it asks for nothing more.
    #[inline]
    fn apply(&mut self) {
        while !self.hosted.context.is_empty() || self.peers.has_removed() || !self.hosted.unrecorded.is_empty() {
            self.carry_out();
        }
    }

    /// Carries out the actions of the service so far, and reports the peers that have ended.
    #[inline(never)] // mostly nothing is asked for
    fn carry_out(&mut self) {
        if self.peers.has_removed() {
            self.report_removed();
        }
        self.drop_unrecorded();
        // Their memory is kept from turn to turn.
        let mut context = self.hosted.context.take_actions();
        let mut written_to = std::mem::take(&mut self.written_to);
        for batch in context.batches() {
            let to = match batch {
                Batch::Messages { to, bytes, lengths } => {
                    self.note_sent(to, bytes, lengths.clone());
                    self.peers.send(to, bytes, lengths, &mut self.reactor);
                    Some(to)
                }
                Batch::Upgrade(id, framing) => {
                    self.upgrade(id, framing);
                    None
                }
                Batch::Compute(peer, Ordered { ticket, work }) => {
                    let address = self.peers.conn(peer).and_then(Conn::client_ip);
                    self.hosted.orders.push(Order { peer, address, ticket: *ticket, work: work.clone() });
                    None
                }
                Batch::Other(action, bytes) => self.perform(action, bytes).and_then(|()| action.writes_to()),
            };
            if to.is_some() && to != written_to.last().copied() {
                written_to.extend(to);
            }
        }
        context.clear();
        // The service may have got what was in the pipe of a peer that is closed, and have asked for more.
        if self.hosted.context.is_empty() {
            self.hosted.context.reuse(context);
        }
        for id in written_to.drain(..) {
            self.write_out(id);
        }
        self.written_to = written_to;
    }

    /// Carries out an action that sends no message. `None`: its peer is gone.
    fn perform(&mut self, action: Action, bytes: &[u8]) -> Option<()> {
        match action {
            Action::Interim(to, len) => self.peers.send(to, bytes, std::iter::once(len), &mut self.reactor),
            Action::Flush(id) => self.peers.get_mut(id)?.link.end_group(),
            Action::Finish(id) => self.on(id, Input::Finish),
            Action::Close(id) => self.begin_close(id, Input::Close),
            Action::Reset(id) => self.on(id, Input::Reset),
            Action::Prompt => self.peers.console_mut()?.prompt(),
            Action::Dial(id) => self.hosted.dials.push(id),
            Action::Stop => self.hosted.stopped = true,
            Action::Timer { id, nanos } => {
                let at = self.reactor.now().checked_add(Duration::from_nanos(nanos));
                self.hosted.timers.set(id, at, &mut self.reactor);
            }
            Action::CancelTimer { id } => self.hosted.timers.cancel(id),
            Action::Store(_) => self.store(bytes),
            Action::LoginFailed(id, _) => {
                let peer = self.peers.conn(id).map_or("console", Conn::peer);
                self.hosted.failed_logins.push(format!("{peer}: {}", String::from_utf8_lossy(bytes)));
            }
            Action::Warn(_) | Action::Inform(_) => self.hosted.note_operator_line(action, bytes),
            Action::Send(..) | Action::Repeat(..) | Action::Upgrade(_) | Action::Compute(_) => {} // batches of their own
        }
        Some(())
    }

    fn upgrade(&mut self, id: PeerId, framing: Framing) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.inbox.reframe(framing);
        self.reactor.again(id); // what it has sent may be complete messages now
    }

    /// Writes what is queued for a peer, and drives its end if it is due.
    fn write_out(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.link.has_queued() {
            self.peers.flush(id, &mut self.reactor);
        }
        match self.hosted.service.sink(id) {
            // Several peers may have waited for the console.
            PeerId::Console if id == PeerId::Console => {
                self.peers.ids().into_iter().for_each(|peer| self.resume(peer));
                self.resume(PeerId::Console);
            }
            source => self.resume(source), // its reading may have paused because this one was full
        }
        if self.peers.conn(id).is_some_and(|conn| conn.life().is_ending()) {
            self.peers.drive(id, &mut self.reactor);
        }
    }

    /// Reports the peers that have ended to the service.
    pub(super) fn report_removed(&mut self) {
        for Removed { ended, pipe } in self.peers.take_removed() {
            self.aborted += usize::from(ended.aborted);
            if !self.openings.remove(ended.id) {
                if let Some(pipe) = pipe {
                    self.hosted.dispatch_pipe(ended.id, pipe, &mut self.scratch);
                }
                self.hosted.report_closed(&ended);
            }
            self.ended.push(ended);
        }
    }

    /// The questions where the input of a peer goes.
    #[inline]
    fn routes(&self) -> Routes<'_, S> {
        let is_full = self.recorder.transcript().is_some_and(Transcript::is_full);
        Routes { peers: &self.peers, service: &self.hosted.service, traits: self.traits, is_full }
    }

    /// The time of this turn, for what is measured outside.
    pub(super) fn now(&self) -> Instant {
        self.reactor.now()
    }
}

#[cfg(test)]
mod tests;
