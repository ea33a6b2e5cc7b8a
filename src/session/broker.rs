//! The connection of rooms to their broker: made while clients are served, to one address after the other.

use std::time::{Duration, Instant};

use super::Context;
use super::rate_limit::RateLimited;
use crate::config::{RoomsVia, Traffic};
use crate::error::{Endpoint, Error};
use crate::io::conn::Conn;
use crate::io::connector::{Connector, Make};
use crate::io::dials::Dials;
use crate::io::reactor::{Reactor, Ready};
use crate::io::report::Report;
use crate::io::{private, random};
use crate::service::rooms::Broker;
use crate::value::{Address, Family};

/// The time limit for connecting to a broker.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The connections to brokers.
#[derive(Debug)]
pub(super) struct BrokerSide {
    addresses: Vec<Address>,
    /// The number of attempts so far.
    attempts: usize,
    traffic: Traffic,
    /// A password is sent, and only where others cannot read it.
    is_secret: bool,
    dials: Dials<()>,
    /// The line of a broker that cannot be reached.
    unreachable: RateLimited,
}

/// How rooms are shared, with a new random number and the password.
///
/// # Errors
/// When the password cannot be read.
pub(super) fn broker(via: &RoomsVia) -> Result<Broker, Error> {
    let password = via.password.as_deref().map(private::read_password).transpose()?;
    let login = via.url.user.clone().zip(password.map(|password| password.text().to_owned()));
    Ok(Broker { id: u64::from_ne_bytes(random::draw()?), login })
}

impl BrokerSide {
    /// No connections yet.
    pub(super) fn new(via: &RoomsVia) -> Self {
        let mut traffic = Traffic::default();
        traffic.socket.prefer_nodelay();
        BrokerSide {
            addresses: via.url.addresses.clone(),
            attempts: 0,
            traffic,
            is_secret: via.url.user.is_some() && !via.cleartext,
            dials: Dials::default(),
            unreachable: RateLimited::once_a_minute(),
        }
    }

    /// The broker that was last tried, for messages.
    pub(super) fn name(&self) -> String {
        format!("--rooms-via nats://{}", self.current())
    }

    fn current(&self) -> &Address {
        &self.addresses[self.attempts.saturating_sub(1) % self.addresses.len()]
    }

    /// Starts to connect to the next broker. `Some`: it has failed already.
    pub(super) fn call(&mut self, reactor: &mut Reactor, context: &Context) -> Option<Result<Conn, Error>> {
        self.attempts = self.attempts.wrapping_add(1);
        let address = self.current().clone();
        let connector = Connector {
            address: &address,
            proxy: None,
            family: Family::Any,
            limit: CONNECT_LIMIT,
            limited_by: "--rooms-via",
            make: Make { raw: true, ..Make::plain(&self.traffic, &context.recorder) },
        };
        let made = self.dials.start(&connector, (), reactor)?;
        Some(self.checked(made.result))
    }

    /// Continues to connect. Returns the connection if it was made or has failed.
    pub(super) fn on_event(&mut self, ready: Ready, reactor: &mut Reactor) -> Vec<Result<Conn, Error>> {
        let made = self.dials.on_event(ready, reactor);
        made.into_iter().map(|made| self.checked(made.result)).collect()
    }

    /// A name may be that of another host, which only the connection shows.
    fn checked(&self, made: Result<Conn, Error>) -> Result<Conn, Error> {
        let conn = made?;
        if self.is_secret && !conn.evidence().is_local {
            let how = "others could read the password (allow it with --via-cleartext)".to_owned();
            return Err(Error::Lost { address: Endpoint::from(conn.peer()), how, unanswered: 0 });
        }
        Ok(conn)
    }

    /// Prints that the broker cannot be reached, at most once a minute.
    pub(super) fn report_unreachable(&mut self, error: &Error, now: Instant, report: &Report) {
        if let Some(0..) = self.unreachable.due(now) {
            report.warning(&format!("--rooms-via: {error}; rooms go on without other servers"));
        }
    }
}
