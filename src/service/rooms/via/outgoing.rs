//! What a server publishes for the others.

use std::collections::HashMap;

use super::nats;
use super::others::Others;
use super::record::{Kind, Record, ServerId};
use crate::service::rooms::engine::Engine;
use crate::service::rooms::event::{Happening, RoomEvent, Tone};
use crate::service::rooms::name::RoomName;

/// The subject of lines and topics.
pub(super) const LINES: &str = "secretcat.rooms.lines";
/// The subject of members and servers.
pub(super) const MEMBERS: &str = "secretcat.rooms.members";
/// The most rooms whose lines are counted.
const MOST_ROOMS: usize = 20_000;
/// The names in one record.
const NAMES: usize = 400;

/// The subject of private lines for members of a server.
pub(super) fn private(server: ServerId) -> String {
    format!("secretcat.rooms.private.{server}")
}

/// What is to be published.
#[derive(Debug)]
pub(super) struct Outgoing {
    id: ServerId,
    /// The number of the last line in each room.
    lines: HashMap<RoomName, u64>,
    /// The number of the last private line for each server.
    private: HashMap<ServerId, u64>,
    bytes: Vec<u8>,
}

impl Outgoing {
    pub(super) fn new(id: ServerId) -> Self {
        Outgoing { id, lines: HashMap::new(), private: HashMap::new(), bytes: Vec::new() }
    }

    /// What is to be sent to the broker.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Publishes what has happened here. A line that nobody can get now is counted: it will be missing.
    pub(super) fn publish(&mut self, event: &RoomEvent, is_up: bool, others: &Others) {
        let (by, time, id) = (event.by.as_ref().map(|by| by.as_str().into()), event.at.to_string(), self.id);
        let base = |kind| Record { user: by.clone(), time: Some(time.as_str().into()), ..Record::new(kind, id) };
        let in_room = |kind, room: &RoomName| Record { room: Some(room.to_string().into()), ..base(kind) };
        let (subject, record) = match &event.what {
            Happening::Line { room, text, tone } => {
                let line = Record { notice: *tone == Tone::Notice, ..in_room(Kind::Line, room) };
                (LINES.to_owned(), Record { sequence: self.next(room), ..line.with_text(text) })
            }
            Happening::Topic { room, text } => (LINES.to_owned(), in_room(Kind::Topic, room).with_text(text)),
            Happening::Private { to, text, tone } => {
                let server = to.server().and_then(|label| others.of_label(label));
                let Some(server) = server.filter(|_| is_up) else { return };
                let line = Record { notice: *tone == Tone::Notice, ..base(Kind::Private) };
                let number = self.private.entry(server).or_default();
                *number += 1;
                let to = to.as_str().split('/').next().map(Into::into);
                (private(server), Record { to, sequence: Some(*number), ..line.with_text(text) })
            }
            Happening::Joined { room } => (MEMBERS.to_owned(), in_room(Kind::Joined, room)),
            Happening::Parted { room, reason } => (MEMBERS.to_owned(), in_room(Kind::Left, room).with_text(reason)),
            Happening::Quit { reason } => (MEMBERS.to_owned(), base(Kind::Left).with_text(reason)),
            Happening::Renamed { name } => {
                (MEMBERS.to_owned(), Record { name: Some(name.as_str().into()), ..base(Kind::Renamed) })
            }
            Happening::Crowd { .. } | Happening::Notice { .. } => return,
        };
        if is_up {
            nats::publish(&subject, &record.encode(), &mut self.bytes);
        }
    }

    /// Publishes that this server is connected, and for how many seconds it was not.
    pub(super) fn publish_hello(&mut self, missing: Option<u64>) {
        let record = Record { missing, ..Record::new(Kind::Hello, self.id) };
        nats::publish(MEMBERS, &record.encode(), &mut self.bytes);
    }

    /// Publishes a record that says nothing but its kind.
    pub(super) fn publish_word(&mut self, kind: Kind) {
        nats::publish(MEMBERS, &Record::new(kind, self.id).encode(), &mut self.bytes);
    }

    /// Publishes who is in the rooms here, how many lines were said there, and their topics.
    pub(super) fn publish_members(&mut self, engine: &Engine) {
        for room in engine.rooms().filter(|room| !room.members.is_empty()) {
            let name = || Some(room.name.as_str().into());
            let here: Vec<_> = engine.names(room).into_iter().filter(|name| name.server().is_none()).collect();
            for names in here.chunks(NAMES) {
                let record = Record {
                    room: name(),
                    sequence: Some(self.lines.get(&room.name).copied().unwrap_or_default()),
                    users: names.iter().map(|name| name.as_str().into()).collect(),
                    ..Record::new(Kind::Members, self.id)
                };
                nats::publish(MEMBERS, &record.encode(), &mut self.bytes);
            }
            if let Some(topic) = room.topic.as_ref().filter(|topic| topic.by.server().is_none()) {
                let record = Record {
                    room: name(),
                    user: Some(topic.by.as_str().into()),
                    time: Some(topic.at.to_string().into()),
                    ..Record::new(Kind::Topic, self.id)
                };
                nats::publish(LINES, &record.with_text(&topic.text).encode(), &mut self.bytes);
            }
        }
    }

    /// The number of the next line in a room; `None` if there are too many rooms.
    fn next(&mut self, room: &RoomName) -> Option<u64> {
        if self.lines.len() >= MOST_ROOMS && !self.lines.contains_key(room) {
            return None;
        }
        let number = self.lines.entry(room.clone()).or_default();
        *number += 1;
        Some(*number)
    }
}
