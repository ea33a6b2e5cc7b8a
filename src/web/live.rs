//! What the live page shows, kept from the events of a run in bounded memory: connections, messages, and the events
//! since the last update.
//!
//! A browser draws the events of one connection, and the latest 100 messages. An update has the events of the connections
//! that browsers have chosen, and of the others as many as a person can look at; what is left out is counted.

mod row;
mod shown;

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;

use self::row::{Row, RowView};
use self::shown::{Shown, Sight, sight};
use super::metrics::Totals;
use crate::trace::{ConnId, ConnMap, Event, EventKind};

/// The largest number of open connections on the page. The others are counted.
const OPEN_ROWS: usize = 200;
/// The number of closed connections that stay on the page.
const ENDED_ROWS: usize = 50;
/// The largest number of events of chosen connections in an update. The others are counted.
const EVENTS: usize = 1000;
/// The largest number of events of the other connections in an update, after updates with few of them.
const OTHER_EVENTS: usize = 1000;
/// Their number in each update, as long as there are more.
const OTHERS_AT_LENGTH: usize = 100;
/// The largest number of connections in an update, those chosen first. The others that have changed are in the next.
const ROWS: usize = 40;
/// The number of the latest messages that a new page begins with.
const RECENT: usize = 100;

/// What the page shows.
#[derive(Debug, Default)]
pub struct Live {
    rows: ConnMap<Row>,
    /// The open connections on the page.
    open: BTreeSet<ConnId>,
    /// The open connections that are not on it.
    others: BTreeSet<ConnId>,
    /// The closed connections on it.
    ended: VecDeque<ConnId>,
    /// The connections that have changed since they were in an update, the first one first.
    changed: VecDeque<ConnId>,
    /// Those that have left the page.
    gone: Vec<ConnId>,
    recent: VecDeque<Shown>,
    events: Vec<Shown>,
    /// The number of events so far, shown or not.
    number: u64,
    /// The connections that browsers have chosen.
    chosen: BTreeSet<ConnId>,
    /// The events that `events` may still take: of the chosen connections, and of the others.
    room: Room,
    /// The events since the last update that are not among `events`.
    left_out: u64,
    /// Somebody watches.
    is_watched: bool,
    rooms: Option<Vec<RoomView>>,
    sweep: Option<SweepView>,
    /// Rooms or sweep have changed since the last update.
    has_new_rooms: bool,
    has_new_sweep: bool,
}

/// How many events the next update may still take.
#[derive(Clone, Copy, Debug)]
struct Room {
    chosen: usize,
    others: usize,
}

impl Room {
    /// Takes the place of an event, if there is one.
    fn take(&mut self, is_chosen: bool) -> bool {
        // A chosen connection has the places of the others too.
        let places = if is_chosen && self.chosen > 0 { &mut self.chosen } else { &mut self.others };
        let left = places.checked_sub(1);
        *places = left.unwrap_or(0);
        left.is_some()
    }
}

impl Default for Room {
    fn default() -> Room {
        Room { chosen: EVENTS, others: OTHER_EVENTS }
    }
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomView {
    /// Its name.
    pub name: String,
    /// The number of its members.
    pub members: usize,
}

/// A sweep so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepView {
    /// The plans that are done.
    pub done: usize,
    /// All plans.
    pub of: usize,
    /// The plans that did not get the same replies, and are not repeated yet.
    pub suspects: usize,
    /// The results of those that are done.
    pub same: usize,
    /// Those with other replies.
    pub different: usize,
    /// Those that were not proven.
    pub not_proven: usize,
    /// What is cut.
    pub parts: Vec<PartView>,
    /// The differences, as the report describes them.
    pub findings: Vec<String>,
    /// The result, at the end.
    pub result: Option<String>,
}

/// A message of a sweep, or another part that is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartView {
    /// Its name.
    pub name: String,
    /// Its length.
    pub length: usize,
    /// Its first bytes in base64, if they are known.
    pub bytes: Option<String>,
    /// The offsets from the first to the second, and their result: `s`ame, `d`ifferent, `u`nproven, suspect `x`.
    pub marks: Vec<(usize, usize, char)>,
}

/// What has changed since an earlier update, or everything.
#[derive(Debug, Serialize)]
pub struct Update {
    /// The time in nanoseconds since the run began.
    t: u64,
    /// It has everything.
    reset: bool,
    totals: Totals,
    rows: Vec<RowView>,
    gone: Vec<ConnId>,
    /// The open connections that are not on the page.
    others: usize,
    events: Vec<Shown>,
    left_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<Vec<RoomView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<SweepView>,
    #[serde(skip)]
    number: u64,
}

impl Live {
    /// Adds an event, with its bytes.
    pub fn note(&mut self, event: &Event, bytes: &[u8]) {
        if let EventKind::Open { side, local, peer, made_for } = &event.what {
            self.add(event.conn, Row::new(*side, local, peer, *made_for, event.t));
        }
        let Some(row) = self.rows.get_mut(&event.conn) else { return };
        let is_message = matches!(event.what, EventKind::Message { .. });
        // What nobody watches is only counted, except for the latest messages.
        let is_looked_at = self.is_watched || is_message;
        let sight = if is_looked_at { sight(event, &row.counted) } else { None };
        self.number += u64::from(sight.is_some() || !is_looked_at);
        row.note(event);
        let is_closed = matches!(event.what, EventKind::Close { .. });
        row.is_on_page |= is_closed;
        if self.is_watched && row.is_on_page && !std::mem::replace(&mut row.is_changed, true) {
            if row.is_chosen {
                self.changed.push_front(event.conn);
            } else {
                self.changed.push_back(event.conn);
            }
        }
        if let Some(sight) = sight {
            let has_room = self.is_watched && self.room.take(row.is_chosen);
            if self.is_watched && !has_room {
                self.left_out += 1;
                row.leave_out();
            }
            self.show(sight, event, bytes, has_room);
        }
        if is_closed {
            self.end(event.conn);
        }
    }

    /// Adds an event to those of the next update, if it has room for it, and a message to the latest.
    fn show(&mut self, sight: Sight, event: &Event, bytes: &[u8], has_room: bool) {
        if matches!(event.what, EventKind::Message { .. }) {
            let oldest = if self.recent.len() < RECENT { None } else { self.recent.pop_front() };
            let shown = sight.shown(event, bytes, oldest);
            if has_room {
                self.events.push(shown.clone());
            }
            self.recent.push_back(shown);
        } else if has_room {
            self.events.push(sight.shown(event, bytes, None));
        }
    }

    /// Whether an event of this connection that happens now would be in the next update.
    #[must_use]
    pub fn has_room(&self, conn: ConnId) -> bool {
        let is_chosen = || self.rows.get(&conn).is_some_and(|row| row.is_chosen);
        self.is_watched && (self.room.others > 0 || (self.room.chosen > 0 && is_chosen()))
    }

    /// Updates have the events of these connections first: browsers have chosen them.
    pub fn set_chosen(&mut self, chosen: BTreeSet<ConnId>) {
        for conn in self.chosen.difference(&chosen) {
            self.rows.get_mut(conn).into_iter().for_each(|row| row.is_chosen = false);
        }
        for conn in &chosen {
            self.rows.get_mut(conn).into_iter().for_each(|row| row.is_chosen = true);
        }
        self.chosen = chosen;
    }

    /// Adds a connection.
    fn add(&mut self, conn: ConnId, mut row: Row) {
        row.is_on_page = self.open.len() < OPEN_ROWS;
        row.is_chosen = self.chosen.contains(&conn);
        if row.is_on_page { &mut self.open } else { &mut self.others }.insert(conn);
        self.rows.insert(conn, row);
    }

    /// Moves a connection to the closed ones, and gives its place to another.
    fn end(&mut self, conn: ConnId) {
        self.others.remove(&conn);
        if self.open.remove(&conn) {
            if let Some(next) = self.others.pop_first() {
                self.open.insert(next);
                if let Some(row) = self.rows.get_mut(&next) {
                    row.is_on_page = true;
                    if self.is_watched && !std::mem::replace(&mut row.is_changed, true) {
                        self.changed.push_back(next);
                    }
                }
            }
        }
        self.ended.push_back(conn);
        if self.ended.len() > ENDED_ROWS {
            if let Some(oldest) = self.ended.pop_front() {
                self.rows.remove(&oldest);
                if self.is_watched {
                    self.gone.push(oldest);
                }
            }
        }
    }

    /// Shows these rooms.
    pub fn set_rooms(&mut self, rooms: Vec<RoomView>) {
        let rooms = Some(rooms);
        self.has_new_rooms |= self.rooms != rooms;
        self.rooms = rooms;
    }

    /// Shows this sweep.
    pub fn set_sweep(&mut self, sweep: SweepView) {
        self.has_new_sweep = true;
        self.sweep = Some(sweep);
    }

    /// Whether somebody watches from now on. Updates begin with this.
    pub fn set_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
        if !is_watched {
            let _ = self.take_all(0, Totals::default());
            self.set_chosen(BTreeSet::new());
            self.room = Room::default();
        }
    }

    /// What has changed since this was called before, with these counts; `None` if nothing has. If many connections have
    /// changed, the rest of them follows with the next calls.
    pub fn take(&mut self, t: u64, totals: Totals) -> Option<Update> {
        Some(Update { totals, ..self.changes(ROWS, t)? })
    }

    /// All that has changed, for the last update.
    pub fn take_all(&mut self, t: u64, totals: Totals) -> Option<Update> {
        Some(Update { totals, ..self.changes(usize::MAX, t)? })
    }

    /// What has changed, with this number of connections at most, without the counts.
    fn changes(&mut self, most: usize, t: u64) -> Option<Update> {
        let (rooms, sweep) = (std::mem::take(&mut self.has_new_rooms), std::mem::take(&mut self.has_new_sweep));
        let gone = std::mem::take(&mut self.gone);
        self.room.chosen = EVENTS;
        self.room.others = (self.room.others + OTHERS_AT_LENGTH).min(OTHER_EVENTS);
        if self.changed.is_empty() && gone.is_empty() && self.events.is_empty() && !rooms && !sweep {
            return None;
        }
        let first = self.changed.len().min(most);
        let mut rows = Vec::new();
        for conn in self.changed.drain(..first) {
            if let Some(row) = self.rows.get_mut(&conn) {
                row.is_changed = false;
                rows.push(row.view(conn));
            }
        }
        Some(Update {
            t,
            reset: false,
            totals: Totals::default(),
            rows,
            gone,
            others: self.others.len(),
            events: std::mem::take(&mut self.events),
            left_out: std::mem::take(&mut self.left_out),
            rooms: self.rooms.clone().filter(|_| rooms),
            sweep: self.sweep.clone().filter(|_| sweep),
            number: self.number,
        })
    }

    /// Everything that the page shows, with these counts.
    #[must_use]
    pub fn snapshot(&self, t: u64, totals: Totals) -> Update {
        let on_page = self.open.iter().chain(&self.ended);
        Update {
            t,
            reset: true,
            totals,
            rows: on_page.filter_map(|&conn| Some(self.rows.get(&conn)?.view(conn))).collect(),
            gone: Vec::new(),
            others: self.others.len(),
            events: self.recent.iter().cloned().collect(),
            left_out: 0,
            rooms: self.rooms.clone(),
            sweep: self.sweep.clone(),
            number: self.number,
        }
    }
}

impl Update {
    /// The number of events up to it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The update as a message of server-sent events (HTML Standard, section 9.2), with the run that it belongs to.
    #[must_use]
    pub fn encode(&self, run: &str) -> Vec<u8> {
        message("update", run, self.number, self)
    }
}

/// A message of server-sent events. JSON has no line feeds.
pub(super) fn message(name: &str, run: &str, number: u64, data: &impl Serialize) -> Vec<u8> {
    // Numbers, strings and plain structs are always JSON.
    let json = serde_json::to_string(data).unwrap_or_default();
    format!("id: {run}-{number}\nevent: {name}\ndata: {json}\n\n").into_bytes()
}

#[cfg(test)]
mod tests;
