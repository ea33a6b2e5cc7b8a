//! What a run takes from this host before it begins: plan files, the whole of stdin, and a seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::Path;

use super::sys;
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
        Error::Usage(format!("{}:{}:{}: {}", shown_path(path), error.line, error.column, error.message))
    })
}

/// What sweeps may read from stdin.
const INPUT: usize = 64 << 20;
/// How often somebody who waits for input is asked whether they still do, in milliseconds.
const ATTENTION: u16 = 100;

/// Reads stdin to its end, or until somebody has lost patience.
///
/// # Errors
/// When it cannot be read, has more than 64 MiB, or is waited for no longer.
pub fn read_stdin(stopped: impl Fn() -> bool) -> Result<Vec<u8>, Error> {
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    let mut buf = vec![0; 64 * 1024];
    loop {
        if stopped() {
            return Err(Error::Interrupted);
        }
        let fail = || Error::local("read", "stdin");
        if !sys::wait_ready(stdin.as_fd(), false, ATTENTION).map_err(fail())? {
            continue;
        }
        match stdin.lock().read(&mut buf) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes.extend_from_slice(&buf[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(fail()(error)),
        }
        if bytes.len() > INPUT {
            return Err(Error::Usage(format!("stdin has more than {INPUT} bytes")));
        }
    }
}

/// A seed nobody has chosen: short enough to be typed again.
#[must_use]
pub fn draw_seed() -> Seed {
    // Each RandomState has keys of its own, which the standard library takes from the system.
    Seed(RandomState::new().build_hasher().finish() & 0xffff_ffff)
}
