//! The running clients of a sweep, each with a listener of its own.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::progress::Progress;
use super::super::second_look::Runner;
use super::super::time::SweepTime;
use super::run::{Done, Run};
use crate::config::{ClientSweepConfig, Replies as Source, Traffic};
use crate::error::{Error, Operation};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::{Conn, Origin};
use crate::io::connector::{Connector, Make};
use crate::io::dials::{Dials, Made};
use crate::io::key::{CommandPart, Key};
use crate::io::listener::{Arrival, Listener, NoArrival};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::plan::{Layout, Trial};
use crate::service::stand_in::{Recording, Replies, StandIn};
use crate::service::{Event, NoStore, PeerId};
use crate::session::Context;
use crate::session::exchange::Exchange;
use crate::trace::Side;
use crate::value::{Address, Family, Host};
use crate::verdict::Outcome;

/// The largest number of bytes that are recorded of a run.
pub(super) const RECORDED: usize = 16 << 20;

/// The running clients and their common state.
pub(super) struct Pool<'a> {
    pub(super) config: &'a ClientSweepConfig,
    context: &'a Context,
    exchange: Exchange<StandIn>,
    slots: Vec<Slot>,
    /// The places of the clients' connections.
    owners: HashMap<PeerId, usize>,
    /// The connections to the server that are being made, each for a client's.
    dials: Dials<PeerId>,
    /// The replies to each run.
    pub(super) replies: Replies,
    /// The replies, once they are known.
    layout: Layout,
    /// Where the replies of each connection begin and end in the stream of all replies.
    ranges: Vec<(usize, usize)>,
    /// The time that a client may take.
    pub(super) limit: Duration,
    /// The runs that have ended since this was last emptied.
    pub(super) ended: Vec<Done>,
    pub(super) progress: Progress,
    pub(super) time: SweepTime,
}

/// A place for one client at a time.
struct Slot {
    listener: Listener,
    host: String,
    port: u16,
    run: Option<Run>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(config: &'a ClientSweepConfig, replies: Replies, context: &'a Context) -> Result<Self, Error> {
        let mut reactor =
            Reactor::new(config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
        let ip = match config.family {
            Family::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            Family::Any | Family::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let mut slots = Vec::new();
        for number in 0..config.jobs {
            slots.push(Slot::new(number, ip, config, &mut reactor, context)?);
        }
        context.signals.watch(&reactor.waker());
        let time = SweepTime::begin(config.max_time, reactor.now());
        Ok(Pool {
            config,
            context,
            exchange: Exchange::new(
                reactor,
                StandIn::default(),
                StandIn::TRAITS,
                Box::new(NoStore),
                None,
                &context.recorder,
            ),
            slots,
            owners: HashMap::new(),
            dials: Dials::default(),
            replies,
            layout: Layout::new(&[]),
            ranges: Vec::new(),
            limit: config.timeout,
            ended: Vec::new(),
            progress: Progress::default(),
            time,
        })
    }

    /// The time of this turn of the loop.
    pub(super) fn now(&self) -> Instant {
        self.exchange.reactor.now()
    }

    /// Whether another client can begin.
    fn has_room(&self) -> bool {
        self.slots.iter().any(|slot| slot.run.is_none())
    }

    /// Whether no client runs, and each outcome was taken.
    fn is_idle(&self) -> bool {
        self.ended.is_empty() && self.slots.iter().all(|slot| slot.run.is_none())
    }

    /// Starts a client in a free place.
    fn begin(&mut self, trial: Trial) -> Result<(), Error> {
        let now = self.now();
        let free = self.slots.iter_mut().enumerate().find(|(_, slot)| slot.run.is_none());
        let Some((number, slot)) = free else { return Ok(()) };
        // A client of an earlier run may still have tried to connect.
        while slot.listener.accept().is_ok() {}
        self.exchange.hosted.service.begin(number, self.replies.clone(), RECORDED);
        let boundaries = self.layout.boundaries();
        let inside = trial.cuts.iter().copied().filter(|cut| boundaries.binary_search(cut).is_err()).collect();
        let line = self.config.command.for_server(&slot.host, slot.port);
        let most = self.config.traffic.max_message;
        let mut run = Run::start(&line, trial, inside, most, number, &self.exchange.reactor, now)?;
        if self.config.jobs > 1 {
            run.hide_port(slot.port);
        }
        slot.run = Some(run);
        self.turn(number, now);
        Ok(())
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        match ready.key {
            Key::Command { number, part: CommandPart::Listener } => self.accept(number, now)?,
            Key::Command { number, .. } => self.turn(number, now),
            Key::Conn(number) => {
                self.exchange.serve(ready);
                self.note_progress(PeerId::conn(number), now);
            }
            _ => {}
        }
        for made in self.dials.on_event(ready, &mut self.exchange.reactor) {
            self.link(made);
        }
        self.take_ended(now);
        Ok(())
    }

    /// Connects to the server for the clients that wait for it, and takes what has ended.
    fn end_turn(&mut self, now: Instant) {
        self.exchange.end_turn();
        for client in std::mem::take(&mut self.exchange.hosted.dials) {
            let Source::Server { address, .. } = &self.config.replies else { continue };
            let traffic = &self.config.traffic;
            let connector = Connector {
                address,
                proxy: None,
                family: self.config.family,
                limit: self.config.timeout,
                limited_by: "--timeout",
                make: Make { raw: true, ..Make::plain(traffic, &self.context.recorder) },
            };
            if let Some(made) = self.dials.start(&connector, client, &mut self.exchange.reactor) {
                self.link(made);
            }
        }
        self.take_ended(now);
    }

    /// Takes the connections that wait at a place.
    fn accept(&mut self, number: usize, now: Instant) -> Result<(), Error> {
        loop {
            let Some(slot) = self.slots.get(number) else { return Ok(()) };
            match slot.listener.accept() {
                Ok(arrival) if slot.run.is_some() => self.admit(number, arrival, now)?,
                Ok(_) | Err(NoArrival::Gone) => {}
                Err(NoArrival::Nobody | NoArrival::NoMore) => return Ok(()),
                Err(NoArrival::Exhausted(error) | NoArrival::Failed(error)) => {
                    return Err(Error::network(Operation::Accept, slot.listener.shown())(error));
                }
            }
        }
    }

    /// Adds a connection of a client. Its replies are cut as the trial asks.
    fn admit(&mut self, number: usize, arrival: Arrival, now: Instant) -> Result<(), Error> {
        let Some(run) = self.slots.get_mut(number).and_then(|slot| slot.run.as_mut()) else { return Ok(()) };
        let fail = |error: String| Error::Usage(format!("accept {}: {error}", arrival.peer));
        let set = arrival.stream.set_options(&self.config.traffic.socket, arrival.family());
        set.map_err(|error| fail(error.to_string()))?;
        let connection = self.exchange.hosted.service.accept(number);
        let plan = run.plan(self.ranges.get(connection).copied().unwrap_or_default());
        let traffic = Traffic { plan, ..self.config.traffic.clone() };
        let peer = arrival.peer;
        let origin = Origin { side: Side::Listen, peer, number: 0, made_for: None, sent_to_proxy: None, witness: None };
        let conn = Conn::new(arrival.stream, origin, &traffic, true, &self.context.recorder);
        let inbox = Inbox::new(Framing::Raw, Role::Requests, self.config.traffic.max_message);
        let added = self.exchange.add(conn, inbox);
        let id = added.map_err(Error::local(Operation::Start, "a connection"))?;
        run.open(id);
        self.owners.insert(id, number);
        self.note_progress(id, now);
        self.take_ended(now);
        Ok(())
    }

    /// Adds the connection to the server that was made for a client.
    fn link(&mut self, Made { purpose: client, result, .. }: Made<PeerId>) {
        let error = match result {
            Ok(conn) => {
                let inbox = Inbox::new(Framing::Raw, Role::Responses, self.config.traffic.max_message);
                match self.exchange.add_for(client, conn, inbox) {
                    Ok(_) => return,
                    Err(error) => Error::local(Operation::Start, "a connection")(error),
                }
            }
            Err(error) => error,
        };
        let run = self.owners.get(&client).and_then(|&number| self.slots.get_mut(number)?.run.as_mut());
        if let Some(run) = run {
            run.unreachable.get_or_insert(error);
        }
        self.exchange.emit(Event::Unreachable { client });
    }

    /// Notes that more of the replies was written.
    fn note_progress(&mut self, id: PeerId, now: Instant) {
        let Some(conn) = self.exchange.peers.conn(id) else { return };
        let Some(&number) = self.owners.get(&id) else { return };
        if let Some(run) = self.slots.get_mut(number).and_then(|slot| slot.run.as_mut()) {
            run.note_written(id, conn.wire_written(), now);
        }
    }

    /// Takes the figures of the connections that have ended.
    fn take_ended(&mut self, now: Instant) {
        for ended in std::mem::take(&mut self.exchange.ended) {
            self.dials.abandon(&self.exchange.reactor, |&client| client == ended.id);
            let Some(number) = self.owners.remove(&ended.id) else { continue };
            let Some(run) = self.slots.get_mut(number).and_then(|slot| slot.run.as_mut()) else { continue };
            run.close(ended.id, ended.account);
            if run.has_exited() {
                self.turn(number, now);
            }
        }
    }

    /// Continues a run: reads the output of its client, kills it when its time is over, and takes the outcome.
    fn turn(&mut self, number: usize, now: Instant) {
        let Some(slot) = self.slots.get_mut(number) else { return };
        let Some(run) = &mut slot.run else { return };
        let until = run.turn(self.limit, &mut self.exchange.reactor, now);
        if let ControlFlow::Continue(until) = until {
            let key = Key::Command { number, part: CommandPart::End };
            return self.exchange.reactor.wake_at(key, until);
        }
        let Some(mut run) = slot.run.take() else { return };
        for id in run.left_open() {
            self.owners.remove(&id);
            self.exchange.drop_one(id);
            let of_run = std::mem::take(&mut self.exchange.ended);
            for ended in of_run {
                if ended.id == id {
                    run.close(id, ended.account);
                } else {
                    self.exchange.ended.push(ended);
                }
            }
        }
        let recording = self.exchange.hosted.service.end(number);
        self.ended.push(run.end(recording, now));
        self.exchange.reactor.again(Key::Clock); // the outcome is taken in the next turn
    }

    /// Kills all clients.
    fn abandon(&mut self) {
        self.dials.abandon(&self.exchange.reactor, |_| true);
        for slot in &mut self.slots {
            slot.run = None;
        }
        for id in std::mem::take(&mut self.owners).into_keys() {
            self.exchange.drop_one(id);
        }
        self.exchange.ended.clear();
        self.ended.clear();
    }

    /// Runs these trials, as many at once as there are places, and passes each that has ended to `take`. True:
    /// `--max-time` was over before the last one began.
    pub(super) fn run(
        &mut self,
        trials: impl Iterator<Item = Trial>,
        take: impl FnMut(Done, &mut Progress) -> Taken,
    ) -> Result<bool, Error> {
        Reactor::run(&mut Trials {
            pool: self,
            next: trials,
            look: Look::First { suspects: false },
            is_late: false,
            take,
        })
    }

    /// Runs one trial alone; `None` if the sweep is stopped meanwhile.
    pub(super) fn alone(&mut self, trial: Trial) -> Result<Option<Done>, Error> {
        let mut found = None;
        let take = |done, _: &mut Progress| {
            found = Some(done);
            Taken::Counted
        };
        let next = std::iter::once(trial);
        Reactor::run(&mut Trials { pool: self, next, look: Look::Alone, is_late: false, take })?;
        Ok(found)
    }

    /// From now on the trials cut these replies.
    pub(super) fn cut(&mut self, recording: &Recording) {
        self.layout = Layout::new(&recording.lengths());
        self.ranges = recording.ranges();
    }
}

impl Runner for Pool<'_> {
    fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        Ok(self.alone(trial)?.map(|done| done.outcome))
    }

    fn wait_longer(&mut self) {
        self.limit *= 2;
    }

    fn is_out_of_time(&self) -> bool {
        self.time.is_over(self.now())
    }

    fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }
}

impl Slot {
    fn new(
        number: usize,
        ip: IpAddr,
        config: &ClientSweepConfig,
        reactor: &mut Reactor,
        context: &Context,
    ) -> Result<Slot, Error> {
        let address = Address::Tcp { host: Host::Ip(ip), port: 0 };
        let options = &config.traffic.socket;
        let mut listener = Listener::bind(&address, Family::Any, options, reactor, &context.signals)?;
        let key = Key::Command { number, part: CommandPart::Listener };
        listener.register_as(key, reactor).map_err(Error::network(Operation::Listen, &address))?;
        let port = listener.local_addr().map_or(0, |addr| addr.port());
        Ok(Slot { listener, host: ip.to_string(), port, run: None })
    }
}

/// What becomes of a run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is counted.
    Counted,
    /// It is repeated later.
    Suspect,
    /// It is the last one: the server is gone.
    Last,
}

/// Which runs these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// All, as long as the time for them is not over.
    First {
        /// Some will be repeated.
        suspects: bool,
    },
    /// One alone.
    Alone,
}

/// Trials, as many at once as there are places.
struct Trials<'p, 'a, I, F> {
    pool: &'p mut Pool<'a>,
    next: I,
    look: Look,
    /// The time was over before the last one began, or had ended.
    is_late: bool,
    take: F,
}

impl<I: Iterator<Item = Trial>, F: FnMut(Done, &mut Progress) -> Taken> Handler for Trials<'_, '_, I, F> {
    type Output = bool;
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.pool.exchange.reactor
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.pool.on_event(ready, now)
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<bool>, Error> {
        let pool = &mut *self.pool;
        pool.end_turn(now);
        let mut is_last = false;
        for done in std::mem::take(&mut pool.ended) {
            match (self.take)(done, &mut pool.progress) {
                Taken::Counted => {}
                Taken::Suspect => self.look = Look::First { suspects: true },
                Taken::Last => is_last = true,
            }
        }
        let must_abort = pool.time.must_abort(pool.limit, &pool.context.signals, &mut pool.exchange.reactor);
        if is_last || must_abort {
            self.is_late |= must_abort && !pool.context.signals.stopped();
            pool.abandon();
            return Ok(ControlFlow::Break(self.is_late));
        }
        while pool.has_room() && !self.is_late {
            let Some(trial) = self.next.next() else { break };
            self.is_late = match self.look {
                Look::First { suspects } => pool.time.is_over_for(trial.name.kind(), suspects, now),
                Look::Alone => false,
            };
            if !self.is_late {
                pool.begin(trial)?;
            }
        }
        if pool.is_idle() {
            return Ok(ControlFlow::Break(self.is_late));
        }
        pool.progress.print(now);
        Ok(ControlFlow::Continue(()))
    }
}
