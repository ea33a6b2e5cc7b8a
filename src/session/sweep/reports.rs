//! The files of the reports of a sweep.

use std::path::PathBuf;

use super::live_map;
use crate::config::Reports;
use crate::error::{Error, ExitStatus};
use crate::io::console;
use crate::io::files::Privacy;
use crate::io::outputs::OutputFile;
use crate::session::Context;
use crate::verdict::{Baseline, Findings, Run, Subject, Tally, to_html, to_json, to_junit, to_text};

/// The reports of a sweep, whose files are created before it begins.
#[derive(Debug)]
pub(super) struct ReportFiles {
    json: bool,
    junit: Option<OutputFile>,
    html: Option<OutputFile>,
}

impl ReportFiles {
    /// Creates the files.
    ///
    /// # Errors
    /// When one cannot be created.
    pub(super) fn create(reports: &Reports) -> Result<ReportFiles, Error> {
        let create =
            |path: &Option<PathBuf>| path.as_deref().map(|path| OutputFile::create(path, Privacy::Shared)).transpose();
        Ok(ReportFiles { json: reports.json, junit: create(&reports.junit)?, html: create(&reports.html)? })
    }

    /// Writes the reports of what was found, or of why there is nothing to compare with, and returns the exit status:
    /// that of a signal comes first.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn finish(
        self,
        run: &Run,
        subject: &Subject,
        tally: &Tally,
        found: &Result<Baseline, (String, ExitStatus)>,
        context: &Context,
    ) -> Result<ExitStatus, Error> {
        let (baseline, status) = match found {
            Ok(baseline) => (Ok(baseline), tally.status(subject)),
            Err((why, status)) => (Err(&why[..]), *status),
        };
        live_map::show_result(context, subject, tally, baseline);
        let status = context.signals.received().map_or(status, ExitStatus::Signal);
        let written = self.write(&Findings { run, subject, baseline, tally, status });
        if let Err(why) = baseline {
            let of = if subject.client.is_some() { "--client".to_owned() } else { subject.path() };
            context.report.error(&format!("sweep {of}: {why}"));
        }
        let mut failed = written.into_iter().filter_map(Result::err);
        let first = failed.next();
        failed.for_each(|error| context.report.error(&error.to_string()));
        first.map_or(Ok(status), Err)
    }

    /// Prints one report on stdout and writes the others, each of them whatever becomes of the others.
    fn write(self, findings: &Findings) -> [Result<(), Error>; 3] {
        let Findings { subject, baseline, tally, .. } = *findings;
        let printed = match baseline {
            _ if self.json => console::print_text(to_json(findings)),
            Ok(baseline) => console::print_text(to_text(subject, baseline, tally)),
            Err(_) => Ok(()),
        };
        let write = |file: Option<OutputFile>, text: fn(&Findings) -> String| {
            file.map_or(Ok(()), |file| file.write_all(&text(findings)))
        };
        [printed, write(self.junit, to_junit), write(self.html, to_html)]
    }
}
