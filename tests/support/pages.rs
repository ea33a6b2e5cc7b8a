//! The manual pages of the repository, and the command definitions that they document.

use std::path::{Path, PathBuf};

/// The pages, and the subcommand that each is about.
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

pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The definitions as the parser completes them, with --help and the global options.
pub(crate) fn definitions() -> clap::Command {
    let mut command = secretcat::cli::command();
    command.build();
    command
}
