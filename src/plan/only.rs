//! The one plan of `--only`, as text: it repeats a finding.

use std::fmt;
use std::str::FromStr;

use super::hello::{HelloCuts, HelloForm};
use super::layout::Layout;
use super::order::Prelude;
use super::trial::{Fin, Label, Trial, TrialKind};
use crate::value::{Invalid, counted};

/// The one plan that is tried, from the values of `--only`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only(Vec<OnlyPart>);

/// A value of `--only`: a part of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnlyPart {
    /// `7,19`, `every:7`: cuts of messages.
    Messages(Cuts),
    /// `header:5`: cuts of the PROXY header.
    Header(Cuts),
    /// `hello-records:5`: cuts of the `ClientHello`.
    Hello(HelloForm, Cuts),
    /// `joined:4,6`, `joined:all`: the ends of messages that are not cut; `None` for all of them.
    Joined(Option<Vec<usize>>),
    /// `fin:with`: an earlier half-close.
    Fin(Fin),
}

/// Offsets to cut at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// These offsets, in rising order and each once.
    At(Vec<usize>),
    /// Each multiple of this size.
    Every(usize),
}

/// A plan of `--only` that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--only {part}: {why}")]
pub struct OnlyError {
    part: OnlyPart,
    why: String,
}

/// The names of the forms of a `ClientHello` in pieces.
const HELLO: [(&str, HelloForm); 3] =
    [("hello-tcp", HelloForm::Tcp), ("hello-records", HelloForm::Records), ("hello-joined", HelloForm::JoinedRecords)];
const FINS: [(&str, Fin); 2] = [("with", Fin::With), ("after", Fin::After)];
/// Fewer cuts of one distance than these are listed.
const FEW: usize = 3;

impl Only {
    /// The plan of these parts; `None` if there are none.
    ///
    /// # Errors
    /// The first part that does not go with the others.
    pub fn new(parts: Vec<OnlyPart>) -> Result<Option<Only>, OnlyError> {
        let error = |part: &OnlyPart, why: &str| Err(OnlyError { part: part.clone(), why: why.to_owned() });
        if let Some(hello) = parts.iter().find(|part| matches!(part, OnlyPart::Hello(..))) {
            if parts.len() > 1 {
                return error(hello, "a plan that cuts the ClientHello cuts nothing else (remove the other parts)");
            }
        }
        for (number, part) in parts.iter().enumerate() {
            let is_alike = |other: &OnlyPart| std::mem::discriminant(other) == std::mem::discriminant(part);
            if parts.iter().take(number).any(is_alike) {
                return error(part, "the same part of a plan is given twice (remove one)");
            }
        }
        Ok((!parts.is_empty()).then_some(Only(parts)))
    }

    /// The plan of a trial of messages with this layout.
    #[must_use]
    pub fn of(trial: &Trial, layout: &Layout) -> Only {
        if let Some(hello) = &trial.hello {
            return Only(vec![OnlyPart::Hello(hello.form, Cuts::of_one(&hello.cuts, hello.of))]);
        }
        let mut parts = Vec::new();
        if !trial.header.is_empty() {
            parts.push(OnlyPart::Header(Cuts::At(trial.header.clone())));
        }
        let boundaries = layout.boundaries();
        let inside: Vec<usize> =
            trial.cuts.iter().copied().filter(|cut| boundaries.binary_search(cut).is_err()).collect();
        if let Some(first) = inside.first() {
            let size = layout.locate(*first).offset;
            let is_regular = inside.len() >= FEW && layout.chunks(size) == inside;
            parts.push(OnlyPart::Messages(if is_regular { Cuts::Every(size) } else { Cuts::At(inside) }));
        }
        if !trial.joined.is_empty() {
            let all = trial.joined == boundaries;
            parts.push(OnlyPart::Joined((!all).then(|| trial.joined.clone())));
        }
        if trial.fin != Fin::Replied {
            parts.push(OnlyPart::Fin(trial.fin));
        }
        Only(parts)
    }

    /// The options that repeat it, as words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.0.iter().flat_map(|part| ["--only".to_owned(), part.to_string()]).collect()
    }

    /// The parts of the plan.
    #[must_use]
    pub fn parts(&self) -> &[OnlyPart] {
        &self.0
    }

    /// The trial of messages with this layout, after this prelude.
    ///
    /// # Errors
    /// The first part that has no place there.
    pub fn trial(&self, layout: &Layout, prelude: Prelude) -> Result<Trial, OnlyError> {
        let (mut cuts, mut joined) = (Vec::new(), Vec::new());
        let mut trial = layout.whole();
        for part in &self.0 {
            let error = |why: String| OnlyError { part: part.clone(), why };
            let within = |cuts: &Cuts, length: usize, what: &str| {
                let cuts = cuts.within(length);
                let is_inside = !cuts.is_empty() && cuts.iter().all(|cut| *cut < length);
                if is_inside { Ok(cuts) } else { Err(error(format!("{what} {}", counted(length as u64, "byte")))) }
            };
            match part {
                OnlyPart::Messages(Cuts::Every(size)) => {
                    cuts = layout.chunks(*size);
                    if cuts.is_empty() {
                        return Err(error(format!("the longest message has {} bytes", layout.longest())));
                    }
                }
                OnlyPart::Messages(at) => cuts = within(at, layout.len(), "in all there are")?,
                OnlyPart::Header(at) => trial.header = within(at, prelude.header, "the PROXY header has")?,
                OnlyPart::Hello(form, at) => {
                    let of = form.length(prelude.hello);
                    trial.hello =
                        Some(HelloCuts { form: *form, cuts: within(at, of, "in this form the ClientHello has")?, of });
                }
                OnlyPart::Joined(None) => joined = layout.boundaries().to_vec(),
                OnlyPart::Joined(Some(ends)) => {
                    if let Some(end) = ends.iter().find(|end| layout.boundaries().binary_search(end).is_err()) {
                        return Err(error(format!("no message begins at {end}")));
                    }
                    joined.clone_from(ends);
                }
                OnlyPart::Fin(fin) => trial.fin = *fin,
            }
        }
        if joined.is_empty() && self.0.iter().any(|part| matches!(part, OnlyPart::Joined(_))) {
            let part = OnlyPart::Joined(None);
            return Err(OnlyError { part, why: "there is only one message".to_owned() });
        }
        let name = self.name(&trial, &cuts, layout);
        let Trial { cuts, joined, .. } = layout.trial(name, &joined, cuts);
        Ok(Trial { name, cuts, joined, ..trial })
    }

    /// The name of its trial, with these cuts of messages.
    fn name(&self, trial: &Trial, cuts: &[usize], layout: &Layout) -> Label {
        let kind = match &self.0[..] {
            [OnlyPart::Messages(Cuts::Every(size))] => return Label::Chunks(*size),
            [OnlyPart::Messages(_)] => match layout.cut_at(cuts.to_vec()).name {
                Label::Shrunk => TrialKind::Chunks,
                name => return name,
            },
            [OnlyPart::Header(_)] if trial.header.len() == 1 => return Label::Header(trial.header[0]),
            [OnlyPart::Hello(form, Cuts::Every(size))] => return Label::HelloSizes(*form, *size),
            [OnlyPart::Hello(form, Cuts::At(cuts))] if cuts.len() == 1 => return Label::Hello(*form, cuts[0]),
            [OnlyPart::Hello(form, _)] => TrialKind::Hello(*form),
            [OnlyPart::Fin(fin)] => return Label::Fin(*fin),
            parts if parts.iter().any(|part| matches!(part, OnlyPart::Joined(_))) => {
                if cuts.is_empty() {
                    TrialKind::Joined
                } else {
                    TrialKind::Crossing
                }
            }
            parts if parts.iter().any(|part| matches!(part, OnlyPart::Header(_))) => TrialKind::Header,
            _ => TrialKind::Fin,
        };
        Label::Only(kind)
    }
}

impl Cuts {
    /// Rising offsets in one part of this length.
    fn of_one(cuts: &[usize], of: usize) -> Cuts {
        match cuts.first() {
            Some(&size) if cuts.len() >= FEW && Cuts::Every(size).within(of) == cuts => Cuts::Every(size),
            _ => Cuts::At(cuts.to_vec()),
        }
    }

    /// The offsets in one part of this length.
    fn within(&self, length: usize) -> Vec<usize> {
        match self {
            Cuts::At(offsets) => offsets.clone(),
            Cuts::Every(size) => (*size..length).step_by((*size).max(1)).collect(),
        }
    }
}

const WHAT: &str = "a part of a plan";
const EXPECTED: &str = "offsets above 0 such as 7,19, or every:SIZE, joined:OFFSETS, joined:all, header:OFFSETS, \
                        hello-tcp:OFFSETS, hello-records:OFFSETS, hello-joined:OFFSETS, fin:with or fin:after";

impl FromStr for OnlyPart {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<OnlyPart, Invalid> {
        let part = match text.split_once(':') {
            None => offsets(text).map(|offsets| OnlyPart::Messages(Cuts::At(offsets))),
            Some(("every", size)) => number(size).map(|size| OnlyPart::Messages(Cuts::Every(size))),
            Some(("header", list)) => offsets(list).map(|offsets| OnlyPart::Header(Cuts::At(offsets))),
            Some(("joined", "all")) => Some(OnlyPart::Joined(None)),
            Some(("joined", list)) => offsets(list).map(|ends| OnlyPart::Joined(Some(ends))),
            Some(("fin", name)) => FINS.iter().find(|(fin, _)| *fin == name).map(|(_, fin)| OnlyPart::Fin(*fin)),
            Some((name, rest)) => {
                let form = HELLO.iter().find(|(form, _)| *form == name).map(|(_, form)| *form);
                let cuts = match rest.strip_prefix("every:") {
                    Some(size) => number(size).map(Cuts::Every),
                    None => offsets(rest).map(Cuts::At),
                };
                form.zip(cuts).map(|(form, cuts)| OnlyPart::Hello(form, cuts))
            }
        };
        part.ok_or_else(|| Invalid::new(text, WHAT, EXPECTED))
    }
}

/// A whole number above 0.
fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// Numbers with commas, sorted and each once.
fn offsets(text: &str) -> Option<Vec<usize>> {
    let mut offsets: Vec<usize> = text.split(',').map(number).collect::<Option<_>>()?;
    offsets.sort_unstable();
    offsets.dedup();
    Some(offsets)
}

impl fmt::Display for OnlyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OnlyPart::Messages(cuts) => cuts.fmt(f),
            OnlyPart::Header(cuts) => write!(f, "header:{cuts}"),
            OnlyPart::Hello(form, cuts) => {
                let name = HELLO.iter().find(|(_, its)| its == form).map_or("hello-tcp", |(name, _)| name);
                write!(f, "{name}:{cuts}")
            }
            OnlyPart::Joined(None) => f.write_str("joined:all"),
            OnlyPart::Joined(Some(ends)) => write!(f, "joined:{}", Cuts::At(ends.clone())),
            OnlyPart::Fin(fin) => {
                let name = FINS.iter().find(|(_, its)| its == fin).map_or("with", |(name, _)| name);
                write!(f, "fin:{name}")
            }
        }
    }
}

impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cuts::Every(size) => write!(f, "every:{size}"),
            Cuts::At(offsets) => {
                let mut comma = "";
                offsets.iter().try_for_each(|offset| write!(f, "{}{offset}", std::mem::replace(&mut comma, ",")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::{Choice, Order, Shrink};

    fn only(texts: &[&str]) -> Result<Option<Only>, OnlyError> {
        Only::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn words(trial: &Trial, layout: &Layout) -> String {
        Only::of(trial, layout).words().join(" ").replace("--only ", "")
    }

    /// The trial that the words of this one give.
    fn again(trial: &Trial, layout: &Layout, prelude: Prelude) -> Trial {
        let words = Only::of(trial, layout).words();
        let parts = words.iter().filter(|word| *word != "--only").map(|word| word.parse().unwrap());
        Only::new(parts.collect()).unwrap().map_or(layout.whole(), |only| only.trial(layout, prelude).unwrap())
    }

    #[test]
    fn plans_have_short_words() {
        let prelude = Prelude { header: 20, hello: 30 };
        let choice =
            Choice { families: "+half-close".parse().unwrap(), max_plans: Some(usize::MAX), ..Choice::default() };
        let order = Order::new(prelude, &[9, 2, 4], choice);
        let mut shown = std::collections::BTreeMap::new();
        for trial in order.iter() {
            shown.entry(trial.name.kind()).or_insert_with(Vec::new).push(words(&trial, order.layout()));
        }
        let first = |kind, count: usize| shown[&kind][..count].join(" ");
        assert_eq!(first(TrialKind::OneCut, 2), "1 2");
        assert_eq!(first(TrialKind::Header, 2), "header:1 header:2");
        assert_eq!(first(TrialKind::Chunks, 4), "every:1 every:2 every:3 7");
        assert_eq!(first(TrialKind::Joined, 2), "joined:9 joined:all");
        assert_eq!(first(TrialKind::Crossing, 1), "1,10,12 joined:all");
        assert_eq!(first(TrialKind::Hello(HelloForm::Tcp), 1), "hello-tcp:1");
        assert!(shown[&TrialKind::Hello(HelloForm::JoinedRecords)].contains(&"hello-joined:every:2".to_owned()));
        assert_eq!(first(TrialKind::Fin, 2), "fin:with fin:after");
        assert_eq!(first(TrialKind::TwoCuts, 1), "1,2");
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused() {
        let refused = |texts: &[&str]| only(texts).unwrap_err().to_string();
        assert_eq!(only(&[]), Ok(None));
        assert_eq!(
            refused(&["hello-tcp:5", "3"]),
            "--only hello-tcp:5: a plan that cuts the ClientHello cuts nothing else (remove the other parts)"
        );
        assert_eq!(refused(&["3", "every:5"]), "--only every:5: the same part of a plan is given twice (remove one)");
    }

    #[test]
    fn places_that_are_not_there_are_refused() {
        let layout = Layout::new(&[4, 2]);
        let prelude = Prelude { header: 20, hello: 0 };
        let error =
            |layout: &Layout, text| only(&[text]).unwrap().unwrap().trial(layout, prelude).unwrap_err().to_string();
        for (text, why) in [
            ("6", "in all there are 6 bytes"),
            ("every:4", "the longest message has 4 bytes"),
            ("header:20", "the PROXY header has 20 bytes"),
            ("hello-records:1", "in this form the ClientHello has 0 bytes"),
            ("joined:5", "no message begins at 5"),
        ] {
            assert_eq!(error(&layout, text), format!("--only {text}: {why}"));
        }
        assert_eq!(error(&Layout::new(&[4]), "joined:all"), "--only joined:all: there is only one message");
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        for text in
            ["", "0", "-1", "1,,2", "+1", "every:", "every:0", "header:", "joined:", "fin:", "fin:replied", "hello:1"]
        {
            let error = text.parse::<OnlyPart>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not a part of a plan: expected {EXPECTED}"));
        }
        assert_eq!("9,3,9".parse(), Ok(OnlyPart::Messages(Cuts::At(vec![3, 9]))));
    }

    proptest! {
        #[test]
        fn words_give_every_trial_and_its_shrunk_form(
            messages in prop::collection::vec(1usize..12, 0..6), header in 0usize..30, hello in 0usize..30,
            at: prop::sample::Index, differs in prop::collection::vec(any::<bool>(), 0..8),
        ) {
            let prelude = Prelude { header, hello };
            let choice = Choice { families: "+half-close".parse().unwrap(), ..Choice::default() };
            let order = Order::new(prelude, &messages, choice);
            if let Some(trial) = order.get(at.index(order.len().max(1))) {
                let mut shrink = Shrink::new(order.layout(), &trial);
                for differs in differs {
                    shrink.report(differs);
                }
                for trial in [trial, shrink.result()] {
                    let again = again(&trial, order.layout(), prelude);
                    prop_assert_eq!(Trial { name: trial.name, ..again }, trial);
                }
            }
        }
    }
}
