//! Finds where bytes are to be cut: after each occurrence of one of several patterns, or after each match of one of
//! several regular expressions.

use std::collections::VecDeque;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use crate::value::{Expression, Pattern};

/// Reads the bytes of one direction, and knows the offsets at which they are to be cut. It holds no byte back.
#[derive(Debug)]
pub(super) struct Finder {
    search: Search,
    /// Bytes that were read, and bytes of them that are in a piece.
    read: u64,
    taken: u64,
    /// Offsets after occurrences, beyond the bytes that are in a piece.
    ends: VecDeque<u64>,
}

#[derive(Debug)]
enum Search {
    /// After all occurrences of patterns, overlapping ones included. The bytes may be read in pieces of any size:
    /// whether an occurrence ends with a byte is known when the byte is read.
    Patterns {
        automaton: Box<NFA>,
        start: StateID,
        /// The state after the bytes that were read.
        state: StateID,
    },
    /// After all matches, except an empty one at the start of a message. Each message is read as a whole, because
    /// what follows a match may make it longer.
    Expressions(Vec<Expression>),
    /// Nothing is found, because the patterns are too many for an automaton.
    Nothing,
}

impl Finder {
    pub(super) fn of_patterns(patterns: &[Pattern]) -> Self {
        let nfa = NFA::builder().match_kind(MatchKind::Standard).build(patterns.iter().map(Pattern::as_bytes));
        let search = nfa.ok().and_then(|automaton| {
            let start = automaton.start_state(Anchored::No).ok()?;
            Some(Search::Patterns { automaton: Box::new(automaton), start, state: start })
        });
        Finder::new(search.unwrap_or(Search::Nothing))
    }

    pub(super) fn of_expressions(expressions: &[Expression]) -> Self {
        Finder::new(Search::Expressions(expressions.to_vec()))
    }

    fn new(search: Search) -> Self {
        Finder { search, read: 0, taken: 0, ends: VecDeque::new() }
    }

    /// A new message begins: an occurrence does not reach over its boundary.
    pub(super) fn begin_message(&mut self) {
        if let Search::Patterns { start, state, .. } = &mut self.search {
            *state = *start;
        }
    }

    /// Reads further bytes; with expressions, a message.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        match &mut self.search {
            Search::Patterns { automaton, state, .. } => {
                for (at, byte) in (self.read + 1..).zip(bytes) {
                    *state = automaton.next_state(Anchored::No, *state, *byte);
                    if automaton.is_match(*state) {
                        self.ends.push_back(at);
                    }
                }
            }
            Search::Expressions(expressions) => {
                let mut ends: Vec<usize> = expressions.iter().flat_map(|expression| expression.ends(bytes)).collect();
                ends.sort_unstable();
                ends.dedup();
                self.ends.extend(ends.into_iter().filter(|end| *end > 0).map(|end| self.read + end as u64));
            }
            Search::Nothing => {}
        }
        self.read += bytes.len() as u64;
    }

    /// The offsets in the next message after what is found in it.
    pub(super) fn ends_in(&mut self, message: &[u8]) -> Vec<usize> {
        let start = self.read;
        self.begin_message();
        self.read(message);
        self.ends.drain(..).filter_map(|end| usize::try_from(end - start).ok()).collect()
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
