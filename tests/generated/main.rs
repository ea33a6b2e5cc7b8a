//! The committed manual pages and completions equal those that the command definitions render.
//!
//! `UPDATE=1 cargo test --test generated` writes them anew.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

mod completions;
mod events;
mod manual;
mod shells;
#[path = "../support/mod.rs"]
mod support;
mod tools;

use std::fs;

use secretcat::error::ExitStatus;
use support::pages::{PAGES, definitions, in_repository};

/// Compares a committed file with the rendered text, or writes it under `UPDATE=1`.
fn is_committed(path: &str, rendered: &str) {
    let file = in_repository(path);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&file, rendered).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let difference = committed.lines().zip(rendered.lines()).enumerate().find(|(_, (old, new))| old != new);
    let place = difference.map_or_else(
        || "one is longer than the other".to_owned(),
        |(line, (old, new))| format!("line {}:\n  committed: {old}\n  rendered:  {new}", line + 1),
    );
    assert!(committed == rendered, "{path} is stale, run UPDATE=1 cargo test --test generated\n{place}");
}

#[test]
fn manual_pages_match_the_command_definitions() {
    for (page, subcommand) in PAGES {
        let frame = fs::read_to_string(in_repository(&format!("man/{page}.1.in"))).unwrap();
        is_committed(&format!("man/{page}.1"), &manual::render(&frame, &definitions(), *subcommand));
    }
}

#[test]
fn manual_page_of_the_trace_matches_its_schema() {
    let frame = fs::read_to_string(in_repository("man/secretcat-trace.5.in")).unwrap();
    let schema = fs::read_to_string(in_repository("tests/cases/trace.schema.json")).unwrap();
    let page = manual::render(&frame, &definitions(), None).replace("@EVENTS@\n", &events::render(&schema));
    is_committed("man/secretcat-trace.5", &page);
}

#[test]
fn every_command_has_a_manual_page() {
    let commands: Vec<_> = definitions().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for command in commands.iter().filter(|name| *name != "help") {
        assert!(PAGES.iter().any(|(_, subcommand)| *subcommand == Some(command)), "no page for {command}");
    }
}

/// The statuses in the section EXIT STATUS of a page, in order: the bold numbers.
fn documented_statuses(page: &str) -> Vec<u8> {
    let section = page.split(".SH ").find_map(|section| section.strip_prefix("\"EXIT STATUS\"\n")).unwrap_or_default();
    let bold = section.lines().filter_map(|line| line.strip_prefix(".B ").or_else(|| line.strip_prefix(".BR ")));
    bold.flat_map(|line| line.split([' ', ',', '"'])).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn manual_pages_have_the_exit_statuses_of_the_table() {
    for (page, subcommand) in PAGES {
        let text = fs::read_to_string(in_repository(&format!("man/{page}.1.in"))).unwrap();
        let of_sweep = matches!(subcommand, None | Some("sweep"));
        let statuses = ExitStatus::ALL.iter().filter(|(_, only_sweep)| of_sweep || !only_sweep);
        let expected: Vec<u8> = statuses.map(|(status, _)| status.number()).collect();
        assert_eq!(documented_statuses(&text), expected, "{page}");
    }
}

#[test]
fn completions_match_the_command_definitions() {
    for (name, text) in completions::render() {
        is_committed(&format!("completions/{name}"), &text);
    }
}
