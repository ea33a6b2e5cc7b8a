//! The members: each has an id and a name, and no two have the same name.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::event::{MemberId, Role, Text};
use super::name::{Name, RoomName};
use super::pace::Pace;
use crate::value::{Moment, Timestamp};

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: Name,
    /// The name of the user that it has logged in as; only this user has this name, and a number after it.
    pub user: Option<Name>,
    /// Its address, if no other members share it.
    pub ip: Option<IpAddr>,
    /// What it may do.
    pub role: Role,
    /// The rooms that it is in, in the order in which it has joined them.
    pub rooms: Vec<RoomName>,
    /// Why it is away, if it is.
    pub away: Option<Text>,
    /// When it became a member.
    pub since: Timestamp,
    /// When it last sent something: [`Moment::elapsed`].
    pub active: Duration,
    pub(super) pace: Pace,
}

/// The members, by their ids and their names.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: HashMap<MemberId, Member>,
    ids: HashMap<Name, MemberId>,
    /// The number of the last guest.
    guests: u64,
}

impl Member {
    pub(super) fn new(name: Name, ip: Option<IpAddr>, role: Role, now: Moment) -> Self {
        Member {
            name,
            user: None,
            ip,
            role,
            rooms: Vec::new(),
            away: None,
            since: now.time,
            active: now.elapsed,
            pace: Pace::default(),
        }
    }

    /// The name that a ban of this member is for.
    pub(super) fn banned_name(&self) -> &Name {
        self.user.as_ref().unwrap_or(&self.name)
    }
}

impl Roster {
    /// Adds a member, whose id and name no other one has.
    pub(super) fn insert(&mut self, id: MemberId, member: Member) {
        self.ids.insert(member.name.clone(), id);
        self.members.insert(id, member);
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Member> {
        let member = self.members.remove(&id)?;
        self.ids.remove(&member.name);
        Some(member)
    }

    /// Gives a member another name, which no other one has. Returns the old one.
    pub(super) fn rename(&mut self, id: MemberId, name: Name) -> Option<Name> {
        let member = self.members.get_mut(&id)?;
        self.ids.remove(&member.name);
        self.ids.insert(name.clone(), id);
        Some(std::mem::replace(&mut member.name, name))
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.get_mut(&id)
    }

    pub(super) fn id_of(&self, name: &Name) -> Option<MemberId> {
        self.ids.get(name).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MemberId, &Member)> {
        self.members.iter().map(|(&id, member)| (id, member))
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// A name for a member without one.
    pub(super) fn guest_name(&mut self) -> Name {
        loop {
            self.guests += 1;
            let name = Name::guest(self.guests);
            if !self.ids.contains_key(&name) {
                return name;
            }
        }
    }

    /// Checks that ids and names belong together.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.ids.len(), self.members.len());
        for (id, member) in &self.members {
            assert_eq!(self.ids.get(&member.name), Some(id));
        }
    }
}
