//! Reads transcripts: the files in their order, line by line, within bounded memory.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::transcript::numbered;
use crate::error::{Error, Operation, shown_path};
use crate::transcript::{Line, header_begins, parse, parse_header};
use crate::value::{Since, counted};

/// The largest line that is read; the rest of a larger one is skipped.
const LONGEST: u64 = 128 * 1024 * 1024;
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
}

/// Reads every line of a transcript, its renamed files included, and passes it on with its text. `None` reads stdin.
///
/// # Errors
/// When a file cannot be read, or is not a transcript; or that of `each`.
pub fn read(path: Option<&Path>, mut each: impl FnMut(&Line<'_>, &[u8]) -> Result<(), Error>) -> Result<Faults, Error> {
    let inputs = match path {
        Some(path) => files(path)?,
        None => {
            vec![Input { name: "stdin".into(), path: "stdin".into(), reader: Box::new(BufReader::new(io::stdin())) }]
        }
    };
    let (mut faults, mut text, mut last) = (Faults::default(), Vec::new(), None);
    for mut input in inputs {
        let mut is_first = true;
        while next_line(&mut *input.reader, &mut text).map_err(Error::file(Operation::Read, &input.path))? {
            let is_whole = text.last() == Some(&b'\n');
            let bare = text.strip_suffix(b"\n").unwrap_or(&text);
            let is_header = parse_header(bare).is_ok();
            let line = parse(bare);
            if std::mem::take(&mut is_first) && !is_header {
                let is_part = path.is_none() && line.is_ok(); // of the output of another one
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
                    if let Some(last) = last.filter(|_| path.is_some()) {
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

/// Opens a file and those that it was renamed to, the oldest first. All are open before the first is read, so that a
/// rotation in between does no harm.
fn files(path: &Path) -> Result<Vec<Input>, Error> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut inputs = Vec::new();
    for number in 0..=MOST_FILES {
        let path = if number == 0 { path.to_owned() } else { numbered(path, number) };
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
            let reader: BufReader<File> = BufReader::with_capacity(64 * 1024, file);
            inputs.push(Input { name: shown_path(&path), path, reader: Box::new(reader) });
        }
    }
    inputs.reverse();
    Ok(inputs)
}

/// Reads the next line with its line feed; a line that is too long is cut. False: there is none.
fn next_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    line.shrink_to(1024 * 1024);
    let read = reader.take(LONGEST).read_until(b'\n', line)?;
    if read as u64 == LONGEST && line.last() != Some(&b'\n') {
        let mut end = false;
        while !end {
            let rest = reader.fill_buf()?;
            let at = memchr::memchr(b'\n', rest);
            let (used, is_over) = (at.map_or(rest.len(), |at| at + 1), at.is_some() || rest.is_empty());
            reader.consume(used);
            end = is_over;
        }
        line.push(b'\n');
    }
    Ok(read > 0)
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
        let bad = (self.bad > 0).then(|| format!("{} that are no records were left out", counted(self.bad, "line")));
        let missing = (self.missing > 0).then(|| format!("{} missing", counted(self.missing, "message")));
        bad.into_iter().chain(missing).collect()
    }
}
