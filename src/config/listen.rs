//! The checked configuration of `secretcat listen`.

use ipnet::IpNet;
use std::net::IpAddr;

use super::{Bytes, ConfigError, Family, Seeing, StreamConfig, Traffic};
use crate::frame::Framing;
use crate::service::{Bug, ServiceKind};
use crate::value::{Address, Named, Word};

/// The largest number of event loops: more than any machine needs.
const MOST_THREADS: usize = 1024;

/// The checked configuration of `secretcat listen`.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// The address to listen on.
    pub address: Address,
    /// Which addresses of a name are used.
    pub family: Family,
    /// The service for each connection.
    pub service: ServiceKind,
    /// How messages and replies are delimited.
    pub framing: Framing,
    /// The number of bytes that `source` sends on each connection; `None` is no limit.
    pub count: Option<u64>,
    /// `pipe` accepts the next connection when one has ended.
    pub keep_open: bool,
    /// `pipe` half-closes at the end of stdin even if it is no input (`-N`).
    pub shutdown_always: bool,
    /// How the streams of `pipe` end.
    pub stream: StreamConfig,
    /// A deliberate mistake of the service.
    pub bug: Option<Bug>,
    /// The server to forward connections to, instead of answering.
    pub relay: Option<Relay>,
    /// Serve one connection, then exit.
    pub once: bool,
    /// The number of event loops over the one listening socket; 0 is one for each processor.
    pub threads: usize,
    /// Which clients are accepted, and how many.
    pub admission: Admission,
    /// The options of every connection.
    pub traffic: Traffic,
    /// What is printed and recorded.
    pub seeing: Seeing,
}

/// The server that a relay forwards to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The server.
    pub to: Address,
    /// The direction that the plan cuts; the other direction is not cut.
    pub cut_toward: Toward,
}

/// A direction through a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toward {
    /// To the server.
    Server,
    /// To the client.
    Client,
    /// Both directions.
    #[default]
    Both,
}

impl Named for Toward {
    const ALL: &'static [Self] = &[Toward::Server, Toward::Client, Toward::Both];

    fn word(self) -> Word {
        match self {
            Toward::Server => Word::new("server", "To the server"),
            Toward::Client => Word::new("client", "To the client"),
            Toward::Both => Word::new("both", "Both directions"),
        }
    }
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
}

impl Admission {
    /// The reason to reject a client at this address, if there is one. `deny` takes precedence over `allow`.
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
    /// A message service for the private listener: it prints nothing and does not cut its replies.
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

    /// Whether the output is a stream of bytes, not messages.
    #[must_use]
    pub fn takes_raw(&self) -> bool {
        self.relay.is_some() || self.service.is_raw()
    }

    /// Whether clients wait for replies.
    fn answers(&self) -> bool {
        matches!(self.service, ServiceKind::Secret | ServiceKind::Echo | ServiceKind::Chat)
    }

    /// The framing of the input. A bug takes raw reads.
    #[must_use]
    pub fn heard_as(&self) -> Framing {
        if self.bug.is_some() || self.takes_raw() { Framing::Raw } else { self.framing }
    }

    /// Whether connections are connected to stdin and stdout.
    #[must_use]
    pub fn is_pipe(&self) -> bool {
        self.service == ServiceKind::Pipe
    }

    /// Whether one connection is connected to stdin and stdout.
    #[must_use]
    pub fn is_one_pipe(&self) -> bool {
        self.is_pipe() && !self.keep_open
    }

    /// Whether one connection after the other is connected to stdin and stdout.
    #[must_use]
    pub fn is_kept_pipe(&self) -> bool {
        self.is_pipe() && self.keep_open
    }

    /// Whether the plan cuts what is written to a unix socket: to clients, to the server of a relay, or both.
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

    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the options that contradict each other, and what would be right.
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
            // Connections cannot share one stdin.
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
