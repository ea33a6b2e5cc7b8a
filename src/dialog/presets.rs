//! The dialogs of `--protocol`: a table, and a file each.

use super::{Dialog, DialogError, Server, parse};
use crate::value::{Named, Word};

/// A dialog that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its word, and what it sends.
    word: Word,
    text: &'static str,
}

macro_rules! preset {
    ($name:literal, $file:literal, $help:literal) => {
        Preset { word: Word::new($name, $help), text: include_str!(concat!("presets/", $file, ".dialog")) }
    };
}

impl Named for Preset {
    /// A name with a colon is a second set of requests, which changes something on the server.
    const ALL: &'static [Self] = &[
        preset!("http", "http", "HTTP/1.1: GET, HEAD, and OPTIONS with a body"),
        preset!("http-chunked", "http-chunked", "HTTP/1.1: OPTIONS with chunked bodies, extensions and trailers"),
        preset!("smtp", "smtp", "SMTP: EHLO, NOOP, RSET and VRFY"),
        preset!("smtp:deliver", "smtp-deliver", "SMTP: messages to postmaster"),
    ];

    fn word(self) -> Word {
        self.word
    }
}

impl Preset {
    /// The dialog with this server.
    ///
    /// # Errors
    /// None: a test reads all of them.
    pub fn dialog(self, server: &Server) -> Result<Dialog, DialogError> {
        parse(self.word.name, self.text.as_bytes(), server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::{Pipelining, Until};

    fn dialogs() -> impl Iterator<Item = (&'static str, Dialog)> {
        let server = Server { host: "127.0.0.1".to_owned(), port: 25 };
        Preset::ALL.iter().map(move |preset| (preset.word.name, preset.dialog(&server).unwrap()))
    }

    #[test]
    fn every_preset_is_a_dialog() {
        for (name, dialog) in dialogs() {
            assert!(dialog.steps.len() > 1, "{name}: has one request");
            assert!(!dialog.is_guess(), "{name}: an end of a reply is not known");
            assert!(!matches!(dialog.pipelining, Pipelining::Unknown), "{name}: pipelining is not known");
            assert!(!dialog.errors.is_empty(), "{name}: another protocol is not noticed");
        }
    }

    #[test]
    fn only_second_sets_change_a_server() {
        for (name, dialog) in dialogs() {
            assert_eq!(dialog.changes.is_some(), name.contains(':'), "{name}");
        }
    }

    #[test]
    fn every_preset_ends_with_the_connection() {
        for (name, dialog) in dialogs() {
            let last = &dialog.steps.last().unwrap().until;
            assert!(matches!(last, Until::Close) || name.starts_with("http"), "{name}: {last:?}");
        }
    }
}
