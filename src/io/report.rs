//! What this program itself says: lines on stderr, styled where that is wanted, never in the way of the work.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::sys;
use crate::config::Color;
use crate::value::escape;

/// Lines wait here while stderr takes none; past this many bytes they are counted instead of kept.
const PATIENCE: usize = 64 * 1024;
/// pipe(7): a write of up to `PIPE_BUF` bytes to a pipe that poll(2) calls writable does not block.
const PIPE_BUF: usize = 4096;

/// Where lines for the person who runs this go. Clones share one stderr.
#[derive(Clone, Debug)]
pub struct Report {
    lines: Arc<Mutex<Lines>>,
    styled: bool,
}

#[derive(Debug)]
struct Lines {
    /// stderr by a descriptor of our own, so that no lock or buffer of the standard library is used.
    stderr: Option<File>,
    waiting: Vec<u8>,
    dropped: u64,
    /// A line that the next one takes the place of stands on the terminal.
    status: bool,
    /// Something that is not ours stands on the line of the terminal.
    begun: bool,
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
        Report {
            lines: Arc::new(Mutex::new(Lines { stderr, waiting: Vec::new(), dropped: 0, status: false, begun: false })),
            styled,
        }
    }

    /// One line about something that went wrong: `secretcat: …`. Whatever it quotes, names and files
    /// and what others said, it stays one line and drives no terminal.
    pub fn error(&self, text: &str) {
        let style = AnsiColor::Red.on_default().bold();
        let name = self.styled("secretcat:", style);
        self.line(&format!("{name} {}", escape(text.as_bytes())));
    }

    /// One line about something that happened, as harmless as an [`error`](Self::error).
    pub fn event(&self, text: &str) {
        let text = self.styled(&escape(text.as_bytes()), Style::new().dimmed());
        self.line(&text);
    }

    /// Whether stderr is a terminal on which a line can take the place of another.
    #[must_use]
    pub fn redraws(&self) -> bool {
        let able = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        able && self.lock().stderr.as_ref().is_some_and(IsTerminal::is_terminal)
    }

    /// Has the next line begin anew, for a terminal has echoed the Ctrl-C that ends this run as `^C`,
    /// behind a prompt perhaps. Anything else than a terminal gets its lines as ever.
    pub fn begin_anew(&self) {
        let mut lines = self.lock();
        lines.clear_status();
        lines.begun = lines.stderr.as_ref().is_some_and(IsTerminal::is_terminal);
    }

    /// A line on a terminal that the next one takes the place of; empty, nothing takes its place.
    /// It is not shown where the terminal does not keep up.
    pub fn status(&self, text: &str) {
        let mut lines = self.lock();
        lines.clear_status();
        if lines.waiting.is_empty() && !text.is_empty() {
            lines.waiting.extend_from_slice(text.as_bytes());
            lines.status = true;
        }
        lines.push(false);
    }

    /// Text as it is, with a line feed behind it.
    pub fn line(&self, text: &str) {
        let mut lines = self.lock();
        lines.clear_status();
        if lines.waiting.len() + text.len() > PATIENCE {
            lines.dropped += 1;
        } else {
            if std::mem::take(&mut lines.begun) {
                lines.waiting.push(b'\n');
            }
            lines.waiting.extend_from_slice(text.as_bytes());
            lines.waiting.push(b'\n');
        }
        lines.push(false);
    }

    /// Writes out what waits, and says how many lines were dropped. Called once, at the end of a
    /// run: now it is right to wait for a slow reader, for it keeps nobody else waiting; a reader
    /// that takes nothing for a second is given up.
    pub fn finish(&self) {
        let mut lines = self.lock();
        if lines.dropped > 0 {
            let dropped = format!("secretcat: {} lines were not shown: stderr was not read\n", lines.dropped);
            lines.dropped = 0;
            lines.waiting.extend_from_slice(dropped.as_bytes());
        }
        lines.push(true);
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

    /// Writes as much as stderr takes without blocking; with `patient`, waits for it within limits.
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
                // Nobody can be told that stderr is gone.
                _ => written = self.waiting.len(),
            }
        }
        self.waiting.drain(..written);
    }
}
