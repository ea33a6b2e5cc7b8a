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
use crate::io::greeting::Expected;
use crate::io::reactor::{Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::report::Report;
use crate::io::{private, random};
use crate::peer::codec::OptionNames;
use crate::service::rooms::{Broker, offers_tls};
use crate::value::{Address, Family};

/// The time limit for connecting to a broker.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The options of TLS toward a broker.
const OPTIONS: OptionNames =
    OptionNames { prefix: "--via-tls", without: "without --via-tls-first, its INFO comes before TLS" };
/// What a broker sends before TLS.
const INFO: Expected = Expected {
    is_whole: |received| offers_tls(received).map_err(|error| error.to_string()),
    hint: "--via-tls-first begins TLS at once, for a broker with handshake_first",
};

/// The connections to brokers.
#[derive(Debug)]
pub(super) struct BrokerSide {
    /// Each address, with the TLS toward it if that is asked for.
    brokers: Vec<(Address, Option<Box<dyn Encoding>>)>,
    /// The number of attempts so far.
    attempts: usize,
    traffic: Traffic,
    /// What a broker sends before TLS.
    greeting: Option<Expected>,
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
        let with_tls = |address: &Address| {
            let encoding = encoding::client(via.tls.as_ref(), address, OPTIONS, report, recorder)?;
            Ok((address.clone(), encoding))
        };
        let brokers = via.url.addresses.iter().map(with_tls).collect::<Result<_, Error>>()?;
        let greets = via.tls.is_some() && !via.tls_first;
        Ok(BrokerSide {
            brokers,
            attempts: 0,
            traffic,
            greeting: greets.then_some(INFO),
            is_secret: via.is_secret(),
            dials: Dials::default(),
            unreachable: RateLimited::once_a_minute(),
        })
    }

    /// The broker that was last tried, for messages.
    pub(super) fn name(&self) -> String {
        let (address, encoding) = &self.brokers[self.place()];
        format!("--rooms-via {}://{address}", if encoding.is_some() { "tls" } else { "nats" })
    }

    /// The place of the broker that was last tried.
    fn place(&self) -> usize {
        self.attempts.saturating_sub(1) % self.brokers.len()
    }

    /// Starts to connect to the next broker. `Some`: it has failed already.
    pub(super) fn call(&mut self, reactor: &mut Reactor, context: &Context) -> Option<Result<Uplink, Error>> {
        self.attempts = self.attempts.wrapping_add(1);
        let (address, encoding) = &self.brokers[self.place()];
        let connector = Connector {
            address,
            proxy: None,
            family: Family::Any,
            limit: CONNECT_LIMIT,
            limited_by: "--rooms-via",
            make: Make {
                raw: true,
                encoding: encoding.as_deref(),
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
            report.warning(&format!("--rooms-via: {error}; rooms go on without other servers"));
        }
    }
}
