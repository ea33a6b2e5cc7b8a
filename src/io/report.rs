//! Messages of this program on stderr: lines, styled on request, that never block the work.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::sys;
use super::terminal::EditedRow;
use crate::config::Color;
use crate::value::{counted, escape};

/// The largest number of bytes that wait for stderr; further lines are dropped and counted.
const WAITING: usize = 64 * 1024;
/// pipe(7): a write of up to `PIPE_BUF` bytes to a pipe that poll(2) reports writable does not block.
const PIPE_BUF: usize = 4096;

/// Prints lines on stderr. Clones share one stderr.
#[derive(Clone, Debug)]
pub struct Report {
    lines: Arc<Mutex<Lines>>,
    styled: bool,
    medium: Medium,
}

/// What stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A terminal.
    Terminal,
    /// A regular file.
    File,
    /// The journal of systemd: `$JOURNAL_STREAM` names it, systemd.exec(5).
    Journal,
    /// A pipe, a socket, a device; or it is closed.
    Other,
}

/// The priority of a line, with the numbers of syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error = 3,
    Warning = 4,
    Info = 6,
}

#[derive(Debug)]
struct Lines {
    /// stderr as a separate descriptor, without the lock and buffer of the standard library.
    stderr: Option<File>,
    waiting: Vec<u8>,
    prefix: Prefix,
    dropped: u64,
    data: DataLines,
    /// The last line on the terminal is a status, which the next line replaces.
    status: bool,
    /// The row of the terminal contains other text.
    begun: bool,
    /// The row of the same terminal in which a line is edited.
    edited: EditedRow,
}

/// The lines for a program: a trace, bytes, a summary in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataLines {
    None,
    /// There were some.
    Given,
    /// After that, stderr could not be written.
    Lost,
}

/// The prefix of each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    None,
    /// `<6>`: the journal removes it and stores it as the priority, sd-daemon(3).
    Level,
    /// The time, in UTC.
    Time,
}

impl Report {
    /// Reports on this process's stderr.
    #[must_use]
    pub fn stderr(color: Color) -> Self {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        let styled = AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from).ok();
        let medium = stderr.as_ref().map_or(Medium::Other, medium);
        let prefix = if medium == Medium::Journal { Prefix::Level } else { Prefix::None };
        let lines = Lines {
            stderr,
            waiting: Vec::new(),
            prefix,
            dropped: 0,
            data: DataLines::None,
            status: false,
            begun: false,
            edited: EditedRow::default(),
        };
        Report { lines: Arc::new(Mutex::new(lines)), styled, medium }
    }

    /// What stderr is.
    #[must_use]
    pub fn medium(&self) -> Medium {
        self.medium
    }

    /// Prefixes each line with the time from now on, if stderr is a file, which is then the log of a server.
    /// The journal adds the time itself, and a terminal or a pipe is read at once.
    pub fn keep_a_log(&self) {
        if self.medium == Medium::File {
            self.lock().prefix = Prefix::Time;
        }
    }

    /// Prints one line about an error: `secretcat: …`. Control characters in quoted names and texts are
    /// escaped.
    pub fn error(&self, text: &str) {
        self.complain(Level::Error, AnsiColor::Red, text);
    }

    /// Prints one line about a problem that does not end the run, in the form of an [`error`](Self::error).
    pub fn warning(&self, text: &str) {
        self.complain(Level::Warning, AnsiColor::Yellow, text);
    }

    fn complain(&self, level: Level, color: AnsiColor, text: &str) {
        let name = self.styled("secretcat:", color.on_default().bold());
        self.lock().add(level, &format!("{name} {}", escape(text.as_bytes())));
    }

    /// Prints one line about an event, escaped like an [`error`](Self::error).
    pub fn event(&self, text: &str) {
        let text = self.styled(&escape(text.as_bytes()), Style::new().dimmed());
        self.line(&text);
    }

    /// Whether stderr is a terminal on which a line can replace another.
    #[must_use]
    pub fn redraws(&self) -> bool {
        let able = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        able && self.medium == Medium::Terminal
    }

    /// Whether stderr is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.medium == Medium::Terminal
    }

    /// Prints lines above this row from now on, if stderr is a terminal, which is then the same one.
    pub fn keep_below(&self, row: EditedRow) {
        if self.is_terminal() {
            self.lock().edited = row;
        }
    }

    /// Begins the next line on a new row of a terminal, which has echoed the Ctrl-C that ends this run as `^C`.
    pub fn begin_anew(&self) {
        let mut lines = self.lock();
        lines.clear_status();
        lines.begun = self.medium == Medium::Terminal;
    }

    /// Prints a status line on a terminal, which the next line replaces; an empty text removes it. It is not
    /// printed while the terminal is too slow.
    pub fn status(&self, text: &str) {
        let mut lines = self.lock();
        lines.clear_status();
        if lines.waiting.is_empty() && !text.is_empty() {
            lines.waiting.extend_from_slice(text.as_bytes());
            lines.status = true;
        }
        lines.push(false);
    }

    /// Prints a text of one or more lines, without escaping, and a line feed.
    pub fn line(&self, text: &str) {
        self.lock().add(Level::Info, text);
    }

    /// Prints one line for a program to read, without a prefix.
    pub fn data(&self, line: &str) {
        let mut lines = self.lock();
        if lines.data == DataLines::None {
            lines.data = DataLines::Given;
        }
        let prefix = std::mem::replace(&mut lines.prefix, Prefix::None);
        lines.add(Level::Info, line);
        lines.prefix = prefix;
    }

    /// Writes the waiting lines, and prints how many lines were dropped. Called once, at the end of a run, when
    /// nothing else waits and it is safe to wait for a slow reader, until it takes nothing for a second.
    pub fn finish(&self) {
        let mut lines = self.lock();
        if lines.dropped > 0 {
            let dropped = std::mem::take(&mut lines.dropped);
            lines.put(Level::Warning, &format!("secretcat: {} dropped: stderr was not read", counted(dropped, "line")));
        }
        lines.push(true);
    }

    /// Whether stderr could not be written, and lines for a program were among the lines.
    #[must_use]
    pub fn has_lost_data(&self) -> bool {
        self.lock().data == DataLines::Lost
    }

    fn styled(&self, text: &str, style: Style) -> String {
        if self.styled { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn clear_status(&mut self) {
        if std::mem::take(&mut self.status) {
            self.waiting.extend_from_slice(b"\r\x1b[K");
            self.push(false);
        }
    }

    /// Adds a text of one or more lines, and writes what stderr takes.
    fn add(&mut self, level: Level, text: &str) {
        self.clear_status();
        if self.waiting.len() + text.len() > WAITING {
            self.dropped += 1;
        } else {
            if std::mem::take(&mut self.begun) {
                self.waiting.push(b'\n');
            }
            let edited = self.edited.get();
            if !edited.is_empty() {
                self.waiting.extend_from_slice(b"\r\x1b[K");
            }
            self.put(level, text);
            self.waiting.extend_from_slice(&edited);
        }
        self.push(false);
    }

    fn put(&mut self, level: Level, text: &str) {
        for line in text.split('\n') {
            match self.prefix {
                Prefix::None => {}
                Prefix::Level => self.waiting.extend([b'<', b'0' + level as u8, b'>']),
                Prefix::Time => {
                    // A clock that was never set may have no valid date: print no time then.
                    let now = SystemTime::now().max(SystemTime::UNIX_EPOCH);
                    let _ = write!(self.waiting, "{} ", humantime::format_rfc3339_millis(now));
                }
            }
            self.waiting.extend_from_slice(line.as_bytes());
            self.waiting.push(b'\n');
        }
    }

    /// Writes as much as stderr takes without blocking; with `patient`, waits for it for a limited time.
    fn push(&mut self, patient: bool) {
        let Some(stderr) = &mut self.stderr else {
            self.waiting.clear();
            return;
        };
        let mut written = 0;
        while written < self.waiting.len() {
            let limit = if patient { 1000 } else { 0 };
            if !matches!(sys::wait_ready(stderr.as_fd(), true, limit), Ok(true)) {
                break;
            }
            let end = self.waiting.len().min(written + PIPE_BUF);
            match stderr.write(&self.waiting[written..end]) {
                Ok(n) if n > 0 => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !patient => break,
                // There is no place to report that stderr is gone, but the status can show it.
                _ => {
                    written = self.waiting.len();
                    if self.data == DataLines::Given {
                        self.data = DataLines::Lost;
                    }
                }
            }
        }
        self.waiting.drain(..written);
    }
}

fn medium(stderr: &File) -> Medium {
    if stderr.is_terminal() {
        return Medium::Terminal;
    }
    match stderr.metadata() {
        Ok(it) if names(std::env::var_os("JOURNAL_STREAM").as_deref(), &it) => Medium::Journal,
        Ok(it) if it.is_file() => Medium::File,
        _ => Medium::Other,
    }
}

/// Whether `$JOURNAL_STREAM` (`DEVICE:INODE`, in decimal) names this descriptor. A child whose stderr was
/// redirected inherits the variable too.
fn names(journal: Option<&OsStr>, it: &Metadata) -> bool {
    let text = journal.and_then(OsStr::to_str).and_then(|text| text.split_once(':'));
    text.is_some_and(|(device, inode)| device.parse() == Ok(it.dev()) && inode.parse() == Ok(it.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(prefix: Prefix, write: impl FnOnce(&Report)) -> String {
        let edited = EditedRow::default();
        let lines = Lines {
            stderr: None,
            waiting: Vec::new(),
            prefix,
            dropped: 0,
            data: DataLines::None,
            status: false,
            begun: false,
            edited,
        };
        let report = Report { lines: Arc::new(Mutex::new(lines)), styled: false, medium: Medium::Other };
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        report.lock().stderr = Some(File::from(std::os::fd::OwnedFd::from(writer)));
        write(&report);
        drop(report);
        io::read_to_string(reader).unwrap()
    }

    fn all_kinds(report: &Report) {
        report.error("no\x1b");
        report.warning("so-so");
        report.event("yes");
        report.line("a table\nof two lines");
        report.data("{}");
    }

    #[test]
    fn each_line_in_the_journal_has_its_level() {
        let expected = "<3>secretcat: no\\x1b\n<4>secretcat: so-so\n<6>yes\n<6>a table\n<6>of two lines\n{}\n";
        assert_eq!(written(Prefix::Level, all_kinds), expected);
    }

    #[test]
    fn each_line_in_a_log_file_has_its_time_but_not_data() {
        let text = written(Prefix::Time, all_kinds);
        let lines: Vec<&str> = text.lines().collect();
        let (last, lines) = lines.split_last().unwrap();
        assert_eq!(*last, "{}");
        let expected = ["secretcat: no\\x1b", "secretcat: so-so", "yes", "a table", "of two lines"];
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            let (time, text) = line.split_once(' ').unwrap();
            assert_eq!((time.len(), &time[10..11], &time[19..20], &time[23..]), (24, "T", ".", "Z"), "{time}");
            assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn elsewhere_a_line_has_no_prefix() {
        let expected = "secretcat: no\\x1b\nsecretcat: so-so\nyes\na table\nof two lines\n{}\n";
        assert_eq!(written(Prefix::None, all_kinds), expected);
    }

    #[test]
    fn journal_is_recognized_by_device_and_inode() {
        let it = File::open("/dev/null").unwrap().metadata().unwrap();
        let is = |text: String| names(Some(OsStr::new(&text)), &it);
        assert!(is(format!("{}:{}", it.dev(), it.ino())));
        assert!(!is(format!("{}:{}", it.dev(), it.ino() + 1)));
        assert!(!is(format!("{}:{}", it.dev() + 1, it.ino())));
        for text in ["", ":", "1", "x:y", "-1:-1", "99999999999999999999:1"] {
            assert!(!is(text.to_owned()), "{text}");
        }
        assert!(!names(None, &it));
    }
}
