//! A duration.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Invalid;
use super::text::{number, serde_as_text};

/// A duration: `250ms` or `1m 30s` as humantime writes it, or a number of seconds such as `2` or `0.5`. It is exact to
/// the nanosecond, and less than [`Span::LIMIT`], so that adding it to a time of the clock cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// The limit of all durations: 100 years.
    pub const LIMIT: Duration = Duration::from_secs(100 * 31_557_600);
}

impl FromStr for Span {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Span, Invalid> {
        let bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let span = if bare { seconds(text) } else { humantime::parse_duration(text).ok() };
        match span {
            Some(span) if span < Span::LIMIT => Ok(Span(span)),
            Some(_) => Err(Invalid::new(text, "a duration", "less than 100 years")),
            None => {
                Err(Invalid::new(text, "a duration", "one such as 250ms, 1m 30s, or a number of seconds such as 0.5"))
            }
        }
    }
}

/// Reads `2`, `0.5`, `.5` or `2.` without the rounding of a binary fraction.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let seconds = if whole.is_empty() { 0 } else { number(whole)? };
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return None; // finer than a nanosecond: a value is not changed silently
    }
    let nanos = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<9}"))? };
    Some(Duration::new(seconds, u32::try_from(nanos).ok()?))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

serde_as_text!(Span);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: Duration = Duration::new(100 * 31_557_600 - 1, 999_999_999);

    #[test]
    fn units_and_plain_seconds_are_parsed() {
        let cases = [
            ("250ms", Duration::from_millis(250)),
            ("1m 30s", Duration::from_secs(90)),
            ("1m30s", Duration::from_secs(90)),
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("2", Duration::from_secs(2)),
            ("0.5", Duration::from_millis(500)),
            (".5", Duration::from_millis(500)),
            ("2.", Duration::from_secs(2)),
            ("0.000000001", Duration::from_nanos(1)),
            ("0.1000000000000", Duration::from_millis(100)),
            ("3155759999.999999999", LONGEST),
        ];
        for (text, span) in cases {
            assert_eq!(text.parse(), Ok(Span(span)), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        let cases = [
            "",
            ".",
            "-1",
            "-0.5",
            "+1",
            "NaN",
            "nan",
            "inf",
            "infinity",
            "1e3",
            "1.2.3",
            "5 parsecs",
            "ms",
            "0x1",
            "0.0000000001",
            "18446744073709551616",
            "99999999999999999999y",
        ];
        for text in cases {
            let error = text.parse::<Span>().unwrap_err().to_string();
            let expected = "one such as 250ms, 1m 30s, or a number of seconds such as 0.5";
            assert_eq!(error, format!("\"{text}\" is not a duration: expected {expected}"));
        }
    }

    #[test]
    fn extreme_spans_are_printed_and_parsed_back() {
        for span in [Duration::ZERO, Duration::from_nanos(1), LONGEST] {
            assert_eq!(Span(span).to_string().parse(), Ok(Span(span)));
        }
    }

    #[test]
    fn span_of_100_years_is_refused() {
        for text in ["3155760000", "100years", "18446744073709551615", "18446744073709551615.999999999"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a duration: expected less than 100 years"));
        }
    }

    proptest! {
        #[test]
        fn printed_spans_are_parsed_back(seconds in 0..Span::LIMIT.as_secs(), shift in 0u32..32, nanos in 0u32..1_000_000_000) {
            let span = Span(Duration::new(seconds >> shift, nanos));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
            let json = serde_json::to_string(&span).unwrap();
            prop_assert_eq!(serde_json::from_str::<Span>(&json).unwrap(), span);
        }
    }
}
