//! secretcat: a netcat that knows messages and cuts them on purpose.

pub mod frame;
pub mod plan;
pub mod trace;
pub mod value;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the program.
pub fn run(_args: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
