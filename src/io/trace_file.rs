//! Reads traces, line by line, within bounded memory.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::lines::next_line;
use crate::error::{Error, Operation, shown_path};
use crate::trace::{TraceLine, parse_line};
use crate::value::escape;

/// How a trace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a whole line.
    Whole,
    /// Within a line, as the trace of a program that was killed may.
    Torn,
}

/// Reads the trace of one run, and passes each line on. `None` reads stdin.
///
/// # Errors
/// When the file cannot be read, has a line that is not one of a trace, or has a second run; with its line.
pub fn read(path: Option<&Path>, mut each: impl FnMut(TraceLine)) -> Result<End, Error> {
    let name: PathBuf = path.map_or_else(|| "stdin".into(), Path::to_owned);
    let mut reader: Box<dyn BufRead> = match path {
        Some(path) => Box::new(BufReader::with_capacity(
            64 * 1024,
            std::fs::File::open(path).map_err(Error::file(Operation::Open, path))?,
        )),
        None => Box::new(BufReader::new(io::stdin())),
    };
    let wrong = |line: u64, column: usize, message: &str| {
        let shown = if path.is_some() { shown_path(&name) } else { "stdin".to_owned() };
        let message = escape(message.as_bytes());
        Error::Usage(format!("{shown}:{line}:{column}: {message} (timeline draws a file of --trace)"))
    };
    let (mut text, mut number) = (Vec::new(), 0);
    while next_line(&mut *reader, &mut text).map_err(Error::file(Operation::Read, &name))? {
        number += 1;
        let bare = text.strip_suffix(b"\n");
        match parse_line(bare.unwrap_or(&text)) {
            Ok(TraceLine::Start(_)) if number > 1 => {
                return Err(wrong(number, 1, "a second run begins here, and a picture has one"));
            }
            Ok(line) => each(line),
            Err(_) if bare.is_none() && number > 1 => return Ok(End::Torn),
            Err((column, message)) => return Err(wrong(number, column, &message)),
        }
    }
    if number == 0 { Err(wrong(1, 1, "the trace is empty")) } else { Ok(End::Whole) }
}
