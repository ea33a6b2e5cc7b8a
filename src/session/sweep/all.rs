//! Runs all trials of a sweep, several at once.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::pool::{Done, Pool};
use super::second_look::{Runner, Suspects};
use crate::error::Error;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::signal::Signals;
use crate::plan::{Order, Trial};
use crate::verdict::{Baseline, Ending, Outcome, Tally, Verdict};

/// The number of refused connections in a row that ends a sweep: the server is gone.
const REFUSALS: usize = 16;

/// Runs all trials until `--max-time` is over, and counts those that were the same, or cannot be proven; returns the others.
pub(super) fn run(
    pool: &mut Pool<'_>,
    order: &Order,
    baseline: &Baseline,
    tally: &mut Tally,
    signals: &Signals,
) -> Result<Suspects, Error> {
    let next = order.iter();
    let suspects = Suspects::new();
    let mut all = All { pool, tally, signals, baseline, next, suspects, refused: 0, lifeless: 0 };
    Reactor::run(&mut all)?;
    Ok(all.suspects)
}

/// All trials, several at once.
struct All<'s, 'a, I> {
    pool: &'s mut Pool<'a>,
    tally: &'s mut Tally,
    signals: &'s Signals,
    baseline: &'s Baseline,
    /// The trials that have not begun.
    next: I,
    /// The trials that were not the same.
    suspects: Suspects,
    /// The number of trials in a row that were refused.
    refused: usize,
    /// The number of trials in a row without a byte of the server.
    lifeless: usize,
}

impl<I: Iterator<Item = Trial>> Handler for All<'_, '_, I> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.pool.reactor()
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.pool.on_event(ready, now);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        for Done { trial, outcome, begun, .. } in std::mem::take(&mut self.pool.ended) {
            self.tally.add_time(trial.name.kind(), begun.map_or(Duration::ZERO, |begun| now - begun));
            self.judge(trial, outcome);
        }
        let All { pool, tally, signals, .. } = self;
        if tally.gave_up.is_some() || signals.stopped() {
            tally.interrupted = signals.stopped();
            pool.abandon();
            return Ok(ControlFlow::Break(()));
        }
        while pool.len() < pool.config.jobs {
            let Some(trial) = self.next.next() else { break };
            if pool.is_out_of_time() {
                tally.out_of_time = true;
                break;
            }
            pool.begin(trial);
        }
        if pool.len() == 0 {
            return Ok(ControlFlow::Break(()));
        }
        pool.progress.print(now);
        Ok(ControlFlow::Continue(()))
    }
}

impl<I> All<'_, '_, I> {
    /// Counts a trial, or keeps it as a suspect; stops when the server is gone.
    fn judge(&mut self, trial: Trial, outcome: Outcome) {
        let All { pool, tally, .. } = self;
        let unreachable = matches!(outcome.ending, Ending::Unreachable(_));
        self.refused = if unreachable { self.refused + 1 } else { 0 };
        self.lifeless = if outcome.is_lifeless() && !unreachable { self.lifeless + 1 } else { 0 };
        if self.refused >= REFUSALS {
            tally.gave_up = Some(format!(
                "{} connections in a row failed: {} (--jobs 1 shows the plan before the failure)",
                self.refused, outcome.ending
            ));
        } else if self.lifeless >= pool.config.jobs.max(2) {
            tally.gave_up = Some(format!("the server read nothing on {} connections in a row", self.lifeless));
        }
        match self.baseline.judge(&outcome) {
            Verdict::NotProven(why) if outcome.unconfirmed > 0 || unreachable => {
                tally.count(trial.name, Verdict::NotProven(why));
            }
            Verdict::Same => tally.count(trial.name, Verdict::Same),
            Verdict::NotProven(_) | Verdict::Different => self.suspects.push((trial, outcome)),
        }
        pool.progress.advance(tally.total(), self.suspects.len());
    }
}
