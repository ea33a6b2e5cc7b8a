//! Reads lines of files within bounded memory.

use std::io::{self, BufRead, Read};

/// The largest line that is read; the rest of a larger one is skipped.
const LONGEST: u64 = 128 * 1024 * 1024;

/// Reads the next line with its line feed; a line that is too long is cut. False: there is none.
pub(super) fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    line.shrink_to(1024 * 1024);
    let read = reader.take(LONGEST).read_until(b'\n', line)?;
    if read as u64 == LONGEST && line.last() != Some(&b'\n') {
        skip_line(reader)?;
        line.push(b'\n');
    }
    Ok(read > 0)
}

/// Reads to the end of a line.
pub(super) fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let rest = reader.fill_buf()?;
        let at = memchr::memchr(b'\n', rest);
        let (used, is_over) = (at.map_or(rest.len(), |at| at + 1), at.is_some() || rest.is_empty());
        reader.consume(used);
        if is_over {
            return Ok(());
        }
    }
}
