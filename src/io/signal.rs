//! Signals: the first one requests an orderly end, the second one ends the process at once.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use mio::Waker;
use signal_hook::consts::{SIGUSR1, SIGUSR2};
use signal_hook::iterator::{self, Handle};

use super::{command, sys, temporary, terminal};
use crate::value::Signal;

/// What to do with a SIGINT that was ignored at the start, as a shell without job control does for background
/// jobs (`&`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredInterrupt {
    /// Leave it ignored.
    Keep,
    /// Handle it like any other.
    Handle,
}

/// The signals received so far; shared by all loops of the process.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    /// The first signal that requested the end.
    received: OnceLock<Signal>,
    usr1: AtomicU64,
    on_usr1: OnceLock<OnUsr1>,
    on_usr2: OnceLock<OnUsr2>,
    wakers: Mutex<Vec<Weak<Waker>>>,
    /// Adds further signals; empty if no signals are handled.
    handle: OnceLock<Handle>,
}

/// The action at SIGUSR1 on the thread that waits for signals. False: the loops have to act.
struct OnUsr1(Box<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for OnUsr1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnUsr1")
    }
}

/// The action at SIGUSR2 on the thread that waits for signals.
struct OnUsr2(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for OnUsr2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnUsr2")
    }
}

impl Signals {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on. An ignored SIGHUP stays ignored, because the program
    /// should outlive its terminal (nohup(1)).
    ///
    /// # Errors
    /// When a handler or the thread that waits for signals cannot be set up.
    pub fn install(ignored_interrupt: IgnoredInterrupt) -> io::Result<Self> {
        let handled = |signal: &Signal| match signal {
            Signal::Hangup => !sys::ignores_signal(signal.number()),
            Signal::Interrupt => ignored_interrupt == IgnoredInterrupt::Handle || !sys::ignores_signal(signal.number()),
            Signal::Pipe | Signal::Terminate => true,
        };
        let wanted = [Signal::Hangup, Signal::Terminate].into_iter().filter(handled);
        let mut pending = iterator::Signals::new(wanted.map(Signal::number))?;
        let signals = Signals::default();
        let ours = signals.clone();
        // The new value is not shared yet.
        let _ = signals.shared.handle.set(pending.handle());
        // ctrlc handles Ctrl-C, on every system; it does not report which of several signals arrived.
        if handled(&Signal::Interrupt) {
            let ours = signals.clone();
            ctrlc::set_handler(move || ours.receive(Signal::Interrupt.number())).map_err(io::Error::other)?;
        }
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for number in pending.forever() {
                ours.receive(number);
            }
        })?;
        Ok(signals)
    }

    /// Handles SIGUSR1 as well, which would end the process otherwise. Each one is counted and wakes the loops,
    /// unless the action of [`on_usr1`](Self::on_usr1) returns true. Does nothing if no signals are handled.
    ///
    /// # Errors
    /// When the handler cannot be set up.
    pub fn handle_usr1(&self) -> io::Result<()> {
        self.shared.handle.get().map_or(Ok(()), |handle| handle.add_signal(SIGUSR1))
    }

    /// Handles the signals for a terminal in raw mode with [`terminal::on_signal`]. Each one wakes the loops.
    /// Does nothing if no signals are handled.
    ///
    /// # Errors
    /// When a handler cannot be set up.
    pub fn handle_terminal(&self) -> io::Result<()> {
        let Some(handle) = self.shared.handle.get() else { return Ok(()) };
        let mut wanted = terminal::SIGNALS.into_iter().filter(|&signal| !sys::ignores_signal(signal));
        wanted.try_for_each(|signal| handle.add_signal(signal))
    }

    /// Sets the action at SIGUSR1, on the thread that waits for signals; false leaves the signal to the loops.
    /// Only the first action is kept.
    pub fn on_usr1(&self, action: impl Fn() -> bool + Send + Sync + 'static) {
        let _ = self.shared.on_usr1.set(OnUsr1(Box::new(action)));
    }

    /// Does this at SIGUSR2, which would end the process otherwise, on the thread that waits for signals. Only the first
    /// action is kept. Does nothing if no signals are handled.
    ///
    /// # Errors
    /// When the handler cannot be set up.
    pub fn on_usr2(&self, action: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
        let _ = self.shared.on_usr2.set(OnUsr2(Box::new(action)));
        self.shared.handle.get().map_or(Ok(()), |handle| handle.add_signal(SIGUSR2))
    }

    /// The number of SIGUSR1 that the loops were woken for.
    #[must_use]
    pub fn usr1(&self) -> u64 {
        self.shared.usr1.load(Ordering::SeqCst)
    }

    fn receive(&self, number: i32) {
        match Signal::from_number(number) {
            None if terminal::SIGNALS.contains(&number) => {
                terminal::on_signal(number);
                self.wake();
            }
            None if number == SIGUSR2 => self.shared.on_usr2.get().into_iter().for_each(|OnUsr2(action)| action()),
            None if self.shared.on_usr1.get().is_some_and(|OnUsr1(action)| action()) => {}
            None => {
                self.shared.usr1.fetch_add(1, Ordering::SeqCst);
                self.wake();
            }
            Some(signal) if self.shared.received.set(signal).is_ok() => self.stop(),
            Some(signal) => {
                terminal::restore();
                command::kill_all();
                temporary::remove_all();
                std::process::exit(i32::from(die_of(signal)))
            }
        }
    }

    /// Wakes this loop when a signal arrives, as long as the loop exists.
    pub fn watch(&self, waker: &Arc<Waker>) {
        let mut wakers = self.shared.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stopped() || self.usr1() > 0 {
            // The signal arrived before this loop was added. A loop that cannot be woken has ended.
            let _ = waker.wake();
        }
        wakers.retain(|waker| waker.strong_count() > 0);
        wakers.push(Arc::downgrade(waker));
    }

    /// Requests an orderly end, as the first signal does.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        let wakers = self.shared.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        for waker in wakers.iter().filter_map(Weak::upgrade) {
            // A loop that cannot be woken has ended.
            let _ = waker.wake();
        }
    }

    /// Whether an end was requested.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }

    /// The signal that requested the end, if any.
    #[must_use]
    pub fn received(&self) -> Option<Signal> {
        self.shared.received.get().copied()
    }
}

/// Dies of a signal by its default action, so that a shell sees the signal and ends its loop too. Returns the
/// exit status for a process that the signal does not end: PID 1 of a container, or a process that was started
/// with the signal blocked.
#[must_use]
pub fn die_of(signal: Signal) -> u8 {
    sys::raise_default(signal.number());
    signal.status()
}

#[cfg(test)]
mod tests {
    use super::super::key::Key;
    use super::super::reactor::{Reactor, run_until};
    use super::*;

    #[test]
    fn signal_before_or_during_the_wait_wakes_the_reactor() {
        let signals = Signals::default();
        let usr1 = Signals::default();
        usr1.receive(SIGUSR1);
        for (signals, before) in [(&signals, false), (&signals, true), (&usr1, true)] {
            let mut reactor = Reactor::new(std::time::Duration::ZERO).unwrap();
            signals.watch(&reactor.waker());
            if !before {
                signals.stop();
            }
            let first = run_until(&mut reactor, |_, ready, _| ready.first().map(|ready| ready.key));
            assert_eq!(first, Key::Waker);
        }
    }

    #[test]
    fn first_signal_is_kept_and_usr1_is_counted() {
        let signals = Signals::default();
        signals.receive(SIGUSR1);
        assert_eq!(signals.usr1(), 1);
        signals.on_usr1(|| true);
        signals.receive(SIGUSR1);
        assert_eq!(signals.usr1(), 1, "it was done");
        assert!(!signals.stopped());
        signals.stop();
        assert_eq!(signals.received(), None);
        signals.receive(Signal::Terminate.number());
        assert!(signals.stopped());
        assert_eq!(signals.received(), Some(Signal::Terminate));
    }
}
