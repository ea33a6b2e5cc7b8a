//! Cut offsets in a message, from its start or from its end.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::text::serde_as_text;

/// Cut offsets such as `1,5,-1`: at least one, no duplicates, none 0. Negative offsets count from the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offsets(Vec<i64>);

const WHAT: &str = "a list of cut offsets";
const EXPECTED: &str = "numbers such as 1,5,-1, negative ones counting from the end";

impl Offsets {
    /// Takes the offsets in the given order, without duplicates. An error for a 0, because a cut before the first byte
    /// cuts nothing, and for an empty list.
    pub fn new(offsets: impl IntoIterator<Item = i64>) -> Result<Offsets, Invalid> {
        let mut seen = HashSet::new();
        let offsets: Vec<i64> = offsets.into_iter().filter(|offset| seen.insert(*offset)).collect();
        if seen.contains(&0) {
            return Err(Invalid::new("0", "a cut offset", "1 or more, or -1 and less: a cut at 0 cuts nothing"));
        }
        if offsets.is_empty() {
            return Err(Invalid::new("", WHAT, EXPECTED));
        }
        Ok(Offsets(offsets))
    }

    /// The offsets in the given order.
    #[must_use]
    pub fn as_slice(&self) -> &[i64] {
        &self.0
    }
}

impl FromStr for Offsets {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Offsets, Invalid> {
        let offset = |text: &str| {
            // `parse` would also take a leading plus.
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.starts_with(|c: char| c.is_ascii_digit()) { text.parse().ok() } else { None }
        };
        let offsets: Option<Vec<i64>> = text.split(',').map(offset).collect();
        Offsets::new(offsets.ok_or_else(|| Invalid::new(text, WHAT, EXPECTED))?)
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, offset) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{offset}")?;
        }
        Ok(())
    }
}

serde_as_text!(Offsets);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_is_kept_and_duplicates_are_removed() {
        assert_eq!("5,1,-1,5,05,-1".parse::<Offsets>().unwrap().as_slice(), [5, 1, -1]);
        assert_eq!("-9223372036854775808".parse::<Offsets>().unwrap().as_slice(), [i64::MIN]);
    }

    #[test]
    fn cut_at_zero_is_refused() {
        for text in ["0", "-0", "1,0", "1,-0,2", "000"] {
            let error = text.parse::<Offsets>().unwrap_err().to_string();
            assert_eq!(error, "\"0\" is not a cut offset: expected 1 or more, or -1 and less: a cut at 0 cuts nothing");
        }
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        for text in ["", ",", "1,", ",1", "1,,2", "+1", "1;2", "1, 2", "--1", "-", "a", "9223372036854775808"] {
            let error = text.parse::<Offsets>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a list of cut offsets: expected {EXPECTED}"));
        }
    }

    proptest! {
        #[test]
        fn printed_offsets_are_parsed_back(list in prop::collection::vec(any::<i64>().prop_filter("0", |n| *n != 0), 1..9)) {
            let offsets = Offsets::new(list).unwrap();
            prop_assert_eq!(offsets.to_string().parse(), Ok(offsets.clone()));
            let json = serde_json::to_string(&offsets).unwrap();
            prop_assert_eq!(serde_json::from_str::<Offsets>(&json).unwrap(), offsets);
        }
    }
}
