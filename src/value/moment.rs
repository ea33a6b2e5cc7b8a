//! Points in time, as values: pure code gets them as arguments and compares and prints them.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// The last millisecond that RFC 3339 can express.
const LAST: u64 = 253_402_300_799_999;

/// A time of day: milliseconds since 1970-01-01 00:00 UTC. It is printed in the form of RFC 3339, to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// This number of milliseconds since 1970; at most the last millisecond of the year 9999.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Timestamp(millis.min(LAST))
    }

    /// Reads the form of RFC 3339 with `Z`; `None` if it is another one, or a time before 1970.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let since = humantime::parse_rfc3339(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(LAST)))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(self.0)).fmt(f)
    }
}

/// A point in time: for measuring, and for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The time since some point at the start of this run. It only grows, whatever is done to the clock.
    pub elapsed: Duration,
    /// The time of day.
    pub time: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_is_printed_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_319_042_451_620, "2011-10-19T16:40:51.620Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
            assert_eq!(Timestamp::from_rfc3339(text), Some(Timestamp::from_millis(millis)));
        }
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::from_millis(LAST));
        for text in ["", "1969-12-31T23:59:59Z", "yesterday", "2011-10-19T16:40:51+02:00"] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }
}
