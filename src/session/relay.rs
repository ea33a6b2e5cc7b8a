//! The server side of a relay: connects to the server for each client, while the others are served.

use std::time::Duration;

use super::Context;
use crate::config::{ListenConfig, SocketOptions, Toward, Traffic};
use crate::error::Error;
use crate::io::conn::Conn;
use crate::io::connector::Connector;
use crate::io::dials::{Dials, Made};
use crate::io::reactor::{Reactor, Ready};
use crate::plan::Plan;
use crate::service::PeerId;
use crate::trace::ConnId;
use crate::value::{Address, Family};

/// The time limit for connecting to the server.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The connections to the server that are being made.
pub(super) struct ServerSide {
    to: Address,
    family: Family,
    traffic: Traffic,
    dials: Dials<Client>,
    made: u64,
}

/// The client that a connection is made for.
struct Client {
    id: PeerId,
    /// The number of its connection.
    conn: Option<ConnId>,
}

/// The result of connecting for a client.
pub(super) enum Answer {
    /// The server is connected.
    Linked(PeerId, Conn),
    /// The connection failed.
    Unreachable(PeerId, Error),
}

impl ServerSide {
    /// Without connections yet. `None` if `config` has no relay.
    pub(super) fn new(config: &ListenConfig) -> Option<Self> {
        let relay = config.relay()?;
        // Options of listening sockets do not apply to connections.
        let options = SocketOptions {
            reuseaddr: None,
            reuseport: None,
            v6only: None,
            backlog: None,
            ..config.traffic.socket.clone()
        };
        let traffic = Traffic { socket: options, ..config.traffic.clone() };
        Some(ServerSide {
            to: relay.to.clone(),
            family: config.family,
            traffic: toward(traffic, relay.cut_toward != Toward::Client),
            dials: Dials::default(),
            made: 0,
        })
    }

    /// The options of the clients' connections.
    pub(super) fn traffic_of_clients(config: &ListenConfig) -> Traffic {
        let cut = config.relay().is_none_or(|relay| relay.cut_toward != Toward::Server);
        toward(config.traffic.clone(), cut)
    }

    /// Starts to connect to the server for a client, whose connection has this number.
    pub(super) fn call(
        &mut self,
        client: PeerId,
        conn: Option<ConnId>,
        reactor: &mut Reactor,
        context: &Context,
    ) -> Option<Answer> {
        let connector = Connector {
            address: &self.to,
            family: self.family,
            options: &self.traffic.socket,
            limit: CONNECT_LIMIT,
            limited_by: "the relay",
        };
        let made = self.dials.start(&connector, Client { id: client, conn }, reactor)?;
        Some(self.answer(made, context))
    }

    /// Continues the connections that an event is for.
    pub(super) fn on_event(&mut self, ready: Ready, reactor: &mut Reactor, context: &Context) -> Vec<Answer> {
        self.dials.on_event(ready, reactor).into_iter().map(|made| self.answer(made, context)).collect()
    }

    /// Aborts the connection for a client that has gone.
    pub(super) fn forget(&mut self, client: PeerId, reactor: &Reactor) {
        self.dials.abandon(reactor, |waiting| waiting.id == client);
    }

    fn answer(&mut self, Made { purpose: client, result }: Made<Client>, context: &Context) -> Answer {
        match result {
            Ok(connected) => {
                let conn = connected.into_conn(self.made, client.conn, &self.traffic, true, &context.recorder);
                self.made += 1;
                Answer::Linked(client.id, conn)
            }
            Err(error) => Answer::Unreachable(client.id, error),
        }
    }
}

/// The same options, with or without cuts.
fn toward(traffic: Traffic, cut: bool) -> Traffic {
    if cut { traffic } else { Traffic { plan: Plan::default(), ..traffic } }
}
