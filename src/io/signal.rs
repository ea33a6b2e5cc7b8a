//! SIGINT and SIGTERM: the first asks for an orderly end, the second ends it at once.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mio::Waker;

use super::sys;

/// The status of a program that a signal has ended, as a shell reports SIGINT.
pub const INTERRUPTED: u8 = 130;

/// What the signals have said so far; shared by all loops of a process.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    count: Arc<AtomicUsize>,
    wakers: Arc<Mutex<Vec<Arc<Waker>>>>,
}

impl Signals {
    /// Takes over SIGINT, SIGTERM and SIGHUP; the last one not where it was ignored: then the program
    /// is meant to outlive its terminal (nohup(1)).
    ///
    /// # Errors
    /// When that is not possible, or was done before.
    pub fn install() -> io::Result<Self> {
        let signals = Signals::default();
        let ours = signals.clone();
        let outlives_terminal = sys::ignores_hangup();
        ctrlc::set_handler(move || {
            if ours.count.load(Ordering::SeqCst) > 0 {
                std::process::exit(i32::from(INTERRUPTED));
            }
            ours.stop();
        })
        .map_err(io::Error::other)?;
        if outlives_terminal {
            sys::ignore_hangup()?;
        }
        Ok(signals)
    }

    /// Has this loop woken when a signal comes.
    pub fn watch(&self, waker: Arc<Waker>) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stopped() {
            // The signal came before this loop did. A loop that cannot be woken has ended.
            let _ = waker.wake();
        }
        wakers.push(waker);
    }

    /// Does what the first signal does.
    pub fn stop(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        for waker in self.wakers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A loop that cannot be woken has ended.
            let _ = waker.wake();
        }
    }

    /// Whether an end was asked for.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::super::driver::{Driver, WOKEN};
    use super::*;

    #[test]
    fn a_loop_is_woken_by_a_signal_before_it_and_after() {
        let signals = Signals::default();
        for before in [false, true] {
            let mut driver = Driver::new(std::time::Duration::ZERO).unwrap();
            signals.watch(driver.waker());
            if !before {
                signals.stop();
            }
            let mut ready = Vec::new();
            driver.wait(&mut ready).unwrap();
            assert_eq!(ready.first().map(|ready| ready.key), Some(WOKEN));
        }
    }
}
