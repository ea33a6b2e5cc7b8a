//! The findings of a sweep as JUnit XML, for CI systems.

use std::fmt::Write;
use std::time::Duration;

use super::text::{describe, proofs};
use super::{Count, Findings, Run, expectation, headline};
use crate::plan::TrialKind;
use crate::value::{counted, escape_xml};

/// The findings as a test suite. Its cases have the same names in each run: the uncut messages, each family of plans,
/// and whether every plan was tried. A difference is a failure. What was not proven or not tried is an error, because it
/// must not pass.
#[must_use]
pub fn to_junit(findings: &Findings) -> String {
    let Findings { run, subject, baseline, tally, .. } = *findings;
    let mut cases = Cases::default();
    let no_baseline = baseline.err().map(|why| Problem::error(why.to_owned(), String::new()));
    cases.add("uncut messages", None, no_baseline);
    for (kind, count) in &tally.kinds {
        let took = tally.times.get(kind).copied().unwrap_or_default();
        cases.add(&kind.to_string(), Some(took), problem(findings, *kind, *count));
    }
    let untried = subject.plans.saturating_sub(tally.total().judged());
    let missing = tally.untried_cuts(subject).or(tally.nothing_tried(subject));
    let is_incomplete = (untried > 0 && !tally.is_proven(subject)) || missing.is_some();
    let not_tried = is_incomplete.then(|| {
        let limit = tally.out_of_time.then_some("--max-time");
        let signal = tally.interrupted.then_some("interrupted");
        let why = [tally.gave_up.as_deref(), limit, signal, missing.as_deref()];
        let why: Vec<_> = why.into_iter().flatten().collect();
        Problem::error(format!("{} not tried", counted(untried as u64, "plan")), why.join("\n"))
    });
    if baseline.is_ok() {
        cases.add("every plan tried", None, not_tried);
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"secretcat sweep {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"{}\" \
         timestamp=\"{}\">",
        escape_xml(&subject.path()),
        cases.number,
        cases.failures,
        cases.errors,
        seconds(run.took),
        escape_xml(run.time.trim_end_matches('Z')),
    );
    properties(findings, &mut xml);
    xml.push_str(&cases.xml);
    let _ = writeln!(xml, "  <system-out>{}</system-out>\n</testsuite>", escape_xml(&headline(subject, tally)));
    xml
}

/// What is wrong with a case.
struct Problem {
    element: &'static str,
    message: String,
    text: String,
}

impl Problem {
    fn error(message: String, text: String) -> Problem {
        Problem { element: "error", message, text }
    }
}

/// The test cases so far.
#[derive(Default)]
struct Cases {
    xml: String,
    number: usize,
    failures: usize,
    errors: usize,
}

impl Cases {
    fn add(&mut self, name: &str, took: Option<Duration>, problem: Option<Problem>) {
        let (name, time) = (escape_xml(name), seconds(took.unwrap_or_default()));
        let _ = write!(self.xml, "  <testcase classname=\"sweep\" name=\"{name}\" time=\"{time}\"");
        self.number += 1;
        let Some(Problem { element, message, text }) = problem else {
            self.xml.push_str("/>\n");
            return;
        };
        *(if element == "failure" { &mut self.failures } else { &mut self.errors }) += 1;
        let (message, text) = (escape_xml(&message), escape_xml(&text));
        let _ = writeln!(self.xml, ">\n    <{element} message=\"{message}\">{text}</{element}>\n  </testcase>");
    }
}

/// What is wrong with a family of plans.
fn problem(findings: &Findings, kind: TrialKind, count: Count) -> Option<Problem> {
    let Findings { subject, baseline, tally, .. } = *findings;
    let of = |number: usize, verdict: &str| format!("{number} of {} {verdict}", counted(count.judged() as u64, "plan"));
    let its = |repeated| {
        let found = tally.differences.iter().filter(move |found| found.repeated == repeated);
        found.filter(|found| found.found_by.kind() == kind)
    };
    let texts = |repeated| {
        let describe = |found| baseline.ok().map(|baseline| describe(subject, baseline, found));
        its(repeated).filter_map(describe).collect::<Vec<_>>()
    };
    if count.different > 0 {
        let mut texts = texts(true);
        if texts.is_empty() {
            texts.push("the causes are reported with other families".to_owned());
        }
        return Some(Problem {
            element: "failure",
            message: of(count.different, "different"),
            text: texts.join("\n\n"),
        });
    }
    (count.not_proven > 0).then(|| {
        let reasons = tally.reasons.iter().map(|(why, number)| format!("{}: {why}", counted(*number as u64, "plan")));
        Problem::error(
            of(count.not_proven, "not proven"),
            texts(false).into_iter().chain(reasons).collect::<Vec<_>>().join("\n"),
        )
    })
}

/// The facts about the run.
fn properties(findings: &Findings, xml: &mut String) {
    let Findings { run, subject, baseline, tally, status } = findings;
    let proof = proofs(subject, tally).unwrap_or_else(|| "read".to_owned());
    let mut properties = vec![
        ("version", Run::VERSION.to_owned()),
        ("command", run.command_line()),
        ("address", subject.address.clone()),
        ("seed", subject.seed.to_string()),
        ("proof", proof),
        ("plans", subject.plans.to_string()),
        ("status", status.number().to_string()),
    ];
    properties.extend(subject.proxy.as_ref().map(|proxy| ("proxy", proxy.url.to_string())));
    properties.extend(baseline.ok().map(|baseline| ("expected", expectation(baseline))));
    xml.push_str("  <properties>\n");
    for (name, value) in properties {
        let _ = writeln!(xml, "    <property name=\"{name}\" value=\"{}\"/>", escape_xml(&value));
    }
    xml.push_str("  </properties>\n");
}

/// A time in seconds, to the millisecond.
fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}
