//! The sender's side of the protocol.

use super::line::{Checksum, Digest, Line, Offer, Role};
use super::{Violation, next_first_line, next_line};

/// What the receiver has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum SenderEvent {
    /// It is a receiver, and takes an offer.
    Ready,
    /// It has the first bytes of the file, if any, with this hash.
    Have { offset: u64, digest: Option<Digest> },
    /// It has a file of this name and size, with this hash.
    Exists(Digest),
    /// It does not want the file.
    Skipped(String),
    /// It cannot take the file.
    Refused(String),
    /// It has saved the file, and its hash is right.
    Saved,
    /// It has seen the end.
    Ended,
    /// It cannot go on.
    Failed(String),
}

/// The state of a sender.
#[derive(Debug)]
pub struct Sender {
    state: State,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The size of the file that is offered, if it is known.
    size: Option<u64>,
    checksum: Checksum,
}

/// What the sender waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    /// Nothing: the next file is offered, or the end is sent.
    Idle,
    /// The answer to an offer.
    Offered,
    /// Nothing: bytes are sent, or a hash is computed.
    Sending,
    /// The answer after all bytes.
    Completed,
    /// The end.
    Ending,
    Over,
}

impl Default for Sender {
    fn default() -> Self {
        Sender::new()
    }
}

impl Sender {
    /// A sender that has not sent its first line.
    #[must_use]
    pub fn new() -> Sender {
        Sender { state: State::Greeting, begun: Vec::new(), size: None, checksum: Checksum::None }
    }

    /// Appends the first line.
    pub fn greet(&self, out: &mut Vec<u8>) {
        Line::Greeting(Role::Send).encode(out);
    }

    /// Offers the next file.
    pub fn offer(&mut self, offer: &Offer, out: &mut Vec<u8>) {
        (self.state, self.size, self.checksum) = (State::Offered, offer.size, offer.checksum);
        Line::File(offer.clone()).encode(out);
    }

    /// The file of [`SenderEvent::Exists`] has another hash.
    pub fn differ(&mut self, out: &mut Vec<u8>) {
        self.state = State::Completed;
        Line::Differs.encode(out);
    }

    /// The bytes from this offset on follow.
    pub fn begin(&self, offset: u64, out: &mut Vec<u8>) {
        Line::Data(offset).encode(out);
    }

    /// So many bytes follow, at most [`CHUNK`](super::CHUNK).
    pub fn chunk(&self, size: usize, out: &mut Vec<u8>) {
        Line::Chunk(size as u64).encode(out);
    }

    /// All bytes were sent, or the file of [`SenderEvent::Exists`] has the same hash.
    pub fn complete(&mut self, size: u64, digest: Option<Digest>, out: &mut Vec<u8>) {
        self.state = State::Completed;
        Line::Complete { size, digest }.encode(out);
    }

    /// There are no more files.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.state = State::Ending;
        Line::End.encode(out);
    }

    /// The transfer cannot go on.
    pub fn fail(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.state = State::Over;
        Line::Error(reason.to_owned()).encode(out);
    }

    /// Whether the end of the receiver was received.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the next line from the front of `bytes`. `None`: all of them are taken.
    ///
    /// # Errors
    /// When the receiver does not keep to the protocol.
    pub fn pull(&mut self, bytes: &mut &[u8]) -> Result<Option<SenderEvent>, Violation> {
        let line = match self.state {
            State::Greeting => next_first_line(&mut self.begun, bytes, Role::Receive)?,
            _ => next_line(&mut self.begun, bytes)?,
        };
        let Some(line) = line else { return Ok(None) };
        let expected = match self.state {
            State::Greeting => "the first line",
            State::Offered => "have, exists, skip or refuse",
            State::Completed => "saved or refuse",
            State::Ending => "end",
            State::Idle | State::Sending | State::Over => "no line",
        };
        let (state, event) = match (self.state, line) {
            (_, Line::Error(reason)) => (State::Over, SenderEvent::Failed(reason)),
            (State::Greeting, Line::Greeting(_)) => (State::Idle, SenderEvent::Ready),
            (State::Offered, Line::Have { offset, digest }) => {
                let is_within = self.size.is_none_or(|size| offset <= size);
                // Without a hash nothing proves that the bytes are those of this file.
                if !is_within || (offset > 0 && digest.is_none()) {
                    return Err(Violation::WrongOffset);
                }
                (State::Sending, SenderEvent::Have { offset, digest })
            }
            (State::Offered, Line::Exists(digest)) => (State::Sending, SenderEvent::Exists(digest)),
            (State::Offered, Line::Skip(reason)) => (State::Idle, SenderEvent::Skipped(reason)),
            (State::Offered | State::Completed, Line::Refuse(reason)) => (State::Idle, SenderEvent::Refused(reason)),
            (State::Completed, Line::Saved) => (State::Idle, SenderEvent::Saved),
            (State::Ending, Line::End) => (State::Over, SenderEvent::Ended),
            (_, line) => return Err(Violation::unexpected(&line, expected)),
        };
        self.state = state;
        Ok(Some(event))
    }
}
