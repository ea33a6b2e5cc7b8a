//! The rooms of a listener on the live page.

use std::time::{Duration, Instant};

use super::super::exchange::Exchange;
use crate::io::key::Key;
use crate::io::recorder::Recorder;
use crate::service::Service;
use crate::web::RoomView;

/// The time between two looks at the rooms.
const PERIOD: Duration = Duration::from_millis(250);
/// The largest number of rooms that are shown.
const MOST: usize = 200;

/// Shows the rooms, several times a second at most.
#[derive(Debug, Default)]
pub(super) struct RoomList {
    shown: Option<Instant>,
}

impl RoomList {
    /// Shows the rooms of the service, if that is due; otherwise the loop wakes when it is.
    pub(super) fn show<S: Service>(&mut self, exchange: &mut Exchange<S>, recorder: &Recorder, now: Instant) {
        let due = self.shown.map(|shown| shown + PERIOD);
        if let Some(due) = due.filter(|due| now < *due) {
            return exchange.reactor.wake_at(Key::Clock, due);
        }
        self.shown = Some(now);
        let rooms = exchange.hosted.service.rooms().into_iter().take(MOST);
        let rooms = rooms.map(|room| RoomView { name: room.name, members: room.members }).collect();
        recorder.with_live(|live, _, _| live.set_rooms(rooms));
    }
}
