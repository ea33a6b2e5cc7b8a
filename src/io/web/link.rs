//! The link to the live page: printed on a terminal, or kept in a file that only its owner can read.

use std::path::PathBuf;

use crate::error::{Error, shown_path};
use crate::io::files::draw_seed;
use crate::io::report::Report;
use crate::io::temporary::TemporaryFile;

/// Where the link is shown. Its file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Link {
    report: Report,
    /// The address before the path of the link.
    site: String,
    /// The path of the file and the file, unless stderr is a terminal.
    file: Option<(PathBuf, Option<TemporaryFile>)>,
}

impl Link {
    /// Shows a link with this path at this site.
    ///
    /// # Errors
    /// When the file for it cannot be written.
    pub(super) fn show(site: String, path: &str, report: &Report) -> Result<Link, Error> {
        if report.is_terminal() {
            report.line(&format!("live page: {site}{path} (this link works once)"));
            return Ok(Link { report: report.clone(), site, file: None });
        }
        let name = format!("secretcat-{}-{:08x}.link", std::process::id(), draw_seed().0);
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_dir());
        let file = runtime.unwrap_or_else(std::env::temp_dir).join(name);
        let written = TemporaryFile::create(file.clone(), content(&site, path).as_bytes())?;
        report.line(&format!("live page on {site}; its link, which works once, is in {}", shown_path(&file)));
        Ok(Link { report: report.clone(), site, file: Some((file, Some(written))) })
    }

    /// Shows the next link, after one was used.
    pub(super) fn renew(&mut self, path: &str) {
        let Some((file, written)) = &mut self.file else {
            let line = format!("the live page was opened; for another browser: {}{path}", self.site);
            return self.report.line(&line);
        };
        *written = None;
        match TemporaryFile::create(file.clone(), content(&self.site, path).as_bytes()) {
            Ok(next) => *written = Some(next),
            Err(error) => self.report.warning(&format!("{error}; there is no link for another browser")),
        }
    }
}

/// The content of the file: the link with this path at this site.
fn content(site: &str, path: &str) -> String {
    format!("{site}{path}\n")
}
