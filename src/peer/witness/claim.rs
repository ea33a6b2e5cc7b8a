//! Which connection of a listener is ours, and whether the listener has read what was sent.
//!
//! 1. The listener reads no byte that was not sent. A connection from which it has read other bytes, or more of them, is
//!    not ours.
//! 2. Ours is one of those that have read exactly what was sent, or of those that have read less. If there are none of
//!    the latter, the listener has read ours. It need not be known which one that is.
//! 3. A program between here and the listener may hold our bytes back and not have made its connection yet, while
//!    another one of this run has sent the same bytes. So there must be as many connections with such bytes as this run
//!    has itself. Each belongs to one of them once it is known.
//! 4. Another client may have sent the same bytes by chance. So a proof counts when a second one follows, after other
//!    bytes.

use std::collections::HashSet;
use std::time::Duration;

use slab::Slab;

use super::digest::Digest;
use super::identity::{Refusal, Seen};
use super::protocol::{Answer, Ends, Progress, Question, Taken};
use super::stream::{Bytes, Candidates};

/// How long the listener may wait before it answers.
const WAIT: Duration = Duration::from_millis(100);
/// How long a connection that has read the bytes is waited for, if none has the right addresses.
const NOT_FOUND: Duration = Duration::from_secs(3);
/// How long connections that cannot be told apart are waited for.
const AMBIGUOUS: Duration = Duration::from_secs(1);
/// The number of connections in a row that were not found, after which the listener is not asked any more.
const MOST_REFUSALS: u32 = 3;

/// What is known about the listener's end of one connection.
#[derive(Debug)]
pub struct Claim {
    /// The ends of the listener's socket, if no address is translated.
    ends: Ends,
    /// The number of the listener's connection, once it is known.
    cookie: Option<u64>,
    /// The number among those that are not known.
    unknown: Option<usize>,
    /// What the first proof was about, and whether another one has followed.
    proven: Option<(Digest, bool)>,
    is_refused: bool,
}

/// What is known for all connections of a run.
#[derive(Debug, Default)]
pub struct Claims {
    /// The connections of the listener that are ours. Their numbers do not come again.
    claimed: HashSet<u64>,
    /// What our open connections have sent whose numbers are not known; or had sent, when that was given up.
    unknown: Slab<Bytes>,
    /// The connections in a row that were refused.
    refused: u32,
    given_up: Option<Refusal>,
    has_proof: bool,
}

impl Claims {
    /// Why the listener is not asked any more.
    #[must_use]
    pub fn given_up(&self) -> Option<&Refusal> {
        self.given_up.as_ref()
    }

    /// Whether a connection was proven twice.
    #[must_use]
    pub fn has_proof(&self) -> bool {
        self.has_proof
    }
}

impl Claim {
    /// Nothing is known about the listener's socket, which has these ends if no address is translated.
    #[must_use]
    pub fn new(ends: Ends) -> Claim {
        Claim { ends, cookie: None, unknown: None, proven: None, is_refused: false }
    }

    /// Whether two proofs were seen.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.proven, Some((_, true)))
    }

    /// Whether the listener's reads are known not to be visible.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// The question at a barrier after these bytes.
    pub fn question(&mut self, sent: &Bytes, known: &mut Claims) -> Question {
        if self.cookie.is_none() {
            let number = *self.unknown.get_or_insert_with(|| known.unknown.insert(*sent));
            known.unknown[number] = *sent;
        }
        Question::Stream { cookie: self.cookie, ends: self.ends, hash: sent.digest.hash, wait: WAIT }
    }

    /// The connection has ended.
    pub fn release(&mut self, known: &mut Claims) {
        if let Some(number) = self.unknown.take() {
            known.unknown.remove(number);
        }
    }

    /// Takes the answer to a question at a barrier after these bytes, which has been waited at for this time.
    pub fn take(&mut self, answer: &Answer, sent: &Bytes, waited: Duration, known: &mut Claims) -> Seen {
        match answer {
            Answer::Known(taken, _) => self.take_known(taken, sent.digest, known),
            Answer::Stream(progress, _) => self.take_any(progress, sent, waited, known),
            Answer::Gone => self.refuse(Refusal::Closed, known),
            Answer::Failed(text) => self.refuse(Refusal::Failed(text.clone()), known),
            Answer::Sockets(_) | Answer::Read(_) => Seen::Again,
        }
    }

    fn take_known(&mut self, taken: &Taken, sent: Digest, known: &mut Claims) -> Seen {
        if self.cookie.is_none() {
            self.know(taken.cookie, known); // it has the right addresses
        }
        match taken.count {
            count if taken.is_equal && count == sent.count => self.prove(sent, known),
            count if taken.is_equal || count >= sent.count => self.refuse(Refusal::Miscounted, known),
            _ => Seen::Again,
        }
    }

    fn take_any(&mut self, progress: &Progress, sent: &Bytes, waited: Duration, known: &mut Claims) -> Seen {
        let Progress { count, equal, behind, ahead } = progress;
        if equal.total == 0 {
            return if waited >= NOT_FOUND { self.refuse(Refusal::NotFound, known) } else { Seen::Again };
        }
        if *count != sent.digest.count {
            return self.refuse(Refusal::Miscounted, known);
        }
        let free = |list: &Candidates| list.listed.iter().filter(|cookie| !known.claimed.contains(cookie)).count();
        let are_all_listed = [equal, behind].into_iter().all(|list| list.total == list.listed.len());
        let ours = known.unknown.iter().filter(|(_, bytes)| bytes.begins_like(sent)).count();
        let are_all_there = free(equal) + free(ahead) >= ours;
        if !are_all_listed || free(equal) == 0 || free(behind) > 0 || !are_all_there {
            let number = equal.total + behind.total;
            return if waited >= AMBIGUOUS { self.refuse(Refusal::Ambiguous(number), known) } else { Seen::Again };
        }
        let mut free = equal.listed.iter().filter(|cookie| !known.claimed.contains(cookie)).copied();
        if let (Some(cookie), None) = (free.next(), free.next()) {
            self.know(cookie, known);
        }
        self.prove(sent.digest, known)
    }

    /// The listener's connection is the one with this number.
    fn know(&mut self, cookie: u64, known: &mut Claims) {
        self.cookie = Some(cookie);
        known.claimed.insert(cookie);
        self.release(known);
    }

    fn prove(&mut self, sent: Digest, known: &mut Claims) -> Seen {
        match self.proven {
            None => self.proven = Some((sent, false)),
            Some((before, _)) if before != sent => self.proven = Some((before, true)),
            Some(_) => {}
        }
        if !self.is_accepted() {
            return Seen::ReadOnce;
        }
        (known.has_proof, known.refused) = (true, 0);
        Seen::Read
    }

    fn refuse(&mut self, refusal: Refusal, known: &mut Claims) -> Seen {
        self.is_refused = true;
        known.refused += 1;
        if known.refused >= MOST_REFUSALS {
            known.given_up.get_or_insert_with(|| refusal.clone());
        }
        Seen::Nothing(refusal)
    }
}

#[cfg(test)]
mod tests;
