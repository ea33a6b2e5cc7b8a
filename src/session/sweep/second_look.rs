//! Repeats every trial whose result was not the same, alone and more patiently, and shrinks those that repeat.

use std::collections::BTreeSet;

use super::Stop;
use super::progress::Progress;
use super::suspect::{End, REPORTED, Standing, Step, Suspect};
use crate::error::Error;
use crate::plan::{Layout, Order, Shrink, Trial};
use crate::verdict::{Baseline, Difference, Ending, Outcome, SingleCut, Tally, Verdict};

/// Trials whose result was not the same, and their outcomes.
pub(super) type Suspects = Vec<(Trial, Outcome)>;

/// What runs trials: connections to a server, or processes of a client.
pub(super) trait Runner {
    /// Runs one trial alone; `None` if the sweep is stopped meanwhile.
    fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error>;
    /// Whether the server has stopped and was started again: what ran then may have differed for that.
    fn restarts(&self) -> bool {
        false
    }
    /// Begins the second look: waits longer before something that does not happen counts as missing.
    fn wait_longer(&mut self);
    /// Runs one trial alone, and waits as long for a reply as for the first one; `None` if the sweep is
    /// stopped meanwhile.
    fn patiently(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        self.one(trial)
    }
    /// Whether `--max-time` is over.
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
    let mut look = SecondLook { layout: order.layout(), baseline, runner, tally, stalled: 0 };
    for (number, (trial, outcome)) in suspects.iter().enumerate() {
        look.runner.progress().repeat(number + 1);
        look.examine(trial, outcome)?;
        look.runner.progress().advance(look.tally, &suspects[number + 1..]);
    }
    Ok(())
}

/// The second look at the trials whose result was not the same.
struct SecondLook<'a, R> {
    layout: &'a Layout,
    baseline: &'a Baseline,
    runner: &'a mut R,
    tally: &'a mut Tally,
    /// The number of trials in a row that stalled when they were repeated.
    stalled: usize,
}

/// Whether the uncut messages still get the expected replies.
enum Steady {
    Yes,
    /// No more trials can be compared, for this reason.
    No(String),
    /// The sweep was stopped meanwhile.
    Unknown,
}

impl<R: Runner> SecondLook<'_, R> {
    /// Counts a trial that had this outcome, and repeats it first if that tells something new.
    fn examine(&mut self, trial: &Trial, outcome: &Outcome) -> Result<(), Stop> {
        let SecondLook { layout, baseline, .. } = *self;
        let mut first = baseline.judge(outcome);
        if baseline.is_stalled(outcome) && !self.tally.differences.is_empty() && self.tally.gave_up.is_none() {
            first = Verdict::Different; // like those that were reported
        }
        // A difference that was not repeated explains none.
        let of_known = self.tally.differences.iter().position(|known| {
            let is_like = || first == Verdict::Different && known.has_cause_of(trial, outcome, baseline, layout);
            known.repeated && (known.explains(trial, layout) || is_like())
        });
        let of_kind = |known: &&Difference| known.repeated && known.found_by.kind() == trial.name.kind();
        let standing = self.standing();
        let suspect = Suspect {
            differs: first == Verdict::Different,
            is_explained: of_known.is_some(),
            kin: self.tally.differences.iter().filter(of_kind).count(),
            is_late: baseline.is_late(outcome),
            may_be_interrupted: standing.restarts && baseline.may_be_interrupted(outcome),
        };
        match suspect.step(standing) {
            Step::Count => {
                if let (Verdict::Different, Some(known)) = (&first, of_known) {
                    self.tally.differences[known].also.extend(SingleCut::of(trial.name));
                }
                self.tally.count(trial.name, first);
            }
            Step::CountInterrupted => {
                let why = "running when the server stopped, with the cuts of a difference above";
                self.tally.count(trial.name, Verdict::NotProven(why.to_owned()));
            }
            Step::CountOnce { is_new } => {
                self.tally.out_of_time |= standing.end == Some(End::OutOfTime);
                self.count_once(trial, outcome, first, is_new);
            }
            Step::Repeat => match self.repeat(trial, suspect)? {
                Some(verdict) => self.tally.count(trial.name, verdict),
                None => self.count_once(trial, outcome, first, true),
            },
        }
        Ok(())
    }

    fn standing(&self) -> Standing {
        let end = match () {
            () if self.tally.gave_up.is_some() => Some(End::GaveUp),
            () if self.tally.interrupted => Some(End::Interrupted),
            () => self.runner.is_out_of_time().then_some(End::OutOfTime),
        };
        let differences = self.tally.differences.iter().filter(|known| known.repeated).count();
        Standing { differences, stalled: self.stalled, restarts: self.runner.restarts(), end }
    }

    /// Repeats a trial; a difference is shrunk and added. `None` if it could not be repeated to the end.
    fn repeat(&mut self, trial: &Trial, suspect: Suspect) -> Result<Option<Verdict>, Stop> {
        let baseline = self.baseline;
        let Some(again) = self.run_again(trial, suspect)? else {
            self.note_stop();
            return Ok(None);
        };
        let second = baseline.judge(&again);
        self.stalled = if matches!(second, Verdict::NotProven(_)) { self.stalled + 1 } else { 0 };
        // A server that reads up to a cut and then nothing more, but replies to uncut messages, is different.
        let second = if baseline.is_stalled(&again) { Verdict::Different } else { second };
        // A server that is gone since the trial may have been stopped by it.
        let is_gone = suspect.differs && matches!(again.ending, Ending::Unreachable(_));
        if second != Verdict::Different && !is_gone {
            return Ok(Some(suspect.repeated(second)));
        }
        match self.steady()? {
            Steady::Yes if is_gone => return Ok(Some(suspect.repeated(second))),
            Steady::Yes => {}
            Steady::No(why) => {
                self.tally.gave_up = Some(why);
                return Ok(None);
            }
            Steady::Unknown => {
                self.note_stop();
                return Ok(None);
            }
        }
        let (least, got) = self.shrink(trial, again)?;
        let found = Difference { found_by: trial.name, trial: least, got, repeated: true, also: BTreeSet::new() };
        self.tally.add(found, baseline, self.layout);
        Ok(Some(Verdict::Different))
    }

    /// Runs a trial alone; twice if the server stopped, which may have had another reason, or if it was silent, which
    /// it may be for a while for reasons of its own: the first silence of a family is waited out. `None` if the sweep is
    /// stopped meanwhile.
    fn run_again(&mut self, trial: &Trial, suspect: Suspect) -> Result<Option<Outcome>, Error> {
        let mut again = self.runner.one(trial.clone())?;
        if let Some(Outcome { ending: Ending::ServerStopped(_), .. }) = again {
            again = self.runner.one(trial.clone())?;
        }
        let has_stopped = |again: &Outcome| matches!(again.ending, Ending::ServerStopped(_));
        let is_silent = |again: &Outcome| self.baseline.is_late(again) && !has_stopped(again);
        if suspect.is_first_of_family() && again.as_ref().is_some_and(is_silent) {
            again = self.runner.patiently(trial.clone())?;
        }
        Ok(again)
    }

    /// Notes why a trial did not run to its end.
    fn note_stop(&mut self) {
        let is_late = self.runner.is_out_of_time();
        self.tally.out_of_time |= is_late;
        self.tally.interrupted |= !is_late;
    }

    /// Counts a trial that cannot be repeated any more: a difference that was seen once is not proven. If the server
    /// became unreachable, the trials that were running then may have caused it or not. It is reported if it `is_new`.
    fn count_once(&mut self, trial: &Trial, outcome: &Outcome, first: Verdict, is_new: bool) {
        let SecondLook { layout, baseline, tally, .. } = self;
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
        let by = &tally.stopped_by;
        let is_named = by.is_empty() || by.contains(&trial.name) || !baseline.may_be_interrupted(outcome);
        let is_new = is_new && !tally.differences.iter().any(|known| known.explains(trial, layout));
        if is_new && is_named && tally.differences.len() < REPORTED {
            let (got, found_by) = (outcome.clone(), trial.name);
            let (trial, also) = (trial.clone(), BTreeSet::new());
            tally.add(Difference { found_by, trial, got, repeated: false, also }, baseline, layout);
        }
    }

    /// Checks that the uncut messages still get the expected replies. If both baselines had the same date by chance, a
    /// later date is no difference.
    fn steady(&mut self) -> Result<Steady, Stop> {
        let Some(whole) = self.runner.one(self.layout.whole())? else { return Ok(Steady::Unknown) };
        match self.baseline.confirm(&whole) {
            Err(_) if whole.is_lifeless() || self.baseline.is_late(&whole) => {
                let why = if whole.ending.is_of_client() {
                    "the client no longer ends in time without a cut"
                } else {
                    "the server no longer replies to the uncut messages"
                };
                Ok(Steady::No(why.to_owned()))
            }
            Err(error) => Err(Stop::NoBaseline(error.into())),
            Ok(()) => Ok(Steady::Yes),
        }
    }

    /// The smallest trial that still shows the difference, as far as there is time for it.
    fn shrink(&mut self, trial: &Trial, got: Outcome) -> Result<(Trial, Outcome), Error> {
        let mut shrink = Shrink::new(self.layout, trial);
        let mut least = got;
        while let Some(candidate) = shrink.candidate().filter(|_| !self.runner.is_out_of_time()) {
            let Some(outcome) = self.runner.one(candidate)? else { break };
            let differs = self.baseline.judge(&outcome) == Verdict::Different || self.baseline.is_stalled(&outcome);
            shrink.report(differs);
            if differs {
                least = outcome;
            }
        }
        Ok((shrink.result(), least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Choice, Label, Prelude};
    use crate::verdict::Masks;

    /// A server that replies wrongly to every cut, and the number of trials until the time is over.
    struct Wrong {
        left: usize,
        tried: Vec<Trial>,
        progress: Progress,
    }

    impl Runner for Wrong {
        fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
            let is_whole = trial.cuts.is_empty();
            self.tried.push(trial);
            Ok(Some(if is_whole { reply("right") } else { reply("wrong") }))
        }

        fn wait_longer(&mut self) {}

        fn is_out_of_time(&self) -> bool {
            self.tried.len() >= self.left
        }

        fn progress(&mut self) -> &mut Progress {
            &mut self.progress
        }
    }

    fn reply(text: &str) -> Outcome {
        Outcome { replies: vec![text.as_bytes().to_vec()], confirmed: 1, ..Outcome::default() }
    }

    /// The names of the trials that are run in the second look at these of one message until the time is over, and the
    /// tally.
    fn look(message: usize, is_suspect: impl Fn(&Trial) -> bool, left: usize) -> (Vec<Label>, Tally) {
        let order = Order::new(Prelude::default(), &[message], Choice::default());
        let suspects = order.iter().filter(is_suspect).map(|trial| (trial, reply("wrong"))).collect();
        let baseline = Baseline::new(&reply("right"), &reply("right"), Masks::default()).unwrap();
        let mut runner = Wrong { left, tried: Vec::new(), progress: Progress::default() };
        let mut tally = Tally::default();
        assert!(examine(suspects, &order, &baseline, &mut runner, &mut tally).is_ok());
        (runner.tried.iter().map(|trial| trial.name).collect(), tally)
    }

    #[test]
    fn nothing_is_repeated_when_the_time_is_over() {
        let (tried, tally) = look(9, |_| true, 0);
        assert!(tried.is_empty(), "{tried:?}");
        let total = tally.total();
        assert_eq!((total.different, total.same, tally.out_of_time), (0, 0, true));
        assert!(total.not_proven > 30 && tally.differences.iter().all(|known| !known.repeated), "{tally:?}");
    }

    #[test]
    fn difference_that_was_repeated_in_time_is_kept_as_it_is() {
        let is_chunks = |trial: &Trial| trial.name == Label::Chunks(1);
        let tried_until = |left| {
            let (tried, tally) = look(9, is_chunks, left);
            (tried.len(), tally.total().different, tally.differences[0].trial.cuts.len())
        };
        // It is repeated, and then the uncut messages are sent again; all later trials make it smaller.
        assert_eq!(tried_until(1), (2, 1, 8));
        assert_eq!(tried_until(2), (2, 1, 8));
        let (tried, different, cuts) = tried_until(1000);
        assert!(tried > 2 && different == 1 && cuts == 1, "{tried}");
    }
}
