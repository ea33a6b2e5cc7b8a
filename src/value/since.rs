//! A point in time, on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use super::{Invalid, Span};

/// A point in time: `2026-11-26`, `2026-11-26T18:39:08Z` (UTC), or a time ago such as `90m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// This time after 1970-01-01T00:00:00Z.
    At(Duration),
    /// This time before now.
    Ago(Duration),
}

impl FromStr for Since {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Since, Invalid> {
        let zulu = text.trim_end_matches('Z');
        let date = if zulu.len() == "2026-11-26".len() { format!("{zulu}T00:00:00Z") } else { format!("{zulu}Z") };
        let at = humantime::parse_rfc3339_weak(&date).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        match (at, text.parse()) {
            (Some(at), _) => Ok(Since::At(at)),
            (None, Ok(Span(ago))) => Ok(Since::Ago(ago)),
            (None, Err(_)) => {
                Err(Invalid::new(text, "a time", "2026-11-26, 2026-11-26T18:39:08Z, or a time ago such as 90m"))
            }
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Since::At(at) => humantime::format_rfc3339(UNIX_EPOCH + *at).fmt(f),
            Since::Ago(ago) => Span(*ago).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_times_ago_are_parsed() {
        let day = Duration::from_secs(1_795_651_200);
        let at = |seconds: u64, nanos| Since::At(day + Duration::new(seconds, nanos));
        for (text, since) in [
            ("2026-11-26", at(0, 0)),
            ("2026-11-26Z", at(0, 0)),
            ("2026-11-26T18:39:08Z", at(67_148, 0)),
            ("2026-11-26 18:39:08", at(67_148, 0)),
            ("2026-11-26T18:39:08.5Z", at(67_148, 500_000_000)),
            ("90m", Since::Ago(Duration::from_secs(5400))),
            ("2", Since::Ago(Duration::from_secs(2))),
        ] {
            assert_eq!(text.parse(), Ok(since), "{text}");
        }
        assert_eq!(at(67_148, 0).to_string(), "2026-11-26T18:39:08Z");
        for text in ["", "yesterday", "2026-13-01", "2026-11-26T25:00:00Z", "26.11.2026", "-1h", "18:39"] {
            let error = text.parse::<Since>().unwrap_err().to_string();
            assert!(error.contains("expected 2026-11-26, "), "{text}: {error}");
        }
    }
}
