//! What is announced of members that come, go and have other names: too many at once are announced together.

use std::rc::Rc;
use std::time::Duration;

use super::super::event::{Effect, MemberId, Move, RoomEvent};
use super::super::name::{Name, RoomName};
use super::{Engine, deliver};
use crate::value::Moment;

impl Engine {
    /// Announces what members have done unannounced, in the rooms where it is time for that.
    pub fn announce_crowds(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        for name in std::mem::take(&mut self.crowded) {
            let rate = self.limits.announcements;
            let Some(room) = self.rooms.get_mut(&name) else { continue };
            if !room.announcements.try_take(rate, now.elapsed) {
                self.crowded.insert(name);
                continue;
            }
            self.announce_crowd(name, now, effects);
        }
    }

    pub(super) fn announce_crowd(&mut self, name: RoomName, now: Moment, effects: &mut Vec<Effect>) {
        let mut to = self.all_in(&name);
        let Some(room) = self.rooms.get_mut(&name) else { return };
        if let Some(Move { member, event }) = room.crowd.take_only() {
            to.retain(|id| Some(*id) != member); // it has got it
            // Other servers have got it too; here events have their numbers in the order in which they are delivered.
            let event = self.unshared(event.by.clone(), event.what.clone(), now);
            return deliver(effects, &event, to);
        }
        let what = room.crowd.take(name);
        let event = self.event(None, what, now);
        deliver(effects, &event, to);
    }

    /// Announces a member before a line of it, where that waits: nobody reads a line of a name that it does not know.
    pub(super) fn introduce(&mut self, by: &Name, now: Moment, effects: &mut Vec<Effect>) {
        let waits = |name: &RoomName| self.rooms.get(name).is_some_and(|room| room.crowd.has(by));
        for name in self.crowded.iter().filter(|name| waits(name)).cloned().collect::<Vec<_>>() {
            self.crowded.remove(&name);
            self.announce_crowd(name, now, effects);
        }
    }

    /// When [`announce_crowds`](Self::announce_crowds) has something to do.
    #[must_use]
    pub fn announces_at(&self) -> Option<Duration> {
        let ready_at = |name| Some(self.rooms.get(name)?.announcements.ready_at(self.limits.announcements));
        self.crowded.iter().filter_map(ready_at).map(Option::unwrap_or_default).min()
    }

    /// The name of a member that sends something now.
    pub(super) fn introduced(&mut self, id: MemberId, now: Moment, effects: &mut Vec<Effect>) -> Option<Name> {
        let name = self.roster.get(id)?.name.clone();
        self.introduce(&name, now, effects);
        Some(name)
    }

    /// Whether to announce now that a member has joined or left a room, or has another name; if not, it is added to the
    /// crowd.
    pub(super) fn announces(
        &mut self,
        name: &RoomName,
        member: Option<MemberId>,
        event: &Rc<RoomEvent>,
        now: Moment,
    ) -> bool {
        let Some(room) = self.rooms.get_mut(name).filter(|room| !room.members.is_empty()) else {
            self.crowded.remove(name);
            return false;
        };
        if room.crowd.is_empty() && room.announcements.try_take(self.limits.announcements, now.elapsed) {
            return true;
        }
        room.crowd.push(member, event);
        self.crowded.insert(name.clone());
        false
    }
}
