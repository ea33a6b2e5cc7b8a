//! The names of the services.

use std::fmt;

/// Which service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceKind {
    /// Lines are searched for SECRET and answered with their digits.
    #[default]
    Secret,
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServiceKind::Secret => "secret",
        })
    }
}

/// A deliberate mistake of the secret service: the control that shows that a test can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Takes what one read returns for one message.
    OneRead,
    /// Answers the first message of a read and drops the others.
    FirstOnly,
    /// Drops what follows the last line feed of a read.
    DropTail,
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bug::OneRead => "one-read",
            Bug::FirstOnly => "first-only",
            Bug::DropTail => "drop-tail",
        })
    }
}
