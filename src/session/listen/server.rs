//! One loop of a listener: a service, its clients, and the shutdown.

use std::ops::ControlFlow;
use std::time::Instant;

use super::super::Context;
use super::super::broker::{BrokerSide, Uplink};
use super::super::exchange::{Ended, Exchange, OperatorLine};
use super::super::relay::{Answer, ServerSide};
use super::super::shared::Shared;
use super::acceptor::Acceptor;
use super::access::{AccessLog, Shutdown};
use super::operator;
use super::phase::{Facts, Next, Phase};
use super::pipe_end::PipeEnd;
use super::room_list::RoomList;
use crate::config::ListenConfig;
use crate::error::{Error, Operation, cause};
use crate::frame::{Framing, Inbox, Role};
use crate::io::console::Console;
use crate::io::key::Key;
use crate::io::listener::Listener;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::worker::Worker;
use crate::peer::life::CloseReason;
use crate::service::{Event, PeerId, Port, Service, Store};
use crate::value::{counted, escape};

/// A service and its clients, from the first connection to the end.
pub(super) struct Server<'a, S> {
    config: &'a ListenConfig,
    context: &'a Context,
    exchange: Exchange<S>,
    acceptor: Acceptor<'a>,
    access: AccessLog<'a>,
    phase: Phase,
    /// The connections of a relay to its server.
    relay: Option<ServerSide>,
    /// The connections of rooms to their broker.
    broker: Option<BrokerSide>,
    /// Does what takes too long for the loop.
    worker: Worker,
    /// The standard streams of `--service pipe`.
    pipe: Option<PipeEnd>,
    /// The operator of rooms is at the standard streams.
    has_operator: bool,
    /// The rooms on the live page.
    rooms: Option<RoomList>,
}

impl<'a, S: Service> Server<'a, S> {
    pub(super) fn new(
        service: S,
        store: Box<dyn Store>,
        config: &'a ListenConfig,
        context: &'a Context,
        reactor: Reactor,
        listeners: Vec<Listener>,
        shared: &'a Shared,
    ) -> Result<Self, Error> {
        let (traits, idle_timeout) = (config.mode.traits(), config.traffic.idle_timeout);
        let mut exchange = Exchange::new(reactor, service, traits, store, idle_timeout, &context.recorder);
        let worker = Worker::new(exchange.reactor.waker());
        exchange.admit_clients_by(&config.admission);
        if config.output.show_options {
            exchange.show_first_session(&context.report);
        }
        let has_operator = config.rooms().is_some_and(|rooms| rooms.console);
        if has_operator {
            operator::open(config, context, &mut exchange)?;
        }
        exchange.begin();
        let via = config.rooms().and_then(|rooms| rooms.via.as_deref());
        let pipe = config.pipe().map(|pipe| PipeEnd::open(pipe, config, context, &mut exchange)).transpose()?;
        Ok(Server {
            config,
            context,
            exchange,
            acceptor: Acceptor::new(config, context, listeners, shared),
            access: AccessLog::new(config, &context.report, shared),
            phase: Phase::default(),
            relay: ServerSide::new(config, &context.report, &context.recorder)?,
            broker: via.map(|via| BrokerSide::new(via, &context.report, &context.recorder)).transpose()?,
            worker,
            pipe,
            has_operator,
            rooms: config.rooms().filter(|_| context.recorder.has_page()).map(|_| RoomList::default()),
        })
    }

    /// Serves until the end.
    pub(super) fn run(mut self) -> Result<(), Error> {
        Reactor::run(&mut self)?;
        if self.exchange.peers.is_console_closed() {
            return Err(Error::OutputGone);
        }
        self.pipe.map_or(Ok(()), PipeEnd::outcome)
    }

    /// Connects to the server of a relay for the clients that wait for that, or to the broker.
    fn dial_for_clients(&mut self) {
        for client in std::mem::take(&mut self.exchange.hosted.dials) {
            if let Some(broker) = self.broker.as_mut().filter(|_| client == PeerId::Console) {
                let made = broker.call(&mut self.exchange.reactor, self.context);
                if let Some(made) = made {
                    self.link_broker(made);
                }
                continue;
            }
            let Some(relay) = &mut self.relay else { return };
            let conn = self.exchange.peers.conn(client);
            if let Some(answer) = relay.call(client, conn, &mut self.exchange.reactor, self.context) {
                self.link(answer);
            }
        }
    }

    /// Adds the connection that was made for a client, or reports that there is none.
    fn link(&mut self, answer: Answer) {
        let (client, text) = match answer {
            Answer::Linked(client, conn) => {
                let inbox = Inbox::new(Framing::Raw, Role::Responses, self.config.traffic.max_message);
                let alpn = conn.alpn();
                let Err(error) = self.exchange.add_for(client, conn, inbox) else {
                    return self.exchange.choose(client, alpn.as_deref());
                };
                (client, format!("connect: {}", cause(&error)))
            }
            Answer::Unreachable(client, error) => (client, error.to_string()),
        };
        self.acceptor.report_unserved(text, self.exchange.now());
        self.exchange.emit(Event::Unreachable { client });
    }

    /// Adds the connection to the broker, or reports that there is none.
    fn link_broker(&mut self, made: Result<Uplink, Error>) {
        let added = made.and_then(|Uplink { conn, greeting }| {
            let inbox = Inbox::new(Framing::Raw, Role::Responses, self.config.traffic.max_message);
            let added = self.exchange.add_for(PeerId::Console, conn, inbox);
            let peer = added.map_err(Error::network(Operation::Connect, "the broker"))?;
            if !greeting.is_empty() {
                self.exchange.emit(Event::Message { peer, bytes: &greeting });
            }
            Ok(())
        });
        if let (Err(error), Some(broker)) = (added, &mut self.broker) {
            broker.report_unreachable(&error, self.exchange.now(), &self.context.report);
            self.exchange.emit(Event::Unreachable { client: PeerId::Console });
        }
    }

    /// Prints what the service has to say to the operator.
    fn print_operator_lines(&mut self) {
        for line in std::mem::take(&mut self.exchange.hosted.operator_lines) {
            let about = self.broker.as_ref().map(BrokerSide::name).unwrap_or_default();
            match line {
                OperatorLine::Warning(text) => {
                    self.context.report.warning(&format!("{about}: {}", escape(text.as_bytes())));
                }
                OperatorLine::Info(_) if self.config.output.quiet => {}
                OperatorLine::Info(text) => self.context.report.line(&format!("{about}: {text}")),
            }
        }
    }

    /// What the phase depends on.
    fn facts(&self) -> Facts {
        Facts {
            signalled: self.context.signals.stopped(),
            service_ended: self.exchange.hosted.stopped && !self.exchange.has_last_input(),
            output_closed: self.exchange.peers.is_console_closed(),
            output_pending: self.exchange.peers.backlog(PeerId::Console) > 0,
            accepts_no_more: self.acceptor.is_closed(),
            connections: self.exchange.peers.connections(),
        }
    }

    /// Stops accepting, and has what has arrived answered.
    fn drain(&mut self) -> Result<(), Error> {
        let signalled = self.context.signals.stopped();
        if signalled {
            self.context.report.begin_anew();
        }
        if self.config.output.verbosity > 0 {
            self.context.report.event("stopping: answering received messages");
        }
        super::warn_of(self.context, self.context.manager.stopping());
        // Whoever would meet others here has nothing to be answered; there may be thousands.
        if self.exchange.peers.is_console_closed() || self.exchange.traits.sheds {
            self.acceptor.close(&self.exchange.reactor);
        } else {
            self.acceptor.accept_last(&mut self.exchange, &mut self.access)?;
        }
        if let Phase::Draining(until) = self.phase {
            self.exchange.reactor.wake_at(Key::Clock, until);
        }
        if let Some(pipe) = self.pipe.as_mut().filter(|_| signalled) {
            pipe.send_last_input(&mut self.exchange);
        }
        self.exchange.shut_down();
        Ok(())
    }

    /// Ends what is printed at the end.
    fn end(&mut self) -> Result<(), Error> {
        if self.has_operator {
            self.exchange.at_console(Console::leave_row);
        }
        self.exchange.end_output();
        if let Some(pipe) = &mut self.pipe {
            pipe.end_meter(&self.exchange);
        }
        self.report_ended()?;
        self.access.finish();
        let aborted = self.exchange.aborted;
        if aborted > 0 && self.pipe.is_none() {
            // The one client of a pipe is the failure of the run.
            let connections = counted(aborted as u64, "connection");
            self.context.report.warning(&format!("shutdown aborted {connections}"));
        }
        self.acceptor.end();
        Ok(())
    }

    /// Reports the connections that have ended. A console that has failed ends the run.
    #[inline]
    fn report_ended(&mut self) -> Result<(), Error> {
        if self.exchange.ended.is_empty() { Ok(()) } else { self.report_each_ended() }
    }

    fn report_each_ended(&mut self) -> Result<(), Error> {
        for ended in std::mem::take(&mut self.exchange.ended) {
            self.print_access(&ended);
            if let Some(pipe) = self.pipe.as_mut().filter(|_| ended.id != PeerId::Console) {
                pipe.note_loss(&ended, self.phase, &self.context.report);
            }
            if let Some(relay) = &mut self.relay {
                relay.forget(ended.id, &self.exchange.reactor);
            }
            match ended.reason {
                CloseReason::Failed(error) if ended.id == PeerId::Console => {
                    return Err(Error::local(Operation::Read, "stdin")(error));
                }
                CloseReason::Unwritable(error) if ended.id == PeerId::Console => {
                    return Err(Error::local(Operation::WriteTo, "stdout")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Prints the access line of a connection that has ended.
    fn print_access(&mut self, ended: &Ended) {
        let shutdown = match self.phase.is_ending() {
            false => Shutdown::No,
            true if ended.aborted => Shutdown::Aborts,
            true => Shutdown::Drains,
        };
        if self.access.is_on() && self.exchange.peers.console().is_some_and(Console::is_mid_line) {
            self.context.report.begin_anew();
        }
        self.access.ended(ended, shutdown, &mut self.exchange.reactor);
    }
}

impl<S: Service> Handler for Server<'_, S> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.exchange.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        match ready.key {
            Key::Listener => self.acceptor.accept(Port::Main, &mut self.exchange, &mut self.access)?,
            Key::IrcListener => self.acceptor.accept(Port::Irc, &mut self.exchange, &mut self.access)?,
            Key::Waker | Key::Dial(_) | Key::Attempt { .. } => {
                if ready.key == Key::Waker {
                    for done in self.worker.done() {
                        self.exchange.report_work(done);
                    }
                }
                if let Some(relay) = &mut self.relay {
                    for answer in relay.on_event(ready, &mut self.exchange.reactor) {
                        self.link(answer);
                    }
                }
                if let Some(broker) = &mut self.broker {
                    for made in broker.on_event(ready, &mut self.exchange.reactor) {
                        self.link_broker(made);
                    }
                }
            }
            _ => self.exchange.serve(ready),
        }
        self.report_ended() // before another connection gets its number
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        self.exchange.end_turn();
        self.dial_for_clients();
        self.print_operator_lines();
        for order in std::mem::take(&mut self.exchange.hosted.orders) {
            self.worker.take(order);
        }
        for text in std::mem::take(&mut self.exchange.hosted.failed_logins) {
            self.access.login_failed(text, now);
            self.context.recorder.add_failed_logins(1);
        }
        self.access.report_left_out(now);
        self.access.give_totals(&self.context.signals, &self.exchange);
        self.report_ended()?;
        if let Some(pipe) = &mut self.pipe {
            pipe.end_turn(&mut self.exchange, self.config, &self.context.report);
        }
        if self.has_operator {
            operator::redraw(&mut self.exchange);
        }
        if let Some(rooms) = &mut self.rooms {
            rooms.show(&mut self.exchange, &self.context.recorder, now);
        }
        self.acceptor.resume(&mut self.exchange, &mut self.access)?;
        if self.exchange.peers.is_console_closed() {
            self.exchange.end_without_output();
        }
        loop {
            match self.phase.next(self.facts(), now) {
                Next::Wait => return Ok(ControlFlow::Continue(())),
                Next::Drain => self.drain()?,
                Next::Close => {
                    if let Some(pipe) = &mut self.pipe {
                        pipe.note_leftover(&mut self.exchange);
                    }
                    self.exchange.drop_all();
                }
                Next::End => {
                    self.end()?;
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
}
