//! A complaint that others can cause as often as they like: they do not choose how long the log grows.

use std::time::{Duration, Instant};

use crate::io::report::Report;

/// What is complained of again only after a pause. What comes within it is counted.
#[derive(Debug)]
pub(super) struct Complaint {
    pause: Duration,
    made: Option<Instant>,
    left_out: u64,
    /// The last of those.
    last: Option<String>,
}

impl Complaint {
    /// Of what lasts, and comes to nothing else each time.
    pub(super) fn once_a_minute() -> Self {
        Complaint::every(Duration::from_secs(60))
    }

    /// Of what may be something else each time.
    pub(super) fn once_a_second() -> Self {
        Complaint::every(Duration::from_secs(1))
    }

    fn every(pause: Duration) -> Self {
        Complaint { pause, made: None, left_out: 0, last: None }
    }

    /// Whether it is made now; and how often it was not since it was made last.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        if self.made.is_some_and(|made| now.saturating_duration_since(made) < self.pause) {
            self.left_out += 1;
            return None;
        }
        self.made = Some(now);
        self.last = None;
        Some(std::mem::take(&mut self.left_out))
    }

    /// Makes it, or keeps it in mind until the next one or the end.
    pub(super) fn make(&mut self, text: String, now: Instant, report: &Report) {
        match self.due(now) {
            Some(left_out) => report.error(&counted(text, left_out)),
            None => self.last = Some(text),
        }
    }

    /// Tells what was left out since it was made last.
    pub(super) fn end(&mut self, report: &Report) {
        if let Some(text) = self.last.take() {
            report.error(&counted(text, std::mem::take(&mut self.left_out) - 1));
        }
    }
}

fn counted(text: String, left_out: u64) -> String {
    if left_out == 0 { text } else { format!("{text}; {left_out} more like it were left out") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_a_pause_with_how_often_it_was_not() {
        let begun = Instant::now();
        let mut complaint = Complaint::once_a_second();
        let mut due = |millis| complaint.due(begun + Duration::from_millis(millis));
        assert_eq!([0, 0, 999, 1000, 1500, 5000].map(&mut due), [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn what_is_counted_is_told() {
        assert_eq!(counted("refused".into(), 0), "refused");
        assert_eq!(counted("refused".into(), 2), "refused; 2 more like it were left out");
    }
}
