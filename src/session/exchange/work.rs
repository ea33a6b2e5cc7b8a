//! What the service has asked for, and gets later: timers, and work that is done on a thread.

use super::Exchange;
use crate::io::worker::Done;
use crate::service::{Event, Service};

impl<S: Service> Exchange<S> {
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
