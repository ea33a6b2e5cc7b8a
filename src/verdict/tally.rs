//! The findings of a sweep so far.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Outcome, Proof, Verdict};
use crate::error::ExitStatus;
use crate::plan::{Fin, HelloForm, Label, Trial, TrialKind};
use crate::value::{Family, ProxyUrl};

/// The subject of a sweep.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The server.
    pub address: String,
    /// The proxy on the way to it.
    pub proxy: Option<SubjectProxy>,
    /// What a proven cut is.
    pub proof: Proof,
    /// The family of the addresses that were used.
    pub family: Family,
    /// The options that send a PROXY header, as words; empty without one.
    pub header: Vec<String>,
    /// The options of TLS, as words; empty without TLS.
    pub tls: Vec<String>,
    /// The bytes of the record with the `ClientHello`; 0 without TLS.
    pub hello: usize,
    /// The encoded request messages.
    pub messages: Vec<Vec<u8>>,
    /// They were read from stdin.
    pub from_stdin: bool,
    /// The number of trials.
    pub plans: usize,
    /// The number of trials left out, above `--max-plans`.
    pub skipped: u64,
    /// The seed that the trials were drawn from.
    pub seed: u64,
}

/// The proxy on the way to the subject of a sweep.
#[derive(Clone, Debug)]
pub struct SubjectProxy {
    /// The proxy.
    pub url: ProxyUrl,
    /// The file with the credentials for it.
    pub credentials: Option<PathBuf>,
}

impl Subject {
    /// The server, and the proxy on the way to it.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.proxy {
            None => self.address.clone(),
            Some(proxy) => format!("{} through {}", self.address, proxy.url),
        }
    }
}

/// A trial that changed the replies.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The trial that found it.
    pub found_by: Label,
    /// The smallest trial that still shows the difference.
    pub trial: Trial,
    /// The outcome of the conversation.
    pub got: Outcome,
    /// Whether a repetition had the same outcome. A trial that was not repeated does not count as different.
    pub repeated: bool,
}

/// The number of trials for each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Trials whose replies were the same, every cut proven.
    pub same: usize,
    /// Trials whose replies were different.
    pub different: usize,
    /// Trials that were not proven.
    pub not_proven: usize,
}

/// The counts of verdicts, and the findings.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The counts for each family of trials.
    pub kinds: BTreeMap<TrialKind, Count>,
    /// The trials that were not proven, by reason.
    pub reasons: BTreeMap<String, usize>,
    /// The single cuts that made a difference: message and offset, as in [`crate::plan::Place`]. The PROXY header is
    /// message 0.
    pub cuts: BTreeSet<(usize, usize)>,
    /// The single cuts of the `ClientHello`, and whether they made a difference.
    pub hello_cuts: BTreeMap<(HelloForm, usize), bool>,
    /// The shrunk differences, each once.
    pub differences: Vec<Difference>,
    /// A signal ended the sweep before it was done.
    pub interrupted: bool,
    /// Why the sweep ended early, if the server was the cause.
    pub gave_up: Option<String>,
}

impl Difference {
    /// Whether a trial contains all cuts of this difference, so that the difference explains it.
    #[must_use]
    pub fn explains(&self, trial: &Trial, boundaries: &[usize]) -> bool {
        let inside = |cut: &&usize| boundaries.binary_search(cut).is_err();
        let least = &self.trial;
        let of_hello = match (&least.hello, &trial.hello) {
            (Some(least), Some(trial)) => {
                least.form == trial.form && least.cuts.iter().all(|cut| trial.cuts.binary_search(cut).is_ok())
            }
            (None, None) => true,
            _ => false,
        };
        of_hello
            && least.header.iter().all(|cut| trial.header.contains(cut))
            && least.cuts.iter().filter(inside).all(|cut| trial.cuts.binary_search(cut).is_ok())
            && least.joined.iter().all(|end| trial.joined.contains(end))
            && (least.fin == Fin::Replied || least.fin == trial.fin)
    }
}

impl Tally {
    /// Counts one trial.
    pub fn count(&mut self, label: Label, verdict: Verdict) {
        if let (Label::Hello(form, cut), Verdict::Same | Verdict::Different) = (label, &verdict) {
            self.hello_cuts.insert((form, cut), verdict == Verdict::Different);
        }
        let kind = self.kinds.entry(label.kind()).or_default();
        match verdict {
            Verdict::Same => kind.same += 1,
            Verdict::Different => {
                kind.different += 1;
                match label {
                    Label::Header(offset) => drop(self.cuts.insert((0, offset))),
                    Label::Cut(place) => drop(self.cuts.insert((place.message, place.offset))),
                    _ => {}
                }
            }
            Verdict::NotProven(why) => {
                kind.not_proven += 1;
                *self.reasons.entry(why).or_default() += 1;
            }
        }
    }

    /// All families together.
    #[must_use]
    pub fn total(&self) -> Count {
        self.kinds.values().fold(Count::default(), |sum, kind| Count {
            same: sum.same + kind.same,
            different: sum.different + kind.different,
            not_proven: sum.not_proven + kind.not_proven,
        })
    }

    /// The exit status of a sweep that no signal ended: 3 if there is a difference, 4 if not all plans were proven, or
    /// else 0.
    #[must_use]
    pub fn status(&self, subject: &Subject) -> ExitStatus {
        let total = self.total();
        match () {
            () if total.different > 0 => ExitStatus::Different,
            () if total.same < subject.plans => ExitStatus::Unproven,
            () => ExitStatus::Done,
        }
    }
}

impl Count {
    /// The number of trials.
    #[must_use]
    pub fn judged(self) -> usize {
        self.same + self.different + self.not_proven
    }
}
