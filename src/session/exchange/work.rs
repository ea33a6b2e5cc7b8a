//! What the service has asked for, and gets later: timers, and work that is done on a thread.

use super::super::peer::{Pair, Peer};
use super::Exchange;
use crate::io::worker::Done;
use crate::service::{Event, PeerId, Service};
use crate::trace::ConnId;

impl<S: Service> Exchange<S> {
    /// Has the service begin.
    pub(in crate::session) fn begin(&mut self) {
        self.hosted.note_time(self.reactor.now());
        self.act(Service::begin);
    }

    /// Whether a peer may be idle for any time: a service watches its own connection itself.
    pub(super) fn may_be_idle(&self, id: PeerId) -> bool {
        id == PeerId::Console || self.peers.get(id).is_some_and(Peer::is_of_service)
    }

    /// Notes the connection that was made for a client.
    pub(super) fn note_server(&mut self, client: PeerId, server: ConnId) {
        if let Some(client) = self.peers.get_mut(client).filter(|_| client != PeerId::Console) {
            client.pair = Some(Pair::Server(server));
        }
    }

    /// Reports the timers that are due now to the service, in their order.
    pub(super) fn report_timers(&mut self) {
        let now = self.reactor.now();
        for id in self.hosted.timers.due(now) {
            if self.hosted.timers.expire(id, now) {
                self.emit(Event::Timer { id });
            }
        }
        self.hosted.timers.wait(&mut self.reactor);
    }

    /// Gives the service the result of work that it has ordered. It may read from the peer again.
    pub(in crate::session) fn report_work(&mut self, Done { peer, ticket, answer }: Done) {
        self.emit(Event::Computed { peer, ticket, answer: &answer });
        self.resume(peer);
    }
}
