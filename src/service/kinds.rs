//! The names of the services.

use std::fmt;

/// Which service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceKind {
    /// Lines are searched for SECRET and answered with their digits.
    #[default]
    Secret,
    /// What is sent is sent back.
    Echo,
    /// What is sent is read and forgotten.
    Discard,
    /// Bytes are sent without being asked for.
    Source,
    /// Lines are passed on to everybody else.
    Chat,
    /// stdin and stdout.
    Pipe,
}

impl ServiceKind {
    /// Whether it takes bytes as they come, not messages.
    #[must_use]
    pub fn is_raw(self) -> bool {
        matches!(self, ServiceKind::Echo | ServiceKind::Discard | ServiceKind::Source | ServiceKind::Pipe)
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServiceKind::Secret => "secret",
            ServiceKind::Echo => "echo",
            ServiceKind::Discard => "discard",
            ServiceKind::Source => "source",
            ServiceKind::Chat => "chat",
            ServiceKind::Pipe => "pipe",
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
