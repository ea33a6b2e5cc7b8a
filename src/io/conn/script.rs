//! One plan on one connection: how far it has come, and what stands between now and the next write.

use std::collections::VecDeque;
use std::time::Instant;

use super::super::stream::Stream;
use super::barrier::Gate;
use crate::plan::{Cutter, Piece, Plan};
use crate::trace::BarrierOutcome;

/// A group that is not full goes out when it has so many bytes: what a peer makes us hold is bounded.
const HELD: usize = 1024 * 1024;

/// A plan in the course of being carried out.
#[derive(Debug)]
pub(super) struct Script {
    cutter: Cutter,
    pub(super) gate: Gate,
    /// One stream of bytes, where message boundaries mean nothing.
    raw: bool,
    coalesce: usize,
    /// Lengths of the messages that are not in a group yet, and their sum.
    messages: VecDeque<usize>,
    ungrouped: usize,
    /// Lengths of the messages that are being written.
    group: Vec<usize>,
    /// A group that is not full goes out as it is.
    hurry: bool,
    /// Bytes of the piece that are still to be written, and whether the plan cuts behind them.
    pub(super) piece: usize,
    pub(super) is_whole: bool,
    pub(super) wait: Wait,
    /// When the last write was due: pauses are counted from there, so lateness does not add up.
    due: Option<Instant>,
    /// Barriers between two pieces after which the peer had read everything, and others.
    pub(super) confirmed: u64,
    pub(super) unconfirmed: u64,
}

/// What stands between now and the next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    Barrier,
    Until(Instant),
}

impl Script {
    pub(super) fn new(plan: &Plan, raw: bool, number: u64) -> Self {
        Script {
            cutter: Cutter::new(plan, number),
            gate: Gate::new(plan.barrier),
            raw,
            coalesce: plan.coalesce.get(),
            messages: VecDeque::new(),
            ungrouped: 0,
            group: Vec::new(),
            hurry: false,
            piece: 0,
            is_whole: true,
            wait: Wait::Nothing,
            due: None,
            confirmed: 0,
            unconfirmed: 0,
        }
    }

    /// Takes in messages of these lengths, so many bytes in all.
    pub(super) fn take_in(&mut self, bytes: usize, lengths: impl Iterator<Item = usize>) {
        self.hurry = false;
        if !self.raw {
            self.ungrouped += bytes;
            self.messages.extend(lengths.filter(|&length| length > 0));
        }
    }

    /// No further message is to be waited for.
    pub(super) fn end_group(&mut self) {
        self.hurry = true;
    }

    /// Bytes that wait for further messages to be joined with.
    pub(super) fn held(&self) -> usize {
        if self.is_holding() { self.ungrouped } else { 0 }
    }

    /// The next piece of what is queued; `None` when there is nothing to write yet.
    pub(super) fn next_piece(&mut self, queued: usize) -> Option<Piece> {
        if self.raw {
            return if queued > 0 { self.cutter.next_in_stream(queued) } else { None };
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

    /// Messages whose group has not been written to its end.
    pub(super) fn unwritten(&self) -> usize {
        self.messages.len() + self.group.len()
    }

    /// Whether what is not in a group yet waits for further messages.
    fn is_holding(&self) -> bool {
        self.messages.len() < self.coalesce && !self.hurry && self.ungrouped < HELD
    }

    /// Waits for the barrier behind the piece that has been written, if one belongs there.
    pub(super) fn begin_barrier(&mut self, stream: &Stream, now: Instant) -> bool {
        let belongs = self.is_whole && self.gate.is_wanted() && stream.is_tcp();
        if belongs {
            self.gate.begin(now);
            self.wait = Wait::Barrier;
        }
        belongs
    }

    /// Whether there is a pause before this piece; it begins now, or when the last write was due.
    pub(super) fn pause(&mut self, piece: Piece, now: Instant) -> bool {
        let Some(pause) = piece.pause.filter(|pause| !pause.is_zero()) else {
            self.due = Some(now);
            return false;
        };
        let from = self.due.filter(|&due| now.saturating_duration_since(due) < pause).unwrap_or(now);
        let Some(at) = from.checked_add(pause) else { return false };
        self.due = Some(at);
        self.wait = Wait::Until(at);
        true
    }

    /// Behind the last piece a barrier divides nothing, and proves nothing of a cut.
    pub(super) fn pass(&mut self, outcome: BarrierOutcome, divides: bool) {
        match outcome {
            _ if !divides => {}
            BarrierOutcome::Read => self.confirmed += 1,
            _ => self.unconfirmed += 1,
        }
        self.due = None; // a pause behind a barrier begins when the barrier is passed
        self.wait = Wait::Nothing;
    }
}

/// What `--barrier peer-read` cannot promise here, and what it does instead.
pub(super) fn not_visible(stream: &Stream) -> String {
    let peer = stream.endpoints().map_or_else(String::new, |(_, peer)| format!("{peer}: "));
    format!(
        "{peer}--barrier peer-read: the peer's socket is not visible from here \
         (another host or network namespace); waiting for its acknowledgements and --delay instead"
    )
}
