//! The names and addresses that the operator has banned.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::name::Name;

/// A name or an address that is banned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ban {
    /// A name.
    Name(Name),
    /// An address.
    Address(IpAddr),
}

/// The bans of a run.
#[derive(Debug, Default)]
pub(super) struct Bans(BTreeSet<Ban>);

impl Bans {
    /// Adds a ban. False: there would be more than `most`.
    pub(super) fn add(&mut self, ban: Ban, most: usize) -> bool {
        let fits = self.0.len() < most || self.0.contains(&ban);
        if fits {
            self.0.insert(ban);
        }
        fits
    }

    /// Ends a ban. False: there was none.
    pub(super) fn remove(&mut self, ban: &Ban) -> bool {
        self.0.remove(ban)
    }

    /// Whether a member with this name and address is banned.
    pub(super) fn covers(&self, name: &Name, ip: Option<IpAddr>) -> bool {
        !self.0.is_empty()
            && (self.0.contains(&Ban::Name(name.clone())) || ip.is_some_and(|ip| self.0.contains(&Ban::Address(ip))))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Ban> {
        self.0.iter()
    }
}
