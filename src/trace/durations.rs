//! Counts of durations, from which the median and other quantiles are read.

/// The number of bits of a duration that its bucket keeps, the highest one left out.
const KEPT: u32 = 6;
/// The number of buckets: 0 to 63 exactly, and 64 for each larger power of two.
const BUCKETS: usize = ((u64::BITS - KEPT + 1) << KEPT) as usize;

/// Counts of durations in nanoseconds, in buckets whose width is at most 1/64 of the durations in them: a quantile is
/// less than 1 % wrong. The smallest and the largest duration are exact. It takes 30 KiB, however many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Durations {
    /// Empty until the first duration.
    counts: Vec<u64>,
    total: u64,
    least: u64,
    most: u64,
}

impl Durations {
    /// Counts one duration.
    pub(super) fn note(&mut self, nanos: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
            self.least = nanos;
        }
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        (self.least, self.most) = (self.least.min(nanos), self.most.max(nanos));
    }

    /// The number of durations.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The smallest one; 0 without any.
    pub(super) fn least(&self) -> u64 {
        self.least
    }

    /// The largest one.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// The smallest duration that at least this percentage of all is not larger than (the nearest rank); 0 without any.
    pub(super) fn percentile(&self, percent: u8) -> u64 {
        let rank = (u128::from(self.total) * u128::from(percent)).div_ceil(100).max(1);
        let mut before = 0;
        let found = self.counts.iter().position(|&count| {
            before += u128::from(count);
            before >= rank
        });
        found.map_or(0, |bucket| middle(bucket).clamp(self.least, self.most))
    }
}

/// The number of the bucket that counts a duration.
fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(KEPT + 1);
    // At most 64 KiB: the high bits of the duration, and the number of those left out.
    usize::try_from((u64::from(shift) << KEPT) + (nanos >> shift)).unwrap_or(BUCKETS - 1)
}

/// The duration in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let (exact, number) = (1 << (KEPT + 1), bucket as u64);
    if number < exact {
        return number;
    }
    let shift = (number >> KEPT) - 1;
    let low = (number - (shift << KEPT)) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_within_one_percent_of_its_bucket() {
        let powers = (0..64).flat_map(|bit| [-1, 0, 1, 7].map(|more| (1_u64 << bit).wrapping_add_signed(more)));
        for nanos in powers.chain([0, 99, 127, 128, 129, 191, 12_345, 999_999_937, u64::MAX]) {
            let shown = middle(bucket(nanos));
            assert!(bucket(nanos) < BUCKETS, "{nanos}");
            assert!(shown.abs_diff(nanos) <= nanos / 128 + u64::from(nanos > 127), "{nanos} as {shown}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert!((0..BUCKETS - 1).all(|number| bucket(middle(number)) == number));
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_durations() {
        let mut durations = Durations::default();
        assert_eq!([durations.total(), durations.least(), durations.most(), durations.percentile(50)], [0; 4]);
        durations.note(5);
        assert_eq!([durations.least(), durations.percentile(50), durations.percentile(99), durations.most()], [5; 4]);
        let mut all: Vec<u64> = (1..=999).map(|number| number * number * 1_000).collect();
        let mut durations = Durations::default();
        all.iter().rev().for_each(|&nanos| durations.note(nanos));
        all.sort_unstable();
        for percent in [1, 50, 90, 99, 100] {
            let exact = all[(999 * usize::from(percent)).div_ceil(100) - 1];
            let found = durations.percentile(percent);
            assert!(found.abs_diff(exact) <= exact / 100, "{percent}: {found} for {exact}");
        }
        assert_eq!((durations.total(), durations.least(), durations.most()), (999, 1_000, 998_001_000));
    }
}
