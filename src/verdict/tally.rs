//! What a sweep has found so far.

use std::collections::BTreeMap;

use super::Outcome;
use crate::plan::Trial;

/// What was swept.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The server.
    pub address: String,
    /// The request messages, as they go over the wire.
    pub messages: Vec<Vec<u8>>,
    /// Trials that there are.
    pub plans: usize,
    /// Trials that were left out, beyond `--max-plans`.
    pub skipped: u64,
    /// The seed that chose them.
    pub seed: u64,
}

/// A trial that changed the replies.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The trial that found it, in words.
    pub found_by: String,
    /// The least that still makes the difference.
    pub trial: Trial,
    /// How the conversation came out.
    pub got: Outcome,
    /// Whether it came out so again.
    pub repeated: bool,
}

/// The count of verdicts.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Trials whose replies were the same, every cut proven.
    pub same: usize,
    /// Trials whose replies were different.
    pub different: usize,
    /// Trials that prove nothing, by reason.
    pub not_proven: BTreeMap<String, usize>,
    /// The differences, shrunk, each once.
    pub differences: Vec<Difference>,
    /// The sweep was ended before it was done.
    pub interrupted: bool,
}

impl Tally {
    /// Trials that prove nothing.
    #[must_use]
    pub fn unproven(&self) -> usize {
        self.not_proven.values().sum()
    }

    /// Trials judged.
    #[must_use]
    pub fn judged(&self) -> usize {
        self.same + self.different + self.unproven()
    }

    /// The exit status: 3 a difference, 4 not all could be told, 0 all the same.
    #[must_use]
    pub fn status(&self, subject: &Subject) -> u8 {
        match () {
            () if self.different > 0 => 3,
            () if self.unproven() > 0 || self.judged() < subject.plans => 4,
            () => 0,
        }
    }
}
