//! What one connection asks a witness.

use std::net::SocketAddr;

use super::Witness;
use crate::peer::witness::identity::{Identity, Seen};
use crate::peer::witness::protocol::Ends;

/// The questions of one connection, barrier after barrier.
#[derive(Debug)]
pub struct Inquiry {
    witness: Witness,
    identity: Identity,
    pending: Option<Pending>,
    /// Why the peer's socket is not visible.
    reason: Option<String>,
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
    /// The bytes that were sent.
    pub sent: u64,
    /// The peer has acknowledged them.
    pub is_acknowledged: bool,
    /// Nothing is queued after it.
    pub is_last: bool,
}

impl Inquiry {
    /// The questions about a connection with these ends of our socket.
    #[must_use]
    pub fn new(witness: &Witness, local: SocketAddr, peer: SocketAddr) -> Inquiry {
        let identity = Identity::new(Ends::of_peer(local, peer));
        Inquiry { witness: witness.clone(), identity, pending: None, reason: None }
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
                let identity = &mut self.identity;
                let take = |known: &mut _| identity.take(&answer, at.sent, was_acknowledged, at.is_last, known);
                match self.witness.with_knowledge(take) {
                    Seen::Again => {}
                    Seen::ReadOnce => return Sight::ReadOnce,
                    Seen::Read => return Sight::Read,
                    Seen::Nothing(why) => return self.nothing(why.to_string()),
                }
            }
            if self.identity.is_refused() {
                return Sight::Nothing;
            }
            let identity = &mut self.identity;
            let question = self.witness.with_knowledge(|known| match known.given_up() {
                Some(why) => Err(why.to_string()),
                None => Ok(identity.question(at.sent, at.is_acknowledged, known)),
            });
            match question {
                Err(why) => return self.nothing(why),
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
        self.identity.is_accepted()
    }

    fn nothing(&mut self, why: String) -> Sight {
        self.witness.note_reason(&why);
        self.reason = Some(why);
        self.pending = None;
        Sight::Nothing
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        if let Some(Pending { id, .. }) = self.pending {
            self.witness.forget(id);
        }
        let identity = &self.identity;
        self.witness.with_knowledge(|known| known.release(identity));
    }
}
