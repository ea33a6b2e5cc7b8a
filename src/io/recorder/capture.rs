//! The file of a capture (`--pcap`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::capture::Capture;
use crate::error::{Error, Operation};
use crate::io::{start, sys};
use crate::trace::{Event, shown};

/// The number of bytes that a file is written at once.
const BLOCK: usize = 64 * 1024;
/// The number of bytes that wait for the reader of a pipe. With more, the capture ends.
const LARGEST: usize = 4 << 20;
/// How long the end of the run waits for the reader of a pipe.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The file, and the capture that fills it.
#[derive(Debug)]
pub(super) struct CaptureFile {
    capture: Capture,
    file: File,
    path: PathBuf,
    is_pipe: bool,
    /// The bytes that are not written yet.
    pending: Vec<u8>,
    /// The error that has ended it.
    failed: Option<io::Error>,
}

impl CaptureFile {
    /// Creates the file, which only its owner can read, and begins the capture of a run that started at `time`. An
    /// older file is emptied. A named pipe must have a reader.
    pub(super) fn create(path: &Path, time: SystemTime) -> Result<Self, Error> {
        let is_pipe = std::fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        if is_pipe {
            options.custom_flags(libc::O_NONBLOCK); // without a reader the open fails, and a write never waits
        }
        let file = options.open(path).map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => io::Error::other("no process reads this pipe (start its reader first)"),
            _ => error,
        });
        let file = file.map_err(Error::file(Operation::Open, path))?;
        let command: Vec<_> = start::command().into_iter().map(|word| shown(&String::from_utf8_lossy(&word))).collect();
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = u64::try_from(since.as_nanos()).unwrap_or_default();
        let capture = Capture::new(since, &command.join(" "));
        Ok(CaptureFile { capture, file, path: path.to_owned(), is_pipe, pending: Vec::new(), failed: None })
    }

    /// From now on secrets come too: nobody else may read the file. False: they did before.
    ///
    /// # Errors
    /// When an older file can be read by others, and that cannot be changed.
    pub(super) fn expect_secrets(&mut self) -> Result<bool, Error> {
        if !self.capture.expect_secrets() {
            return Ok(false);
        }
        let fail = || Error::file(Operation::Write, &self.path);
        let mut permissions = self.file.metadata().map_err(fail())?.permissions();
        if !self.is_pipe && permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            self.file.set_permissions(permissions).map_err(fail())?;
        }
        Ok(true)
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an event, with all bytes of a write or read.
    pub(super) fn note(&mut self, event: &Event, bytes: &[u8]) {
        if self.failed.is_none() {
            self.capture.note(event, bytes);
            self.write(if self.is_pipe { 1 } else { BLOCK });
        }
    }

    /// Adds lines of the key log of TLS.
    pub(super) fn add_secrets(&mut self, lines: &str) {
        self.capture.add_secrets(lines);
    }

    /// Writes what is complete, if it is at least this number of bytes.
    fn write(&mut self, least: usize) {
        self.capture.take(&mut self.pending);
        if self.pending.len() < least || self.failed.is_some() {
            return;
        }
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(n) => drop(self.pending.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.pending.len() > LARGEST {
                        self.fail(io::Error::other("its reader does not keep up, and the capture has ended"));
                    }
                    return;
                }
                Err(error) => return self.fail(error),
            }
        }
        self.pending.shrink_to(2 * BLOCK);
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
        self.pending = Vec::new();
    }

    /// Writes the rest.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.capture.finish();
        self.write(1);
        let until = Instant::now() + LAST_WAIT;
        while !self.pending.is_empty() && self.failed.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            let milliseconds = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
            match sys::wait_ready(self.file.as_fd(), true, milliseconds) {
                Ok(true) => self.write(1),
                Ok(false) => self.fail(io::Error::other("its reader does not read")),
                Err(error) => self.fail(error),
            }
        }
        self.failed.map_or(Ok(()), |error| Err(Error::file(Operation::Write, &self.path)(error)))
    }
}
