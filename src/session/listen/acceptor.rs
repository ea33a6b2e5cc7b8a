//! Accepting: which connections are served, and when accepting pauses.

use std::time::{Duration, Instant};

use super::super::Context;
use super::super::exchange::Exchange;
use super::super::rate_limit::RateLimited;
use super::super::relay::ServerSide;
use super::super::shared::{ConnectionLimit, Shared};
use super::access::AccessLog;
use crate::config::{ListenConfig, Toward, Traffic};
use crate::error::{Error, Operation, cause};
use crate::io::conn::{Conn, Origin};
use crate::io::connector::Encoding;
use crate::io::console::Source;
use crate::io::listener::{Arrival, Listener, NoArrival};
use crate::io::reactor::Reactor;
use crate::io::reads::Reads;
use crate::service::{Port, Service, Traits};
use crate::trace::Side;

/// Connections accepted in one turn, so that many arrivals leave the open connections their turns.
const TURN: usize = 64;
/// Connections accepted at shutdown: those that wait have arrived, and are answered.
const LAST_TURN: usize = 4096;
/// The pause after accept has found no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts the connections of one loop.
pub(super) struct Acceptor<'a> {
    config: &'a ListenConfig,
    context: &'a Context,
    /// One for each port; none when no more connections are accepted.
    listeners: Vec<Listener>,
    state: State,
    /// The options of the connections.
    traffic: Traffic,
    /// Encodes the bytes of the connections.
    encoding: Option<&'a dyn Encoding>,
    /// Counts what is read from the connections.
    reads: Option<&'a Reads>,
    /// This loop's share of the connection limit.
    limit: ConnectionLimit<'a>,
    /// Connections accepted in one turn.
    turn: usize,
    /// A connection that does not come to an orderly end is closed with a reset, even if this program is killed.
    arms: bool,
    /// The log line of exhausted descriptors.
    exhausted: RateLimited,
    /// The log line of clients that could not be served.
    unserved: RateLimited,
}

/// Whether connections are accepted now. Those that are not wait in the backlog of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Accepting,
    /// The connection limit is reached.
    Full,
    /// Descriptors or memory were exhausted; accepting pauses until this time.
    Paused(Instant),
}

impl<'a> Acceptor<'a> {
    pub(super) fn new(
        config: &'a ListenConfig,
        context: &'a Context,
        listeners: Vec<Listener>,
        shared: &'a Shared,
    ) -> Self {
        Acceptor {
            config,
            context,
            listeners,
            state: State::Accepting,
            traffic: ServerSide::traffic_of_clients(config),
            encoding: shared.encoding.as_ref().map(|server| &*server.encoding),
            reads: shared.reads.as_ref(),
            limit: shared.connection_limit(config.admission.max_connections),
            // With several loops, the one that has less to do accepts more often.
            turn: if config.threads == 1 { TURN } else { 1 },
            arms: config.pipe().is_some() && Source::of_stdin() != Source::Terminal,
            exhausted: RateLimited::once_a_minute(),
            unserved: RateLimited::once_a_second(),
        }
    }

    /// Whether no more connections are accepted.
    pub(super) fn is_closed(&self) -> bool {
        self.listeners.is_empty()
    }

    /// Stops accepting.
    pub(super) fn close(&mut self, reactor: &Reactor) {
        for listener in self.listeners.drain(..) {
            listener.close(reactor);
        }
    }

    /// Accepts the connections that wait at a port, as far as the limits allow; the others in the next turn.
    pub(super) fn accept<S: Service>(
        &mut self,
        port: Port,
        exchange: &mut Exchange<S>,
        access: &mut AccessLog<'_>,
    ) -> Result<(), Error> {
        if self.accept_some(port, self.turn, exchange, access)? {
            exchange.reactor.again(port);
        }
        Ok(())
    }

    /// Accepts the connections that have arrived before the shutdown, and no more.
    pub(super) fn accept_last<S: Service>(
        &mut self,
        exchange: &mut Exchange<S>,
        access: &mut AccessLog<'_>,
    ) -> Result<(), Error> {
        for port in self.ports() {
            if self.state == State::Accepting {
                self.accept_some(port, LAST_TURN, exchange, access)?;
            }
        }
        self.close(&exchange.reactor);
        Ok(())
    }

    /// Accepts again when a connection has closed or the pause is over.
    pub(super) fn resume<S: Service>(
        &mut self,
        exchange: &mut Exchange<S>,
        access: &mut AccessLog<'_>,
    ) -> Result<(), Error> {
        self.limit.update(exchange.peers.clients());
        let resumes = match self.state {
            State::Accepting => false,
            State::Full => !self.limit.is_full(),
            State::Paused(until) => exchange.now() >= until,
        };
        if resumes {
            self.state = State::Accepting;
            for port in self.ports() {
                self.accept(port, exchange, access)?;
            }
        }
        Ok(())
    }

    /// The ports at which connections are accepted.
    fn ports(&self) -> Vec<Port> {
        self.listeners.iter().map(Listener::port).collect()
    }

    /// Accepts at most this number of connections at a port. True: more may wait.
    fn accept_some<S: Service>(
        &mut self,
        port: Port,
        most: usize,
        exchange: &mut Exchange<S>,
        access: &mut AccessLog<'_>,
    ) -> Result<bool, Error> {
        let now = exchange.now();
        for _ in 0..most {
            let Some(listener) = self.listeners.iter().find(|listener| listener.port() == port) else {
                return Ok(false);
            };
            if !self.limit.reserve(exchange.peers.clients()) {
                self.state = State::Full;
                return Ok(false);
            }
            match listener.accept() {
                Ok(arrival) => {
                    if let Some(why) = self.config.admission.rejects_arrival(arrival.ip) {
                        access.rejected(&arrival.peer, why, now, &mut exchange.reactor);
                        continue;
                    }
                    if self.admit(arrival, exchange) && self.config.once {
                        self.close(&exchange.reactor);
                        return Ok(false);
                    }
                }
                Err(NoArrival::Nobody) => return Ok(false),
                Err(NoArrival::Gone) => {}
                Err(NoArrival::NoMore) => {
                    self.close(&exchange.reactor);
                    return Ok(false);
                }
                Err(NoArrival::Exhausted(error)) => {
                    if self.exhausted.due(now).is_some() {
                        let text = format!("accept: {}; new connections wait until others end", cause(&error));
                        self.context.report.warning(&text);
                    }
                    self.state = State::Paused(now + PAUSE);
                    exchange.reactor.wake_at(port, now + PAUSE);
                    return Ok(false);
                }
                Err(NoArrival::Failed(error)) => {
                    return Err(Error::network(Operation::Accept, listener.shown())(error));
                }
            }
        }
        Ok(true)
    }

    /// Adds an accepted connection to the exchange. False: its socket options could not be set.
    fn admit<S: Service>(&mut self, arrival: Arrival, exchange: &mut Exchange<S>) -> bool {
        let (traffic, context) = (&self.traffic, self.context);
        if let Err(error) = arrival.stream.set_options(&traffic.socket, arrival.family()) {
            self.report_unserved(format!("accept {}: {error}", arrival.peer), exchange.now());
            return false;
        }
        let number = self.limit.number();
        if self.config.output.show_options && number == 0 {
            super::super::show_options(&arrival.stream, self.listeners.first(), &traffic.socket, context);
        }
        // In a relay that cuts both directions, the witness is beside the server.
        let beside_server = self.config.relay().is_some_and(|relay| relay.cut_toward != Toward::Client);
        let witness = context.witness.clone().filter(|_| !beside_server);
        let (side, peer, port) = (Side::Listen, arrival.peer, arrival.port);
        let origin = Origin { side, peer, number, made_for: None, sent_to_proxy: None, witness };
        let Traits { raw, .. } = exchange.traits;
        let mut conn = match self.encoding.map(|encoding| encoding.begin(None)).transpose() {
            Ok(protocol) => Conn::of(arrival.stream, origin, traffic, raw, &context.recorder, protocol),
            Err(error) => {
                self.report_unserved(format!("accept {}: {error}", origin.peer), exchange.now());
                return false;
            }
        };
        if let Some(reads) = self.reads {
            conn.count_reads(reads);
        }
        if self.config.admission.proxies.is_some() {
            conn.expect_header();
        }
        let inbox = exchange.traits.inbox(port.limit(traffic.max_message));
        match exchange.add_client(conn, inbox, port) {
            Ok(client) if self.arms => exchange.peers.arm(client),
            Ok(_) => {}
            Err(error) => self.report_unserved(format!("accept: {}", cause(&error)), exchange.now()),
        }
        true
    }

    /// Reports a client that could not be served, at most once a second.
    pub(super) fn report_unserved(&mut self, text: String, now: Instant) {
        self.unserved.log(text, now, &self.context.report);
    }

    /// Reports the clients that were left out of the report so far.
    pub(super) fn end(&mut self) {
        self.unserved.end(&self.context.report);
    }
}
