//! What can end a run, as data: the operation, the address or file, the cause.

use std::fmt::Display;
use std::io;
use std::net::SocketAddrV6;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use crate::value::{Span, escape};

/// Why a run failed. Its text is the one line that the user sees, without the program's name.
#[derive(Debug, Error)]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A local file, standard stream or facility failed.
    #[error("{action} {target}: {}", cause(source))]
    Local {
        /// What was done: `write`, `open`, ….
        action: &'static str,
        /// What it was done to.
        target: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A socket option could not be set.
    #[error("{address}: {what}")]
    Option {
        /// The address of the socket.
        address: String,
        /// Which option, which value, and why not.
        what: String,
    },
    /// The network or the peer failed.
    #[error("{action} {address}: {}{}", cause(source), hint(action, address, source, *options))]
    Network {
        /// What was done: `connect`, `listen`, `resolve`, ….
        action: &'static str,
        /// With whom.
        address: String,
        /// Why it failed.
        source: io::Error,
        /// The options that may be the reason.
        options: Suspects,
    },
    /// A time limit passed.
    #[error("{action} {address}: no {what} within {limit} ({option} sets the limit)", limit = Span(*limit))]
    Timeout {
        /// What was done.
        action: &'static str,
        /// With whom.
        address: String,
        /// What did not come.
        what: &'static str,
        /// How long it was waited for.
        limit: Duration,
        /// The option that sets the limit.
        option: &'static str,
    },
    /// The connection ended with messages unanswered, or before its work was done.
    #[error("connect {address}: {how}{}", owed(*unanswered))]
    Lost {
        /// With whom.
        address: String,
        /// How it ended.
        how: String,
        /// Messages that were sent and have no whole reply.
        unanswered: u64,
    },
    /// The connection ended, and not everything that was to be sent is known to have arrived.
    #[error(
        "{address}: {} not sent, {unacknowledged} sent but not acknowledged: {why}{}",
        bytes(usize::try_from(*unsent).unwrap_or(usize::MAX)),
        if *more { "; stdin had not ended" } else { "" }
    )]
    Undelivered {
        /// To whom.
        address: String,
        /// Bytes that the connection did not take.
        unsent: u64,
        /// There may have been more of them to send.
        more: bool,
        /// Bytes that it took, and that the peer's system has not acknowledged.
        unacknowledged: u64,
        /// How the connection ended.
        why: String,
    },
    /// Connections of a run that serves many have lost bytes; each loss was printed when it was seen.
    #[error("{connections} {} lost bytes", if *connections == 1 { "connection" } else { "connections" })]
    Incomplete {
        /// How many.
        connections: u64,
    },
    /// More replies came than are expected.
    #[error("{address}: {}", surplus_text(*surplus, *still_sending))]
    Surplus {
        /// From whom.
        address: String,
        /// How many more.
        surplus: u64,
        /// The server had not stopped sending when the run ended.
        still_sending: bool,
    },
    /// A signal ended the run; `io::signal` knows which.
    #[error("interrupted")]
    Interrupted,
    /// Nobody reads stdout any more (EPIPE). Never printed: the program dies of SIGPIPE, as cat(1) does.
    #[error("write to stdout: broken pipe")]
    OutputGone,
}

impl Error {
    /// A failed operation on a file or stream. What names it is put into words when it has failed:
    /// an operation that succeeds, once a turn of the loop, costs no memory.
    pub fn local(action: &'static str, target: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Local { action, target: target.into(), source }
    }

    /// A failed operation on a file, named by its path.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        Error::local(action, shown_path(path))
    }

    /// Nothing came or went for so long.
    #[must_use]
    pub fn idle(action: &'static str, address: String, limit: Option<Duration>) -> Error {
        let limit = limit.unwrap_or_default();
        Error::Timeout { action, address, what: "byte came or went", limit, option: "--idle-timeout" }
    }

    /// A failed operation on a socket.
    pub fn network(action: &'static str, address: impl Display) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Network { action, address: address.to_string(), source, options: Suspects::default() }
    }
}

/// A path as one line of text: what a terminal must not see is escaped.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    escape(path.as_os_str().as_encoded_bytes())
}

/// The system's words for an error, lower case and without its number.
#[must_use]
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // An acronym, or a name, keeps its capitals.
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

/// Options of a connection that may be the reason why it cannot be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspects {
    /// The port that it was to come from.
    pub source_port: Option<u16>,
    /// The hops that its packets may take.
    pub hops: Option<u32>,
}

/// The next thing to try, where it is known.
fn hint(action: &str, address: &str, error: &io::Error, options: Suspects) -> String {
    let text = match (action, error.kind()) {
        ("listen", io::ErrorKind::AddrInUse) if address.starts_with("unix:@") => "another program listens there",
        ("listen", io::ErrorKind::AddrInUse) if address.starts_with("unix:") => {
            "another program listens there, or the file is no socket"
        }
        ("listen", _) if address.starts_with("unix:") => "",
        ("connect" | "listen", io::ErrorKind::InvalidInput) if lacks_zone(address) => {
            "a link-local address needs its interface, as in [fe80::1%eth0]:4500; ip link lists them"
        }
        ("connect", io::ErrorKind::ConnectionRefused) => "is a server listening there?",
        ("connect", io::ErrorKind::NotFound) => "is a server listening on that path?",
        ("connect", io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse) => match options.source_port {
            Some(port) => return format!(" (port {port} has a connection to there already: take another one with -p)"),
            None => "",
        },
        ("connect", io::ErrorKind::HostUnreachable) => match options.hops {
            Some(hops) => return format!(" (--ttl {hops} may be too few hops)"),
            None => "",
        },
        ("listen", io::ErrorKind::AddrInUse) => "another program listens there; port 0 picks a free one",
        ("listen", io::ErrorKind::PermissionDenied) => "ports below 1024 need privilege; take a higher one",
        ("listen", io::ErrorKind::AddrNotAvailable) => {
            "not an address of this host: ip addr lists those, and *:PORT is every interface"
        }
        ("resolve", _) => "check the name, or give the address in digits",
        _ => "",
    };
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

/// Whether this is an IPv6 address that holds on one link, and no link is named.
fn lacks_zone(address: &str) -> bool {
    let address: Option<SocketAddrV6> = address.parse().ok();
    address.is_some_and(|address| address.ip().is_unicast_link_local() && address.scope_id() == 0)
}

/// So many bytes, in words.
#[must_use]
pub fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

fn surplus_text(surplus: u64, still_sending: bool) -> String {
    let lines = if surplus == 1 { "line" } else { "lines" };
    let still = if still_sending { ", and the server is still sending" } else { "" };
    format!("{surplus} {lines} more than messages{still}: --replies N|any, --greeting N, or --raw")
}

fn owed(unanswered: u64) -> String {
    match unanswered {
        0 => String::new(),
        1 => " with 1 message unanswered".to_owned(),
        n => format!(" with {n} messages unanswered"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_lower_case_line_with_a_hint() {
        let error = Error::network("connect", "127.0.0.1:1")(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        assert_eq!(error.to_string(), "connect 127.0.0.1:1: connection refused (is a server listening there?)");
    }

    #[test]
    fn a_link_local_address_without_a_zone_gets_a_hint() {
        let told =
            |address: &str| Error::network("connect", address)(io::Error::from_raw_os_error(libc::EINVAL)).to_string();
        let hint = "a link-local address needs its interface, as in [fe80::1%eth0]:4500; ip link lists them";
        assert_eq!(told("[fe80::1]:80"), format!("connect [fe80::1]:80: invalid argument ({hint})"));
        for other in ["[fe80::1%3]:80", "[fe80::1%eth0]:80", "[2001:db8::1]:80", "lab:80"] {
            assert_eq!(told(other), format!("connect {other}: invalid argument"));
        }
    }

    #[test]
    fn acronyms_keep_their_capitals() {
        assert_eq!(cause(&io::Error::other("TCP is full")), "TCP is full");
        assert_eq!(cause(&io::Error::other("Is full")), "is full");
    }

    #[test]
    fn what_is_owed_is_counted() {
        let lost = |unanswered| Error::Lost { address: "h:1".into(), how: "closed by the server".into(), unanswered };
        assert_eq!(lost(0).to_string(), "connect h:1: closed by the server");
        assert_eq!(lost(1).to_string(), "connect h:1: closed by the server with 1 message unanswered");
        assert_eq!(lost(2).to_string(), "connect h:1: closed by the server with 2 messages unanswered");
    }
}
