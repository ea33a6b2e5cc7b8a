//! Cuts the bytes of one connection into pieces, with pauses between them, as a plan describes.

use std::time::Duration;

use super::draw::{Draws, Pauses};
use super::finder::Finder;
use super::{Cutting, Plan};
use crate::value::Offsets;

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its length; never 0.
    pub len: usize,
    /// The pause before it is written. None before the first piece of a connection, before the rest of a piece of a
    /// stream, and without a delay in the plan.
    pub pause: Option<Duration>,
    /// It ends at a cut of the plan, or the plan has no further cut.
    pub is_whole: bool,
}

/// Cuts the bytes of one direction of one connection: either messages, with [`Cutter::group`] and
/// [`Cutter::next_piece`], or a stream, with [`Cutter::next_in_stream`].
#[derive(Debug)]
pub struct Cutter {
    cuts: Cuts,
    /// Pauses are drawn separately from sizes, so that a delay does not change the cuts.
    pauses: Option<Pauses>,
    /// Whether the next bytes continue a piece: nothing was written yet, or only a part of the piece.
    amid: bool,
    /// The group of messages: its length, and how much of it was returned.
    len: usize,
    done: usize,
    /// The bytes of the stream that were returned.
    offset: u64,
}

#[derive(Debug)]
enum Cuts {
    None,
    /// Sizes from `min` to `max`. `left` bytes of the last size are not returned yet.
    Sizes {
        draws: Draws,
        min: u64,
        max: u64,
        left: u64,
    },
    /// Cuts at offsets. `ends` are the offsets in the group, or in the stream, in rising order; the next one is
    /// `ends[next]`.
    Offsets {
        offsets: Offsets,
        ends: Vec<u64>,
        next: usize,
    },
    /// Cuts after what is found in the bytes.
    Found(Box<Finder>),
}

impl Cutter {
    /// A cutter for one direction of a connection. All random choices depend only on the seed of the plan and on
    /// `stream`, the number of the connection.
    #[must_use]
    pub fn new(plan: &Plan, stream: u64) -> Cutter {
        let cuts = match &plan.cutting {
            Cutting::Whole => Cuts::None,
            Cutting::Chunk(sizes) => {
                // With a size of 0, the cutter would never end.
                let (min, max) = (sizes.min.0.max(1), sizes.max.0.max(1));
                let mut draws = Draws::new(plan.seed, stream.wrapping_mul(2));
                let left = draws.within(min, max);
                Cuts::Sizes { draws, min, max, left }
            }
            Cutting::Cut(offsets) => {
                // A negative offset counts from the end, which a stream does not have.
                let mut ends: Vec<u64> = offsets.as_slice().iter().filter_map(|cut| u64::try_from(*cut).ok()).collect();
                ends.sort_unstable();
                Cuts::Offsets { offsets: offsets.clone(), ends, next: 0 }
            }
            Cutting::At(patterns) => Cuts::Found(Box::new(Finder::of_patterns(patterns))),
            Cutting::AtRegex(expressions) => Cuts::Found(Box::new(Finder::of_expressions(expressions))),
        };
        let draws = || Draws::new(plan.seed, stream.wrapping_mul(2).wrapping_add(1));
        let pauses = plan.delay.map(|range| Pauses::new(draws(), range));
        Cutter { cuts, pauses, amid: true, len: 0, done: 0, offset: 0 }
    }

    /// Whether the cuts depend on the bytes: they are to be given to [`read`](Self::read) before they are cut.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        matches!(self.cuts, Cuts::Found(_))
    }

    /// Reads a message of a later group, or further bytes of the stream.
    pub fn read(&mut self, bytes: &[u8], is_message: bool) {
        let Cuts::Found(finder) = &mut self.cuts else { return };
        if is_message {
            finder.begin_message();
        }
        finder.read(bytes);
    }

    /// Starts a group of joined messages with these lengths, line endings included. Offsets cut each message; offsets
    /// at or beyond the end of a message do not. Chunks continue over the boundaries of messages. The rest of the
    /// previous group is dropped.
    pub fn group(&mut self, messages: &[usize]) {
        if let Cuts::Found(finder) = &mut self.cuts {
            finder.take((self.len - self.done) as u64);
        }
        (self.len, self.done) = (messages.iter().sum(), 0);
        if let Cuts::Offsets { offsets, ends, next } = &mut self.cuts {
            ends.clear();
            *next = 0;
            let mut start = 0;
            for len in messages.iter().map(|len| *len as u64) {
                let before = ends.len();
                ends.extend(offsets.as_slice().iter().filter_map(|cut| position(*cut, len)).map(|cut| start + cut));
                ends[before..].sort_unstable();
                start += len;
            }
            ends.dedup();
        }
    }

    /// The next piece of the group; `None` after the last one.
    pub fn next_piece(&mut self) -> Option<Piece> {
        let most = self.cuts.to_next(self.done as u64).min(self.len - self.done);
        if most == 0 {
            return None;
        }
        self.done += most;
        // The next group starts with a newly drawn size.
        self.cuts.advance(self.done as u64, most as u64, u64::MAX);
        Some(self.piece(most, true))
    }

    /// The next piece of a stream with `available` bytes to write; `None` if there are none. The cuts and pauses depend
    /// only on the bytes before them, not on `available`: if a piece is not complete, its available bytes are returned
    /// now and its rest later.
    pub fn next_in_stream(&mut self, available: usize) -> Option<Piece> {
        let wants = self.wants();
        let len = available.min(wants);
        if len == 0 {
            return None;
        }
        self.offset = self.offset.saturating_add(len as u64);
        let is_open = wants == usize::MAX && !self.wants_bytes(); // nothing more is cut
        self.cuts.advance(self.offset, len as u64, len as u64);
        let piece = self.piece(len, len == wants || is_open);
        self.amid = len < wants && !matches!(self.cuts, Cuts::None); // without cuts, each write is a piece
        Some(piece)
    }

    /// The number of bytes of the stream up to the next boundary; `usize::MAX` if there is none.
    #[must_use]
    pub fn wants(&self) -> usize {
        self.cuts.to_next(self.offset)
    }

    fn piece(&mut self, len: usize, is_whole: bool) -> Piece {
        let goes_on = std::mem::take(&mut self.amid);
        Piece { len, pause: if goes_on { None } else { self.pauses.as_mut().map(Pauses::next) }, is_whole }
    }
}

/// The position of a cut in a message of `len` bytes; `None` if it cuts nothing.
pub(super) fn position(cut: i64, len: u64) -> Option<u64> {
    let at = if cut.is_negative() { len.checked_sub(cut.unsigned_abs())? } else { cut.unsigned_abs() };
    (0 < at && at < len).then_some(at)
}

impl Cuts {
    /// The number of bytes from `offset` to the next cut.
    fn to_next(&self, offset: u64) -> usize {
        let bytes = match self {
            Cuts::None => u64::MAX,
            Cuts::Sizes { left, .. } => *left,
            Cuts::Offsets { ends, next, .. } => ends.get(*next).map_or(u64::MAX, |end| *end - offset),
            Cuts::Found(finder) => finder.to_next().unwrap_or(u64::MAX),
        };
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Advances by `taken` bytes to this offset, which is not beyond the next cut, and by this number of bytes of a
    /// size.
    fn advance(&mut self, offset: u64, taken: u64, bytes: u64) {
        match self {
            Cuts::None => (),
            Cuts::Sizes { draws, min, max, left } => {
                *left = left.saturating_sub(bytes);
                if *left == 0 {
                    *left = draws.within(*min, *max);
                }
            }
            Cuts::Offsets { ends, next, .. } => {
                if ends.get(*next) == Some(&offset) {
                    *next += 1;
                }
            }
            Cuts::Found(finder) => finder.take(taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;
    use crate::value::{Range, Seed, Size};

    fn plan(cutting: Cutting) -> Plan {
        Plan { cutting, ..Plan::default() }
    }

    fn cut(offsets: &str) -> Plan {
        plan(Cutting::Cut(offsets.parse().unwrap()))
    }

    fn chunk(sizes: &str) -> Plan {
        plan(Cutting::Chunk(sizes.parse().unwrap()))
    }

    fn pieces(cutter: &mut Cutter, messages: &[usize]) -> Vec<Piece> {
        cutter.group(messages);
        std::iter::from_fn(|| cutter.next_piece()).collect()
    }

    fn lens(plan: &Plan, messages: &[usize]) -> Vec<usize> {
        pieces(&mut Cutter::new(plan, 1), messages).iter().map(|piece| piece.len).collect()
    }

    #[test]
    fn message_is_cut_at_each_offset() {
        assert_eq!(lens(&Plan::default(), &[18]), [18]);
        assert_eq!(lens(&cut("5"), &[18]), [5, 13]);
        assert_eq!(lens(&cut("-1,5,1"), &[18]), [1, 4, 12, 1]);
        assert_eq!(lens(&cut("5,-13,17,-1"), &[18]), [5, 12, 1]);
        assert_eq!(lens(&chunk("7"), &[18]), [7, 7, 4]);
        assert_eq!(lens(&chunk("18"), &[18]), [18]);
        assert_eq!(lens(&chunk("16777215TiB"), &[18]), [18]);
    }

    #[test]
    fn offsets_at_or_beyond_an_end_cut_nothing() {
        assert_eq!(lens(&cut("18,19,-18,-19"), &[18]), [18]);
        assert_eq!(lens(&cut("9223372036854775807,-9223372036854775808"), &[18]), [18]);
        assert_eq!(lens(&cut("1,-1"), &[1]), [1]);
        assert_eq!(lens(&cut("1"), &[0]), Vec::<usize>::new());
        assert_eq!(lens(&cut("1"), &[]), Vec::<usize>::new());
    }

    #[test]
    fn joined_messages_are_cut_across_their_boundary() {
        assert_eq!(lens(&cut("5"), &[18, 18]), [5, 18, 13]);
        assert_eq!(lens(&cut("-1,1"), &[3, 2, 1, 0, 4]), [1, 1, 2, 3, 2, 1]);
        assert_eq!(lens(&chunk("10"), &[18, 18]), [10, 10, 10, 6]);
        assert_eq!(lens(&Plan::default(), &[18, 18]), [36]);
    }

    #[test]
    fn size_zero_does_not_hang() {
        let zero = plan(Cutting::Chunk(Range::only(Size(0))));
        assert_eq!(lens(&zero, &[3]), [1, 1, 1]);
    }

    #[test]
    fn every_piece_but_the_first_has_a_pause() {
        let plan = Plan { delay: Some("10ms".parse().unwrap()), ..cut("1") };
        let mut cutter = Cutter::new(&plan, 1);
        let (pause, piece) = (Some(Duration::from_millis(10)), |pause| Piece { len: 1, pause, is_whole: true });
        assert_eq!(pieces(&mut cutter, &[2]), [piece(None), piece(pause)]);
        assert_eq!(pieces(&mut cutter, &[1]), [piece(pause)]);
    }

    #[test]
    fn rest_of_a_piece_has_no_pause_before_it() {
        let pieces = |plan: Plan, available: &[usize]| {
            let mut cutter = Cutter::new(&Plan { delay: Some("10ms".parse().unwrap()), ..plan }, 1);
            let piece =
                |&available| cutter.next_in_stream(available).map(|it| (it.len, it.pause.is_some(), it.is_whole));
            available.iter().map(piece).map(Option::unwrap).collect::<Vec<_>>()
        };
        let all = [(3, false, false), (1, false, true), (2, true, false), (1, false, false)];
        assert_eq!(pieces(chunk("4"), &[3, 9, 2, 1]), all);
        let rest = [(3, false, false), (1, false, true), (2, true, true), (1, false, true)];
        assert_eq!(pieces(cut("4"), &[3, 9, 2, 1]), rest);
        assert_eq!(pieces(Plan::default(), &[3, 9]), [(3, false, true), (9, true, true)]);
    }

    #[test]
    fn delay_does_not_change_the_sizes() {
        let plain = chunk("1..100");
        let delayed = Plan { delay: Some("1ms..5ms".parse().unwrap()), ..plain.clone() };
        assert_eq!(lens(&plain, &[1000, 1000]), lens(&delayed, &[1000, 1000]));
        let pieces = pieces(&mut Cutter::new(&delayed, 1), &[1000]);
        let pauses = || pieces[1..].iter().map(|piece| piece.pause.unwrap());
        assert!(pauses().all(|pause| (Duration::from_millis(1)..=Duration::from_millis(5)).contains(&pause)));
        assert!(pauses().any(|pause| Some(pause) != pieces[1].pause));
    }

    #[test]
    fn every_connection_draws_its_own_sizes() {
        let plan = chunk("1..100");
        let sizes = |stream| pieces(&mut Cutter::new(&plan, stream), &[1000]);
        assert_eq!(sizes(1), sizes(1));
        assert_ne!(sizes(1), sizes(2));
        assert_ne!(lens(&plan, &[1000]), lens(&Plan { seed: Seed(1), ..plan.clone() }, &[1000]));
    }

    #[test]
    fn stream_is_cut_at_its_own_offsets() {
        let mut cutter = Cutter::new(&chunk("4"), 1);
        let len = |piece: Option<Piece>| piece.map(|piece| piece.len);
        assert_eq!(cutter.wants(), 4);
        assert_eq!(len(cutter.next_in_stream(3)), Some(3));
        assert_eq!(cutter.wants(), 1);
        assert_eq!(len(cutter.next_in_stream(3)), Some(1));
        assert_eq!(len(cutter.next_in_stream(0)), None);
        assert_eq!(len(cutter.next_in_stream(9)), Some(4));

        let mut cutter = Cutter::new(&cut("5,2,-1"), 1);
        let lens = std::iter::from_fn(|| len(cutter.next_in_stream(100))).take(4);
        assert_eq!(lens.collect::<Vec<_>>(), [2, 3, 100, 100]);
        assert_eq!(cutter.wants(), usize::MAX);
        assert_eq!(len(Cutter::new(&cut("-1"), 1).next_in_stream(9)), Some(9));
        assert_eq!(len(Cutter::new(&Plan::default(), 1).next_in_stream(9)), Some(9));
    }

    /// Runs one line of the table: `PLAN ; connection ; messages joined by + , or bytes of a stream`.
    fn run(case: &str) -> String {
        let [plan, stream, input] = case.split(" ; ").collect::<Vec<_>>().try_into().unwrap();
        let mut cutter = Cutter::new(&serde_json::from_str(plan).unwrap(), stream.parse().unwrap());
        let mut all = Vec::new();
        if let Some(bytes) = input.strip_prefix("stream ") {
            let mut left = bytes.parse().unwrap();
            while let Some(piece) = cutter.next_in_stream(left) {
                left -= piece.len;
                all.push(piece);
            }
        } else {
            for group in input.split(' ') {
                let messages: Vec<usize> = group.split('+').map(|len| len.parse().unwrap()).collect();
                all.extend(pieces(&mut cutter, &messages));
            }
        }
        let mut shown = String::new();
        for Piece { len, pause, .. } in all {
            write!(shown, " {len}").unwrap();
            if let Some(pause) = pause {
                write!(shown, "@{}", pause.as_nanos()).unwrap();
            }
        }
        shown
    }

    /// The meaning of a seed must not change: if this test fails, plans of earlier versions cannot be repeated.
    #[test]
    fn sequence_of_each_seed_is_the_committed_one() {
        let table = include_str!("../../tests/cases/plans.txt");
        let mut now = String::new();
        for line in table.lines() {
            match line.split_once(" =>") {
                Some((case, _)) if !case.starts_with('#') => writeln!(now, "{case} =>{}", run(case)).unwrap(),
                _ => writeln!(now, "{line}").unwrap(),
            }
        }
        assert!(table == now, "the table would now be:\n{now}");
    }

    fn plans() -> impl Strategy<Value = Plan> {
        let sizes = (0u64..20, 0u64..20).prop_map(|(a, b)| Range { min: Size(a.min(b)), max: Size(a.max(b)) });
        let offsets = prop::collection::vec((-30i64..30).prop_filter("0", |n| *n != 0), 1..6);
        let cutting = prop_oneof![
            Just(Cutting::Whole),
            sizes.prop_map(Cutting::Chunk),
            offsets.prop_map(|list| Cutting::Cut(Offsets::new(list).unwrap())),
        ];
        (cutting, any::<u64>(), 1usize..4).prop_map(|(cutting, seed, coalesce)| Plan {
            cutting,
            seed: Seed(seed),
            coalesce: NonZeroUsize::new(coalesce).unwrap(),
            ..Plan::default()
        })
    }

    proptest! {
        #[test]
        fn pieces_of_a_group_add_up_to_the_group(
            plan in plans(), groups in prop::collection::vec(prop::collection::vec(0usize..40, 0..5), 0..5),
        ) {
            let mut cutter = Cutter::new(&plan, 1);
            for group in groups {
                let pieces = pieces(&mut cutter, &group);
                prop_assert!(pieces.iter().all(|piece| piece.len > 0));
                prop_assert_eq!(pieces.iter().map(|piece| piece.len).sum::<usize>(), group.iter().sum::<usize>());
                prop_assert_eq!(cutter.next_piece(), None);
            }
        }

        #[test]
        fn stream_boundaries_do_not_depend_on_the_available_bytes(
            plan in plans(), available in prop::collection::vec(1usize..50, 1..50),
        ) {
            let mut at = 0;
            let mut ends = std::collections::HashSet::new();
            let mut cutter = Cutter::new(&plan, 1);
            for available in &available {
                let wants = cutter.wants();
                let len = cutter.next_in_stream(*available).unwrap().len;
                prop_assert_eq!(len, wants.min(*available));
                at += len;
                ends.insert(at);
            }
            let mut cutter = Cutter::new(&plan, 1);
            let mut boundary = 0usize;
            while let Some(end) = boundary.checked_add(cutter.wants()).filter(|end| *end <= at) {
                prop_assert!(ends.contains(&end));
                boundary = end;
                cutter.next_in_stream(usize::MAX);
            }
        }
    }
}
