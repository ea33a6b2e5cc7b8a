//! The writing half of a connection: carries out the steps of its outbox, and decides nothing itself.

use std::io::{self, Write};
use std::time::Instant;

use super::super::Flush;
use super::super::recorder::Recorder;
use super::super::stream::Stream;
use super::super::witness::Witness;
use super::barrier::{BarrierWait, Check};
use super::record::sample;
use crate::peer::outbox::{Channel, Outbox, Pin, Step};
use crate::plan::{Barrier, Plan};
use crate::trace::{BarrierOutcome, ConnId, Direction, EventKind};

/// Writes a turn of the loop makes at most on one connection, so that the others have theirs.
const BUDGET: u32 = 64;

/// The writing half of a connection.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) outbox: Outbox,
    /// How far written bytes have got; made with the first barrier.
    wait: Option<Box<BarrierWait>>,
}

/// Where the steps are carried out: the socket, and who records it.
pub(super) struct Wire<'a> {
    pub(super) stream: &'a mut Stream,
    pub(super) recorder: &'a Recorder,
    pub(super) id: ConnId,
    /// Whether the kernel may take more.
    pub(super) writable: &'a mut bool,
    /// Each piece is a whole record of a layer.
    pub(super) has_records: bool,
    /// The offset of the first byte of the application, after a header; `None` if a layer encodes its bytes.
    pub(super) application: Option<u64>,
}

impl Writer {
    /// `sent_to_proxy`: the other end of the socket is a proxy, which was sent this many bytes before.
    pub(super) fn new(plan: &Plan, channel: Channel, sent_to_proxy: Option<u64>, witness: Option<Witness>) -> Self {
        let wait = match (sent_to_proxy, witness) {
            (Some(sent), witness) => Some(BarrierWait::at_proxy(plan.barrier, sent, witness, Instant::now())),
            (None, Some(witness)) => Some(BarrierWait::new(plan.barrier, Some(witness), Instant::now())),
            (None, None) => None,
        };
        Writer { outbox: Outbox::new(plan, channel), wait: wait.map(Box::new) }
    }

    /// Forgets what was to be written; a barrier that was waited for will not be passed any more.
    pub(super) fn clear(&mut self, recorder: &Recorder, id: ConnId) {
        note_abandoned(self.outbox.clear(), recorder, id);
    }

    /// From now on what is queued is written as it is; a barrier that was waited for will not be passed any more.
    pub(super) fn end_plan(&mut self, recorder: &Recorder, id: ConnId) {
        note_abandoned(self.outbox.end_plan(), recorder, id);
    }

    /// Writes messages of these lengths as far as they may go without being queued, and queues the rest.
    pub(super) fn send_all(
        &mut self,
        bytes: &[u8],
        lengths: impl Iterator<Item = usize>,
        wire: &mut Wire<'_>,
    ) -> io::Result<()> {
        let taken = self.send_unqueued(bytes, wire)?;
        self.outbox.push(&bytes[taken..], lengths);
        Ok(())
    }

    /// Writes bytes as far as they may go without being queued; returns their number.
    pub(super) fn send_unqueued(&mut self, bytes: &[u8], wire: &mut Wire<'_>) -> io::Result<usize> {
        let mut taken = 0;
        if let Some(pin) = self.outbox.direct() {
            while taken < bytes.len() && *wire.writable {
                let written = wire.write(&bytes[taken..], pin, self.outbox.offset())?;
                note_sent(&mut self.wait, &bytes[taken..taken + written]);
                self.outbox.wrote_directly(written);
                taken += written;
            }
        }
        Ok(taken)
    }

    /// Carries out steps until there is one that has to wait.
    pub(super) fn flush(&mut self, wire: &mut Wire<'_>, mut now: Instant) -> io::Result<Flush> {
        let mut budget = BUDGET;
        loop {
            let at = self.outbox.offset();
            match self.outbox.next(now) {
                Step::Idle => return Ok(Flush::Idle),
                Step::Until(at) => return Ok(Flush::Until(at)),
                Step::Pause { until, length } => {
                    let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
                    wire.recorder.note(wire.id, || EventKind::Pause { offset: at, nanos });
                    return Ok(Flush::Until(until));
                }
                Step::Barrier { offset, barrier } => match self.check(offset, barrier, wire, now)? {
                    Check::Again(at) => return Ok(Flush::Until(at)),
                    Check::Passed(outcome) => {
                        self.outbox.passed(outcome);
                        wire.recorder.note(wire.id, || EventKind::Barrier { offset, outcome });
                    }
                },
                Step::Release => {
                    wire.stream.let_go()?;
                    self.outbox.released();
                }
                Step::Write { .. } if !*wire.writable => return Ok(Flush::Blocked),
                Step::Write { bytes, pin } => {
                    let written = wire.write(bytes, pin, at)?;
                    note_sent(&mut self.wait, &bytes[..written]);
                    self.outbox.wrote(written, pin);
                    budget -= 1;
                    if budget == 0 {
                        return Ok(Flush::More);
                    }
                    now = Instant::now();
                }
            }
        }
    }

    /// Looks whether the bytes up to this offset have got where the barrier wants them.
    fn check(&mut self, offset: u64, barrier: Barrier, wire: &Wire<'_>, now: Instant) -> io::Result<Check> {
        let wait = self.wait.get_or_insert_with(|| Box::new(BarrierWait::new(barrier, None, now)));
        let check = wait.check(wire.stream, offset, self.outbox.queued() == 0, now)?;
        if check == Check::Passed(BarrierOutcome::NotVisible) && wait.is_blind() {
            wire.recorder.log_once(|| wait.not_visible(wire.stream));
        }
        // What takes a record from the kernel may be a library that reads ahead of its application.
        let is_record = wire.has_records && self.outbox.offset_after_header() > 0;
        Ok(match check {
            Check::Passed(BarrierOutcome::Read) if is_record => Check::Passed(BarrierOutcome::RecordRead),
            Check::Passed(BarrierOutcome::Witnessed) if is_record => Check::Passed(BarrierOutcome::RecordWitnessed),
            check => check,
        })
    }
}

fn note_sent(wait: &mut Option<Box<BarrierWait>>, bytes: &[u8]) {
    if let Some(wait) = wait {
        wait.note_sent(bytes);
    }
}

/// Records that the barrier at this offset will not be passed.
fn note_abandoned(offset: Option<u64>, recorder: &Recorder, id: ConnId) {
    if let Some(offset) = offset {
        recorder.note(id, || EventKind::Barrier { offset, outcome: BarrierOutcome::Abandoned });
    }
}

impl Wire<'_> {
    /// One write call, of bytes that stand at this offset; how many the kernel took.
    fn write(&mut self, bytes: &[u8], pin: Pin, offset: u64) -> io::Result<usize> {
        let mut turn = self.recorder.turn();
        let written = match pin {
            Pin::Free => self.stream.write(bytes),
            Pin::Own => self.stream.send_record(bytes),
            Pin::Hold => self.stream.send_held(bytes),
        };
        let written = match written {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *self.writable = false;
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let (asked, accepted, pinned) = (bytes.len() as u64, written as u64, pin == Pin::Own);
        turn.note_begun(self.id, &bytes[..written], || EventKind::Write { offset, asked, accepted, pinned });
        if let Some(first) = self.application {
            let header = usize::try_from(first.saturating_sub(offset)).unwrap_or(written).min(written);
            turn.pass(self.id, Direction::Out, &bytes[header..written]);
        }
        if turn.wants_sample(self.id) {
            sample(self.stream, &mut turn, self.id);
        }
        Ok(written)
    }
}
