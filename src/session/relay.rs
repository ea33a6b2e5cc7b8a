//! The server side of a relay: connects to the server for each client, while the others are served.

use std::time::Duration;

use slab::Slab;

use super::Context;
use crate::config::{ListenConfig, SocketOptions, Toward, Traffic};
use crate::error::Error;
use crate::io::conn::Conn;
use crate::io::connector::{Connecting, Connector};
use crate::io::key::Key;
use crate::io::reactor::{Reactor, Ready};
use crate::plan::Plan;
use crate::service::PeerId;
use crate::trace::ConnId;
use crate::value::{Address, Family};

/// The time limit for connecting to the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// The connections to the server in progress.
pub(super) struct Dials {
    to: Address,
    family: Family,
    traffic: Traffic,
    under_way: Slab<Call>,
    made: u64,
}

struct Call {
    client: PeerId,
    /// The number of the client's connection.
    conn: Option<ConnId>,
    connecting: Connecting,
}

/// The result of connecting for a client.
pub(super) enum Answer {
    /// The server is connected.
    Linked(PeerId, Conn),
    /// The connection failed.
    Unreachable(PeerId, Error),
}

impl Dials {
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
        Some(Dials {
            to: relay.to.clone(),
            family: config.family,
            traffic: toward(traffic, relay.cut_toward != Toward::Client),
            under_way: Slab::new(),
            made: 0,
        })
    }

    /// The options of the clients' connections.
    pub(super) fn traffic_of_clients(config: &ListenConfig) -> Traffic {
        let cut = config.relay().is_none_or(|relay| relay.cut_toward != Toward::Server);
        toward(config.traffic.clone(), cut)
    }

    /// Starts to connect to the server for a client, whose connection has this number.
    pub(super) fn call(&mut self, client: PeerId, conn: Option<ConnId>, reactor: &mut Reactor) -> Option<Answer> {
        let entry = self.under_way.vacant_entry();
        let number = entry.key();
        let connector = Connector {
            address: &self.to,
            family: self.family,
            options: &self.traffic.socket,
            limit: PATIENCE,
            limited_by: "the relay",
        };
        match connector.start(reactor, number) {
            Err(error) => Some(Answer::Unreachable(client, error)),
            Ok(connecting) => {
                entry.insert(Call { client, conn, connecting });
                reactor.again(Key::Dial(number));
                None
            }
        }
    }

    /// Continues the dial of this number, after an event or at its time.
    pub(super) fn on_ready(
        &mut self,
        index: usize,
        ready: Ready,
        reactor: &mut Reactor,
        context: &Context,
    ) -> Option<Answer> {
        self.under_way.get_mut(index)?.connecting.on_ready(ready);
        self.go_on(index, reactor, context)
    }

    /// Continues all dials: a name lookup may have ended.
    pub(super) fn on_woken(&mut self, reactor: &mut Reactor, context: &Context) -> Vec<Answer> {
        let all: Vec<_> = self.under_way.iter().map(|(index, _)| index).collect();
        all.into_iter().filter_map(|index| self.go_on(index, reactor, context)).collect()
    }

    /// Aborts the dial for a client that has gone.
    pub(super) fn forget(&mut self, client: PeerId, reactor: &Reactor) {
        let of_client = self.under_way.iter().find(|(_, call)| call.client == client).map(|(index, _)| index);
        if let Some(index) = of_client {
            self.under_way.remove(index).connecting.abandon(reactor);
        }
    }

    fn go_on(&mut self, index: usize, reactor: &mut Reactor, context: &Context) -> Option<Answer> {
        let call = self.under_way.get_mut(index)?;
        let answer = match call.connecting.poll(reactor) {
            Ok(None) => return None,
            Ok(Some(connected)) => {
                let conn = connected.into_conn(self.made, call.conn, &self.traffic, true, &context.recorder);
                self.made += 1;
                Answer::Linked(call.client, conn)
            }
            Err(error) => Answer::Unreachable(call.client, error),
        };
        self.under_way.remove(index);
        Some(answer)
    }
}

/// The same options, with or without cuts.
fn toward(traffic: Traffic, cut: bool) -> Traffic {
    if cut { traffic } else { Traffic { plan: Plan::default(), ..traffic } }
}
