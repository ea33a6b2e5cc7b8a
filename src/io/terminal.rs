//! The terminal of a line editor: in raw mode while this program uses it, and restored afterwards.
//!
//! The modes are restored in every case: when the guard is dropped (a panic included), before the process stops
//! (Ctrl-Z), and before a second signal ends it at once.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use signal_hook::consts::{SIGCONT, SIGQUIT, SIGTSTP, SIGWINCH};

use super::sys;
use super::sys::tty::{self, Modes};

/// The signals that need an action for a terminal in raw mode. The others end the program as usual.
pub const SIGNALS: [i32; 4] = [SIGCONT, SIGQUIT, SIGTSTP, SIGWINCH];

/// Bracketed paste of xterm: pasted text is between two marks.
const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// The terminal in raw mode. It is global, because signals end the process.
static ARMED: Mutex<Option<Armed>> = Mutex::new(None);
/// Other output may have changed the screen, or its size has changed.
static STALE: AtomicBool = AtomicBool::new(false);

#[derive(Debug)]
struct Armed {
    terminal: File,
    before: Modes,
}

impl Armed {
    fn set(&mut self, modes: Modes, paste: &[u8]) -> io::Result<()> {
        modes.set(self.terminal.as_fd())?;
        // Do not wait for a stopped terminal (Ctrl-S).
        if sys::poll_ready(self.terminal.as_fd(), true)? {
            self.terminal.write_all(paste)?;
        }
        Ok(())
    }

    fn arm(&mut self) -> io::Result<()> {
        self.set(self.before.editing(), PASTE_ON)
    }

    fn restore(&mut self) {
        // A terminal that has gone has no modes.
        let _ = self.set(self.before, PASTE_OFF);
    }
}

fn armed<T>(act: impl FnOnce(&mut Option<Armed>) -> T) -> T {
    act(&mut ARMED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Restores a terminal in raw mode, for code that ends the process at once.
pub fn restore() {
    armed(|armed| armed.iter_mut().for_each(Armed::restore));
}

/// Handles one of [`SIGNALS`]. Called by the thread that waits for signals; it stops here with the process.
pub fn on_signal(signal: i32) {
    match signal {
        SIGTSTP => {
            restore();
            tty::stop();
            rearm();
        }
        SIGCONT => rearm(), // after SIGSTOP; the shell has set other modes meanwhile
        SIGWINCH => STALE.store(true, Ordering::SeqCst),
        SIGQUIT => {
            restore();
            sys::raise_default(SIGQUIT);
        }
        _ => {}
    }
}

fn rearm() {
    let any = armed(|armed| armed.as_mut().map(Armed::arm));
    STALE.store(any.is_some(), Ordering::SeqCst);
}

/// Keeps a terminal in raw mode until it is dropped.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Sets raw mode on the terminal of stdin and stdout. `None` if they are not the same terminal, if it does
    /// not support a line editor (`TERM=dumb`), or if it has gone.
    #[must_use]
    pub fn start() -> Option<RawMode> {
        let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        if !able || !same_terminal(io::stdin(), io::stdout()) {
            return None;
        }
        RawMode::of(File::from(io::stdout().as_fd().try_clone_to_owned().ok()?))
    }

    fn of(terminal: File) -> Option<RawMode> {
        let before = Modes::of(terminal.as_fd()).ok()?;
        let mut new = Armed { terminal, before };
        armed(|armed| {
            if armed.is_some() {
                return None;
            }
            if new.arm().is_err() {
                new.restore();
                return None;
            }
            *armed = Some(new);
            Some(RawMode(()))
        })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        armed(|armed| {
            if let Some(mut armed) = armed.take() {
                armed.restore();
            }
        });
    }
}

/// Whether the screen has to be redrawn; resets the flag.
#[must_use]
pub fn take_stale() -> bool {
    STALE.swap(false, Ordering::SeqCst)
}

/// The number of columns of the terminal of stdout.
#[must_use]
pub fn columns() -> usize {
    tty::columns(io::stdout().as_fd()).unwrap_or(80)
}

/// Drops typed bytes that are not read, if stdin is a terminal.
pub fn flush_input() {
    if is_stdin() {
        // A terminal that has gone has no bytes.
        let _ = tty::flush_input(io::stdin().as_fd());
    }
}

/// Whether stdin is a terminal.
#[must_use]
pub fn is_stdin() -> bool {
    io::stdin().is_terminal()
}

/// Whether stderr is a terminal.
#[must_use]
pub fn is_stderr() -> bool {
    io::stderr().is_terminal()
}

/// Whether stdout is a terminal.
#[must_use]
pub fn is_stdout() -> bool {
    io::stdout().is_terminal()
}

/// Whether stdout is a terminal that shows colours, and `--color` and `NO_COLOR` allow them; or `--color always`.
#[must_use]
pub fn has_colors() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Whether stdout and stderr are the same terminal.
#[must_use]
pub fn is_output_beside_report() -> bool {
    same_terminal(io::stdout(), io::stderr())
}

/// Whether both are the same terminal.
fn same_terminal(one: impl AsFd, other: impl AsFd) -> bool {
    let device = |fd: std::os::fd::BorrowedFd<'_>| {
        let file = File::from(fd.try_clone_to_owned().ok()?);
        let meta = file.metadata().ok()?;
        (file.is_terminal() && meta.file_type().is_char_device()).then(|| meta.rdev())
    };
    device(one.as_fd()).is_some_and(|one| device(other.as_fd()) == Some(one))
}

/// The bytes that redraw the edited row, for other code that writes to the same terminal. Empty if no row is
/// shown.
#[derive(Clone, Debug, Default)]
pub struct EditedRow(Arc<Mutex<Vec<u8>>>);

impl EditedRow {
    /// Sets the bytes.
    pub fn set(&self, drawing: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = drawing;
    }

    /// The bytes.
    #[must_use]
    pub fn get(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, tcgetattr};

    use super::*;

    #[test]
    fn panic_restores_the_terminal_modes() {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let is_cooked = || tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO);
        assert!(is_cooked());
        let panic = std::panic::catch_unwind(|| {
            let _raw = RawMode::of(File::from(terminal.try_clone().unwrap())).unwrap();
            assert!(!is_cooked());
            assert!(RawMode::of(File::from(terminal.try_clone().unwrap())).is_none(), "one for the process");
            panic!("on purpose");
        });
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"on purpose"));
        assert!(is_cooked());
    }
}
