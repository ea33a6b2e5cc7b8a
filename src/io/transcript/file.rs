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
    /// An incomplete line at the end that could not be removed.
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
    /// Opens a transcript, or creates one that only this user can read. An incomplete last line is removed.
    ///
    /// # Errors
    /// When it cannot be opened, is not a transcript, or another process writes to it.
    pub(super) fn open(path: &Path, report: &Report) -> Result<Opened, Error> {
        let file = open(path).map_err(Error::file(Operation::Open, path))?;
        let mut journal = Journal { path: path.to_owned(), file, torn: 0 };
        let next = journal.recover(report).map_err(Error::file(Operation::Open, path))?;
        if let Some(next) = next {
            return Ok(Opened { journal, next });
        }
        let next = 1;
        journal.begin(next).map_err(Error::file(Operation::Write, path))?;
        Ok(Opened { journal, next })
    }

    /// Writes the first line of an empty file.
    fn begin(&mut self, first: u64) -> io::Result<()> {
        let mut line = Vec::new();
        write_header(Header { first, time: &time() }, &mut line);
        self.append(&line).result?;
        // The name of a new file is to survive a crash of the system too; that not every system can do it is no error.
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let _ = File::open(parent.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        Ok(())
    }

    /// Appends whole lines. If that fails, the file ends with the last line that was written whole.
    pub(super) fn append(&mut self, lines: &[u8]) -> Written {
        if let Err(error) = self.remove_torn() {
            return Written { bytes: 0, result: Err(error) };
        }
        let mut written = 0;
        let result = loop {
            match self.file.write(&lines[written..]) {
                _ if written == lines.len() => return Written { bytes: written, result: Ok(()) },
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let bytes = memrchr(b'\n', &lines[..written]).map_or(0, |at| at + 1);
        self.torn = (written - bytes) as u64;
        let _ = self.remove_torn(); // or before the next write
        Written { bytes, result }
    }

    /// Removes the start of a line that could not be written whole.
    fn remove_torn(&mut self) -> io::Result<()> {
        if self.torn > 0 {
            let length = self.file.metadata()?.len();
            self.file.set_len(length.saturating_sub(self.torn))?;
            self.torn = 0;
        }
        Ok(())
    }

    /// Has the kernel write everything to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Checks that the file is a transcript, and that its last line is whole. Returns the id of the next message; `None`
    /// for an empty file.
    fn recover(&mut self, report: &Report) -> io::Result<Option<u64>> {
        let metadata = self.file.metadata()?;
        if metadata.mode() & 0o077 != 0 {
            let path = shown_path(&self.path);
            report.warning(&format!("transcript {path}: other users may open it (chmod 600 {path})"));
        }
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
        let last = self.line_before(length)?;
        if last < length {
            if self.is_record(last)? {
                self.end_line(report)?;
            } else {
                self.cut(last, length - last, report)?;
            }
        }
        self.next_id(first).map(Some)
    }

    /// The offset at which the line begins that ends before this offset.
    fn line_before(&self, mut end: u64) -> io::Result<u64> {
        let mut block = vec![0; BLOCK];
        while end > 0 {
            let begin = end.saturating_sub(BLOCK as u64);
            #[allow(clippy::cast_possible_truncation, reason = "at most a block")]
            let block = &mut block[..(end - begin) as usize];
            self.read_at(begin, block)?;
            if let Some(at) = memrchr(b'\n', block) {
                return Ok(begin + at as u64 + 1);
            }
            end = begin;
        }
        Ok(0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buf)
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

    /// The id after that of the last line.
    fn next_id(&self, first: u64) -> io::Result<u64> {
        let mut end = self.file.metadata()?.len();
        for _ in 0..SEARCHED {
            let begin = self.line_before(end.saturating_sub(1))?; // without its line feed
            if begin == 0 {
                return Ok(first);
            }
            let mut start = Vec::new();
            let mut file = &self.file;
            file.seek(SeekFrom::Start(begin))?;
            file.take(ID.len() as u64 + 20).read_to_end(&mut start)?;
            let digits = start.strip_prefix(ID).and_then(|rest| rest.split(|byte| !byte.is_ascii_digit()).next());
            let id = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
            if let Some(next) = id.and_then(|id| id.checked_add(1)) {
                return Ok(next);
            }
            end = begin;
        }
        Err(io::Error::other("its last lines are no records of a transcript"))
    }

    fn end_line(&mut self, report: &Report) -> io::Result<()> {
        self.append(b"\n").result?;
        report.warning(&format!("transcript {}: added the line feed of the last line", shown_path(&self.path)));
        Ok(())
    }

    fn cut(&self, length: u64, removed: u64, report: &Report) -> io::Result<()> {
        self.file.set_len(length)?;
        let (path, bytes) = (shown_path(&self.path), counted(removed, "byte"));
        report.warning(&format!("transcript {path}: removed an incomplete last line of {bytes}"));
        Ok(())
    }
}

/// Opens and locks a file; creates it if it is missing.
fn open(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        // Opening a pipe must not wait for its reader.
        let file =
            options.read(true).append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK).open(path)?;
        let opened = file.metadata()?;
        if !opened.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        if !sys::lock(file.as_fd())? {
            return Err(io::Error::other("another process writes to it"));
        }
        // The process that had the lock before may have renamed the file.
        match std::fs::metadata(path) {
            Ok(named) if (named.dev(), named.ino()) == (opened.dev(), opened.ino()) => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

fn no_transcript() -> io::Error {
    io::Error::other("not a transcript of secretcat")
}
