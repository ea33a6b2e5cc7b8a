//! The errors that end a run, as data: the operation, the address or file, the cause.

mod operation;
mod status;
mod target;

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

pub use operation::{Endpoint, Operation, Suspects};
use operation::{file_hint, hint};
pub use status::ExitStatus;
pub use target::Target;

use crate::value::{Span, counted, escape};

/// Why a run failed. Its text is the one line that the user sees, without the program's name.
#[derive(Debug, Error)]
pub enum Error {
    /// The command line, or the input, is wrong.
    #[error("{0}")]
    Usage(String),
    /// A local file, stdin, stdout or another local resource failed.
    #[error("{operation} {target}: {}{}", cause(source), file_hint(*operation, target, source))]
    Local {
        /// The operation: `write`, `open`, ….
        operation: Operation,
        /// The file, stream or other resource.
        target: Target,
        /// The cause.
        source: io::Error,
    },
    /// A socket option could not be set.
    #[error("{address}: {what}")]
    Option {
        /// The address of the socket.
        address: Endpoint,
        /// The option, the value, and the cause.
        what: String,
    },
    /// The network or the peer failed.
    #[error("{operation} {endpoint}: {}{}", cause(source), hint(*operation, endpoint, source, *options))]
    Network {
        /// The operation: `connect`, `listen`, `resolve`, ….
        operation: Operation,
        /// The address of the peer.
        endpoint: Endpoint,
        /// The cause.
        source: io::Error,
        /// The options that may be the cause.
        options: Suspects,
    },
    /// A time limit has passed.
    #[error("{operation} {address}: no {what} within {limit} ({option} sets the limit)", limit = Span(*limit))]
    Timeout {
        /// The operation.
        operation: Operation,
        /// The address of the peer.
        address: Endpoint,
        /// The event that was waited for: `reply`, `connection`, ….
        what: &'static str,
        /// The time limit.
        limit: Duration,
        /// The option that sets the limit.
        option: &'static str,
    },
    /// The connection ended with messages unanswered, or before its work was done.
    #[error("connect {address}: {how}{}", owed(*unanswered))]
    Lost {
        /// The address of the peer.
        address: Endpoint,
        /// How the connection ended.
        how: String,
        /// The number of messages without a complete reply.
        unanswered: u64,
    },
    /// The connection ended, and not all bytes of stdin were acknowledged.
    #[error(
        "{address}: {} not sent, {unacknowledged} sent but not acknowledged: {why}{}",
        counted(*unsent, "byte"),
        if *more { "; stdin had not ended" } else { "" }
    )]
    Undelivered {
        /// The address of the peer.
        address: Endpoint,
        /// The number of bytes that were not sent.
        unsent: u64,
        /// stdin had not ended: there may be more bytes.
        more: bool,
        /// The number of bytes that were sent but not acknowledged.
        unacknowledged: u64,
        /// How the connection ended.
        why: String,
    },
    /// A file was not transferred, or its receipt was not confirmed.
    #[error("{what} {address}: {how}")]
    Transfer {
        /// What has failed, and its direction: `send a.txt to`.
        what: String,
        /// The address of the peer.
        address: Endpoint,
        /// The cause.
        how: String,
    },
    /// Connections of a listener lost bytes; each loss was printed when it was seen.
    #[error("{} lost bytes", counted(*connections, "connection"))]
    Incomplete {
        /// The number of connections.
        connections: u64,
    },
    /// More replies arrived than were expected.
    #[error("{address}: {}", surplus_text(*surplus, *still_sending))]
    Surplus {
        /// The address of the peer.
        address: Endpoint,
        /// The number of surplus replies.
        surplus: u64,
        /// The server was still sending when the run ended.
        still_sending: bool,
    },
    /// Replies did not match `--expect`.
    #[error("{address}: {} not match --expect; the first: {first}", replies_that_do(*count))]
    Unexpected {
        /// The address of the peer.
        address: Endpoint,
        /// The number of these replies.
        count: u64,
        /// The first of them, escaped and clipped.
        first: String,
    },
    /// A signal ended the run; `io::signal` has its number.
    #[error("interrupted")]
    Interrupted,
    /// No process reads stdout any more (EPIPE). Never printed: the program dies of SIGPIPE, as cat(1) does.
    #[error("write to stdout: broken pipe")]
    OutputGone,
}

impl Error {
    /// A failed operation on a file or stream. The name is converted only on failure, so that an operation that
    /// succeeds allocates no memory.
    pub fn local(operation: Operation, target: impl Into<Target>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Local { operation, target: target.into(), source }
    }

    /// A failed operation on a file with this path.
    pub fn file(operation: Operation, path: &Path) -> impl FnOnce(io::Error) -> Error {
        Error::local(operation, path)
    }

    /// No byte was received or sent within `limit`.
    #[must_use]
    pub fn idle(address: impl Into<Endpoint>, limit: Option<Duration>) -> Error {
        let limit = limit.unwrap_or_default();
        let operation = Operation::KeepOpen;
        Error::Timeout {
            operation,
            address: address.into(),
            what: "byte received or sent",
            limit,
            option: "--idle-timeout",
        }
    }

    /// A failed operation on a socket.
    pub fn network(operation: Operation, endpoint: impl Into<Endpoint>) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Network { operation, endpoint: endpoint.into(), source, options: Suspects::default() }
    }
}

/// A path as one line of text, with control characters escaped.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    escape(path.as_os_str().as_encoded_bytes())
}

/// The system's text for an error, in lower case and without its number.
#[must_use]
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map(|number| format!(" (os error {number})")).unwrap_or_default();
    let text = text.strip_suffix(&number).unwrap_or(&text);
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        // Acronyms and names keep their capitals.
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

fn surplus_text(surplus: u64, still_sending: bool) -> String {
    let lines = counted(surplus, "line");
    let still = if still_sending { ", and the server is still sending" } else { "" };
    format!("{lines} more than messages{still}: --replies N|any, --greeting N, or --raw")
}

fn replies_that_do(count: u64) -> String {
    if count == 1 { "1 reply does".to_owned() } else { format!("{count} replies do") }
}

fn owed(unanswered: u64) -> String {
    match unanswered {
        0 => String::new(),
        n => format!(" with {} unanswered", counted(n, "message")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::value::Address;

    #[test]
    fn error_is_one_lower_case_line_with_a_hint() {
        let error = Error::network(Operation::Connect, "127.0.0.1:1")(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        assert_eq!(error.to_string(), "connect 127.0.0.1:1: connection refused (is a server listening there?)");
    }

    #[test]
    fn link_local_address_without_a_zone_gets_a_hint() {
        let hint = "a link-local address needs its interface, as in [fe80::1%eth0]:4500; ip link lists them";
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let of_address = |text: &str| {
            let address: Address = text.parse().unwrap();
            Error::network(Operation::Connect, &address)(invalid()).to_string()
        };
        let of_socket = |text: &str| {
            let addr: SocketAddr = text.parse().unwrap();
            Error::network(Operation::Connect, addr)(invalid()).to_string()
        };
        for lacking in [of_address("[fe80::1]:80"), of_socket("[fe80::1]:80")] {
            assert_eq!(lacking, format!("connect [fe80::1]:80: invalid argument ({hint})"));
        }
        for other in ["[fe80::1%eth0]:80", "[2001:db8::1]:80", "lab:80"] {
            assert_eq!(of_address(other), format!("connect {other}: invalid argument"));
        }
        assert_eq!(of_socket("[fe80::1%3]:80"), "connect [fe80::1%3]:80: invalid argument");
    }

    #[test]
    fn address_in_use_gets_a_hint_for_its_kind() {
        let busy = |address: &str| {
            let address: Address = address.parse().unwrap();
            Error::network(Operation::Listen, &address)(io::ErrorKind::AddrInUse.into()).to_string()
        };
        assert!(busy(":80").ends_with("(another program listens there; port 0 picks a free one)"));
        assert!(busy("unix:/s").ends_with("(another program listens there, or the file is not a socket)"));
        assert!(busy("unix:@s").ends_with("(another program listens there)"));
    }

    #[test]
    fn missing_unix_socket_has_a_hint_and_missing_address_has_none() {
        let missing = |address: &str| {
            let address: Address = address.parse().unwrap();
            Error::network(Operation::Connect, &address)(io::Error::from_raw_os_error(libc::ENOENT)).to_string()
        };
        let text = "no such file or directory";
        assert_eq!(missing("unix:/s"), format!("connect unix:/s: {text} (is a server listening on that path?)"));
        assert_eq!(missing("lab:80"), format!("connect lab:80: {text}"));
    }

    #[test]
    fn acronyms_keep_their_capitals() {
        assert_eq!(cause(&io::Error::other("TCP is full")), "TCP is full");
        assert_eq!(cause(&io::Error::other("Is full")), "is full");
    }

    #[test]
    fn lost_connection_counts_unanswered_messages() {
        let lost = |unanswered| Error::Lost { address: "h:1".into(), how: "closed by the server".into(), unanswered };
        assert_eq!(lost(0).to_string(), "connect h:1: closed by the server");
        assert_eq!(lost(1).to_string(), "connect h:1: closed by the server with 1 message unanswered");
        assert_eq!(lost(2).to_string(), "connect h:1: closed by the server with 2 messages unanswered");
    }
}
