//! The registry: the services that `--service` knows.

use std::fmt;

use super::chat::Chat;
use super::standard::{Discard, Echo};
use super::{Service, Traits};
use crate::value::{Named, Word};

/// A service of `--service`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceKind {
    /// Replies to each message that contains SECRET with its digits: `--framing`, `--bug`.
    #[default]
    Secret,
    /// Sends bytes without being asked: `--count`.
    Source,
    /// Connects stdin and stdout to the client: the options of streams.
    Pipe,
    /// Sends lines to all others in a room: the options of rooms.
    Rooms,
    /// A service without options of its own.
    Plain(&'static Entry),
}

/// Everything the program knows of a service without options of its own.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name on the command line, and its help text.
    pub word: Word,
    /// Its traits.
    pub traits: Traits,
    /// Makes one for an event loop.
    pub new: fn() -> Box<dyn Service>,
}

impl Named for ServiceKind {
    /// The order is that of the help text.
    const ALL: &'static [Self] = &[
        ServiceKind::Secret,
        ServiceKind::Plain(&Echo::ENTRY),
        ServiceKind::Plain(&Discard::ENTRY),
        ServiceKind::Source,
        ServiceKind::Plain(&Chat::ENTRY),
        ServiceKind::Rooms,
        #[cfg(test)]
        ServiceKind::Plain(&super::meeting::Meeting::ENTRY),
        ServiceKind::Pipe,
    ];

    fn word(self) -> Word {
        match self {
            ServiceKind::Secret => Word::new("secret", "Reply with the digits of each line that contains SECRET"),
            ServiceKind::Source => Word::new("source", "Send bytes without end (RFC 864)"),
            ServiceKind::Pipe => Word::new("pipe", "Connect stdin and stdout to the client, as nc -l does"),
            ServiceKind::Rooms => Word::new("rooms", "Send each line to all others in a room, with names and commands"),
            ServiceKind::Plain(entry) => entry.word,
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word().name)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word.name)
    }
}

/// Each name stands for one service.
impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.word.name == other.word.name
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_service_has_its_own_name_and_a_help_text() {
        let words: Vec<_> = ServiceKind::ALL.iter().map(|service| service.word()).collect();
        let names: HashSet<_> = words.iter().map(|word| word.name).collect();
        assert_eq!(names.len(), words.len());
        assert!(words.iter().all(|word| !word.help.is_empty()));
    }
}
