//! The server side of a relay: connects to the server for each client, while the others are served.

use std::time::Duration;

use super::Context;
use crate::config::{ListenConfig, ProxyHeader, SocketOptions, Toward, Traffic};
use crate::error::Error;
use crate::io::conn::Conn;
use crate::io::connector::{Connector, Encoding, Make};
use crate::io::dials::{Dials, Made};
use crate::io::encoding;
use crate::io::reactor::{Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::report::Report;
use crate::peer::codec::OptionNames;
use crate::plan::Plan;
use crate::service::PeerId;
use crate::value::{Address, Endpoint, Family};

/// The time limit for connecting to the server.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The options of TLS toward the server.
const OPTIONS: OptionNames = OptionNames { prefix: "--relay-tls", without: "--relay ADDRESS connects without tls:" };

/// The connections to the server that are being made.
pub(super) struct ServerSide {
    to: Address,
    family: Family,
    traffic: Traffic,
    header: Option<ProxyHeader>,
    encoding: Option<Box<dyn Encoding>>,
    /// Each is for a client.
    dials: Dials<PeerId>,
    /// The number of the next connection.
    number: u64,
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
    ///
    /// # Errors
    /// When a file of its options cannot be read or used.
    pub(super) fn new(config: &ListenConfig, report: &Report, recorder: &Recorder) -> Result<Option<Self>, Error> {
        let Some(relay) = config.relay() else { return Ok(None) };
        // Options of listening sockets do not apply to connections.
        let options = SocketOptions {
            reuseaddr: None,
            reuseport: None,
            v6only: None,
            backlog: None,
            ..config.traffic.socket.clone()
        };
        let traffic = Traffic { socket: options, ..config.traffic.clone() };
        Ok(Some(ServerSide {
            to: relay.to.clone(),
            family: config.family,
            traffic: toward(traffic, relay.cut_toward != Toward::Client),
            encoding: encoding::client(relay.tls.as_deref(), &relay.to, OPTIONS, report, recorder)?,
            header: relay.header.clone(),
            dials: Dials::default(),
            number: 0,
        }))
    }

    /// The options of the clients' connections.
    pub(super) fn traffic_of_clients(config: &ListenConfig) -> Traffic {
        let cut = config.relay().is_none_or(|relay| relay.cut_toward != Toward::Server);
        toward(config.traffic.clone(), cut)
    }

    /// Starts to connect to the server for a client, who has this connection.
    pub(super) fn call(
        &mut self,
        client: PeerId,
        conn: Option<&Conn>,
        reactor: &mut Reactor,
        context: &Context,
    ) -> Option<Answer> {
        let header = self.header.as_ref().map(|header| {
            // A client that is gone already has no ends.
            let (client, ours) = conn.and_then(Conn::client_ends).unwrap_or((Endpoint::Unknown, Endpoint::Unknown));
            header.of_client(client, ours)
        });
        let hello = conn.and_then(Conn::hello);
        let connector = Connector {
            address: &self.to,
            proxy: context.proxy.as_ref(),
            family: self.family,
            limit: CONNECT_LIMIT,
            limited_by: "the relay",
            make: Make {
                traffic: &self.traffic,
                raw: true,
                number: self.number,
                made_for: conn.map(Conn::id),
                header: header.as_ref(),
                encoding: self.encoding.as_deref(),
                greeting: None,
                hello: hello.as_ref(),
                recorder: &context.recorder,
                witness: context.witness.as_ref(),
            },
        };
        self.number += 1;
        self.dials.start(&connector, client, reactor).map(answer)
    }

    /// Continues the connections that an event is for.
    pub(super) fn on_event(&mut self, ready: Ready, reactor: &mut Reactor) -> Vec<Answer> {
        self.dials.on_event(ready, reactor).into_iter().map(answer).collect()
    }

    /// Aborts the connection for a client that has gone.
    pub(super) fn forget(&mut self, client: PeerId, reactor: &Reactor) {
        self.dials.abandon(reactor, |&waiting| waiting == client);
    }
}

fn answer(Made { purpose: client, result, .. }: Made<PeerId>) -> Answer {
    match result {
        Ok(conn) => Answer::Linked(client, conn),
        Err(error) => Answer::Unreachable(client, error),
    }
}

/// The same options, with or without cuts.
fn toward(traffic: Traffic, cut: bool) -> Traffic {
    if cut { traffic } else { Traffic { plan: Plan::default(), ..traffic } }
}
