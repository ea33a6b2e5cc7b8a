//! The trials of a sweep that cut a `ClientHello`, in the order they are run.

use super::draw::Draws;
use super::hello::{HelloCuts, HelloForm};
use super::selection::{Selection, share};
use super::trial::Label;
use crate::value::Seed;

/// The sizes of records that are tried.
const SIZES: [usize; 6] = [1, 2, 3, 4, 5, 32];
/// The first of the streams of random choices.
const STREAM: u64 = 4;

/// The trials that cut a `ClientHello`: in each form every single cut, and records of a few sizes.
#[derive(Clone, Debug)]
pub(super) struct HelloOrder {
    /// The bytes of the record, its header included; 0 if there is no `ClientHello`.
    len: usize,
    cuts: [Selection; 3],
    sizes: [Vec<usize>; 3],
}

impl HelloOrder {
    /// At most so many trials for a `ClientHello` whose record has `len` bytes. Those of record sizes come first.
    pub(super) fn new(len: usize, most: u64, seed: Seed) -> HelloOrder {
        let shares = share(most, Self::families(len));
        let sizes = HelloForm::ALL.map(|form| {
            let most = usize::try_from(shares[form as usize]).unwrap_or(usize::MAX);
            Self::sizes(form, len).take(most).collect::<Vec<_>>()
        });
        let cuts = HelloForm::ALL.map(|form| {
            let of = form.length(len).saturating_sub(1) as u64;
            let count = (shares[form as usize] - sizes[form as usize].len() as u64).min(of);
            Selection::new(of, count, &form.first(len), &mut Draws::new(seed, STREAM + form as u64))
        });
        HelloOrder { len, cuts, sizes }
    }

    /// The sizes of records that are tried in this form.
    fn sizes(form: HelloForm, len: usize) -> impl Iterator<Item = usize> {
        SIZES.into_iter().filter(move |&size| form != HelloForm::Tcp && size < form.length(len))
    }

    /// The number of trials of each family, if all are tried.
    fn families(len: usize) -> [u64; 3] {
        HelloForm::ALL.map(|form| (form.length(len).saturating_sub(1) + Self::sizes(form, len).count()) as u64)
    }

    /// The number of trials, if all are tried.
    pub(super) fn all(len: usize) -> u64 {
        Self::families(len).into_iter().sum()
    }

    pub(super) fn len(&self) -> usize {
        self.cuts.iter().map(Selection::len).sum::<usize>() + self.sizes.iter().map(Vec::len).sum::<usize>()
    }

    /// The trial with this number, from 0; `None` after the last one.
    pub(super) fn get(&self, mut index: usize) -> Option<(Label, HelloCuts)> {
        for form in HelloForm::ALL {
            let (selection, sizes) = (&self.cuts[form as usize], &self.sizes[form as usize]);
            let of = form.length(self.len);
            if let Some(number) = selection.get(index) {
                let cut = usize::try_from(number).ok()? + 1;
                return Some((Label::Hello(form, cut), HelloCuts { form, cuts: vec![cut], of }));
            }
            index -= selection.len();
            if let Some(&size) = sizes.get(index) {
                let cuts = (size..of).step_by(size).collect();
                return Some((Label::HelloSizes(form, size), HelloCuts { form, cuts, of }));
            }
            index -= sizes.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(order: &HelloOrder) -> Vec<(Label, HelloCuts)> {
        (0..).map_while(|index| order.get(index)).collect()
    }

    #[test]
    fn every_offset_is_tried_once_in_each_form() {
        let order = HelloOrder::new(100, u64::MAX, Seed(0));
        let trials = all(&order);
        assert_eq!((trials.len(), order.len(), HelloOrder::all(100)), (99 + 2 * (94 + 6), 299, 299));
        for (form, of) in [(HelloForm::Tcp, 100), (HelloForm::Records, 95), (HelloForm::JoinedRecords, 95)] {
            let singles = trials.iter().filter_map(|(label, cuts)| match label {
                Label::Hello(of_form, cut) if *of_form == form => Some((*cut, cuts.clone())),
                _ => None,
            });
            let expected = (1..of).map(|cut| (cut, HelloCuts { form, cuts: vec![cut], of }));
            assert!(singles.eq(expected), "{form:?}");
        }
        let (label, records) = &trials[99 + 94 + 2];
        assert_eq!(*label, Label::HelloSizes(HelloForm::Records, 3));
        assert_eq!((records.cuts[0], *records.cuts.last().unwrap(), records.cuts.len()), (3, 93, 31));
    }

    #[test]
    fn sample_is_fair_and_has_the_boundaries() {
        let order = |seed| HelloOrder::new(1500, 1000, Seed(seed));
        let trials = all(&order(7));
        assert_eq!((trials.len(), order(7).len()), (1000, 1000));
        let cuts = |form: HelloForm| {
            let single = |(label, _): &(Label, HelloCuts)| match label {
                Label::Hello(of, cut) if *of == form => Some(*cut),
                _ => None,
            };
            trials.iter().filter_map(single).collect::<Vec<_>>()
        };
        let counts = HelloForm::ALL.map(|form| cuts(form).len());
        assert_eq!(counts, [333, 333 - 6, 334 - 6]);
        for at in [1, 2, 3, 4, 5, 6, 7, 8, 9, 43, 1448, 1460, 1499] {
            assert!(cuts(HelloForm::Tcp).contains(&at), "{at}");
            assert!(at < 6 || cuts(HelloForm::Records).contains(&(at - 5)), "{at}");
        }
        assert_eq!(all(&order(7)), trials);
        assert_ne!(all(&order(8)), trials);
    }

    #[test]
    fn short_or_missing_hello_and_few_plans_are_no_error() {
        assert_eq!(all(&HelloOrder::new(0, 100, Seed(0))), []);
        assert_eq!(all(&HelloOrder::new(6, 100, Seed(0))).len(), 5);
        for most in 0..30 {
            let order = HelloOrder::new(1000, most as u64, Seed(0));
            assert_eq!((all(&order).len(), order.len()), (most, most));
        }
    }
}
