//! The start of this run: the command line and the time of day.

use std::os::unix::ffi::OsStringExt;
use std::time::SystemTime;

/// The name of the program and its arguments, as given.
#[must_use]
pub fn command() -> Vec<Vec<u8>> {
    std::env::args_os().map(OsStringExt::into_vec).collect()
}

/// The time of day to the second, in the form of RFC 3339.
#[must_use]
pub fn time_of_day() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
