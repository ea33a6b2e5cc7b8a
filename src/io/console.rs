//! This program's stdin and stdout, used without blocking the event loop.

mod bounded;
mod crlf;
mod dialogue;
mod kept;
mod standard;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};

use mio::Interest;
use mio::unix::SourceFd;

use super::key::Key;
use super::reactor::{Reactor, Ready};
use super::splice::{End, FdKind, Step};
use super::sys;
use super::{Flush, Incoming};
use crate::value::Escaper;
use crlf::CrLf;
use dialogue::Dialogue;
pub use kept::Kept;
use kept::Replay;
pub use standard::{Source, Standard, print, print_text};

/// pipe(7): a write of up to `PIPE_BUF` bytes to a pipe that poll(2) reports writable does not block.
const PIPE_BUF: usize = 4096;

/// The capacity set for stdin and stdout that are pipes, if the system permits it (pipe(7)).
const PIPE: usize = 1 << 20;

/// stdin and stdout.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Console {
    input: Option<Handle>,
    source: Source,
    /// Whether the end of stdin was reported.
    ended: bool,
    output: Handle,
    escaper: Option<Escaper>,
    waiting: Vec<u8>,
    written: usize,
    /// A splice has filled stdout.
    full: bool,
    /// The messages that were left out since the last one.
    left_out: u64,
    /// The last byte printed on a terminal was not a line feed.
    mid_line: bool,
    /// No process reads stdout any more: further output is dropped, and the run ends.
    pub closed: bool,
    /// The prompt and the line editor of a conversation.
    dialogue: Option<Dialogue>,
    /// Converts LF of stdin to CR LF.
    crlf: Option<CrLf>,
    /// The bytes read from stdin by an earlier run, and by this one for the next.
    replay: Option<Box<Replay>>,
}

/// Bytes that can be read from stdin now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Their number, at least.
    pub bytes: u64,
    /// There may be more, because stdin has not ended.
    pub more: bool,
}

/// A descriptor that other processes may share. Its flags are not changed, so it may block: poll(2) is called
/// before every read and write. A regular file never waits for a peer, and cannot be watched.
#[derive(Debug)]
struct Handle {
    file: File,
    watched: bool,
    kind: FdKind,
    /// It was closed when this program was started: every write fails.
    refuses: bool,
}

impl Console {
    /// Opens stdout, and stdin if it is to be read, and registers them with the reactor.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(reactor: &Reactor, read_input: bool) -> io::Result<Self> {
        let stdout = io::stdout();
        let escaper = stdout.is_terminal().then(Escaper::default);
        let stdin = if read_input { Some(File::from(io::stdin().as_fd().try_clone_to_owned()?)) } else { None };
        let source = stdin.as_ref().map_or(Source::Nothing, Source::of);
        let input = match stdin.filter(|_| source != Source::Nothing) {
            Some(stdin) => Some(Handle::watch(stdin.into(), reactor, Key::Stdin, Interest::READABLE)?),
            None => None,
        };
        let mut output = Handle::watch(stdout.as_fd().try_clone_to_owned()?, reactor, Key::Stdout, Interest::WRITABLE)?;
        if sys::was_closed(1) || !sys::is_writable(output.file.as_fd()) {
            (output.refuses, output.kind) = (true, FdKind::Other); // every write must go through the check
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
            left_out: 0,
            mid_line: false,
            closed: false,
            dialogue: None,
            crlf: None,
            replay: None,
        })
    }

    /// Enlarges stdin and stdout that are pipes, for transfers: the programs at their other ends wake up a
    /// sixteenth as often.
    pub fn widen(&self) {
        let handles = self.input.iter().chain([&self.output]);
        for handle in handles.filter(|handle| handle.kind == FdKind::Pipe) {
            sys::widen_pipe(handle.file.as_fd(), PIPE);
        }
    }

    /// Converts LF of stdin to CR LF from now on.
    pub fn end_lines_with_crlf(&mut self) {
        self.crlf = Some(CrLf::default());
    }

    /// Reads stdin.
    ///
    /// # Errors
    /// The error of read(2): stdin may be a directory, or on a failing disk.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        if self.dialogue.is_some() { self.read_typed(buf) } else { self.read_bytes(buf) }
    }

    /// Reads bytes and converts their line endings, if requested.
    fn read_bytes(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        if self.crlf.is_none() {
            return self.read_input(buf);
        }
        let half = buf.len() / 2; // each LF may become CR LF
        let incoming = self.read_input(&mut buf[..half])?;
        Ok(match (incoming, &mut self.crlf) {
            (Incoming::Bytes(len), Some(crlf)) => Incoming::Bytes(crlf.expand(buf, len)),
            (other, _) => other,
        })
    }

    fn read_input(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        match self.replay.as_mut().and_then(|replay| replay.read(buf)) {
            Some(0) => return Ok(self.end_input()),
            Some(n) => return Ok(Incoming::Bytes(n)),
            None => {}
        }
        let incoming = self.read_stdin(buf)?;
        let kept = match (&mut self.replay, incoming) {
            (Some(replay), Incoming::Bytes(n)) => replay.keep(&buf[..n]),
            (Some(replay), Incoming::Eof) => replay.keep(&[]),
            _ => true,
        };
        if !kept {
            self.replay = None;
        }
        Ok(incoming)
    }

    /// Notes the end of stdin.
    fn end_input(&mut self) -> Incoming {
        (self.input, self.ended) = (None, true);
        Incoming::Eof
    }

    fn read_stdin(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        let Some(input) = &mut self.input else {
            // No input: it has ended from the start.
            let was_reported = std::mem::replace(&mut self.ended, true);
            return Ok(if was_reported { Incoming::Blocked } else { Incoming::Eof });
        };
        if input.watched && !sys::poll_ready(input.file.as_fd(), false)? {
            return Ok(Incoming::Blocked);
        }
        loop {
            return match input.file.read(buf) {
                Ok(0) => Ok(self.end_input()),
                Ok(n) => Ok(Incoming::Bytes(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Incoming::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The terminal has gone: the end of the input.
                Err(error) if self.source == Source::Terminal && error.raw_os_error() == Some(libc::EIO) => {
                    Ok(self.end_input())
                }
                Err(error) => Err(error),
            };
        }
    }

    /// What kind of input stdin is.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The bytes that can be read from stdin now.
    #[must_use]
    pub fn unread(&self) -> Unread {
        let again = self.replay.as_ref().map_or(0, |replay| replay.unread());
        let Some(input) = &self.input else { return Unread::default() };
        let rest = |file: &File| {
            let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some(meta.len().saturating_sub((&mut &*file).stream_position().ok()?))
        };
        match rest(&input.file) {
            Some(bytes) => Unread { bytes: again + bytes, more: false },
            None => Unread { bytes: again + sys::readable_bytes(input.file.as_fd()).unwrap_or(0), more: true },
        }
    }

    /// stdin as a source for splice(2), if it is a pipe or a file.
    #[must_use]
    pub fn input(&self) -> Option<End<'_>> {
        self.input.as_ref().filter(|_| self.crlf.is_none() && self.replay.is_none()).map(Handle::end)
    }

    /// stdout as a target for splice(2), if it is a pipe or a file and no output is waiting.
    #[must_use]
    pub fn output(&self) -> Option<End<'_>> {
        (self.escaper.is_none() && self.backlog() == 0 && !self.closed).then(|| self.output.end())
    }

    /// Notes the result of a splice from [`input`](Self::input).
    pub fn moved_in(&mut self, step: Step) {
        if step == Step::Ended {
            (self.input, self.ended) = (None, true);
        }
    }

    /// Notes the result of a splice to [`output`](Self::output).
    pub fn moved_out(&mut self, step: Step) {
        self.full |= step == Step::Full;
    }

    /// Notes an event of the reactor.
    pub fn on_ready(&mut self, ready: Ready) {
        self.full &= !(ready.key == Key::Stdout && ready.writable);
    }

    /// Whether stdout may be writable; [`send`](Self::send) checks by itself.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.full
    }

    /// Whether stdin can be read now, its end included.
    #[must_use]
    pub fn has_input(&self) -> bool {
        let ready = |input: &Handle| !input.watched || sys::poll_ready(input.file.as_fd(), false).unwrap_or(false);
        let held = self.dialogue.as_ref().is_some_and(Dialogue::has_more);
        held || self.replay.as_ref().is_some_and(|replay| replay.has_more()) || self.input.as_ref().is_some_and(ready)
    }

    /// Writes bytes to stdout, or queues them until it is writable. For a terminal all control characters
    /// except line feeds and tabs are escaped.
    ///
    /// # Errors
    /// The error of write(2): the disk may be full.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.print_above(bytes)? {
            return Ok(());
        }
        let is_styled = self.dialogue.as_ref().is_some_and(Dialogue::is_styled);
        match &mut self.escaper {
            Some(_) if is_styled => self.waiting.extend_from_slice(bytes),
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

    /// Continues writing the queued bytes.
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

    /// Prints an incomplete character or a CR at the end of the output, and resets the escaping.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn end(&mut self) -> io::Result<()> {
        if let Some(escaper) = &mut self.escaper {
            escaper.finish(&mut self.waiting);
        }
        self.flush().map(drop)
    }

    /// Whether stdout is a terminal with an incomplete line.
    #[must_use]
    pub fn is_mid_line(&self) -> bool {
        self.mid_line
    }

    /// The number of queued bytes for stdout.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.waiting.len() - self.written
    }
}

impl Handle {
    fn watch(fd: std::os::fd::OwnedFd, reactor: &Reactor, key: Key, interest: Interest) -> io::Result<Self> {
        let watched = match reactor.register_one(&mut SourceFd(&fd.as_raw_fd()), key, interest) {
            Ok(()) => true,
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => false,
            Err(error) => return Err(error),
        };
        let file = File::from(fd);
        let kind = FdKind::of(&file);
        Ok(Handle { file, watched, kind, refuses: false })
    }

    fn end(&self) -> End<'_> {
        End { fd: self.file.as_fd(), kind: self.kind }
    }

    /// Writes as much as possible without waiting. A closed pipe drops everything and sets `closed`.
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
