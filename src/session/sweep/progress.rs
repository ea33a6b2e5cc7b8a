//! The progress of a sweep on a terminal's stderr; nothing elsewhere.

use std::time::Instant;

use super::super::progress::ProgressLine;
use crate::io::report::Report;
use crate::trace::Plans;
use crate::verdict::Count;

/// A progress line, or nothing.
#[derive(Default)]
pub(super) struct Progress(Option<Shown>);

struct Shown {
    line: ProgressLine,
    begun: Instant,
    plans: Plans,
}

impl Progress {
    /// The progress of this number of trials, which begin now.
    pub(super) fn new(trials: usize, quiet: bool, report: &Report, begun: Instant) -> Self {
        let plans = Plans { of: trials as u64, ..Plans::default() };
        let shown = || Shown { line: ProgressLine::new(report, begun), begun, plans };
        Progress((!quiet && report.redraws()).then(shown))
    }

    pub(super) fn advance(&mut self, counted: Count, suspects: usize) {
        if let Some(Shown { plans, .. }) = &mut self.0 {
            plans.done = (counted.judged() + suspects) as u64;
            plans.suspect = suspects as u64;
        }
    }

    pub(super) fn repeat(&mut self, number: usize) {
        if let Some(Shown { plans, .. }) = &mut self.0 {
            plans.again = number as u64;
        }
    }

    /// Prints the progress, if it is due.
    pub(super) fn print(&mut self, now: Instant) {
        if let Some(Shown { line, begun, plans }) = &mut self.0 {
            let nanos = u64::try_from((now - *begun).as_nanos()).unwrap_or(u64::MAX);
            line.print(now, || Plans { nanos, ..*plans }.line());
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(Shown { line, .. }) = self.0.take() {
            line.end(None);
        }
    }
}
