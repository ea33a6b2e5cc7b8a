//! The receiver's side of the protocol.

use super::line::{Checksum, Digest, Line, Offer, Role};
use super::{Violation, next_first_line, next_line};

/// The most files of one transfer.
const FILES: u32 = 1 << 20;

/// What a receiver accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The largest file.
    pub max_size: Option<u64>,
    /// With SHA-256, files without a hash are refused.
    pub checksum: Checksum,
}

/// What the sender has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum ReceiverEvent<'a> {
    /// It is a sender.
    Ready,
    /// It offers a file. The receiver answers before it reads on.
    Offered(Offer),
    /// It offers a file that is larger than allowed. The receiver refuses it.
    TooLarge(Offer),
    /// The bytes from this offset on follow: 0, or the offset of the answer.
    Begins(u64),
    /// Bytes of the file.
    Data(&'a [u8]),
    /// All bytes were sent. The receiver answers before it reads on.
    Completed(Option<Digest>),
    /// The file that exists has another hash. The receiver answers before it reads on.
    Differs,
    /// There are no more files.
    Ended,
    /// It cannot go on.
    Failed(String),
}

/// The state of a receiver.
#[derive(Debug)]
pub struct Receiver {
    limits: Limits,
    state: State,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The number of files so far.
    files: u32,
    /// The size of the file that is received, if it is known.
    size: Option<u64>,
    checksum: Checksum,
}

/// What the receiver waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    /// A file, or the end.
    Idle,
    /// Its own answer.
    Answering,
    /// The first byte, at this offset or at 0.
    Beginning(u64),
    /// Whether its file is the same.
    Comparing,
    /// A chunk, or the end of the file, of which this many bytes came.
    Lines {
        received: u64,
    },
    /// Bytes of a chunk, of which this many are left.
    Bytes {
        received: u64,
        left: u64,
    },
    Over,
}

impl Receiver {
    /// A receiver that has not sent its first line.
    #[must_use]
    pub fn new(limits: Limits) -> Receiver {
        let state = State::Greeting;
        Receiver { limits, state, begun: Vec::new(), files: 0, size: None, checksum: Checksum::None }
    }

    /// Appends the first line.
    pub fn greet(&self, out: &mut Vec<u8>) {
        Line::Greeting(Role::Receive).encode(out);
    }

    /// Answers an offer: the first bytes, if any, are here.
    pub fn have(&mut self, offset: u64, digest: Option<Digest>, out: &mut Vec<u8>) {
        self.state = State::Beginning(offset);
        Line::Have { offset, digest: digest.filter(|_| offset > 0) }.encode(out);
    }

    /// Answers an offer: a file of this name and size exists.
    pub fn exists(&mut self, digest: Digest, out: &mut Vec<u8>) {
        self.state = State::Comparing;
        Line::Exists(digest).encode(out);
    }

    /// Answers an offer: the file is not wanted.
    pub fn skip(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.state = State::Idle;
        Line::Skip(reason.to_owned()).encode(out);
    }

    /// Answers an offer, or the end of a file: it cannot be taken.
    pub fn refuse(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.state = State::Idle;
        Line::Refuse(reason.to_owned()).encode(out);
    }

    /// Answers the end of a file: it is saved.
    pub fn saved(&mut self, out: &mut Vec<u8>) {
        self.state = State::Idle;
        Line::Saved.encode(out);
    }

    /// Answers the end.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        Line::End.encode(out);
    }

    /// The transfer cannot go on.
    pub fn fail(&mut self, reason: &str, out: &mut Vec<u8>) {
        self.state = State::Over;
        Line::Error(reason.to_owned()).encode(out);
    }

    /// Whether nothing is read before its own answer.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.state == State::Answering
    }

    /// The bytes of a chunk that are left; 0 where a line comes next.
    #[must_use]
    pub fn left(&self) -> u64 {
        if let State::Bytes { left, .. } = self.state { left } else { 0 }
    }

    /// Takes the next event from the front of `bytes`. `None`: all of them are taken, or it has to answer first.
    ///
    /// # Errors
    /// When the sender does not keep to the protocol, or exceeds a limit.
    pub fn pull<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<ReceiverEvent<'a>>, Violation> {
        if self.is_answering() || bytes.is_empty() {
            return Ok(None);
        }
        if let State::Bytes { received, left } = self.state {
            let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (data, rest) = bytes.split_at(count);
            *bytes = rest;
            self.take(received, left, count as u64);
            return Ok(Some(ReceiverEvent::Data(data)));
        }
        loop {
            let line = match self.state {
                State::Greeting => next_first_line(&mut self.begun, bytes, Role::Send)?,
                _ => next_line(&mut self.begun, bytes)?,
            };
            let Some(line) = line else { return Ok(None) };
            if let Some(event) = self.on_line(line)? {
                return Ok(Some(event));
            }
            if self.left() > 0 && !bytes.is_empty() {
                return self.pull(bytes);
            }
        }
    }

    /// Notes bytes of a chunk that were read past this machine, at most [`left`](Self::left).
    pub fn note_data(&mut self, count: u64) {
        if let State::Bytes { received, left } = self.state {
            self.take(received, left, count.min(left));
        }
    }

    fn take(&mut self, received: u64, left: u64, count: u64) {
        let (received, left) = (received + count, left - count);
        self.state = if left == 0 { State::Lines { received } } else { State::Bytes { received, left } };
    }

    fn on_line(&mut self, line: Line) -> Result<Option<ReceiverEvent<'static>>, Violation> {
        let expected = match self.state {
            State::Greeting => "the first line",
            State::Idle => "file or end",
            State::Beginning(_) => "data",
            State::Comparing => "complete or differs",
            State::Lines { .. } => "chunk or complete",
            State::Answering | State::Bytes { .. } | State::Over => "no line",
        };
        let (state, event) = match (self.state, line) {
            (_, Line::Error(reason)) => (State::Over, ReceiverEvent::Failed(reason)),
            (State::Greeting, Line::Greeting(_)) => (State::Idle, ReceiverEvent::Ready),
            (State::Idle, Line::File(offer)) => {
                self.check(&offer)?;
                (self.size, self.checksum) = (offer.size, offer.checksum);
                let is_large = self.limits.max_size.is_some_and(|max| offer.size.is_some_and(|size| size > max));
                let event = if is_large { ReceiverEvent::TooLarge(offer) } else { ReceiverEvent::Offered(offer) };
                (State::Answering, event)
            }
            (State::Idle, Line::End) => (State::Over, ReceiverEvent::Ended),
            (State::Beginning(had), Line::Data(offset)) if offset == 0 || offset == had => {
                (State::Lines { received: offset }, ReceiverEvent::Begins(offset))
            }
            (State::Beginning(_), Line::Data(_)) => return Err(Violation::WrongOffset),
            (State::Comparing, Line::Complete { size, digest: Some(digest) }) if self.size == Some(size) => {
                (State::Answering, ReceiverEvent::Completed(Some(digest)))
            }
            (State::Comparing, Line::Differs) => (State::Answering, ReceiverEvent::Differs),
            (State::Lines { received }, Line::Chunk(left)) => {
                let all = received.checked_add(left).ok_or(Violation::OtherSize)?;
                if self.size.is_some_and(|size| all > size) {
                    return Err(Violation::OtherSize);
                }
                if let Some(max) = self.limits.max_size.filter(|&max| all > max) {
                    return Err(Violation::TooLarge(max));
                }
                if left > 0 {
                    self.state = State::Bytes { received, left };
                }
                return Ok(None);
            }
            (State::Lines { received }, Line::Complete { size, digest }) => {
                if received != size || self.size.is_some_and(|announced| announced != size) {
                    return Err(Violation::OtherSize);
                }
                if digest.is_some() != (self.checksum == Checksum::Sha256) {
                    return Err(Violation::NoChecksum);
                }
                (State::Answering, ReceiverEvent::Completed(digest))
            }
            (_, line) => return Err(Violation::unexpected(&line, expected)),
        };
        self.state = state;
        Ok(Some(event))
    }

    /// Refuses what no answer can make right.
    fn check(&mut self, offer: &Offer) -> Result<(), Violation> {
        self.files += 1;
        if self.files > FILES {
            return Err(Violation::TooManyFiles(FILES));
        }
        if self.limits.checksum == Checksum::Sha256 && offer.checksum == Checksum::None {
            return Err(Violation::NoChecksum);
        }
        Ok(())
    }
}
