//! The listening socket of a site, and its clients.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use slab::Slab;

use super::client::{Client, Next};
use super::link::Link;
use super::viewer::Viewer;
use crate::error::Error;
use crate::io::key::Key;
use crate::io::listener::{Arrival, Listener, NoArrival};
use crate::io::random::draw;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::signal::Signals;
use crate::io::start;
use crate::trace::ConnId;
use crate::value::escape;
use crate::web::{Answer, Live, Request, Response, Site, Start, Status, Totals, Update, ended};

/// The largest number of connections at once. A further one is closed.
const MOST_CLIENTS: usize = 64;
/// The largest number of them that show the live page.
const MOST_VIEWERS: usize = 16;
/// The time between two updates of the page.
const UPDATE: Duration = Duration::from_millis(100);
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
    page: Option<Page>,
    pub(super) stop: Signals,
}

/// What the live page needs besides.
struct Page {
    link: Link,
    /// The name of this run, which tells it from others on the same address.
    run: String,
    command: String,
    time: String,
    viewers: usize,
    /// The number of the latest one.
    latest: u64,
}

impl Front {
    pub(super) fn new(site: Site, listener: Listener, reactor: Reactor, recorder: &Recorder) -> Front {
        let stop = Signals::default();
        stop.watch(&reactor.waker());
        let recorder = recorder.clone();
        Front { site, listener: Some(listener), reactor, recorder, clients: Slab::new(), page: None, stop }
    }

    /// Serves the live page of a run with this name.
    pub(super) fn with_page(self, link: Link, run: [u8; 8]) -> Front {
        let words: Vec<_> = start::command().iter().map(|word| escape(word)).collect();
        let (run, command, time) = (format!("{:016x}", u64::from_be_bytes(run)), words.join(" "), start::time_of_day());
        Front { page: Some(Page { link, run, command, time, viewers: 0, latest: 0 }), ..self }
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
            entry.insert(Client::new(stream, now));
            self.reactor.again(key);
        }
    }

    /// Serves a client that is ready.
    fn serve(&mut self, number: usize, now: Instant) {
        loop {
            let Some(client) = self.clients.get_mut(number) else { return };
            match client.turn(now) {
                Ok(Next::Answer(request)) => self.answer(number, &request, now),
                Ok(Next::Wait) => {
                    let due = client.due();
                    return due.into_iter().for_each(|due| self.reactor.wake_at(Key::Conn(number), due));
                }
                Ok(Next::Drop) | Err(_) => return self.drop_client(number),
            }
        }
    }

    fn drop_client(&mut self, number: usize) {
        let mut client = self.clients.remove(number);
        self.reactor.deregister(&mut client.stream);
        if let Some(page) = self.page.as_mut().filter(|_| client.viewer().is_some()) {
            page.viewers -= 1;
            if page.viewers == 0 {
                self.recorder.set_watched(false);
            }
            self.set_chosen();
        }
    }

    /// Notes that a viewer has chosen a connection.
    fn choose(&mut self, number: u64, conn: ConnId) {
        let mut viewers = self.clients.iter_mut().filter_map(|(_, client)| client.viewer());
        if let Some(viewer) = viewers.find(|viewer| viewer.number == number) {
            viewer.chosen = Some(conn);
            self.set_chosen();
        }
    }

    /// Updates have the events of the connections that viewers have chosen.
    fn set_chosen(&mut self) {
        let viewers = self.clients.iter_mut().filter_map(|(_, client)| client.viewer());
        let chosen: BTreeSet<ConnId> = viewers.filter_map(|viewer| viewer.chosen).collect();
        self.recorder.with_live(|live, _, _| live.set_chosen(chosen));
    }

    /// Answers a request.
    fn answer(&mut self, number: usize, request: &Request, now: Instant) {
        let answer = self.site.answer(request);
        if let Answer::Chosen(_, viewer, conn) = answer {
            self.choose(viewer, conn);
        }
        let Front { site, page, clients, recorder, reactor, .. } = self;
        let Some(client) = clients.get_mut(number) else { return };
        let response = match (answer, page) {
            (Answer::Metrics, _) => recorder.totals().response(),
            (Answer::Events(head, last), Some(page)) if !request.is_head() => {
                if page.viewers < MOST_VIEWERS {
                    let first = [head.encode(false), b"retry: 1000\n\n".to_vec()].concat();
                    return page.watch(client, first, last.as_deref(), (recorder, reactor), now);
                }
                Response::refuse(Status::Unavailable, "as many browsers show this page as may")
            }
            (Answer::LoggedIn(response), Some(page)) => {
                // Without random bytes there is no link for another browser.
                if let Some((door, token)) = site.door().zip(draw().ok()) {
                    door.renew(token);
                    page.link.renew(&door.path());
                }
                response
            }
            (
                Answer::Response(response)
                | Answer::LoggedIn(response)
                | Answer::Events(response, _)
                | Answer::Chosen(response, ..),
                _,
            ) => response,
        };
        client.answer(response.encode(request.is_head()));
    }

    /// Sends the viewers what has changed.
    fn update(&mut self, now: Instant) {
        self.send(|live, totals, t| live.take(t, totals), now);
    }

    fn send(&mut self, take: impl FnOnce(&mut Live, Totals, u64) -> Option<Update>, now: Instant) {
        let Some(page) = self.page.as_ref().filter(|page| page.viewers > 0) else { return };
        let update = self.recorder.with_live(take).flatten();
        let update = update.map(|update| (update.encode(&page.run), update.number()));
        let numbers: Vec<_> = self.clients.iter().map(|(number, _)| number).collect();
        for number in numbers {
            let Some(viewer) = self.clients.get_mut(number).and_then(Client::viewer) else { continue };
            match &update {
                _ if viewer.is_behind && viewer.is_ready() => {
                    if let Some(page) = &self.page {
                        let (message, number) = page.everything(viewer, &self.recorder);
                        viewer.send(&message, number, now);
                        viewer.is_behind = false;
                    }
                }
                Some((message, number)) if viewer.is_ready() => viewer.send(message, *number, now),
                Some(_) => viewer.is_behind = true,
                None => {}
            }
            self.serve(number, now);
        }
        self.reactor.wake_at(Key::Clock, now + UPDATE);
    }

    /// Sends the viewers the rest, and that the run has ended, as far as they take it at once.
    fn end(&mut self, now: Instant) {
        self.send(|live, totals, t| live.take_all(t, totals), now);
        let Some(page) = &self.page else { return };
        for (_, client) in &mut self.clients {
            if let Some(viewer) = client.viewer().filter(|viewer| viewer.is_ready()) {
                let number = viewer.seen;
                viewer.send(&ended(&page.run, number), number, now);
                // One that is gone needs no more.
                let _ = client.turn(now);
            }
        }
    }
}

impl Page {
    /// Sends a client everything, and then updates.
    fn watch(
        &mut self,
        client: &mut Client,
        head: Vec<u8>,
        last: Option<&str>,
        (recorder, reactor): (&Recorder, &mut Reactor),
        now: Instant,
    ) {
        if self.viewers == 0 {
            recorder.set_watched(true);
            reactor.wake_at(Key::Clock, now + UPDATE);
        }
        self.viewers += 1;
        self.latest += 1;
        let (message, number) = self.first(self.latest, last, recorder);
        client.watch(Viewer::new(self.latest, [head, message].concat(), number, now));
    }

    /// Everything, for a viewer of this run that was left out of an update.
    fn everything(&self, viewer: &Viewer, recorder: &Recorder) -> (Vec<u8>, u64) {
        self.first(viewer.number, Some(&format!("{}-{}", self.run, viewer.seen)), recorder)
    }

    /// Everything, for the viewer of this number that has the events up to `last`.
    fn first(&self, viewer: u64, last: Option<&str>, recorder: &Recorder) -> (Vec<u8>, u64) {
        let Some(update) = recorder.with_live(|live, totals, t| live.snapshot(t, totals)) else {
            return (Vec::new(), 0);
        };
        let number = update.number();
        let start = Start::after(last, &self.run, number);
        let start = Start { command: self.command.clone(), time: self.time.clone(), viewer, ..start };
        ([start.encode(&self.run, number), update.encode(&self.run)].concat(), number)
    }
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
            Key::Clock => self.update(now),
            _ => {}
        }
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        if !self.stop.stopped() {
            return Ok(ControlFlow::Continue(()));
        }
        self.end(now);
        if let Some(listener) = self.listener.take() {
            listener.close(&self.reactor);
        }
        Ok(ControlFlow::Break(()))
    }
}
