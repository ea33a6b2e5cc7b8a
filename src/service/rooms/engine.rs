//! The room engine: members ask for something, and effects follow. It has no sockets, no clock and no front end: the
//! time comes in with each request, and front ends carry the effects out.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::bans::{Ban, Bans};
use super::event::{Effect, Entrance, Happening, MemberId, Refusal, Request, Role, RoomEvent, Text, Tone};
use super::history::{Portion, Range};
use super::limits::Limits;
use super::name::{Name, RoomName};
use super::room::{Room, Rooms};
use super::roster::{Member, Roster};
use crate::value::Moment;

pub use remote::Deed;
use remote::Remote;

/// Bytes of a line that take one more token of its sender.
const BYTES_OF_TOKEN: usize = 512;

/// Rooms and their members.
///
/// 1. A room lists a member exactly if the member lists the room.
/// 2. No two members have the same name, in upper or lower case.
/// 3. Everything stays within the [`Limits`].
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    roster: Roster,
    rooms: Rooms,
    bans: Bans,
    /// The rooms where members have joined or left unannounced.
    crowded: BTreeSet<RoomName>,
    /// The members of other servers.
    remote: Remote,
    /// The number of the last event.
    last_id: u64,
}

/// The event that a request has caused, if it has caused one; or the reason why it was refused.
pub type Outcome = Result<Option<Rc<RoomEvent>>, Refusal>;

impl Engine {
    /// No rooms and no members.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Engine {
            limits,
            roster: Roster::default(),
            rooms: Rooms::default(),
            bans: Bans::default(),
            crowded: BTreeSet::new(),
            remote: Remote::default(),
            last_id: 0,
        }
    }

    /// Adds a member, which is in no room yet. Returns its name.
    ///
    /// # Errors
    /// The name is not allowed, or another member has it; or it is banned. The member is not added.
    pub fn enter(&mut self, id: MemberId, entrance: Entrance<'_>, now: Moment) -> Result<Name, Refusal> {
        let Entrance { name: asked, ip, role, user } = entrance;
        let ip = ip.map(|ip| ip.to_canonical());
        let user = user.map(|user| self.user(user)).transpose()?;
        let name = match (&user, asked) {
            (Some(user), Some(asked)) if self.name(asked)? != *user => return Err(Refusal::NameOfUser(user.clone())),
            (Some(user), _) => self.name_of_user(id, user)?,
            (None, Some(asked)) => self.free_name(id, asked, role)?,
            (None, None) => self.roster.guest_name(),
        };
        let member = Member { user, ..Member::new(name.clone(), ip, role, now) };
        if self.is_banned(&member) {
            return Err(Refusal::Banned);
        }
        self.roster.remove(id);
        self.roster.insert(id, member);
        Ok(name)
    }

    /// Removes a member, whose connection has ended or ends now.
    pub fn leave(&mut self, id: MemberId, reason: &[u8], now: Moment, effects: &mut Vec<Effect>) {
        let Some(member) = self.roster.remove(id) else { return };
        let what = Happening::Quit { reason: self.remark(reason) };
        let event = self.event(Some(member.name), what, now);
        let mut to = BTreeSet::new();
        for name in &member.rooms {
            self.rooms.part(name, id);
            if self.announces(name, Some(id), &event, now) {
                to.extend(self.rooms.get(name).iter().flat_map(|room| room.members.iter().copied()));
            }
        }
        deliver(effects, &event, to.into_iter().collect());
    }

    /// Does what a member asks for. It takes tokens of the member even if it is refused.
    ///
    /// # Errors
    /// Nothing has changed, for this reason.
    pub fn handle(&mut self, id: MemberId, request: Request<'_>, now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        self.charge(id, cost(&request), now);
        let member = self.roster.get(id).ok_or(Refusal::NotMember)?;
        match request {
            Request::Join { room } => self.join(id, room, self.limits.rooms_of_member, now, effects),
            Request::Change { room } => {
                self.join(id, room, self.limits.rooms_of_member.saturating_add(1), now, effects)
            }
            Request::Part { room, reason } => self.part(id, room, reason, now, effects),
            Request::Nick { name } => self.rename(id, name, now, effects),
            Request::Say { room, text, tone } => self.say(id, room, text, tone, now, effects),
            Request::Message { to, text, tone } => self.message(id, to, text, tone, now, effects),
            Request::Topic { room, text } => self.set_topic(id, room, text, now, effects),
            Request::Away { reason } => {
                let reason = Some(self.remark(reason)).filter(|reason| !reason.is_empty());
                if let Some(member) = self.roster.get_mut(id) {
                    member.away = reason;
                }
                Ok(None)
            }
            _ if member.role != Role::Operator => Err(Refusal::NotOperator),
            Request::Kick { name, reason } => self.kick(name, reason, now, effects),
            Request::Ban { name, reason } => self.ban(name, reason, now, effects),
            Request::Unban { target } => self.unban(target),
        }
    }

    /// Takes tokens of a member, for a request that the engine does not get.
    pub fn charge(&mut self, id: MemberId, tokens: u32, now: Moment) {
        if let Some(member) = self.roster.get_mut(id) {
            member.active = now.elapsed;
            member.pace.take(tokens, self.limits.actions, now.elapsed);
        }
    }

    /// The time until which nothing more is to be read from a member, because it has sent too much; `None` if it may
    /// go on now.
    #[must_use]
    pub fn paused_until(&self, id: MemberId, now: Moment) -> Option<Duration> {
        let at = self.roster.get(id)?.pace.ready_at(self.limits.actions)?;
        Some(at).filter(|&at| self.limits.actions.per_second > 0 && at > now.elapsed)
    }

    /// A member.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.roster.get(id)
    }

    /// The member with this name.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, name: &[u8]) -> Result<(MemberId, &Member), Refusal> {
        let id = Name::parse(name, self.limits.name).ok().and_then(|name| self.roster.id_of(&name));
        let found = id.and_then(|id| Some((id, self.roster.get(id)?)));
        found.ok_or_else(|| Refusal::NoSuchMember(name.to_vec()))
    }

    /// The ids of all members, in their order.
    #[must_use]
    pub fn ids(&self) -> Vec<MemberId> {
        let mut ids: Vec<_> = self.roster.iter().map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// The number of members.
    #[must_use]
    pub fn members(&self) -> usize {
        self.roster.len()
    }

    /// The room with this name.
    ///
    /// # Errors
    /// There is none.
    pub fn room(&self, name: &[u8]) -> Result<&Room, Refusal> {
        let room = RoomName::parse(name, self.limits.room_name).ok().and_then(|name| self.rooms.get(&name));
        room.ok_or_else(|| Refusal::NoSuchRoom(name.to_vec()))
    }

    /// All rooms, by name; some have a history or a topic only.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter()
    }

    /// The names of the members of a room, in their order.
    #[must_use]
    pub fn names<'a>(&'a self, room: &'a Room) -> Vec<&'a Name> {
        let here = room.members.iter().filter_map(|&id| Some(&self.roster.get(id)?.name));
        let mut names: Vec<_> = here.chain(&room.remote).collect();
        names.sort();
        names
    }

    /// Lines of a room, for a member of it.
    ///
    /// # Errors
    /// The member is not in the room.
    pub fn history(
        &self,
        id: MemberId,
        room: &[u8],
        range: Range,
        portion: Portion,
    ) -> Result<Vec<&Rc<RoomEvent>>, Refusal> {
        let room = self.room(room)?;
        if !room.members.contains(&id) {
            return Err(Refusal::NotInRoom(room.name.clone()));
        }
        Ok(room.history.select(range, portion))
    }

    /// The bans.
    pub fn bans(&self) -> impl Iterator<Item = &Ban> {
        self.bans.iter()
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Adds a line from before this run to the history of its room. Lines are to come in their order, before the first
    /// member; others are left out.
    pub fn restore(&mut self, event: RoomEvent) {
        let Happening::Line { room: name, .. } = &event.what else { return };
        if event.id > self.last_id && self.rooms.open(name, &self.limits, event.at).is_some() {
            self.last_id = event.id;
            let name = name.clone();
            self.rooms.note(&name, &Rc::new(event), &self.limits);
        }
    }

    /// Adds a member to a room, if it is in fewer than `most`.
    fn join(&mut self, id: MemberId, room: &[u8], most: usize, now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        let name = self.room_name(room)?;
        let member = self.roster.get_mut(id).ok_or(Refusal::NotMember)?;
        if let Some(name) = member.rooms.iter().find(|room| **room == name) {
            return Err(Refusal::AlreadyInRoom(name.clone()));
        }
        if member.rooms.len() >= most {
            return Err(Refusal::TooManyRoomsOfMember(most));
        }
        let opened = self.rooms.open(&name, &self.limits, now.time);
        let room = opened.ok_or(Refusal::TooManyRooms(self.limits.rooms))?;
        if room.members.len() >= self.limits.members {
            return Err(Refusal::RoomFull { room: room.name.clone(), most: self.limits.members });
        }
        let (name, by) = (room.name.clone(), member.name.clone());
        room.members.insert(id);
        member.rooms.push(name.clone());
        let event = self.event(Some(by), Happening::Joined { room: name.clone() }, now);
        let announced = self.announces(&name, Some(id), &event, now);
        let to = if announced { self.all_in(&name) } else { vec![id] };
        deliver(effects, &event, to);
        Ok(Some(event))
    }

    fn part(&mut self, id: MemberId, room: &[u8], reason: &[u8], now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        let name = self.room_of(id, room)?;
        let reason = self.remark(reason);
        let member = self.roster.get_mut(id).ok_or(Refusal::NotMember)?;
        member.rooms.retain(|room| *room != name);
        let by = member.name.clone();
        let mut to = vec![id];
        self.rooms.part(&name, id);
        let event = self.event(Some(by), Happening::Parted { room: name.clone(), reason }, now);
        if self.announces(&name, Some(id), &event, now) {
            to.extend(self.all_in(&name));
        }
        deliver(effects, &event, to);
        Ok(Some(event))
    }

    fn rename(&mut self, id: MemberId, name: &[u8], now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        let member = self.roster.get(id).ok_or(Refusal::NotMember)?;
        if let Some(user) = &member.user {
            return Err(Refusal::NameOfUser(user.clone()));
        }
        let (role, ip) = (member.role, member.ip);
        let rooms = member.rooms.clone();
        let name = self.free_name(id, name, role)?;
        if role != Role::Operator && self.bans.covers(&name, ip) {
            return Err(Refusal::NameBanned(name));
        }
        let old = self.roster.rename(id, name.clone());
        let event = self.event(old, Happening::Renamed { name }, now);
        let mut to = BTreeSet::from([id]);
        for room in &rooms {
            if self.announces(room, Some(id), &event, now) {
                to.extend(self.all_in(room));
            }
        }
        deliver(effects, &event, to.into_iter().collect());
        Ok(Some(event))
    }

    fn say(
        &mut self,
        id: MemberId,
        room: &[u8],
        text: &[u8],
        tone: Tone,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let room = self.room_of(id, room)?;
        let text = self.text(text)?;
        let by = self.introduced(id, now, effects);
        let event = self.event(by, Happening::Line { room: room.clone(), text, tone }, now);
        self.rooms.note(&room, &event, &self.limits);
        let mut to = self.all_in(&room);
        to.retain(|&member| member != id);
        deliver(effects, &event, to);
        Ok(Some(event))
    }

    fn message(
        &mut self,
        id: MemberId,
        to: &[u8],
        text: &[u8],
        tone: Tone,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let remote = self.remote.find(to).map(|name| (name, Vec::new()));
        let (to, receivers) = remote.map_or_else(|| self.receivers(to), Ok)?;
        let text = self.text(text)?;
        let by = self.introduced(id, now, effects);
        let event = self.event(by, Happening::Private { to, text, tone }, now);
        self.deliver_private(&event, receivers, effects);
        Ok(Some(event))
    }

    fn set_topic(&mut self, id: MemberId, room: &[u8], text: &[u8], now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        let room = self.room_of(id, room)?;
        let text = self.remark(text);
        let by = self.introduced(id, now, effects);
        let event = self.event(by, Happening::Topic { room: room.clone(), text }, now);
        self.rooms.note(&room, &event, &self.limits);
        deliver(effects, &event, self.all_in(&room));
        Ok(Some(event))
    }

    fn kick(&mut self, name: &[u8], reason: &[u8], now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        let (id, member) = self.find(name)?;
        if member.role == Role::Operator {
            return Err(Refusal::OperatorStays);
        }
        self.remove(id, "removed by the operator", reason, now, effects);
        Ok(None)
    }

    fn ban(&mut self, name: &[u8], reason: &[u8], now: Moment, effects: &mut Vec<Effect>) -> Outcome {
        let ban = match self.find(name) {
            Ok((_, member)) if member.role == Role::Operator => return Err(Refusal::OperatorStays),
            Ok((_, Member { user: None, ip: Some(ip), .. })) => Ban::Address(*ip),
            Ok((_, member)) => Ban::Name(member.banned_name().clone()),
            Err(_) => self.ban_target(name)?,
        };
        if !self.bans.add(ban, self.limits.bans) {
            return Err(Refusal::TooManyBans(self.limits.bans));
        }
        let banned = self.roster.iter().filter(|(_, member)| self.is_banned(member));
        let mut banned: Vec<_> = banned.map(|(id, _)| id).collect();
        banned.sort();
        for id in banned {
            self.remove(id, "banned by the operator", reason, now, effects);
        }
        Ok(None)
    }

    fn is_banned(&self, member: &Member) -> bool {
        member.role != Role::Operator && self.bans.covers(member.banned_name(), member.ip)
    }

    fn unban(&mut self, target: &[u8]) -> Outcome {
        let ban = self.ban_target(target)?;
        if self.bans.remove(&ban) { Ok(None) } else { Err(Refusal::NotBanned(target.to_vec())) }
    }

    fn ban_target(&self, target: &[u8]) -> Result<Ban, Refusal> {
        let ip = std::str::from_utf8(target).ok().and_then(|text| text.parse::<IpAddr>().ok());
        ip.map_or_else(|| self.name(target).map(Ban::Name), |ip| Ok(Ban::Address(ip.to_canonical())))
    }

    fn remove(&mut self, id: MemberId, cause: &str, reason: &[u8], now: Moment, effects: &mut Vec<Effect>) {
        let mut text = cause.as_bytes().to_vec();
        if !reason.is_empty() {
            text.extend_from_slice(b": ");
            text.extend_from_slice(reason);
        }
        self.leave(id, &text, now, effects);
        effects.push(Effect::Remove { member: id, reason: self.remark(&text) });
    }

    fn all_in(&self, room: &RoomName) -> Vec<MemberId> {
        self.rooms.get(room).map(|room| room.members.iter().copied().collect()).unwrap_or_default()
    }

    fn room_name(&self, room: &[u8]) -> Result<RoomName, Refusal> {
        RoomName::parse(room, self.limits.room_name).map_err(|why| Refusal::BadRoom { room: shortened(room), why })
    }

    /// The name of a room that the member is in.
    fn room_of(&self, id: MemberId, room: &[u8]) -> Result<RoomName, Refusal> {
        let name = self.room_name(room)?;
        let member = self.roster.get(id).ok_or(Refusal::NotMember)?;
        let found = member.rooms.iter().find(|room| **room == name).cloned();
        found.ok_or(Refusal::NotInRoom(name))
    }

    fn text(&self, text: &[u8]) -> Result<Text, Refusal> {
        match first_line(text) {
            b"" => Err(Refusal::NoText),
            line if line.len() > self.limits.text => Err(Refusal::TextTooLong(self.limits.text)),
            line => Ok(line.into()),
        }
    }

    /// A topic or a reason. A longer one is cut.
    fn remark(&self, text: &[u8]) -> Text {
        let line = first_line(text);
        let most = line.len().min(self.limits.remark);
        // Not within a character of UTF-8.
        let is_start = |at: &usize| line.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
        let end = (most.saturating_sub(3)..=most).rev().find(is_start).unwrap_or(most);
        line[..end].into()
    }

    /// Checks what holds at all times.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.roster.check();
        self.rooms.check(&self.limits);
        for (id, member) in self.roster.iter() {
            assert!(member.rooms.len() <= self.limits.rooms_of_member);
            if let Some(user) = &member.user {
                let (name, number) = member.name.as_str().split_at(user.as_str().len());
                assert!(name == user.as_str() && (number.is_empty() || number.starts_with('[')), "{}", member.name);
            }
            for name in &member.rooms {
                assert!(self.rooms.get(name).is_some_and(|room| room.members.contains(&id)), "{name} without {id:?}");
            }
        }
        for room in self.rooms.iter() {
            for &id in &room.members {
                let lists = |member: &Member| member.rooms.iter().filter(|name| **name == room.name).count() == 1;
                assert!(self.roster.get(id).is_some_and(lists), "{id:?} without {}", room.name);
            }
        }
        self.check_remote();
        assert!(self.crowded.iter().all(|name| self.rooms.get(name).is_some()));
    }
}

fn deliver(effects: &mut Vec<Effect>, event: &Rc<RoomEvent>, to: Vec<MemberId>) {
    if !to.is_empty() {
        effects.push(Effect::Deliver { event: Rc::clone(event), to });
    }
}

/// The tokens that a request takes: what reaches many members takes more.
fn cost(request: &Request<'_>) -> u32 {
    let of_text = |text: &[u8]| 1 + u32::try_from(text.len() / BYTES_OF_TOKEN).unwrap_or(u32::MAX - 1);
    match request {
        Request::Say { text, .. } | Request::Message { text, .. } | Request::Topic { text, .. } => of_text(text),
        Request::Nick { .. } | Request::Join { .. } | Request::Change { .. } | Request::Part { .. } => 2,
        Request::Away { .. } | Request::Kick { .. } | Request::Ban { .. } | Request::Unban { .. } => 1,
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

/// A rejected name, short enough to be printed.
fn shortened(name: &[u8]) -> Vec<u8> {
    const MOST: usize = 40;
    if name.len() <= MOST { name.to_vec() } else { [&name[..MOST], b"..."].concat() }
}

mod announcing;
mod names;
mod remote;

#[cfg(test)]
mod any_requests;
#[cfg(test)]
mod tests;
