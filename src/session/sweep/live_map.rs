//! A sweep on the live page: the map of offsets, which fills up, and the findings.

use std::time::{Duration, Instant};

use data_encoding::BASE64;

use super::super::Context;
use crate::io::recorder::Recorder;
use crate::plan::Trial;
use crate::verdict::{Baseline, Count, Difference, Mark, Outcome, Part, SingleCut, Subject, Tally, describe, headline};
use crate::web::{PartView, SweepView};

/// The time between two views.
const PERIOD: Duration = Duration::from_millis(200);
/// The largest number of parts that are shown.
const MOST_PARTS: usize = 100;
/// The largest number of bytes of all parts that are shown.
const MOST_BYTES: usize = 10_000;
/// The largest number of findings that are shown.
const MOST_FINDINGS: usize = 50;

/// The map of a sweep that runs.
pub(super) struct LiveMap {
    recorder: Recorder,
    parts: Parts,
    /// The number of plans.
    of: usize,
    shown: Option<Instant>,
}

impl LiveMap {
    /// The map of these messages, with the bytes of a PROXY header and of a `ClientHello`; `None` without a live page.
    pub(super) fn new(
        recorder: &Recorder,
        header: usize,
        hello: usize,
        messages: &[Vec<u8>],
        of: usize,
    ) -> Option<LiveMap> {
        let parts = || Parts::new(&Part::all(header, hello, messages), messages);
        recorder.has_page().then(|| LiveMap { recorder: recorder.clone(), parts: parts(), of, shown: None })
    }

    /// Shows the results so far, if that is due.
    pub(super) fn show(&mut self, tally: &Tally, suspects: &[(Trial, Outcome)], now: Instant) {
        if self.shown.is_some_and(|shown| now < shown + PERIOD) {
            return;
        }
        self.shown = Some(now);
        let mut view = self.parts.view(tally, self.of);
        view.suspects = suspects.len();
        view.done += suspects.len();
        for cut in suspects.iter().filter_map(|(trial, _)| SingleCut::of(trial.name)) {
            if let Some(part) = self.parts.0.iter().position(|(part, _, _)| *part == cut.part()) {
                view.parts[part].marks.push((cut.offset(), cut.offset(), 'x'));
            }
        }
        let found =
            |difference: &Difference| format!("different: {} (to be described at the end)", difference.found_by);
        view.findings = tally.differences.iter().take(MOST_FINDINGS).map(found).collect();
        self.recorder.with_live(|live, _, _| live.set_sweep(view));
    }
}

/// Shows the result of a sweep.
pub(super) fn show_result(context: &Context, subject: &Subject, tally: &Tally, baseline: Result<&Baseline, &str>) {
    if !context.recorder.has_page() {
        return;
    }
    let mut view = Parts::new(&subject.parts(), &subject.messages).view(tally, subject.plans);
    match baseline {
        Ok(baseline) => {
            let found = tally.differences.iter().take(MOST_FINDINGS);
            view.findings = found.map(|difference| describe(subject, baseline, difference)).collect();
            view.result = Some(headline(subject, tally));
        }
        Err(why) => view.result = Some(why.to_owned()),
    }
    context.recorder.with_live(|live, _, _| live.set_sweep(view));
}

/// The parts that are shown, their lengths, and their bytes if they are known.
struct Parts(Vec<(Part, usize, Option<Vec<u8>>)>);

impl Parts {
    fn new(parts: &[(Part, usize)], messages: &[Vec<u8>]) -> Parts {
        let mut left = MOST_BYTES;
        let mut parts: Vec<_> = parts.to_vec();
        parts.retain(|(_, length)| {
            let is_shown = left > 0;
            left = left.saturating_sub(*length);
            is_shown
        });
        parts.truncate(MOST_PARTS);
        let bytes = |part| match part {
            Part::Message(number) => messages.get(number - 1).map(|message| head(message).to_vec()),
            _ => None,
        };
        Parts(parts.into_iter().map(|(part, length)| (part, length, bytes(part))).collect())
    }

    /// The results of these parts.
    fn view(&self, tally: &Tally, of: usize) -> SweepView {
        let total @ Count { same, different, not_proven } = tally.total();
        let part = |(part, length, bytes): &(Part, usize, Option<Vec<u8>>)| {
            let marks = tally.stretches(*part, *length).into_iter();
            let marks = marks.filter_map(|stretch| Some((stretch.from, stretch.to, letter(stretch.mark?))));
            let bytes = bytes.as_ref().map(|bytes| BASE64.encode(bytes));
            PartView { name: part.to_string(), length: *length, bytes, marks: marks.collect() }
        };
        let parts = self.0.iter().map(part).collect();
        SweepView { done: total.judged(), of, same, different, not_proven, parts, ..SweepView::default() }
    }
}

fn head(message: &[u8]) -> &[u8] {
    message.get(..MOST_BYTES).unwrap_or(message)
}

fn letter(mark: Mark) -> char {
    match mark {
        Mark::Same => 's',
        Mark::Different => 'd',
        Mark::NotProven => 'u',
    }
}
