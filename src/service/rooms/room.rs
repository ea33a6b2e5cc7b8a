//! The rooms: their members, topics and histories, and the memory that they take together.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::event::{Happening, MemberId, Move, RoomEvent, Text};
use super::history::History;
use super::limits::Limits;
use super::name::{Name, RoomName};
use super::pace::Pace;
use crate::value::Timestamp;

/// A room.
#[derive(Debug)]
pub struct Room {
    /// Its name, as its first member has written it.
    pub name: RoomName,
    /// Its members, in the order of their ids.
    pub members: BTreeSet<MemberId>,
    /// Its members at other servers.
    pub remote: BTreeSet<Name>,
    /// Its topic.
    pub topic: Option<Topic>,
    /// Its last lines.
    pub history: History,
    /// When it began.
    pub since: Timestamp,
    /// The number of its last event.
    last_event: u64,
    pub(super) announcements: Pace,
    /// What members have done since this was last announced.
    pub(super) crowd: Crowd,
}

/// The topic of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its text.
    pub text: Text,
    /// The name of the member that has set it.
    pub by: Name,
    /// When it was set.
    pub at: Timestamp,
}

/// Members that have joined and left a room, or have another name, unannounced.
#[derive(Debug, Default)]
pub(super) struct Crowd(Vec<Move>);

impl Crowd {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, member: Option<MemberId>, event: &Rc<RoomEvent>) {
        self.0.push(Move { member, event: Rc::clone(event) });
    }

    /// Whether one of them has this name.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.0.iter().any(|one| match &one.event.what {
            Happening::Renamed { name: new } => new == name,
            _ => one.event.by.as_ref() == Some(name),
        })
    }

    /// The one that is all of the crowd.
    pub(super) fn take_only(&mut self) -> Option<Move> {
        if self.0.len() == 1 { self.0.pop() } else { None }
    }

    /// What is announced of them in this room.
    pub(super) fn take(&mut self, room: RoomName) -> Happening {
        let moves: Rc<[Move]> = std::mem::take(&mut self.0).into();
        let (mut joined, mut left, mut renamed) = (0, 0, 0);
        for one in &*moves {
            match one.event.what {
                Happening::Joined { .. } => joined += 1,
                Happening::Renamed { .. } => renamed += 1,
                _ => left += 1,
            }
        }
        Happening::Crowd { room, joined, left, renamed, moves }
    }
}

/// All rooms.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: BTreeMap<RoomName, Room>,
    /// The memory of all histories.
    history_bytes: usize,
}

impl Room {
    fn new(name: RoomName, since: Timestamp) -> Self {
        Room {
            name,
            members: BTreeSet::new(),
            remote: BTreeSet::new(),
            topic: None,
            history: History::default(),
            since,
            last_event: 0,
            announcements: Pace::default(),
            crowd: Crowd::default(),
        }
    }

    /// The number of its members, those at other servers included.
    #[must_use]
    pub fn population(&self) -> u64 {
        (self.members.len() + self.remote.len()) as u64
    }

    /// Nothing would be lost with it.
    fn is_void(&self) -> bool {
        self.population() == 0 && self.topic.is_none() && self.history.is_empty()
    }
}

impl Rooms {
    pub(super) fn get(&self, name: &RoomName) -> Option<&Room> {
        self.rooms.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.rooms.get_mut(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// The room with this name, which is made if there is none. `None`: there are as many as the limit allows, and each
    /// has members.
    pub(super) fn open(&mut self, name: &RoomName, limits: &Limits, now: Timestamp) -> Option<&mut Room> {
        if !self.rooms.contains_key(name) && self.rooms.len() >= limits.rooms {
            let empty = self.rooms.values().filter(|room| room.population() == 0);
            let oldest = empty.min_by_key(|room| room.last_event)?.name.clone();
            self.remove(&oldest);
        }
        Some(self.rooms.entry(name.clone()).or_insert_with(|| Room::new(name.clone(), now)))
    }

    /// Notes an event of a room, and keeps it if it is a line or a topic.
    pub(super) fn note(&mut self, name: &RoomName, event: &Rc<RoomEvent>, limits: &Limits) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.last_event = event.id;
        if let (Happening::Topic { text, .. }, Some(by)) = (&event.what, &event.by) {
            let topic = Topic { text: Rc::clone(text), by: by.clone(), at: event.at };
            room.topic = Some(topic).filter(|topic| !topic.text.is_empty());
        }
        let before = room.history.bytes();
        room.history.push(event, limits.history);
        self.history_bytes = self.history_bytes - before + room.history.bytes();
        while self.history_bytes > limits.history_bytes && self.drop_oldest_line() {}
    }

    /// Removes a member from a room, and the room if nothing would be lost with it.
    pub(super) fn part(&mut self, name: &RoomName, member: MemberId) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.members.remove(&member);
        if room.members.is_empty() {
            room.crowd = Crowd::default(); // there is nothing to announce it to
        }
        self.tidy(name);
    }

    /// Adds a member of another server to a room.
    pub(super) fn join_remote(&mut self, name: &RoomName, member: &Name) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.remote.insert(member.clone());
        }
    }

    /// Removes a member of another server from a room, and the room if nothing would be lost with it.
    pub(super) fn part_remote(&mut self, name: &RoomName, member: &Name) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.remote.remove(member);
        }
        self.tidy(name);
    }

    /// Removes a room if nothing would be lost with it.
    pub(super) fn tidy(&mut self, name: &RoomName) {
        if self.rooms.get(name).is_some_and(Room::is_void) {
            self.remove(name);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    fn remove(&mut self, name: &RoomName) {
        if let Some(room) = self.rooms.remove(name) {
            self.history_bytes -= room.history.bytes();
        }
    }

    /// Forgets the oldest line of all rooms. False: there is none.
    fn drop_oldest_line(&mut self) -> bool {
        let with_lines = self.rooms.values_mut().filter(|room| !room.history.is_empty());
        let Some(room) = with_lines.min_by_key(|room| room.history.oldest()) else { return false };
        let before = room.history.bytes();
        room.history.drop_oldest();
        self.history_bytes = self.history_bytes - before + room.history.bytes();
        if room.is_void() {
            let name = room.name.clone();
            self.remove(&name);
        }
        true
    }

    /// Checks the limits.
    #[cfg(test)]
    pub(super) fn check(&self, limits: &Limits) {
        assert!(self.rooms.len() <= limits.rooms);
        assert_eq!(self.history_bytes, self.iter().map(|room| room.history.bytes()).sum::<usize>());
        assert!(self.history_bytes <= limits.history_bytes);
        for room in self.iter() {
            assert!(room.history.len() <= limits.history && room.members.len() <= limits.members);
            assert!(!room.is_void(), "{} would be kept for ever", room.name);
        }
    }
}
