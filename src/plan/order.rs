//! The trials of a sweep, in the order they are run: every way to cut the same requests.

use super::draw::Draws;
use super::families::{Families, Family};
use super::hello_order::HelloOrder;
use super::layout::Layout;
use super::selection::{Selection, share};
use super::trial::{Fin, Label, Trial, TrialKind};
use crate::value::Seed;

/// The trials of a sweep. Every trial can be made on its own, in any order and again.
#[derive(Clone, Debug)]
pub struct Order {
    layout: Layout,
    singles: Selection,
    header: Selection,
    chunks: Vec<usize>,
    joins: Selection,
    crossings: Vec<Label>,
    hello: HelloOrder,
    fins: Vec<Fin>,
    pairs: Selection,
    single_cuts: u64,
    skipped: u64,
    /// The only trial, if it was given.
    only: Option<Trial>,
}

/// The chunk sizes that are tried.
const CHUNKS: [usize; 4] = [1, 2, 3, 7];
const FINS: [Fin; 2] = [Fin::With, Fin::After];
/// The number of trials, if it is not chosen.
const PLANS: u64 = 1000;
/// The number of other trials that are tried even beside more than [`PLANS`] single cuts, if no number is chosen.
const BESIDE: u64 = 500;

/// Which trials of a sweep are tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// Their families.
    pub families: Families,
    /// The largest number of trials. By default 1000, and as many more as every single cut needs beside 500 others.
    pub max_plans: Option<usize>,
    /// Draws the sample of a family with too many trials.
    pub seed: Seed,
}

/// What a connection sends before its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prelude {
    /// The bytes of its PROXY header; 0 without one.
    pub header: usize,
    /// The bytes of the record with its `ClientHello`; 0 without TLS.
    pub hello: usize,
}

impl Order {
    /// The trials for request messages of these lengths, line endings included. In this order: every single cut; every
    /// single cut of the header; chunks of 1, 2, 3 and 7; k messages joined; all joined and cut across each boundary;
    /// the cuts of the `ClientHello`; the FIN with and after the last byte; all pairs of cuts.
    ///
    /// If there are more than the limit, single cuts of messages take precedence over all others. The families of the
    /// `ClientHello` and all others together share the rest equally, as far as they need it. Among the others the few
    /// chunks, crossings and FINs come first, and pairs last.
    #[must_use]
    pub fn new(prelude: Prelude, messages: &[usize], choice: Choice) -> Order {
        Order::of_layout(prelude, Layout::new(messages), choice)
    }

    /// The same for messages with this layout, which may have fewer places to cut.
    #[must_use]
    pub fn of_layout(prelude: Prelude, layout: Layout, choice: Choice) -> Order {
        let Choice { families, max_plans, seed } = choice;
        let count = |family, count: u64| if families.has(family) { count } else { 0 };
        let places = layout.places();
        let single_cuts = count(Family::Cut, places);
        let headers = count(Family::Header, prelude.header.saturating_sub(1) as u64);
        let joins = count(Family::Joined, layout.boundaries().len() as u64);
        let of_pairs = u128::from(places) * u128::from(places.saturating_sub(1)) / 2;
        let of_pairs = count(Family::Pair, u64::try_from(of_pairs).unwrap_or(u64::MAX));
        let hello = if families.has(Family::ClientHello) { prelude.hello } else { 0 };
        let of_hello = HelloOrder::all(hello);
        let longest = layout.longest();
        let mut chunks: Vec<usize> = CHUNKS.into_iter().filter(|size| *size < longest).collect();
        let mut crossings = vec![Label::Crossing(1), Label::CrossingMiddle, Label::Crossing(-1)];
        let mut fins = FINS.to_vec();
        if !families.has(Family::Chunk) {
            chunks.clear();
        }
        if joins == 0 || longest < 2 {
            crossings.clear();
        }
        if !families.has(Family::HalfClose) || layout.is_empty() {
            fins.clear();
        }
        let few = (chunks.len() + crossings.len() + fins.len()) as u64;
        let all = [single_cuts, headers, joins, of_pairs, of_hello, few].into_iter().fold(0, u64::saturating_add);

        let select = |of: u64, count: u64, stream: u64| Selection::new(of, count, &[], &mut Draws::new(seed, stream));
        let mut room = max_plans.map_or(PLANS.max(single_cuts.saturating_add(BESIDE)), |most| most as u64);
        let singles = select(single_cuts, room, 1);
        room -= singles.len() as u64;
        // Three families are of the ClientHello.
        let third = of_hello.div_ceil(3);
        let others = [headers, joins, of_pairs, few].into_iter().fold(0, u64::saturating_add);
        let [first, second, last, _] = share(room, [third, third, third, others]);
        let hello = HelloOrder::new(hello, first + second + last, seed);
        room -= hello.len() as u64;
        let mut take = |count: usize| {
            let taken = room.min(count as u64);
            room -= taken;
            usize::try_from(taken).unwrap_or(count)
        };
        fins.truncate(take(fins.len()));
        chunks.truncate(take(chunks.len()));
        crossings.truncate(take(crossings.len()));
        // Pairs, which are the most, have at least a quarter.
        let [for_header, for_joins] = share(room - of_pairs.min(room / 4), [headers, joins]);
        let (header, joins) = (select(headers, for_header, 3), select(joins, for_joins, 0));
        let pairs = select(of_pairs, (room - for_header - for_joins).min(of_pairs), 2);
        let order = Order {
            layout,
            singles,
            header,
            chunks,
            joins,
            crossings,
            hello,
            fins,
            pairs,
            single_cuts,
            skipped: 0,
            only: None,
        };
        Order { skipped: all.saturating_sub(order.len() as u64), ..order }
    }

    /// This trial alone, of messages with this layout.
    #[must_use]
    pub fn only(layout: Layout, trial: Trial) -> Order {
        let nothing = Choice { max_plans: Some(0), ..Choice::default() };
        let single_cuts = u64::from(trial.name.kind() == TrialKind::OneCut);
        let order = Order::of_layout(Prelude::default(), layout, nothing);
        Order { single_cuts, skipped: 0, only: Some(trial), ..order }
    }

    /// The number of trials.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.only.is_some() {
            return 1;
        }
        let selected = self.header.len() + self.singles.len() + self.joins.len() + self.pairs.len();
        selected + self.hello.len() + self.chunks.len() + self.crossings.len() + self.fins.len()
    }

    /// Whether there is nothing to cut.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of single cuts of messages, with those that were left out because of the limit; 0 if their family is
    /// not tried.
    #[must_use]
    pub fn single_cuts(&self) -> u64 {
        self.single_cuts
    }

    /// The number of trials that were left out because of the limit.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The messages that the offsets of all trials are in.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// All trials in order.
    pub fn iter(&self) -> impl Iterator<Item = Trial> + '_ {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// The trial with this number, from 0; `None` after the last one.
    #[must_use]
    pub fn get(&self, mut index: usize) -> Option<Trial> {
        if let Some(trial) = &self.only {
            return (index == 0).then(|| trial.clone());
        }
        // Skips a section of the order, unless the trial is in it.
        let mut within = |len: usize| {
            let inside = index < len;
            if !inside {
                index -= len;
            }
            inside.then_some(index)
        };
        let layout = &self.layout;
        if let Some(at) = within(self.singles.len()) {
            let cut = layout.place(self.singles.get(at)?);
            return Some(layout.trial(Label::Cut(layout.locate(cut)), &[], vec![cut]));
        }
        if let Some(at) = within(self.header.len()) {
            let cut = usize::try_from(self.header.get(at)?).ok()? + 1;
            return Some(Trial { header: vec![cut], ..layout.trial(Label::Header(cut), &[], vec![]) });
        }
        if let Some(at) = within(self.chunks.len()) {
            let size = *self.chunks.get(at)?;
            return Some(layout.trial(Label::Chunks(size), &[], layout.chunks(size)));
        }
        if let Some(at) = within(self.joins.len()) {
            let count = usize::try_from(self.joins.get(at)?).ok()? + 2;
            return Some(layout.trial(Label::Joined(count), &layout.joined(count), vec![]));
        }
        if let Some(at) = within(self.crossings.len()) {
            let label = *self.crossings.get(at)?;
            return Some(layout.trial(label, layout.boundaries(), layout.crossing(label)));
        }
        if let Some(at) = within(self.hello.len()) {
            let (name, cuts) = self.hello.get(at)?;
            return Some(Trial { name, hello: Some(cuts), ..layout.whole() });
        }
        if let Some(at) = within(self.fins.len()) {
            let fin = *self.fins.get(at)?;
            return Some(Trial { fin, ..layout.trial(Label::Fin(fin), &[], vec![]) });
        }
        let (first, second) = unrank(self.pairs.get(within(self.pairs.len())?)?);
        let cuts = vec![layout.place(first), layout.place(second)];
        Some(layout.trial(Label::Pair(layout.locate(cuts[0]), layout.locate(cuts[1])), &[], cuts))
    }
}

/// The pair with this number, the smaller one first: (0,1), (0,2), (1,2), (0,3), (1,3), (2,3), …
fn unrank(rank: u64) -> (u64, u64) {
    let rank = u128::from(rank);
    let second = (8 * rank + 1).isqrt().div_ceil(2);
    let first = rank - second * (second - 1) / 2;
    // Both are below 2^33.
    (u64::try_from(first).unwrap_or(0), u64::try_from(second).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::HelloForm;
    use crate::value::Named;

    fn shown(order: &Order) -> Vec<String> {
        order.iter().map(|trial| format!("{}: {:?} {:?}", trial.name, trial.cuts, trial.joined)).collect()
    }

    /// The order of these families, with at most so many trials.
    fn order(families: &str, messages: &[usize], max_plans: usize, seed: u64) -> Order {
        let choice = Choice { families: families.parse().unwrap(), max_plans: Some(max_plans), seed: Seed(seed) };
        Order::new(Prelude::default(), messages, choice)
    }

    fn count(order: &Order, kind: TrialKind) -> usize {
        order.iter().filter(|trial| trial.name.kind() == kind).count()
    }

    #[test]
    fn trials_have_the_documented_order() {
        let expected = [
            "message 1 cut at 1: [1, 4, 6] []",
            "message 1 cut at 2: [2, 4, 6] []",
            "message 1 cut at 3: [3, 4, 6] []",
            "message 2 cut at 1: [4, 5, 6] []",
            "chunks of 1: [1, 2, 3, 4, 5, 6] []",
            "chunks of 2: [2, 4, 6] []",
            "chunks of 3: [3, 4, 6] []",
            "2 messages in one write: [6] [4]",
            "3 messages in one write: [] [4, 6]",
            "all messages joined, each cut at 1: [1, 5] [4, 6]",
            "all messages joined, each cut in its middle: [2, 5] [4, 6]",
            "all messages joined, each cut at -1: [3, 5] [4, 6]",
            "FIN in the segment of the last byte: [4, 6] []",
            "FIN right after the last byte: [4, 6] []",
            "message 1 cut at 1 and 2: [1, 2, 4, 6] []",
            "message 1 cut at 1 and 3: [1, 3, 4, 6] []",
            "message 1 cut at 2 and 3: [2, 3, 4, 6] []",
            "message 1 cut at 1, message 2 cut at 1: [1, 4, 5, 6] []",
            "message 1 cut at 2, message 2 cut at 1: [2, 4, 5, 6] []",
            "message 1 cut at 3, message 2 cut at 1: [3, 4, 5, 6] []",
        ];
        let order = order("+half-close", &[4, 2, 1], 1000, 0);
        assert_eq!(shown(&order), expected);
        assert_eq!((order.len(), order.skipped(), order.single_cuts(), order.get(20)), (20, 0, 4, None));
        let fins: Vec<Fin> = order.iter().map(|trial| trial.fin).filter(|fin| *fin != Fin::Replied).collect();
        assert_eq!(fins, FINS);
        assert_eq!(order.layout().whole().cuts, [4, 6]);
        assert!(!order.is_empty());
    }

    #[test]
    fn each_family_is_tried_only_if_chosen() {
        let prelude = Prelude { header: 20, hello: 30 };
        let of = |families: Families| {
            let order = Order::new(prelude, &[4, 2, 1], Choice { families, ..Choice::default() });
            assert_eq!(order.single_cuts(), if families.has(Family::Cut) { 4 } else { 0 });
            let mut found = Families::default();
            for family in Family::ALL {
                let is_tried = order.iter().any(|trial| trial.name.kind().family() == *family);
                found = if is_tried { found.with(*family) } else { found.without(*family) };
            }
            found
        };
        assert_eq!(of(Families::default()), Families::default());
        for family in Family::ALL {
            let alone: Families = family.word().name.parse().unwrap();
            assert_eq!(of(alone), alone);
        }
        // Two of the kinds are one family.
        let joined = order("joined", &[4, 2, 1], 1000, 0);
        assert_eq!((count(&joined, TrialKind::Joined), count(&joined, TrialKind::Crossing), joined.len()), (2, 3, 5));
    }

    #[test]
    fn cuts_of_a_header_follow_those_of_messages() {
        let behind = |header, messages: &[usize], most| {
            Order::new(Prelude { header, hello: 0 }, messages, Choice { max_plans: Some(most), ..Choice::default() })
        };
        let order = behind(4, &[2, 1], 1000);
        let header: Vec<_> = order.iter().map(|trial| trial.header).collect();
        assert_eq!(header[..4], [&[][..], &[1], &[2], &[3]]);
        assert!(header[4..].iter().all(Vec::is_empty));
        assert_eq!(shown(&order)[1..3], ["PROXY header cut at 1: [2] []", "PROXY header cut at 2: [2] []"]);
        assert_eq!(order.get(2).unwrap().header_cuts(), Some("2".parse().unwrap()));
        assert_eq!(order.layout().whole().header_cuts(), None);
        let long = behind(4000, &[20, 20], 100);
        assert_eq!((count(&long, TrialKind::OneCut), long.len()), (38, 100));
        // 4 chunks, 3 crossings and a joined write leave 54 to the header and the pairs.
        assert_eq!((count(&long, TrialKind::Header), count(&long, TrialKind::TwoCuts)), (41, 13));
    }

    #[test]
    fn cuts_of_a_hello_share_the_trials_with_others() {
        let order = |messages: &[usize], most| {
            let choice = Choice { max_plans: Some(most), seed: Seed(3), ..Choice::default() };
            Order::new(Prelude { header: 0, hello: 1500 }, messages, choice)
        };
        let alone = order(&[], 1000);
        let both = order(&[100, 100], 1000);
        for form in HelloForm::ALL {
            assert!((333..=334).contains(&count(&alone, TrialKind::Hello(form))));
            // A quarter of what the 198 single cuts leave.
            assert!((200..=201).contains(&count(&both, TrialKind::Hello(form))));
        }
        assert_eq!((alone.len(), both.len(), count(&both, TrialKind::OneCut)), (1000, 1000, 198));
        assert_eq!((alone.skipped(), alone.single_cuts()), (1499 + 2 * (1494 + 6) - 1000, 0));
        assert!(alone.iter().all(|trial| trial.hello.is_some()));
        let hello = both.iter().find(|trial| trial.hello.is_some()).unwrap();
        assert_eq!((&hello.cuts[..], &hello.joined[..]), (&[100][..], &[][..]));
        // Few cuts of messages leave more to the ClientHello.
        assert_eq!(order(&[2], 1000).len(), 1000);
        assert_eq!(order(&[2], usize::MAX).skipped(), 0);
    }

    #[test]
    fn messages_of_one_byte_have_no_trials() {
        for messages in [&[][..], &[0], &[1]] {
            let order = order("-half-close", messages, 1000, 0);
            assert_eq!((shown(&order), order.is_empty()), (vec![], true));
        }
        let whole = order("cut", &[1, 0, 1], 1000, 0).layout().whole();
        assert_eq!(whole.cuts, [1]);
    }

    #[test]
    fn beyond_the_limit_pairs_are_sampled_without_repeats() {
        let of = |seed| order("+half-close", &[100, 100], 1000, seed);
        let all = shown(&of(1));
        assert_eq!((all.len(), of(1).skipped()), (1000, 198 * 197 / 2 - (1000 - 198 - 4 - 1 - 3 - 2)));
        assert_eq!(all[..208], shown(&order("+half-close", &[100, 100], usize::MAX, 0))[..208]);
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 1000);
        assert_eq!(all, shown(&of(1)));
        assert_ne!(all, shown(&of(2)));
        // Every place is in at least one pair.
        let pairs: Vec<Trial> = of(1).iter().filter(|trial| matches!(trial.name, Label::Pair(..))).collect();
        assert!((1..100).chain(101..200).all(|at| pairs.iter().any(|trial| trial.cuts.contains(&at))));
    }

    #[test]
    fn beyond_the_limit_single_cuts_come_before_all_others() {
        let singles = |order: &Order| count(order, TrialKind::OneCut);
        let long = order("+half-close", &[1_000_000, 50], 100, 7);
        assert_eq!((long.len(), singles(&long), long.single_cuts()), (100, 100, 999_999 + 49));
        let eight = order("+half-close", &[50, 50], 8, 7);
        assert_eq!((eight.len(), singles(&eight), eight.single_cuts()), (8, 8, 98));
        assert_eq!(shown(&order("cut", &[9], 8, 0)), shown(&order("+half-close", &[9], 8, 0)));
        assert_eq!(order("cut", &[50], 0, 7).len(), 0);
        // One trial more than the single cuts.
        assert_eq!(order("+half-close", &[9], 9, 0).get(8).unwrap().fin, Fin::With);
        let many_messages = order("joined,pair", &[10; 1000], 103, 7);
        assert_eq!(count(&many_messages, TrialKind::Joined), 75);
    }

    #[test]
    fn without_a_limit_every_single_cut_is_tried() {
        let order = |messages: &[usize]| Order::new(Prelude::default(), messages, Choice::default());
        assert_eq!(order(&[100]).len(), 1000);
        let long = order(&[5000, 5001]);
        assert_eq!((long.len(), count(&long, TrialKind::OneCut)), (9999 + 500, 9999));
    }

    #[test]
    fn given_trial_is_the_only_one() {
        let layout = Layout::new(&[9]);
        for (cuts, single_cuts) in [(vec![4], 1), (vec![4, 5], 0)] {
            let trial = layout.cut_at(cuts);
            let order = Order::only(layout.clone(), trial.clone());
            assert_eq!((order.len(), order.single_cuts(), order.skipped()), (1, single_cuts, 0));
            assert_eq!(order.iter().collect::<Vec<_>>(), [trial]);
        }
    }

    #[test]
    fn pairs_are_numbered_without_gaps() {
        let pairs: Vec<_> = (0..6).map(unrank).collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]);
        for second in [2u64, 3, 1000, 94_906_267, 4_000_000_000] {
            let rank = second * (second - 1) / 2;
            assert_eq!(unrank(rank), (0, second));
            assert_eq!(unrank(rank - 1), (second - 2, second - 1));
        }
        unrank(u64::MAX);
    }

    proptest! {
        #[test]
        fn every_trial_is_a_way_to_write_the_stream(
            messages in prop::collection::vec(0usize..12, 0..6), max_plans in 0usize..200, seed: u64,
            header in 0usize..30, hello in 0usize..30,
        ) {
            let choice = |max_plans| {
                Choice { families: "+half-close".parse().unwrap(), max_plans: Some(max_plans), seed: Seed(seed) }
            };
            let prelude = Prelude { header, hello };
            let order = Order::new(prelude, &messages, choice(max_plans));
            let all = Order::new(prelude, &messages, choice(usize::MAX));
            prop_assert_eq!((order.len(), all.skipped()), (max_plans.min(all.len()), 0));
            prop_assert_eq!(order.skipped(), (all.len() - order.len()) as u64);
            prop_assert_eq!(order.iter().count(), order.len());
            let total: usize = messages.iter().sum();
            for trial in order.iter() {
                prop_assert!(trial.cuts.windows(2).all(|pair| pair[0] < pair[1]));
                let boundaries = order.layout().boundaries();
                prop_assert!(trial.joined.iter().all(|end| boundaries.contains(end)));
                prop_assert!(trial.cuts.iter().all(|cut| (1..total).contains(cut)));
                if messages.iter().all(|len| *len > 0) {
                    prop_assert!(boundaries.iter().all(|end| trial.cuts.contains(end) != trial.joined.contains(end)));
                }
            }
        }
    }
}
