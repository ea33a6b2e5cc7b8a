//! The pieces that a plan makes of one direction of a connection: of its messages, joined in groups, or of its stream.

use std::collections::VecDeque;

use super::{Cutter, Piece, Plan};

/// A group that is not full is complete at this size, to bound the memory that a peer can make us use.
const HELD: usize = 1024 * 1024;

/// Makes pieces of the bytes that are queued for one direction of a connection.
#[derive(Debug)]
pub struct Pieces {
    cutter: Cutter,
    raw: bool,
    coalesce: usize,
    /// Lengths of the messages that are not in a group yet, and their sum.
    messages: VecDeque<usize>,
    ungrouped: usize,
    /// Lengths of the messages whose pieces are being taken.
    group: Vec<usize>,
    /// A group that is not full is taken as it is.
    hurry: bool,
}

impl Pieces {
    /// Without bytes yet. `stream` is the number of the connection, which selects its random numbers; with `raw`
    /// the bytes are one stream without messages.
    #[must_use]
    pub fn new(plan: &Plan, stream: u64, raw: bool) -> Self {
        Pieces {
            cutter: Cutter::new(plan, stream),
            raw,
            coalesce: plan.coalesce.get(),
            messages: VecDeque::new(),
            ungrouped: 0,
            group: Vec::new(),
            hurry: false,
        }
    }

    /// Adds messages of these lengths, `bytes` in total.
    pub fn take_in(&mut self, bytes: usize, lengths: impl Iterator<Item = usize>) {
        self.hurry = false;
        if !self.raw {
            self.ungrouped += bytes;
            self.messages.extend(lengths.filter(|&length| length > 0));
        }
    }

    /// The next piece of the `queued` bytes that are in no piece yet; `None` if there is none yet.
    pub fn next(&mut self, queued: usize) -> Option<Piece> {
        if self.raw {
            return self.cutter.next_in_stream(queued);
        }
        if let Some(piece) = self.cutter.next_piece() {
            return Some(piece);
        }
        self.group.clear();
        if self.messages.is_empty() || self.is_holding() {
            return None;
        }
        let joined = self.coalesce.min(self.messages.len());
        self.group.extend(self.messages.drain(..joined));
        self.ungrouped -= self.group.iter().sum::<usize>();
        self.cutter.group(&self.group);
        self.cutter.next_piece()
    }

    /// No further message follows: those that wait to be joined with others are taken now.
    pub fn end_group(&mut self) {
        self.hurry = true;
    }

    /// The number of bytes that wait for further messages to be joined with.
    #[must_use]
    pub fn held_back(&self) -> usize {
        if self.is_holding() { self.ungrouped } else { 0 }
    }

    /// The number of messages whose group was not followed by another look for a piece.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.messages.len() + self.group.len()
    }

    /// Whether the messages that are in no group yet wait for further ones.
    fn is_holding(&self) -> bool {
        self.messages.len() < self.coalesce && !self.hurry && self.ungrouped < HELD
    }
}
