//! What `secretcat listen` is to do.

use ipnet::IpNet;
use std::net::IpAddr;

use super::{Bytes, ConfigError, Family, Seeing, StreamConfig, Traffic};
use crate::frame::Framing;
use crate::service::{Bug, ServiceKind};
use crate::value::Address;

/// More loops than any machine has use for.
const MOST_THREADS: usize = 1024;

/// A checked run of `listen`.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// Where to listen.
    pub address: Address,
    /// Which addresses of a name are taken.
    pub family: Family,
    /// Which service answers.
    pub service: ServiceKind,
    /// How messages and replies are told apart.
    pub framing: Framing,
    /// Bytes that `source` sends on each connection; without it there is no end.
    pub count: Option<u64>,
    /// `pipe` goes on with the next connection when one has ended.
    pub keep_open: bool,
    /// `pipe` half-closes at the end of stdin even where stdin is no input (`-N`).
    pub shutdown_always: bool,
    /// How the streams of `pipe` end.
    pub stream: StreamConfig,
    /// A mistake made on purpose.
    pub bug: Option<Bug>,
    /// Forward to a server instead of answering.
    pub relay: Option<Relay>,
    /// Serve one connection, then end.
    pub once: bool,
    /// Event loops over the one listening socket; 0 is one for each processor.
    pub threads: usize,
    /// Who may connect, and how many.
    pub admission: Admission,
    /// What every connection is given.
    pub traffic: Traffic,
    /// What is shown.
    pub seeing: Seeing,
}

/// Forwarding to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The server.
    pub to: Address,
    /// Which direction the plan is carried out in; the other one passes whole.
    pub cut_toward: Toward,
}

/// A direction through a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toward {
    /// What goes to the server.
    Server,
    /// What goes to the client.
    Client,
    /// What goes either way.
    #[default]
    Both,
}

/// Who may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The most connections at once; more wait in the backlog.
    pub max_connections: Option<usize>,
    /// Only these networks, where any is named.
    pub allow: Vec<IpNet>,
    /// Never these networks.
    pub deny: Vec<IpNet>,
}

impl Admission {
    /// Why a client at this address is rejected, if it is. What is denied is denied even where it is also allowed.
    #[must_use]
    pub fn rejects(&self, ip: IpAddr) -> Option<&'static str> {
        let ip = ip.to_canonical(); // ::ffff:192.0.2.1 is 192.0.2.1 to a rule
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&ip));
        if within(&self.deny) {
            return Some("in --deny");
        }
        (!self.allow.is_empty() && !within(&self.allow)).then_some("not in --allow")
    }
}

impl ListenConfig {
    /// The message service for this program's own use: quiet, and whole in what it writes.
    #[must_use]
    pub fn private(address: Address, framing: Framing, max_message: usize) -> Self {
        let mut traffic = Traffic { max_message, ..Traffic::default() };
        traffic.socket.prefer_nodelay();
        ListenConfig {
            address,
            family: Family::Any,
            service: ServiceKind::Secret,
            framing,
            count: None,
            keep_open: false,
            shutdown_always: false,
            stream: StreamConfig::default(),
            bug: None,
            relay: None,
            once: false,
            threads: 1,
            admission: Admission::default(),
            traffic,
            seeing: Seeing { quiet: true, ..Seeing::default() },
        }
    }

    /// Whether what is written is a stream of bytes, not messages.
    #[must_use]
    pub fn takes_raw(&self) -> bool {
        self.relay.is_some() || self.service.is_raw()
    }

    /// Whether clients wait for what it makes of what they say.
    fn answers(&self) -> bool {
        matches!(self.service, ServiceKind::Secret | ServiceKind::Echo | ServiceKind::Chat)
    }

    /// How what clients say is divided: a bug wants to see the reads themselves.
    #[must_use]
    pub fn heard_as(&self) -> Framing {
        if self.bug.is_some() || self.takes_raw() { Framing::Raw } else { self.framing }
    }

    /// Whether it is between the standard streams and connections.
    #[must_use]
    pub fn is_pipe(&self) -> bool {
        self.service == ServiceKind::Pipe
    }

    /// Whether the run is for one connection, between it and the standard streams.
    #[must_use]
    pub fn is_one_pipe(&self) -> bool {
        self.is_pipe() && !self.keep_open
    }

    /// Whether it is for one connection after the other.
    #[must_use]
    pub fn is_kept_pipe(&self) -> bool {
        self.is_pipe() && self.keep_open
    }

    /// Whether the plan is carried out on a unix socket: to the clients, to the server of a relay, or both.
    fn cuts_unix(&self) -> bool {
        let is_unix = |address: &Address| matches!(address, Address::Unix(_));
        match &self.relay {
            None => is_unix(&self.address),
            Some(Relay { to, cut_toward }) => {
                (*cut_toward != Toward::Server && is_unix(&self.address))
                    || (*cut_toward != Toward::Client && is_unix(to))
            }
        }
    }

    /// Checks what one option cannot know of another.
    ///
    /// # Errors
    /// Says which options contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        if self.admission.max_connections == Some(0) {
            return Err(ConfigError::new("--max-connections 0 would serve nobody: give 1 or more"));
        }
        if self.relay.is_some() && (self.bug.is_some() || self.service != ServiceKind::Secret) {
            return Err(ConfigError::new("--relay answers nothing itself: leave --service and --bug out"));
        }
        if self.relay.as_ref().is_some_and(|relay| relay.to == self.address) {
            return Err(ConfigError::new(format!(
                "--relay {0} would forward to itself: {0} is where it listens",
                self.address
            )));
        }
        if self.framing != Framing::Lines
            && (self.service != ServiceKind::Secret || self.bug.is_some() || self.relay.is_some())
        {
            return Err(ConfigError::new("--framing is for the messages of --service secret: leave it out"));
        }
        if self.count.is_some() && self.service != ServiceKind::Source {
            return Err(ConfigError::new("--count ends what --service source sends: leave it out"));
        }
        if self.keep_open && self.once {
            return Err(ConfigError::new("--once and --keep-open contradict each other: give one of them"));
        }
        if !self.is_pipe() {
            self.stream.refuse_without_stream("--service pipe")?;
            if self.shutdown_always {
                return Err(ConfigError::new("--shutdown ends what --service pipe sends: leave it out"));
            }
        }
        if self.is_pipe() {
            // One stdin cannot be shared.
            self.once |= !self.keep_open;
            self.admission.max_connections = Some(1);
        }
        let apart = matches!(self.service, ServiceKind::Chat | ServiceKind::Pipe) || self.relay.is_some() || self.once;
        if self.threads != 1 && apart {
            return Err(ConfigError::new(
                "--threads is for services that keep nothing between connections, secret, echo, discard and source: leave it out",
            ));
        }
        if self.threads > MOST_THREADS {
            return Err(ConfigError::new(format!("--threads takes up to {MOST_THREADS}, or 0 for one a processor")));
        }
        if self.bug.is_some() && self.service != ServiceKind::Secret {
            return Err(ConfigError::new(format!("--bug is a mistake of --service secret, not of {}", self.service)));
        }
        if self.traffic.socket.source.is_some() && self.relay.is_none() {
            return Err(ConfigError::new(
                "--source is where the connections of --relay come from: the address to listen on is ADDRESS",
            ));
        }
        self.family.check(self.relay.as_ref().map_or(&self.address, |relay| &relay.to))?;
        self.family.check(&self.address)?;
        let unix = matches!(self.address, Address::Unix(_));
        if unix {
            self.traffic.socket.check_unix()?;
            if !(self.admission.allow.is_empty() && self.admission.deny.is_empty()) {
                return Err(ConfigError::new(
                    "--allow and --deny are about IP addresses; a unix socket has file permissions",
                ));
            }
        }
        let bytes = Bytes { raw: self.takes_raw(), unix: self.cuts_unix() };
        self.traffic = self.traffic.check(bytes)?;
        if self.relay.is_some() || self.answers() {
            // What is to be sent now must not wait here until what was sent before is acknowledged:
            // a client that has nothing to say delays that by 40 ms. Few writes are small, for the
            // answers of a turn go together.
            self.traffic.socket.prefer_nodelay();
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects(allow: &[&str], deny: &[&str], ip: &str) -> Option<&'static str> {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let admission = Admission { max_connections: None, allow: nets(allow), deny: nets(deny) };
        admission.rejects(ip.parse().unwrap())
    }

    #[test]
    fn rules_are_deny_first_then_allow() {
        assert_eq!(rejects(&[], &[], "192.0.2.1"), None);
        assert_eq!(rejects(&["192.0.2.0/24"], &[], "192.0.2.1"), None);
        assert_eq!(rejects(&["192.0.2.0/24"], &[], "198.51.100.1"), Some("not in --allow"));
        assert_eq!(rejects(&["192.0.2.0/24"], &["192.0.2.1/32"], "192.0.2.1"), Some("in --deny"));
        assert_eq!(rejects(&[], &["192.0.2.0/24"], "::ffff:192.0.2.9"), Some("in --deny"));
        assert_eq!(rejects(&["192.0.2.0/24"], &[], "2001:db8::1"), Some("not in --allow"));
    }
}
