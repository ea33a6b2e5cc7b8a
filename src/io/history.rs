//! Reads transcripts: the files in their order, line by line, within bounded memory.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::lines::{next_line, skip_line};
use crate::config::full_file;
use crate::error::{Error, Operation, shown_path};
use crate::transcript::{Line, header_begins, parse, parse_header};
use crate::value::{Since, counted};

/// The largest number of files that are read.
const MOST_FILES: u32 = 999;

/// What was wrong with the lines of a transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The number of lines that are no records.
    pub bad: u64,
    /// The number of messages that are missing between two others, and that no line accounts for.
    pub missing: u64,
    /// The files whose last line is incomplete, as the last one of a file that is being written may be.
    pub torn: Vec<String>,
}

/// One file, or stdin.
struct Input {
    name: String,
    path: PathBuf,
    reader: Box<dyn BufRead>,
    /// It is read from its first line on.
    is_whole: bool,
}

/// Reads every line of a transcript, its renamed files included, and passes it on with its text. `None` reads stdin.
///
/// # Errors
/// When a file cannot be read, or is not a transcript; or that of `each`.
pub fn read(path: Option<&Path>, each: impl FnMut(&Line<'_>, &[u8]) -> Result<(), Error>) -> Result<Faults, Error> {
    if let Some(path) = path {
        return read_each(files(path, None)?, false, each);
    }
    let reader = Box::new(BufReader::new(io::stdin()));
    let input = Input { name: "stdin".into(), path: "stdin".into(), reader, is_whole: true };
    read_each(vec![input], true, each)
}

/// Reads the lines among the last `most` bytes of a transcript, its renamed files included, in their order. It takes as
/// long for a large transcript as for one of this size.
///
/// # Errors
/// As [`read`].
pub fn read_last(
    path: &Path,
    most: u64,
    each: impl FnMut(&Line<'_>, &[u8]) -> Result<(), Error>,
) -> Result<Faults, Error> {
    read_each(files(path, Some(most))?, false, each)
}

fn read_each(
    inputs: Vec<Input>,
    is_stdin: bool,
    mut each: impl FnMut(&Line<'_>, &[u8]) -> Result<(), Error>,
) -> Result<Faults, Error> {
    let (mut faults, mut text, mut last) = (Faults::default(), Vec::new(), None);
    for mut input in inputs {
        let mut is_first = input.is_whole;
        while next_line(&mut *input.reader, &mut text).map_err(Error::file(Operation::Read, &input.path))? {
            let is_whole = text.last() == Some(&b'\n');
            let bare = text.strip_suffix(b"\n").unwrap_or(&text);
            let is_header = parse_header(bare).is_ok();
            let line = parse(bare);
            if std::mem::take(&mut is_first) && !is_header {
                let is_part = is_stdin && line.is_ok(); // of the output of another one
                let is_cut_header = !is_whole && header_begins(bare);
                if !is_part && !is_cut_header {
                    let error = io::Error::other("not a transcript of secretcat");
                    return Err(Error::file(Operation::Read, &input.path)(error));
                }
            }
            match line {
                Ok(line) => {
                    let (first, id) = match &line {
                        Line::Message(record) => (record.id, record.id),
                        Line::Gap { id, lost, .. } => (id.saturating_sub(*lost).saturating_add(1), *id),
                    };
                    // A selection of lines from stdin has such gaps.
                    if let Some(last) = last.filter(|_| !is_stdin) {
                        faults.missing += first.saturating_sub(1).saturating_sub(last);
                    }
                    last = Some(id);
                    each(&line, bare)?;
                }
                Err(_) if is_header => {}
                Err(_) if !is_whole => faults.torn.push(input.name.clone()),
                Err(_) => faults.bad += 1,
            }
        }
    }
    Ok(faults)
}

/// The time of a `--since`, in the form that transcripts have.
#[must_use]
pub fn time_of(since: Since) -> String {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = match since {
        Since::At(at) => at,
        Since::Ago(ago) => now().saturating_sub(ago),
    };
    humantime::format_rfc3339_micros(UNIX_EPOCH + at.min(LATEST)).to_string()
}

/// The end of the year 9999, after which RFC 3339 has no times.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// Opens a file and those that it was renamed to, the oldest first; only those with the last `most` bytes, from the
/// first line that begins there. All are open before the first is read, so that a rotation in between does no harm.
fn files(path: &Path, most: Option<u64>) -> Result<Vec<Input>, Error> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut inputs = Vec::new();
    let mut left = most;
    for number in 0..=MOST_FILES {
        if left == Some(0) {
            break;
        }
        let path = if number == 0 { path.to_owned() } else { full_file(path, number) };
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path) {
            Err(error) if number > 0 && error.kind() == io::ErrorKind::NotFound => break,
            file => file.map_err(Error::file(Operation::Open, &path))?,
        };
        let metadata = file.metadata().map_err(Error::file(Operation::Read, &path))?;
        if metadata.is_dir() {
            let error = io::Error::from_raw_os_error(libc::EISDIR);
            return Err(Error::file(Operation::Read, &path)(error));
        }
        // One that was renamed meanwhile is here already.
        let id = (metadata.dev(), metadata.ino());
        if !found.contains(&id) {
            found.push(id);
            let mut reader: BufReader<File> = BufReader::with_capacity(64 * 1024, file);
            let skipped = left.map_or(0, |left| metadata.len().saturating_sub(left));
            left = left.map(|left| left.saturating_sub(metadata.len()));
            if skipped > 0 {
                // The byte before shows whether a line begins here.
                let sought = reader.seek(SeekFrom::Start(skipped - 1)).and_then(|_| skip_line(&mut reader));
                sought.map_err(Error::file(Operation::Read, &path))?;
            }
            inputs.push(Input { name: shown_path(&path), path, reader: Box::new(reader), is_whole: skipped == 0 });
        }
    }
    inputs.reverse();
    Ok(inputs)
}

/// Writes lines to stdout in large pieces.
#[derive(Debug)]
pub struct Printer {
    buffer: Vec<u8>,
}

impl Printer {
    /// A printer on stdout.
    #[must_use]
    pub fn new() -> Printer {
        Printer { buffer: Vec::new() }
    }

    /// Prints a line.
    ///
    /// # Errors
    /// Stdout cannot be written, or no process reads it.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        if self.buffer.len() < 64 * 1024 { Ok(()) } else { self.flush() }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Stdout cannot be written, or no process reads it.
    pub fn flush(&mut self) -> Result<(), Error> {
        let written = super::console::print(|| io::stdout().write_all(&self.buffer));
        self.buffer.clear();
        written
    }
}

impl Default for Printer {
    fn default() -> Self {
        Printer::new()
    }
}

impl Faults {
    /// One line about each kind of fault that means that something is lost.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        let bad = (self.bad > 0).then(|| {
            format!(
                "{} left out that {} no record",
                counted(self.bad, "line"),
                if self.bad == 1 { "is" } else { "are" }
            )
        });
        let missing = (self.missing > 0).then(|| format!("{} missing", counted(self.missing, "message")));
        bad.into_iter().chain(missing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::temporary::TemporaryDir;
    use super::*;

    #[test]
    fn last_bytes_are_read_from_the_first_line_that_begins_there() {
        let dir = TemporaryDir::new().unwrap();
        let path = dir.path().join("t");
        let line = |id: u64| {
            format!(
                "{{\"id\":{id},\"time\":\"2026-11-26T18:40:03Z\",\"conn\":1,\"peer\":\"p\",\"dir\":\"in\",\"text\":\"x\"}}\n"
            )
        };
        let length = line(1).len() as u64;
        let header = |first: u64| {
            let mut header = Vec::new();
            let time = "2026-11-26T18:40:03Z";
            crate::transcript::write_header(crate::transcript::Header { first, time }, &mut header);
            String::from_utf8(header).unwrap()
        };
        let new = header(5) + &(5..=8).map(line).collect::<String>();
        std::fs::write(&path, &new).unwrap();
        std::fs::write(full_file(&path, 1), header(1) + &(1..=4).map(line).collect::<String>()).unwrap();
        let read_ids = |most: u64| {
            let mut ids = Vec::new();
            let faults = read_last(&path, most, |line, _| {
                if let Line::Message(record) = line {
                    ids.push(record.id);
                }
                Ok(())
            });
            assert_eq!(faults.unwrap(), Faults::default(), "{most}");
            ids
        };
        let whole = new.len() as u64;
        for (most, first) in [
            (0, 9),
            (1, 9),
            (length - 1, 9),
            (length, 8),
            (length + 1, 8),
            (2 * length, 7),
            (4 * length, 5),
            (whole - 1, 5),
            (whole, 5),
            (whole + 1, 5),
            (whole + length, 4),
            (whole + 4 * length, 1),
            (u64::MAX, 1),
        ] {
            assert_eq!(read_ids(most), (first..=8).collect::<Vec<_>>(), "{most}");
        }
    }
}
