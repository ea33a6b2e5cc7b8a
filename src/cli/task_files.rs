//! The names of output files, and the files that each command uses while it runs.

use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

use super::Task;
use crate::config::{LinkConfig, Meeting, TlsTerms};

/// The name of an output. `-` is refused: whoever gives it expects a stream. The options that write to one have their own
/// parser.
pub(super) fn output_name() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str().as_encoded_bytes() {
        b"-" => Err("\"-\" is not a stream here: expected a file name (./- for a file with this name)"),
        _ => Ok(path),
    })
}

impl Task {
    /// The files that the command writes, with their options; before them the files that it reads meanwhile.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        match self {
            Task::Listen(config) => {
                with_keylog(config.output.files(), config.tls.as_ref().map(|tls| &tls.terms)).collect()
            }
            Task::Connect(config) => {
                with_keylog(config.output.files(), config.tls.as_ref().map(|tls| &tls.terms)).collect()
            }
            Task::Sweep(config) => {
                with_keylog(config.reports.files(), config.tls.as_ref().map(|tls| &tls.terms)).collect()
            }
            Task::SweepClient(config) => config.reports.files().collect(),
            Task::Send(config) => {
                let sent = config.files.iter().filter_map(|file| Some(("the file to send", file.path.as_deref()?)));
                sent.chain(of_link(&config.link)).collect()
            }
            Task::Receive(config) => of_link(&config.link).collect(),
            Task::Timeline(config) => {
                let trace = config.trace.as_deref().map(|path| ("the trace", path));
                trace.into_iter().chain(config.picture.as_deref().map(|path| ("--output", path))).collect()
            }
            Task::History(_) | Task::Passwd(_) | Task::Print(_) | Task::Witness => Vec::new(),
        }
    }

    /// Whether stdout has the bytes of a peer, or a report.
    #[must_use]
    pub fn writes_to_stdout(&self) -> bool {
        !matches!(self, Task::Listen(_))
    }
}

fn of_link(link: &LinkConfig) -> impl Iterator<Item = (&'static str, &Path)> {
    let terms = match &link.meeting {
        Meeting::Connect { tls, .. } => tls.as_ref().map(|tls| &tls.terms),
        Meeting::Listen { tls, .. } => tls.as_ref().map(|tls| &tls.terms),
    };
    with_keylog(link.output.files(), terms)
}

fn with_keylog<'a>(
    files: impl Iterator<Item = (&'static str, &'a Path)>,
    terms: Option<&'a TlsTerms>,
) -> impl Iterator<Item = (&'static str, &'a Path)> {
    files.chain(terms.and_then(TlsTerms::files))
}
