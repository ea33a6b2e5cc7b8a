//! Carrying out a plan: pieces, pauses and barriers between what is sent and the kernel.

use std::io::{self, Write};
use std::time::Instant;

use super::super::Flush;
use super::super::recorder::Recorder;
use super::super::stream::Stream;
use super::barrier::Look;
use super::record::sample;
use super::script::{Script, Wait, not_visible};
use crate::plan::Plan;
use crate::trace::{BarrierOutcome, ConnId, What};

/// Writes a turn of the loop makes at most on one connection, so that the others have theirs.
const BUDGET: u32 = 64;
/// An idle connection keeps no more memory than this for what it may write again.
const KEPT: usize = 256;

/// The writing half of a connection.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) writable: bool,
    /// Bytes the kernel has taken so far.
    pub(super) offset: u64,
    /// The last piece waits for the end of the stream, to go with it.
    pub(super) hold_last: bool,
    /// The last write does so, for nothing stood behind it.
    is_held: bool,
    /// What the barriers of a plan that was broken off had proved.
    proofs: (u64, u64),
    queue: Queue,
    /// `None` is the fast path: what is sent goes out as it is.
    script: Option<Box<Script>>,
}

/// What the kernel may put into one segment with the bytes of a write.
#[derive(Clone, Copy, Debug)]
enum Pin {
    /// Whatever it likes.
    Free,
    /// Nothing else.
    Own,
    /// The end of the stream: it waits for what comes next.
    Hold,
}

impl Pin {
    fn write(self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Pin::Free => stream.write(bytes),
            Pin::Own => stream.send_record(bytes),
            Pin::Hold => stream.send_held(bytes),
        }
    }
}

impl Writer {
    pub(super) fn new(plan: &Plan, raw: bool, number: u64) -> Self {
        // A fresh connection takes bytes: the first write is tried, not waited for.
        Writer {
            writable: true,
            offset: 0,
            hold_last: false,
            is_held: false,
            proofs: (0, 0),
            queue: Queue::default(),
            script: (!plan.is_plain()).then(|| Box::new(Script::new(plan, raw, number))),
        }
    }

    /// Bytes that were sent and that the kernel has not taken yet.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The same without those that wait for further messages to be joined with: who sends those
    /// must not be kept waiting for these.
    pub(super) fn backlog(&self) -> usize {
        self.queue.len() - self.script.as_ref().map_or(0, |script| script.held())
    }

    /// Whether nothing is to be written, and no plan is being carried out.
    pub(super) fn is_idle(&self) -> bool {
        self.script.is_none() && self.queue.len() == 0
    }

    /// Whether bytes would go out as they are and at once.
    pub(super) fn is_plain(&self) -> bool {
        self.is_idle() && !self.hold_last
    }

    pub(super) fn settle(&mut self) {
        self.queue.settle();
    }

    /// Messages that have not left whole; 0 without a plan, which has none wait.
    pub(super) fn unwritten(&self) -> usize {
        self.script.as_ref().map_or(0, |script| script.unwritten())
    }

    /// Whether it is the plan that has the next write wait, and not the peer.
    pub(super) fn is_pausing(&self) -> bool {
        self.writable && self.script.as_ref().is_some_and(|script| script.wait != Wait::Barrier)
    }

    /// Whether the last write is not known to have got where the barrier has it.
    pub(super) fn is_awaiting(&self) -> bool {
        self.script.as_ref().is_some_and(|script| script.wait == Wait::Barrier)
    }

    /// Barriers passed between two pieces, by what they proved: the peer had read everything; less
    /// is known.
    pub(super) fn barriers(&self) -> (u64, u64) {
        self.script.as_ref().map_or(self.proofs, |script| (script.confirmed, script.unconfirmed))
    }

    /// Forgets what was to be written; a barrier that was waited for will not be passed any more.
    pub(super) fn clear(&mut self, recorder: &Recorder, id: ConnId) {
        if self.script.as_ref().is_some_and(|script| script.wait == Wait::Barrier) {
            let offset = self.offset;
            recorder.note(id, || What::Barrier { offset, outcome: BarrierOutcome::Abandoned });
        }
        self.proofs = self.barriers();
        self.queue = Queue::default();
        self.script = None;
    }

    /// Whether something waits for further messages to be joined with.
    pub(super) fn holds_back(&self) -> bool {
        self.script.as_ref().is_some_and(|script| script.held() > 0)
    }

    pub(super) fn end_group(&mut self) {
        if let Some(script) = &mut self.script {
            script.end_group();
        }
    }

    pub(super) fn send(
        &mut self,
        message: &[u8],
        stream: &mut Stream,
        recorder: &Recorder,
        id: ConnId,
    ) -> io::Result<()> {
        self.send_all(message, std::iter::once(message.len()), stream, recorder, id)
    }

    pub(super) fn send_all(
        &mut self,
        bytes: &[u8],
        lengths: impl Iterator<Item = usize>,
        stream: &mut Stream,
        recorder: &Recorder,
        id: ConnId,
    ) -> io::Result<()> {
        if let Some(script) = &mut self.script {
            self.queue.push(bytes);
            script.take_in(bytes.len(), lengths);
            return Ok(());
        }
        let taken = if self.queue.len() == 0 { self.write_plain(bytes, stream, recorder, id)? } else { 0 };
        self.queue.push(&bytes[taken..]);
        Ok(())
    }

    pub(super) fn flush(
        &mut self,
        stream: &mut Stream,
        now: Instant,
        recorder: &Recorder,
        id: ConnId,
    ) -> io::Result<Flush> {
        let Some(mut script) = self.script.take() else {
            let queue = std::mem::take(&mut self.queue);
            let taken = self.write_plain(queue.bytes(), stream, recorder, id);
            self.queue = queue;
            self.queue.advance(taken?);
            return Ok(if self.queue.len() == 0 { Flush::Idle } else { Flush::Blocked });
        };
        let flush = self.play(&mut script, stream, now, recorder, id);
        self.script = Some(script);
        flush
    }

    /// Writes as much of `bytes` as the kernel takes, and says how much that was.
    fn write_plain(&mut self, bytes: &[u8], stream: &mut Stream, recorder: &Recorder, id: ConnId) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() && self.writable {
            let pin = if self.hold_last { Pin::Hold } else { Pin::Free };
            taken += self.write_once(&bytes[taken..], pin, stream, recorder, id)?;
        }
        Ok(taken)
    }

    /// One write call.
    fn write_once(
        &mut self,
        bytes: &[u8],
        pin: Pin,
        stream: &mut Stream,
        recorder: &Recorder,
        id: ConnId,
    ) -> io::Result<usize> {
        let mut turn = recorder.turn();
        let written = match pin.write(stream, bytes) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let offset = self.offset;
        self.offset += written as u64;
        let (asked, accepted) = (bytes.len() as u64, written as u64);
        turn.note_begun(id, &bytes[..written], || What::Write { offset, asked, accepted });
        if turn.wants_samples() {
            sample(stream, &mut turn, id);
        }
        Ok(written)
    }

    /// Goes on with the plan until it has to wait for something.
    fn play(
        &mut self,
        script: &mut Script,
        stream: &mut Stream,
        mut now: Instant,
        recorder: &Recorder,
        id: ConnId,
    ) -> io::Result<Flush> {
        let mut budget = BUDGET;
        loop {
            match script.wait {
                Wait::Barrier => match script.gate.look(stream, self.offset, now)? {
                    Look::Again(at) => return Ok(Flush::Until(at)),
                    Look::Passed(outcome) => {
                        if outcome == BarrierOutcome::NotVisible && script.gate.is_blind() {
                            recorder.say_once(|| not_visible(stream));
                        }
                        script.pass(outcome, self.queue.len() > 0);
                        recorder.note(id, || What::Barrier { offset: self.offset, outcome });
                    }
                },
                Wait::Until(at) if now < at => return Ok(Flush::Until(at)),
                Wait::Until(_) | Wait::Nothing => script.wait = Wait::Nothing,
            }
            if script.piece == 0 && self.is_held && self.queue.len() > 0 {
                self.is_held = false; // what was taken for the last piece is not
                stream.let_go()?;
                if script.begin_barrier(stream, now) {
                    continue;
                }
            }
            if script.piece == 0 {
                let Some(piece) = script.next_piece(self.queue.len()) else { return Ok(Flush::Idle) };
                (script.piece, script.is_whole) = (piece.len, piece.is_whole);
                if script.pause(piece, now) {
                    let offset = self.offset;
                    let nanos = piece.pause.map_or(0, |pause| u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX));
                    recorder.note(id, || What::Pause { offset, nanos });
                    continue;
                }
            }
            if !self.writable {
                return Ok(Flush::Blocked);
            }
            let queue = std::mem::take(&mut self.queue);
            let last = self.hold_last && script.piece == queue.len();
            let pin = if last { Pin::Hold } else { Pin::Own };
            let written = self.write_once(&queue.bytes()[..script.piece], pin, stream, recorder, id);
            self.queue = queue;
            let written = written?;
            self.queue.advance(written);
            script.piece -= written;
            self.is_held = last;
            if script.piece == 0 && !last {
                script.begin_barrier(stream, now);
            }
            budget -= 1;
            if budget == 0 {
                return Ok(Flush::More);
            }
            now = Instant::now();
        }
    }
}

/// Bytes in the order they go out; taken from the front without moving the rest each time.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start >= self.len() {
            // At most as much is moved as was written since the last time: linear in the bytes.
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn advance(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    fn settle(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }
}
