//! The listening socket of a site, and its clients.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use slab::Slab;

use super::client::{Client, Next};
use crate::error::Error;
use crate::io::key::Key;
use crate::io::listener::{Arrival, Listener, NoArrival};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::signal::Signals;
use crate::web::{Answer, Request, Site};

/// The largest number of connections at once. A further one is closed.
const MOST_CLIENTS: usize = 64;
/// The pause after accept has found no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// The listening socket and its clients.
pub(super) struct Front {
    site: Site,
    /// `None` after it has failed.
    listener: Option<Listener>,
    reactor: Reactor,
    recorder: Recorder,
    clients: Slab<Client>,
    pub(super) stop: Signals,
}

impl Front {
    pub(super) fn new(site: Site, listener: Listener, reactor: Reactor, recorder: &Recorder) -> Front {
        let stop = Signals::default();
        stop.watch(&reactor.waker());
        let recorder = recorder.clone();
        Front { site, listener: Some(listener), reactor, recorder, clients: Slab::new(), stop }
    }

    /// Accepts the clients that wait.
    fn accept(&mut self, now: Instant) {
        while let Some(listener) = &self.listener {
            match listener.accept() {
                Ok(arrival) => self.admit(arrival, now),
                Err(NoArrival::Gone) => {}
                Err(NoArrival::Nobody) => return,
                Err(NoArrival::Exhausted(_)) => return self.reactor.wake_at(Key::Listener, now + PAUSE),
                Err(NoArrival::Failed(_) | NoArrival::NoMore) => self.listener = None,
            }
        }
    }

    fn admit(&mut self, Arrival { mut stream, .. }: Arrival, now: Instant) {
        let entry = self.clients.vacant_entry();
        let key = Key::Conn(entry.key());
        if entry.key() < MOST_CLIENTS && self.reactor.register(&mut stream, key).is_ok() {
            let client = entry.insert(Client::new(stream, now));
            self.reactor.wake_at(key, client.due());
        }
    }

    /// Serves a client that is ready.
    fn serve(&mut self, number: usize, now: Instant) {
        loop {
            let Some(client) = self.clients.get_mut(number) else { return };
            match client.turn(now) {
                Ok(Next::Answer(request)) => {
                    let response = answer(&self.site, &request, &self.recorder);
                    client.answer(response);
                }
                Ok(Next::Wait) => return self.reactor.wake_at(Key::Conn(number), client.due()),
                Ok(Next::Drop) | Err(_) => {
                    let mut client = self.clients.remove(number);
                    return self.reactor.deregister(&mut client.stream);
                }
            }
        }
    }
}

/// The bytes of the response to a request.
fn answer(site: &Site, request: &Request, recorder: &Recorder) -> Vec<u8> {
    let response = match site.answer(request) {
        Answer::Response(response) => response,
        Answer::Metrics => recorder.totals().response(),
    };
    response.encode(request.is_head())
}

impl Handler for Front {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.reactor
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        match ready.key {
            Key::Listener => self.accept(now),
            Key::Conn(number) => self.serve(number, now),
            _ => {}
        }
        Ok(())
    }

    fn end_turn(&mut self, _: Instant) -> Result<ControlFlow<()>, Error> {
        if !self.stop.stopped() {
            return Ok(ControlFlow::Continue(()));
        }
        if let Some(listener) = self.listener.take() {
            listener.close(&self.reactor);
        }
        Ok(ControlFlow::Break(()))
    }
}
