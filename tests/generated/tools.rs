//! The manual pages in mandoc, groff and whatis, without warnings.

use std::ops::RangeInclusive;
use std::process::{Command, Output};

use crate::support::pages::{all_pages, in_repository};
use crate::support::skip::skip;

/// The widths of terminals that are tested.
const WIDTHS: RangeInclusive<usize> = 40..=200;

/// The output of the tool for every page; nothing, and a line on stderr, where it is not installed.
fn ask(tool: &str, args: &[&str]) -> Vec<(String, Output)> {
    let mut answers = Vec::new();
    for page in all_pages() {
        let file = in_repository(&format!("man/{page}"));
        match Command::new(tool).args(args).arg(&file).output() {
            Ok(output) => answers.push((page.rsplit_once('.').unwrap().0.to_owned(), output)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                skip(&format!("the manual pages are not looked at with {tool}: it is not installed"));
                return Vec::new();
            }
            Err(error) => panic!("{tool}: {error}"),
        }
    }
    answers
}

#[test]
fn mandoc_has_no_warnings() {
    for (page, output) in ask("mandoc", &["-T", "lint", "-W", "warning"]) {
        assert!(output.status.success() && output.stdout.is_empty(), "{page}: {}", text(&output.stdout));
    }
}

#[test]
fn groff_has_no_warnings() {
    for (page, output) in ask("groff", &["-man", "-ww", "-z"]) {
        assert!(output.status.success() && output.stderr.is_empty(), "{page}: {}", text(&output.stderr));
    }
}

#[test]
fn whatis_finds_the_name_and_its_description() {
    for (page, output) in ask("lexgrog", &[]) {
        let found = text(&output.stdout);
        assert!(output.status.success() && found.contains(&format!("\"{page} - ")), "{page}: {found}");
    }
}

#[test]
fn manual_page_lines_fit_the_terminal() {
    for width in WIDTHS.step_by(5) {
        let by_groff = ask("groff", &["-man", "-ww", "-Tutf8", "-P-cbou", &format!("-rLL={width}n")]);
        let by_mandoc = ask("mandoc", &["-T", "utf8", "-O", &format!("width={width}")]);
        for (page, output) in by_groff.into_iter().chain(by_mandoc) {
            assert!(output.stderr.is_empty(), "{page} at {width}: {}", text(&output.stderr));
            for line in text(&output.stdout).lines() {
                let line = without_overstrikes(line);
                let columns = line.chars().count();
                assert!(columns <= width, "{page} at {width}: {columns} columns: {line}");
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The visible line: overstruck characters are one column.
fn without_overstrikes(line: &str) -> String {
    let mut seen = String::new();
    for c in line.chars() {
        if c == '\u{8}' {
            seen.pop();
        } else {
            seen.push(c);
        }
    }
    seen
}
