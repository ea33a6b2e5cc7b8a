//! Finds where bytes are to be cut: behind each occurrence of one of several patterns.

use std::collections::VecDeque;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use crate::value::Pattern;

/// Reads the bytes of one direction in pieces of any size, and knows the ends of all occurrences, overlapping ones
/// included. It holds no byte back: whether an occurrence ends with a byte is known when the byte is read.
#[derive(Debug)]
pub(super) struct Finder {
    /// `None` where the patterns are too many for an automaton: nothing is found.
    automaton: Option<(NFA, StateID)>,
    /// The state after the bytes that were read.
    state: StateID,
    /// Bytes that were read, and bytes of them that are in a piece.
    read: u64,
    taken: u64,
    /// Offsets behind occurrences, after the bytes that are in a piece.
    ends: VecDeque<u64>,
}

impl Finder {
    pub(super) fn new(patterns: &[Pattern]) -> Self {
        let nfa = NFA::builder().match_kind(MatchKind::Standard).build(patterns.iter().map(Pattern::as_bytes));
        let automaton = nfa.ok().and_then(|nfa| nfa.start_state(Anchored::No).ok().map(|start| (nfa, start)));
        let state = automaton.as_ref().map_or_else(StateID::default, |(_, start)| *start);
        Finder { automaton, state, read: 0, taken: 0, ends: VecDeque::new() }
    }

    /// A new message begins: an occurrence does not reach over its boundary.
    pub(super) fn begin_message(&mut self) {
        if let Some((_, start)) = &self.automaton {
            self.state = *start;
        }
    }

    /// Reads further bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let Some((nfa, _)) = &self.automaton else { return };
        for byte in bytes {
            self.state = nfa.next_state(Anchored::No, self.state, *byte);
            self.read += 1;
            if nfa.is_match(self.state) {
                self.ends.push_back(self.read);
            }
        }
    }

    /// The number of bytes up to the next cut, as far as it is known.
    pub(super) fn to_next(&self) -> Option<u64> {
        self.ends.front().map(|end| end - self.taken)
    }

    /// So many bytes are in a piece.
    pub(super) fn take(&mut self, bytes: u64) {
        self.taken += bytes;
        while self.ends.front().is_some_and(|end| *end <= self.taken) {
            self.ends.pop_front();
        }
    }
}
