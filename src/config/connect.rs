//! The checked configuration of `secretcat connect`.

use std::ffi::OsString;
use std::time::Duration;

use super::auth::is_public;
use super::traffic::check_family;
use super::{
    Bytes, ClientTls, ConfigError, ConnectUser, Output, Probe, ProxyConfig, ProxyHeader, StreamConfig, Traffic, Trust,
};
use crate::frame::Framing;
use crate::service::chat_client::Place;
use crate::service::wire::Wire;
use crate::value::{Address, Count, ExpectedReplies, Family, Pairing, Replies};

/// The checked configuration of `secretcat connect`.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ConnectConfig {
    /// The server to connect to.
    pub target: Target,
    /// Only check the connection (`-z`): it is closed as soon as it is made.
    pub check: bool,
    /// The proxy that connections are made through.
    pub proxy: Option<ProxyConfig>,
    /// Which addresses of a name are used.
    pub family: Family,
    /// The source of the messages.
    pub input: Input,
    /// Send and receive bytes instead of messages (`--raw`).
    pub raw: bool,
    /// When the connection is half-closed.
    pub half_close: HalfClose,
    /// Half-close at the end of stdin even if it is no input (`-N`).
    pub shutdown_always: bool,
    /// How the streams of `--raw` end.
    pub stream: StreamConfig,
    /// How messages and replies are delimited.
    pub framing: Framing,
    /// End messages with CR LF.
    pub crlf: bool,
    /// The replies that are expected to each message (`--replies`).
    pub replies: Replies,
    /// The replies that are expected before that of the first message (`--greeting`).
    pub greeting: u64,
    /// Whether the quit words end a conversation at a terminal.
    pub quit_words: bool,
    /// Whether a conversation at a terminal connects again when it loses its connection.
    pub reconnect: bool,
    /// The time limit for connecting, name lookup and all addresses included.
    pub connect_limit: ConnectLimit,
    /// How failed connections are retried.
    pub retry: Retry,
    /// The time limit of a reply (`--timeout`).
    pub reply_timeout: Option<Duration>,
    /// The time limit for the rest of the run after the end of the input (`-q`).
    pub quit_after: Option<Duration>,
    /// The name and the room that a service of rooms is asked for.
    pub place: Option<Place>,
    /// How the server is probed.
    pub probe: Probe,
    /// The user to log in as.
    pub user: Option<ConnectUser>,
    /// Encrypt with TLS.
    pub tls: Option<ClientTls>,
    /// The PROXY header that is sent first.
    pub header: Option<ProxyHeader>,
    /// The options of the connection.
    pub traffic: Traffic,
    /// The command that runs a witness where the peer runs.
    pub witness: Option<OsString>,
    /// What is printed and recorded.
    pub output: Output,
}

/// The time limit for connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectLimit {
    /// The limit.
    pub time: Duration,
    /// The option that sets it.
    pub option: &'static str,
}

/// When the connection is half-closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// Never.
    Never,
    /// After the last expected reply.
    AfterReplies,
    /// When the input ends.
    AtOnce,
    /// When the input ends, in the segment of the last byte: the last bytes wait for the end.
    WithLast,
}

/// The server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A server.
    Server(Address),
    /// A private message listener in this process.
    Loopback,
}

/// The source of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// stdin.
    Stdin,
    /// The command line (`-m`).
    Given(Vec<Vec<u8>>),
}

/// How failed connections are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The number of retries after the first attempt.
    pub times: u32,
    /// The pause before each retry.
    pub delay: Duration,
}

/// Checks that a message of the command line is one message, also for the peer.
///
/// # Errors
/// Names what ends a message, and the way to give several.
pub fn check_is_one(framing: Framing, message: &[u8]) -> Result<(), ConfigError> {
    if !framing.ends_within(message) {
        return Ok(());
    }
    let end = if framing == Framing::Lines { "a line feed" } else { "the delimiter" };
    Err(ConfigError::new(format!("-m takes one message, and {end} ends a message: give -m twice")))
}

impl ConnectConfig {
    fn check_login(&self) -> Result<(), ConfigError> {
        let Some(user) = &self.user else { return Ok(()) };
        let is_public = matches!(&self.target, Target::Server(address) if is_public(address));
        if is_public && self.tls.is_none() && !user.cleartext {
            return Err(ConfigError::new(
                "--user needs a connection that others cannot read: add --tls (or allow it with --auth-cleartext)",
            ));
        }
        Ok(())
    }

    fn check_probe(&self) -> Result<(), ConfigError> {
        let refuse = |text: String| Err(ConfigError::new(text));
        match self.probe.option() {
            Some(option) if self.raw => refuse(format!("{option} is for replies, and raw bytes have none: remove it")),
            _ if self.probe.rounds.is_some() && self.input == Input::Stdin => {
                refuse("--repeat sends the messages of -m again: add -m".to_owned())
            }
            _ if self.probe.expect.is_some() && self.replies == Replies::Each(Count(0)) => {
                refuse("--expect is for replies, and --replies 0 expects none: remove one of them".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Which replies answer which messages.
    #[must_use]
    pub fn pairing(&self) -> Pairing {
        let made = match self.replies {
            Replies::Each(Count(each @ 1..)) if !self.raw => Some(ExpectedReplies { each, greeting: self.greeting }),
            Replies::Each(_) | Replies::Any => None,
        };
        Pairing { made, accepted: self.target == Target::Loopback }
    }

    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the options that contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        if let Input::Given(messages) = &self.input {
            messages.iter().try_for_each(|message| check_is_one(self.framing, message))?;
        }
        if let (Input::Given(messages), false) = (&self.input, self.raw) {
            let wire = Wire { framing: self.framing, crlf: self.crlf };
            let cutting = self.traffic.plan.cuts_of_messages();
            for (number, message) in (1..).zip(messages) {
                let cuts = wire.check(&cutting, number, message);
                cuts.map_err(|outside| ConfigError::new(outside.to_string()))?;
            }
        }
        if self.crlf && !self.raw && self.framing != Framing::Lines {
            return Err(ConfigError::new("--crlf applies to --framing lines: remove it"));
        }
        let awaits_only_acknowledgement = self.replies == Replies::Each(Count(0)) && self.stream.ack_timeout.is_some();
        if !self.raw && !awaits_only_acknowledgement {
            self.stream.refuse_without_stream("--raw")?;
        }
        if self.raw && self.reply_timeout.is_some() {
            return Err(ConfigError::new(
                "--timeout limits the wait for a reply, and --raw has no replies: use --idle-timeout",
            ));
        }
        if let Target::Server(address) = &self.target {
            check_family(self.family, address)?;
            self.proxy.as_ref().map_or(Ok(()), |proxy| proxy.check(address))?;
        }
        let trusts_first_use = self.tls.as_ref().is_some_and(|tls| matches!(tls.trust, Trust::Known(_)));
        if trusts_first_use && self.target == Target::Loopback {
            return Err(ConfigError::new("--loopback has a new key each time, which --known would refuse: remove it"));
        }
        let unix = matches!(self.target, Target::Server(Address::Unix(_)));
        if unix {
            self.traffic.socket.check_unix()?;
        }
        self.check_login()?;
        self.check_probe()?;
        self.output.reply_times = self.probe.json;
        self.traffic = self.traffic.check(Bytes { raw: self.raw, unix, tls: self.tls.is_some() })?;
        if self.header.is_some() {
            // Nagle's algorithm would hold the first message back until the header is acknowledged.
            self.traffic.socket.prefer_nodelay();
        }
        Ok(self)
    }
}
