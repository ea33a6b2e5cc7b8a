//! A dialog: the messages of a client, and what ends the server's reply to each.
//!
//! The messages of `sweep -m`, a file of `--dialog` and the presets of `--protocol` are dialogs.

mod parse;
mod presets;
mod splitter;

use std::borrow::Cow;
use std::fmt;

use regex::bytes::Regex;

use crate::frame::Framing;

pub use parse::{DialogError, Server, parse};
pub use presets::Preset;
pub use splitter::{Learned, Splitter};

/// The messages of a client in their order, and what is known of the replies.
#[derive(Clone, Debug, Default)]
pub struct Dialog {
    /// What the server sends before the first message.
    pub greeting: Until,
    /// The messages.
    pub steps: Vec<Step>,
    /// How frames of the server are delimited.
    pub framing: Framing,
    /// Whether a client may send a message before the reply to the last one.
    pub pipelining: Pipelining,
    /// What may differ between two replies, as patterns.
    pub masks: Vec<String>,
    /// Lines that match are not part of any reply: the server sends them at any time.
    pub ignore: Vec<Regex>,
    /// A reply that matches is a protocol error: the server did not take the message.
    pub errors: Vec<Regex>,
    /// A reply that matches refuses a message as the protocol wants it, and is no error to warn of.
    pub refusals: Vec<Regex>,
    /// What the dialog changes on the server; `None` if nothing.
    pub changes: Option<String>,
}

/// One message, and the end of the reply to it.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The message, as encoded on the wire, with [`NO_ID`] for each `{id}`.
    pub send: Vec<u8>,
    /// The offsets of each `{id}` in it.
    pub ids: Vec<usize>,
    /// The end of the reply.
    pub until: Until,
    /// The message is left out with a server that replies with a protocol error.
    pub optional: bool,
}

/// The end of a reply.
#[derive(Clone, Debug, Default)]
pub enum Until {
    /// There is no reply.
    #[default]
    Nothing,
    /// It is not known. The first conversation waits for silence, and learns it.
    Learned,
    /// After this number of frames, each of them a reply. At least 1.
    Frames(usize),
    /// After this number of bytes, which are one reply. At least 1.
    Bytes(usize),
    /// When this number of bytes was received since the connection was made. All bytes are one reply.
    Received(usize),
    /// After the line at whose end the pattern matches the bytes of this reply, which may have several lines.
    Line(Regex),
    /// When the server closes the connection.
    Close,
}

/// Whether a client may send a message before the reply to the last one.
#[derive(Clone, Debug, Default)]
pub enum Pipelining {
    /// It is not known: a server that does not allow it has no fault.
    #[default]
    Unknown,
    /// The protocol allows it.
    Allowed,
    /// The server allows it if a reply of it matches.
    When(Regex),
    /// The protocol forbids it.
    Never,
}

/// A number of a connection as text of a fixed length, for what has to be unique on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id([u8; ID_LEN]);

/// The length of an [`Id`].
pub const ID_LEN: usize = 8;

/// The id that messages and replies are shown with.
pub const NO_ID: Id = Id(*b"00000000");

impl Id {
    /// The id with this number, in hexadecimal digits.
    #[must_use]
    pub fn new(number: u32) -> Id {
        let mut text = NO_ID.0;
        for (at, digit) in text.iter_mut().enumerate() {
            let nibble = (number >> (4 * (ID_LEN - 1 - at))) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        Id(text)
    }

    /// The bytes with [`NO_ID`] for each occurrence of this id.
    #[must_use]
    pub fn hide(self, bytes: Vec<u8>) -> Vec<u8> {
        let mut bytes = bytes;
        let found: Vec<usize> = memchr::memmem::find_iter(&bytes, &self.0).collect();
        for at in found {
            bytes[at..at + ID_LEN].copy_from_slice(&NO_ID.0);
        }
        bytes
    }
}

impl Step {
    /// A message that is the same on each connection.
    #[must_use]
    pub fn new(send: Vec<u8>, until: Until) -> Step {
        Step { send, until, ..Step::default() }
    }

    /// The message on the connection with this id.
    #[must_use]
    pub fn message(&self, id: Id) -> Cow<'_, [u8]> {
        if self.ids.is_empty() {
            return Cow::Borrowed(&self.send);
        }
        let mut message = self.send.clone();
        for &at in &self.ids {
            message[at..at + ID_LEN].copy_from_slice(&id.0);
        }
        Cow::Owned(message)
    }
}

impl Dialog {
    /// Messages whose replies are not known. Each request of HTTP has one response.
    #[must_use]
    pub fn of_messages(messages: Vec<Vec<u8>>, framing: Framing) -> Dialog {
        let until = if framing == Framing::Http { Until::Frames(1) } else { Until::Learned };
        let steps = messages.into_iter().map(|send| Step::new(send, until.clone())).collect();
        Dialog { steps, framing, ..Dialog::default() }
    }

    /// The lengths of the messages.
    #[must_use]
    pub fn lengths(&self) -> Vec<usize> {
        self.steps.iter().map(|step| step.send.len()).collect()
    }

    /// The messages as they are shown.
    #[must_use]
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.steps.iter().map(|step| step.send.clone()).collect()
    }

    /// Whether something on the server has to be unique for each connection.
    #[must_use]
    pub fn has_ids(&self) -> bool {
        self.steps.iter().any(|step| !step.ids.is_empty())
    }

    /// The end of the part with this number: 0 is the greeting, and n the reply to message n.
    #[must_use]
    pub fn until(&self, part: usize) -> Option<&Until> {
        match part.checked_sub(1) {
            None => Some(&self.greeting),
            Some(step) => self.steps.get(step).map(|step| &step.until),
        }
    }

    /// Whether an end of a reply is not known yet.
    #[must_use]
    pub fn is_guess(&self) -> bool {
        (0..=self.steps.len()).any(|part| matches!(self.until(part), Some(Until::Learned)))
    }

    /// The dialog with the ends that a conversation has taught: a number for each part.
    #[must_use]
    pub fn learn(mut self, learned: &[Learned]) -> Dialog {
        let raw = self.framing == Framing::Raw;
        let ends = std::iter::once(&mut self.greeting).chain(self.steps.iter_mut().map(|step| &mut step.until));
        for (until, seen) in ends.zip(learned.iter().copied().map(Some).chain(std::iter::repeat(None))) {
            if matches!(until, Until::Learned) {
                *until = match seen {
                    Some(Learned { received, .. }) if raw => Until::Received(received),
                    Some(Learned { frames, .. }) if frames > 0 => Until::Frames(frames),
                    _ => Until::Nothing,
                };
            }
        }
        self
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_has_a_fixed_length_and_is_hidden() {
        let step = Step { send: b"NICK 00000000 0".to_vec(), ids: vec![5], ..Step::default() };
        let id = Id::new(0x00c0_ffee);
        assert_eq!(id.to_string(), "00c0ffee");
        assert_eq!(&*step.message(id), b"NICK 00c0ffee 0");
        assert_eq!(id.hide(b"a 00c0ffee b00c0ffee".to_vec()), b"a 00000000 b00000000");
        assert_eq!(Id::new(0), NO_ID);
    }

    #[test]
    fn ends_are_learned_where_they_are_not_known() {
        let dialog = |framing| {
            let mut dialog = Dialog::of_messages(vec![b"a\n".to_vec(), b"b\n".to_vec(), b"c\n".to_vec()], framing);
            if let Some(last) = dialog.steps.last_mut() {
                last.until = Until::Bytes(3);
            }
            dialog
        };
        let seen = [(0, 0), (2, 10), (0, 10), (1, 13)];
        let seen = seen.map(|(frames, received)| Learned { frames, received, ..Learned::default() });
        let learned = dialog(Framing::Lines).learn(&seen);
        assert!(dialog(Framing::Lines).is_guess() && !learned.is_guess());
        let shown: Vec<_> = learned.steps.iter().map(|step| format!("{:?}", step.until)).collect();
        assert_eq!(shown, ["Frames(2)", "Nothing", "Bytes(3)"]);
        let learned = dialog(Framing::Raw).learn(&seen);
        let shown: Vec<_> = learned.steps.iter().map(|step| format!("{:?}", step.until)).collect();
        assert_eq!(shown, ["Received(10)", "Received(10)", "Bytes(3)"]);
    }
}
