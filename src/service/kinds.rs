//! The names of the services.

use std::fmt;

use crate::value::{Named, Word};

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

impl Named for ServiceKind {
    const ALL: &'static [Self] = &[
        ServiceKind::Secret,
        ServiceKind::Echo,
        ServiceKind::Discard,
        ServiceKind::Source,
        ServiceKind::Chat,
        ServiceKind::Pipe,
    ];

    fn word(self) -> Word {
        match self {
            ServiceKind::Secret => Word::new("secret", "Reply with the digits of each line that contains SECRET"),
            ServiceKind::Echo => Word::new("echo", "Send back what is received (RFC 862)"),
            ServiceKind::Discard => Word::new("discard", "Read and discard (RFC 863)"),
            ServiceKind::Source => Word::new("source", "Send bytes without end (RFC 864)"),
            ServiceKind::Chat => Word::new("chat", "Send each line to all other clients"),
            ServiceKind::Pipe => Word::new("pipe", "Connect stdin and stdout to the client, as nc -l"),
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word().name)
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

impl Named for Bug {
    const ALL: &'static [Self] = &[Bug::OneRead, Bug::FirstOnly, Bug::DropTail];

    fn word(self) -> Word {
        match self {
            Bug::OneRead => Word::new("one-read", "Take what one read returns as one message"),
            Bug::FirstOnly => Word::new("first-only", "Answer the first message of a read and drop the others"),
            Bug::DropTail => Word::new("drop-tail", "Drop what follows the last line feed of a read"),
        }
    }
}
