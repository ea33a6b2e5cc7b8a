//! Formats numbers for people: grouped digits, sizes, durations, rates; ASCII, three digits.

use crate::value::plural;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three digits and a letter for its thousands, millions and so on: `1.23M`; as [`grouped`] below a
/// million.
pub(crate) fn rounded(n: u64) -> String {
    let units = [(1_000_000_000_000_000_000, 'E'), (1_000_000_000_000_000, 'P'), (1_000_000_000_000, 'T')];
    let units = units.into_iter().chain([(1_000_000_000, 'G'), (1_000_000, 'M')]);
    let found = units.into_iter().find(|(unit, _)| n >= *unit);
    found.map_or_else(|| grouped(n), |(unit, letter)| format!("{}{letter}", figures(n.into(), unit.into())))
}

/// A number with its noun: `1 write`, `2 writes`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), plural(n))
}

/// A saturating sum.
pub(crate) fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// A number of bytes in a suitable unit: `57 B`, `5.72 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units =
        [(1 << 60, "EiB"), (1 << 50, "PiB"), (1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{} {name}", figures(bytes.into(), (*unit).into())),
        None => format!("{bytes} B"),
    }
}

/// A duration in a suitable unit: `36 us`, `1.25 s`, `2 min 5 s`.
pub(crate) fn span(nanos: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    // A unit starts where the smaller one would round up to a thousand of itself.
    match nanos {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{nanos} ns"),
        1_000..999_500 => format!("{} us", figures(nanos.into(), 1_000)),
        999_500..999_500_000 => format!("{} ms", figures(nanos.into(), 1_000_000)),
        999_500_000..60_000_000_000 => format!("{} s", figures(nanos.into(), SECOND.into())),
        _ => {
            let seconds = nanos / SECOND;
            let (big, small, names) = if seconds < 3600 {
                (seconds / 60, seconds % 60, ["min", "s"])
            } else {
                (seconds / 3600, seconds % 3600 / 60, ["h", "min"])
            };
            if small == 0 { format!("{big} {}", names[0]) } else { format!("{big} {} {small} {}", names[0], names[1]) }
        }
    }
}

/// The rate of `bytes` in `nanos` nanoseconds: `46 B/s`; `None` if no time has passed.
pub(crate) fn rate(bytes: u64, nanos: u64) -> Option<String> {
    Some(format!("{}/s", size(per_second(bytes, nanos)?)))
}

/// The count per second, rounded; `None` if no time has passed.
pub(crate) fn per_second(count: u64, nanos: u64) -> Option<u64> {
    let per_second = (u128::from(count) * 1_000_000_000 + u128::from(nanos) / 2).checked_div(nanos.into())?;
    Some(u64::try_from(per_second).unwrap_or(u64::MAX))
}

/// `value / unit` with three digits and no trailing zeros; with four digits before the point if it has that many.
fn figures(value: u128, unit: u128) -> String {
    let decimals = match value / unit {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let scale = 10_u128.pow(decimals);
    let rounded = (value * scale + unit / 2) / unit;
    let (whole, rest) = (rounded / scale, rounded % scale);
    if rest == 0 {
        return whole.to_string();
    }
    let rest = format!("{rest:0width$}", width = decimals as usize);
    format!("{whole}.{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_in_threes() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (20_000, "20,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
        let numbers = [999_999, 1_000_000, 12_345_678, 999_999_999_999, u64::MAX].map(rounded);
        assert_eq!(numbers, ["999,999", "1M", "12.3M", "1000G", "18.4E"]);
        assert_eq!(counted(1, "write"), "1 write");
        assert_eq!(counted(0, "write"), "0 writes");
    }

    #[test]
    fn sizes_have_a_fitting_unit() {
        for (n, text) in [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (6_000_000, "5.72 MiB")] {
            assert_eq!(size(n), text);
        }
        assert_eq!(size(u64::MAX), "16 EiB");
    }

    #[test]
    fn spans_have_a_fitting_unit() {
        for (nanos, text) in [
            (0, "0 s"),
            (850, "850 ns"),
            (36_000, "36 us"),
            (999_499, "999 us"),
            (999_500, "1 ms"),
            (1_250_000, "1.25 ms"),
            (12_345_678, "12.3 ms"),
            (999_600_000, "1 s"),
            (4_200_000_000, "4.2 s"),
            (125_000_000_000, "2 min 5 s"),
            (7_200_000_000_000, "2 h"),
            (7_260_000_000_000, "2 h 1 min"),
        ] {
            assert_eq!(span(nanos), text);
        }
        assert_eq!(span(u64::MAX), "5124095 h 34 min");
    }

    #[test]
    fn rates_need_time_and_never_overflow() {
        assert_eq!(rate(57, 0), None);
        assert_eq!(rate(57, 1_250_000_000).unwrap(), "46 B/s");
        assert_eq!(per_second(u64::MAX, 1), Some(u64::MAX));
    }
}
