//! Whatever happens to a connection, in whatever order: it is closed in the end, and no byte that was accepted is
//! dropped behind an end that looks complete.

use proptest::prelude::*;

use super::super::*;
use super::{ACK, LINGER, reset_by_peer};
use crate::frame::FrameError;

/// What happens to a connection from outside.
#[derive(Clone, Copy, Debug)]
enum Op {
    Send(u8),
    Flush { peer_is_there: bool },
    Ask { outstanding: u8 },
    Finish,
    Close,
    CloseNow,
    Reset,
    Shutdown,
    Drained(AfterDrain),
    AbortByShutdown,
    Received(u8),
    PeerEnded,
    WriteFailed,
    ReadFailed,
    Violated,
    Garbled,
    Idle(bool),
    Drop,
    Abort,
    Overrun,
    Time(u16),
}

fn op() -> impl Strategy<Value = Op> {
    let after = prop_oneof![Just(AfterDrain::Close), Just(AfterDrain::Abort), Just(AfterDrain::TreatAsEof)];
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Send),
        4 => any::<bool>().prop_map(|peer_is_there| Op::Flush { peer_is_there }),
        3 => any::<u8>().prop_map(|outstanding| Op::Ask { outstanding }),
        3 => any::<u16>().prop_map(Op::Time),
        2 => any::<u8>().prop_map(Op::Received),
        2 => Just(Op::Shutdown),
        2 => after.prop_map(Op::Drained),
        1 => Just(Op::AbortByShutdown),
        1 => Just(Op::Finish),
        1 => Just(Op::Close),
        1 => Just(Op::CloseNow),
        1 => Just(Op::Reset),
        1 => Just(Op::PeerEnded),
        1 => Just(Op::WriteFailed),
        1 => Just(Op::ReadFailed),
        1 => Just(Op::Violated),
        1 => Just(Op::Garbled),
        1 => any::<bool>().prop_map(Op::Idle),
        1 => Just(Op::Drop),
        1 => Just(Op::Abort),
        1 => Just(Op::Overrun),
    ]
}

/// A connection around the life: its queue, and what the peer was sent.
struct Rig {
    life: Life,
    now: Instant,
    ack_timeout: Option<Duration>,
    /// Bytes that were accepted and are not written.
    queued: usize,
    /// Bytes that were accepted and that a failed write has dropped.
    dropped: usize,
    fins: u32,
    step: Step,
}

impl Rig {
    fn new(resets: bool, ack_timeout: Option<Duration>) -> Self {
        let (life, now) = (Life::new(resets), Instant::now());
        Rig { life, now, ack_timeout, queued: 0, dropped: 0, fins: 0, step: Step::Idle }
    }

    fn on(&mut self, input: Input) {
        let was_closed = self.life.is_closed();
        let at = At { now: self.now, linger: LINGER, ack_timeout: self.ack_timeout, is_receipt: false };
        self.step = self.life.on(input, at);
        assert!(!was_closed || self.step == Step::Close, "a closed connection wants nothing more, no timer either");
        assert_eq!(self.life.is_closed(), self.step == Step::Close);
        if let Step::HalfClose = self.step {
            assert_eq!(self.queued, 0, "a FIN before queued bytes");
        }
    }

    fn flush(&mut self, peer_is_there: bool) {
        if self.life.is_closed() {
            return; // its socket is gone
        }
        self.queued = 0;
        self.on(Input::Written);
        if let Step::HalfClose = self.step {
            self.fins += 1;
            self.on(Input::HalfClosed(peer_is_there));
        }
    }

    /// Answers a question for acknowledgements; `true` if there was one.
    fn ask(&mut self, outstanding: u8) -> bool {
        let Step::AskForAcknowledgements { .. } = self.step else { return false };
        let again = (outstanding > 0).then(|| self.now + Duration::from_millis(outstanding.into()));
        self.on(Input::Acknowledgements { outstanding: outstanding.into(), again });
        true
    }

    fn apply(&mut self, op: Op) {
        match op {
            // Its socket is gone.
            Op::Send(_) | Op::WriteFailed if self.life.is_closed() => self.on(Input::Turn),
            Op::Send(bytes) if self.life.is_open() => self.queued += usize::from(bytes),
            Op::Send(bytes) if self.life.is_broken() => {
                self.dropped += usize::from(bytes);
                self.on(Input::Refused(bytes.into()));
            }
            Op::Send(_) => {}
            Op::Flush { peer_is_there } => self.flush(peer_is_there),
            Op::Ask { outstanding } => {
                self.ask(outstanding);
            }
            Op::Finish => self.on(Input::Finish),
            Op::Close => self.on(Input::Close),
            Op::CloseNow => self.on(Input::CloseNow),
            Op::Reset => self.on(Input::Reset),
            Op::Shutdown => self.on(Input::Shutdown { limit: 300 }),
            Op::Drained(then) => self.on(Input::Drained(then)),
            Op::AbortByShutdown => self.on(Input::AbortByShutdown),
            Op::Received(bytes) => self.on(Input::Received(bytes.into())),
            Op::PeerEnded => {
                self.life.note_peer_end();
                self.on(Input::Turn);
            }
            Op::WriteFailed => {
                let unsent = std::mem::take(&mut self.queued);
                self.dropped += unsent;
                self.on(Input::WriteFailed { error: reset_by_peer(), unsent: unsent as u64 });
            }
            Op::ReadFailed => self.on(Input::Failed(reset_by_peer())),
            Op::Violated => self.on(Input::Violated),
            Op::Garbled => self.on(Input::Garbled(FrameError::TooLong { limit: 1 })),
            Op::Idle(is_complete) => self.on(Input::Idle { is_complete: is_complete && self.queued == 0 }),
            Op::Drop => self.on(Input::Drop { unsent: self.queued }),
            Op::Abort => self.on(Input::Abort),
            Op::Overrun => self.on(Input::Overrun),
            Op::Time(millis) => {
                self.now += Duration::from_millis(millis.into());
                self.on(Input::Turn);
            }
        }
    }

    /// The end of the session: what is queued is written, and the peer acknowledges everything and never ends.
    fn shut_down(&mut self) {
        self.on(Input::Shutdown { limit: 300 });
        self.on(Input::Drained(AfterDrain::Close));
        for _ in 0..8 {
            self.flush(true);
            match self.step {
                Step::Close => return,
                Step::Until(at) => {
                    self.now = at;
                    self.on(Input::Turn);
                    self.ask(0);
                }
                Step::AskForAcknowledgements { .. } => {
                    self.ask(0);
                }
                Step::Idle | Step::HalfClose => {}
            }
        }
        panic!("it is not closed: {:?}, {:?}", self.life, self.step);
    }
}

proptest! {
    #[test]
    fn every_sequence_of_inputs_ends_and_loses_nothing_in_silence(
        resets in any::<bool>(),
        waits in any::<bool>(),
        ops in prop::collection::vec(op(), 0..40),
    ) {
        let mut rig = Rig::new(resets, waits.then_some(ACK));
        for &op in &ops {
            rig.apply(op);
        }
        rig.shut_down();
        prop_assert!(rig.fins <= 1, "{} FINs", rig.fins);
        prop_assert_eq!(rig.life.unsent(), rig.dropped as u64);
        let (resets, queued) = (rig.life.resets(), rig.queued);
        let reason = rig.life.into_reason();
        let looks_complete = matches!(reason, CloseReason::Done) && !resets;
        prop_assert!(!looks_complete || (queued == 0 && rig.dropped == 0), "{} queued, {} dropped", queued, rig.dropped);
    }
}
