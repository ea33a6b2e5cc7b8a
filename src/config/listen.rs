//! The checked configuration of `secretcat listen`.

use ipnet::IpNet;
use std::ffi::OsString;
use std::net::IpAddr;

use super::mode::stateless_services;
use super::traffic::check_family;
use super::{Bytes, ConfigError, ListenAuth, Mode, Output, PipeMode, Relay, RoomsMode, ServerTls, Toward, Traffic};
use crate::frame::Framing;
use crate::service::Clients;
use crate::value::{Address, Family, Pairing};

/// The largest number of event loops: more than any machine needs.
const MOST_THREADS: usize = 1024;

/// The checked configuration of `secretcat listen`.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// The address to listen on.
    pub address: Address,
    /// Which addresses of a name are used.
    pub family: Family,
    /// What is done with each connection.
    pub mode: Mode,
    /// Serve one connection, then exit.
    pub once: bool,
    /// The number of event loops over the one listening socket; 0 is one for each processor.
    pub threads: usize,
    /// Which clients are accepted, and how many.
    pub admission: Admission,
    /// How clients log in, if they have to.
    pub auth: Option<ListenAuth>,
    /// Encrypt with TLS.
    pub tls: Option<ServerTls>,
    /// The options of every connection.
    pub traffic: Traffic,
    /// The command that runs a witness where the peer runs.
    pub witness: Option<OsString>,
    /// Where clients may ask what was read from the connections.
    pub answer_witness: Option<Address>,
    /// What is printed and recorded.
    pub output: Output,
}

/// Which clients are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The largest number of connections at once; further clients wait in the backlog.
    pub max_connections: Option<usize>,
    /// Accept only clients of these networks, if there are any.
    pub allow: Vec<IpNet>,
    /// Reject clients of these networks.
    pub deny: Vec<IpNet>,
    /// Accept only connections of proxies, which begin with a PROXY header. The client is then the one in the header.
    pub proxies: Option<Proxies>,
}

/// The proxies that may name their clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Those of these networks, besides loopback addresses and unix sockets.
    pub from: Vec<IpNet>,
}

impl Admission {
    /// The reason to reject a client at this address, if there is one. `deny` takes precedence over `allow`.
    #[must_use]
    pub fn rejects(&self, ip: IpAddr) -> Option<&'static str> {
        if is_within(ip, &self.deny) {
            return Some("in --deny");
        }
        (!self.allow.is_empty() && !is_within(ip, &self.allow)).then_some("not in --allow")
    }

    /// The reason to reject a connection from this address, before anything is read; a unix socket has none.
    #[must_use]
    pub fn rejects_arrival(&self, ip: Option<IpAddr>) -> Option<&'static str> {
        match (&self.proxies, ip) {
            (_, None) => None,
            (None, Some(ip)) => self.rejects(ip),
            (Some(proxies), Some(ip)) => (!proxies.has(ip)).then_some("not in --accept-proxy-from"),
        }
    }

    /// The reason to reject the client of a PROXY header. Without an address it is in no network.
    #[must_use]
    pub fn rejects_client(&self, ip: Option<IpAddr>) -> Option<&'static str> {
        ip.map_or_else(|| (!self.allow.is_empty()).then_some("not in --allow"), |ip| self.rejects(ip))
    }
}

impl Proxies {
    /// Whether the proxy at this address may name its clients.
    fn has(&self, ip: IpAddr) -> bool {
        ip.to_canonical().is_loopback() || is_within(ip, &self.from)
    }
}

fn is_within(ip: IpAddr, nets: &[IpNet]) -> bool {
    let ip = ip.to_canonical(); // ::ffff:192.0.2.1 is 192.0.2.1 to a rule
    nets.iter().any(|net| net.contains(&ip))
}

impl ListenConfig {
    /// A message service for the private listener: it prints nothing and does not cut its replies.
    #[must_use]
    pub fn private(address: Address, framing: Framing, max_message: usize) -> Self {
        let mut traffic = Traffic { max_message, ..Traffic::default() };
        traffic.socket.prefer_nodelay();
        ListenConfig {
            address,
            family: Family::Any,
            mode: Mode::Messages { framing },
            once: false,
            threads: 1,
            admission: Admission::default(),
            auth: None,
            tls: None,
            traffic,
            witness: None,
            answer_witness: None,
            output: Output { quiet: true, ..Output::default() },
        }
    }

    /// The same for one client that is connected already, after which the run ends.
    #[must_use]
    pub fn for_one_client(&self) -> Self {
        let mut config = ListenConfig { threads: 1, once: true, ..self.clone() };
        if let Mode::Pipe(pipe) = &mut config.mode {
            pipe.keep_open = false;
        }
        config
    }

    /// Which replies answer which messages.
    #[must_use]
    pub fn pairing(&self) -> Pairing {
        Pairing { made: None, accepted: matches!(self.mode, Mode::Messages { .. }) }
    }

    /// How stdin and stdout are connected to the client, if they are.
    #[must_use]
    pub fn pipe(&self) -> Option<&PipeMode> {
        if let Mode::Pipe(pipe) = &self.mode { Some(pipe) } else { None }
    }

    /// The options of rooms, if this serves rooms.
    #[must_use]
    pub fn rooms(&self) -> Option<&RoomsMode> {
        if let Mode::Rooms(rooms) = &self.mode { Some(rooms) } else { None }
    }

    /// The server that connections are forwarded to, if there is one.
    #[must_use]
    pub fn relay(&self) -> Option<&Relay> {
        if let Mode::Relay(relay) = &self.mode { Some(relay) } else { None }
    }

    /// Whether the socket that a witness is asked about is a unix socket: that of the server of a relay that cuts
    /// toward it, or those of the clients.
    #[must_use]
    pub fn is_witness_at_unix(&self) -> bool {
        let address = match self.relay() {
            Some(Relay { to, cut_toward, .. }) if *cut_toward != Toward::Client => to,
            _ => &self.address,
        };
        matches!(address, Address::Unix(_))
    }

    /// Whether the plan cuts what is written to a unix socket: to clients, to the server of a relay, or both.
    fn cuts_unix(&self) -> bool {
        let is_unix = |address: &Address| matches!(address, Address::Unix(_));
        match self.relay() {
            None => is_unix(&self.address),
            Some(Relay { to, cut_toward, .. }) => {
                (*cut_toward != Toward::Server && is_unix(&self.address))
                    || (*cut_toward != Toward::Client && is_unix(to))
            }
        }
    }

    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the options that contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        if self.admission.max_connections == Some(0) {
            return Err(ConfigError::new("--max-connections 0 would serve no client: give 1 or more"));
        }
        let traits = self.mode.traits();
        if self.relay().is_some_and(|relay| relay.to == self.address) {
            return Err(ConfigError::new(format!(
                "--relay {0} would forward to itself: {0} is also the address to listen on (give another one)",
                self.address
            )));
        }
        let is_free = matches!(self.address, Address::Tcp { port: 0, .. });
        if self.answer_witness.as_ref().is_some_and(|other| *other == self.address && !is_free) {
            return Err(ConfigError::new(format!(
                "--answer-witness {0}: {0} is also the address to listen on: give another one",
                self.address
            )));
        }
        let irc = self.rooms().and_then(|rooms| rooms.irc.as_ref());
        if let Some(irc) = irc.filter(|&irc| *irc == self.address && !is_free) {
            return Err(ConfigError::new(format!(
                "--irc={irc}: {irc} is also the address to listen on for lines: give another one"
            )));
        }
        if traits.clients != Clients::Many {
            self.admission.max_connections = Some(1);
        }
        self.once |= traits.clients == Clients::One;
        if self.threads != 1 && (traits.stateful || self.once) {
            return Err(ConfigError::new(format!(
                "--threads applies to services whose connections share nothing ({}): remove it",
                stateless_services()
            )));
        }
        if let Some(auth) = &self.auth {
            auth.check(&self)?;
        }
        if self.threads > MOST_THREADS {
            return Err(ConfigError::new(format!(
                "--threads takes at most {MOST_THREADS}, or 0 for one per processor"
            )));
        }
        if self.traffic.socket.source.is_some() && self.relay().is_none() {
            return Err(ConfigError::new(
                "--source is the source address of connections to the server of --relay: to choose where to listen, give ADDRESS",
            ));
        }
        if let Some(Relay { to, proxy: Some(proxy), .. }) = self.relay() {
            proxy.check(to)?;
        }
        check_family(self.family, self.relay().map_or(&self.address, |relay| &relay.to))?;
        check_family(self.family, &self.address)?;
        let unix = matches!(self.address, Address::Unix(_));
        if unix {
            self.traffic.socket.check_unix()?;
            let names_networks = !(self.admission.allow.is_empty() && self.admission.deny.is_empty());
            if names_networks && self.admission.proxies.is_none() {
                return Err(ConfigError::new(
                    "--allow and --deny apply to IP addresses: use the file permissions of the unix socket",
                ));
            }
        }
        let tls = self.tls.is_some() || self.relay().is_some();
        let bytes = Bytes { raw: traits.raw, unix: self.cuts_unix(), tls };
        self.traffic = self.traffic.check(bytes)?;
        if traits.answers {
            // Nagle's algorithm would hold a reply back until the previous one is acknowledged, and a client
            // that sends nothing delays the acknowledgement by 40 ms. Few writes are small, because the replies
            // of a turn are joined.
            self.traffic.socket.prefer_nodelay();
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModeOptions;
    use crate::service::ServiceKind;
    use crate::value::Named;

    fn rejects(allow: &[&str], deny: &[&str], ip: &str) -> Option<&'static str> {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let admission = Admission { allow: nets(allow), deny: nets(deny), ..Admission::default() };
        admission.rejects(ip.parse().unwrap())
    }

    #[test]
    fn stateful_service_is_refused_with_threads() {
        let address = || "127.0.0.1:0".parse::<Address>().unwrap();
        for &service in ServiceKind::ALL {
            let mode = ModeOptions::of(service).into_mode().unwrap();
            let stateful = mode.traits().stateful;
            let config = ListenConfig::private(address(), Framing::Lines, 1);
            let checked = ListenConfig { mode, threads: 2, ..config }.check();
            assert_eq!(checked.is_err(), stateful, "{service}");
            assert_eq!(stateless_services().contains(&service.to_string()), !stateful, "{service}");
        }
    }

    #[test]
    fn rules_apply_to_the_client_of_a_trusted_proxy() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let proxies = Some(Proxies { from: nets(&["198.51.100.0/24"]) });
        let admission = Admission { allow: nets(&["192.0.2.0/24"]), proxies, ..Admission::default() };
        let ip = |text: &str| Some(text.parse().unwrap());
        for proxy in [None, ip("127.0.0.9"), ip("::1"), ip("::ffff:127.0.0.1"), ip("198.51.100.3")] {
            assert_eq!(admission.rejects_arrival(proxy), None);
        }
        assert_eq!(admission.rejects_arrival(ip("192.0.2.1")), Some("not in --accept-proxy-from"));
        assert_eq!(admission.rejects_client(ip("192.0.2.1")), None);
        assert_eq!(admission.rejects_client(ip("127.0.0.1")), Some("not in --allow"));
        assert_eq!(admission.rejects_client(None), Some("not in --allow"));
        let open = Admission { allow: Vec::new(), ..admission };
        assert_eq!((open.rejects_client(None), open.rejects_client(ip("127.0.0.1"))), (None, None));
        let without = Admission { proxies: None, deny: nets(&["192.0.2.0/24"]), ..open };
        assert_eq!(without.rejects_arrival(ip("192.0.2.1")), Some("in --deny"));
        assert_eq!((without.rejects_arrival(ip("198.51.100.3")), without.rejects_arrival(None)), (None, None));
    }

    #[test]
    fn deny_rules_come_before_allow_rules() {
        assert_eq!(rejects(&[], &[], "192.0.2.1"), None);
        assert_eq!(rejects(&["192.0.2.0/24"], &[], "192.0.2.1"), None);
        assert_eq!(rejects(&["192.0.2.0/24"], &[], "198.51.100.1"), Some("not in --allow"));
        assert_eq!(rejects(&["192.0.2.0/24"], &["192.0.2.1/32"], "192.0.2.1"), Some("in --deny"));
        assert_eq!(rejects(&[], &["192.0.2.0/24"], "::ffff:192.0.2.9"), Some("in --deny"));
        assert_eq!(rejects(&["192.0.2.0/24"], &[], "2001:db8::1"), Some("not in --allow"));
    }
}
