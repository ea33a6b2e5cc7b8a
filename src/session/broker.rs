//! The connection of rooms to their broker: made while clients are served, to one address after the other.

use std::time::{Duration, Instant};

use super::Context;
use super::rate_limit::RateLimited;
use crate::config::{RoomsVia, Traffic};
use crate::error::{Endpoint, Error};
use crate::io::conn::Conn;
use crate::io::connector::{Connector, Encoding, Make};
use crate::io::dials::{Dials, Made};
use crate::io::encoding;
use crate::io::greeting::{GREETING, IsGreeting};
use crate::io::reactor::{Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::report::Report;
use crate::io::{private, random};
use crate::service::rooms::{Broker, offers_tls};
use crate::value::{Address, Family, Span};

/// The time limit for connecting to a broker.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The connections to brokers.
#[derive(Debug)]
pub(super) struct BrokerSide {
    addresses: Vec<Address>,
    /// The number of attempts so far.
    attempts: usize,
    traffic: Traffic,
    /// TLS toward each of the addresses, if it is asked for.
    encodings: Vec<Box<dyn Encoding>>,
    /// What a broker sends before TLS.
    greeting: Option<IsGreeting>,
    /// A password is sent, and only where others cannot read it.
    is_secret: bool,
    dials: Dials<()>,
    /// The line of a broker that cannot be reached.
    unreachable: RateLimited,
}

/// A connection to a broker.
pub(super) struct Uplink {
    /// The connection.
    pub(super) conn: Conn,
    /// What the broker has sent before TLS.
    pub(super) greeting: Vec<u8>,
}

/// How rooms are shared, with a new random number and the password.
///
/// # Errors
/// When the password cannot be read.
pub(super) fn broker(via: &RoomsVia) -> Result<Broker, Error> {
    let password = via.password.as_deref().map(private::read_password).transpose()?;
    let login = via.url.user.clone().zip(password.map(|password| password.text().to_owned()));
    Ok(Broker { id: u64::from_ne_bytes(random::draw()?), login, tls: via.tls.is_some() })
}

impl BrokerSide {
    /// No connections yet.
    ///
    /// # Errors
    /// When a file of the options of TLS cannot be read or used.
    pub(super) fn new(via: &RoomsVia, report: &Report, recorder: &Recorder) -> Result<Self, Error> {
        let mut traffic = Traffic::default();
        traffic.socket.prefer_nodelay();
        let addresses = &via.url.addresses;
        let encoding = |address| encoding::client(via.tls.as_ref(), address, "--via-tls", report, recorder).transpose();
        let encodings: Vec<_> = addresses.iter().filter_map(encoding).collect::<Result<_, _>>()?;
        let greets = via.tls.is_some() && !via.tls_first;
        Ok(BrokerSide {
            addresses: addresses.clone(),
            attempts: 0,
            traffic,
            encodings,
            greeting: greets.then_some(|received| offers_tls(received).map_err(|error| error.to_string())),
            is_secret: via.is_secret(),
            dials: Dials::default(),
            unreachable: RateLimited::once_a_minute(),
        })
    }

    /// The broker that was last tried, for messages.
    pub(super) fn name(&self) -> String {
        format!("--rooms-via nats://{}", self.current())
    }

    fn current(&self) -> &Address {
        &self.addresses[self.place()]
    }

    /// The place of the broker that was last tried among the addresses.
    fn place(&self) -> usize {
        self.attempts.saturating_sub(1) % self.addresses.len()
    }

    /// Starts to connect to the next broker. `Some`: it has failed already.
    pub(super) fn call(&mut self, reactor: &mut Reactor, context: &Context) -> Option<Result<Uplink, Error>> {
        self.attempts = self.attempts.wrapping_add(1);
        let address = self.current().clone();
        let connector = Connector {
            address: &address,
            proxy: None,
            family: Family::Any,
            limit: CONNECT_LIMIT,
            limited_by: "--rooms-via",
            make: Make {
                raw: true,
                encoding: self.encodings.get(self.place()).map(|encoding| &**encoding),
                greeting: self.greeting,
                ..Make::plain(&self.traffic, &context.recorder)
            },
        };
        let made = self.dials.start(&connector, (), reactor)?;
        Some(self.checked(made))
    }

    /// Continues to connect. Returns the connection if it was made or has failed.
    pub(super) fn on_event(&mut self, ready: Ready, reactor: &mut Reactor) -> Vec<Result<Uplink, Error>> {
        let made = self.dials.on_event(ready, reactor);
        made.into_iter().map(|made| self.checked(made)).collect()
    }

    /// A name may be that of another host, which only the connection shows.
    fn checked(&self, Made { result, greeting, .. }: Made<()>) -> Result<Uplink, Error> {
        let conn = result?;
        if self.is_secret && !conn.evidence().is_local {
            let how = "others could read the password (allow it with --via-cleartext)".to_owned();
            return Err(Error::Lost { address: Endpoint::from(conn.peer()), how, unanswered: 0 });
        }
        Ok(Uplink { conn, greeting })
    }

    /// Prints that the broker cannot be reached, at most once a minute.
    pub(super) fn report_unreachable(&mut self, error: &Error, now: Instant, report: &Report) {
        if let Some(0..) = self.unreachable.due(now) {
            let text = match error {
                Error::Timeout { what: GREETING, address, limit, .. } => format!(
                    "connect {address}: no {GREETING} within {} (--via-tls-first begins TLS at once, for a broker with \
                     handshake_first)",
                    Span(*limit)
                ),
                error => error.to_string(),
            };
            report.warning(&format!("--rooms-via: {text}; rooms go on without other servers"));
        }
    }
}
