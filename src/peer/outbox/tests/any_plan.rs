//! Whatever the plan, the sizes that are sent and the sizes that the kernel takes: the bytes come out
//! once and in order, cut where the cutter says, and no pause or barrier is lost.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::super::*;
use crate::plan::{CutLayer, Cutter, Cutting};
use crate::value::{Offsets, Range, Seed, Size, Span};

/// What happens to an outbox from outside.
#[derive(Clone, Debug)]
enum Op {
    Send(Vec<usize>),
    /// Carries out steps; each write takes at most the next of these sizes, and 0 ends the turn.
    Run(Vec<usize>),
    Wait(u64),
    Pass(BarrierOutcome),
    HoldLast,
}

/// What was done, with the bytes written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Write { asked: usize, taken: usize, pin: Pin },
    Pause(Duration),
    Passed,
    Release,
}

struct Rig {
    outbox: Outbox,
    now: Instant,
    paused_until: Option<Instant>,
    sent: Vec<u8>,
    lengths: Vec<usize>,
    wire: Vec<u8>,
    done: Vec<(usize, Done)>,
    dividing: u64,
    /// A barrier was passed when nothing was queued.
    is_undecided: bool,
}

impl Rig {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Send(lengths) => {
                let start = self.sent.len();
                let end = start + lengths.iter().sum::<usize>();
                self.sent.extend((start..end).map(|at| u8::try_from(at % 251).unwrap()));
                self.outbox.push(&self.sent[start..], lengths.iter().copied());
                self.lengths.extend(lengths);
            }
            Op::Run(sizes) => {
                let mut sizes = sizes.iter();
                while self.step(|| sizes.next().copied().unwrap_or_default()) {}
            }
            Op::Wait(millis) => self.now += Duration::from_millis(*millis),
            Op::Pass(outcome) if self.outbox.is_at_barrier() => self.pass(*outcome),
            Op::Pass(_) => {}
            Op::HoldLast => self.outbox.hold_last(),
        }
    }

    fn pass(&mut self, outcome: BarrierOutcome) {
        self.is_undecided = self.outbox.queued() == 0;
        self.dividing += u64::from(!self.is_undecided);
        self.outbox.passed(outcome);
        self.done.push((self.wire.len(), Done::Passed));
    }

    /// Carries out one step; whether there may be another at once.
    fn step(&mut self, mut size: impl FnMut() -> usize) -> bool {
        let at = self.wire.len();
        assert_eq!(self.outbox.offset(), at as u64);
        match self.outbox.next(self.now) {
            Step::Write { bytes, pin } => {
                assert!(self.paused_until.take().is_none_or(|until| self.now >= until), "written within a pause");
                let (asked, taken) = (bytes.len(), bytes.len().min(size()));
                self.wire.extend_from_slice(&bytes[..taken]);
                self.dividing += u64::from(taken > 0 && std::mem::take(&mut self.is_undecided));
                self.outbox.wrote(taken, pin);
                self.done.push((at, Done::Write { asked, taken, pin }));
                taken > 0
            }
            Step::Pause { until, length } => {
                assert!(until > self.now && self.paused_until.is_none());
                self.paused_until = Some(until);
                self.done.push((at, Done::Pause(length)));
                false
            }
            Step::Until(until) => {
                assert_eq!(self.paused_until, Some(until));
                false
            }
            Step::Barrier { offset, .. } => {
                assert_eq!(offset, at as u64);
                false
            }
            Step::Release => {
                self.outbox.released();
                self.done.push((at, Done::Release));
                true
            }
            Step::Idle => false,
        }
    }

    /// Carries out all that is left, with everybody willing.
    fn finish(&mut self) {
        self.outbox.end_group();
        while self.outbox.queued() > 0 || self.outbox.is_at_barrier() {
            self.apply(&Op::Run(vec![usize::MAX; 100]));
            self.apply(&Op::Pass(BarrierOutcome::Read));
            self.apply(&Op::Wait(100));
        }
        assert_eq!(self.outbox.next(self.now), Step::Idle);
        assert_eq!((self.outbox.unwritten().min(1), self.outbox.backlog()), (0, 0));
    }

    fn at<'a>(&'a self, wanted: impl Fn(&Done) -> bool + 'a) -> impl Iterator<Item = usize> + 'a {
        self.done.iter().filter(move |(_, done)| wanted(done)).map(|(at, _)| *at)
    }
}

/// A piece as the cutter alone has it.
struct Planned {
    start: usize,
    end: usize,
    pause: Option<Duration>,
    is_whole: bool,
}

fn pieces(plan: &Plan, channel: Channel, lengths: &[usize]) -> Vec<Planned> {
    let (mut cutter, mut found, mut at) = (Cutter::new(plan, channel.number), Vec::new(), 0);
    let total: usize = lengths.iter().sum();
    let mut add = |piece: Piece| {
        let pause = piece.pause.filter(|pause| !pause.is_zero());
        found.push(Planned { start: at, end: at + piece.len, pause, is_whole: piece.is_whole });
        at += piece.len;
        at
    };
    if channel.raw {
        let mut at = 0;
        while let Some(piece) = cutter.next_in_stream(total - at) {
            at = add(piece);
        }
    } else {
        let messages: Vec<usize> = lengths.iter().copied().filter(|&length| length > 0).collect();
        for group in messages.chunks(plan.coalesce.get()) {
            cutter.group(group);
            while let Some(piece) = cutter.next_piece() {
                add(piece);
            }
        }
    }
    found
}

fn plans() -> impl Strategy<Value = Plan> {
    let sizes = (0u64..20, 0u64..20).prop_map(|(a, b)| Range { min: Size(a.min(b)), max: Size(a.max(b)) });
    let offsets = prop::collection::vec((-30i64..30).prop_filter("0", |n| *n != 0), 1..6);
    let cutting = prop_oneof![
        Just(Cutting::Whole),
        sizes.prop_map(Cutting::Chunk),
        offsets.prop_map(|list| Cutting::Cut(Offsets::new(list).unwrap())),
    ];
    let span = |millis| Span(Duration::from_millis(millis));
    let delay = (0u64..9, 0u64..9).prop_map(move |(a, b)| Range { min: span(a.min(b)), max: span(a.max(b)) });
    let barrier = prop_oneof![Just(Barrier::None), Just(Barrier::Acked), Just(Barrier::PeerRead)];
    (cutting, 1usize..4, prop::option::of(delay), barrier, any::<u64>()).prop_map(
        |(cutting, coalesce, delay, barrier, seed)| Plan {
            cutting,
            coalesce: NonZeroUsize::new(coalesce).unwrap(),
            delay,
            barrier,
            layer: CutLayer::Record,
            seed: Seed(seed),
        },
    )
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let outcome =
        prop_oneof![Just(BarrierOutcome::Read), Just(BarrierOutcome::Acked), Just(BarrierOutcome::NotVisible)];
    let op = prop_oneof![
        4 => prop::collection::vec(0usize..40, 0..4).prop_map(Op::Send),
        6 => prop::collection::vec(prop_oneof![1 => Just(0), 5 => 1usize..30], 1..20).prop_map(Op::Run),
        4 => (0u64..12).prop_map(Op::Wait),
        4 => outcome.prop_map(Op::Pass),
        1 => Just(Op::HoldLast),
    ];
    prop::collection::vec(op, 0..60)
}

impl Rig {
    fn new(outbox: Outbox) -> Rig {
        Rig {
            outbox,
            now: Instant::now(),
            paused_until: None,
            sent: Vec::new(),
            lengths: Vec::new(),
            wire: Vec::new(),
            done: Vec::new(),
            dividing: 0,
            is_undecided: false,
        }
    }
}

proptest! {
    #[test]
    fn header_precedes_any_plan_and_changes_no_cut(
        plan in plans(), raw in any::<bool>(), number in 0u64..4, ops in ops(),
        length in 1usize..40, cuts in prop::collection::vec(1i64..40, 0..4),
    ) {
        let channel = Channel { number, raw, has_barriers: true, joins: false };
        let inside = cuts.into_iter().filter(|cut| *cut < i64::try_from(length).unwrap());
        let header = HeaderPieces::new(&plan, number, length, Offsets::new(inside).ok().as_ref()).unwrap();
        let mut ends: Vec<usize> = header.pieces.iter().scan(0, |end, piece| { *end += piece.len; Some(*end) }).collect();
        prop_assert_eq!(ends.last(), Some(&length));
        let mut rig = Rig::new(Outbox::new(&plan, channel));
        rig.sent = vec![0xff; length];
        rig.outbox.push_header(&rig.sent, header);
        for op in &ops {
            rig.apply(op);
        }
        rig.finish();
        prop_assert_eq!(&rig.wire, &rig.sent);
        ends.extend(pieces(&plan, channel, &rig.lengths).iter().map(|piece| length + piece.end));
        for &(at, done) in &rig.done {
            let Done::Write { asked, pin, .. } = done else { continue };
            let end = *ends.iter().find(|end| at < **end).unwrap();
            let is_plain = plan.is_plain() && at >= length;
            prop_assert!(is_plain || at + asked == end || raw && at >= length && at + asked < end, "{asked} at {at}: {end}");
            prop_assert!(at >= length || pin == Pin::Own);
        }
    }

    #[test]
    fn any_plan_is_carried_out_exactly(
        plan in plans(), raw in any::<bool>(), has_barriers in any::<bool>(), number in 0u64..4, ops in ops(),
    ) {
        let channel = Channel { number, raw, has_barriers, joins: false };
        let mut rig = Rig::new(Outbox::new(&plan, channel));
        for op in &ops {
            rig.apply(op);
        }
        rig.finish();

        prop_assert_eq!(&rig.wire, &rig.sent);
        let proofs = rig.outbox.proofs();
        prop_assert_eq!(proofs.confirmed + proofs.unconfirmed, rig.dividing);

        // A held write is released before the next, and nothing else is.
        for (index, (at, done)) in rig.done.iter().enumerate() {
            let next = rig.done.get(index + 1);
            if plan.is_plain() {
                let is_write = matches!(done, Done::Write { .. });
                prop_assert!(is_write, "{:?}", done);
            } else if let Done::Write { asked, taken, pin } = *done {
                let released = next.is_some_and(|next| *next == (at + taken, Done::Release));
                prop_assert_eq!(released, pin == Pin::Hold && taken == asked && next.is_some());
                prop_assert!(pin != Pin::Free);
            }
        }
        if plan.is_plain() {
            return Ok(());
        }

        // What cuts: without cuts a stream has none, and each write of it is a piece of its own; behind
        // the last offset that cuts a stream it is the same, but without pauses.
        let pieces = pieces(&plan, channel, &rig.lengths);
        let tail = match &plan.cutting {
            _ if !raw => usize::MAX,
            Cutting::Whole => 0,
            Cutting::Chunk(_) | Cutting::At(_) | Cutting::AtRegex(_) => usize::MAX,
            Cutting::Cut(offsets) => offsets.as_slice().iter().filter_map(|&cut| usize::try_from(cut).ok()).max().unwrap_or(0),
        };
        let mut written = Vec::new();
        for &(at, done) in &rig.done {
            if let Done::Write { asked, taken, pin } = done {
                let end = pieces.iter().find(|piece| piece.start <= at && at < piece.end).unwrap().end;
                prop_assert!(at + asked == end || raw && at + asked < end, "a write of {asked} at {at} crosses {end}");
                if taken == asked {
                    written.push((at + taken, pin));
                }
            }
        }

        let pauses: Vec<_> = rig.done.iter().filter(|(_, done)| matches!(done, Done::Pause(_))).copied().collect();
        let planned = pieces.iter().filter_map(|piece| piece.pause.map(|pause| (piece.start, Done::Pause(pause))));
        if tail > 0 {
            prop_assert_eq!(&pauses, &planned.collect::<Vec<_>>());
        } else if plan.delay.is_some_and(|delay| !delay.min.0.is_zero()) && plan.cutting == Cutting::Whole {
            prop_assert_eq!(pauses.len() + 1, written.len().max(1));
        }

        let passed: Vec<usize> = rig.at(|done| *done == Done::Passed).collect();
        let ends = pieces.iter().filter(|piece| piece.is_whole && piece.end <= tail).map(|piece| piece.end);
        let after_tail = written.iter().map(|(end, _)| *end).filter(|end| *end > tail);
        let mut planned: Vec<usize> = ends.chain(after_tail).collect();
        if plan.barrier == Barrier::None || !has_barriers {
            planned.clear();
        } else if written.last().is_some_and(|(_, pin)| *pin == Pin::Hold) && planned.last() == Some(&rig.wire.len()) {
            planned.pop(); // the last piece is still held
        }
        prop_assert_eq!(passed, planned);
    }
}
