//! The plan of one connection: its next piece, and what the next write waits for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Channel;
use crate::plan::{Barrier, Cutter, Piece, Plan};

/// A group that is not full is written at this size, to bound the memory that a peer can make us use.
const HELD: usize = 1024 * 1024;

/// A plan that is being carried out.
#[derive(Debug)]
pub(super) struct Schedule {
    cutter: Cutter,
    /// The barrier between two pieces.
    pub(super) barrier: Barrier,
    raw: bool,
    coalesce: usize,
    /// Lengths of the messages that are not in a group yet, and their sum.
    messages: VecDeque<usize>,
    ungrouped: usize,
    /// Lengths of the messages that are being written.
    group: Vec<usize>,
    /// A group that is not full is written as it is.
    pub(super) hurry: bool,
    /// The number of bytes of the piece that are not written, and whether the plan cuts after them.
    pub(super) piece: usize,
    pub(super) is_whole: bool,
    pub(super) wait: Wait,
    /// When the last write was due. Pauses count from there, so that delays do not add up.
    due: Option<Instant>,
}

/// What the next write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    Barrier,
    Until(Instant),
}

impl Schedule {
    pub(super) fn new(plan: &Plan, channel: Channel) -> Self {
        Schedule {
            cutter: Cutter::new(plan, channel.number),
            barrier: if channel.has_barriers { plan.barrier } else { Barrier::None },
            raw: channel.raw,
            coalesce: plan.coalesce.get(),
            messages: VecDeque::new(),
            ungrouped: 0,
            group: Vec::new(),
            hurry: false,
            piece: 0,
            is_whole: true,
            wait: Wait::Nothing,
            due: None,
        }
    }

    /// Adds messages of these lengths, `bytes` in total.
    pub(super) fn take_in(&mut self, bytes: usize, lengths: impl Iterator<Item = usize>) {
        self.hurry = false;
        if !self.raw {
            self.ungrouped += bytes;
            self.messages.extend(lengths.filter(|&length| length > 0));
        }
    }

    /// The next piece of the `queued` bytes; `None` if there is nothing to write yet.
    pub(super) fn next_piece(&mut self, queued: usize) -> Option<Piece> {
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

    /// The number of bytes that wait for further messages to be joined with.
    pub(super) fn held_back(&self) -> usize {
        if self.is_holding() { self.ungrouped } else { 0 }
    }

    /// The number of messages whose group is not completely written.
    pub(super) fn unwritten(&self) -> usize {
        self.messages.len() + self.group.len()
    }

    /// Whether the messages that are in no group yet wait for further ones.
    fn is_holding(&self) -> bool {
        self.messages.len() < self.coalesce && !self.hurry && self.ungrouped < HELD
    }

    /// Waits for the barrier after the written piece, if the plan has one there.
    pub(super) fn begin_barrier(&mut self) {
        if self.is_whole && self.barrier != Barrier::None {
            self.wait = Wait::Barrier;
        }
    }

    pub(super) fn end_barrier(&mut self) {
        self.due = None; // a pause after a barrier begins when the barrier is passed
        self.wait = Wait::Nothing;
    }

    /// Begins the pause before this piece, if there is one. Returns when it is over, counted from when the last write
    /// was due but never before `now`, and its length in the plan.
    pub(super) fn begin_pause(&mut self, piece: Piece, now: Instant) -> Option<(Instant, Duration)> {
        let Some(pause) = piece.pause.filter(|pause| !pause.is_zero()) else {
            self.due = Some(now);
            return None;
        };
        let from = self.due.filter(|&due| now.saturating_duration_since(due) < pause).unwrap_or(now);
        let at = from.checked_add(pause)?;
        self.due = Some(at);
        self.wait = Wait::Until(at);
        Some((at, pause))
    }
}
