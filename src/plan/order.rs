//! The trials of a sweep, in the order they are run: every way to cut the same requests.

use super::draw::Draws;
use super::hello_order::HelloOrder;
use super::layout::Layout;
use super::selection::{Selection, share};
use super::trial::{Fin, Label, Trial};
use crate::value::Seed;

/// The trials of a sweep. Every trial can be made on its own, in any order and again.
#[derive(Clone, Debug)]
pub struct Order {
    layout: Layout,
    header: Selection,
    hello: HelloOrder,
    singles: Selection,
    chunks: Vec<usize>,
    joins: Selection,
    crossings: Vec<Label>,
    pairs: Selection,
    fins: &'static [Fin],
    skipped: u64,
}

/// The chunk sizes that are tried.
const CHUNKS: [usize; 4] = [1, 2, 3, 7];
const FINS: [Fin; 2] = [Fin::With, Fin::After];

/// What a connection sends before its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prelude {
    /// The bytes of its PROXY header; 0 without one.
    pub header: usize,
    /// The bytes of the record with its `ClientHello`; 0 without TLS.
    pub hello: usize,
}

impl Order {
    /// The trials for request messages of these lengths, line endings included: every single cut; chunks of 1, 2, 3 and
    /// 7; k messages joined; all joined and cut across each boundary; all pairs of cuts; the FIN with and after the
    /// last byte.
    ///
    /// There are at most `max_plans` trials, but always the few chunks, crossings and FINs. If there would be more,
    /// single cuts take precedence over pairs, and `seed` draws the sample.
    #[must_use]
    pub fn new(messages: &[usize], max_plans: usize, seed: Seed) -> Order {
        Order::with_prelude(Prelude::default(), messages, max_plans, seed)
    }

    /// The same, and before all others: every single cut of the header, and the cuts of the `ClientHello`. With a
    /// `ClientHello` and no messages, these are all.
    ///
    /// The families of the `ClientHello` and all others together share the trials equally, as far as they need them.
    #[must_use]
    pub fn with_prelude(prelude: Prelude, messages: &[usize], max_plans: usize, seed: Seed) -> Order {
        let layout = Layout::new(messages);
        let longest = messages.iter().copied().max().unwrap_or(0);
        let chunks: Vec<usize> = CHUNKS.into_iter().filter(|size| *size < longest).collect();
        let crossings = if messages.len() < 2 || longest < 2 {
            vec![]
        } else {
            vec![Label::Crossing(1), Label::CrossingMiddle, Label::Crossing(-1)]
        };
        let fins: &[Fin] = if prelude.hello > 0 && messages.is_empty() { &[] } else { &FINS };
        let always = (chunks.len() + crossings.len() + fins.len()) as u64;
        let joins = layout.boundaries().len() as u64;
        let places = layout.places();
        let pairs = u64::try_from(u128::from(places) * u128::from(places.saturating_sub(1)) / 2).unwrap_or(u64::MAX);
        let headers = prelude.header.saturating_sub(1) as u64;
        let others = [headers, always, joins, places, pairs].into_iter().fold(0u64, u64::saturating_add);
        let of_hello = HelloOrder::all(prelude.hello);
        // Three families are of the ClientHello.
        let third = of_hello.div_ceil(3);
        let [first, second, last, most] = share(max_plans as u64, [third, third, third, others]);
        let hello = HelloOrder::new(prelude.hello, first + second + last, seed);
        let most = if of_hello == 0 { max_plans as u64 } else { most };
        let mut room = most.saturating_sub(always);
        let mut skipped = of_hello - hello.len() as u64;
        let mut select = |of: u64, most: u64, stream: u64| {
            let count = of.min(most).min(room);
            room -= count;
            skipped = skipped.saturating_add(of - count);
            Selection::new(of, count, &[], &mut Draws::new(seed, stream))
        };
        // A long header, or many messages, must leave room for the cuts of messages.
        let header = select(headers, if messages.is_empty() { most } else { most / 2 }, 3);
        let joins = select(joins, most / 4, 0);
        let singles = select(places, u64::MAX, 1);
        let pairs = select(pairs, u64::MAX, 2);
        Order { layout, header, hello, singles, chunks, joins, crossings, pairs, fins, skipped }
    }

    /// The number of trials.
    #[must_use]
    pub fn len(&self) -> usize {
        let selected = self.header.len() + self.singles.len() + self.joins.len() + self.pairs.len();
        selected + self.hello.len() + self.chunks.len() + self.crossings.len() + self.fins.len()
    }

    /// Whether there is nothing to cut.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of trials that were left out because of the limit.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The trial whose replies those of this one are compared with: it cuts nothing.
    #[must_use]
    pub fn uncut(&self, trial: &Trial) -> Trial {
        if trial.hello.is_some() { self.layout.one_write() } else { self.layout.whole() }
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
        // Skips a section of the order, unless the trial is in it.
        let mut within = |len: usize| {
            let inside = index < len;
            if !inside {
                index -= len;
            }
            inside.then_some(index)
        };
        let layout = &self.layout;
        if let Some(at) = within(self.header.len()) {
            let cut = usize::try_from(self.header.get(at)?).ok()? + 1;
            return Some(Trial { header: vec![cut], ..layout.trial(Label::Header(cut), &[], vec![]) });
        }
        if let Some(at) = within(self.hello.len()) {
            let (name, cuts) = self.hello.get(at)?;
            return Some(Trial { name, hello: Some(cuts), ..layout.one_write() });
        }
        if let Some(at) = within(self.singles.len()) {
            let cut = layout.place(self.singles.get(at)?);
            return Some(layout.trial(Label::Cut(layout.locate(cut)), &[], vec![cut]));
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
        if let Some(at) = within(self.pairs.len()) {
            let (first, second) = unrank(self.pairs.get(at)?);
            let cuts = vec![layout.place(first), layout.place(second)];
            return Some(layout.trial(Label::Pair(layout.locate(cuts[0]), layout.locate(cuts[1])), &[], cuts));
        }
        let fin = *self.fins.get(within(self.fins.len())?)?;
        Some(Trial { fin, ..layout.trial(Label::Fin(fin), &[], vec![]) })
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
    use crate::plan::{HelloForm, TrialKind};

    fn shown(order: &Order) -> Vec<String> {
        order.iter().map(|trial| format!("{}: {:?} {:?}", trial.name, trial.cuts, trial.joined)).collect()
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
            "message 1 cut at 1 and 2: [1, 2, 4, 6] []",
            "message 1 cut at 1 and 3: [1, 3, 4, 6] []",
            "message 1 cut at 2 and 3: [2, 3, 4, 6] []",
            "message 1 cut at 1, message 2 cut at 1: [1, 4, 5, 6] []",
            "message 1 cut at 2, message 2 cut at 1: [2, 4, 5, 6] []",
            "message 1 cut at 3, message 2 cut at 1: [3, 4, 5, 6] []",
            "FIN in the segment of the last byte: [4, 6] []",
            "FIN right after the last byte: [4, 6] []",
        ];
        let order = Order::new(&[4, 2, 1], 1000, Seed(0));
        assert_eq!(shown(&order), expected);
        assert_eq!((order.len(), order.skipped(), order.get(20)), (20, 0, None));
        let fins: Vec<Fin> = order.iter().map(|trial| trial.fin).collect();
        assert!(fins[..18].iter().all(|fin| *fin == Fin::Replied));
        assert_eq!(fins[18..], FINS);
        assert_eq!(order.layout().whole().cuts, [4, 6]);
        assert!(!order.is_empty());
    }

    #[test]
    fn cuts_of_a_header_come_first() {
        let behind = |header, messages: &[usize], most| {
            Order::with_prelude(Prelude { header, hello: 0 }, messages, most, Seed(0))
        };
        let order = behind(4, &[2, 1], 1000);
        let header: Vec<_> = order.iter().map(|trial| trial.header).collect();
        assert_eq!(header[..3], [[1], [2], [3]]);
        assert!(header[3..].iter().all(Vec::is_empty));
        assert_eq!(shown(&order)[..2], ["PROXY header cut at 1: [2] []", "PROXY header cut at 2: [2] []"]);
        let messages = Order::new(&[2, 1], 1000, Seed(0));
        assert_eq!((shown(&order)[3..].to_vec(), order.len()), (shown(&messages), messages.len() + 3));
        assert_eq!(order.get(1).unwrap().header_cuts(), Some("2".parse().unwrap()));
        assert_eq!(order.layout().whole().header_cuts(), None);
        let long = behind(4000, &[20], 100);
        let of_header = long.iter().filter(|trial| !trial.header.is_empty()).count();
        assert_eq!((of_header, long.len()), (50, 100));
    }

    #[test]
    fn cuts_of_a_hello_share_the_trials_with_messages() {
        let order =
            |messages: &[usize], most| Order::with_prelude(Prelude { header: 0, hello: 1500 }, messages, most, Seed(3));
        let count = |order: &Order, kind: TrialKind| order.iter().filter(|trial| trial.name.kind() == kind).count();
        let alone = order(&[], 1000);
        let both = order(&[100, 100], 1000);
        for form in HelloForm::ALL {
            assert!((333..=334).contains(&count(&alone, TrialKind::Hello(form))));
            assert_eq!(count(&both, TrialKind::Hello(form)), 250);
        }
        assert_eq!((alone.len(), both.len(), count(&both, TrialKind::OneCut)), (1000, 1000, 198));
        assert_eq!(alone.skipped(), 1499 + 2 * (1494 + 6) - 1000);
        assert!(alone.iter().all(|trial| trial.hello.is_some()));
        let (first, last) = (both.get(0).unwrap(), both.get(999).unwrap());
        assert_eq!((&first.cuts[..], &first.joined[..]), (&[][..], &[100][..]));
        assert_eq!((both.uncut(&first), both.uncut(&last)), (both.layout().one_write(), both.layout().whole()));
        // Few cuts of messages leave more to the ClientHello.
        assert_eq!(order(&[2], 1000).len(), 1000);
        assert_eq!(order(&[2], usize::MAX).skipped(), 0);
    }

    #[test]
    fn uncuttable_messages_leave_only_trials_of_the_fin() {
        for messages in [&[][..], &[0], &[1]] {
            let expected = ["FIN in the segment of the last byte: [] []", "FIN right after the last byte: [] []"];
            assert_eq!(shown(&Order::new(messages, 1000, Seed(0))), expected);
        }
        assert_eq!(Order::new(&[1, 0, 1], 1000, Seed(0)).layout().whole().cuts, [1]);
    }

    #[test]
    fn beyond_the_limit_pairs_are_sampled_without_repeats() {
        let order = |seed| Order::new(&[100, 100], 1000, Seed(seed));
        let all = shown(&order(1));
        assert_eq!((all.len(), order(1).skipped()), (1000, 198 * 197 / 2 - (1000 - 198 - 4 - 1 - 3 - 2)));
        assert_eq!(all[..198], shown(&Order::new(&[100, 100], usize::MAX, Seed(0)))[..198]);
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 1000);
        assert_eq!(all, shown(&order(1)));
        assert_ne!(all, shown(&order(2)));
        // Every place is in at least one pair.
        let pairs: Vec<Trial> = order(1).iter().filter(|trial| matches!(trial.name, Label::Pair(..))).collect();
        assert!((1..100).chain(101..200).all(|at| pairs.iter().any(|trial| trial.cuts.contains(&at))));
    }

    #[test]
    fn beyond_the_limit_single_cuts_are_sampled_too() {
        let order = Order::new(&[1_000_000, 50], 100, Seed(7));
        assert_eq!(order.len(), 100);
        let singles = order.iter().filter(|trial| matches!(trial.name, Label::Cut(_))).count();
        assert_eq!(singles, 100 - 4 - 1 - 3 - 2);
        assert_eq!(Order::new(&[50], 0, Seed(7)).len(), 4 + 2);
        let many_messages = Order::new(&[10; 1000], 100, Seed(7));
        assert_eq!(many_messages.iter().filter(|trial| matches!(trial.name, Label::Joined(_))).count(), 25);
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
        ) {
            let order = Order::new(&messages, max_plans, Seed(seed));
            prop_assert!(order.len() <= max_plans.max(4 + 3 + 2));
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
