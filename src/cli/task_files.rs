//! The names of output files, and the files that each command uses while it runs.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

use super::Task;
use crate::config::{ClientTls, LinkConfig, Meeting, Output, TlsTerms, Transcript, Trust};
use crate::io::outputs::{UsedFile, keylog_of_environment};

/// The name of an output. `-` is refused: whoever gives it expects a stream. The options that write to one have their own
/// parser.
pub(super) fn output_name() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.as_os_str().as_encoded_bytes() {
        b"-" => Err("\"-\" is not a stream here: expected a file name (./- for a file with this name)"),
        _ => Ok(path),
    })
}

impl Task {
    /// The files that the command writes; before them those that it reads meanwhile.
    #[must_use]
    pub fn files(&self) -> Vec<UsedFile<'_>> {
        let mut files = Vec::new();
        match self {
            Task::Listen(config) => {
                let relay = config.relay().and_then(|relay| relay.tls.as_deref());
                let via = config.rooms().and_then(|rooms| rooms.via.as_deref()).and_then(|via| via.tls.as_ref());
                files.extend(relay.and_then(|tls| of_known("--relay-known", tls)));
                files.extend(via.and_then(|tls| of_known("--via-known", tls)));
                files.extend(of_output(&config.output));
                let clients = relay.into_iter().chain(via).map(|tls| &tls.terms);
                files.extend(of_keylogs(config.tls.as_ref().map(|tls| &tls.terms).into_iter().chain(clients)));
            }
            Task::Connect(config) => {
                files.extend(of_client(config.tls.as_ref(), of_output(&config.output)));
            }
            Task::Sweep(config) => {
                files.extend(of_client(config.tls.as_ref(), outputs(config.reports.files())));
            }
            Task::SweepClient(config) => files.extend(outputs(config.reports.files())),
            Task::Send(config) => {
                let sent = config.files.iter().filter_map(|file| file.path.as_deref());
                files.extend(sent.map(|path| read("the file to send", path)));
                files.extend(of_link(&config.link));
            }
            Task::Receive(config) => files.extend(of_link(&config.link)),
            Task::Timeline(config) => {
                files.extend(config.trace.as_deref().map(|path| read("the trace", path)));
                files.extend(outputs(config.picture.as_deref().map(|path| ("--output", path))));
            }
            Task::History(_) | Task::Passwd(_) | Task::Print(_) | Task::Witness => {}
        }
        files
    }

    /// Whether stdout has the bytes of a peer, or a report.
    #[must_use]
    pub fn writes_to_stdout(&self) -> bool {
        !matches!(self, Task::Listen(_))
    }
}

fn read<'a>(name: &'static str, path: &'a Path) -> UsedFile<'a> {
    UsedFile { name, output: None, path: Cow::Borrowed(path) }
}

fn outputs<'a>(files: impl IntoIterator<Item = (&'static str, &'a Path)>) -> impl Iterator<Item = UsedFile<'a>> {
    files.into_iter().map(|(name, path)| UsedFile { name, output: Some(name), path: Cow::Borrowed(path) })
}

fn of_output(output: &Output) -> impl Iterator<Item = UsedFile<'_>> {
    let full = output.transcript.iter().flat_map(Transcript::full_files);
    let name = "a full file of --transcript";
    let full = full.map(move |path| UsedFile { name, output: Some("--transcript"), path: Cow::Owned(path) });
    outputs(output.files()).chain(full)
}

fn of_link(link: &LinkConfig) -> Vec<UsedFile<'_>> {
    let output = of_output(&link.output);
    match &link.meeting {
        Meeting::Connect { tls, .. } => of_client(tls.as_ref(), output).collect(),
        Meeting::Listen { tls, .. } => output.chain(of_keylogs(tls.as_ref().map(|tls| &tls.terms))).collect(),
    }
}

/// These outputs, between the other files of a side that connects.
fn of_client<'a>(
    tls: Option<&'a ClientTls>,
    outputs: impl Iterator<Item = UsedFile<'a>>,
) -> impl Iterator<Item = UsedFile<'a>> {
    let known = tls.and_then(|tls| of_known("--known", tls));
    known.into_iter().chain(outputs).chain(of_keylogs(tls.map(|tls| &tls.terms)))
}

/// The file of the keys that are trusted, which several sides may have.
fn of_known<'a>(option: &'static str, tls: &'a ClientTls) -> Option<UsedFile<'a>> {
    if let Trust::Known(path) = &tls.trust { Some(read(option, path)) } else { None }
}

/// The files that the secrets of connections with these terms are appended to.
fn of_keylogs<'a>(terms: impl IntoIterator<Item = &'a TlsTerms>) -> impl Iterator<Item = UsedFile<'a>> {
    terms.into_iter().filter_map(|terms| {
        let (name, path) = match &terms.keylog {
            Some(path) => ("--tls-keylog", Cow::Borrowed(&**path)),
            None => ("$SSLKEYLOGFILE", Cow::Owned(keylog_of_environment()?)),
        };
        Some(UsedFile { name, output: Some(name), path })
    })
}
