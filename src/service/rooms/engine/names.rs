//! Which names members get.

use std::rc::Rc;

use super::super::event::{Effect, Happening, MemberId, Refusal, Role, RoomEvent, Text};
use super::super::irc::show::SERVER;
use super::super::name::Name;
use super::super::roster::Member;
use super::{Engine, deliver, shortened};
use crate::auth::UserName;

/// Names that only the program itself and its operator have.
const RESERVED: [&str; 3] = ["operator", "server", SERVER];

impl Engine {
    /// The name of a member, whether it is free or not.
    pub(super) fn name(&self, name: &[u8]) -> Result<Name, Refusal> {
        Name::parse(name, self.limits.name).map_err(|why| Refusal::BadName { name: shortened(name), why })
    }

    /// Whether a member may have this name.
    ///
    /// # Errors
    /// It is not allowed, or another member has it.
    pub fn check_name(&self, id: MemberId, name: &[u8]) -> Result<(), Refusal> {
        self.free_name(id, name, Role::Member).map(drop)
    }

    /// A name that no member but this one has.
    pub(super) fn free_name(&self, id: MemberId, name: &[u8], role: Role) -> Result<Name, Refusal> {
        let name = self.name(name)?;
        let is_reserved = RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name.as_str()));
        match self.roster.id_of(&name) {
            _ if is_reserved && role != Role::Operator => Err(Refusal::NameReserved(name)),
            Some(owner) if owner != id => Err(Refusal::NameInUse(name)),
            _ => Ok(name),
        }
    }

    /// The name of a user as that of a member.
    pub(super) fn user(&self, user: &UserName) -> Result<Name, Refusal> {
        let bad = |why| Refusal::BadUser { user: user.to_string(), why };
        Name::parse(user.as_str().as_bytes(), self.limits.name).map_err(bad)
    }

    /// The name for one more member that is this user: `ann`, or `ann[2]`, which is no name of a user.
    pub(super) fn name_of_user(&self, id: MemberId, user: &Name) -> Result<Name, Refusal> {
        let is_user = |member: &Member| member.user.as_ref().is_some_and(|other| other.as_str() == user.as_str());
        for name in self.names_of_user(user) {
            match self.free_name(id, name.as_bytes(), Role::Member) {
                Err(Refusal::NameInUse(_)) if self.find(name.as_bytes()).is_ok_and(|(_, owner)| is_user(owner)) => {}
                Err(Refusal::BadName { why, .. }) => return Err(Refusal::BadUser { user: name, why }),
                other => return other,
            }
        }
        Err(Refusal::TooManyOfUser(self.limits.members_of_user))
    }

    /// The names of the members that can be this user.
    fn names_of_user(&self, user: &Name) -> impl Iterator<Item = String> {
        (1..=self.limits.members_of_user).map(move |number| match number {
            1 => user.to_string(),
            _ => format!("{user}[{number}]"),
        })
    }

    /// Who gets a line for this name: all members that are this user, or the member with this name. Returns the name,
    /// too.
    ///
    /// # Errors
    /// There is none.
    pub fn receivers(&self, name: &[u8]) -> Result<(Name, Vec<MemberId>), Refusal> {
        let user = Name::parse(name, self.limits.name).map_err(|_| Refusal::NoSuchMember(name.to_vec()))?;
        let is_user = |member: &&Member| member.user.as_ref() == Some(&user);
        let of_name = |name: String| self.find(name.as_bytes()).ok().filter(|(_, member)| is_user(member));
        let members: Vec<_> = self.names_of_user(&user).filter_map(of_name).collect();
        let Some((_, first)) = members.first() else {
            let (id, member) = self.find(name)?;
            return Ok((member.name.clone(), vec![id]));
        };
        let name = first.user.as_ref().unwrap_or(&first.name);
        Ok((name.clone(), members.iter().map(|&(id, _)| id).collect()))
    }

    /// Why all these members are away; `None` if one of them is not.
    #[must_use]
    pub fn away(&self, members: &[MemberId]) -> Option<Text> {
        let reasons: Option<Vec<_>> = members.iter().map(|&id| self.roster.get(id)?.away.clone()).collect();
        reasons?.into_iter().next()
    }

    /// Delivers a private line. Each receiver reads its own name in it.
    pub(super) fn deliver_private(&self, event: &Rc<RoomEvent>, to: Vec<MemberId>, effects: &mut Vec<Effect>) {
        for id in to {
            let Happening::Private { to: name, text, tone } = &event.what else { return };
            let own = self.roster.get(id).map_or(name, |member| &member.name);
            let what = Happening::Private { to: own.clone(), text: text.clone(), tone: *tone };
            let event =
                if own == name { Rc::clone(event) } else { Rc::new(RoomEvent { what, ..RoomEvent::clone(event) }) };
            deliver(effects, &event, vec![id]);
        }
    }
}
