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
    /// One line takes the place of another.
    redraws: bool,
    /// Something was reported.
    shown: bool,
}

impl ProgressLine {
    /// Of something that begins now.
    pub(super) fn new(report: &Report, now: Instant) -> Self {
        ProgressLine { report: report.clone(), next: now + FIRST, redraws: report.redraws(), shown: false }
    }

    /// The same, where something else is written to the same terminal: each line stays.
    pub(super) fn that_stays(self) -> Self {
        ProgressLine { redraws: false, ..self }
    }

    /// Tells how far it is, if it is time for that; when it will be next.
    pub(super) fn tell(&mut self, now: Instant, line: impl FnOnce() -> String) -> Instant {
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

    /// Whether something was reported.
    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Takes it off the terminal, with a last word in its place where one is wanted.
    pub(super) fn end(&self, last: Option<String>) {
        self.report.status("");
        if let Some(last) = last {
            self.report.line(&last);
        }
    }
}
