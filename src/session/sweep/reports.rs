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
        self.write(&Findings { run, subject, baseline, tally, status })?;
        if let Err(why) = baseline {
            let of = if subject.client.is_some() { "--client".to_owned() } else { subject.path() };
            context.report.error(&format!("sweep {of}: {why}"));
        }
        Ok(status)
    }

    /// Writes the reports, and prints one on stdout.
    fn write(self, findings: &Findings) -> Result<(), Error> {
        if let Some(file) = self.junit {
            file.write_all(&to_junit(findings))?;
        }
        if let Some(file) = self.html {
            file.write_all(&to_html(findings))?;
        }
        let Findings { subject, baseline, tally, .. } = *findings;
        match baseline {
            _ if self.json => console::print_text(to_json(findings)),
            Ok(baseline) => console::print_text(to_text(subject, baseline, tally)),
            Err(_) => Ok(()),
        }
    }
}
