//! Rooms that several servers share: what happens in the rooms of one is published through a broker, and the others
//! show it to their members.
//!
//! The broker keeps nothing. What is said while a server is not connected to it is missing elsewhere, and the members
//! are notified for how many seconds. The lines of a server in a room have numbers, which count up by one: a line that
//! comes twice is left out, and the members are notified of those that have not come.

mod nats;
mod others;
mod outgoing;
mod record;
mod uplink;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

use super::engine::{Deed, Engine};
use super::event::{Effect, RoomEvent, Tone};
use super::journal::RecordedLine;
use super::limits::Limits;
use super::name::RoomName;
use super::pace::{Pace, Rate};
use crate::service::{Context, Event, PeerId};
use crate::value::{Moment, Timestamp, counted};
pub use nats::{NoTls, offers_tls};
use others::{Order, Others};
use outgoing::Outgoing;
use record::{Kind, Record, ServerId};
use uplink::{Due, Terms, Up, Uplink};

/// How often a server says that it is there.
const HERE: Duration = Duration::from_secs(5);
/// How long answers wait for further questions: after a broker is back, each server asks.
const ANSWER: Duration = Duration::from_millis(100);
/// A server asks for the members of others at most once in this time.
const ASK: Duration = Duration::from_secs(1);
/// What is taken of a broker: a record takes a token, and another one for each of these bytes.
const BYTES_OF_TOKEN: usize = 1024;
const RECORDS: Rate = Rate { per_second: 2000, burst: 20_000 };
/// A broker that sends more than that for this long is closed.
const LONGEST_FLOOD: Duration = Duration::from_secs(10);
/// A broker that is read for this long without a pause no longer sends too much.
const BREAK: Duration = Duration::from_secs(1);
/// The smallest limit of a record.
const RECORD: usize = 32 * 1024;

/// How rooms are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// A random number, by which the other servers know this one.
    pub id: u64,
    /// The user and the password for the broker.
    pub login: Option<(String, String)>,
    /// The connection to it is encrypted by TLS.
    pub tls: bool,
}

/// The rooms of other servers.
#[derive(Debug)]
pub(super) struct Via {
    id: ServerId,
    limits: Limits,
    uplink: Uplink,
    others: Others,
    outgoing: Outgoing,
    /// The operator knows that there is no connection.
    warned: bool,
    /// The last time without a connection.
    outage: Option<(Duration, Duration)>,
    here_at: Duration,
    answer_at: Option<Duration>,
    asked_at: Option<Duration>,
    pace: Pace,
    /// The broker is not read until this time, because it has sent too much.
    paused_until: Option<Duration>,
    flood: Option<Flood>,
    /// This server ends: that the connection ends is no loss.
    is_ending: bool,
}

/// The time in which a broker has sent too much.
#[derive(Clone, Copy, Debug)]
struct Flood {
    since: Duration,
    /// The end of its last pause.
    until: Duration,
}

/// What an event of the broker changes.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) context: &'a mut Context,
    /// Lines of rooms are recorded.
    pub(super) recorded: bool,
}

impl Via {
    /// Begins to share the rooms of this engine.
    pub(super) fn begin(broker: Broker, engine: &mut Engine, now: Moment) -> Self {
        engine.begin_sharing();
        let (id, limits) = (ServerId(broker.id), *engine.limits());
        let subjects = [outgoing::LINES.to_owned(), outgoing::MEMBERS.to_owned(), outgoing::private(id)].into();
        // A control character takes six bytes in JSON.
        let longest = RECORD.max(6 * limits.text.max(limits.remark) + 4096);
        let terms = Terms { login: broker.login, tls: broker.tls, subjects, longest, seed: broker.id };
        Via {
            id,
            limits,
            uplink: Uplink::new(terms, now.elapsed),
            others: Others::new(id),
            outgoing: Outgoing::new(id),
            warned: false,
            outage: None,
            here_at: Duration::ZERO,
            answer_at: None,
            asked_at: None,
            pace: Pace::default(),
            paused_until: None,
            flood: None,
            is_ending: false,
        }
    }

    /// This server begins to end.
    pub(super) fn begin_end(&mut self) {
        self.is_ending = true;
    }

    /// Whether this is the broker.
    pub(super) fn is_broker(&self, peer: PeerId) -> bool {
        self.uplink.peer() == Some(peer)
    }

    /// Whether there is a connection to the broker.
    pub(super) fn is_connected(&self) -> bool {
        self.uplink.peer().is_some()
    }

    /// Whether the broker is to be read.
    pub(super) fn wants(&self) -> bool {
        self.paused_until.is_none()
    }

    /// Handles an event, if it is one of the connection to the broker. True: it is.
    pub(super) fn on(&mut self, event: &Event<'_>, scene: &mut Scene<'_>) -> bool {
        let lost = match *event {
            Event::Linked { client: PeerId::Console, server } => {
                self.uplink.connected(server, scene.context.now().elapsed);
                return true;
            }
            Event::Unreachable { client: PeerId::Console } => {
                self.warned = true; // with the error
                self.uplink.lose(false, scene.context.now().elapsed);
                return true;
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } if self.is_broker(peer) => {
                self.read(peer, bytes, scene);
                return true;
            }
            Event::Eof { peer } if self.is_broker(peer) => "it has closed the connection",
            Event::Failed { peer, why } if self.is_broker(peer) => why,
            Event::Overrun { peer } if self.is_broker(peer) => "it reads too slowly",
            Event::Closed { peer } if self.is_broker(peer) => "the connection has ended",
            _ => return false,
        };
        self.lose(lost, false, scene);
        true
    }

    /// Does what is due.
    pub(super) fn on_timer(&mut self, scene: &mut Scene<'_>) {
        let now = scene.context.now().elapsed;
        if let Some(peer) = self.uplink.peer().filter(|_| self.paused_until.is_some_and(|at| at <= now)) {
            self.paused_until = None;
            scene.context.flush(peer); // it may be read again
        }
        match self.uplink.due(now, self.outgoing.bytes()) {
            Due::Nothing => {}
            Due::Dial => scene.context.dial(PeerId::Console),
            Due::Close(why) => self.lose(why, true, scene),
        }
        if self.uplink.up().is_none() {
            return;
        }
        if self.here_at <= now {
            self.here_at = now + HERE;
            self.outgoing.publish_word(Kind::Here);
        }
        if self.answer_at.is_some_and(|at| at <= now) {
            self.answer_at = None;
            self.outgoing.publish_members(scene.engine);
        }
        for server in self.others.take_silent(now) {
            scene.engine.lose_server(&server, Some("no longer answers"), scene.context.now(), scene.effects);
        }
    }

    /// When [`on_timer`](Self::on_timer) has something to do.
    pub(super) fn due_at(&self) -> Option<Duration> {
        let when_up = self
            .uplink
            .up()
            .and_then(|_| [Some(self.here_at), self.answer_at, self.others.silent_at()].into_iter().flatten().min());
        [self.uplink.due_at(), self.paused_until, when_up].into_iter().flatten().min()
    }

    /// Publishes what has happened here, and sends it.
    pub(super) fn publish(&mut self, engine: &mut Engine, context: &mut Context) {
        let up = self.uplink.up();
        for event in engine.take_shared() {
            self.outgoing.publish(&event, up.is_some(), &self.others);
        }
        if let Some(peer) = self.uplink.peer().filter(|_| !self.outgoing.bytes().is_empty()) {
            context.send_with(peer, |out| out.append(self.outgoing.bytes()));
        }
        self.outgoing.bytes().clear(); // nobody is there to get it
    }

    /// Takes leave of the other servers, because this one ends.
    pub(super) fn end(&mut self, context: &mut Context) {
        let Some(peer) = self.uplink.peer() else { return };
        if self.uplink.up().is_some() {
            self.outgoing.publish_word(Kind::Bye);
            context.send_with(peer, |out| out.append(self.outgoing.bytes()));
        }
        context.close(peer);
    }

    fn read(&mut self, peer: PeerId, bytes: &[u8], scene: &mut Scene<'_>) {
        let now = scene.context.now();
        let mut messages = Vec::new();
        let read = self.uplink.read(bytes, now.elapsed, self.outgoing.bytes(), |subject, payload| {
            messages.push((subject.to_vec(), payload.to_vec()));
        });
        let count = u32::try_from(messages.len() + bytes.len() / BYTES_OF_TOKEN).unwrap_or(u32::MAX);
        for (subject, payload) in messages {
            self.receive(peer, &subject, &payload, scene);
        }
        match read {
            Ok(Some(up)) => self.begin_up(up, scene),
            Ok(None) => {}
            Err(why) => return self.lose(&why, false, scene),
        }
        self.paused_until = self.pace.take(count, RECORDS, now.elapsed);
        let Some(until) = self.paused_until else { return };
        let flood = self.flood.filter(|flood| now.elapsed <= flood.until + BREAK);
        let since = flood.map_or(now.elapsed, |flood| flood.since);
        self.flood = Some(Flood { since, until });
        if now.elapsed > since + LONGEST_FLOOD {
            self.lose("it sends too much", false, scene);
        }
    }

    /// The broker passes messages on from now on.
    fn begin_up(&mut self, up: Up, scene: &mut Scene<'_>) {
        let now = scene.context.now();
        let seconds = up.missing.map(in_seconds);
        scene.engine.set_reaches(true, now, scene.effects);
        let text = match seconds {
            None => format!("connected; other servers know the members here as NAME/{}", &self.id.to_string()[..4]),
            Some(seconds) => format!("connected again; {} missing", are(seconds)),
        };
        scene.context.inform(&text);
        let notice = match seconds {
            None => "this room reaches other servers now".to_owned(),
            Some(seconds) => {
                format!(
                    "this room reaches other servers again: the lines of {} are missing",
                    counted(seconds, "second")
                )
            }
        };
        if self.warned || seconds.is_some() {
            scene.engine.notify(None, &notice, now, scene.effects);
        }
        self.warned = false;
        self.outage = up.missing.map(|missing| (now.elapsed.saturating_sub(missing), now.elapsed));
        self.outgoing.publish_hello(seconds);
        self.outgoing.publish_members(scene.engine);
        (self.here_at, self.answer_at) = (now.elapsed + HERE, None);
    }

    /// There is no connection any more.
    fn lose(&mut self, why: &str, was_silent: bool, scene: &mut Scene<'_>) {
        let now = scene.context.now();
        if let Some(peer) = self.uplink.peer() {
            scene.context.close(peer);
        }
        let was_up = self.uplink.lose(was_silent, now.elapsed);
        (self.paused_until, self.flood) = (None, None);
        if self.is_ending {
            return;
        }
        if was_up {
            scene.engine.set_reaches(false, now, scene.effects);
            self.others.lose_all();
            scene.engine.notify(None, "this room no longer reaches other servers", now, scene.effects);
        }
        if was_up || !self.warned {
            self.warned = true;
            scene.context.warn(&format!("{why}; rooms go on without other servers"));
        }
    }

    /// Takes a message of the broker.
    fn receive(&mut self, peer: PeerId, subject: &[u8], payload: &[u8], scene: &mut Scene<'_>) {
        let Some((record, id)) = Record::parse(payload).filter(|&(_, id)| id != self.id) else { return };
        let is_private = subject != outgoing::LINES.as_bytes() && subject != outgoing::MEMBERS.as_bytes();
        if is_private != (record.kind == Kind::Private) {
            return;
        }
        let now = scene.context.now();
        let was_known = self.others.knows(id);
        let Some((server, is_new)) = self.others.hear(id, now.elapsed) else { return };
        if is_new && !matches!(record.kind, Kind::Hello | Kind::Bye) {
            self.ask(now.elapsed);
        }
        let room = record.room.as_deref().unwrap_or_default().as_bytes();
        let text = record.text().unwrap_or_default();
        let tone = if record.notice { Tone::Notice } else { Tone::Message };
        let deed = match record.kind {
            Kind::Line => {
                if !self.is_next(id, &server, Some(room), record.sequence, scene) {
                    return;
                }
                Deed::Say { room, text: &text, tone }
            }
            Kind::Private => {
                if !self.is_next(id, &server, None, record.sequence, scene) {
                    return;
                }
                Deed::Message { to: record.to.as_deref().unwrap_or_default().as_bytes(), text: &text, tone }
            }
            Kind::Topic => {
                let at = record.time.as_deref().and_then(Timestamp::from_rfc3339).unwrap_or(now.time);
                Deed::Topic { room, text: &text, at }
            }
            Kind::Joined => Deed::Join { room },
            Kind::Left if record.room.is_some() => Deed::Part { room, reason: &text },
            Kind::Left => Deed::Quit { reason: &text },
            Kind::Renamed => Deed::Nick { name: record.name.as_deref().unwrap_or_default().as_bytes() },
            Kind::Members => return self.take_members(id, &server, &record, scene),
            Kind::Hello => {
                scene.engine.lose_server(&server, None, now, scene.effects);
                self.answer_at = self.answer_at.or(Some(now.elapsed + ANSWER));
                let missing = record.missing.filter(|&missing| was_known && !self.shares(missing, now.elapsed));
                if let Some(missing) = missing {
                    let text =
                        format!("server {server} is back: its lines of {} are missing", counted(missing, "second"));
                    scene.engine.notify(None, &text, now, scene.effects);
                }
                return;
            }
            Kind::Ask => {
                self.answer_at = self.answer_at.or(Some(now.elapsed + ANSWER));
                return;
            }
            Kind::Here => return,
            Kind::Bye => {
                scene.engine.lose_server(&server, Some("has stopped"), now, scene.effects);
                return self.others.forget(id);
            }
        };
        let user = record.user.as_deref().unwrap_or_default().as_bytes();
        // What a server should not have sent changes nothing.
        if let Ok(Some(event)) = scene.engine.receive(&server, user, deed, now, scene.effects) {
            store(peer, &event, scene);
        }
    }

    /// Takes members that were in a room before.
    fn take_members(&mut self, id: ServerId, server: &str, record: &Record<'_>, scene: &mut Scene<'_>) {
        let now = scene.context.now();
        let room = record.room.as_deref().unwrap_or_default().as_bytes();
        let Ok(name) = RoomName::parse(room, self.limits.room_name) else { return };
        let missing = self.others.catch_up(id, &name, record.sequence.unwrap_or_default());
        notify_of_gap(&name, server, missing, scene);
        for user in &record.users {
            // One that is not allowed is left out.
            let _ = scene.engine.receive(server, user.as_bytes(), Deed::BeIn { room }, now, scene.effects);
        }
    }

    /// Whether a line has not come before. The members are notified of lines before it that have not come.
    fn is_next(
        &mut self,
        id: ServerId,
        server: &str,
        room: Option<&[u8]>,
        sequence: Option<u64>,
        scene: &mut Scene<'_>,
    ) -> bool {
        let Some(number) = sequence else { return true }; // a program that publishes lines without numbers
        let room = match room.map(|room| RoomName::parse(room, self.limits.room_name)) {
            Some(Err(_)) => return false,
            Some(Ok(room)) => Some(room),
            None => None,
        };
        match self.others.order(id, room.as_ref(), number) {
            Order::Repeated => false,
            Order::After(missing) => {
                if let Some(room) = room {
                    notify_of_gap(&room, server, missing, scene);
                }
                true
            }
        }
    }

    /// Asks all servers for their members.
    fn ask(&mut self, now: Duration) {
        if self.asked_at.is_none_or(|at| now >= at + ASK) {
            self.asked_at = Some(now);
            self.outgoing.publish_word(Kind::Ask);
        }
    }

    /// Whether this server was not connected in these last seconds, either, and its members know.
    fn shares(&self, missing: u64, now: Duration) -> bool {
        let second = Duration::from_secs(1);
        let begun = now.saturating_sub(Duration::from_secs(missing));
        self.outage.is_some_and(|(from, to)| from <= begun + second && to + second >= now)
    }
}

/// Notifies the members of a room that lines have not come.
fn notify_of_gap(room: &RoomName, server: &str, missing: u64, scene: &mut Scene<'_>) {
    if missing > 0 {
        let text = format!(
            "{} missing here, of server {server}",
            match missing {
                1 => "1 line is".to_owned(),
                missing => format!("{missing} lines are"),
            }
        );
        scene.engine.notify(Some(room), &text, scene.context.now(), scene.effects);
    }
}

/// Records a line of another server as one of this one.
fn store(peer: PeerId, event: &Rc<RoomEvent>, scene: &mut Scene<'_>) {
    if let Some(line) = RecordedLine::of(peer, event).filter(|_| scene.recorded) {
        scene.context.store(&line.encode());
    }
}

/// Whole seconds, and the begun one.
fn in_seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

fn are(seconds: u64) -> String {
    let verb = if seconds == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(seconds, "second"))
}
