//! The exit statuses of all commands, in one table.

use super::Error;
use crate::value::Signal;

/// The status that a run ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// The run succeeded.
    Done,
    /// The network or the peer failed, or a sweep has no reply to compare with.
    Peer,
    /// The command line is wrong, or this host failed: a file, a standard stream or a socket option.
    Host,
    /// A sweep found a difference.
    Different,
    /// A sweep found no difference, but not every plan was proven.
    Unproven,
    /// The run died of a signal. A shell shows the number; PID 1, which a signal does not end, exits with it.
    Signal(Signal),
}

impl ExitStatus {
    /// The table: every status, and whether only a sweep ends with it.
    pub const ALL: [(ExitStatus, bool); 9] = [
        (ExitStatus::Done, false),
        (ExitStatus::Peer, false),
        (ExitStatus::Host, false),
        (ExitStatus::Different, true),
        (ExitStatus::Unproven, true),
        (ExitStatus::Signal(Signal::Hangup), false),
        (ExitStatus::Signal(Signal::Interrupt), false),
        (ExitStatus::Signal(Signal::Pipe), false),
        (ExitStatus::Signal(Signal::Terminate), false),
    ];

    /// The number that the caller of the program sees.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            ExitStatus::Done => 0,
            ExitStatus::Peer => 1,
            ExitStatus::Host => 2,
            ExitStatus::Different => 3,
            ExitStatus::Unproven => 4,
            ExitStatus::Signal(signal) => signal.status(),
        }
    }
}

impl Error {
    /// The status of a run that this error ended.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        match self {
            Error::Network { .. }
            | Error::Timeout { .. }
            | Error::Lost { .. }
            | Error::Surplus { .. }
            | Error::Unexpected { .. }
            | Error::Undelivered { .. }
            | Error::Transfer { .. }
            | Error::Incomplete { .. } => ExitStatus::Peer,
            Error::Usage(_) | Error::Local { .. } | Error::Option { .. } => ExitStatus::Host,
            Error::Interrupted => ExitStatus::Signal(Signal::Interrupt),
            Error::OutputGone => ExitStatus::Signal(Signal::Pipe),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::Operation;

    #[test]
    fn status_distinguishes_peer_and_local_failures() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for (error, number) in [
            (Error::network(Operation::Connect, "h:1")(refused()), 1),
            (Error::local(Operation::Read, "stdin")(refused()), 2),
            (Error::Usage(String::new()), 2),
            (Error::Interrupted, 130),
            (Error::OutputGone, 141),
        ] {
            assert_eq!(error.status().number(), number, "{error}");
        }
    }
}
