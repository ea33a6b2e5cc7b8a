//! The options of every connection: how it writes and reads, and its socket options.

use std::time::Duration;

use super::{ConfigError, SocketOptions};
use crate::plan::{Barrier, CutLayer, Cutting, Plan};
use crate::value::{Address, Family, Host};

/// Checks whether the address can be of this family. A name can, until it is resolved.
///
/// # Errors
/// Names the option for the other family.
pub(super) fn check_family(family: Family, address: &Address) -> Result<(), ConfigError> {
    let (option, asked, other) = match family {
        Family::Any => return Ok(()),
        Family::V4 => ("-4", "IPv4", "IPv6"),
        Family::V6 => ("-6", "IPv6", "IPv4"),
    };
    let clash = match address {
        Address::Unix(_) => {
            return Err(ConfigError::new(format!("{option} has no effect on a unix socket: remove it")));
        }
        Address::Tcp { host: Host::Ip(ip), .. } => ip.is_ipv4() == (family == Family::V6),
        Address::Tcp { host: Host::Scoped(..), .. } => family == Family::V4,
        Address::Tcp { host: Host::Name(_) | Host::Any, .. } => false,
    };
    if clash {
        return Err(ConfigError::new(format!(
            "{address} is {other}, but {option} asks for {asked} only: remove one of them"
        )));
    }
    Ok(())
}

/// How slowly this side reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The largest size of a read.
    pub size: Option<usize>,
    /// The pause between two reads.
    pub delay: Option<Duration>,
    /// The pause before the first read.
    pub start_delay: Option<Duration>,
}

impl Reading {
    /// Whether reading has no limits.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Reading::default()
    }
}

/// The kind of connection that a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// A stream of bytes, not messages.
    pub raw: bool,
    /// A unix socket, not TCP.
    pub unix: bool,
    /// It is encrypted with TLS, or may carry TLS through a relay.
    pub tls: bool,
}

/// The options of every connection of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// The plan of its writes.
    pub plan: Plan,
    /// How it reads.
    pub reading: Reading,
    /// Received bytes are acknowledged at once (`TCP_QUICKACK`, tcp(7)): a peer with Nagle's algorithm on would wait up
    /// to 40 ms for a delayed acknowledgement.
    pub quick_ack: bool,
    /// The options of its socket.
    pub socket: SocketOptions,
    /// The largest size of a message, without its ending.
    pub max_message: usize,
    /// The time without a byte in or out after which a connection is closed.
    pub idle_timeout: Option<Duration>,
    /// The time that the event loop polls before it sleeps.
    pub busy_poll: Duration,
}

impl Traffic {
    /// Checks the options against each other, and sets what follows from them.
    ///
    /// # Errors
    /// Names the options that contradict each other, with a hint.
    pub fn check(mut self, bytes: Bytes) -> Result<Self, ConfigError> {
        self.socket.check()?;
        check_plan(&self.plan, bytes)?;
        if self.max_message == 0 {
            return Err(ConfigError::new("--max-message 0 leaves no room for a message: give 1 or more"));
        }
        if !self.plan.is_plain() {
            // Nagle's algorithm would join the pieces, after a delay of 40 ms.
            self.socket.prefer_nodelay();
        }
        Ok(self)
    }
}

/// Refuses a plan that such a connection cannot carry out.
fn check_plan(plan: &Plan, bytes: Bytes) -> Result<(), ConfigError> {
    let refuse = |text: &str| Err(ConfigError::new(text));
    let raw = match plan.layer {
        CutLayer::Record => bytes.raw,
        CutLayer::Tcp => true,
        CutLayer::Handshake => false,
    };
    match &plan.cutting {
        Cutting::Chunk(range) if range.min.0 == 0 => {
            return refuse("--chunk needs pieces of at least 1 byte: give 1 or more, or a range such as 1..7");
        }
        Cutting::Cut(offsets) if raw && offsets.as_slice().iter().any(|&offset| offset < 0) => {
            return refuse(
                "a negative --cut counts from the end of a message, and a stream has no messages: give offsets from its start",
            );
        }
        Cutting::AtRegex(_) if raw => {
            return refuse("--cut-at-regex searches whole messages, and a stream has none: use --cut-at PATTERN");
        }
        _ => {}
    }
    if plan.layer != CutLayer::Record && plan.is_plain() {
        return refuse("--cut-layer chooses what is cut: add --chunk or --cut");
    }
    if plan.layer == CutLayer::Handshake && !bytes.tls {
        return refuse("--cut-layer handshake cuts TLS handshakes: add --tls, or pass TLS through --relay");
    }
    if raw && plan.coalesce.get() > 1 {
        return refuse("--coalesce joins messages, and a stream of raw bytes has none: remove it");
    }
    if bytes.unix && plan.barrier == Barrier::Acked {
        return refuse("a unix socket has no acknowledgements: use --barrier peer-read");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Range;

    const MESSAGES: Bytes = Bytes { raw: false, unix: false, tls: false };

    fn with(plan: Plan) -> Traffic {
        Traffic { plan, max_message: 1, ..Traffic::default() }
    }

    fn chunks(range: &str) -> Plan {
        Plan { cutting: Cutting::Chunk(range.parse().unwrap()), ..Plan::default() }
    }

    #[test]
    fn cutting_turns_nagle_off_unless_requested() {
        assert_eq!(with(Plan::default()).check(MESSAGES).unwrap().socket.nodelay, None);
        assert_eq!(with(chunks("3")).check(MESSAGES).unwrap().socket.nodelay, Some(true));
        let mut nagle = with(chunks("3"));
        nagle.socket.nodelay = Some(false);
        assert_eq!(nagle.check(MESSAGES).unwrap().socket.nodelay, Some(false));
    }

    #[test]
    fn empty_pieces_are_refused() {
        assert!(with(chunks("0")).check(MESSAGES).is_err());
        assert!(with(chunks("0..0")).check(MESSAGES).is_err());
        assert!("5..2".parse::<Range<crate::value::Size>>().is_err());
    }

    #[test]
    fn raw_refuses_cuts_from_the_end_and_unix_refuses_acked() {
        let cut = Plan { cutting: Cutting::Cut("1,-1".parse().unwrap()), ..Plan::default() };
        assert!(with(cut.clone()).check(MESSAGES).is_ok());
        assert!(with(cut).check(Bytes { raw: true, unix: false, tls: false }).is_err());
        let unix = Bytes { raw: false, unix: true, tls: false };
        let waits = |barrier| with(Plan { barrier, ..Plan::default() }).check(unix);
        assert!(waits(Barrier::Acked).is_err() && waits(Barrier::PeerRead).is_ok());
    }
}
