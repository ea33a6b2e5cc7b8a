//! Which candidates of a family of trials are tried, if there are too many.

use std::collections::BTreeSet;

use super::draw::Draws;

/// The selected candidates out of a number.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    All(u64),
    /// Their numbers in rising order.
    Sample(Vec<u64>),
}

impl Selection {
    /// Draws `count` of `of` candidates without repeats (Floyd's algorithm, CACM 30(9), 1987). Those of
    /// `first` are selected in their order, before any is drawn.
    pub(super) fn new(of: u64, count: u64, first: &[u64], draws: &mut Draws) -> Selection {
        if count >= of {
            return Selection::All(of);
        }
        let given: Vec<u64> = first.iter().copied().filter(|number| *number < of).collect();
        let mut given = given[..given.len().min(usize::try_from(count).unwrap_or(usize::MAX))].to_vec();
        given.sort_unstable();
        let (others, count) = (of - given.len() as u64, count - given.len() as u64);
        let mut sampled = BTreeSet::new();
        for last in others - count..others {
            let number = draws.within(0, last);
            if !sampled.insert(number) {
                sampled.insert(last);
            }
        }
        // The candidate with this number among those that are not given.
        let other = |mut number: u64| {
            for given in &given {
                number += u64::from(*given <= number);
            }
            number
        };
        let mut sample: Vec<u64> = given.iter().copied().chain(sampled.into_iter().map(other)).collect();
        sample.sort_unstable();
        Selection::Sample(sample)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Selection::All(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Selection::Sample(sample) => sample.len(),
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<u64> {
        match self {
            Selection::All(count) => Some(at as u64).filter(|at| at < count),
            Selection::Sample(sample) => sample.get(at).copied(),
        }
    }
}

/// Divides `total` among families that have so many candidates each: equally, and what one does not need goes to the
/// others.
pub(super) fn share<const N: usize>(total: u64, candidates: [u64; N]) -> [u64; N] {
    let mut by_size: Vec<usize> = (0..N).collect();
    by_size.sort_by_key(|&family| candidates[family]);
    let (mut shares, mut left) = ([0; N], total);
    for (done, &family) in by_size.iter().enumerate() {
        shares[family] = candidates[family].min(left / (N - done) as u64);
        left -= shares[family];
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Seed;

    #[test]
    fn unused_share_goes_to_other_families() {
        assert_eq!(share(1000, [2000, 3000, 4000]), [333, 333, 334]);
        assert_eq!(share(1000, [2000, 0, 100, 4000]), [450, 0, 100, 450]);
        assert_eq!(share(10, [3, 4, 2]), [3, 4, 2]);
        assert_eq!(share(0, [3, 4]), [0, 0]);
    }

    proptest! {
        #[test]
        fn sample_has_each_candidate_once_and_the_given_first(
            of in 0_u64..60, count in 0_u64..60, first in prop::collection::hash_set(0_u64..70, 0..10), seed: u64,
        ) {
            let first: Vec<u64> = first.into_iter().collect();
            let selection = Selection::new(of, count, &first, &mut Draws::new(Seed(seed), 1));
            let selected: Vec<u64> = (0..selection.len()).map_while(|at| selection.get(at)).collect();
            prop_assert_eq!(selected.len() as u64, count.min(of));
            prop_assert!(selected.windows(2).all(|pair| pair[0] < pair[1]) && selected.iter().all(|at| *at < of));
            let usable: Vec<u64> = first.into_iter().filter(|number| *number < of).collect();
            let given = usable.iter().take(usize::try_from(count).unwrap());
            prop_assert!(given.into_iter().all(|number| selected.contains(number)));
        }
    }
}
