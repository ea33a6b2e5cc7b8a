//! A count.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::text::number;

/// A count of ASCII digits. The configuration checks the limits of each option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Count(pub u32);

impl Count {
    /// The count as a `usize`.
    #[must_use]
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Count {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Count, Invalid> {
        let count = number(text).and_then(|count| u32::try_from(count).ok());
        count.map(Count).ok_or_else(|| Invalid::new(text, "a count", "a whole number below 2^32 such as 4"))
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_parsed_and_printed() {
        for (text, count) in [("0", 0), ("4", 4), ("007", 7), ("4294967295", u32::MAX)] {
            assert_eq!(text.parse(), Ok(Count(count)), "{text}");
        }
        assert_eq!(Count(u32::MAX).to_string(), "4294967295");
        assert_eq!(Count(7).in_memory(), 7);
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        for text in ["", "-1", "+1", "x", "1.5", "1k", "4294967296", "18446744073709551617", " 1", "0x1"] {
            let error = text.parse::<Count>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a count: expected a whole number below 2^32 such as 4"));
        }
    }
}
