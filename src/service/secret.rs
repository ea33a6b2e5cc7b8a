//! The message service: replies to a message that contains SECRET with its digits and their count.

use memchr::memmem;

use super::{Context, Event, Service, Traits};
use crate::frame::{After, EncodeError, Framing, ResponseMode, Role, Status, encode, respond, respond_continue};
use crate::value::{Named, Word};

const CODE_WORD: &[u8; 6] = b"SECRET";
const NOT_FOUND: &[u8] = b"Secret code not found.\n";
const TOO_LONG: &[u8] = b"Message too long.\n";

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
            Bug::OneRead => Word::new("one-read", "Take the bytes of one read as one message"),
            Bug::FirstOnly => Word::new("first-only", "Answer the first message of a read and drop the others"),
            Bug::DropTail => Word::new("drop-tail", "Drop the bytes after the last line feed of a read"),
        }
    }
}

/// Replies to every message in order, with one line each.
#[derive(Debug)]
pub struct Secret {
    finder: memmem::Finder<'static>,
    bug: Option<Bug>,
    framing: Framing,
    /// A reply is one line for each message, independent of the previous ones.
    is_plain: bool,
    /// The reply before it is framed; the memory is reused for the next message.
    line: Vec<u8>,
}

impl Secret {
    /// The traits of the service of the contract.
    pub const TRAITS: Traits = Traits { answers: true, ..Traits::PLAIN };
    /// The traits with a bug. It is a wrong way to find messages in what a read returns, so it gets each read as
    /// it is.
    pub const BUGGY: Traits = Traits { framing: Framing::Raw, ..Self::TRAITS };

    /// The service of the contract, or with a deliberate mistake. A service with a bug needs raw bytes, one
    /// event for each read; one without needs messages.
    #[must_use]
    pub fn new(bug: Option<Bug>, framing: Framing) -> Self {
        let is_plain = bug.is_none() && matches!(framing, Framing::Lines | Framing::Raw);
        Secret { finder: memmem::Finder::new(CODE_WORD), bug, framing, is_plain, line: Vec::new() }
    }

    /// Appends the framed reply to one message, as its mode requests.
    fn reply(&mut self, message: &[u8], mode: ResponseMode, out: &mut Vec<u8>) {
        /// A larger buffer, left by a very large reply, is freed.
        const KEPT: usize = 4096;
        if matches!(self.framing, Framing::Lines | Framing::Raw) {
            return self.answer(message, out);
        }
        let mut line = std::mem::take(&mut self.line);
        self.answer(message, &mut line);
        self.frame(Status::Ok, mode, &line, out);
        line.clear();
        line.shrink_to(KEPT);
        self.line = line;
    }

    /// Appends a line with the framing of replies.
    fn frame(&self, status: Status, mode: ResponseMode, line: &[u8], out: &mut Vec<u8>) {
        match self.framing {
            Framing::Lines | Framing::Raw => out.extend_from_slice(line),
            Framing::Http => respond(status, mode, line, out),
            framing @ (Framing::Length(_) | Framing::Delimiter(_)) => {
                encode_reply(framing, without_ending(line), out);
            }
        }
    }

    /// Appends the reply to one message, line feed included.
    pub fn answer(&self, message: &[u8], out: &mut Vec<u8>) {
        /// In a shorter message every position is compared, because preparing a search takes longer.
        const SHORT: usize = 32;
        let found = match message.len() {
            ..SHORT => message.windows(CODE_WORD.len()).any(|place| place == CODE_WORD),
            _ => self.finder.find(message).is_some(),
        };
        if !found {
            out.extend_from_slice(NOT_FOUND);
            return;
        }
        out.extend_from_slice(b"Digits: ");
        let start = out.len();
        out.extend(message.iter().filter(|byte| byte.is_ascii_digit()));
        let count = out.len() - start;
        out.extend_from_slice(b"   Count: ");
        match u8::try_from(count) {
            Ok(few @ ..10) => out.push(b'0' + few), // most messages have fewer than 10
            _ => out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes()),
        }
        out.push(b'\n');
    }

    /// Sends the reason for closing, and closes the connection.
    fn turn_away(&self, peer: super::PeerId, status: Status, why: &[u8], context: &mut Context) {
        let mode = ResponseMode { after: After::Close, ..ResponseMode::default() };
        context.send_with(peer, |out| self.frame(status, mode, why, out));
        context.close(peer);
    }

    /// The replies of a buggy server to one read.
    fn on_read(&self, bug: Bug, peer: super::PeerId, read: &[u8], context: &mut Context) {
        let mut lines = read.split_inclusive(|&byte| byte == b'\n');
        let mut answer = |line: &[u8]| context.send_with(peer, |out| self.answer(without_ending(line), out));
        match bug {
            Bug::OneRead => answer(read),
            Bug::FirstOnly => lines.next().into_iter().for_each(answer),
            Bug::DropTail => lines.filter(|line| line.ends_with(b"\n")).for_each(answer),
        }
    }
}

impl Service for Secret {
    #[inline]
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            // The most frequent event is inlined into the loop over the messages.
            Event::Message { peer, bytes: message } if self.is_plain => {
                context.send_with(peer, |out| self.answer(message, out));
            }
            other => self.on_any(other, context),
        }
    }
}

impl Secret {
    #[inline(never)]
    fn on_any(&mut self, event: Event<'_>, context: &mut Context) {
        match (event, self.bug) {
            (Event::Message { peer, bytes: read } | Event::Rest { peer, bytes: read }, Some(bug)) => {
                self.on_read(bug, peer, read, context);
            }
            (Event::Message { peer, bytes: message } | Event::Rest { peer, bytes: message }, None) => {
                context.send_with(peer, |out| self.reply(message, ResponseMode::default(), out));
            }
            (Event::Request { peer, body: message, mode }, _) => {
                context.send_with(peer, |out| self.reply(message, mode, out));
                if mode.after == After::Close {
                    context.close(peer);
                }
            }
            (Event::Expects { peer }, _) => context.send_interim(peer, respond_continue),
            (Event::TooLong { peer }, _) => self.turn_away(peer, Status::ContentTooLarge, TOO_LONG, context),
            // Framings without statuses have no reply for this.
            (Event::Malformed { peer, error }, _) if self.framing == Framing::Http => {
                self.turn_away(peer, Status::BadRequest, format!("{error}\n").as_bytes(), context);
            }
            (Event::Eof { peer }, _) => context.close(peer),
            (_, _) => {}
        }
    }
}

/// Appends a reply in a framing with conditions: one that is too long for its length field is replaced by a short
/// one, and one that is shorter than the header before the field is filled with spaces.
fn encode_reply(framing: Framing, line: &[u8], out: &mut Vec<u8>) {
    let mut filled = match encode(framing, Role::Responses, line, out) {
        Ok(()) => return,
        Err(EncodeError::TooShort { .. }) => line.to_vec(),
        Err(EncodeError::TooLong { .. } | EncodeError::EndsWithin) => without_ending(TOO_LONG).to_vec(),
    };
    while let Err(EncodeError::TooShort { least }) = encode(framing, Role::Responses, &filled, out) {
        filled.resize(least, b' ');
    }
}

fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Action;
    use crate::service::PeerId;

    const PEER: PeerId = PeerId::conn(1);

    fn answer(message: &[u8]) -> String {
        let mut out = Vec::new();
        Secret::new(None, Framing::Lines).answer(message, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn answers(bug: Bug, read: &[u8]) -> Vec<String> {
        let mut context = Context::default();
        Secret::new(Some(bug), Framing::Raw).on(Event::Message { peer: PEER, bytes: read }, &mut context);
        context.script().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn digits_are_given_in_order_with_their_count() {
        assert_eq!(answer(b"My SECRET code is 12345"), "Digits: 12345   Count: 5\n");
        assert_eq!(answer(b"1SECRET2 3"), "Digits: 123   Count: 3\n");
        assert_eq!(answer(b"123456789 SECRET"), "Digits: 123456789   Count: 9\n");
        assert_eq!(answer(b"12345SECRET67890"), "Digits: 1234567890   Count: 10\n");
    }

    #[test]
    fn secret_without_digits_has_an_empty_list() {
        assert_eq!(answer(b"SECRET"), "Digits:    Count: 0\n");
    }

    #[test]
    fn secret_is_case_sensitive_and_any_bytes_are_allowed() {
        assert_eq!(answer(b"secret 1"), "Secret code not found.\n");
        assert_eq!(answer(b""), "Secret code not found.\n");
        assert_eq!(answer(b"\xff\0SECRET\x80 9"), "Digits: 9   Count: 1\n");
        // Digits are the ASCII ones: ARABIC-INDIC DIGIT THREE is not among them.
        assert_eq!(answer("SECRET \u{663}".as_bytes()), "Digits:    Count: 0\n");
    }

    #[test]
    fn message_too_long_is_answered_and_closed() {
        let mut context = Context::default();
        Secret::new(None, Framing::Lines).on(Event::TooLong { peer: PEER }, &mut context);
        let script = context.script();
        assert_eq!(script[0], (Action::Send(PEER, 18), "Message too long.\n".into()));
        assert_eq!(script[1].0, Action::Close(PEER));
    }

    #[test]
    fn each_bug_gives_its_own_wrong_reply() {
        let two = b"SECRET 1\r\nSECRET 2\n";
        assert_eq!(answers(Bug::OneRead, two), ["Digits: 12   Count: 2\n"]);
        assert_eq!(answers(Bug::OneRead, b"SEC"), ["Secret code not found.\n"]);
        assert_eq!(answers(Bug::FirstOnly, two), ["Digits: 1   Count: 1\n"]);
        assert_eq!(answers(Bug::DropTail, b"SECRET 1\nSECRET 2"), ["Digits: 1   Count: 1\n"]);
    }
}
