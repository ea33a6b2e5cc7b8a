//! man(1), which shows a page of the manual at a terminal.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::temporary::TemporaryDir;
use crate::error::{Error, Operation};

/// Replaces this program by man(1), which shows the page, given as the source of roff.
///
/// # Errors
/// man(1) cannot be run, or there is no place for the page. Does not return otherwise.
#[must_use]
pub fn show(page: &[u8]) -> Error {
    match source(page) {
        Ok(page) => {
            let error = Command::new("man").args(["-l", "-"]).stdin(page).exec();
            Error::Usage(format!(
                "run man: {} (with stdout redirected to a file, the source of the page is written there)",
                crate::error::cause(&error)
            ))
        }
        Err(error) => error,
    }
}

/// The page as a file without a name, which ends with the program that reads it.
fn source(page: &[u8]) -> Result<File, Error> {
    let directory = TemporaryDir::new()?;
    let path = directory.path().join("page");
    fs::write(&path, page).map_err(Error::file(Operation::Write, &path))?;
    File::open(&path).map_err(Error::file(Operation::Open, &path))
}
