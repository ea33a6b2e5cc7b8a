//! Small things a run takes from this host before it begins: plan files and a seed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::path::Path;

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

/// A seed nobody has chosen: short enough to be typed again.
#[must_use]
pub fn draw_seed() -> Seed {
    // Each RandomState has keys of its own, which the standard library takes from the system.
    Seed(RandomState::new().build_hasher().finish() & 0xffff_ffff)
}
