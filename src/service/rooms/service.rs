//! The service of rooms: connects the engine with the connections.

mod delivery;
mod irc;
mod sharing;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::event::{Effect, Entrance, Happening, MemberId, Refusal, Role, RoomEvent};
use super::foreign::Foreign;
use super::irc::client::{IrcClient, Network};
use super::line::member::{Choice, Desk, Then};
use super::line::show;
use super::name::RoomName;
use super::settings::Settings;
use crate::auth::{Evidence, Policy};
use crate::service::{Client, Context, Event, OnShutdown, PeerId, Port, RoomSize, Service, Traits};

use sharing::Sharing;

/// A new client that sends nothing joins the default room after this time. Before it, the first lines may choose a name
/// and another room; and a client that only looks whether the port is open is never announced.
const ARRIVAL: Duration = Duration::from_millis(300);
/// A member that has sent too much for this long without a break is closed. It may have closed its side long ago: its
/// end is behind its lines.
const LONGEST_FLOOD: Duration = Duration::from_secs(60);
/// A member that sends nothing for this long after it was read again has made a break.
const BREAK: Duration = Duration::from_secs(1);
/// The timer of clients and announcements.
const TIMER: u64 = 0;

/// Rooms, and the clients that are in them.
#[derive(Debug)]
pub struct RoomService {
    engine: Engine,
    settings: Settings,
    clients: HashMap<PeerId, RoomClient>,
    /// What all clients of IRC share.
    network: Network,
    /// Who may log in with messages of IRC.
    policy: Option<Arc<Policy>>,
    /// When to ask a client of IRC whether it is still there, or to close it.
    watched: BTreeSet<(Duration, PeerId)>,
    /// When a client is due, because its arrival or its pause ends.
    due: BTreeSet<(Duration, PeerId)>,
    /// When the timer is set to.
    timer: Option<Duration>,
    effects: Vec<Effect>,
    sharing: Sharing,
}

/// A client, whatever it speaks.
#[derive(Debug, Default)]
struct RoomClient {
    ip: Option<IpAddr>,
    state: State,
    front: Front,
    /// Since when it has sent too much without a break.
    flood_since: Duration,
    /// When it was last read again.
    read_again: Duration,
    /// Until when it waits: for its arrival to be over, or, as a member, for a token.
    until: Option<Duration>,
    /// When it is next asked whether it is still there, or closed.
    watched: Option<Duration>,
    /// When it last sent something.
    heard: Duration,
}

/// What a client speaks.
#[derive(Debug)]
enum Front {
    /// It sends and gets lines.
    Lines {
        /// The room that its lines go to.
        room: Option<RoomName>,
    },
    /// It speaks IRC.
    Irc(Box<IrcClient>),
}

impl Default for Front {
    fn default() -> Self {
        Front::Lines { room: None }
    }
}

/// The state of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// It has sent nothing.
    #[default]
    Arriving,
    /// It has sent a line, and was in no room yet.
    Choosing,
    /// It is in a room, or was refused.
    Present,
    /// It is being closed.
    Gone,
}

impl RoomService {
    /// The traits of rooms.
    pub const TRAITS: Traits = Traits {
        answers: true,
        stateful: true,
        sheds: true, // a client that does not read must not stop the others
        discards: true,
        ..Traits::PLAIN
    };

    /// Rooms without members.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        RoomService {
            engine: Engine::new(settings.limits),
            settings,
            clients: HashMap::new(),
            network: Network::default(),
            policy: None,
            watched: BTreeSet::new(),
            due: BTreeSet::new(),
            timer: None,
            effects: Vec::new(),
            sharing: Sharing::default(),
        }
    }

    /// The same, where clients of IRC log in if there is a policy. Clients of lines have logged in before.
    #[must_use]
    pub fn admitting(self, policy: Option<Arc<Policy>>) -> Self {
        RoomService { policy, ..self }
    }

    /// Adds a line of an earlier run to the history of its room; see [`Engine::restore`].
    pub fn restore(&mut self, event: RoomEvent) {
        self.engine.restore(event);
    }

    fn open(&mut self, peer: PeerId, context: &mut Context) {
        self.clients.entry(peer).or_default();
        if peer == PeerId::Console {
            self.settle(peer, context);
            return self.join_default(peer, context);
        }
        if self.is_irc(peer) {
            return self.open_irc(peer, context);
        }
        self.wait_until(peer, Some(context.now().elapsed + ARRIVAL));
    }

    /// Has a client wait until this time, or no longer.
    fn wait_until(&mut self, peer: PeerId, at: Option<Duration>) {
        let Some(client) = self.clients.get_mut(&peer) else { return };
        if let Some(before) = client.until.take() {
            self.due.remove(&(before, peer));
        }
        client.until = at;
        self.due.extend(at.map(|at| (at, peer)));
    }

    /// Makes a client a member, if it is none yet.
    fn enter(&mut self, peer: PeerId, name: Option<&[u8]>, context: &Context) -> Result<(), Refusal> {
        if self.engine.member(peer).is_some() {
            return Ok(());
        }
        let ip = self.clients.get(&peer).and_then(|client| client.ip);
        let role = if peer == PeerId::Console { Role::Operator } else { Role::Member };
        let user = context.user(peer);
        self.engine.enter(peer, Entrance { name, ip, role, user }, context.now()).map(drop)
    }

    /// The client has chosen a name and a room, or does not: it becomes a member, if it is none yet. False: it was
    /// refused.
    fn settle(&mut self, peer: PeerId, context: &mut Context) -> bool {
        if let Some(client) = self.clients.get_mut(&peer) {
            client.state = State::Present;
        }
        self.wait_until(peer, None);
        let name = (peer == PeerId::Console).then_some(&b"operator"[..]);
        let entered = self.enter(peer, name, context);
        if let Err(refusal) = &entered {
            notice(peer, refusal, context);
            self.close(peer, b"", context);
        }
        entered.is_ok()
    }

    /// Has a member join the default room, if it is in none.
    fn join_default(&mut self, peer: PeerId, context: &mut Context) {
        let room = self.settings.room.clone();
        let Some(mut desk) = self.desk(peer, context).filter(|desk| desk.room.is_none()) else { return };
        if let Err(refusal) = desk.go_to(room.as_bytes()) {
            notice(peer, &refusal, context);
        }
    }

    fn desk<'a>(&'a mut self, peer: PeerId, context: &'a mut Context) -> Option<Desk<'a>> {
        let Front::Lines { room } = &mut self.clients.get_mut(&peer)?.front else { return None };
        let (engine, settings, effects) = (&mut self.engine, &self.settings, &mut self.effects);
        Some(Desk { engine, settings, context, effects, peer, room })
    }

    fn line(&mut self, peer: PeerId, line: &[u8], context: &mut Context) {
        let Some(client) = self.clients.get_mut(&peer) else { return };
        if matches!(client.front, Front::Irc(_)) {
            return self.irc_line(peer, Some(line), context);
        }
        let is_first = client.state == State::Arriving;
        match client.state {
            State::Gone => {}
            State::Present => self.take_line(peer, line, context),
            State::Arriving | State::Choosing => {
                client.state = State::Choosing;
                match Foreign::of_first_line(line).filter(|_| is_first) {
                    Some(foreign) => {
                        let answer = foreign.answer(self.settings.irc.as_deref());
                        context.send(peer, answer.as_bytes());
                        self.close(peer, b"", context);
                    }
                    None => self.choose(peer, line, context),
                }
            }
        }
    }

    /// Takes a line of a client that is in no room yet: it may choose a name, and then a room.
    fn choose(&mut self, peer: PeerId, line: &[u8], context: &mut Context) {
        match Choice::of(line) {
            Choice::Name(name) if self.engine.member(peer).is_none() => {
                if let Err(refusal) = self.enter(peer, Some(name), context) {
                    notice(peer, &refusal, context);
                    if refusal == Refusal::Banned {
                        self.close(peer, b"", context);
                    } else if self.settle(peer, context) {
                        self.join_default(peer, context);
                    }
                }
            }
            Choice::Room => {
                if self.settle(peer, context) {
                    self.take_line(peer, line, context);
                    self.join_default(peer, context);
                }
            }
            Choice::Name(_) | Choice::Nothing => {
                if self.settle(peer, context) {
                    self.join_default(peer, context);
                    self.take_line(peer, line, context);
                }
            }
        }
    }

    fn take_line(&mut self, peer: PeerId, line: &[u8], context: &mut Context) {
        let then = self.desk(peer, context).map(|mut desk| desk.take(line));
        match then {
            Some(Then::Leaves(_)) if peer == PeerId::Console => context.stop(),
            Some(Then::Leaves(reason)) => self.close(peer, &reason, context),
            _ => self.pause(peer, context),
        }
        if peer == PeerId::Console {
            context.prompt(); // at a terminal
        }
    }

    /// Has a member that has sent too much wait for its next token.
    fn pause(&mut self, peer: PeerId, context: &mut Context) {
        let now = context.now().elapsed;
        let (Some(until), Some(client)) = (self.engine.paused_until(peer, context.now()), self.clients.get_mut(&peer))
        else {
            return;
        };
        if now > client.read_again + BREAK {
            client.flood_since = now;
        }
        if now > client.flood_since + LONGEST_FLOOD && peer != PeerId::Console {
            self.send_reason(peer, "you send too much", context);
            return self.close(peer, b"sent too much", context);
        }
        self.wait_until(peer, Some(until));
    }

    /// Whether a client waits for a token, or for its login.
    fn is_paused(&self, peer: PeerId) -> bool {
        let is_paused = |client: &RoomClient| match &client.front {
            Front::Irc(irc) if irc.is_waiting() => true,
            _ => client.state == State::Present && client.until.is_some(),
        };
        self.clients.get(&peer).is_some_and(is_paused)
    }

    /// Ends the membership of a client, and closes its connection.
    fn close(&mut self, peer: PeerId, reason: &[u8], context: &mut Context) {
        self.leave(peer, reason, context);
        context.close(peer);
    }

    fn leave(&mut self, peer: PeerId, reason: &[u8], context: &Context) {
        if let Some(client) = self.clients.get_mut(&peer) {
            client.state = State::Gone;
            self.wait_until(peer, None);
            self.watch_at(peer, None);
            self.engine.leave(peer, reason, context.now(), &mut self.effects);
        }
    }

    fn on_timer(&mut self, context: &mut Context) {
        self.timer = None;
        let now = context.now();
        while let Some(&(at, peer)) = self.due.first() {
            if at > now.elapsed {
                break;
            }
            self.wait_until(peer, None);
            let Some(client) = self.clients.get_mut(&peer) else { continue };
            if client.state == State::Present {
                client.read_again = now.elapsed;
                context.flush(peer); // its next lines may be read
            } else if self.is_irc(peer) {
                self.send_reason(peer, "no NICK and USER in time", context);
                self.close(peer, b"", context);
            } else {
                if self.settle(peer, context) {
                    self.join_default(peer, context);
                }
                self.carry_out(Some(peer), context);
            }
        }
        self.check_watched(context);
        self.engine.announce_crowds(now, &mut self.effects);
    }

    fn set_timer(&mut self, context: &mut Context) {
        let first = |set: &BTreeSet<(Duration, PeerId)>| set.first().map(|&(at, _)| at);
        let times = [first(&self.due), first(&self.watched), self.engine.announces_at()];
        let next = times.into_iter().flatten().min();
        if next != self.timer {
            self.timer = next;
            match next {
                Some(at) => context.timer(TIMER, at.saturating_sub(context.now().elapsed)),
                None => context.cancel_timer(TIMER),
            }
        }
    }

    /// Sends what follows from the requests of `asker` so far. Of its own moves it has had an answer already.
    fn carry_out(&mut self, asker: Option<MemberId>, context: &mut Context) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Deliver { event, to } => {
                    let is_move = matches!(
                        event.what,
                        Happening::Joined { .. } | Happening::Parted { .. } | Happening::Renamed { .. }
                    );
                    let skipped = asker.filter(|_| is_move);
                    let to = to.into_iter().filter(|&to| Some(to) != skipped);
                    self.deliver(&event, to, context);
                }
                Effect::Remove { member, reason } => {
                    self.send_reason(member, &format!("you were {}", String::from_utf8_lossy(&reason)), context);
                    self.close(member, b"", context);
                }
            }
        }
    }
}

fn notice(peer: PeerId, refusal: &Refusal, context: &mut Context) {
    context.send_with(peer, |out| show::notice(&refusal.to_string(), out));
}

impl Service for RoomService {
    fn begin(&mut self, context: &mut Context) {
        self.begin_sharing(context);
    }

    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        let asker = match event {
            event if self.on_broker(&event, context) => None,
            Event::Open { peer } => {
                self.open(peer, context);
                Some(peer)
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } => {
                self.line(peer, bytes, context);
                Some(peer)
            }
            // The operator may only listen.
            Event::Eof { peer: PeerId::Console } => None,
            Event::Eof { peer } => {
                self.close(peer, b"", context);
                None
            }
            Event::TooLong { peer } => {
                self.refuse_long(peer, context);
                Some(peer)
            }
            Event::Failed { peer, .. } => {
                self.leave(peer, b"connection lost", context);
                None
            }
            Event::Overrun { peer } => {
                self.leave(peer, b"reads too slowly", context);
                None
            }
            Event::Closed { peer } => {
                self.leave(peer, b"", context);
                self.clients.remove(&peer);
                self.network.forget(peer);
                None
            }
            Event::Timer { .. } => {
                self.on_timer(context);
                None
            }
            Event::Computed { peer, ticket, answer } => {
                self.on_answer(peer, ticket, answer, context);
                Some(peer)
            }
            _ => None,
        };
        self.carry_out(asker, context);
        self.end_sharing_turn(context);
        self.set_timer(context);
    }

    fn introduce(&mut self, peer: PeerId, client: &dyn Fn() -> Client) {
        // A ban of a loopback address would ban every local client.
        let Client { port, ip } = client();
        let ip = ip.map(|ip| ip.to_canonical()).filter(|ip| !ip.is_loopback());
        self.client_at(peer, port).ip = ip;
    }

    fn wants(&self, from: PeerId) -> bool {
        !self.is_paused(from) && self.sharing.wants(from)
    }

    fn on_shutdown(&self, peer: PeerId) -> OnShutdown {
        if self.is_paused(peer) { OnShutdown::CloseUnread } else { self.when_shutting_down(peer) }
    }

    fn wants_evidence(&self) -> bool {
        self.policy.is_some()
    }

    fn meet(&mut self, peer: PeerId, port: Port, evidence: Evidence) {
        if let Front::Irc(client) = &mut self.client_at(peer, port).front {
            client.evidence = evidence;
        }
    }

    fn hides(&self, peer: PeerId, _: &[u8]) -> bool {
        let is_hidden = |client: &RoomClient| matches!(&client.front, Front::Irc(irc) if !irc.is_registered());
        self.policy.is_some() && self.clients.get(&peer).is_some_and(is_hidden)
    }

    fn rooms(&self) -> Vec<RoomSize> {
        let rooms = self.engine.rooms().filter(|room| !room.members.is_empty());
        rooms.map(|room| RoomSize { name: room.name.to_string(), members: room.members.len() }).collect()
    }
}

#[cfg(test)]
mod tests;
