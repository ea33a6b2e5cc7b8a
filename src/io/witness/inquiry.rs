//! What one connection asks a witness.

use std::net::SocketAddr;
use std::time::Duration;

use super::Witness;
use crate::peer::witness::claim::Claim;
use crate::peer::witness::identity::{Identity, Refusal, Seen};
use crate::peer::witness::protocol::{Answer, Ends, Question};
use crate::peer::witness::stream::Bytes;

/// The questions of one connection, barrier after barrier.
#[derive(Debug)]
pub struct Inquiry {
    witness: Witness,
    subject: Subject,
    pending: Option<Pending>,
    /// Why the peer's socket is not visible.
    reason: Option<String>,
}

/// What the questions are about.
#[derive(Debug)]
enum Subject {
    /// The peer's socket.
    Socket(Identity),
    /// What a listener has read.
    Reads(Claim),
}

/// A question without an answer.
#[derive(Clone, Copy, Debug)]
struct Pending {
    id: u64,
    /// All bytes were acknowledged when it was asked.
    was_acknowledged: bool,
}

/// What the witness sees at a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// That is not known yet.
    Pending,
    /// A socket that may be the peer's was read empty.
    ReadOnce,
    /// The peer's socket was read empty.
    Read,
    /// Nothing, for a [reason](Inquiry::reason).
    Nothing,
}

/// A barrier.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The number of bytes that were sent.
    pub sent: u64,
    /// They, if the witness is the listener.
    pub bytes: Bytes,
    /// The peer has acknowledged them.
    pub is_acknowledged: bool,
    /// Nothing is queued after it.
    pub is_last: bool,
    /// How long it has been waited for.
    pub waited: Duration,
}

impl Inquiry {
    /// The questions about a connection with these ends of our socket.
    #[must_use]
    pub fn new(witness: &Witness, local: SocketAddr, peer: SocketAddr) -> Inquiry {
        let ends = Ends::of_peer(local, peer);
        let is_listener = witness.is_listener();
        let subject = if is_listener { Subject::Reads(Claim::new(ends)) } else { Subject::Socket(Identity::new(ends)) };
        Inquiry { witness: witness.clone(), subject, pending: None, reason: None }
    }

    /// Looks for an answer, and asks the next question.
    pub fn look(&mut self, at: At) -> Sight {
        loop {
            if let Some(Pending { id, was_acknowledged }) = self.pending {
                let answer = match self.witness.answer(id) {
                    Ok(None) => return Sight::Pending,
                    Ok(Some(answer)) => answer,
                    Err(why) => return self.nothing(why),
                };
                self.pending = None;
                match self.subject.take(&answer, at, was_acknowledged, &self.witness) {
                    // Connections of a listener that cannot be told apart are asked about at the next look.
                    Seen::Again if matches!(answer, Answer::Stream(..)) => return Sight::Pending,
                    Seen::Again => {}
                    Seen::ReadOnce => return Sight::ReadOnce,
                    Seen::Read => return Sight::Read,
                    Seen::Nothing(why) => return self.nothing(why.to_string()),
                }
            }
            if self.subject.is_refused() {
                return Sight::Nothing;
            }
            match self.subject.question(at, &self.witness) {
                Err(why) => return self.nothing(why.to_string()),
                Ok(None) => return Sight::Pending,
                Ok(Some(question)) => {
                    let id = self.witness.ask(question);
                    self.pending = Some(Pending { id, was_acknowledged: at.is_acknowledged });
                }
            }
        }
    }

    /// Why the peer's socket is not visible.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether a socket was accepted as the peer's.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match &self.subject {
            Subject::Socket(identity) => identity.is_accepted(),
            Subject::Reads(claim) => claim.is_accepted(),
        }
    }

    fn nothing(&mut self, why: String) -> Sight {
        self.witness.note_reason(&why);
        self.reason = Some(why);
        self.pending = None;
        Sight::Nothing
    }
}

impl Subject {
    /// The next question; `None`: ask later. An error is why no question is asked any more.
    fn question(&mut self, at: At, witness: &Witness) -> Result<Option<Question>, Refusal> {
        match self {
            Subject::Socket(identity) => witness.with_knowledge(|known| match known.given_up() {
                Some(why) => Err(why.clone()),
                None => Ok(identity.question(at.sent, at.is_acknowledged, known)),
            }),
            Subject::Reads(claim) => witness.with_claims(|known| match known.given_up() {
                Some(why) => Err(why.clone()),
                None => Ok(Some(claim.question(&at.bytes, known))),
            }),
        }
    }

    fn take(&mut self, answer: &Answer, at: At, was_acknowledged: bool, witness: &Witness) -> Seen {
        match self {
            Subject::Socket(identity) => {
                witness.with_knowledge(|known| identity.take(answer, at.sent, was_acknowledged, at.is_last, known))
            }
            Subject::Reads(claim) => witness.with_claims(|known| claim.take(answer, &at.bytes, at.waited, known)),
        }
    }

    fn is_refused(&self) -> bool {
        match self {
            Subject::Socket(identity) => identity.is_refused(),
            Subject::Reads(claim) => claim.is_refused(),
        }
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        if let Some(Pending { id, .. }) = self.pending {
            self.witness.forget(id);
        }
        match &mut self.subject {
            Subject::Socket(identity) => self.witness.with_knowledge(|known| known.release(identity)),
            Subject::Reads(claim) => self.witness.with_claims(|known| claim.release(known)),
        }
    }
}
