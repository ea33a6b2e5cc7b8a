//! The manual pages of the repository, and the command definitions that they document.

use std::fs;
use std::path::{Path, PathBuf};

/// The pages of section 1, and the subcommand that each is about.
pub(crate) const PAGES: &[(&str, Option<&str>)] = &[
    ("secretcat", None),
    ("secretcat-connect", Some("connect")),
    ("secretcat-listen", Some("listen")),
    ("secretcat-sweep", Some("sweep")),
    ("secretcat-send", Some("send")),
    ("secretcat-receive", Some("receive")),
    ("secretcat-history", Some("history")),
    ("secretcat-passwd", Some("passwd")),
    ("secretcat-timeline", Some("timeline")),
    ("secretcat-witness", Some("witness")),
    ("secretcat-man", Some("man")),
    ("secretcat-completions", Some("completions")),
];

/// The files of all manual pages, of every section, in the order of their names.
pub(crate) fn all_pages() -> Vec<String> {
    let files = fs::read_dir(in_repository("man")).unwrap().map(|entry| entry.unwrap().path());
    let pages = files.filter(|file| file.extension().is_some_and(|extension| extension != "in"));
    let mut names: Vec<_> = pages.map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The definitions as the parser completes them, with --help and the global options.
pub(crate) fn definitions() -> clap::Command {
    let mut command = secretcat::cli::command();
    command.build();
    command
}
