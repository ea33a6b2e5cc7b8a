//! A sweep's findings for a CI system: JUnit's XML.

use std::fmt::Write;

use super::{Baseline, Subject, Tally, describe, headline};

/// The findings as a test suite: a failed case a difference, an error for each reason why something
/// could not be proven (what is not proven must not pass), and a case that passes for each family
/// of plans that was the same throughout.
#[must_use]
pub fn to_junit(subject: &Subject, baseline: Result<&Baseline, &str>, tally: &Tally) -> String {
    let mut cases = Vec::new();
    let case = |name: &str, inside: &str| {
        format!("  <testcase classname=\"sweep\" name=\"{}\">{inside}</testcase>\n", quoted(name))
    };
    let (mut failures, mut errors) = (0, 0);
    for (kind, count) in &tally.kinds {
        if count.same == count.judged() {
            cases.push(case(&format!("{kind}: {} plans with the same replies", count.same), ""));
        }
    }
    if let Ok(baseline) = baseline {
        for difference in &tally.differences {
            let text = quoted(&describe(subject, baseline, difference));
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
    let untried = (untried > 0).then(|| (why.to_owned(), untried));
    for (reason, count) in tally.reasons.clone().into_iter().chain(untried) {
        let inside = format!("<error message=\"{}\"/>", quoted(&reason));
        cases.push(case(&format!("{count} plans not proven"), &inside));
        errors += 1;
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"secretcat sweep {}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\">",
        quoted(&subject.address),
        cases.len(),
    );
    xml.push_str(&cases.concat());
    let _ = writeln!(xml, "  <system-out>{}</system-out>\n</testsuite>", quoted(&headline(subject, tally)));
    xml
}

/// Text that may stand in XML. Control characters have been escaped before, and two characters that
/// are none are not allowed there at all (XML 1.0, production 2).
fn quoted(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_it() {
        assert_eq!(quoted("a<b & \"c\">\u{ffff}"), "a&lt;b &amp; &quot;c&quot;&gt;\u{fffd}");
    }
}
