//! Rate limits for log lines that clients can cause, so that clients cannot fill the log.

use std::time::{Duration, Instant};

use crate::io::report::Report;
use crate::value::counted;

/// A log line that is printed again only after a pause; lines within the pause are counted.
#[derive(Debug)]
pub(super) struct RateLimited {
    pause: Duration,
    made: Option<Instant>,
    left_out: u64,
    /// The last of the lines that were not printed.
    last: Option<String>,
}

impl RateLimited {
    /// For a lasting condition, whose text is the same each time.
    pub(super) fn once_a_minute() -> Self {
        RateLimited::every(Duration::from_secs(60))
    }

    /// For a condition whose text may differ each time.
    pub(super) fn once_a_second() -> Self {
        RateLimited::every(Duration::from_secs(1))
    }

    fn every(pause: Duration) -> Self {
        RateLimited { pause, made: None, left_out: 0, last: None }
    }

    /// Whether to print the line now, and how many were left out since the last one.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        if self.made.is_some_and(|made| now.saturating_duration_since(made) < self.pause) {
            self.left_out += 1;
            return None;
        }
        self.made = Some(now);
        self.last = None;
        Some(std::mem::take(&mut self.left_out))
    }

    /// Prints the line, or keeps it until the next one or the end.
    pub(super) fn log(&mut self, text: String, now: Instant, report: &Report) {
        match self.due(now) {
            Some(left_out) => report.warning(&with_count(text, left_out)),
            None => self.last = Some(text),
        }
    }

    /// Prints what was left out since the last line.
    pub(super) fn end(&mut self, report: &Report) {
        if let Some(text) = self.last.take() {
            report.warning(&with_count(text, std::mem::take(&mut self.left_out) - 1));
        }
    }
}

/// At most this number of lines a second; the others are counted.
#[derive(Debug, Default)]
pub(super) struct Quota {
    /// The start of the current second.
    since: Option<Instant>,
    printed: u32,
    left_out: u64,
}

impl Quota {
    const MOST: u32 = 10;
    const PERIOD: Duration = Duration::from_secs(1);

    /// Whether to print one more line now. Call [`left_out`](Self::left_out) first.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        if self.end().is_none_or(|end| now >= end) {
            self.since = Some(now);
            self.printed = 0;
        }
        let admitted = self.printed < Self::MOST;
        self.printed += u32::from(admitted);
        self.left_out += u64::from(!admitted);
        admitted
    }

    /// The number of lines left out in the last second, if it is over, to be printed now.
    pub(super) fn left_out(&mut self, now: Instant) -> Option<u64> {
        let over = self.end().is_some_and(|end| now >= end);
        (over && self.left_out > 0).then(|| std::mem::take(&mut self.left_out))
    }

    /// The number of lines left out since this was last printed.
    pub(super) fn rest(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.left_out)).filter(|&left_out| left_out > 0)
    }

    /// The end of the current second.
    pub(super) fn end(&self) -> Option<Instant> {
        self.since.and_then(|since| since.checked_add(Self::PERIOD))
    }
}

fn with_count(text: String, left_out: u64) -> String {
    if left_out == 0 { text } else { format!("{text}; {} suppressed", counted(left_out, "similar line")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_errors_are_logged_once_a_pause_with_a_count() {
        let begun = Instant::now();
        let mut line = RateLimited::once_a_second();
        let mut due = |millis| line.due(begun + Duration::from_millis(millis));
        assert_eq!([0, 0, 999, 1000, 1500, 5000].map(&mut due), [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn ten_lines_a_second_are_printed_and_others_counted() {
        let begun = Instant::now();
        let mut quota = Quota::default();
        let at = |millis| begun + Duration::from_millis(millis);
        assert_eq!((quota.rest(), quota.left_out(at(0))), (None, None));
        assert_eq!((0..25).filter(|&n| quota.admits(at(n))).count(), 10);
        assert_eq!((quota.left_out(at(999)), quota.end()), (None, Some(at(1000))));
        assert_eq!((quota.left_out(at(1000)), quota.left_out(at(1000))), (Some(15), None));
        assert_eq!((0..11).filter(|&n| quota.admits(at(2000 + n))).count(), 10);
        assert_eq!((quota.rest(), quota.rest()), (Some(1), None));
    }

    #[test]
    fn count_of_omitted_lines_is_printed() {
        assert_eq!(with_count("refused".into(), 0), "refused");
        assert_eq!(with_count("refused".into(), 1), "refused; 1 similar line suppressed");
        assert_eq!(with_count("refused".into(), 2), "refused; 2 similar lines suppressed");
    }
}
