//! Which names members get.

use super::super::event::{MemberId, Refusal, Role};
use super::super::irc::show::SERVER;
use super::super::name::Name;
use super::super::roster::Member;
use super::{Engine, shortened};
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
        for number in 1..=self.limits.members_of_user {
            let name = if number == 1 { user.to_string() } else { format!("{user}[{number}]") };
            match self.free_name(id, name.as_bytes(), Role::Member) {
                Err(Refusal::NameInUse(_)) if self.find(name.as_bytes()).is_ok_and(|(_, owner)| is_user(owner)) => {}
                Err(Refusal::BadName { why, .. }) => return Err(Refusal::BadUser { user: name, why }),
                other => return other,
            }
        }
        Err(Refusal::TooManyOfUser(self.limits.members_of_user))
    }
}
