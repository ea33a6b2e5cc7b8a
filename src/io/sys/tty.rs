//! Terminals: their modes (termios(3)), their size, and stopping as Ctrl-Z does.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check;

/// The modes of a terminal.
#[derive(Clone, Copy)]
pub struct Modes(libc::termios);

impl std::fmt::Debug for Modes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Modes {{ lflag: {:#x}, iflag: {:#x} }}", self.0.c_lflag, self.0.c_iflag)
    }
}

impl Modes {
    /// The modes that `fd` is in.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Modes> {
        let mut modes = MaybeUninit::uninit();
        // SAFETY: the call writes one termios on success.
        check(unsafe { libc::tcgetattr(fd.as_raw_fd(), modes.as_mut_ptr()) })?;
        // SAFETY: the call succeeded, and so has written it.
        Ok(Modes(unsafe { modes.assume_init() }))
    }

    /// The modes for a line editor: bytes are read one by one as they were typed, and are not echoed. The
    /// signal keys still send signals, and a line feed on the screen still begins a new row.
    #[must_use]
    pub fn editing(self) -> Modes {
        let mut modes = self.0;
        modes.c_lflag &= !(libc::ICANON | libc::ECHO | libc::IEXTEN);
        modes.c_iflag &= !(libc::ICRNL | libc::INLCR | libc::IGNCR | libc::ISTRIP);
        modes.c_lflag |= libc::ISIG;
        modes.c_oflag |= libc::OPOST | libc::ONLCR;
        modes.c_cc[libc::VMIN] = 1;
        modes.c_cc[libc::VTIME] = 0;
        Modes(modes)
    }

    /// Sets these modes; typed bytes that are not read are kept. This stops a process in the background until
    /// it is in the foreground (SIGTTOU).
    pub fn set(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: the call reads one termios.
        while let Err(error) = check(unsafe { libc::tcsetattr(fd.as_raw_fd(), libc::TCSANOW, &raw const self.0) }) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Drops typed bytes that are not read.
pub fn flush_input(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call touches no memory.
    check(unsafe { libc::tcflush(fd.as_raw_fd(), libc::TCIFLUSH) }).map(drop)
}

/// The number of columns of a terminal; `None` if it is unknown.
#[must_use]
pub fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
    let mut size = MaybeUninit::<libc::winsize>::uninit();
    // SAFETY: this request writes one winsize on success.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, size.as_mut_ptr()) }).ok()?;
    // SAFETY: the call succeeded, and so has written it.
    let columns = unsafe { size.assume_init() }.ws_col;
    (columns > 0).then_some(columns.into())
}

/// Stops this process as SIGTSTP does by default, until SIGCONT. If its process group is orphaned, so that no
/// shell could continue it, the kernel does not stop it, and this returns at once.
pub fn stop() {
    let mut handler = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with a null action nothing is changed; the call writes one sigaction on success.
    if unsafe { libc::sigaction(libc::SIGTSTP, std::ptr::null(), handler.as_mut_ptr()) } == -1 {
        return;
    }
    // SAFETY: SIG_DFL is no function: nothing of ours runs when the signal comes.
    unsafe { libc::signal(libc::SIGTSTP, libc::SIG_DFL) };
    // SAFETY: raise(3) touches no memory. The thread that takes signals does not block this one.
    unsafe { libc::raise(libc::SIGTSTP) };
    // SAFETY: the first call succeeded and has written what is put back here.
    unsafe { libc::sigaction(libc::SIGTSTP, handler.as_ptr(), std::ptr::null_mut()) };
}
