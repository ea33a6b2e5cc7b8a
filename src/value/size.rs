//! A number of bytes.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::text::{number, serde_as_text};

/// A number of bytes: `4096`, `4k`, `64KiB`, `1M`. Every unit is 1024-based, in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(pub u64);

/// The units, largest first: the power of two, the letter in input, and the name in output.
const UNITS: [(u32, char, &str); 4] = [(40, 't', "TiB"), (30, 'g', "GiB"), (20, 'm', "MiB"), (10, 'k', "KiB")];

impl FromStr for Size {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Size, Invalid> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (value, unit) = text.split_at(digits);
        let bytes = match (number(value), shift(unit)) {
            (Some(value), Some(shift)) => value.checked_mul(1 << shift),
            (None, Some(_)) if !value.is_empty() => None,
            _ => return Err(Invalid::new(text, "a size", "a number of bytes such as 4096, 4k, 64KiB or 1M")),
        };
        bytes.map(Size).ok_or_else(|| Invalid::new(text, "a size", "less than 16777216TiB"))
    }
}

/// The power of two of a unit: nothing, `B`, or a letter, alone or with `B` or `iB`.
fn shift(unit: &str) -> Option<u32> {
    let unit = unit.to_ascii_lowercase();
    let (shift, rest) = match UNITS.iter().find(|(_, letter, _)| unit.starts_with(*letter)) {
        Some((shift, _, _)) => (*shift, &unit[1..]),
        None => (0, unit.as_str()),
    };
    (matches!(rest, "" | "b") || (shift > 0 && rest == "ib")).then_some(shift)
}

impl fmt::Display for Size {
    /// In the largest unit that is exact: `64KiB`, `4097`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|(shift, _, _)| self.0 != 0 && self.0.trailing_zeros() >= *shift);
        match exact {
            Some((shift, _, name)) => write!(f, "{}{name}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

serde_as_text!(Size);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_1024_based_in_either_case() {
        let cases = [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("4k", 4096),
            ("4K", 4096),
            ("4KB", 4096),
            ("64KiB", 65536),
            ("64kib", 65536),
            ("1M", 1 << 20),
            ("1MiB", 1 << 20),
            ("2G", 2 << 30),
            ("3TiB", 3 << 40),
            ("16777215TiB", u64::MAX - (1 << 40) + 1),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        for text in ["", "4q", "k", "KiB", "-1", "+1", "1.5k", "4 k", "4kk", "4ib", "4kiB ", "0x10", "4é"] {
            let error = text.parse::<Size>().unwrap_err().to_string();
            let expected = "a number of bytes such as 4096, 4k, 64KiB or 1M";
            assert_eq!(error, format!("\"{text}\" is not a size: expected {expected}"));
        }
    }

    #[test]
    fn size_over_64_bits_is_refused() {
        for text in ["16777216TiB", "18446744073709551616", "99999999999999999999k"] {
            let error = text.parse::<Size>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a size: expected less than 16777216TiB"));
        }
    }

    #[test]
    fn largest_exact_unit_is_printed() {
        let cases = [(0, "0"), (1, "1"), (4097, "4097"), (65536, "64KiB"), (1 << 20, "1MiB"), (5 << 40, "5TiB")];
        for (bytes, text) in cases {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn printed_sizes_are_parsed_back(bytes: u64, shift in 0u32..64) {
            let size = Size(bytes >> shift << (shift / 2));
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            let json = serde_json::to_string(&size).unwrap();
            prop_assert_eq!(serde_json::from_str::<Size>(&json).unwrap(), size);
        }
    }
}
