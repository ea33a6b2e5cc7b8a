//! The findings of a sweep as JUnit XML, for CI systems.

use std::fmt::Write;

use super::{Baseline, Subject, Tally, describe, headline};
use crate::value::escape_xml;

/// The findings as a test suite. Each difference is a failed case. Each reason why something was not proven is an
/// error, because an unproven plan must not pass. Each family whose plans were all the same is a passed case.
#[must_use]
pub fn to_junit(subject: &Subject, baseline: Result<&Baseline, &str>, tally: &Tally) -> String {
    let mut cases = Vec::new();
    let case = |name: &str, inside: &str| {
        format!("  <testcase classname=\"sweep\" name=\"{}\">{inside}</testcase>\n", escape_xml(name))
    };
    let (mut failures, mut errors) = (0, 0);
    for (kind, count) in &tally.kinds {
        if count.same == count.judged() {
            cases.push(case(&format!("{kind}: {} plans with the same replies", count.same), ""));
        }
    }
    if let Ok(baseline) = baseline {
        for difference in &tally.differences {
            let text = escape_xml(&describe(subject, baseline, difference));
            let inside = if difference.repeated {
                failures += 1;
                format!("<failure message=\"the replies differ\">{text}</failure>")
            } else {
                errors += 1;
                format!("<error message=\"perhaps different, and not tried again\">{text}</error>")
            };
            cases.push(case(&difference.found_by.to_string(), &inside));
        }
    }
    let untried = subject.plans.saturating_sub(tally.total().judged());
    let interrupted = tally.interrupted.then_some("interrupted");
    let why = baseline.err().or(tally.gave_up.as_deref()).or(interrupted).unwrap_or_default();
    let why = if why.is_empty() && tally.out_of_time { "--max-time" } else { why };
    let untried = (untried > 0 && !tally.is_proven(subject)).then(|| (why.to_owned(), untried));
    for (reason, count) in tally.reasons.clone().into_iter().chain(untried) {
        let inside = format!("<error message=\"{}\"/>", escape_xml(&reason));
        cases.push(case(&format!("{count} plans not proven"), &inside));
        errors += 1;
    }
    let lines = tally.untried_cuts(subject).into_iter().chain(tally.nothing_tried(subject));
    for line in lines.filter(|_| baseline.is_ok()) {
        cases.push(case("all single cuts tried", &format!("<error message=\"{}\"/>", escape_xml(&line))));
        errors += 1;
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"secretcat sweep {}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\">",
        escape_xml(&subject.path()),
        cases.len(),
    );
    xml.push_str(&cases.concat());
    let _ = writeln!(xml, "  <system-out>{}</system-out>\n</testsuite>", escape_xml(&headline(subject, tally)));
    xml
}
