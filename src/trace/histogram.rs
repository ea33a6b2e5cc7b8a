//! Histograms of sizes: counts in buckets of powers of two, and several histograms as one table.

use std::fmt::Write;

use serde::Serialize;

use super::units::{grouped, rounded};

/// The largest number of rows of a table; if there are more buckets, neighbours share a row.
const ROWS: usize = 8;

/// A bar that has no room for this many characters is not worth the digits before it.
const SHORTEST_BAR: usize = 4;

/// Exact counts of sizes by their number of bits: 0, 1, 2..3, 4..7 and so on.
#[derive(Clone, Debug)]
pub(super) struct Histogram([u64; 65]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 65])
    }
}

impl Histogram {
    /// Counts one size.
    pub(super) fn note(&mut self, size: u64) {
        self.note_many(size, 1);
    }

    /// Counts a size this many times.
    pub(super) fn note_many(&mut self, size: u64, times: u64) {
        self.0[bucket(size)] += times;
    }

    /// The number of counted sizes.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The buckets that have a count.
    pub(super) fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        let buckets =
            self.0.iter().enumerate().map(|(number, &count)| Bucket { from: least(number), to: most(number), count });
        buckets.filter(|bucket| bucket.count > 0)
    }
}

/// A number of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Bucket {
    /// The smallest size that is counted here.
    from: u64,
    /// The largest size that is counted here.
    to: u64,
    count: u64,
}

/// A table of histograms with common rows, so that they can be compared. Each has a heading, and bars of at most
/// `width` characters, scaled to its own largest count. A line has at most `room` characters: large counts are rounded,
/// if they leave no room for bars. Empty if all histograms are empty.
pub(super) fn table(columns: &[(String, &Histogram)], width: usize, room: usize) -> String {
    let used = |bucket: &usize| columns.iter().any(|(_, histogram)| histogram.0[*bucket] > 0);
    let (Some(first), Some(last)) = ((0..65).find(used), (0..65).rfind(used)) else { return String::new() };
    let group = (last - first + 1).div_ceil(ROWS);
    let rows: Vec<(usize, usize)> =
        (first..=last).step_by(group).map(|low| (low, (low + group - 1).min(last))).collect();

    let sum = |histogram: &Histogram, (low, high): (usize, usize)| histogram.0[low..=high].iter().sum::<u64>();
    let labels: Vec<String> = rows.iter().map(|&(low, high)| label(low, high)).collect();
    let label_width = labels.iter().map(String::len).max().unwrap_or(0).max("size".len());
    let room = room.saturating_sub(label_width) / columns.len().max(1) - 2;
    let mut lines = vec![format!("{:label_width$}", "size")];
    lines.extend(labels.iter().map(|label| format!("{label:label_width$}")));
    for (heading, histogram) in columns {
        let counts: Vec<u64> = rows.iter().map(|&row| sum(histogram, row)).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let exact = grouped(most).len();
        let shown = if exact + 1 + SHORTEST_BAR.min(width) <= room { grouped } else { rounded };
        let digits = counts.iter().map(|&count| shown(count).len()).max().unwrap_or(0);
        let width = width.min(room.saturating_sub(digits + 1));
        let column = (digits + 1 + width).max(heading.len());
        // Writing to a String cannot fail.
        let _ = write!(lines[0], "  {heading:column$}");
        for (line, count) in lines[1..].iter_mut().zip(counts) {
            let cell = format!("{:>digits$} {}", shown(count), bar(count, most, width));
            let _ = write!(line, "  {cell:column$}");
        }
    }
    lines.iter().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// The number of the bucket that counts `size`.
fn bucket(size: u64) -> usize {
    (u64::BITS - size.leading_zeros()) as usize
}

/// The smallest size that a bucket counts.
fn least(bucket: usize) -> u64 {
    if bucket == 0 { 0 } else { 1 << (bucket - 1) }
}

/// The largest size that a bucket counts.
fn most(bucket: usize) -> u64 {
    if bucket == 0 { 0 } else { u64::MAX >> (64 - bucket) }
}

/// The label of the buckets `low` to `high`: `4..7`, and from 1024 on `4K..8K`, where 8K is excluded.
fn label(low: usize, high: usize) -> String {
    let (least, most) = (least(low), most(high));
    let power =
        |exponent: usize| format!("{}{}", 1 << (exponent % 10), ["", "K", "M", "G", "T", "P", "E"][exponent / 10]);
    let least_text = if low <= 10 { least.to_string() } else { power(low - 1) };
    match high {
        0 | 1 if least == most => least_text,
        0..=10 => format!("{least_text}..{most}"),
        _ => format!("{least_text}..{}", power(high)),
    }
}

/// A bar in proportion to the count; a count above 0 has at least one character.
fn bar(count: u64, most: u64, width: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let width = u128::try_from(width).unwrap_or(u128::MAX);
    let length = (u128::from(count) * width + u128::from(most) / 2) / u128::from(most).max(1);
    "#".repeat(usize::try_from(length.max(1)).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sizes: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for &size in sizes {
            histogram.note(size);
        }
        histogram
    }

    #[test]
    fn two_columns_share_their_rows() {
        let writes = of(&[1, 4, 12, 1, 4, 12, 1, 4, 12]);
        let reads = of(&[17, 17, 17]);
        assert_eq!(
            table(&[("writes".into(), &writes), ("reads".into(), &reads)], 12, 80),
            "size    writes          reads\n\
             1       3 ############  0\n\
             2..3    0               0\n\
             4..7    3 ############  0\n\
             8..15   3 ############  0\n\
             16..31  0               3 ############\n"
        );
    }

    #[test]
    fn wide_range_of_sizes_fits_the_table() {
        let text = table(&[("writes".into(), &of(&[0, 1, 70, 1500, 65_536, 1 << 40, u64::MAX]))], 10, 80);
        assert!(text.lines().count() <= 1 + ROWS, "{text}");
        let labels: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        let expected =
            ["size", "0..255", "256..128K", "128K..64M", "64M..32G", "32G..16T", "16T..8P", "8P..4E", "4E..16E"];
        assert_eq!(labels, expected);
    }

    #[test]
    fn small_count_beside_a_million_is_visible() {
        let mut many = Histogram::default();
        (0..1_000_000).for_each(|_| many.note(1));
        many.note(2);
        assert_eq!(
            table(&[("writes".into(), &many)], 10, 80),
            "size  writes\n1     1,000,000 ##########\n2..3          1 #\n"
        );
        assert_eq!(many.total(), 1_000_001);
        assert_eq!(table(&[("writes".into(), &Histogram::default())], 10, 80), "");
    }
}
