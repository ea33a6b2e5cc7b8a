//! This program's own stdin and stdout, used without ever blocking the loop.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use mio::Interest;
use mio::unix::SourceFd;

use super::driver::{Driver, Ready, STDIN, STDOUT};
use super::line_input::LineInput;
use super::splice::{End, Kind, Step};
use super::sys;
use super::terminal::EditedRow;
use super::{Flush, Incoming};
use crate::value::Escaper;

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
pub struct Console {
    input: Option<Handle>,
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
}

/// How a person is asked for a line.
#[derive(Debug)]
struct Dialogue {
    prompt: &'static str,
    /// The line editor. Without one, the terminal has lines edited and echoes what is typed.
    editor: Option<LineInput>,
    /// Without an editor: the last thing in the row is the prompt.
    prompted: bool,
}

/// A descriptor that others may share: its flags are left as they are, so it may block, and is
/// asked with poll(2) before every call. A regular file never makes anybody wait for a peer, and
/// cannot be watched.
#[derive(Debug)]
struct Handle {
    file: File,
    watched: bool,
    kind: Kind,
}

impl Console {
    /// Takes stdout, and stdin where it is to be read, and has them watched.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(driver: &Driver, read_input: bool) -> io::Result<Self> {
        let stdout = io::stdout();
        let escaper = stdout.is_terminal().then(Escaper::default);
        let input = if read_input {
            Some(Handle::watch(io::stdin().as_fd().try_clone_to_owned()?, driver, STDIN, Interest::READABLE)?)
        } else {
            None
        };
        let output = Handle::watch(stdout.as_fd().try_clone_to_owned()?, driver, STDOUT, Interest::WRITABLE)?;
        Ok(Console {
            input,
            output,
            escaper,
            waiting: Vec::new(),
            written: 0,
            full: false,
            mid_line: false,
            closed: false,
            dialogue: None,
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

    /// Asks a person for each line from now on: with a line editor, where stdin and stdout are a
    /// terminal that can have one. Returns the row that is edited, if one is.
    pub fn converse(&mut self, prompt: &'static str) -> Option<EditedRow> {
        let editor = LineInput::start(prompt);
        let row = editor.as_ref().map(LineInput::row);
        self.dialogue = Some(Dialogue { prompt, editor, prompted: false });
        row
    }

    /// Shows the prompt, and what was typed behind it.
    pub fn prompt(&mut self) {
        match &mut self.dialogue {
            Some(Dialogue { editor: Some(editor), .. }) => editor.prompt(&mut self.waiting),
            Some(dialogue) if !dialogue.prompted => {
                dialogue.prompted = true;
                self.waiting.extend_from_slice(dialogue.prompt.as_bytes());
            }
            _ => {}
        }
    }

    /// Draws the line anew that is being edited.
    pub fn redraw(&mut self) {
        if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
            editor.redraw(&mut self.waiting);
        }
    }

    /// Goes to a new row, where a prompt stands in this one.
    pub fn leave_row(&mut self) {
        match &mut self.dialogue {
            Some(Dialogue { editor: Some(editor), .. }) => editor.leave(&mut self.waiting),
            _ => self.leave_cooked_row(),
        }
    }

    /// The same, where there is no line editor.
    pub fn leave_cooked_row(&mut self) {
        if let Some(dialogue @ Dialogue { editor: None, prompted: true, .. }) = &mut self.dialogue {
            dialogue.prompted = false;
            self.waiting.push(b'\n');
        }
    }

    /// Reads what stdin has.
    ///
    /// # Errors
    /// The kernel's: stdin may be a directory, or a disk that fails.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        let Some(dialogue) = &mut self.dialogue else { return self.read_input(buf) };
        if dialogue.editor.is_some() {
            return self.read_line(buf);
        }
        let incoming = self.read_input(buf)?;
        match incoming {
            Incoming::Eof => {
                self.leave_row();
                self.flush()?;
            }
            // The terminal has echoed it, and the Enter.
            Incoming::Bytes(_) => self.dialogue.iter_mut().for_each(|dialogue| dialogue.prompted = false),
            Incoming::Blocked | Incoming::Until(_) => {}
        }
        Ok(incoming)
    }

    /// Reads what was typed into the line editor, until that has a line or there is no more.
    fn read_line(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        let mut typed = [0; 4096];
        loop {
            let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue else { return Ok(Incoming::Eof) };
            if let Some(incoming) = editor.take(buf, &mut self.waiting) {
                if incoming == Incoming::Eof {
                    self.input = None;
                }
                self.flush()?;
                return Ok(incoming);
            }
            self.flush()?;
            match self.read_input(&mut typed)? {
                Incoming::Bytes(n) => {
                    if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
                        editor.push(&typed[..n]);
                    }
                }
                Incoming::Eof => {
                    self.leave_row();
                    self.flush()?;
                    return Ok(Incoming::Eof);
                }
                other => return Ok(other),
            }
        }
    }

    fn read_input(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        let Some(input) = &mut self.input else { return Ok(Incoming::Blocked) };
        if input.watched && !sys::poll_ready(input.file.as_fd(), false)? {
            return Ok(Incoming::Blocked);
        }
        loop {
            return match input.file.read(buf) {
                Ok(0) => {
                    self.input = None;
                    Ok(Incoming::Eof)
                }
                Ok(n) => Ok(Incoming::Bytes(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Incoming::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
        }
    }

    /// Where bytes can be taken from without being read here: stdin, where it is a pipe or a file.
    #[must_use]
    pub fn input(&self) -> Option<End<'_>> {
        self.input.as_ref().map(Handle::end)
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
            self.input = None;
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
        let entered = self.dialogue.iter().filter_map(|dialogue| dialogue.editor.as_ref()).any(LineInput::has_more);
        entered || self.input.as_ref().is_some_and(ready)
    }

    /// Writes bytes to stdout, or keeps them until it takes them. A terminal gets no control
    /// characters from here but line feeds and tabs.
    ///
    /// # Errors
    /// The kernel's: stdout may be a full disk.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.dialogue {
            Some(Dialogue { editor: Some(editor), .. }) => {
                let mut text = Vec::with_capacity(bytes.len());
                self.escaper.get_or_insert_default().push(bytes, &mut text);
                editor.print(&text, &mut self.waiting);
                return self.flush().map(drop);
            }
            Some(dialogue) if dialogue.prompted => {
                dialogue.prompted = false;
                self.waiting.push(b'\n');
            }
            _ => {}
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
        Ok(Handle { file, watched, kind })
    }

    fn end(&self) -> End<'_> {
        End { fd: self.file.as_fd(), kind: self.kind }
    }

    /// Writes as much as is taken without waiting. A closed pipe takes everything, and says so.
    fn write_some(&mut self, bytes: &[u8], closed: &mut bool) -> io::Result<usize> {
        let mut taken = 0;
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
