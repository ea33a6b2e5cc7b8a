//! Shrinks a trial that made a difference to the smallest one that still makes a difference.

use super::hello::HelloCuts;
use super::layout::Layout;
use super::trial::{Fin, Label, Trial};

/// Delta debugging (A. Zeller and R. Hildebrandt, IEEE TSE 28(2), 2002) of the changes that a trial makes to the
/// baseline. It performs no I/O: the caller runs each [`Shrink::candidate`] and reports with [`Shrink::report`] whether
/// the replies still differ. The caller may stop at any time.
#[derive(Clone, Debug)]
pub struct Shrink {
    layout: Layout,
    /// The cuts of the `ClientHello`, if the trial has some: they are then its only changes.
    hello: Option<HelloCuts>,
    /// The smallest set of changes so far that made a difference.
    changes: Vec<Change>,
    /// The number of parts that the changes are divided into; 0 if nothing is left to try.
    parts: usize,
    /// The next candidate: each part alone, then all parts except one.
    next: usize,
}

/// A change that a trial makes to the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Cuts in the header.
    Header(usize),
    /// Cuts in the `ClientHello`.
    Hello(usize),
    /// Cuts inside a message.
    Cut(usize),
    /// Joins two messages: no cut between them.
    Join(usize),
    /// Closes earlier.
    Fin(Fin),
}

impl Shrink {
    /// Starts with a trial that made a difference, for messages with this layout.
    #[must_use]
    pub fn new(layout: &Layout, failing: &Trial) -> Shrink {
        let boundaries = layout.boundaries();
        let inside = failing.cuts.iter().filter(|cut| boundaries.binary_search(cut).is_err());
        let mut changes: Vec<Change> = failing.header.iter().copied().map(Change::Header).collect();
        changes.extend(inside.copied().map(Change::Cut));
        changes.extend(failing.joined.iter().copied().map(Change::Join));
        // Changes that are close in the stream probably belong together.
        changes.sort_by_key(|change| change.offset());
        if failing.fin != Fin::Replied {
            changes.push(Change::Fin(failing.fin));
        }
        if let Some(hello) = &failing.hello {
            changes = hello.cuts.iter().copied().map(Change::Hello).collect();
        }
        let mut shrink = Shrink { layout: layout.clone(), hello: failing.hello.clone(), changes, parts: 0, next: 0 };
        shrink.divide(2, 0);
        shrink
    }

    /// The trial to run next; `None` if no further change can be removed.
    #[must_use]
    pub fn candidate(&self) -> Option<Trial> {
        (self.parts > 0).then(|| self.trial(&self.selected()))
    }

    /// Reports whether the candidate made a difference.
    pub fn report(&mut self, differs: bool) {
        if self.parts == 0 {
            return;
        }
        if differs {
            let without_a_part = self.next >= self.parts;
            self.changes = self.selected();
            // If all parts except one were needed, the parts are already small.
            let parts = if without_a_part { self.parts - 1 } else { 2 };
            self.divide(parts, if without_a_part { parts } else { 0 });
            return;
        }
        self.next += 1;
        // With two parts, "all except one" is the other part.
        let tries = if self.parts == 2 { 2 } else { 2 * self.parts };
        if self.next == tries {
            if self.parts < self.changes.len() { self.divide(2 * self.parts, 0) } else { self.parts = 0 }
        }
    }

    /// The smallest trial so far that made a difference.
    #[must_use]
    pub fn result(&self) -> Trial {
        self.trial(&self.changes)
    }

    fn divide(&mut self, parts: usize, next: usize) {
        self.parts = if self.changes.len() < 2 { 0 } else { parts.clamp(2, self.changes.len()) };
        self.next = if self.parts == 2 { 0 } else { next };
    }

    /// The changes of the candidate.
    fn selected(&self) -> Vec<Change> {
        let part = self.next % self.parts;
        let edge = |part: usize| part * self.changes.len() / self.parts;
        let (from, to) = (edge(part), edge(part + 1));
        if self.next < self.parts {
            self.changes[from..to].to_vec()
        } else {
            [&self.changes[..from], &self.changes[to..]].concat()
        }
    }

    fn trial(&self, changes: &[Change]) -> Trial {
        let (mut header, mut in_hello, mut cuts) = (Vec::new(), Vec::new(), Vec::new());
        let mut joined = Vec::new();
        let mut fin = Fin::Replied;
        for change in changes {
            match change {
                Change::Header(at) => header.push(*at),
                Change::Hello(at) => in_hello.push(*at),
                Change::Cut(at) => cuts.push(*at),
                Change::Join(at) => joined.push(*at),
                Change::Fin(early) => fin = *early,
            }
        }
        if let Some(hello) = &self.hello {
            let hello = Some(HelloCuts { cuts: in_hello, ..hello.clone() });
            return Trial { name: Label::Shrunk, hello, ..self.layout.whole() };
        }
        Trial { header, fin, ..self.layout.trial(Label::Shrunk, &joined, cuts) }
    }
}

impl Change {
    fn offset(self) -> usize {
        match self {
            Change::Header(_) => 0,
            Change::Hello(at) | Change::Cut(at) | Change::Join(at) => at,
            Change::Fin(_) => usize::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Choice, HelloForm, Order, Prelude};

    /// Shrinks against a peer that fails on these trials, and counts the runs.
    fn shrink(layout: &Layout, trial: &Trial, differs: impl Fn(&Trial) -> bool) -> (Trial, usize) {
        assert!(differs(trial));
        let mut shrink = Shrink::new(layout, trial);
        let mut runs = 0;
        while let Some(candidate) = shrink.candidate() {
            let outcome = differs(&candidate);
            shrink.report(outcome);
            runs += 1;
        }
        let result = shrink.result();
        assert!(differs(&result));
        shrink.report(true);
        assert_eq!(shrink.result(), result);
        (result, runs)
    }

    fn chunks_of_one(layout: &Layout) -> Trial {
        layout.trial(Label::Chunks(1), layout.boundaries(), (1..layout.boundaries()[0]).chain(19..36).collect())
    }

    #[test]
    fn the_one_needed_cut_is_found() {
        let layout = Layout::new(&[18, 18]);
        let (result, runs) = shrink(&layout, &chunks_of_one(&layout), |trial| trial.cuts.contains(&23));
        assert_eq!(result, Trial { name: Label::Shrunk, ..layout.trial(Label::Whole, &[], vec![23]) });
        assert!(runs <= 12, "{runs}");
    }

    #[test]
    fn cut_and_join_that_are_both_needed_stay() {
        let layout = Layout::new(&[18, 18]);
        let needs = |trial: &Trial| trial.cuts.contains(&5) && trial.joined == [18];
        let (result, _) = shrink(&layout, &chunks_of_one(&layout), needs);
        assert_eq!((result.cuts, result.joined), (vec![5], vec![18]));
    }

    #[test]
    fn records_of_a_hello_are_joined_until_one_cut_remains() {
        let layout = Layout::new(&[4, 4]);
        let hello = HelloCuts { form: HelloForm::JoinedRecords, cuts: (1..50).collect(), of: 50 };
        let trial = Trial { hello: Some(hello.clone()), ..layout.whole() };
        let cuts_at_17 = |trial: &Trial| trial.hello.as_ref().is_some_and(|hello| hello.cuts.contains(&17));
        let (result, _) = shrink(&layout, &trial, cuts_at_17);
        let least = Some(HelloCuts { cuts: vec![17], ..hello });
        assert_eq!(result, Trial { name: Label::Shrunk, hello: least, ..layout.whole() });
    }

    #[test]
    fn unneeded_fin_is_removed() {
        let layout = Layout::new(&[18]);
        let trial = Trial { fin: Fin::With, ..layout.trial(Label::Whole, &[], vec![3, 7]) };
        let (result, _) = shrink(&layout, &trial, |trial| trial.cuts.contains(&7));
        assert_eq!((result.cuts, result.fin), (vec![7], Fin::Replied));
        let (result, _) = shrink(&layout, &trial, |trial| trial.fin == Fin::With);
        assert_eq!((result.cuts, result.fin), (vec![], Fin::With));
    }

    #[test]
    fn parts_are_tried_alone_and_then_left_out() {
        let layout = Layout::new(&[10]);
        let trial = layout.trial(Label::Whole, &[], (1..9).collect());
        let candidates = |needed: &[usize]| {
            let tried = std::cell::RefCell::new(Vec::new());
            shrink(&layout, &trial, |trial| {
                tried.borrow_mut().push(trial.cuts.iter().map(ToString::to_string).collect::<String>());
                needed.iter().all(|cut| trial.cuts.contains(cut))
            });
            tried.into_inner().join(" ")
        };
        // Each time cuts could be left out, the rest is divided into one part less.
        let two = "12345678 1234 5678 12 34 56 78 345678 125678 5678 1278 12 78 1 2 7 8 278 78 28 27 2 7 27";
        assert_eq!(candidates(&[2, 7]), two);
        let four = "12345678 1234 5678 12 34 56 78 345678 125678 123478 123456 1 2 3 4 5 6 7 8 2345678";
        assert!(candidates(&[2, 4, 6, 8]).starts_with(four), "{}", candidates(&[2, 4, 6, 8]));
    }

    #[test]
    fn changes_are_in_the_order_of_the_stream() {
        let layout = Layout::new(&[4, 4]);
        let trial = Trial { fin: Fin::With, ..layout.trial(Label::Whole, &[4], vec![2, 6]) };
        let changes = [Change::Cut(2), Change::Join(4), Change::Cut(6), Change::Fin(Fin::With)];
        assert_eq!(Shrink::new(&layout, &trial).changes, changes);
    }

    #[test]
    fn single_change_needs_no_trial() {
        let order = Order::new(Prelude::default(), &[4, 4], Choice::default());
        let first = order.get(0).unwrap();
        assert_eq!(shrink(order.layout(), &first, |_| true), (Trial { name: Label::Shrunk, ..first }, 0));
    }

    proptest! {
        #[test]
        fn only_the_needed_changes_remain(
            messages in prop::collection::vec(1usize..12, 1..6), cuts in prop::collection::btree_set(1usize..60, 0..30),
            joins in any::<u8>(), fin: bool, needed in any::<u64>(),
        ) {
            let layout = Layout::new(&messages);
            let total: usize = messages.iter().sum();
            let inside = |at: &usize| *at < total && !layout.boundaries().contains(at);
            let joined = layout.boundaries().iter().enumerate().filter(|(place, _)| joins >> place & 1 == 1);
            let joined: Vec<usize> = joined.map(|(_, end)| *end).collect();
            let fin = if fin { Fin::With } else { Fin::Replied };
            let trial = layout.trial(Label::Whole, &joined, cuts.into_iter().filter(inside).collect());
            let trial = Trial { fin, ..trial };
            let changes = Shrink::new(&layout, &trial).changes;
            let needed: Vec<Change> = changes.iter().enumerate().filter(|(place, _)| needed >> place & 1 == 1).map(|(_, c)| *c).collect();
            prop_assume!(!needed.is_empty());
            let has = |trial: &Trial, change: &Change| match change {
                Change::Header(at) => trial.header.contains(at),
                Change::Hello(_) => false,
                Change::Cut(at) => trial.cuts.contains(at),
                Change::Join(at) => trial.joined.contains(at),
                Change::Fin(fin) => trial.fin == *fin,
            };
            let (result, _) = shrink(&layout, &trial, |trial| needed.iter().all(|change| has(trial, change)));
            prop_assert_eq!(Shrink::new(&layout, &result).changes, needed);
        }
    }
}
