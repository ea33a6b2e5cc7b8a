//! The kinds of stdin and stdout: a file, a terminal, or no input.

use std::fs::File;
use std::io::{self, IsTerminal, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::super::splice::is_null;
use super::super::sys;
use crate::error::{Error, Operation};

/// What stdin and stdout are, as far as the progress of a transfer needs it.
#[derive(Clone, Copy, Debug)]
pub struct Standard {
    /// The remaining bytes of stdin, if it is a file.
    pub input_size: Option<u64>,
    /// stdout is a file.
    pub output_is_file: bool,
}

impl Standard {
    /// Examines stdin and stdout.
    #[must_use]
    pub fn look() -> Standard {
        let file = |fd: BorrowedFd<'_>| {
            let file = File::from(fd.try_clone_to_owned().ok()?);
            file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| (file, meta.len()))
        };
        let rest = |(mut file, len): (File, u64)| Some(len.saturating_sub(file.stream_position().ok()?));
        Standard {
            input_size: file(io::stdin().as_fd()).and_then(rest),
            output_is_file: file(io::stdout().as_fd()).is_some(),
        }
    }
}

/// Prints a text on stdout with `write`. The standard library does not report that stdout is closed or not
/// open for writing; this does.
///
/// # Errors
/// Stdout cannot be written, or no process reads it.
pub fn print(write: impl FnOnce() -> io::Result<()>) -> Result<(), Error> {
    let refuses = sys::was_closed(1) || !sys::is_writable(io::stdout().as_fd());
    let written = if refuses { Err(io::Error::from_raw_os_error(libc::EBADF)) } else { write() };
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Error::OutputGone),
        other => other.map_err(Error::local(Operation::WriteTo, "stdout")),
    }
}

/// Prints this text on stdout.
///
/// # Errors
/// As [`print()`].
pub fn print_text(text: impl AsRef<[u8]>) -> Result<(), Error> {
    print(|| io::stdout().write_all(text.as_ref()))
}

/// What kind of input stdin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No input: /dev/null, closed, not open for reading (nohup(1)), or not to be read. It counts as read to
    /// its end.
    Nothing,
    /// A terminal, at which a person types.
    Terminal,
    /// A pipe, a file, or another source of bytes.
    Bytes,
}

impl Source {
    /// Examines stdin, if it is to be read.
    #[must_use]
    pub fn of_stdin() -> Source {
        let stdin = io::stdin().as_fd().try_clone_to_owned().map(File::from);
        stdin.map_or(Source::Nothing, |stdin| Source::of(&stdin))
    }

    pub(super) fn of(stdin: &File) -> Source {
        match () {
            () if sys::was_closed(0) || !sys::is_readable(stdin.as_fd()) || is_null(stdin) => Source::Nothing,
            () if stdin.is_terminal() => Source::Terminal,
            () => Source::Bytes,
        }
    }
}
