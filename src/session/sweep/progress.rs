//! The progress of a sweep: a line on a terminal, and the map of the live page.

use std::time::Instant;

use super::super::progress::ProgressLine;
use super::live_map::LiveMap;
use crate::io::report::Report;
use crate::plan::Trial;
use crate::trace::Plans;
use crate::verdict::{Outcome, Tally};

/// The progress, where it is shown.
#[derive(Default)]
pub(super) struct Progress {
    line: Option<Shown>,
    map: Option<LiveMap>,
    /// The time of the turn.
    now: Option<Instant>,
}

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
        Progress { line: (!quiet && report.redraws()).then(shown), ..Progress::default() }
    }

    /// The same, on the live page too.
    pub(super) fn with_map(self, map: Option<LiveMap>) -> Self {
        Progress { map, ..self }
    }

    /// Notes the results so far, and the trials that are to be repeated.
    pub(super) fn advance(&mut self, tally: &Tally, suspects: &[(Trial, Outcome)]) {
        if let Some(Shown { plans, .. }) = &mut self.line {
            plans.done = (tally.total().judged() + suspects.len()) as u64;
            plans.suspect = suspects.len() as u64;
        }
        if let Some((map, now)) = self.map.as_mut().zip(self.now) {
            map.show(tally, suspects, now);
        }
    }

    pub(super) fn repeat(&mut self, number: usize) {
        if let Some(Shown { plans, .. }) = &mut self.line {
            plans.again = number as u64;
        }
    }

    /// Prints the progress, if it is due.
    pub(super) fn print(&mut self, now: Instant) {
        self.now = Some(now);
        if let Some(Shown { line, begun, plans }) = &mut self.line {
            let nanos = u64::try_from((now - *begun).as_nanos()).unwrap_or(u64::MAX);
            line.print(now, || Plans { nanos, ..*plans }.line());
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(Shown { line, .. }) = self.line.take() {
            line.end(None);
        }
    }
}
