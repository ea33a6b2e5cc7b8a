//! A terminal for a program: what a person types at it and what they see.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use super::{DEADLINE, Outcome, Proc};

/// A terminal: our side of it, and what opens the side of programs.
pub(crate) fn open_pty() -> (OwnedFd, impl Fn() -> OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    (master, move || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap())
}

/// Reads what programs have written to the terminal. EIO: all of them have closed it, and everything was read.
///
/// The first EIO does not mean that everything was read. Linux looks for bytes first and for the close next
/// (`n_tty_read`), so a program that writes and ends in between loses its last bytes to this read. They were
/// written before the close that the read saw, so a second read returns them.
fn read_screen(mut screen: &File, buf: &mut [u8]) -> io::Result<usize> {
    screen.read(buf).or_else(|_| screen.read(buf))
}

/// `command` with its stdin as the terminal that Ctrl-C and hangups come from.
pub(crate) fn on_terminal(command: &Command) -> Command {
    // setsid(1) becomes the program it starts: the process number stays.
    let mut on_terminal = Command::new("setsid");
    on_terminal.arg("--ctty").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => on_terminal.env(name, value),
            None => on_terminal.env_remove(name),
        };
    }
    on_terminal
}

/// The marks for pasted text that a line editor requests. They are invisible.
const PASTE_MARKS: [&[u8]; 2] = [b"\x1b[?2004h", b"\x1b[?2004l"];

/// A program on a terminal of its own.
#[derive(Debug)]
pub(crate) struct Terminal {
    proc: Proc,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// The whole output so far.
    shown: Vec<u8>,
    /// The length of the output that [`Terminal::sees`] has returned.
    seen: usize,
}

impl Terminal {
    /// Starts `command` with the terminal as its three streams and as what Ctrl-C comes from.
    #[track_caller]
    pub(crate) fn start(command: &Command) -> Terminal {
        let (master, slave) = open_pty();
        let proc = Proc::start_on(&mut on_terminal(command), slave().into(), slave().into(), slave().into());
        let keyboard = File::from(master);
        let eyes = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(n @ 1..) = read_screen(&eyes, &mut buf) {
                if sender.send(buf[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { proc, keyboard, screen, shown: Vec::new(), seen: 0 }
    }

    pub(crate) fn types(&mut self, keys: impl AsRef<[u8]>) {
        self.keyboard.write_all(keys.as_ref()).unwrap();
    }

    /// Keeps what is on its way to the screen when Ctrl-C is typed (NOFLSH, termios(3)).
    pub(crate) fn keeps_output(&self) {
        let mut modes = tcgetattr(&self.keyboard).unwrap();
        modes.local_modes |= LocalModes::NOFLSH;
        tcsetattr(&self.keyboard, OptionalActions::Now, &modes).unwrap();
    }

    /// Makes the terminal this wide.
    pub(crate) fn resize(&self, columns: u16) {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).unwrap();
    }

    /// Sends the program this signal, past the terminal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.proc.signal(signal);
    }

    /// Waits until this is shown, after what was seen before; returns all that was shown till then.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let until = Instant::now() + DEADLINE;
        let mut searched = self.seen;
        loop {
            if let Some(at) = memchr::memmem::find(&self.shown[searched..], text.as_bytes()) {
                let fresh = &self.shown[self.seen..searched + at + text.len()];
                self.seen += fresh.len();
                return String::from_utf8_lossy(fresh).into_owned();
            }
            searched = self.shown.len().saturating_sub(text.len() + PASTE_MARKS[0].len()).max(self.seen);
            match self.screen.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => show(&mut self.shown, self.seen, &bytes),
                Err(error) => {
                    let from = self.seen.max(self.shown.len().saturating_sub(4000));
                    let end = String::from_utf8_lossy(&self.shown[from..]);
                    panic!("no {text:?} is shown ({error}): {end:?}")
                }
            }
        }
    }

    /// Waits for the end of the program, and returns all that was shown, line feeds as a terminal has them.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Outcome, String) {
        let outcome = self.proc.end();
        while let Ok(bytes) = self.screen.recv_timeout(DEADLINE) {
            show(&mut self.shown, self.seen, &bytes);
        }
        (outcome, String::from_utf8_lossy(&self.shown).into_owned())
    }
}

/// Notes what is shown, behind what was seen, without the marks of pastes.
fn show(shown: &mut Vec<u8>, seen: usize, bytes: &[u8]) {
    // A mark may have begun in what came before.
    let mut at = shown.len().saturating_sub(PASTE_MARKS[0].len()).max(seen);
    shown.extend_from_slice(bytes);
    while at < shown.len() {
        match PASTE_MARKS.iter().find(|mark| shown[at..].starts_with(mark)) {
            Some(mark) => drop(shown.drain(at..at + mark.len())),
            None => at += 1,
        }
    }
}
