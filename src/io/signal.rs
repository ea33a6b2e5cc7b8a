//! SIGINT and SIGTERM: the first asks for an orderly end, the second ends it at once.

use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::Interest;
use mio::unix::SourceFd;
use signal_hook::{flag, low_level::pipe};

use super::driver::{Driver, WOKEN};
use super::sys;

/// The status of a program that a signal has ended, as a shell reports SIGINT.
pub const INTERRUPTED: u8 = 130;

/// What the signals have said so far; shared by all loops of a process. They are handled where they
/// interrupt the program, not on a thread that waits for them: to start one takes longer than a question.
#[derive(Clone, Debug)]
pub struct Signals {
    stopped: Arc<AtomicBool>,
    bell: Arc<Bell>,
}

/// A byte that is written to one end, and never read, wakes every loop that watches the other.
#[derive(Debug)]
struct Bell {
    push: UnixStream,
    rings: UnixStream,
}

impl Signals {
    /// No signal reaches these: an end is asked for by [`stop`](Self::stop) alone.
    ///
    /// # Errors
    /// The kernel's, when it is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let (push, rings) = UnixStream::pair()?;
        Ok(Signals { stopped: Arc::default(), bell: Arc::new(Bell { push, rings }) })
    }

    /// Takes over SIGINT, SIGTERM and SIGHUP; the last one not where it was ignored: then the program
    /// is meant to outlive its terminal (nohup(1)).
    ///
    /// # Errors
    /// When that is not possible.
    pub fn install() -> io::Result<Self> {
        let signals = Signals::new()?;
        let hangup = (!sys::ignores_hangup()).then_some(libc::SIGHUP);
        for signal in [libc::SIGINT, libc::SIGTERM].into_iter().chain(hangup) {
            let stopped = || Arc::clone(&signals.stopped);
            // In this order: the first signal finds that none has come yet.
            flag::register_conditional_shutdown(signal, INTERRUPTED.into(), stopped())?;
            flag::register(signal, stopped())?;
            pipe::register(signal, signals.bell.push.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Has this loop woken when a signal comes, or has come.
    ///
    /// # Errors
    /// The kernel's.
    pub fn watch(&self, driver: &Driver) -> io::Result<()> {
        driver.register_one(&mut SourceFd(&self.bell.rings.as_raw_fd()), WOKEN, Interest::READABLE)
    }

    /// Does what the first signal does.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // What cannot be written finds the bell full, and ringing.
        let _ = (&self.bell.push).write(b"!");
    }

    /// Whether an end was asked for.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_woken_by_a_signal_before_it_and_after() {
        let signals = Signals::new().unwrap();
        for before in [false, true] {
            let mut driver = Driver::new().unwrap();
            signals.watch(&driver).unwrap();
            if !before {
                signals.stop();
            }
            let mut ready = Vec::new();
            driver.wait(&mut ready).unwrap();
            assert_eq!(ready.first().map(|ready| ready.key), Some(WOKEN));
        }
    }
}
