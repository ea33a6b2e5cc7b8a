//! The other servers that share rooms: which of them are there, how they are called here, and which lines of them have
//! come.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::ServerId;
use crate::service::rooms::name::RoomName;

/// A server that says nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(15);
/// The most servers; records of further ones are left out.
const MOST: usize = 1000;
/// The most streams of lines whose numbers are kept.
const MOST_STREAMS: usize = 20_000;

/// The other servers.
#[derive(Debug)]
pub(super) struct Others {
    own: ServerId,
    servers: BTreeMap<ServerId, Other>,
    /// The number of the last line of a server in a room; without a room, of its private lines for this server.
    lines: BTreeMap<(ServerId, Option<RoomName>), u64>,
}

/// A server.
#[derive(Clone, Debug)]
struct Other {
    label: String,
    heard: Duration,
    /// It was not lost since it was last heard.
    is_here: bool,
}

/// What the number of a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It has come before.
    Repeated,
    /// It is new, and this many before it have not come.
    After(u64),
}

impl Others {
    /// None is known.
    pub(super) fn new(own: ServerId) -> Self {
        Others { own, servers: BTreeMap::new(), lines: BTreeMap::new() }
    }

    /// Notes that a server is there. Returns how it is called here, and whether it was not there before. `None`: there
    /// are too many.
    pub(super) fn hear(&mut self, id: ServerId, now: Duration) -> Option<(String, bool)> {
        if !self.servers.contains_key(&id) {
            if self.servers.len() >= MOST {
                let gone = self.servers.iter().filter(|(_, other)| !other.is_here);
                let oldest = gone.min_by_key(|(_, other)| other.heard).map(|(&id, _)| id)?;
                self.forget(oldest);
            }
            let label = self.free_label(id);
            self.servers.insert(id, Other { label, heard: now, is_here: false });
        }
        let other = self.servers.get_mut(&id)?;
        other.heard = now;
        let is_new = !std::mem::replace(&mut other.is_here, true);
        Some((other.label.clone(), is_new))
    }

    /// Whether a server was there before.
    pub(super) fn knows(&self, id: ServerId) -> bool {
        self.servers.contains_key(&id)
    }

    /// The server that is called so.
    pub(super) fn of_label(&self, label: &str) -> Option<ServerId> {
        self.servers.iter().find(|(_, other)| other.label == label).map(|(&id, _)| id)
    }

    /// Notes the number of a line.
    pub(super) fn order(&mut self, id: ServerId, room: Option<&RoomName>, number: u64) -> Order {
        let key = (id, room.cloned());
        let missing = match self.lines.get(&key) {
            Some(&last) if number <= last => return Order::Repeated,
            Some(&last) => number - last - 1,
            None => 0,
        };
        self.note(key, number);
        Order::After(missing)
    }

    /// Notes that the lines of a server in a room have come to this number. Returns how many of them have not come.
    pub(super) fn catch_up(&mut self, id: ServerId, room: &RoomName, number: u64) -> u64 {
        let key = (id, Some(room.clone()));
        let missing = self.lines.get(&key).map_or(0, |&last| number.saturating_sub(last));
        if missing > 0 || !self.lines.contains_key(&key) {
            self.note(key, number);
        }
        missing
    }

    /// The servers that have said nothing for too long: they are no longer there.
    pub(super) fn take_silent(&mut self, now: Duration) -> Vec<String> {
        let silent = self.servers.values_mut().filter(|other| other.is_here && now >= other.heard + SILENCE);
        let gone = silent.map(|other| {
            other.is_here = false;
            other.label.clone()
        });
        gone.collect()
    }

    /// When [`take_silent`](Self::take_silent) may find one.
    pub(super) fn silent_at(&self) -> Option<Duration> {
        self.servers.values().filter(|other| other.is_here).map(|other| other.heard + SILENCE).min()
    }

    /// A server has ended, and its number never comes again.
    pub(super) fn forget(&mut self, id: ServerId) {
        self.servers.remove(&id);
        self.lines.retain(|(server, _), _| *server != id);
    }

    /// None is there any more, because this server is not connected.
    pub(super) fn lose_all(&mut self) {
        self.servers.values_mut().for_each(|other| other.is_here = false);
    }

    fn note(&mut self, key: (ServerId, Option<RoomName>), number: u64) {
        if self.lines.len() >= MOST_STREAMS && !self.lines.contains_key(&key) {
            let is_here = |id: &ServerId| self.servers.get(id).is_some_and(|other| other.is_here);
            self.lines.retain(|(id, _), _| is_here(id));
        }
        if self.lines.len() < MOST_STREAMS || self.lines.contains_key(&key) {
            self.lines.insert(key, number);
        }
    }

    /// The first digits of the number, so many that no other server is called so.
    fn free_label(&self, id: ServerId) -> String {
        let digits = id.to_string();
        let is_free = |label: &&str| !self.own.to_string().starts_with(label) && self.of_label(label).is_none();
        let free = (4..=digits.len()).map(|len| &digits[..len]).find(is_free);
        free.unwrap_or(&digits).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(0xaaaa_1111_2222_3333);
    const B: ServerId = ServerId(0xaaaa_1111_2222_4444);

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn servers_have_short_names_that_differ() {
        let mut others = Others::new(ServerId(0xbbbb_0000_0000_0000));
        let hear = |others: &mut Others, id, at| others.hear(id, secs(at));
        assert_eq!(hear(&mut others, A, 1), Some(("aaaa".into(), true)));
        assert_eq!(hear(&mut others, B, 1), Some(("aaaa1".into(), true)));
        assert_eq!(hear(&mut others, A, 2), Some(("aaaa".into(), false)));
        assert_eq!(hear(&mut others, ServerId(0xbbbb_1000_0000_0000), 1), Some(("bbbb1".into(), true)));
        assert_eq!((others.of_label("aaaa1"), others.of_label("aaa")), (Some(B), None));
        for number in 0..MOST as u64 {
            hear(&mut others, ServerId(number), 3);
        }
        assert_eq!((others.servers.len(), hear(&mut others, ServerId(MOST as u64), 3)), (MOST, None));
        others.take_silent(secs(17)); // A was heard at 2
        assert!(hear(&mut others, ServerId(MOST as u64), 17).is_some());
        assert!(!others.servers.contains_key(&B) && others.servers.len() == MOST, "the one that was heard first");
    }

    #[test]
    fn silent_server_is_lost_until_a_record_of_it_comes() {
        let mut others = Others::new(ServerId(0));
        others.hear(A, secs(1));
        others.hear(B, secs(2));
        assert_eq!(others.silent_at(), Some(secs(16)));
        assert!(others.take_silent(Duration::from_millis(15_999)).is_empty());
        assert_eq!(others.take_silent(secs(16)), ["aaaa"]);
        assert_eq!(others.silent_at(), Some(secs(17)));
        assert!(others.hear(A, secs(18)).is_some_and(|(_, is_new)| is_new));
        others.lose_all();
        assert_eq!(others.silent_at(), None);
    }

    #[test]
    fn lines_come_once_and_missing_ones_are_counted() {
        let mut others = Others::new(ServerId(0));
        let (lab, other) = (RoomName::parse(b"lab", 9).unwrap(), RoomName::parse(b"other", 9).unwrap());
        others.hear(A, secs(1));
        let numbers = [7, 8, 8, 7, 10, 9, 14].map(|number| others.order(A, Some(&lab), number));
        let (new, repeated) = (Order::After(0), Order::Repeated);
        assert_eq!(numbers, [new, new, repeated, repeated, Order::After(1), repeated, Order::After(3)]);
        assert_eq!((others.order(A, Some(&other), 1), others.order(A, None, 1)), (new, new));
        assert_eq!([14, 16, 16, 3].map(|number| others.catch_up(A, &lab, number)), [0, 2, 0, 0]);
        assert_eq!(others.order(A, Some(&lab), 17), new);
        others.forget(A);
        assert_eq!((others.order(A, Some(&lab), 1), others.lines.len()), (new, 1));
    }

    #[test]
    fn streams_are_bounded() {
        let mut others = Others::new(ServerId(0));
        let room = |number: usize| RoomName::parse(number.to_string().as_bytes(), 9).unwrap();
        for id in [A, B] {
            others.hear(id, secs(1));
        }
        for number in 0..=MOST_STREAMS {
            others.order(A, Some(&room(number)), 1);
        }
        assert_eq!(others.lines.len(), MOST_STREAMS);
        others.take_silent(secs(99));
        others.hear(B, secs(99));
        others.order(B, Some(&room(1)), 1);
        assert_eq!(others.lines.len(), 1, "those of servers that are gone make room");
    }
}
