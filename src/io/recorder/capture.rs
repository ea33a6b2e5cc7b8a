//! The file of a capture (`--pcap`).

use std::path::Path;
use std::time::SystemTime;

use crate::capture::Capture;
use crate::error::Error;
use crate::io::files::Privacy;
use crate::io::outputs::OutputFile;
use crate::io::report::Report;
use crate::io::start;
use crate::trace::{Event, shown};

/// The number of bytes that a file is written at once.
const BLOCK: usize = 64 * 1024;

/// The file, and the capture that fills it.
#[derive(Debug)]
pub(super) struct CaptureFile {
    capture: Capture,
    file: OutputFile,
}

impl CaptureFile {
    /// Creates the file, which only its owner can read, and begins the capture of a run that started at `time`.
    pub(super) fn create(path: &Path, time: SystemTime) -> Result<Self, Error> {
        let file = OutputFile::create(path, Privacy::Private)?;
        let command: Vec<_> = start::command().into_iter().map(|word| shown(&String::from_utf8_lossy(&word))).collect();
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = u64::try_from(since.as_nanos()).unwrap_or_default();
        Ok(CaptureFile { capture: Capture::new(since, &command.join(" ")), file })
    }

    /// From now on secrets come too: nobody else may read the file. False: they did before.
    ///
    /// # Errors
    /// When an older file can be read by others, and that cannot be changed.
    pub(super) fn expect_secrets(&mut self) -> Result<bool, Error> {
        if !self.capture.expect_secrets() {
            return Ok(false);
        }
        self.file.make_private().map(|()| true)
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Adds an event, with all bytes of a write or read.
    pub(super) fn note(&mut self, event: &Event, bytes: &[u8], report: &Report) {
        self.fill(report, |capture| capture.note(event, bytes));
    }

    /// What was read by now is decoded.
    pub(super) fn end_turn(&mut self, report: &Report) {
        self.fill(report, Capture::end_turn);
    }

    fn fill(&mut self, report: &Report, act: impl FnOnce(&mut Capture)) {
        let capture = &mut self.capture;
        let error = self.file.add(BLOCK, |pending| {
            act(capture);
            capture.take(pending);
        });
        if let Some(error) = error {
            report.warning(&format!("{error}; nothing more is captured"));
        }
    }

    /// Adds lines of the key log of TLS.
    pub(super) fn add_secrets(&mut self, lines: &str) {
        self.capture.add_secrets(lines);
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.capture.finish();
        let capture = &mut self.capture;
        // An error is returned below.
        let _ = self.file.add(usize::MAX, |pending| capture.take(pending));
        self.file.finish()
    }
}
