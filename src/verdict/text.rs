//! The findings of a sweep as text.

use std::fmt::Write;

use super::finding::{Fact, Finding, expectation, list};
use super::repeat::repeat_command;
use super::shown::Window;
use super::{Baseline, Count, Difference, Mark, Proof, SingleCut, Subject, Tally};
use crate::plan::{HelloForm, TrialKind};
use crate::value::{Span, counted};

/// The number of bytes shown.
const WINDOW: Window = Window { around: 24, reply: 100 };

/// The whole report: the expected replies, the warnings, the differences, the table of families if not all plans are
/// the same, the reasons, and the verdict.
#[must_use]
pub fn to_text(subject: &Subject, baseline: &Baseline, tally: &Tally) -> String {
    let mut text = format!("expected: {}\n", expectation(baseline));
    for warning in &tally.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text.push_str(if tally.differences.is_empty() { "" } else { "\n" });
    for difference in &tally.differences {
        let _ = writeln!(text, "{}\n", describe(subject, baseline, difference));
    }
    if tally.total().same < subject.plans {
        text.push_str(&table(subject, tally));
    }
    let places = [subject.named(places(tally)), hello_places(tally)].into_iter().filter(|places| !places.is_empty());
    let places: Vec<_> = places.collect();
    if !places.is_empty() {
        let _ = writeln!(text, "different when cut once: {}", places.join(", "));
    }
    for (why, count) in &tally.reasons {
        let _ = writeln!(text, "not proven: {}: {why}", counted(*count as u64, "plan"));
    }
    if let Some(why) = &tally.gave_up {
        let _ = writeln!(text, "ended early: {why}");
        if let Some(by) = tally.what_stopped_it() {
            let _ = writeln!(text, "stopped by: {by} (not repeated: --server COMMAND starts the server again)");
        }
    }
    for line in tally.untried_cuts(subject).into_iter().chain(tally.nothing_tried(subject)) {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{}", headline(subject, tally));
    text
}

/// The verdict in one line.
#[must_use]
pub fn headline(subject: &Subject, tally: &Tally) -> String {
    let bytes: usize = subject.messages.iter().map(Vec::len).sum();
    let Count { same, different, not_proven } = tally.total();
    let mut line = format!("{}: ", subject.path());
    if subject.hello > 0 {
        let _ = write!(line, "ClientHello of {}, ", counted(subject.hello as u64, "byte"));
    }
    if subject.hello == 0 || bytes > 0 {
        let (messages, bytes) = (subject.counted_messages(), counted(bytes as u64, "byte"));
        let _ = write!(line, "{messages}, {bytes}, ");
    }
    if !subject.cut_at.is_empty() {
        let _ = write!(line, "{}, ", subject.cut_at.join(" "));
    }
    let plans = counted(subject.plans as u64, "plan");
    let _ = write!(line, "{plans}: {same} same, {different} different, {not_proven} not proven");
    let untried = subject.plans.saturating_sub(tally.total().judged());
    if untried > 0 {
        let _ = write!(line, ", {untried} not tried");
        match tally.others_within.filter(|_| tally.untried_cuts(subject).is_none()) {
            _ if !tally.out_of_time => {}
            Some(time) => {
                let _ = write!(line, " within {} (--max-time TIME tries more)", Span(time));
            }
            None => line.push_str(" (--max-time)"),
        }
    }
    if let Some(proof) = proofs(subject, tally) {
        let _ = write!(line, " (proof: {proof})");
    }
    if subject.skipped > 0 {
        let _ = write!(line, " ({} more beyond --max-plans, seed {})", subject.skipped, subject.seed);
    }
    line
}

/// One difference: its cuts, the expected and received replies, and the command that repeats it.
#[must_use]
pub fn describe(subject: &Subject, baseline: &Baseline, difference: &Difference) -> String {
    let finding = Finding::new(subject, baseline, difference, WINDOW);
    let verdict = if difference.repeated { "different" } else { "perhaps different, not tried again" };
    let mut text = format!("{verdict}: {}", finding.title);
    for Fact { label, content } in &finding.facts {
        let _ = write!(text, "\n  {:<11}{content}", format!("{label}:"));
    }
    let _ = write!(text, "\n  repeat:    {}", repeat_command(subject, difference));
    text
}

/// What a proven cut is, where that is not a read in each family.
pub(super) fn proofs(subject: &Subject, tally: &Tally) -> Option<String> {
    let is_read = |kind: &&TrialKind| subject.proof(**kind) == Proof::Read;
    let read: Vec<_> = tally.kinds.keys().filter(is_read).map(ToString::to_string).collect();
    let proof = match read.len() {
        all if all == tally.kinds.len() => None,
        0 => Some(subject.proof.to_string()),
        _ => Some(format!("read for {}, {} for the others", read.join(" and "), subject.proof)),
    };
    if subject.witness.as_ref().is_some_and(|witness| witness.has_seen) {
        return Some(format!("{}, seen by the witness", proof.unwrap_or_else(|| Proof::Read.to_string())));
    }
    proof
}

/// The name, the counts and the proof of each family.
pub(super) fn table_rows(subject: &Subject, tally: &Tally) -> impl Iterator<Item = (String, Count, Proof)> {
    tally.kinds.iter().map(|(kind, count)| (kind.to_string(), *count, subject.proof(*kind)))
}

/// A table with one line for each family of trials.
fn table(subject: &Subject, tally: &Tally) -> String {
    let longest = tally.kinds.keys().map(|kind| kind.to_string().len()).max().unwrap_or(0);
    let width = longest.max(14) + 2;
    let mut text = format!("{:<width$}{:>8}{:>8}{:>11}{:>12}  proof\n", "", "plans", "same", "different", "not proven");
    for (name, count, proof) in table_rows(subject, tally) {
        let Count { same, different, not_proven } = count;
        let plans = count.judged();
        let _ = writeln!(text, "{name:<width$}{plans:>8}{same:>8}{different:>11}{not_proven:>12}  {proof}");
    }
    text
}

/// The places of single cuts that made a difference, outside of the `ClientHello`.
fn places(tally: &Tally) -> String {
    let differing = tally.single_cuts.iter().filter(|(_, mark)| **mark == Mark::Different).map(|(cut, _)| *cut);
    list(differing.filter(|cut| !matches!(cut, SingleCut::Hello(..))))
}

/// The places of single cuts of the `ClientHello` that made a difference: `ClientHello in records at 1-3 (of 40 tried)`.
/// A range has no other place that was tried.
fn hello_places(tally: &Tally) -> String {
    let mut texts = Vec::new();
    for form in HelloForm::ALL {
        let tried = tally.single_cuts.iter().filter_map(|(cut, mark)| match *cut {
            SingleCut::Hello(of, offset) if of == form && *mark != Mark::NotProven => {
                Some((offset, *mark == Mark::Different))
            }
            _ => None,
        });
        let tried: Vec<(usize, bool)> = tried.collect();
        let runs = tried.chunk_by(|one, other| one.1 == other.1).filter(|run| run.iter().any(|(_, differs)| *differs));
        let ranges = runs.filter_map(|run| {
            let ((from, _), (to, _)) = (run.first()?, run.last()?);
            Some(if from == to { from.to_string() } else { format!("{from}-{to}") })
        });
        let ranges: Vec<_> = ranges.collect();
        if !ranges.is_empty() {
            let (ranges, tried) = (ranges.join(", "), counted(tried.len() as u64, "offset"));
            texts.push(format!("ClientHello in {} at {ranges} (of {tried} tried)", form.words()));
        }
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_of_hello_cuts_ends_at_a_tried_offset() {
        let (differs, same) = (Mark::Different, Mark::Same);
        let tcp = [(1, differs), (5, differs), (6, same), (7, Mark::NotProven), (9, differs)];
        let tcp = tcp.map(|(cut, mark)| (SingleCut::Hello(HelloForm::Tcp, cut), mark));
        let records = [(SingleCut::Hello(HelloForm::Records, 7), same)];
        let tally = Tally { single_cuts: tcp.into_iter().chain(records).collect(), ..Tally::default() };
        assert_eq!(hello_places(&tally), "ClientHello in TCP pieces at 1-5, 9 (of 4 offsets tried)");
    }
}
