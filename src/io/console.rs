//! This program's own stdin and stdout, used without ever blocking the loop.

mod crlf;
mod dialogue;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use mio::Interest;
use mio::unix::SourceFd;

use super::driver::{Driver, Ready, STDIN, STDOUT};
use super::splice::{End, Kind, Step, is_null};
use super::sys;
use super::{Flush, Incoming};
use crate::value::Escaper;
use crlf::CrLf;
use dialogue::Dialogue;

/// The keys of the console, for whoever hands out turns.
#[must_use]
pub fn is_console(key: usize) -> bool {
    key == STDIN || key == STDOUT
}

/// pipe(7): what poll(2) calls writable takes `PIPE_BUF` bytes without blocking.
const PIPE_BUF: usize = 4096;

/// What stdin and stdout hold where they are pipes and the system lets them (pipe(7)).
const PIPE: usize = 1 << 20;

/// What kind of thing the standard streams are, for whoever wants to know how far a transfer is.
#[derive(Clone, Copy, Debug)]
pub struct Standard {
    /// The bytes that stdin still has, where it is a file.
    pub input_size: Option<u64>,
    /// stdout is a file.
    pub output_is_file: bool,
}

impl Standard {
    /// Looks at them.
    #[must_use]
    pub fn look() -> Standard {
        let file = |fd: BorrowedFd<'_>| {
            let file = File::from(fd.try_clone_to_owned().ok()?);
            file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| (file, meta.len()))
        };
        let rest = |(mut file, len): (File, u64)| Some(len.saturating_sub(file.stream_position().ok()?));
        Standard {
            input_size: file(io::stdin().as_fd()).and_then(rest),
            output_is_file: file(io::stdout().as_fd()).is_some(),
        }
    }
}

/// stdin and stdout.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Console {
    input: Option<Handle>,
    source: Source,
    /// The end of stdin was reported.
    ended: bool,
    output: Handle,
    escaper: Option<Escaper>,
    waiting: Vec<u8>,
    written: usize,
    /// What was put into stdout has filled it.
    full: bool,
    /// The last byte shown on a terminal was no line feed.
    mid_line: bool,
    /// Nobody reads stdout any more. That is no failure: what is sent there goes nowhere.
    pub closed: bool,
    /// How a person is asked for a line, where one is.
    dialogue: Option<Dialogue>,
    /// Lines of stdin end with CR LF.
    crlf: Option<CrLf>,
}

/// What stdin is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No input: /dev/null, closed, not open for reading (nohup(1)), or not to be read. It counts as
    /// read to its end.
    Nothing,
    /// A person types.
    Terminal,
    /// A pipe, a file, or anything else that has bytes.
    Bytes,
}

impl Source {
    /// What stdin is good for, if it is to be read.
    #[must_use]
    pub fn of_stdin() -> Source {
        let stdin = io::stdin().as_fd().try_clone_to_owned().map(File::from);
        stdin.map_or(Source::Nothing, |stdin| Source::of(&stdin))
    }

    fn of(stdin: &File) -> Source {
        match () {
            () if sys::was_closed(0) || !sys::is_readable(stdin.as_fd()) || is_null(stdin) => Source::Nothing,
            () if stdin.is_terminal() => Source::Terminal,
            () => Source::Bytes,
        }
    }
}

/// Bytes that stand ready on stdin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many there are, at least.
    pub bytes: u64,
    /// There may be more of them, for stdin has not ended.
    pub more: bool,
}

/// A descriptor that others may share: its flags are left as they are, so it may block, and is
/// asked with poll(2) before every call. A regular file never makes anybody wait for a peer, and
/// cannot be watched.
#[derive(Debug)]
struct Handle {
    file: File,
    watched: bool,
    kind: Kind,
    /// It was closed when this program was started: it takes nothing.
    refuses: bool,
}

impl Console {
    /// Takes stdout, and stdin where it is to be read, and has them watched.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(driver: &Driver, read_input: bool) -> io::Result<Self> {
        let stdout = io::stdout();
        let escaper = stdout.is_terminal().then(Escaper::default);
        let stdin = if read_input { Some(File::from(io::stdin().as_fd().try_clone_to_owned()?)) } else { None };
        let source = stdin.as_ref().map_or(Source::Nothing, Source::of);
        let input = match stdin.filter(|_| source != Source::Nothing) {
            Some(stdin) => Some(Handle::watch(stdin.into(), driver, STDIN, Interest::READABLE)?),
            None => None,
        };
        let mut output = Handle::watch(stdout.as_fd().try_clone_to_owned()?, driver, STDOUT, Interest::WRITABLE)?;
        if sys::was_closed(1) || !sys::is_writable(output.file.as_fd()) {
            (output.refuses, output.kind) = (true, Kind::Other); // nothing goes past the check of writes
        }
        Ok(Console {
            input,
            source,
            ended: false,
            output,
            escaper,
            waiting: Vec::new(),
            written: 0,
            full: false,
            mid_line: false,
            closed: false,
            dialogue: None,
            crlf: None,
        })
    }

    /// Has stdin and stdout hold more, where they are pipes: much is to pass through them, and whoever
    /// is at their other ends is woken a sixteenth as often.
    pub fn widen(&self) {
        let handles = self.input.iter().chain([&self.output]);
        for handle in handles.filter(|handle| handle.kind == Kind::Pipe) {
            sys::widen_pipe(handle.file.as_fd(), PIPE);
        }
    }

    /// Has each line of stdin end with CR LF: what is typed ends with LF alone.
    pub fn end_lines_with_crlf(&mut self) {
        self.crlf = Some(CrLf::default());
    }

    /// Reads what stdin has.
    ///
    /// # Errors
    /// The kernel's: stdin may be a directory, or a disk that fails.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        if self.dialogue.is_some() { self.read_typed(buf) } else { self.read_bytes(buf) }
    }

    /// Reads bytes, with the line endings that are wanted.
    fn read_bytes(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        if self.crlf.is_none() {
            return self.read_input(buf);
        }
        let half = buf.len() / 2; // each byte may become two
        let incoming = self.read_input(&mut buf[..half])?;
        Ok(match (incoming, &mut self.crlf) {
            (Incoming::Bytes(len), Some(crlf)) => Incoming::Bytes(crlf.expand(buf, len)),
            (other, _) => other,
        })
    }

    fn read_input(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        let Some(input) = &mut self.input else {
            // What is no input has ended before it began.
            let told = std::mem::replace(&mut self.ended, true);
            return Ok(if told { Incoming::Blocked } else { Incoming::Eof });
        };
        if input.watched && !sys::poll_ready(input.file.as_fd(), false)? {
            return Ok(Incoming::Blocked);
        }
        loop {
            return match input.file.read(buf) {
                Ok(0) => {
                    (self.input, self.ended) = (None, true);
                    Ok(Incoming::Eof)
                }
                Ok(n) => Ok(Incoming::Bytes(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Incoming::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A terminal that has gone away has nothing more to give.
                Err(error) if self.source == Source::Terminal && error.raw_os_error() == Some(libc::EIO) => {
                    (self.input, self.ended) = (None, true);
                    Ok(Incoming::Eof)
                }
                Err(error) => Err(error),
            };
        }
    }

    /// What stdin is good for.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// What stands ready on stdin.
    #[must_use]
    pub fn unread(&self) -> Unread {
        let Some(input) = &self.input else { return Unread::default() };
        let rest = |file: &File| {
            let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some(meta.len().saturating_sub((&mut &*file).stream_position().ok()?))
        };
        match rest(&input.file) {
            Some(bytes) => Unread { bytes, more: false },
            None => Unread { bytes: sys::readable_bytes(input.file.as_fd()).unwrap_or(0), more: true },
        }
    }

    /// Where bytes can be taken from without being read here: stdin, where it is a pipe or a file.
    #[must_use]
    pub fn input(&self) -> Option<End<'_>> {
        self.input.as_ref().filter(|_| self.crlf.is_none()).map(Handle::end)
    }

    /// Where bytes can be put without being written here: stdout, where it is a pipe or a file and
    /// nothing stands before them.
    #[must_use]
    pub fn output(&self) -> Option<End<'_>> {
        (self.escaper.is_none() && self.backlog() == 0 && !self.closed).then(|| self.output.end())
    }

    /// Notes what was taken from [`input`](Self::input).
    pub fn moved_in(&mut self, step: Step) {
        if step == Step::Ended {
            (self.input, self.ended) = (None, true);
        }
    }

    /// Notes what was put into [`output`](Self::output).
    pub fn moved_out(&mut self, step: Step) {
        self.full |= step == Step::Full;
    }

    /// Notes what the driver said.
    pub fn on_ready(&mut self, ready: Ready) {
        self.full &= !(ready.key == STDOUT && ready.writable);
    }

    /// Whether stdout may take something; [`send`](Self::send) asks by itself.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.full
    }

    /// Whether stdin has something to give now, its end included.
    #[must_use]
    pub fn has_input(&self) -> bool {
        let ready = |input: &Handle| !input.watched || sys::poll_ready(input.file.as_fd(), false).unwrap_or(false);
        self.dialogue.as_ref().is_some_and(Dialogue::has_more) || self.input.as_ref().is_some_and(ready)
    }

    /// Writes bytes to stdout, or keeps them until it takes them. A terminal gets no control
    /// characters from here but line feeds and tabs.
    ///
    /// # Errors
    /// The kernel's: stdout may be a full disk.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.print_above(bytes)? {
            return Ok(());
        }
        match &mut self.escaper {
            Some(escaper) => {
                escaper.push(bytes, &mut self.waiting);
                self.mid_line = bytes.last().map_or(self.mid_line, |&byte| byte != b'\n');
            }
            None if self.waiting.is_empty() => {
                let taken = self.output.write_some(bytes, &mut self.closed)?;
                self.waiting.extend_from_slice(&bytes[taken..]);
                return Ok(());
            }
            None => self.waiting.extend_from_slice(bytes),
        }
        self.flush().map(drop)
    }

    /// Goes on with what stdout has not taken yet.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn flush(&mut self) -> io::Result<Flush> {
        self.written += self.output.write_some(&self.waiting[self.written..], &mut self.closed)?;
        if self.written < self.waiting.len() {
            return Ok(Flush::Blocked);
        }
        self.written = 0;
        self.waiting.clear();
        Ok(Flush::Idle)
    }

    /// Shows what the last bytes have left open: a character that was cut short, a CR. As new then.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn end(&mut self) -> io::Result<()> {
        if let Some(escaper) = &mut self.escaper {
            escaper.finish(&mut self.waiting);
        }
        self.flush().map(drop)
    }

    /// Whether stdout is a terminal on which a line stands that has not ended.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        self.mid_line
    }

    /// Bytes that stdout has not taken yet.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.waiting.len() - self.written
    }
}

impl Handle {
    fn watch(fd: std::os::fd::OwnedFd, driver: &Driver, key: usize, interest: Interest) -> io::Result<Self> {
        let watched = match driver.register_one(&mut SourceFd(&fd.as_raw_fd()), key, interest) {
            Ok(()) => true,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => false,
            Err(error) => return Err(error),
        };
        let file = File::from(fd);
        let kind = Kind::of(&file);
        Ok(Handle { file, watched, kind, refuses: false })
    }

    fn end(&self) -> End<'_> {
        End { fd: self.file.as_fd(), kind: self.kind }
    }

    /// Writes as much as is taken without waiting. A closed pipe takes everything, and says so.
    fn write_some(&mut self, bytes: &[u8], closed: &mut bool) -> io::Result<usize> {
        let mut taken = 0;
        if self.refuses && !bytes.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        while taken < bytes.len() && !*closed {
            let mut end = bytes.len();
            if self.watched {
                if !sys::poll_ready(self.file.as_fd(), true)? {
                    return Ok(taken);
                }
                end = end.min(taken + PIPE_BUF);
            }
            match self.file.write(&bytes[taken..end]) {
                Ok(n) => taken += n,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *closed = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(taken),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(if *closed { bytes.len() } else { taken })
    }
}
