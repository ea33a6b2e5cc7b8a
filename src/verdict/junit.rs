//! A sweep's findings for a CI system: JUnit's XML.

use std::fmt::Write;

use super::{Baseline, Subject, Tally, describe};

/// The findings as a test suite: a failed case a difference, a skipped one for each reason why
/// something could not be proven, and one that passes for all that were the same.
#[must_use]
pub fn to_junit(subject: &Subject, baseline: &Baseline, tally: &Tally) -> String {
    let cases = tally.differences.len() + tally.not_proven.len() + 1;
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"secretcat sweep {}\" tests=\"{cases}\" failures=\"{}\" skipped=\"{}\">\n",
        quoted(&subject.address),
        tally.differences.len(),
        tally.not_proven.len(),
    );
    let _ = writeln!(xml, "  <testcase classname=\"sweep\" name=\"{} plans with the same replies\"/>", tally.same);
    for difference in &tally.differences {
        let text = quoted(&describe(subject, baseline, difference));
        let name = quoted(&difference.found_by);
        let _ = writeln!(
            xml,
            "  <testcase classname=\"sweep\" name=\"{name}\"><failure message=\"the replies differ\">{text}</failure></testcase>"
        );
    }
    for (reason, count) in &tally.not_proven {
        let name = quoted(&format!("{count} plans not proven"));
        let reason = quoted(reason);
        let _ =
            writeln!(xml, "  <testcase classname=\"sweep\" name=\"{name}\"><skipped message=\"{reason}\"/></testcase>");
    }
    xml.push_str("</testsuite>\n");
    xml
}

/// Text that may stand in XML. Control characters have been escaped before.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_it() {
        assert_eq!(quoted("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
    }
}
