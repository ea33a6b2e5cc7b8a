//! Random choices that are the same on every machine and in every version.

use std::time::Duration;

use rand_core::Rng;
use rand_pcg::Pcg64;

use crate::value::{Range, Seed, Span};

/// A sequence of numbers that depends only on a seed and the number of a stream.
///
/// The generator is PCG XSL-RR 128/64 (M. E. O'Neill, HMC-CS-2014-0905), whose sequence is specified. A change here
/// changes the meaning of every seed; `tests/cases/plans.txt` detects it.
#[derive(Clone, Debug)]
pub(super) struct Draws(Pcg64);

impl Draws {
    pub(super) fn new(seed: Seed, stream: u64) -> Draws {
        // Streams with the same or neighbouring states are correlated; the hash removes that.
        let state = u128::from(hash(seed.0 ^ hash(stream))) << 64 | u128::from(seed.0);
        Draws(Pcg64::new(state, u128::from(stream)))
    }

    /// A number from `min` to `max`, both included. If both are equal, nothing is drawn.
    pub(super) fn within(&mut self, min: u64, max: u64) -> u64 {
        if min >= max {
            return min;
        }
        let choices = u128::from(max - min) + 1;
        let below = (u128::from(self.0.next_u64()) * choices) >> 64;
        min + u64::try_from(below).unwrap_or(0) // below `choices`: it fits
    }
}

/// The pauses of one connection, in order.
#[derive(Debug)]
pub(super) struct Pauses {
    draws: Draws,
    range: Range<Span>,
}

impl Pauses {
    pub(super) fn new(draws: Draws, range: Range<Span>) -> Pauses {
        Pauses { draws, range }
    }

    pub(super) fn next(&mut self) -> Duration {
        let Range { min: Span(min), max: Span(max) } = self.range;
        if min >= max {
            return min;
        }
        // Pauses beyond 584 years are all equal.
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.draws.within(nanos(min), nanos(max)))
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
fn hash(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_splitmix64() {
        // The first numbers of the reference implementation for the seed 1234567.
        assert_eq!(hash(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(hash(1_234_567_u64.wrapping_add(0x9e37_79b9_7f4a_7c15)), 3_203_168_211_198_807_973);
    }

    #[test]
    fn every_number_of_a_range_is_drawn_and_no_other() {
        let mut draws = Draws::new(Seed(0), 0);
        let mut counts = [0u32; 7];
        for _ in 0..7000 {
            let number = draws.within(3, 9);
            counts[usize::try_from(number - 3).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(draws.within(5, 5), 5);
        assert_eq!(draws.within(u64::MAX, u64::MAX), u64::MAX);
        draws.within(0, u64::MAX);
    }

    #[test]
    fn neighboring_seeds_and_streams_differ() {
        let draw = |seed, stream| {
            let mut draws = Draws::new(Seed(seed), stream);
            (0..64).map(|_| draws.within(1, 7)).collect::<Vec<_>>()
        };
        let mut equal = [0u32; 64];
        for seed in 0..40 {
            for stream in 0..50 {
                let here = draw(seed, stream);
                for there in [draw(seed, stream + 1), draw(seed + 1, stream)] {
                    for (place, count) in equal.iter_mut().enumerate() {
                        *count += u32::from(here[place] == there[place]);
                    }
                }
            }
        }
        // Of 4000 pairs a seventh agrees by chance, 571, give or take 22.
        assert!(equal.iter().all(|count| (450..690).contains(count)), "{equal:?}");
    }
}
