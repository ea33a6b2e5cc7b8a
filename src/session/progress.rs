//! Prints progress from time to time: on a terminal in one line, which the next one replaces.

use std::time::{Duration, Instant};

use crate::io::report::Report;

/// The delay before the first line: a shorter run prints none.
const FIRST: Duration = Duration::from_millis(500);
/// The interval on a terminal.
const REDRAWN: Duration = Duration::from_millis(200);
/// The interval between two lines elsewhere.
const REPEATED: Duration = Duration::from_secs(1);

/// When and where progress is printed.
#[derive(Debug)]
pub(super) struct ProgressLine {
    report: Report,
    next: Instant,
    /// Each line replaces the previous one.
    redraws: bool,
    /// Whether a line was printed.
    shown: bool,
}

impl ProgressLine {
    /// The progress of an operation that begins now.
    pub(super) fn new(report: &Report, now: Instant) -> Self {
        ProgressLine { report: report.clone(), next: now + FIRST, redraws: report.redraws(), shown: false }
    }

    /// The same, for a terminal with other output: each line stays.
    pub(super) fn that_stays(self) -> Self {
        ProgressLine { redraws: false, ..self }
    }

    /// Prints the progress if it is due; returns when it is due next.
    pub(super) fn print(&mut self, now: Instant, line: impl FnOnce() -> String) -> Instant {
        if now >= self.next {
            self.shown = true;
            if self.redraws {
                self.report.status(&line());
                self.next = now + REDRAWN;
            } else {
                self.report.line(&line());
                self.next = now + REPEATED;
            }
        }
        self.next
    }

    /// Whether a line was printed.
    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Removes the line from the terminal, or replaces it by this last line.
    pub(super) fn end(&self, last: Option<String>) {
        self.report.status("");
        if let Some(last) = last {
            self.report.line(&last);
        }
    }
}
