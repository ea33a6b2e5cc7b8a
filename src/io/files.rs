//! Reads and writes whole files (plans, credentials, stdin, reports), and draws a random seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::dialog::{Dialog, Server, parse as parse_dialog};
use crate::error::{Error, Operation, shown_path};
use crate::plan::Plan;
use crate::trace::read_plan as parse_plan;
use crate::value::{Credentials, Seed};

/// The largest part of a trace that is read: its plan is at the beginning.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Reads the plan from a trace, or from a file that contains only a plan.
///
/// # Errors
/// When the file cannot be read or parsed; with line and column.
pub fn read_plan(path: &Path) -> Result<Plan, Error> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::file(Operation::Open, path))?;
    file.take(LIMIT).read_to_end(&mut bytes).map_err(Error::file(Operation::Read, path))?;
    parse_plan(&bytes).map_err(|error| {
        let place = format!("{}:{}:{}", shown_path(path), error.line, error.column);
        Error::Usage(format!("{place}: {} (--plan takes a file of --trace or sweep --json)", error.message))
    })
}

/// The largest dialog that is read.
const DIALOG: u64 = 64 << 20;

/// Reads a dialog with this server.
///
/// # Errors
/// When the file cannot be read, has more than 64 MiB, or has an error; with line and column.
pub fn read_dialog(path: &Path, server: &Server) -> Result<Dialog, Error> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::file(Operation::Open, path))?;
    file.take(DIALOG + 1).read_to_end(&mut text).map_err(Error::file(Operation::Read, path))?;
    let path = shown_path(path);
    if text.len() as u64 > DIALOG {
        return Err(Error::Usage(format!("dialog {path}: more than {DIALOG} bytes")));
    }
    parse_dialog(&path, &text, server).map_err(|error| Error::Usage(error.to_string()))
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, or is longer.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::file(Operation::Open, path))?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(Error::file(Operation::Read, path))?;
    if bytes.len() > limit {
        return Err(Error::Usage(format!("{}: has more than {limit} bytes", shown_path(path))));
    }
    Ok(bytes)
}

/// Who can read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Its owner only.
    Private,
    /// Its group or other users too.
    Shared,
}

/// Reads user and password for a proxy.
///
/// # Errors
/// When the file cannot be read or parsed. The error shows nothing of the content.
pub fn read_credentials(path: &Path) -> Result<(Credentials, Privacy), Error> {
    let file = std::fs::File::open(path).map_err(Error::file(Operation::Open, path))?;
    let metadata = file.metadata().map_err(Error::file(Operation::Read, path))?;
    let mut content = Vec::new();
    // One byte over the limit is too long.
    let limit = Credentials::MAX_FILE as u64 + 1;
    file.take(limit).read_to_end(&mut content).map_err(Error::file(Operation::Read, path))?;
    let credentials = Credentials::parse(&content);
    let credentials = credentials.map_err(|error| Error::Usage(format!("{}: {error}", shown_path(path))))?;
    let shared = metadata.mode() & 0o044 != 0;
    Ok((credentials, if shared { Privacy::Shared } else { Privacy::Private }))
}

/// The largest input that a sweep reads from stdin.
const INPUT: u64 = 64 << 20;
/// The period at which a wait for input checks whether to continue.
const ATTENTION: Duration = Duration::from_millis(100);

/// Reads stdin to its end, or until the wait is cancelled. A separate thread reads it, because a terminal may
/// flush bytes that poll(2) has reported before they are read.
///
/// # Errors
/// When it cannot be read, has more than 64 MiB, or the wait is cancelled.
pub fn read_stdin(stopped: impl Fn() -> bool) -> Result<Vec<u8>, Error> {
    let (sender, receiver) = sync_channel(1);
    let read_all = move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(INPUT + 1).read_to_end(&mut bytes);
        // After an interruption no receiver is left.
        let _ = sender.send(read.map(|_| bytes));
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    thread.spawn(read_all).map_err(Error::local(Operation::Start, "a thread that reads stdin"))?;
    loop {
        match receiver.recv_timeout(ATTENTION) {
            Ok(Ok(bytes)) if bytes.len() as u64 > INPUT => {
                return Err(Error::Usage(format!("stdin has more than {INPUT} bytes")));
            }
            Ok(read) => return read.map_err(Error::local(Operation::Read, "stdin")),
            Err(RecvTimeoutError::Timeout) if !stopped() => {}
            Err(_) => return Err(Error::Interrupted),
        }
    }
}

/// Draws a seed that is short enough to be typed again.
#[must_use]
pub fn draw_seed() -> Seed {
    // Each RandomState has its own keys, which the standard library takes from the system.
    Seed(RandomState::new().build_hasher().finish() & 0xffff_ffff)
}
