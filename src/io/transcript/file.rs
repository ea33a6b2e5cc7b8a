//! The file of a transcript: it is opened, locked and repaired at the start, and ends with a whole line whenever no write
//! is in progress.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memchr::memrchr;
use serde::de::IgnoredAny;

use crate::config::full_file;
use crate::error::{Error, Operation, shown_path};
use crate::io::report::Report;
use crate::io::sys;
use crate::transcript::{Header, header_begins, parse_header, write_header};
use crate::value::counted;

/// The largest first line that is read.
const FIRST_LINE: usize = 4096;
/// The bytes that are read at once when the last line is searched.
const BLOCK: usize = 64 * 1024;
/// How many lines from the end are searched for an id.
const SEARCHED: usize = 64;
/// The start of every line but the first.
const ID: &[u8] = b"{\"id\":";

/// A file that this process alone writes to.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// The number of bytes in the file.
    length: u64,
    /// The number of bytes up to the end of the first line.
    header: u64,
    /// The id of the next message that is written.
    next: u64,
    /// Bytes at the end that could not be removed.
    torn: u64,
}

/// An opened journal, and the id of the next message.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) next: u64,
}

/// The result of a write.
#[derive(Debug)]
pub(super) struct Written {
    /// The number of bytes written, all of them whole lines.
    pub(super) bytes: usize,
    pub(super) result: io::Result<()>,
}

/// The current time as transcripts have it.
pub(super) fn time() -> String {
    humantime::format_rfc3339_micros(SystemTime::now()).to_string()
}

impl Journal {
    /// Opens a transcript, or creates one that only this user can read. An incomplete last line is removed. The next
    /// message has at least the id `next`, and a higher one than any in the file, or in `FILE.1` if the file is new.
    ///
    /// # Errors
    /// When it cannot be opened, is not a transcript, or another process writes to it.
    pub(super) fn open(path: &Path, next: u64, report: &Report) -> Result<Opened, Error> {
        let file = open(path)?;
        let mut journal = Journal { path: path.to_owned(), file, length: 0, header: 0, next, torn: 0 };
        let found = journal.recover(report).map_err(Error::file(Operation::Open, path))?;
        journal.warn_of_others(report).map_err(Error::file(Operation::Open, path))?;
        journal.next = next.max(found.unwrap_or_else(|| next_after(&full_file(path, 1)).unwrap_or(1)));
        if found.is_none() {
            journal.begin().map_err(Error::file(Operation::Write, path))?;
        }
        journal.length = journal.file.metadata().map_err(Error::file(Operation::Read, path))?.len();
        let next = journal.next;
        Ok(Opened { journal, next })
    }

    /// Writes the first line of an empty file.
    fn begin(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        write_header(Header { first: self.next, time: &time() }, &mut line);
        let next = self.next;
        self.append(&line).result?;
        (self.next, self.header) = (next, self.length);
        // The name of a new file is to survive a crash of the system too; that not every system can do it is no error.
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let _ = File::open(parent.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        Ok(())
    }

    /// Opens the file again if another program has renamed it. If that fails, the old one is kept.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn reopen(&mut self, report: &Report) -> Result<(), Error> {
        if !self.has_its_name() {
            *self = Journal::open(&self.path, self.next, report)?.journal;
        }
        Ok(())
    }

    /// Renames the file to `FILE.1`, that one to `FILE.2` and so on, and begins a new one. If that fails, the old one is
    /// kept.
    ///
    /// # Errors
    /// As [`open`](Self::open); or when a file cannot be renamed.
    pub(super) fn rotate(&mut self, files: u32, syncs: bool, report: &Report) -> Result<(), Error> {
        if syncs {
            self.sync().map_err(Error::file(Operation::Write, &self.path))?;
        }
        if self.has_its_name() {
            for number in (0..files).rev() {
                let from = if number == 0 { self.path.clone() } else { full_file(&self.path, number) };
                match std::fs::rename(&from, full_file(&self.path, number + 1)) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    renamed => renamed.map_err(Error::file(Operation::Rename, &from))?,
                }
            }
        }
        *self = Journal::open(&self.path, self.next, report)?.journal;
        Ok(())
    }

    /// Whether the path still names this file.
    fn has_its_name(&self) -> bool {
        let both = self.file.metadata().and_then(|ours| Ok((ours, std::fs::metadata(&self.path)?)));
        both.is_ok_and(|(ours, named)| (ours.dev(), ours.ino()) == (named.dev(), named.ino()))
    }

    /// How many bytes of these lines the file takes until it has this size; a file without a message takes at least one
    /// line. `None`: it is full.
    pub(super) fn fits(&self, lines: &[u8], size: u64) -> Option<usize> {
        let room = usize::try_from(size.saturating_sub(self.length)).unwrap_or(usize::MAX).min(lines.len());
        let whole = memrchr(b'\n', &lines[..room]).map(|at| at + 1);
        let first = || memchr::memchr(b'\n', lines).map(|at| at + 1).filter(|_| self.length <= self.header);
        whole.or_else(first)
    }

    /// Appends whole lines. If that fails, the file ends with the last line that was written whole.
    pub(super) fn append(&mut self, lines: &[u8]) -> Written {
        if let Err(error) = self.remove_torn() {
            return Written { bytes: 0, result: Err(error) };
        }
        let mut written = 0;
        let result = loop {
            if written == lines.len() {
                break Ok(());
            }
            match self.file.write(&lines[written..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let bytes = memrchr(b'\n', &lines[..written]).map_or(0, |at| at + 1);
        self.length += written as u64;
        if let Some(id) = last_id(&lines[..bytes]) {
            self.next = id + 1;
        }
        self.take_back(written - bytes);
        Written { bytes, result }
    }

    /// Removes bytes from the end: now, or before the next write.
    pub(super) fn take_back(&mut self, bytes: usize) {
        self.torn += bytes as u64;
        let _ = self.remove_torn();
    }

    fn remove_torn(&mut self) -> io::Result<()> {
        if self.torn > 0 {
            let length = self.file.metadata()?.len().saturating_sub(self.torn);
            self.file.set_len(length)?;
            (self.length, self.torn) = (length, 0);
        }
        Ok(())
    }

    /// Has the kernel write everything to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Warns of a transcript that other users may open.
    fn warn_of_others(&self, report: &Report) -> io::Result<()> {
        if self.file.metadata()?.mode() & 0o077 != 0 {
            let path = shown_path(&self.path);
            report.warning(&format!("transcript {path}: other users may open it (chmod 600 {path})"));
        }
        Ok(())
    }

    /// Checks that the file is a transcript, and that its last line is whole. Returns the id of the next message; `None`
    /// for an empty file.
    fn recover(&mut self, report: &Report) -> io::Result<Option<u64>> {
        let metadata = self.file.metadata()?;
        self.length = metadata.len();
        let length = metadata.len();
        let mut start = Vec::new();
        (&self.file).take(FIRST_LINE as u64).read_to_end(&mut start)?;
        let Some(end) = memchr::memchr(b'\n', &start) else {
            let is_whole = parse_header(&start).is_ok();
            if (start.len() as u64) < length || !header_begins(&start) {
                return Err(no_transcript());
            }
            if is_whole {
                self.end_line(report)?;
            } else if length > 0 {
                self.cut(0, length, report)?;
                return Ok(None);
            } else {
                return Ok(None);
            }
            return Ok(parse_header(&start).ok());
        };
        let first = parse_header(&start[..end]).map_err(|_| no_transcript())?;
        self.header = end as u64 + 1;
        let last = line_before(&self.file, length)?;
        if last < length {
            if self.is_record(last)? {
                self.end_line(report)?;
            } else {
                self.cut(last, length - last, report)?;
            }
        }
        next_id(&self.file, first).map(Some)
    }

    /// Whether the bytes from here to the end are a whole line without its line feed. They are read piece by piece.
    fn is_record(&self, offset: u64) -> io::Result<bool> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        let mut reader = BufReader::new(file);
        let mut start = [0; ID.len()];
        let begins = reader.read_exact(&mut start).is_ok() && start == ID;
        let whole = io::Cursor::new(ID).chain(reader);
        Ok(begins && serde_json::from_reader::<_, IgnoredAny>(whole).is_ok())
    }

    fn end_line(&mut self, report: &Report) -> io::Result<()> {
        self.append(b"\n").result?;
        report.warning(&format!("transcript {}: added the line feed of the last line", shown_path(&self.path)));
        Ok(())
    }

    fn cut(&mut self, length: u64, removed: u64, report: &Report) -> io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        let (path, bytes) = (shown_path(&self.path), counted(removed, "byte"));
        report.warning(&format!("transcript {path}: removed an incomplete last line of {bytes}"));
        Ok(())
    }
}

/// The id in the last of these lines.
fn last_id(lines: &[u8]) -> Option<u64> {
    let lines = lines.strip_suffix(b"\n")?;
    let start = memrchr(b'\n', lines).map_or(0, |at| at + 1);
    id_of(&lines[start..])
}

/// The id of a line, of which the start is enough.
fn id_of(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(ID)?.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The offset at which the line begins that ends before this offset.
fn line_before(mut file: &File, mut end: u64) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        #[allow(clippy::cast_possible_truncation, reason = "at most a block")]
        let block = &mut block[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(block)?;
        if let Some(at) = memrchr(b'\n', block) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// The id after that of the last line.
fn next_id(mut file: &File, first: u64) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    for _ in 0..SEARCHED {
        let begin = line_before(file, end.saturating_sub(1))?; // without its line feed
        if begin == 0 {
            return Ok(first);
        }
        let mut start = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        file.take(ID.len() as u64 + 21).read_to_end(&mut start)?;
        if let Some(next) = id_of(&start).and_then(|id| id.checked_add(1)) {
            return Ok(next);
        }
        end = begin;
    }
    Err(io::Error::other("its last lines are no records of a transcript"))
}

/// The id of the message after the last one in this file, if it is a transcript.
fn next_after(path: &Path) -> Option<u64> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut start = Vec::new();
    (&file).take(FIRST_LINE as u64).read_to_end(&mut start).ok()?;
    let first = parse_header(start.split(|&byte| byte == b'\n').next()?).ok()?;
    next_id(&file, first).ok()
}

/// Opens and locks a file; creates it if it is missing.
fn open(path: &Path) -> Result<File, Error> {
    loop {
        // Opening a pipe must not wait for its reader.
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK);
        let file = options.open(path).map_err(Error::file(Operation::Create, path))?;
        if lock(&file, path).map_err(Error::file(Operation::Open, path))? {
            return Ok(file);
        }
    }
}

/// Whether the file is locked and has this name still: the process that had the lock before may have renamed it.
fn lock(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    if !opened.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if !sys::lock(file.as_fd())? {
        return Err(io::Error::other("another process writes to it"));
    }
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn no_transcript() -> io::Error {
    io::Error::other("not a transcript of secretcat")
}
