//! The links of the documents: a file that exists, and a heading in it.

use std::collections::BTreeSet;
use std::path::Path;

use super::{in_project, pages, read};

/// The documents at the top; the others are in docs/.
const AT_THE_TOP: [&str; 4] = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];

/// The text without its fenced blocks and without its code spans.
fn prose(text: &str) -> String {
    let outside = text.split("\n```").step_by(2);
    outside.flat_map(|part| part.split('`').step_by(2)).collect::<Vec<_>>().join("\n")
}

/// The lines of a text that are outside its fenced blocks.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

/// The anchors of the headings, as GitHub and GitLab make them: letters and digits in lower case, - and _, and a
/// hyphen for each blank. A heading that occurs again has a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in lines(text) {
        let heading = line.trim_start_matches('#');
        let Some(title) = heading.strip_prefix(' ').filter(|_| heading.len() < line.len()) else { continue };
        let kept = title.trim().chars().filter(|&sign| sign.is_alphanumeric() || " -_".contains(sign));
        let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let mut names = (0..).map(|n| if n == 0 { anchor.clone() } else { format!("{anchor}-{n}") });
        anchors.extend(names.find(|name| !anchors.contains(name)));
    }
    anchors
}

/// The targets of the links and pictures of a text: `[TEXT](TARGET)`.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// What is wrong with a link in the document at this path.
fn fault(document: &str, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() {
        in_project(document)
    } else {
        in_project(document).parent().unwrap_or(Path::new("")).join(path)
    };
    if !file.exists() {
        return Some(format!("{document}: no file {target}"));
    }
    if anchor.is_empty() {
        return None;
    }
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    (!anchors(&text).contains(anchor)).then(|| format!("{document}: no heading {target}"))
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut seen = 0;
    let mut faults = Vec::new();
    for document in AT_THE_TOP.into_iter().map(str::to_owned).chain(pages()) {
        let targets = targets(&read(&document));
        seen += targets.len();
        faults.extend(targets.iter().filter_map(|target| fault(&document, target)));
    }
    assert!(seen > 10, "{seen} links");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn links_without_a_file_or_heading_are_found() {
    assert_eq!(fault("README.md", "docs/nothing.md").as_deref(), Some("README.md: no file docs/nothing.md"));
    let lost = fault("CONTRIBUTING.md", "#no-such-heading");
    assert_eq!(lost.as_deref(), Some("CONTRIBUTING.md: no heading #no-such-heading"));
    assert_eq!(fault("docs/reporting-a-cut-bug.md", "../CONTRIBUTING.md#how-to-add-a-service"), None);
    assert_eq!(targets("[a](b) `[c](d)`\n```sh\n[e](f)\n```\n![g](h#i)"), ["b", "h#i"]);
    let anchors = anchors("# One, two\n## One, two\n```\n# none\n```\n### `--cut` and more");
    assert_eq!(anchors.into_iter().collect::<Vec<_>>(), ["--cut-and-more", "one-two", "one-two-1"]);
}
