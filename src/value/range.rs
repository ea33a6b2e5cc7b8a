//! A value, or a range of values.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::text::serde_as_text;

/// `MIN..MAX`, both included, or one value that is both. `FromStr` gives only ranges whose `min` is
/// at most `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Range<T> {
    /// The smallest value.
    pub min: T,
    /// The largest value.
    pub max: T,
}

impl<T: Clone> Range<T> {
    /// The range that contains only `value`.
    #[must_use]
    pub fn only(value: T) -> Range<T> {
        Range { min: value.clone(), max: value }
    }
}

impl<T: FromStr<Err = Invalid> + PartialOrd + Clone> FromStr for Range<T> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Range<T>, Invalid> {
        let Some((min, max)) = text.split_once("..") else {
            return Ok(Range::only(text.parse()?));
        };
        if min.is_empty() || max.is_empty() {
            return Err(Invalid::new(text, "a range", "MIN..MAX with both values, or one value"));
        }
        let range = Range { min: min.parse::<T>()?, max: max.parse::<T>()? };
        if range.min <= range.max {
            Ok(range)
        } else {
            Err(Invalid::new(text, "a range", "the smaller value before the larger one, as in MIN..MAX"))
        }
    }
}

impl<T: fmt::Display + PartialEq> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { self.min.fmt(f) } else { write!(f, "{}..{}", self.min, self.max) }
    }
}

serde_as_text!(Range<T>);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::value::{Size, Span};

    #[test]
    fn single_value_is_a_range() {
        assert_eq!("4k".parse(), Ok(Range::only(Size(4096))));
        assert_eq!("7..7".parse(), Ok(Range::only(Size(7))));
        assert_eq!(Range::only(Size(4096)).to_string(), "4KiB");
    }

    #[test]
    fn both_ends_are_included() {
        assert_eq!("1..7".parse(), Ok(Range { min: Size(1), max: Size(7) }));
        let pause = |ms| Span(Duration::from_millis(ms));
        assert_eq!("0.5..1.5".parse(), Ok(Range { min: pause(500), max: pause(1500) }));
        assert_eq!("10ms..1s 5ms".parse(), Ok(Range { min: pause(10), max: pause(1005) }));
    }

    #[test]
    fn error_names_the_wrong_part() {
        let cases = [
            ("5..2", r#""5..2" is not a range: expected the smaller value before the larger one, as in MIN..MAX"#),
            ("5..", r#""5.." is not a range: expected MIN..MAX with both values, or one value"#),
            ("..5", r#""..5" is not a range: expected MIN..MAX with both values, or one value"#),
            ("1..=5", r#""=5" is not a size: expected a number of bytes such as 4096, 4k, 64KiB or 1M"#),
            ("1..2..3", r#""2..3" is not a size: expected a number of bytes such as 4096, 4k, 64KiB or 1M"#),
            ("4q", r#""4q" is not a size: expected a number of bytes such as 4096, 4k, 64KiB or 1M"#),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<Range<Size>>().unwrap_err().to_string(), message);
        }
    }

    proptest! {
        #[test]
        fn printed_ranges_are_parsed_back(a: u64, b: u64, c in 0..Span::LIMIT.as_secs(), d in 0..Span::LIMIT.as_secs(), nanos in 0u32..1_000_000_000) {
            let sizes = Range { min: Size(a.min(b)), max: Size(a.max(b)) };
            prop_assert_eq!(sizes.to_string().parse(), Ok(sizes));
            let json = serde_json::to_string(&sizes).unwrap();
            prop_assert_eq!(serde_json::from_str::<Range<Size>>(&json).unwrap(), sizes);
            let spans = Range { min: Span(Duration::new(c.min(d), 0)), max: Span(Duration::new(c.max(d), nanos)) };
            prop_assert_eq!(spans.to_string().parse(), Ok(spans));
        }
    }
}
