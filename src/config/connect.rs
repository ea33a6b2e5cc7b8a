//! What `secretcat connect` is to do.

use std::time::Duration;

use super::{Bytes, ConfigError, Family, Seeing, StreamConfig, Traffic};
use crate::frame::Framing;
use crate::service::wire::Wire;
use crate::value::{Address, Count, Replies};

/// A checked run of `connect`.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct ConnectConfig {
    /// Whom to talk to.
    pub target: Target,
    /// The connection alone is wanted: it is closed as soon as it stands.
    pub check: bool,
    /// Which addresses of a name are taken.
    pub family: Family,
    /// Where the messages come from.
    pub input: Input,
    /// Bytes both ways instead of messages.
    pub raw: bool,
    /// What the end of the input does to the connection.
    pub half_close: HalfClose,
    /// It does so where stdin is no input, too (`-N`).
    pub shutdown_always: bool,
    /// How a stream of raw bytes ends.
    pub stream: StreamConfig,
    /// How messages and replies are told apart.
    pub framing: Framing,
    /// Messages end with CR LF.
    pub crlf: bool,
    /// How many replies each message has (`--replies`).
    pub replies: Replies,
    /// How many messages the server sends before it is asked (`--greeting`).
    pub greeting: u64,
    /// The quit words end a conversation at a terminal.
    pub quit_words: bool,
    /// A conversation at a terminal that loses its connection makes another one.
    pub reconnect: bool,
    /// How long making the connection may take, name lookup and all addresses included.
    pub connect_timeout: Duration,
    /// How often a failed connection is tried again, and after which pause.
    pub retry: Retry,
    /// How long one reply may take.
    pub reply_timeout: Option<Duration>,
    /// How long to wait for the peer after the end of the input (`-q`).
    pub quit_after: Option<Duration>,
    /// What the connection is given.
    pub traffic: Traffic,
    /// What is shown.
    pub seeing: Seeing,
}

/// What the end of the input does to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// Nothing.
    Never,
    /// It is half-closed when the last reply that is expected has come.
    AfterReplies,
    /// It is half-closed at once.
    AtOnce,
    /// It is, and the last bytes wait for that, to go in one segment with the end.
    WithLast,
}

/// Whom to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A server.
    Server(Address),
    /// A message listener of our own, in this process.
    Loopback,
}

/// Where messages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// stdin.
    Stdin,
    /// The command line (`-m`).
    Given(Vec<Vec<u8>>),
}

/// Trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often, after the first try.
    pub times: u32,
    /// The pause before each further try.
    pub delay: Duration,
}

impl ConnectConfig {
    /// Checks what one option cannot know of another.
    ///
    /// # Errors
    /// Says which options contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        if let Input::Given(messages) = &self.input {
            if self.framing == Framing::Lines && messages.iter().any(|message| message.contains(&b'\n')) {
                return Err(ConfigError::new("-m takes one message, and a line feed would end it: give -m twice"));
            }
        }
        if let (Input::Given(messages), false) = (&self.input, self.raw) {
            let wire = Wire { framing: self.framing, crlf: self.crlf };
            for (number, message) in (1..).zip(messages) {
                let cuts = wire.check(&self.traffic.plan.cutting, number, message);
                cuts.map_err(|outside| ConfigError::new(outside.to_string()))?;
            }
        }
        if self.crlf && !self.raw && self.framing != Framing::Lines {
            return Err(ConfigError::new("--crlf ends the lines of --framing lines: leave it out"));
        }
        let awaits_only_acknowledgement = self.replies == Replies::Each(Count(0)) && self.stream.ack_timeout.is_some();
        if !self.raw && !awaits_only_acknowledgement {
            self.stream.refuse_without_stream("--raw")?;
        }
        if self.raw && self.reply_timeout.is_some() {
            return Err(ConfigError::new(
                "--timeout is the time of a reply, which raw bytes have not: use --idle-timeout",
            ));
        }
        if let Target::Server(address) = &self.target {
            self.family.check(address)?;
        }
        let unix = matches!(self.target, Target::Server(Address::Unix(_)));
        if unix {
            self.traffic.socket.check_unix()?;
        }
        self.traffic = self.traffic.check(Bytes { raw: self.raw, unix })?;
        Ok(self)
    }
}
