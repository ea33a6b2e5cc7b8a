//! What a run takes from this host before it begins: plan files, the whole of stdin, and a seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use crate::error::{Error, shown_path};
use crate::plan::Plan;
use crate::trace::read_plan as parse_plan;
use crate::value::Seed;

/// As much of a trace is read: it names its plan at its beginning.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Reads the plan from a trace, or from a file that holds nothing else.
///
/// # Errors
/// When the file cannot be read; or does not parse, with line and column.
pub fn read_plan(path: &Path) -> Result<Plan, Error> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(Error::file("open", path))?;
    file.take(LIMIT).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    parse_plan(&bytes).map_err(|error| {
        let place = format!("{}:{}:{}", shown_path(path), error.line, error.column);
        Error::Usage(format!("{place}: {} (--plan takes a file of --trace or sweep --json)", error.message))
    })
}

/// What sweeps may read from stdin.
const INPUT: u64 = 64 << 20;
/// How often somebody who waits for input is asked whether they still do.
const ATTENTION: Duration = Duration::from_millis(100);

/// Reads stdin to its end, or until somebody has lost patience. It is read on a thread of its own:
/// what poll(2) has promised a terminal may have flushed before it is read.
///
/// # Errors
/// When it cannot be read, has more than 64 MiB, or is waited for no longer.
pub fn read_stdin(stopped: impl Fn() -> bool) -> Result<Vec<u8>, Error> {
    let (sender, receiver) = sync_channel(1);
    let read_all = move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(INPUT + 1).read_to_end(&mut bytes);
        // Nobody waits any more when the run was interrupted.
        let _ = sender.send(read.map(|_| bytes));
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    thread.spawn(read_all).map_err(Error::local("start", "a thread that reads stdin"))?;
    loop {
        match receiver.recv_timeout(ATTENTION) {
            Ok(Ok(bytes)) if bytes.len() as u64 > INPUT => {
                return Err(Error::Usage(format!("stdin has more than {INPUT} bytes")));
            }
            Ok(read) => return read.map_err(Error::local("read", "stdin")),
            Err(RecvTimeoutError::Timeout) if !stopped() => {}
            Err(_) => return Err(Error::Interrupted),
        }
    }
}

/// A seed nobody has chosen: short enough to be typed again.
#[must_use]
pub fn draw_seed() -> Seed {
    // Each RandomState has keys of its own, which the standard library takes from the system.
    Seed(RandomState::new().build_hasher().finish() & 0xffff_ffff)
}
