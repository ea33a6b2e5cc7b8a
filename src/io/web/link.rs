//! The link to the live page: printed on a terminal, or kept in a file that only its owner can read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Operation, shown_path};
use crate::io::files::draw_seed;
use crate::io::report::Report;

/// The permissions of the file.
const PRIVATE: u32 = 0o600;

/// Where the link is shown. Its file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Link {
    report: Report,
    /// The address before the path of the link.
    site: String,
    /// The file, unless stderr is a terminal.
    file: Option<PathBuf>,
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
        let mut link = Link { report: report.clone(), site, file: None };
        link.write(&file, path)?;
        report.line(&format!("live page on {}; its link, which works once, is in {}", link.site, shown_path(&file)));
        link.file = Some(file);
        Ok(link)
    }

    /// Shows the next link, after one was used.
    pub(super) fn renew(&self, path: &str) {
        let Some(file) = &self.file else {
            let line = format!("the live page was opened; for another browser: {}{path}", self.site);
            return self.report.line(&line);
        };
        // A file of another user in its place is not overwritten.
        let removed = std::fs::remove_file(file).map_err(Error::file(Operation::Write, file));
        if let Err(error) = removed.and_then(|()| self.write(file, path)) {
            self.report.warning(&format!("{error}; there is no link for another browser"));
        }
    }

    fn write(&self, file: &Path, path: &str) -> Result<(), Error> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(PRIVATE);
        let mut opened = options.open(file).map_err(Error::file(Operation::Create, file))?;
        let link = format!("{}{path}\n", self.site);
        opened.write_all(link.as_bytes()).map_err(Error::file(Operation::Write, file))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(file);
        }
    }
}
