//! The findings of a sweep so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{ClientSubject, Outcome, Proof, SubjectDialog, Verdict};
use crate::error::ExitStatus;
use crate::plan::{Families, HelloForm, Label, Layout, Place, Trial, TrialKind};
use crate::value::{Family, ProxyUrl, counted};

/// The subject of a sweep.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The server.
    pub address: String,
    /// The client, if a client is swept: the messages are the replies to it.
    pub client: Option<ClientSubject>,
    /// The proxy on the way to it.
    pub proxy: Option<SubjectProxy>,
    /// What a proven cut of a message is.
    pub proof: Proof,
    /// The witness on the host of the server.
    pub witness: Option<SubjectWitness>,
    /// The family of the addresses that were used.
    pub family: Family,
    /// The options that send a PROXY header, as words; empty without one.
    pub header: Vec<String>,
    /// The options of TLS, as words; empty without TLS.
    pub tls: Vec<String>,
    /// The bytes of the PROXY header of a connection; 0 without one.
    pub header_length: usize,
    /// The bytes of the record with the `ClientHello`; 0 without TLS.
    pub hello: usize,
    /// The encoded request messages.
    pub messages: Vec<Vec<u8>>,
    /// How they are sent.
    pub dialog: SubjectDialog,
    /// The number of trials.
    pub plans: usize,
    /// The number of single cuts of messages, whether they are among the trials or not.
    pub single_cuts: u64,
    /// The families of the trials.
    pub families: Families,
    /// The options that chose the places to cut; empty if all places are cut.
    pub cut_at: Vec<String>,
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

/// The witness of a sweep.
#[derive(Clone, Debug)]
pub struct SubjectWitness {
    /// The command that runs it.
    pub command: String,
    /// It has seen what the server read.
    pub has_seen: bool,
}

impl Subject {
    /// The positions of the messages.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout::new(&self.messages.iter().map(Vec::len).collect::<Vec<_>>())
    }

    /// What a proven cut of this family is. Before the handshake of TLS is done, the server's program reads the bytes
    /// themselves.
    #[must_use]
    pub fn proof(&self, kind: TrialKind) -> Proof {
        match kind {
            TrialKind::Header | TrialKind::Hello(HelloForm::Tcp) => Proof::Read,
            _ => self.proof,
        }
    }

    /// The parts whose offsets are cut, and their lengths.
    #[must_use]
    pub fn parts(&self) -> Vec<(Part, usize)> {
        Part::all(self.header_length, self.hello, &self.messages)
    }

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
    /// The other single cuts with the same difference: they probably have the same cause.
    pub also: BTreeSet<SingleCut>,
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

/// Where a trial with one cut makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SingleCut {
    /// In the PROXY header, at this offset.
    Header(usize),
    /// In the `ClientHello` of TLS, at this offset.
    Hello(HelloForm, usize),
    /// In a message.
    Message(Place),
}

/// What a [`SingleCut`] is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The PROXY header.
    Header,
    /// The `ClientHello` of TLS.
    Hello(HelloForm),
    /// The message with this number, from 1.
    Message(usize),
}

/// The result of a trial, without the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The replies were the same, every cut proven.
    Same,
    /// The replies were different.
    Different,
    /// The trial was not proven.
    NotProven,
}

/// The counts of verdicts, and the findings.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What a person should know of the expected replies, and of what is left out.
    pub warnings: Vec<String>,
    /// The counts for each family of trials.
    pub kinds: BTreeMap<TrialKind, Count>,
    /// How long the conversations of each family took.
    pub times: BTreeMap<TrialKind, Duration>,
    /// The trials that were not proven, by reason.
    pub reasons: BTreeMap<String, usize>,
    /// The result of each single cut that was tried.
    pub single_cuts: BTreeMap<SingleCut, Mark>,
    /// The shrunk differences, each once.
    pub differences: Vec<Difference>,
    /// A signal ended the sweep before it was done.
    pub interrupted: bool,
    /// `--max-time` ended the sweep before all trials were tried, or all differences repeated.
    pub out_of_time: bool,
    /// The time within which trials other than single cuts began, if that is less than `--max-time`.
    pub others_within: Option<Duration>,
    /// The trial that stopped the server, where the server is not started again; or several, if it may be any of them.
    pub stopped_by: Vec<Label>,
    /// Why the sweep ended early, if the server was the cause.
    pub gave_up: Option<String>,
}

impl SingleCut {
    /// What it is in.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            SingleCut::Header(_) => Part::Header,
            SingleCut::Hello(form, _) => Part::Hello(form),
            SingleCut::Message(place) => Part::Message(place.message),
        }
    }

    /// The offset in that part.
    #[must_use]
    pub fn offset(self) -> usize {
        match self {
            SingleCut::Header(offset) | SingleCut::Hello(_, offset) => offset,
            SingleCut::Message(place) => place.offset,
        }
    }

    /// The cut one byte later.
    #[must_use]
    pub fn next(self) -> SingleCut {
        self.part().cut(self.offset() + 1)
    }

    /// The cut of the trial with this name, if it makes only one.
    #[must_use]
    pub fn of(label: Label) -> Option<SingleCut> {
        match label {
            Label::Header(offset) => Some(SingleCut::Header(offset)),
            Label::Hello(form, offset) => Some(SingleCut::Hello(form, offset)),
            Label::Cut(place) => Some(SingleCut::Message(place)),
            _ => None,
        }
    }
}

impl Part {
    /// What is cut of these messages, behind a PROXY header and a `ClientHello` of these lengths, and how long it is.
    #[must_use]
    pub fn all(header: usize, hello: usize, messages: &[Vec<u8>]) -> Vec<(Part, usize)> {
        let header = (header > 0).then_some((Part::Header, header));
        let forms = HelloForm::ALL.into_iter().filter(|_| hello > 0);
        let forms = forms.map(|form| (Part::Hello(form), form.length(hello)));
        let messages = messages.iter().enumerate();
        let messages = messages.map(|(at, message)| (Part::Message(at + 1), message.len()));
        header.into_iter().chain(forms).chain(messages).collect()
    }

    /// The cut at this offset in it.
    #[must_use]
    pub fn cut(self, offset: usize) -> SingleCut {
        match self {
            Part::Header => SingleCut::Header(offset),
            Part::Hello(form) => SingleCut::Hello(form, offset),
            Part::Message(message) => SingleCut::Message(Place { message, offset }),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Header => f.write_str("PROXY header"),
            Part::Hello(form) => write!(f, "ClientHello in {}", form.words()),
            Part::Message(number) => write!(f, "message {number}"),
        }
    }
}

impl From<&Verdict> for Mark {
    fn from(verdict: &Verdict) -> Mark {
        match verdict {
            Verdict::Same => Mark::Same,
            Verdict::Different => Mark::Different,
            Verdict::NotProven(_) => Mark::NotProven,
        }
    }
}

impl Tally {
    /// The trial that stopped the server, in words, or those of which one did.
    #[must_use]
    pub fn what_stopped_it(&self) -> Option<String> {
        let names: Vec<_> = self.stopped_by.iter().map(Label::to_string).collect();
        (!names.is_empty()).then(|| names.join(" or "))
    }

    /// Adds the time that a conversation of this family took.
    pub fn add_time(&mut self, kind: TrialKind, took: Duration) {
        *self.times.entry(kind).or_default() += took;
    }

    /// Counts one trial.
    pub fn count(&mut self, label: Label, verdict: Verdict) {
        if let Some(cut) = SingleCut::of(label) {
            self.single_cuts.insert(cut, Mark::from(&verdict));
        }
        let kind = self.kinds.entry(label.kind()).or_default();
        match verdict {
            Verdict::Same => kind.same += 1,
            Verdict::Different => kind.different += 1,
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

    /// The exit status of a sweep that no signal ended: 3 if there is a difference, 0 if the server is proven to be
    /// right, or else 4.
    #[must_use]
    pub fn status(&self, subject: &Subject) -> ExitStatus {
        match () {
            () if self.total().different > 0 => ExitStatus::Different,
            () if self.is_proven(subject) => ExitStatus::Done,
            () => ExitStatus::Unproven,
        }
    }

    /// Whether every single cut of every message, and all else that was tried, is proven to change nothing. If there are
    /// no single cuts, all trials have to be tried.
    #[must_use]
    pub fn is_proven(&self, subject: &Subject) -> bool {
        let total = self.total();
        let left_out = total.judged() < subject.plans;
        let may_leave_out = self.out_of_time && subject.single_cuts > 0;
        total.same > 0
            && total.same == total.judged()
            && self.gave_up.is_none()
            && self.tried_cuts() == subject.single_cuts
            && (may_leave_out || !left_out)
    }

    /// The number of single cuts of messages that were tried.
    fn tried_cuts(&self) -> u64 {
        self.single_cuts.keys().filter(|cut| matches!(cut, SingleCut::Message(_))).count() as u64
    }

    /// That not all single cuts of the messages were tried, and why: `tried 201 of 541 single cuts (--max-time)`.
    #[must_use]
    pub fn untried_cuts(&self, subject: &Subject) -> Option<String> {
        let (tried, all) = (self.tried_cuts(), subject.single_cuts);
        // Single cuts are tried first.
        let planned = all.min(subject.plans as u64);
        let why = [
            ("--max-time", self.out_of_time && tried < planned),
            ("--max-plans", planned < all),
            ("interrupted", self.interrupted && tried < planned),
            ("ended early", self.gave_up.is_some() && tried < planned),
        ];
        let why: Vec<_> = why.into_iter().filter(|(_, is_so)| *is_so).map(|(why, _)| why).collect();
        (tried < all).then(|| format!("tried {tried} of {} ({})", counted(all, "single cut"), why.join(", ")))
    }

    /// Why nothing was tested, if there was nothing to try.
    #[must_use]
    pub fn nothing_tried(&self, subject: &Subject) -> Option<String> {
        let families = subject.families;
        (subject.plans == 0)
            .then(|| format!("nothing was tested: these messages have no plans of the families {families}"))
    }
}

impl Count {
    /// The number of trials.
    #[must_use]
    pub fn judged(self) -> usize {
        self.same + self.different + self.not_proven
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_each_single_cut_is_kept() {
        let place = |message, offset| Place { message, offset };
        let mut tally = Tally::default();
        tally.count(Label::Cut(place(2, 1)), Verdict::NotProven("why".to_owned()));
        tally.count(Label::Cut(place(1, 7)), Verdict::Different);
        tally.count(Label::Header(4), Verdict::Same);
        tally.count(Label::Hello(HelloForm::Tcp, 5), Verdict::Same);
        tally.count(Label::Pair(place(1, 1), place(1, 2)), Verdict::Different);
        let expected = [
            (SingleCut::Header(4), Mark::Same),
            (SingleCut::Hello(HelloForm::Tcp, 5), Mark::Same),
            (SingleCut::Message(place(1, 7)), Mark::Different),
            (SingleCut::Message(place(2, 1)), Mark::NotProven),
        ];
        assert_eq!(tally.single_cuts.into_iter().collect::<Vec<_>>(), expected);
    }

    /// A subject with this number of plans and of single cuts.
    fn subject(plans: usize, single_cuts: u64) -> Subject {
        Subject {
            address: String::new(),
            client: None,
            proxy: None,
            proof: Proof::Read,
            witness: None,
            family: Family::Any,
            header: vec![],
            tls: vec![],
            header_length: 0,
            hello: 0,
            messages: vec![],
            dialog: SubjectDialog::default(),
            plans,
            single_cuts,
            families: Families::default(),
            cut_at: vec![],
            skipped: 0,
            seed: 0,
        }
    }

    /// The tally of this number of single cuts and of chunks, all of them the same.
    fn tally(cuts: usize, chunks: usize) -> Tally {
        let mut tally = Tally::default();
        for offset in 1..=cuts {
            tally.count(Label::Cut(Place { message: 1, offset }), Verdict::Same);
        }
        for size in 1..=chunks {
            tally.count(Label::Chunks(size), Verdict::Same);
        }
        tally
    }

    #[test]
    fn status_is_0_only_if_every_single_cut_is_proven() {
        let out_of_time = |tally| Tally { out_of_time: true, ..tally };
        let unproven = |label| {
            let mut tally = tally(8, 4);
            tally.count(label, Verdict::NotProven(String::new()));
            tally
        };
        let gave_up = Tally { gave_up: Some(String::new()), ..tally(8, 4) };
        for (tally, subject, status) in [
            (tally(8, 4), subject(12, 8), ExitStatus::Done),
            (out_of_time(tally(8, 2)), subject(12, 8), ExitStatus::Done),
            (tally(8, 2), subject(12, 8), ExitStatus::Unproven),
            (out_of_time(tally(7, 0)), subject(12, 8), ExitStatus::Unproven),
            (tally(7, 0), subject(7, 8), ExitStatus::Unproven),
            (gave_up, subject(12, 8), ExitStatus::Unproven),
            (unproven(Label::Cut(Place { message: 2, offset: 1 })), subject(13, 9), ExitStatus::Unproven),
            (unproven(Label::Chunks(7)), subject(13, 8), ExitStatus::Unproven),
            // Without single cuts, such as with TLS and no messages.
            (tally(0, 4), subject(4, 0), ExitStatus::Done),
            (out_of_time(tally(0, 2)), subject(4, 0), ExitStatus::Unproven),
            (tally(0, 0), subject(0, 0), ExitStatus::Unproven),
        ] {
            assert_eq!(tally.status(&subject), status, "{tally:?}");
        }
        let mut different = out_of_time(tally(1, 0));
        different.count(Label::Chunks(7), Verdict::Different);
        assert_eq!(different.status(&subject(12, 8)), ExitStatus::Different);
    }

    #[test]
    fn untried_single_cuts_are_counted_with_each_reason() {
        let line = |tally: &Tally, plans| tally.untried_cuts(&subject(plans, 541));
        let tried = tally(201, 0);
        let late = Tally { out_of_time: true, ..tried.clone() };
        let tried_of = |why| Some(format!("tried 201 of 541 single cuts ({why})"));
        assert_eq!(line(&late, 541), tried_of("--max-time"));
        assert_eq!(line(&late, 300), tried_of("--max-time, --max-plans"));
        assert_eq!(line(&late, 201), tried_of("--max-plans"));
        assert_eq!(line(&Tally { interrupted: true, ..tried.clone() }, 541), tried_of("interrupted"));
        assert_eq!(line(&Tally { gave_up: Some(String::new()), ..tried }, 541), tried_of("ended early"));
        assert_eq!(line(&tally(541, 0), 541), None);
    }
}
