//! Telling now and then how far something is: on a terminal in one line, which the next takes the place of.

use std::time::{Duration, Instant};

use crate::io::report::Report;

/// What is over sooner is not worth a line.
const FIRST: Duration = Duration::from_millis(500);
/// Between two looks on a terminal.
const REDRAWN: Duration = Duration::from_millis(200);
/// Between two lines anywhere else.
const REPEATED: Duration = Duration::from_secs(1);

/// When what is told next, and where.
#[derive(Debug)]
pub(super) struct ProgressLine {
    report: Report,
    next: Instant,
}

impl ProgressLine {
    /// Of something that begins now.
    pub(super) fn new(report: &Report, now: Instant) -> Self {
        ProgressLine { report: report.clone(), next: now + FIRST }
    }

    /// Tells how far it is, if it is time for that; when it will be next.
    pub(super) fn tell(&mut self, now: Instant, line: impl FnOnce() -> String) -> Instant {
        if now >= self.next {
            if self.report.redraws() {
                self.report.status(&line());
                self.next = now + REDRAWN;
            } else {
                self.report.line(&line());
                self.next = now + REPEATED;
            }
        }
        self.next
    }

    /// Takes it off the terminal, with a last word in its place where one is wanted.
    pub(super) fn end(&self, last: Option<String>) {
        self.report.status("");
        if let Some(last) = last {
            self.report.line(&last);
        }
    }
}
