//! How the service of rooms shares them with other servers.

use std::cell::Cell;
use std::time::Duration;

use super::super::via::{Broker, Scene, Via};
use super::RoomService;
use crate::service::{Context, Event, OnShutdown, PeerId};

/// The timer of the broker.
const TIMER: u64 = 1;

/// The sharing of rooms.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// The broker, until the service begins.
    broker: Option<Broker>,
    via: Option<Box<Via>>,
    /// When the timer is set to.
    timer: Option<Duration>,
    /// The listener is shutting down.
    stopping: Cell<bool>,
}

impl Sharing {
    /// Whether this peer is read now, if it is the broker.
    pub(super) fn wants(&self, peer: PeerId) -> bool {
        self.via.as_ref().is_none_or(|via| !via.is_broker(peer) || via.wants())
    }

    fn is_broker(&self, peer: PeerId) -> bool {
        self.via.as_ref().is_some_and(|via| via.is_broker(peer))
    }
}

impl RoomService {
    /// Shares the rooms with other servers, through this broker.
    pub fn share(&mut self, broker: Broker) {
        self.sharing.broker = Some(broker);
    }

    /// Begins to connect to the broker.
    pub(super) fn begin_sharing(&mut self, context: &mut Context) {
        let Some(broker) = self.sharing.broker.take() else { return };
        self.sharing.via = Some(Box::new(Via::begin(broker, &mut self.engine, context.now())));
        self.on_broker(&Event::Timer { id: TIMER }, context);
        self.end_sharing_turn(context);
    }

    /// Handles an event if it belongs to the broker. True: it does.
    pub(super) fn on_broker(&mut self, event: &Event<'_>, context: &mut Context) -> bool {
        let Some(via) = &mut self.sharing.via else { return false };
        if self.sharing.stopping.get() {
            via.begin_end();
        }
        let recorded = self.settings.recorded;
        let mut scene = Scene { engine: &mut self.engine, effects: &mut self.effects, context, recorded };
        match *event {
            Event::Timer { id: TIMER } => {
                self.sharing.timer = None;
                if !self.sharing.stopping.get() || via.is_connected() {
                    via.on_timer(&mut scene);
                }
                true
            }
            Event::Linked { server, .. } => {
                self.clients.remove(&server); // it is no client
                via.on(event, &mut scene)
            }
            _ => via.on(event, &mut scene),
        }
    }

    /// Publishes what has happened in this turn. After the last client of a listener that shuts down, the broker is
    /// closed.
    pub(super) fn end_sharing_turn(&mut self, context: &mut Context) {
        let Some(via) = &mut self.sharing.via else { return };
        via.publish(&mut self.engine, context);
        if self.sharing.stopping.get() && !self.clients.keys().any(|&peer| peer != PeerId::Console) {
            via.end(context);
        }
        let next = via.due_at();
        if next != self.sharing.timer {
            self.sharing.timer = next;
            match next {
                Some(at) => context.timer(TIMER, at.saturating_sub(context.now().elapsed)),
                None => context.cancel_timer(TIMER),
            }
        }
    }

    /// What to do with a peer at shutdown: what clients have sent is still published.
    pub(super) fn when_shutting_down(&self, peer: PeerId) -> OnShutdown {
        self.sharing.stopping.set(true);
        let has_clients = self.clients.keys().any(|&peer| peer != PeerId::Console);
        if has_clients && self.sharing.is_broker(peer) { OnShutdown::KeepReading } else { OnShutdown::Close }
    }
}
