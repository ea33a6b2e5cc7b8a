//! The exit status, and the text of a parser error.

use crate::error::Error;
use crate::value::{Signal, escape};

/// The exit status for an error: 1 the network or the peer, 2 the command line or this host. A run that a
/// signal ended, or a stdout without a reader, dies of the signal instead: 129 SIGHUP, 130 SIGINT, 141 SIGPIPE
/// and 143 SIGTERM are the statuses that a shell shows for that, and the exit statuses of PID 1.
#[must_use]
pub fn status(error: &Error) -> u8 {
    match error {
        Error::Network { .. }
        | Error::Timeout { .. }
        | Error::Lost { .. }
        | Error::Surplus { .. }
        | Error::Undelivered { .. }
        | Error::Incomplete { .. } => 1,
        Error::Usage(_) | Error::Local { .. } | Error::Option { .. } => 2,
        Error::Interrupted => Signal::Interrupt.status(),
        Error::OutputGone => Signal::Pipe.status(),
    }
}

/// The parser's error as one line: the cause and a hint.
pub(super) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut line = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    for further in lines {
        if further.starts_with("Usage:") || further.starts_with("For more information") {
            break;
        }
        let tip = further.strip_prefix("tip: ");
        if tip.is_some_and(|tip| tip.starts_with("to pass '")) {
            continue; // nobody wants to pass an option as a value
        }
        line = tip.map_or_else(|| format!("{line} {further}"), |tip| format!("{line} ({tip})"));
    }
    escape(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::{Error, Operation};

    fn complaint(args: &[&str]) -> String {
        one_line(&crate::cli::command().try_get_matches_from(args).unwrap_err())
    }

    #[test]
    fn a_complaint_is_one_line() {
        assert_eq!(
            complaint(&["secretcat", "listen", "--onse"]),
            "unexpected argument '--onse' found (a similar argument exists: '--once')"
        );
        assert!(
            complaint(&["secretcat", "connect", "--timeout", "1 parsec"])
                .starts_with("invalid value '1 parsec' for '--timeout <TIME>'")
        );
    }

    #[test]
    fn the_status_tells_peer_from_host() {
        let io = || io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(status(&Error::network(Operation::Connect, "h:1")(io())), 1);
        assert_eq!(status(&Error::local(Operation::Read, "stdin")(io())), 2);
        assert_eq!(status(&Error::Usage(String::new())), 2);
        assert_eq!(status(&Error::Interrupted), 130);
        assert_eq!(status(&Error::OutputGone), 141);
    }
}
