//! Repeats every trial whose result was not the same, alone and without time pressure, and shrinks those that repeat.

use std::collections::BTreeSet;

use super::Stop;
use super::progress::Progress;
use crate::error::Error;
use crate::plan::{Layout, Order, Shrink, Trial};
use crate::verdict::{Baseline, Difference, Ending, Outcome, SingleCut, Tally, Verdict};

/// The number of differences that are shrunk and reported; the others are counted.
const REPORTED: usize = 4;
/// The number of reported differences of one family: further ones probably have the same cause.
const REPORTED_OF_A_KIND: usize = 2;
/// The number of stalled trials in a row after which none is repeated.
const STALLED: usize = 4;

/// Why a difference is not proven.
const ONCE: &str = "the replies differed once, but not when the plan was repeated (--jobs 1 may tell more)";

/// Trials whose result was not the same, and their outcomes.
pub(super) type Suspects = Vec<(Trial, Outcome)>;

/// What runs trials: connections to a server, or processes of a client.
pub(super) trait Runner {
    /// Runs one trial alone; `None` if the sweep is interrupted meanwhile.
    fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error>;
    /// Whether the server has stopped and was started again: what ran then may have differed for that.
    fn restarts(&self) -> bool {
        false
    }
    /// Begins the second look: waits longer before something that does not happen counts as missing.
    fn wait_longer(&mut self);
    /// Runs one trial alone, and waits as long for a reply as for the first one; `None` if interrupted meanwhile.
    fn patiently(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        self.one(trial)
    }
    /// Whether `--max-time` is over. The second look has it once more.
    fn is_out_of_time(&self) -> bool;
    /// The progress that is shown.
    fn progress(&mut self) -> &mut Progress;
}

/// Repeats these trials, counts them, and adds the simplest differences.
///
/// # Errors
/// [`Stop::NoBaseline`] when the uncut messages do not get the expected replies any more.
pub(super) fn examine(
    mut suspects: Suspects,
    order: &Order,
    baseline: &Baseline,
    runner: &mut impl Runner,
    tally: &mut Tally,
) -> Result<(), Stop> {
    runner.wait_longer();
    // Conversations end in any order; the simplest trials are the most instructive.
    suspects.sort_by_key(|(trial, _)| {
        let in_hello = trial.hello.as_ref().map_or(&[][..], |hello| &hello.cuts);
        let changes = trial.header.len() + in_hello.len() + trial.cuts.len() + trial.joined.len();
        let is_first = !trial.header.is_empty() || trial.hello.is_some();
        (!is_first, changes, trial.header.clone(), in_hello.to_vec(), trial.cuts.clone())
    });
    let layout = order.layout();
    let mut stalled = 0;
    for (number, (trial, outcome)) in suspects.iter().enumerate() {
        runner.progress().repeat(number + 1);
        let mut first = baseline.judge(outcome);
        if baseline.is_stalled(outcome) && !tally.differences.is_empty() && tally.gave_up.is_none() {
            first = Verdict::Different; // like those that were reported
        }
        let is_late = runner.is_out_of_time();
        let of_known = tally.differences.iter().position(|known| {
            let is_like = || known.repeated && known.has_cause_of(trial, outcome, baseline, layout);
            known.explains(trial, layout) || (first == Verdict::Different && is_like())
        });
        let explained = of_known.is_some();
        let kin = tally.differences.iter().filter(|known| known.found_by.kind() == trial.name.kind()).count();
        // A reply that was only late is no difference of a family without another one.
        let may_be_late = kin == 0 && baseline.is_late(outcome);
        // The server may have stopped because of another trial.
        let may_be_innocent = runner.restarts() && baseline.may_be_interrupted(outcome) && !explained;
        let enough = explained || kin >= REPORTED_OF_A_KIND || (tally.differences.len() >= REPORTED && !may_be_late);
        let enough = if first == Verdict::Different { enough } else { stalled >= STALLED } && !may_be_innocent;
        if enough && !tally.interrupted && tally.gave_up.is_none() {
            if let (Verdict::Different, Some(known)) = (&first, of_known) {
                tally.differences[known].also.extend(SingleCut::of(trial.name));
            }
            tally.count(trial.name, first);
            continue;
        }
        if explained && runner.restarts() && tally.gave_up.is_none() {
            let why = "running when the server stopped, with the cuts of a difference above";
            tally.count(trial.name, Verdict::NotProven(why.to_owned()));
            continue;
        }
        tally.out_of_time |= is_late;
        if is_late || tally.interrupted || tally.gave_up.is_some() {
            count_once(trial, outcome, first, !enough, (baseline, layout), tally);
            continue;
        }
        let Some(again) = look(trial, runner)? else {
            tally.interrupted = true;
            count_once(trial, outcome, first, true, (baseline, layout), tally);
            continue;
        };
        // A server may be silent for a while for reasons of its own: the first silence of a family is waited out.
        let is_silent = kin == 0 && baseline.is_late(&again) && !matches!(again.ending, Ending::ServerStopped(_));
        let again = if is_silent { runner.patiently(trial.clone())?.unwrap_or(again) } else { again };
        let second = baseline.judge(&again);
        stalled = if matches!(second, Verdict::NotProven(_)) { stalled + 1 } else { 0 };
        // A server that reads up to a cut and then nothing more, but replies to uncut messages, is different.
        let second = if baseline.is_stalled(&again) { Verdict::Different } else { second };
        match second {
            Verdict::Different => {
                if let Err(why) = steady(order.layout().whole(), baseline, runner)? {
                    tally.gave_up = Some(why);
                    count_once(trial, outcome, first, true, (baseline, layout), tally);
                    continue;
                }
                let (least, got) = shrink(trial, again, order, baseline, runner)?;
                tally.count(trial.name, Verdict::Different);
                let found_by = trial.name;
                let found = Difference { found_by, trial: least, got, repeated: true, also: BTreeSet::new() };
                tally.add(found, baseline, layout);
            }
            // The first time, the replies were only late.
            Verdict::Same if baseline.is_late(outcome) || may_be_innocent => tally.count(trial.name, Verdict::Same),
            Verdict::Same => {
                tally.count(trial.name, Verdict::NotProven(ONCE.to_owned()));
            }
            unproven @ Verdict::NotProven(_) => tally.count(trial.name, unproven),
        }
    }
    Ok(())
}

/// Runs a trial alone; twice if the server stopped, which may have had another reason.
fn look(trial: &Trial, runner: &mut impl Runner) -> Result<Option<Outcome>, Error> {
    let again = runner.one(trial.clone())?;
    match again {
        Some(Outcome { ending: Ending::ServerStopped(_), .. }) => runner.one(trial.clone()),
        again => Ok(again),
    }
}

/// Counts a trial that cannot be repeated any more: a difference that was seen once is not proven. If the server became
/// unreachable, the trials that were running then may have caused it or not. It is reported if it `is_new`.
fn count_once(
    trial: &Trial,
    outcome: &Outcome,
    first: Verdict,
    is_new: bool,
    (baseline, layout): (&Baseline, &Layout),
    tally: &mut Tally,
) {
    if first != Verdict::Different {
        return tally.count(trial.name, first);
    }
    let why = match () {
        () if baseline.is_late(outcome) => "no reply in time",
        () if tally.gave_up.is_some() => "running when the server became unreachable",
        () => "the replies differed, and there was no time to repeat the plan",
    };
    tally.count(trial.name, Verdict::NotProven(why.to_owned()));
    // What has the server stopped is named; other trials that were open then are not blamed.
    let is_named = tally.stopped_by.is_none_or(|by| by == trial.name || !baseline.may_be_interrupted(outcome));
    if is_new && is_named && tally.differences.len() < REPORTED {
        let (got, found_by) = (outcome.clone(), trial.name);
        let (trial, also) = (trial.clone(), BTreeSet::new());
        tally.add(Difference { found_by, trial, got, repeated: false, also }, baseline, layout);
    }
}

/// Checks that the uncut messages still get the expected replies. If both baselines had the same date by chance, a
/// later date is no difference. `Err` is the reason why no more trials can be compared.
fn steady(uncut: Trial, baseline: &Baseline, runner: &mut impl Runner) -> Result<Result<(), String>, Stop> {
    let Some(whole) = runner.one(uncut)? else { return Ok(Ok(())) };
    match baseline.confirm(&whole) {
        Err(_) if whole.is_lifeless() || baseline.is_late(&whole) => {
            let why = if whole.ending.is_of_client() {
                "the client no longer ends in time without a cut"
            } else {
                "the server no longer replies to the uncut messages"
            };
            Ok(Err(why.to_owned()))
        }
        Err(error) => Err(Stop::NoBaseline(error.into())),
        Ok(()) => Ok(Ok(())),
    }
}

fn shrink(
    trial: &Trial,
    got: Outcome,
    order: &Order,
    baseline: &Baseline,
    runner: &mut impl Runner,
) -> Result<(Trial, Outcome), Error> {
    let mut shrink = Shrink::new(order.layout(), trial);
    let mut least = got;
    while let Some(candidate) = shrink.candidate() {
        let Some(outcome) = runner.one(candidate)? else { break };
        let differs = baseline.judge(&outcome) == Verdict::Different || baseline.is_stalled(&outcome);
        shrink.report(differs);
        if differs {
            least = outcome;
        }
    }
    Ok((shrink.result(), least))
}
