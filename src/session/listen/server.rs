//! One loop of a listener: lets clients in, has them served, and comes to an orderly end.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::Context;
use super::super::complaint::Complaint;
use super::super::exchange::{Ended, Exchange, Why};
use super::super::input_wait::InputWait;
use super::super::relay::{Answer, ServerSide};
use super::super::room::{Room, Share};
use super::access::{AccessLog, Shutdown};
use crate::config::{Direction, ListenConfig, Traffic};
use crate::error::{Error, Operation, cause};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::{Conn, Origin};
use crate::io::console::{Console, Source};
use crate::io::key::Key;
use crate::io::listener::{Listener, NoArrival};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::service::{Event, PeerId, Service, Store, Traits};
use crate::trace::Side;
use crate::value::counted;

/// Connections accepted in one turn, so that a crowd at the door leaves those inside their turns.
const DOOR: usize = 64;
/// Connections accepted when the end is asked for: those that wait have arrived, and are answered.
const LAST_CALL: usize = 4096;
/// The pause after accept has found no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// How long an orderly end may take, all told.
const STOP: Duration = Duration::from_secs(4);

/// A service and its clients, from the door to the orderly end.
pub(super) struct Server<'a, S> {
    pub(super) config: &'a ListenConfig,
    pub(super) context: &'a Context,
    pub(super) exchange: Exchange<S>,
    /// What the clients' connections are given.
    traffic: Traffic,
    /// The connections of a relay that are being made.
    dials: Option<ServerSide>,
    /// Gone when no more connections are taken.
    listener: Option<Listener>,
    door: Door,
    /// Descriptors are out.
    exhausted: Complaint,
    /// A client could not be served.
    unserved: Complaint,
    access: AccessLog<'a>,
    /// This loop's part of those inside.
    share: Share<'a>,
    /// Arrivals accepted in one turn.
    door_step: usize,
    /// The end of the orderly end.
    pub(super) grace: Option<Instant>,
    /// What went wrong with the one connection that this run was for.
    pub(super) failure: Option<Error>,
    /// Connections of a kept pipe that have lost bytes.
    pub(super) losses: u64,
    /// What is said where a peer has ended and stdin has nothing.
    input_wait: InputWait,
    /// A connection that does not come to its end in order ends in a reset, a killed program's too.
    arms: bool,
}

/// Whether arrivals are accepted now. Those that are not wait in the kernel's backlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Open,
    /// As many are inside as may be.
    Full,
    /// There is no descriptor for another one until then.
    Shut(Instant),
}

impl<'a, S: Service> Server<'a, S> {
    pub(super) fn new(
        service: S,
        store: Box<dyn Store>,
        config: &'a ListenConfig,
        context: &'a Context,
        reactor: Reactor,
        listener: Listener,
        room: &'a Room,
    ) -> Result<Self, Error> {
        let mut exchange = Exchange::new(
            reactor,
            service,
            config.mode.traits(),
            store,
            config.traffic.idle_timeout,
            &context.recorder,
        );
        if let Some(pipe) = config.pipe() {
            let read_input = pipe.stream.direction != Direction::Receive;
            let console = Console::open(&exchange.reactor, read_input)
                .map_err(Error::local(Operation::Open, "stdin and stdout"))?;
            exchange.add_console(console, config.traffic.max_message);
            exchange.ack_timeout = Some(pipe.stream.ack_timeout());
            exchange.start_meter(&config.seeing, &context.report);
        }
        Ok(Server {
            config,
            context,
            exchange,
            traffic: ServerSide::traffic_of_clients(config),
            dials: ServerSide::new(config),
            listener: Some(listener),
            door: Door::Open,
            exhausted: Complaint::once_a_minute(),
            unserved: Complaint::once_a_second(),
            access: AccessLog::new(config, &context.report, room),
            share: room.share(config.admission.max_connections),
            // A loop that has less to do comes to the door more often.
            door_step: if config.threads == 1 { DOOR } else { 1 },
            grace: None,
            failure: None,
            losses: 0,
            input_wait: InputWait::of_stream(),
            arms: config.pipe().is_some() && Source::of_stdin() != Source::Terminal,
        })
    }

    pub(super) fn run(mut self) -> Result<(), Error> {
        Reactor::run(&mut self)?;
        self.outcome()
    }

    fn serve(&mut self, event: Ready, now: Instant) -> Result<(), Error> {
        match event.key {
            Key::Listener => return self.accept(now),
            Key::Waker | Key::Dial(_) | Key::Attempt { .. } => {
                let Some(dials) = &mut self.dials else { return Ok(()) };
                for answer in dials.on_event(event, &mut self.exchange.reactor, self.context) {
                    self.link(answer);
                }
            }
            _ => self.exchange.serve(event, now),
        }
        Ok(())
    }

    /// Makes the connections that a relay wants for its clients.
    fn call_for_clients(&mut self) {
        for client in std::mem::take(&mut self.exchange.dials) {
            let Some(dials) = &mut self.dials else { return };
            let conn = self.exchange.conn(client).map(Conn::id);
            if let Some(answer) = dials.call(client, conn, &mut self.exchange.reactor, self.context) {
                self.link(answer);
            }
        }
    }

    /// Brings a client and its server together, or parts from the client.
    fn link(&mut self, answer: Answer) {
        let (client, text) = match answer {
            Answer::Linked(client, conn) => {
                let inbox = Inbox::new(Framing::Raw, Role::Responses, self.traffic.max_message);
                let Err(error) = self.exchange.add_for(client, conn, inbox) else { return };
                (client, format!("connect: {}", cause(&error)))
            }
            Answer::Unreachable(client, error) => (client, error.to_string()),
        };
        self.complain(text, Instant::now());
        self.exchange.tell(Event::Unreachable { client });
    }

    /// Lets in who is waiting, as far as there is room, and the others in the next turn.
    fn accept(&mut self, now: Instant) -> Result<(), Error> {
        if self.let_in(self.door_step, now)? {
            self.exchange.reactor.again(Key::Listener);
        }
        Ok(())
    }

    /// Lets in so many at most. True: others may be waiting.
    fn let_in(&mut self, most: usize, now: Instant) -> Result<bool, Error> {
        for _ in 0..most {
            let Some(listener) = &self.listener else { return Ok(false) };
            if !self.share.reserve(self.exchange.clients()) {
                self.door = Door::Full;
                return Ok(false);
            }
            match listener.accept() {
                Ok(arrival) => {
                    if let Some(why) = arrival.ip.and_then(|ip| self.config.admission.rejects(ip)) {
                        self.access.rejected(&arrival.peer, why, now, &mut self.exchange.reactor);
                        continue;
                    }
                    if let Err(error) = arrival.stream.set_options(&self.traffic.socket, arrival.family()) {
                        self.complain(format!("accept {}: {error}", arrival.peer), now);
                        continue;
                    }
                    let number = self.share.number();
                    let traffic = &self.traffic;
                    if self.config.seeing.show_options && number == 0 {
                        super::super::show_options(&arrival.stream, Some(listener), &traffic.socket, self.context);
                    }
                    let origin = Origin { side: Side::Listen, peer: arrival.peer, number, made_for: None };
                    let Traits { raw, framing, .. } = self.exchange.traits;
                    let conn = Conn::new(arrival.stream, origin, traffic, raw, &self.context.recorder);
                    let inbox = Inbox::new(framing, Role::Requests, traffic.max_message);
                    match self.exchange.add(conn, inbox) {
                        Ok(client) if self.arms => self.exchange.arm(client),
                        Ok(_) => {}
                        Err(error) => self.complain(format!("accept: {}", cause(&error)), now),
                    }
                    if self.config.once {
                        self.close_door();
                        return Ok(false);
                    }
                }
                Err(NoArrival::Nobody) => return Ok(false),
                Err(NoArrival::Gone) => {}
                Err(NoArrival::NoMore) => {
                    self.close_door();
                    return Ok(false);
                }
                Err(NoArrival::Exhausted(error)) => {
                    if self.exhausted.due(now).is_some() {
                        let text = format!("accept: {}; new connections wait until others end", cause(&error));
                        self.context.report.warning(&text);
                    }
                    self.door = Door::Shut(now + PAUSE);
                    self.exchange.reactor.wake_at(Key::Listener, now + PAUSE);
                    return Ok(false);
                }
                Err(NoArrival::Failed(error)) => {
                    return Err(Error::network(Operation::Accept, listener.shown())(error));
                }
            }
        }
        Ok(true)
    }

    /// Opens the door again when somebody has left or the pause is over.
    fn open_door(&mut self, now: Instant) -> Result<(), Error> {
        self.share.settle(self.exchange.clients());
        let open = match self.door {
            Door::Open => false,
            Door::Full => !self.share.is_full(),
            Door::Shut(until) => now >= until,
        };
        if open {
            self.door = Door::Open;
            self.accept(now)?;
        }
        Ok(())
    }

    fn close_door(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.close(&self.exchange.reactor);
        }
    }

    fn stop(&mut self, now: Instant) -> Result<(), Error> {
        if self.context.signals.stopped() {
            self.context.report.begin_anew();
        }
        self.event(|| "stopping: answering received messages".to_owned());
        super::tell(self.context, self.context.manager.stopping());
        if self.door == Door::Open {
            self.let_in(LAST_CALL, now)?;
        }
        self.close_door();
        self.grace = Some(now + STOP);
        self.exchange.reactor.wake_at(Key::Clock, now + STOP);
        if self.context.signals.stopped() && self.config.pipe().is_some() {
            self.cut_input_short(now);
        }
        self.exchange.stop();
        Ok(())
    }

    /// The time for an orderly end is over.
    fn give_up(&mut self, now: Instant) {
        if self.config.pipe().is_some() {
            self.note_leftover(now);
        }
        self.exchange.abandon();
    }

    /// Says whom the end has cut short. The one client of a pipe is the failure of the whole run.
    fn tell_of_the_cut_short(&self) {
        let count = self.exchange.cut_short.len();
        if count > 0 && self.config.pipe().is_none() {
            let connections = counted(count as u64, "connection");
            self.context.report.warning(&format!("shutdown aborted {connections}"));
        }
    }

    /// Says who is gone and why; a console that fails ends the run.
    #[inline]
    fn tell_of_the_ended(&mut self) -> Result<(), Error> {
        if self.exchange.ended.is_empty() { Ok(()) } else { self.tell_of_each() }
    }

    fn tell_of_each(&mut self) -> Result<(), Error> {
        for ended in std::mem::take(&mut self.exchange.ended) {
            self.print_access(&ended);
            if self.config.pipe().is_some() && ended.id != PeerId::Console {
                self.note_loss(&ended);
            }
            let Ended { id, why, .. } = ended;
            if let Some(dials) = &mut self.dials {
                dials.forget(id, &self.exchange.reactor);
            }
            match why {
                Why::Failed(error) if id == PeerId::Console => {
                    return Err(Error::local(Operation::Read, "stdin")(error));
                }
                Why::Unwritable(error) if id == PeerId::Console => {
                    return Err(Error::local(Operation::WriteTo, "stdout")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Prints the access line of a connection that has ended.
    fn print_access(&mut self, ended: &Ended) {
        let shutdown = match self.grace {
            None => Shutdown::No,
            Some(_) if self.exchange.cut_short.contains(&ended.id) => Shutdown::Aborts,
            Some(_) => Shutdown::Drains,
        };
        if self.exchange.console_is_mid_line() && self.access.is_on() {
            self.context.report.begin_anew();
        }
        self.access.ended(ended, shutdown, &mut self.exchange.reactor);
    }

    fn complain(&mut self, text: String, now: Instant) {
        self.unserved.make(text, now, &self.context.report);
    }

    fn event(&self, text: impl FnOnce() -> String) {
        if self.config.seeing.verbosity > 0 {
            self.context.report.event(&text());
        }
    }
}

impl<S: Service> Handler for Server<'_, S> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.exchange.reactor
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.serve(ready, now)?;
        self.tell_of_the_ended() // before its number is somebody else's
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        self.call_for_clients();
        self.access.look(now);
        self.access.give_totals(&self.context.signals, &self.exchange, now);
        self.exchange.measure(now);
        self.tell_of_the_ended()?;
        let (report, quiet) = (&self.context.report, self.config.seeing.quiet);
        self.input_wait.look(&mut self.exchange, report, quiet, now);
        self.open_door(now)?;
        let shown = self.exchange.backlog(PeerId::Console) == 0;
        let done = self.exchange.stopped && !self.exchange.has_last_input() && shown;
        if self.exchange.console_closed() {
            self.close_door();
            self.exchange.end_without_output();
        }
        let over = done || self.context.signals.stopped() || self.exchange.console_closed();
        if over && self.grace.is_none() {
            self.stop(now)?;
        }
        let too_late = self.grace.is_some_and(|at| now >= at);
        if too_late {
            self.give_up(now);
        }
        let shown = too_late || self.exchange.backlog(PeerId::Console) == 0;
        if self.listener.is_some() || self.exchange.connections() > 0 || !shown {
            return Ok(ControlFlow::Continue(()));
        }
        self.exchange.end_output();
        self.exchange.end_meter();
        self.tell_of_the_ended()?;
        self.access.finish();
        self.tell_of_the_cut_short();
        self.unserved.end(&self.context.report);
        Ok(ControlFlow::Break(()))
    }
}
