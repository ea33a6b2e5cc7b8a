//! Members of other servers: what they do reaches the members here, and what happens here is kept for them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::event::{Effect, Happening, Move, Refusal, RoomEvent, Tone};
use super::super::name::{Name, RoomName};
use super::{Engine, Outcome, deliver};
use crate::value::{Moment, Timestamp, counted};

/// The most members of other servers, over all rooms.
const MOST: usize = 50_000;

/// What a member of another server does. Names and texts are as the server sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are, and each variant explains its own")]
pub enum Deed<'a> {
    /// It sends a line to a room.
    Say { room: &'a [u8], text: &'a [u8], tone: Tone },
    /// It sends a line to a member here.
    Message { to: &'a [u8], text: &'a [u8], tone: Tone },
    /// It has set the topic of a room, at this time.
    Topic { room: &'a [u8], text: &'a [u8], at: Timestamp },
    /// It has joined a room.
    Join { room: &'a [u8] },
    /// It was in a room already when its server was connected.
    BeIn { room: &'a [u8] },
    /// It has left a room.
    Part { room: &'a [u8], reason: &'a [u8] },
    /// It has left all rooms.
    Quit { reason: &'a [u8] },
    /// It has another name.
    Nick { name: &'a [u8] },
}

/// The members of other servers, and what happens here for them.
#[derive(Debug, Default)]
pub(super) struct Remote {
    /// The rooms of each member.
    members: BTreeMap<Name, BTreeSet<RoomName>>,
    /// The number of their memberships.
    count: usize,
    /// The events of this server since they were last taken; `None` if nobody takes them.
    shared: Option<Vec<Rc<RoomEvent>>>,
    /// Lines reach other servers now.
    reaches: bool,
}

impl Remote {
    /// Keeps an event for the other servers.
    pub(super) fn share(&mut self, event: &Rc<RoomEvent>) {
        if let Some(shared) = &mut self.shared {
            shared.push(Rc::clone(event));
        }
    }

    /// The member of another server with this name, and its rooms.
    fn get(&self, name: &[u8]) -> Option<(&Name, &BTreeSet<RoomName>)> {
        let (name, server) = std::str::from_utf8(name).ok()?.rsplit_once('/')?;
        let name = Name::parse(name.as_bytes(), name.len()).ok()?.of_server(server);
        self.members.get_key_value(&name)
    }

    /// The member of another server with this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<Name> {
        self.get(name).map(|(name, _)| name.clone())
    }
}

impl Engine {
    /// Keeps what happens here for other servers, from now on.
    pub fn begin_sharing(&mut self) {
        self.remote.shared = Some(Vec::new());
    }

    /// The member of another server with this name, and its rooms.
    #[must_use]
    pub fn remote_member(&self, name: &[u8]) -> Option<(&Name, &BTreeSet<RoomName>)> {
        self.remote.get(name)
    }

    /// The names of all members, those of other servers included.
    pub fn all_names(&self) -> impl Iterator<Item = &Name> {
        self.roster.iter().map(|(_, member)| &member.name).chain(self.remote.members.keys())
    }

    /// The number of all members, those of other servers included.
    #[must_use]
    pub fn all_members(&self) -> usize {
        self.roster.len() + self.remote.members.len()
    }

    /// What has happened here since this was last asked for.
    pub fn take_shared(&mut self) -> Vec<Rc<RoomEvent>> {
        self.remote.shared.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether rooms are shared with other servers, and these cannot be reached.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.remote.shared.is_some() && !self.remote.reaches
    }

    /// Other servers can be reached from now on, or no longer. Their members are then gone.
    pub fn set_reaches(&mut self, reaches: bool, now: Moment, effects: &mut Vec<Effect>) {
        self.remote.reaches = reaches;
        if !reaches {
            let names = self.remote.members.keys().cloned().collect();
            self.lose_members(names, "its server cannot be reached", now, effects);
        }
    }

    /// Forgets members of other servers. Returns how many each room has lost.
    fn lose_members(
        &mut self,
        names: Vec<Name>,
        reason: &str,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> BTreeMap<RoomName, usize> {
        for room in std::mem::take(&mut self.crowded) {
            self.announce_crowd(room, now, effects); // they may have joined unannounced
        }
        let mut lost: BTreeMap<RoomName, Vec<Move>> = BTreeMap::new();
        for name in names {
            for room in self.remove_remote(&name) {
                let what = Happening::Parted { room: room.clone(), reason: reason.as_bytes().into() };
                let event = self.unshared(Some(name.clone()), what, now);
                lost.entry(room).or_default().push(Move { member: None, event });
            }
        }
        let counts = lost.iter().map(|(room, moves)| (room.clone(), moves.len())).collect();
        for (room, moves) in lost {
            self.update_lists(room, moves, now, effects);
        }
        counts
    }

    /// Delivers moves that are not announced, for clients that keep a list of members.
    fn update_lists(&mut self, room: RoomName, moves: Vec<Move>, now: Moment, effects: &mut Vec<Effect>) {
        let to = self.all_in(&room);
        let event = self.unshared(None, Happening::unannounced(room, moves), now);
        deliver(effects, &event, to);
    }

    /// Does what a member of the server with this label has done. Returns the event, if members here get one.
    ///
    /// # Errors
    /// Nothing has changed, for this reason.
    pub fn receive(
        &mut self,
        server: &str,
        user: &[u8],
        deed: Deed<'_>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let name = self.name(user)?.of_server(server);
        match deed {
            Deed::Say { room, text, tone } => {
                let text = self.text(text)?;
                let room = self.open_remote(room, now)?;
                self.introduce(&name, now, effects);
                let event = self.unshared(Some(name), Happening::Line { room: room.clone(), text, tone }, now);
                self.rooms.note(&room, &event, &self.limits);
                deliver(effects, &event, self.all_in(&room));
                self.rooms.tidy(&room); // where no lines are kept
                Ok(Some(event))
            }
            Deed::Message { to, text, tone } => {
                let (to, receivers) = self.receivers(to)?;
                let what = Happening::Private { to, text: self.text(text)?, tone };
                self.introduce(&name, now, effects);
                let event = self.unshared(Some(name), what, now);
                self.deliver_private(&event, receivers, effects);
                Ok(Some(event))
            }
            Deed::Topic { room, text, at } => self.receive_topic(name, room, text, at, now, effects),
            Deed::Join { room } => {
                let room = self.add_remote(&name, room, now)?;
                let Some(room) = room else { return Ok(None) };
                let event = self.unshared(Some(name), Happening::Joined { room: room.clone() }, now);
                let announced = self.announces(&room, None, &event, now);
                deliver(effects, &event, if announced { self.all_in(&room) } else { Vec::new() });
                Ok(Some(event))
            }
            Deed::BeIn { room } => {
                if let Some(room) = self.add_remote(&name, room, now)? {
                    self.introduce(&name, now, effects); // it may have left unannounced
                    let event = self.unshared(Some(name), Happening::Joined { room: room.clone() }, now);
                    self.update_lists(room, vec![Move { member: None, event }], now, effects);
                }
                Ok(None)
            }
            Deed::Part { room, reason } => {
                let room = self.room_name(room)?;
                let is_member = |rooms: &mut BTreeSet<RoomName>| rooms.remove(&room);
                if !self.remote.members.get_mut(&name).is_some_and(is_member) {
                    return Ok(None);
                }
                self.remote.count -= 1;
                self.remote.members.retain(|other, rooms| *other != name || !rooms.is_empty());
                let what = Happening::Parted { room: room.clone(), reason: self.remark(reason) };
                let event = self.unshared(Some(name.clone()), what, now);
                let announced = self.announces(&room, None, &event, now);
                deliver(effects, &event, if announced { self.all_in(&room) } else { Vec::new() });
                self.rooms.part_remote(&room, &name);
                Ok(Some(event))
            }
            Deed::Quit { reason } => {
                let mut to = BTreeSet::new();
                let what = Happening::Quit { reason: self.remark(reason) };
                let event = self.unshared(Some(name.clone()), what, now);
                for room in self.remove_remote(&name) {
                    if self.announces(&room, None, &event, now) {
                        to.extend(self.all_in(&room));
                    }
                }
                deliver(effects, &event, to.into_iter().collect());
                Ok(Some(event))
            }
            Deed::Nick { name: new } => {
                let new = self.name(new)?.of_server(server);
                let rooms = self.remote.members.get(&name).cloned().unwrap_or_default();
                self.remove_remote(&name);
                for room in &rooms {
                    self.add_remote(&new, room.as_str().as_bytes(), now)?;
                }
                let mut to = BTreeSet::new();
                let event = self.unshared(Some(name), Happening::Renamed { name: new }, now);
                for room in &rooms {
                    if self.announces(room, None, &event, now) {
                        to.extend(self.all_in(room));
                    }
                }
                deliver(effects, &event, to.into_iter().collect());
                Ok(Some(event))
            }
        }
    }

    /// Forgets the members of a server. The members here are notified, if there is something to say.
    pub fn lose_server(&mut self, server: &str, says: Option<&str>, now: Moment, effects: &mut Vec<Effect>) {
        let of_server = self.remote.members.keys().filter(|name| name.server() == Some(server));
        let names = of_server.cloned().collect();
        for (room, members) in self.lose_members(names, "its server is gone", now, effects) {
            if let Some(says) = says {
                let text = format!("server {server} {says}: {} left", counted(members as u64, "member"));
                self.notify(Some(&room), &text, now, effects);
            }
        }
    }

    /// Prints a line of the program in a room, or in all rooms.
    pub fn notify(&mut self, room: Option<&RoomName>, text: &str, now: Moment, effects: &mut Vec<Effect>) {
        let rooms = match room {
            Some(room) => vec![room.clone()],
            None => self.rooms.iter().map(|room| room.name.clone()).collect(),
        };
        for room in rooms {
            let to = self.all_in(&room);
            let event = self.unshared(None, Happening::Notice { room, text: text.into() }, now);
            deliver(effects, &event, to);
        }
    }

    /// An event, which other servers get too.
    pub(super) fn event(&mut self, by: Option<Name>, what: Happening, now: Moment) -> Rc<RoomEvent> {
        let event = self.unshared(by, what, now);
        self.remote.share(&event);
        event
    }

    /// An event that other servers do not get.
    pub(super) fn unshared(&mut self, by: Option<Name>, what: Happening, now: Moment) -> Rc<RoomEvent> {
        // Larger than all before it, also those of an earlier run, up to 1024 events a millisecond.
        self.last_id = (self.last_id + 1).max(now.time.millis() << 10);
        Rc::new(RoomEvent { id: self.last_id, at: now.time, by, what })
    }

    /// Takes the newer one of two topics, so that all servers have the same at last.
    fn receive_topic(
        &mut self,
        name: Name,
        room: &[u8],
        text: &[u8],
        at: Timestamp,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let room = self.open_remote(room, now)?;
        let (text, at) = (self.remark(text), at.min(now.time));
        let before = self.rooms.get(&room).and_then(|room| room.topic.as_ref());
        if before.map_or(text.is_empty(), |before| before.text == text || before.at > at) {
            self.rooms.tidy(&room);
            return Ok(None);
        }
        let what = Happening::Topic { room: room.clone(), text };
        self.introduce(&name, now, effects);
        let event = self.unshared(Some(name), what, Moment { time: at, ..now });
        self.rooms.note(&room, &event, &self.limits);
        deliver(effects, &event, self.all_in(&room));
        self.rooms.tidy(&room);
        Ok(Some(event))
    }

    /// The room with this name. Other servers open only so many that members here can open others.
    fn open_remote(&mut self, room: &[u8], now: Moment) -> Result<RoomName, Refusal> {
        let name = self.room_name(room)?;
        if self.rooms.get(&name).is_none() && self.rooms.len() >= self.limits.rooms / 2 {
            return Err(Refusal::TooManyRooms(self.limits.rooms / 2));
        }
        let opened = self.rooms.open(&name, &self.limits, now.time);
        opened.map(|room| room.name.clone()).ok_or(Refusal::TooManyRooms(self.limits.rooms))
    }

    /// Adds a member to a room. `None`: it is in the room already.
    fn add_remote(&mut self, name: &Name, room: &[u8], now: Moment) -> Result<Option<RoomName>, Refusal> {
        if self.remote.count >= MOST {
            return Err(Refusal::RoomFull { room: self.room_name(room)?, most: MOST });
        }
        let room = self.open_remote(room, now)?;
        let is_new = self.remote.members.entry(name.clone()).or_default().insert(room.clone());
        if is_new {
            self.remote.count += 1;
            self.rooms.join_remote(&room, name);
        }
        Ok(is_new.then_some(room))
    }

    /// Removes a member of another server from all rooms, and returns these.
    fn remove_remote(&mut self, name: &Name) -> BTreeSet<RoomName> {
        let rooms = self.remote.members.remove(name).unwrap_or_default();
        self.remote.count -= rooms.len();
        for room in &rooms {
            self.rooms.part_remote(room, name);
        }
        rooms
    }

    /// Checks what holds at all times.
    #[cfg(test)]
    pub(super) fn check_remote(&self) {
        assert_eq!(self.remote.count, self.remote.members.values().map(BTreeSet::len).sum::<usize>());
        let listed: usize = self.rooms.iter().map(|room| room.remote.len()).sum();
        assert_eq!(listed, self.remote.count);
        for (name, rooms) in &self.remote.members {
            assert!(!rooms.is_empty() && name.server().is_some());
            assert!(rooms.iter().all(|room| self.rooms.get(room).is_some_and(|room| room.remote.contains(name))));
        }
    }
}
