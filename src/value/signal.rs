//! The signals that a run can end by.

use std::fmt::{self, Display, Formatter};

/// A signal that ends a process unless it is handled. The numbers are POSIX's, the same on every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: the terminal was closed.
    Hangup = 1,
    /// SIGINT: Ctrl-C.
    Interrupt = 2,
    /// SIGPIPE: no process reads stdout any more.
    Pipe = 13,
    /// SIGTERM: kill(1), service managers, containers.
    Terminate = 15,
}

impl Signal {
    /// The signal with this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Signal> {
        [Signal::Hangup, Signal::Interrupt, Signal::Pipe, Signal::Terminate]
            .into_iter()
            .find(|signal| signal.number() == number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The status that a shell shows for death by this signal. PID 1, which the signal does not end, exits with it.
    #[must_use]
    pub fn status(self) -> u8 {
        128 + self as u8
    }
}

impl Display for Signal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Hangup => "hung up",
            Signal::Interrupt => "interrupted",
            Signal::Pipe => "broken pipe",
            Signal::Terminate => "terminated",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signal_numbers_and_statuses_match_the_system() {
        for (signal, number, status) in [
            (Signal::Hangup, libc::SIGHUP, 129),
            (Signal::Interrupt, libc::SIGINT, 130),
            (Signal::Pipe, libc::SIGPIPE, 141),
            (Signal::Terminate, libc::SIGTERM, 143),
        ] {
            assert_eq!((signal.number(), signal.status()), (number, status));
            assert_eq!(Signal::from_number(number), Some(signal));
        }
        assert_eq!(Signal::from_number(libc::SIGUSR1), None);
    }
}
