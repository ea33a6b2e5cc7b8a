//! How an exchange parts from its peers: politely, within limits, and by no reset that was not asked for.

use std::time::{Duration, Instant};

use super::super::account::Account;
use super::super::peer::{Link, Peer, Stage};
use super::{Delivery, Ended, Exchange, LAST_PORTIONS, LAST_WORDS, LINGER, TURN, Why, note_heard, peer_of};
use crate::frame::FrameError;
use crate::io::Incoming;
use crate::io::conn::Conn;
use crate::io::reactor::{Behind, Ready};
use crate::service::{Event, OnShutdown, PeerId, Service};

impl<S: Service> Exchange<S> {
    /// Parts from everybody: what has arrived is answered first.
    pub(in crate::session) fn stop(&mut self) {
        let now = Instant::now();
        for id in self.ids() {
            if self.service.on_shutdown(id) == OnShutdown::KeepReading {
                continue;
            }
            // What it is to be sent, as far as that is taken at once.
            for _ in 0..LAST_PORTIONS {
                if self.service.on_shutdown(id) != OnShutdown::Abort {
                    break;
                }
                self.let_stream(id, now);
            }
            self.with(id, |peer| peer.allowance = Some(LAST_WORDS));
            self.hear_what_has_come(id, now);
        }
    }

    /// Passes on what stands ready on stdin, as far as it is taken at once. Whether that was all.
    pub(in crate::session) fn pass_last_input(&mut self, now: Instant) -> bool {
        for _ in 0..LAST_PORTIONS {
            if !self.has_last_input() {
                return true;
            }
            self.hear_what_has_come(PeerId::Console, now);
        }
        false
    }

    /// Gives a peer its turn: what has arrived since the kernel was last asked counts too.
    fn hear_what_has_come(&mut self, id: PeerId, now: Instant) {
        self.serve(Ready { key: id.into(), readable: true, writable: false, behind: Behind::Nothing }, now);
    }

    /// Drops everybody: the time for parting is over.
    pub(in crate::session) fn abandon(&mut self) {
        let ids = self.ids();
        let cut_short: Vec<PeerId> = ids.iter().copied().filter(|&id| self.is_cut_short(id)).collect();
        for id in cut_short {
            self.cut_short(id);
        }
        for id in ids {
            self.remove(id, Why::Done);
        }
    }

    /// Whether a connection would not get all that is there for it, or that it has asked for, if it
    /// ended now.
    fn is_cut_short(&self, id: PeerId) -> bool {
        let Some(peer) = self.peer(id) else { return false };
        let from = self.service.sink(id); // where what each says goes to the other
        let speaker = self.peer(from).filter(|_| self.traits.forwards && self.service.sink(from) == id);
        let is_unheard = |it: &Peer| it.middle.is_some() || it.inbox.buffered() > 0 || it.paused;
        let is_owed_more = self.service.on_shutdown(id) == OnShutdown::Abort;
        let has_more_to_say = peer.stage == Stage::Talking && peer.allowance.is_some();
        is_owed_more || has_more_to_say || peer.link.backlog() > 0 || speaker.is_some_and(is_unheard)
    }

    /// An end that is none must not look like one: closing this connection is to reset it.
    fn tear(&mut self, id: PeerId) -> Option<&Conn> {
        let Some(Peer { link: Link::Conn(conn), .. }) = self.peer_mut(id) else { return None };
        conn.tear();
        Some(conn)
    }

    /// The end of the session tears this connection, which counts once.
    pub(in crate::session) fn cut_short(&mut self, id: PeerId) -> Option<&Conn> {
        self.cut_short.insert(id);
        self.tear(id)
    }

    /// Nothing more will be shown: what was held back is written to the console.
    pub(in crate::session) fn end_output(&mut self) {
        if let Some(Peer { link: Link::Console(console), .. }) = &mut self.console {
            if let Err(error) = console.end() {
                self.remove(PeerId::Console, Why::Unwritable(error));
            }
        }
    }

    /// The peer has ended its side.
    pub(super) fn hear_end(&mut self, id: PeerId) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        let whole = peer.inbox.ends_with_stream();
        loop {
            match peer.inbox.finish() {
                Ok(Some(message)) => {
                    note_heard(peer.link.conn(), &mut peer.heard, message.wire, &self.recorder);
                    let body = &message.body;
                    let event = if whole {
                        Event::Message { peer: id, bytes: body }
                    } else {
                        Event::Rest { peer: id, bytes: body }
                    };
                    self.service.on(event, &mut self.context);
                }
                Ok(None) => break,
                Err(error) => return self.refuse(id, error),
            }
        }
        if peer.broken.is_some() {
            return self.remove(id, Why::Done); // neither side has anything more for the other
        }
        if id != PeerId::Console {
            peer.link.end_group();
            self.note_end(id);
        }
        self.service.on(Event::Eof { peer: id }, &mut self.context);
    }

    /// What has arrived from a peer before the session was stopped has been heard.
    pub(super) fn hear_last_word(&mut self, id: PeerId) {
        if self.service.on_shutdown(id) == OnShutdown::TreatAsEof {
            self.with(id, |peer| peer.allowance = None);
            self.service.on(Event::Eof { peer: id }, &mut self.context);
        } else {
            if self.service.on_shutdown(id) == OnShutdown::Abort {
                self.cut_short(id);
            }
            self.leave(id);
            self.reactor.again(id);
        }
    }

    /// Nothing more can be made of what a peer says. The service may have a word for it; whoever it
    /// does not part from then is dropped.
    pub(super) fn refuse(&mut self, id: PeerId, error: FrameError) {
        if id == PeerId::Console {
            return self.remove(id, Why::Garbled(error));
        }
        if self.peer_mut(id).is_some_and(|peer| peer.inbox.take_expectation()) {
            self.service.on(Event::Expects { peer: id }, &mut self.context); // as where the rest came later
        }
        if let FrameError::TooLong { .. } = error {
            return self.service.on(Event::TooLong { peer: id }, &mut self.context);
        }
        self.service.on(Event::Malformed { peer: id, error: &error }, &mut self.context);
        if !self.context.closes(id) {
            self.remove(id, Why::Garbled(error));
        }
    }

    /// Begins to part from a peer, whose turn goes on.
    pub(super) fn leave(&mut self, id: PeerId) {
        self.surface(id);
        let Some(peer) = self.peer_mut(id) else { return };
        if peer.stage == Stage::Talking {
            peer.stage = Stage::Leaving;
            peer.link.leave();
        }
    }

    /// Begins to part from a peer, whose turn goes on, by a reset, whatever has been begun before.
    pub(super) fn reset(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = self.peer_mut(id) else { return };
        if peer.broken.is_some() {
            return self.remove(id, Why::Done); // it takes nothing that would be waited for
        }
        peer.stage = Stage::Leaving;
        peer.link.reset(now);
    }

    /// Begins to part from a peer, whose turn comes, and does not wait for its end.
    pub(in crate::session) fn leave_now(&mut self, id: PeerId) {
        self.leave(id);
        self.with(id, |peer| peer.stream_end_mut().hurried = true);
        self.reactor.again(id);
    }

    /// Closes a connection at once.
    pub(in crate::session) fn close(&mut self, id: PeerId) {
        self.remove(id, Why::Done);
    }

    /// Drops everybody by a reset: this side has failed.
    pub(in crate::session) fn abort(&mut self) {
        for id in self.ids() {
            self.abort_one(id);
        }
    }

    pub(super) fn abort_one(&mut self, id: PeerId) {
        self.tear(id);
        self.remove(id, Why::Done);
    }

    /// Goes on parting: reads and forgets, and closes when both ends are sent or time is up.
    pub(super) fn part(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        let finished = peer.link.is_finished();
        if peer.stage == Stage::Leaving && (finished || peer.stream_end().hurried) {
            if finished && peer.link.resets() {
                return self.remove(id, Why::Done);
            }
            match wait_for_acknowledgement(peer, finished, self.ack_timeout, now) {
                Ok(None) if peer.stream_end().hurried => return self.remove(id, Why::Done),
                Ok(None) => peer.stage = Stage::Lingering(now + LINGER),
                Ok(Some(at)) => self.reactor.wake_at(id, at),
                Err(why) => return self.remove(id, why),
            }
        }
        let until = match peer.stage {
            Stage::Talking => return,
            Stage::Leaving => None,
            Stage::Lingering(until) => Some(until),
        };
        let is_over = |peer: &Peer| peer.link.eof() || until.is_some_and(|until| now >= until);
        let drops_a_stream = self.traits.forwards && self.ack_timeout.is_some();
        for reads in 0..=TURN {
            if is_over(peer) {
                break;
            }
            if reads == TURN {
                self.reactor.again(id);
                break;
            }
            match peer.link.read(&mut self.scratch, now) {
                Ok(Incoming::Bytes(_)) => {
                    if let (Link::Conn(conn), true) = (&mut peer.link, drops_a_stream) {
                        conn.tear(); // its end must not look like a receipt
                    }
                }
                Ok(Incoming::Until(at)) => {
                    self.reactor.wake_at(id, at);
                    break;
                }
                Ok(Incoming::Eof | Incoming::Blocked) => break,
                Err(error) => return self.remove(id, Why::Failed(error)),
            }
        }
        match until {
            Some(_) if is_over(peer) => self.remove(id, Why::Done),
            // In every turn, for an earlier alarm takes the place of this one.
            Some(until) => self.reactor.wake_at(id, until),
            None => self.watch_idleness(id, now), // what it was sent is still on its way
        }
    }

    /// When to look again whether a connection that stands has taken and acknowledged everything; `None`
    /// when it has.
    ///
    /// # Errors
    /// The connection was reset, or nothing more was acknowledged within this time.
    pub(in crate::session) fn await_arrival(
        &mut self,
        id: PeerId,
        limit: Duration,
        now: Instant,
    ) -> Result<Option<Instant>, Why> {
        let has_to_write = self.peer(id).is_some_and(|peer| peer.link.has_to_write() || peer.link.holds_back());
        let Some(peer) = self.peer_mut(id) else { return Ok(None) };
        wait_for_acknowledgement(peer, !has_to_write, Some(limit), now)
    }

    /// Ends a peer that neither says nor takes anything. The time counts from the end of a pause
    /// that is ours, and for one that is not read from because its sink has much to take, from when
    /// that last took some.
    pub(super) fn watch_idleness(&mut self, id: PeerId, now: Instant) {
        let Some(limit) = self.idle_timeout else { return };
        let Some(peer) = self.peer(id).filter(|_| id != PeerId::Console) else { return };
        let held_back = peer.paused && peer.stage == Stage::Talking;
        let sink = self.peer(self.service.sink(id)).filter(|_| held_back);
        let active = sink.map_or(peer.active, |sink| peer.active.max(sink.active));
        match active.checked_add(limit) {
            Some(at) if now >= at => self.remove(id, Why::Idle),
            Some(at) => self.reactor.wake_at(id, at),
            None => {}
        }
    }

    /// What the connections that have not ended came to so far.
    pub(in crate::session) fn accounts(&self, now: Instant) -> impl Iterator<Item = Account> + '_ {
        self.peers.iter().filter_map(move |(_, peer)| Account::of(peer, now))
    }

    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.peers.iter().map(|(number, _)| PeerId::Conn(number)).collect()
    }

    pub(super) fn remove(&mut self, id: PeerId, why: Why) {
        let PeerId::Conn(number) = id else {
            if self.console.take().is_some() {
                self.ended.push(Ended {
                    id,
                    name: "console".to_owned(),
                    why,
                    unfinished: Vec::new(),
                    account: None,
                    delivery: Delivery::default(),
                });
                self.service.on(Event::Closed { peer: id }, &mut self.context);
            }
            return;
        };
        let delivery = self.delivery(id);
        let is_torn = matches!(why, Why::Idle)
            && self.is_cut_short(id)
            && (self.ack_timeout.is_none() || delivery.loss("", &why).is_some());
        if is_torn {
            self.tear(id);
        }
        self.surface(id);
        let Some(peer) = self.peers.try_remove(number) else { return };
        let account = Account::of(&peer, Instant::now());
        self.dials.retain(|&client| client != id);
        self.called -= usize::from(peer.called_for.is_some());
        let why = match (why, peer.broken, peer.inbox.failure()) {
            (Why::Done, Some(error), _) => Why::Failed(error),
            (Why::Done, None, Some(error)) => Why::Garbled(error.clone()),
            (why, ..) => why,
        };
        let failed = is_torn || matches!(why, Why::Failed(_));
        if let Link::Conn(conn) = peer.link {
            let name = conn.peer().to_owned();
            conn.close(&self.reactor, if let Why::Failed(error) = &why { Some(error) } else { None });
            self.ended.push(Ended { id, name, why, unfinished: peer.inbox.into_held(), delivery, account });
        }
        if failed {
            self.service.on(Event::Failed { peer: id }, &mut self.context);
        }
        self.service.on(Event::Closed { peer: id }, &mut self.context);
    }
}

/// Whether a peer has acknowledged everything that it was sent, if that is `written`: `None` when it
/// has, or when that is not waited for; otherwise when to look again. The time counts from the last byte
/// that was.
fn wait_for_acknowledgement(
    peer: &mut Peer,
    written: bool,
    limit: Option<Duration>,
    now: Instant,
) -> Result<Option<Instant>, Why> {
    let Some(limit) = limit.filter(|_| peer.broken.is_none()) else { return Ok(None) };
    let Link::Conn(conn) = &peer.link else { return Ok(None) };
    let outstanding = conn.backlog() as u64 + conn.unacknowledged().unwrap_or(0);
    let since = match peer.stream_end().acknowledging {
        Some((since, before)) if before <= outstanding => since,
        _ => now,
    };
    let next = conn.acknowledgement(since, now).map_err(Why::Failed)?;
    let Some(next) = next.or_else(|| (!written).then_some(now + limit)) else { return Ok(None) };
    peer.stream_end_mut().acknowledging = Some((since, outstanding));
    match since.checked_add(limit) {
        Some(until) if now >= until => Err(Why::Unacknowledged),
        Some(until) => Ok(Some(next.min(until))),
        None => Ok(Some(next)),
    }
}
