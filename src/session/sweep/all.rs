//! Runs all trials of a sweep, several at once.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::pool::{Done, Pool};
use super::second_look::Suspects;
use crate::error::Error;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::signal::Signals;
use crate::plan::{Label, Layout, Order, Trial};
use crate::verdict::{Baseline, Ending, Outcome, Tally, Verdict};

/// The number of refused connections in a row that ends a sweep: the server is gone.
pub(super) const REFUSALS: usize = 16;
/// The number of times that a server is started again.
const STOPS: usize = 5;

/// Runs all trials until `--max-time` is over, and counts those that were the same, or cannot be proven; returns the others.
pub(super) fn run(
    pool: &mut Pool<'_>,
    order: &Order,
    baseline: &Baseline,
    tally: &mut Tally,
    signals: &Signals,
) -> Result<Suspects, Error> {
    let next = order.iter();
    let mut all = All {
        pool,
        tally,
        signals,
        baseline,
        layout: order.layout(),
        next,
        suspects: Suspects::new(),
        refused: 0,
        lifeless: 0,
        stalled: Vec::new(),
        is_over: false,
    };
    while !all.is_over && Reactor::run(&mut all)? == Pass::ServerStopped {
        all.restart(order)?;
    }
    all.name_what_stopped_it();
    Ok(all.suspects)
}

/// How a pass over the trials has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// There are no more trials, or none can be run.
    Done,
    /// The server has stopped, and can be started again.
    ServerStopped,
}

/// All trials, several at once.
struct All<'s, 'a, I> {
    pool: &'s mut Pool<'a>,
    tally: &'s mut Tally,
    signals: &'s Signals,
    baseline: &'s Baseline,
    layout: &'s Layout,
    /// The trials that have not begun.
    next: I,
    /// The trials that were not the same.
    suspects: Suspects,
    /// The number of trials in a row that were refused.
    refused: usize,
    /// The number of trials in a row without a byte of the server.
    lifeless: usize,
    /// The trials, since the last one that was the same, of which the server read up to a cut and then nothing more.
    stalled: Vec<Label>,
    /// No further trial begins.
    is_over: bool,
}

impl<I: Iterator<Item = Trial>> Handler for All<'_, '_, I> {
    type Output = Pass;
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.pool.reactor()
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.pool.on_event(ready, now);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<Pass>, Error> {
        self.pool.end_turn();
        for Done { trial, outcome, begun, .. } in std::mem::take(&mut self.pool.ended) {
            self.tally.add_time(trial.name.kind(), begun.map_or(Duration::ZERO, |begun| now - begun));
            self.judge(trial, outcome);
        }
        let All { pool, tally, signals, .. } = self;
        let must_abort = pool.must_abort();
        if tally.gave_up.is_some() || must_abort {
            tally.interrupted = signals.stopped();
            tally.out_of_time |= must_abort && !tally.interrupted;
            pool.abandon();
            return Ok(ControlFlow::Break(Pass::Done));
        }
        if pool.has_server_ended() || self.is_lifeless() {
            return Ok(ControlFlow::Break(Pass::ServerStopped));
        }
        let All { pool, tally, .. } = self;
        while pool.len() < pool.config.jobs {
            let Some(trial) = self.next.next() else { break };
            if pool.time.is_over_for(trial.name.kind(), !self.suspects.is_empty(), now) {
                tally.out_of_time = true;
                break;
            }
            pool.begin(trial);
        }
        if pool.len() == 0 {
            return Ok(ControlFlow::Break(Pass::Done));
        }
        pool.progress.print(now);
        Ok(ControlFlow::Continue(()))
    }
}

impl<I> All<'_, '_, I> {
    /// Whether a server that can be started again reads nothing any more.
    fn is_lifeless(&self) -> bool {
        self.pool.can_restart() && (self.lifeless >= self.pool.config.jobs.max(2) || self.refused >= REFUSALS)
    }

    /// Starts the server again. The trials that were running may have stopped it or not.
    fn restart(&mut self, order: &Order) -> Result<(), Error> {
        let unknown = Outcome { ending: Ending::Open, unread: true, ..Outcome::default() };
        (self.refused, self.lifeless) = (0, 0);
        let running = self.pool.withdraw();
        self.suspects.extend(running.into_iter().map(|trial| (trial, unknown.clone())));
        let stops = self.pool.note_stop()?;
        if stops >= STOPS {
            self.tally.warnings.push(format!("the server stopped {stops} times: no further plans were tried"));
            self.is_over = true;
            return Ok(());
        }
        if let Err(error) = self.pool.alone(&order.layout().whole()) {
            self.tally.gave_up = Some(error.to_string());
        }
        Ok(())
    }

    /// Names the trial that stopped the server, if the sweep ended for that: the one whose bytes the server had all read,
    /// and did not reply to; or else those that it read up to a cut, and no further.
    fn name_what_stopped_it(&mut self) {
        if self.tally.gave_up.is_none() {
            return;
        }
        let owes = |outcome: &Outcome| outcome.owes_reply && self.baseline.may_be_interrupted(outcome);
        // The last one: the server replied to none after it.
        if let Some((trial, _)) = self.suspects.iter().rfind(|(_, outcome)| owes(outcome)) {
            self.tally.stopped_by.push(trial.name);
            return;
        }
        // It may have read the last bytes of any of these.
        self.tally.stopped_by.append(&mut self.stalled);
    }

    /// Counts a trial, or keeps it as a suspect; stops when the server is gone.
    fn judge(&mut self, trial: Trial, outcome: Outcome) {
        let All { pool, tally, .. } = self;
        let unreachable = matches!(outcome.ending, Ending::Unreachable(_));
        self.refused = if unreachable { self.refused + 1 } else { 0 };
        self.lifeless = if outcome.is_lifeless() && !unreachable { self.lifeless + 1 } else { 0 };
        if pool.can_restart() {
            // It is started again, and goes on.
        } else if self.refused >= REFUSALS {
            tally.gave_up = Some(format!("{} connections in a row failed: {}", self.refused, outcome.ending));
        } else if self.lifeless >= pool.config.jobs.max(2) {
            tally.gave_up = Some(format!("the server read nothing on {} connections in a row", self.lifeless));
        }
        let verdict = self.baseline.judge(&outcome);
        if verdict == Verdict::Same {
            self.stalled.clear(); // the server went on
        } else if self.baseline.is_stalled(&outcome) && has_stopped_at_a_cut(&trial, &outcome, self.layout) {
            self.stalled.push(trial.name);
        }
        match verdict {
            // The server is being started again.
            Verdict::NotProven(_) if unreachable && pool.can_restart() => self.suspects.push((trial, outcome)),
            Verdict::NotProven(why) if outcome.unconfirmed > 0 || unreachable => {
                tally.count(trial.name, Verdict::NotProven(why));
            }
            Verdict::Same => tally.count(trial.name, Verdict::Same),
            Verdict::NotProven(_) | Verdict::Different => self.suspects.push((trial, outcome)),
        }
        pool.progress.advance(tally, &self.suspects);
    }
}

/// Whether the server has read the bytes before a cut inside a message, and none after it.
fn has_stopped_at_a_cut(trial: &Trial, outcome: &Outcome, layout: &Layout) -> bool {
    let is_cut = |offset: &usize| trial.cuts.contains(offset) && !layout.boundaries().contains(offset);
    outcome.read.as_ref().is_some_and(is_cut)
}
