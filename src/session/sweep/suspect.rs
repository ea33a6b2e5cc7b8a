//! Decides what becomes of a trial whose result was not the same: it is counted, or repeated first.

use crate::verdict::Verdict;

/// The number of differences that are shrunk and reported; the others are counted.
pub(super) const REPORTED: usize = 4;
/// The number of reported differences of one family: further ones probably have the same cause.
const REPORTED_OF_A_KIND: usize = 2;
/// The number of stalled trials in a row after which none is repeated.
const STALLED: usize = 4;

/// Why a difference is not proven.
const ONCE: &str = "the replies differed once, but not when the plan was repeated (--jobs 1 may tell more)";

/// What is known of a trial before it is repeated.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an observation of its own")]
pub(super) struct Suspect {
    /// Its replies differed; otherwise it was not proven.
    pub(super) differs: bool,
    /// A difference that was repeated explains it.
    pub(super) is_explained: bool,
    /// The number of repeated differences of its family.
    pub(super) kin: usize,
    /// Its replies were right as far as they came, and the rest did not come in time.
    pub(super) is_late: bool,
    /// They were right as far as they came, and the server was started again: another trial may have stopped it.
    pub(super) may_be_interrupted: bool,
}

/// How far the second look has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// The number of repeated differences.
    pub(super) differences: usize,
    /// The number of trials in a row that stalled when they were repeated.
    pub(super) stalled: usize,
    /// The server has stopped and was started again.
    pub(super) restarts: bool,
    /// Why no trial is repeated any more.
    pub(super) end: Option<End>,
}

/// Why no trial is repeated any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `--max-time` is over.
    OutOfTime,
    /// A signal ended the sweep.
    Interrupted,
    /// The server replies to nothing any more.
    GaveUp,
}

/// What becomes of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is counted as it was: repeating it would tell nothing new.
    Count,
    /// It is not proven: it was running when the server stopped, with the cuts of a known difference.
    CountInterrupted,
    /// It cannot be repeated, so a difference is not proven.
    CountOnce {
        /// No difference that was repeated is like it.
        is_new: bool,
    },
    /// It is repeated.
    Repeat,
}

impl Suspect {
    /// What becomes of it.
    pub(super) fn step(self, standing: Standing) -> Step {
        let is_enough = self.is_enough(standing);
        let has_gave_up = standing.end == Some(End::GaveUp);
        match standing.end {
            None | Some(End::OutOfTime) if is_enough => Step::Count,
            _ if self.is_explained && standing.restarts && !has_gave_up => Step::CountInterrupted,
            Some(_) => Step::CountOnce { is_new: !is_enough },
            None => Step::Repeat,
        }
    }

    /// The verdict of a trial that was repeated with this one.
    pub(super) fn repeated(self, again: Verdict) -> Verdict {
        match again {
            // The first time, the replies were only late, or the server had stopped for another reason.
            Verdict::Same if self.is_late || self.may_be_innocent() => Verdict::Same,
            Verdict::Same => Verdict::NotProven(ONCE.to_owned()),
            again => again,
        }
    }

    /// Whether no difference of its family is known.
    pub(super) fn is_first_of_family(self) -> bool {
        self.kin == 0
    }

    /// Whether enough is known of the trials like it.
    fn is_enough(self, standing: Standing) -> bool {
        if self.may_be_innocent() {
            return false;
        }
        if !self.differs {
            return standing.stalled >= STALLED;
        }
        // A reply that was only late is no difference of a family without another one.
        let may_be_late = self.is_late && self.kin == 0;
        self.is_explained || self.kin >= REPORTED_OF_A_KIND || (standing.differences >= REPORTED && !may_be_late)
    }

    /// Whether the server may have stopped because of another trial.
    fn may_be_innocent(self) -> bool {
        self.may_be_interrupted && !self.is_explained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFFERENT: Suspect =
        Suspect { differs: true, is_explained: false, kin: 0, is_late: false, may_be_interrupted: false };
    const UNPROVEN: Suspect = Suspect { differs: false, ..DIFFERENT };
    const NEW: Standing = Standing { differences: 0, stalled: 0, restarts: false, end: None };

    #[test]
    fn trial_is_repeated_unless_enough_are_known_like_it() {
        let known = |differences| Standing { differences, ..NEW };
        let stalled = |stalled| Standing { stalled, ..NEW };
        for (suspect, standing, step) in [
            (DIFFERENT, NEW, Step::Repeat),
            (UNPROVEN, NEW, Step::Repeat),
            (Suspect { is_explained: true, ..DIFFERENT }, known(1), Step::Count),
            (Suspect { kin: 1, ..DIFFERENT }, known(3), Step::Repeat),
            (Suspect { kin: 2, ..DIFFERENT }, known(2), Step::Count),
            (DIFFERENT, known(4), Step::Count),
            // The first of a family that is only late may be that for any reason.
            (Suspect { is_late: true, ..DIFFERENT }, known(4), Step::Repeat),
            (Suspect { is_late: true, kin: 1, ..DIFFERENT }, known(4), Step::Count),
            // Differences tell nothing of a trial that is not proven.
            (Suspect { kin: 2, ..UNPROVEN }, known(4), Step::Repeat),
            (UNPROVEN, stalled(3), Step::Repeat),
            (UNPROVEN, stalled(4), Step::Count),
            (DIFFERENT, stalled(4), Step::Repeat),
        ] {
            assert_eq!(suspect.step(standing), step, "{suspect:?} {standing:?}");
        }
    }

    #[test]
    fn trial_that_cannot_be_repeated_is_not_proven() {
        let ended = |end| Standing { end: Some(end), ..NEW };
        let explained = Suspect { is_explained: true, ..DIFFERENT };
        for end in [End::OutOfTime, End::Interrupted, End::GaveUp] {
            assert_eq!(DIFFERENT.step(ended(end)), Step::CountOnce { is_new: true }, "{end:?}");
            assert_eq!(UNPROVEN.step(ended(end)), Step::CountOnce { is_new: true }, "{end:?}");
            // What is like a difference that was repeated needs no time. If the server is gone, it is no witness.
            let known = if end == End::OutOfTime { Step::Count } else { Step::CountOnce { is_new: false } };
            assert_eq!(explained.step(ended(end)), known, "{end:?}");
        }
    }

    #[test]
    fn trial_that_was_running_when_the_server_stopped_is_not_blamed() {
        let restarted = Standing { restarts: true, differences: 4, ..NEW };
        let running = Suspect { may_be_interrupted: true, kin: 2, ..DIFFERENT };
        assert_eq!(running.step(restarted), Step::Repeat);
        assert_eq!(running.repeated(Verdict::Same), Verdict::Same);
        let explained = Suspect { is_explained: true, ..running };
        assert_eq!(explained.step(restarted), Step::Count);
        assert_eq!(Suspect { differs: false, ..explained }.step(restarted), Step::CountInterrupted);
        let gave_up = Standing { end: Some(End::GaveUp), ..restarted };
        assert_eq!(explained.step(gave_up), Step::CountOnce { is_new: false });
    }

    #[test]
    fn second_result_decides() {
        let once = Verdict::NotProven(ONCE.to_owned());
        let late = Suspect { is_late: true, ..DIFFERENT };
        for (suspect, again, verdict) in [
            (DIFFERENT, Verdict::Same, once),
            (late, Verdict::Same, Verdict::Same),
            (DIFFERENT, Verdict::Different, Verdict::Different),
            (late, Verdict::Different, Verdict::Different),
            (DIFFERENT, Verdict::NotProven("why".to_owned()), Verdict::NotProven("why".to_owned())),
        ] {
            assert_eq!(suspect.repeated(again), verdict, "{suspect:?}");
        }
    }
}
