//! The plan of one connection: its next piece, and what the next write waits for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Channel, Pin};
use crate::plan::{Barrier, HeaderPieces, Piece, Pieces, Plan};

/// A plan that is being carried out.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The pieces of the header that stands before everything else, whether the current piece is one of them, and the
    /// pause after the last one.
    header: VecDeque<Piece>,
    pub(super) is_in_header: bool,
    pause_after_header: Option<Duration>,
    /// No plan: this schedule writes the header only.
    ends_with_header: bool,
    /// Pieces that were cut before they were queued. They come first.
    given: VecDeque<Piece>,
    /// Cuts what is queued; `None` where every piece is given.
    pieces: Option<Pieces>,
    /// What may share a segment with a piece.
    pub(super) pin: Pin,
    /// The barrier between two pieces.
    pub(super) barrier: Barrier,
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
    /// Cuts what is queued, as the plan asks.
    pub(super) fn new(plan: &Plan, channel: Channel) -> Self {
        let pieces = Pieces::new(plan, channel.number, channel.raw);
        Schedule { pieces: Some(pieces), ..Schedule::of_given_pieces(plan, channel) }
    }

    /// Writes pieces that were cut before, with the pauses and barriers of the plan.
    pub(super) fn of_given_pieces(plan: &Plan, channel: Channel) -> Self {
        Schedule {
            header: VecDeque::new(),
            is_in_header: false,
            pause_after_header: None,
            ends_with_header: false,
            given: VecDeque::new(),
            pieces: None,
            pin: if channel.joins { Pin::Free } else { Pin::Own },
            barrier: if channel.has_barriers { plan.barrier } else { Barrier::None },
            piece: 0,
            is_whole: true,
            wait: Wait::Nothing,
            due: None,
        }
    }

    /// Writes a header, and ends with it.
    pub(super) fn of_header_only() -> Self {
        let channel = Channel { number: 0, raw: false, has_barriers: false, joins: false };
        Schedule { ends_with_header: true, ..Schedule::of_given_pieces(&Plan::default(), channel) }
    }

    /// Adds a header before everything else.
    pub(super) fn take_header(&mut self, HeaderPieces { pieces, pause_after }: HeaderPieces) {
        self.header.extend(pieces);
        self.pause_after_header = pause_after;
    }

    /// Whether this schedule was for a header only, which is written.
    pub(super) fn is_over(&self) -> bool {
        self.ends_with_header && self.header.is_empty() && self.piece == 0
    }

    /// Adds messages of these lengths that stand one behind the other in `bytes`.
    pub(super) fn take_in(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        if let Some(pieces) = &mut self.pieces {
            pieces.take_in(bytes, lengths);
        }
    }

    /// Adds pieces that were cut before; where this schedule cuts itself, they are bytes of its stream.
    pub(super) fn take_pieces(&mut self, bytes: &[u8], given: impl Iterator<Item = Piece>) {
        match &mut self.pieces {
            Some(pieces) => pieces.take_in(bytes, std::iter::empty()),
            None if self.ends_with_header => {}
            None => self.given.extend(given),
        }
    }

    /// The next piece of the `queued` bytes; `None` if there is nothing to write yet.
    pub(super) fn next_piece(&mut self, queued: usize) -> Option<Piece> {
        let header = self.header.pop_front();
        self.is_in_header = header.is_some();
        if header.is_some() {
            return header;
        }
        let mut piece = self.given.pop_front().or_else(|| self.pieces.as_mut()?.next(queued))?;
        piece.pause = piece.pause.or(self.pause_after_header.take());
        Some(piece)
    }

    /// No further message is to be waited for.
    pub(super) fn end_group(&mut self) {
        if let Some(pieces) = &mut self.pieces {
            pieces.end_group();
        }
    }

    /// The number of bytes that wait for further messages to be joined with.
    pub(super) fn held_back(&self) -> usize {
        self.pieces.as_ref().map_or(0, Pieces::held_back)
    }

    /// The number of messages whose group is not completely written, and of given pieces that are not.
    pub(super) fn unwritten(&self) -> usize {
        self.given.len() + self.pieces.as_ref().map_or(0, Pieces::unfinished)
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
