//! The event loop: waits for readiness of the kernel, for deadlines in nanoseconds and for a waker, and passes each
//! event on.

use std::collections::HashSet;
use std::hint;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

use super::alarms::Alarms;
use super::busy_poll::BusyPoll;
use super::key::Key;
use super::sys;
use crate::error::{Error, Operation};

/// A program for [`Reactor::run`]: what each event and each turn does, and when the loop ends.
pub trait Handler {
    /// The result of the loop.
    type Output;
    /// The error that ends the loop.
    type Error: From<Error>;

    /// The reactor with the sources.
    fn reactor(&mut self) -> &mut Reactor;

    /// Handles one event.
    ///
    /// # Errors
    /// What ends the loop.
    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Self::Error>;

    /// Does what follows the events of a turn, and says whether the loop goes on. The first call comes before
    /// the first wait.
    ///
    /// # Errors
    /// What ends the loop.
    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<Self::Output>, Self::Error>;
}

/// An event of the loop: a source that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The key of the source.
    pub key: Key,
    /// Reading will not block.
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
    /// What follows the bytes that can still be read.
    pub behind: Behind,
}

/// What follows the bytes that a read returns, where no further event reports it. Later variants include the
/// former ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// Nothing is known.
    #[default]
    Nothing,
    /// The peer's end, or an error.
    End,
    /// More bytes: there is urgent data, and every read stops at its mark (tcp(7)).
    Urgent,
}

/// Waits for readiness, deadlines and wake-ups. mio is edge-triggered: a source that is reported ready must be
/// used until it would block, or be [put back](Reactor::again).
#[derive(Debug)]
pub struct Reactor {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    alarms: Alarms,
    timer: Option<sys::Timer>,
    busy: BusyPoll,
    again: HashSet<Token>,
    /// The time at the end of the last wait.
    now: Instant,
}

impl Reactor {
    /// A reactor without sources. Before it sleeps it polls for at most `busy_poll`, as long as polling finds
    /// events; zero sleeps at once.
    ///
    /// # Errors
    /// The kernel's, when it is out of descriptors or memory.
    pub fn new(busy_poll: Duration) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), Key::Waker.into())?);
        // poll(2) and epoll count milliseconds; pauses between pieces can be shorter.
        let timer = sys::Timer::new().ok();
        if let Some(timer) = &timer {
            use std::os::fd::AsRawFd;
            poll.registry().register(
                &mut mio::unix::SourceFd(&timer.as_raw_fd()),
                Key::Timer.into(),
                Interest::READABLE,
            )?;
        }
        Ok(Reactor {
            poll,
            events: Events::with_capacity(1024),
            waker,
            alarms: Alarms::default(),
            timer,
            busy: BusyPoll::new(busy_poll),
            again: HashSet::new(),
            now: Instant::now(),
        })
    }

    /// The waker that ends a wait from another thread.
    #[must_use]
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Registers a source for reading, writing and urgent data, with this key.
    ///
    /// # Errors
    /// The error of the kernel; `EPERM` for a regular file, which is always ready.
    pub fn register(&self, source: &mut (impl Source + ?Sized), key: Key) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let both = both | Interest::PRIORITY;
        self.poll.registry().register(source, key.into(), both)
    }

    /// Registers a source for one direction, with this key.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn register_one(&self, source: &mut (impl Source + ?Sized), key: Key, interest: Interest) -> io::Result<()> {
        self.poll.registry().register(source, key.into(), interest)
    }

    /// Deregisters a source.
    pub fn deregister(&self, source: &mut (impl Source + ?Sized)) {
        // A source that was never registered, or is closed, is no error.
        let _ = self.poll.registry().deregister(source);
    }

    /// Reports this key once more without waiting, because its budget ended before its work. Once, however
    /// often it is called: otherwise a source that calls it twice in a turn would soon take all turns.
    pub fn again(&mut self, key: impl Into<Key>) {
        self.again.insert(key.into().into());
    }

    /// Reports this key at this time, or earlier.
    pub fn wake_at(&mut self, key: impl Into<Key>, at: Instant) {
        self.alarms.set(key.into().into(), at);
    }

    /// The time of this turn of the loop: when the last wait ended, or the reactor was made. All that is done
    /// in a turn is done at this time, so that nothing above `io` reads a clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Runs the one loop of this program: waits, hands each event to the handler, and ends the turn, until the
    /// handler breaks. All of a turn happens at one [time](Self::now).
    ///
    /// # Errors
    /// The handler's, or that of a wait that fails.
    pub fn run<H: Handler>(handler: &mut H) -> Result<H::Output, H::Error> {
        let mut ready = Vec::new();
        loop {
            let now = handler.reactor().now;
            if let ControlFlow::Break(output) = handler.end_turn(now)? {
                return Ok(output);
            }
            ready.clear();
            let reactor = handler.reactor();
            reactor.wait(&mut ready).map_err(Error::local(Operation::Wait, "the event loop"))?;
            let now = reactor.now;
            for &event in &ready {
                handler.on_event(event, now)?;
            }
        }
    }

    /// Waits until a source is ready, and appends the events. An interrupted call is no error.
    fn wait(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.collect()?;
        for event in &self.events {
            let Some(key) = Key::from_token(event.token()).filter(|&key| key != Key::Timer) else { continue };
            let failed = event.is_error();
            ready.push(Ready {
                key,
                readable: event.is_readable() || event.is_read_closed() || failed,
                writable: event.is_writable() || event.is_write_closed() || failed,
                behind: if event.is_priority() {
                    Behind::Urgent
                } else if event.is_read_closed() || failed {
                    Behind::End
                } else {
                    Behind::Nothing
                },
            });
        }
        let idle = |token| {
            let key = Key::from_token(token)?;
            Some(Ready { key, readable: false, writable: false, behind: Behind::Nothing })
        };
        ready.extend(self.again.drain().filter_map(idle));
        self.now = Instant::now();
        self.alarms.due(self.now, |token| ready.extend(idle(token)));
        Ok(())
    }

    /// Waits in the kernel until a source is ready or the next deadline.
    fn collect(&mut self) -> io::Result<()> {
        let mut left = self.left();
        if let Some(window) = self.busy.window(left) {
            if self.poll_busily(window)? {
                return Ok(());
            }
            left = self.left(); // time has passed
        }
        let timeout = self.timeout(left)?;
        self.poll(timeout)
    }

    /// Polls for events without sleeping. True: there are some.
    fn poll_busily(&mut self, window: Duration) -> io::Result<bool> {
        if self.has_events()? {
            return Ok(true); // without waiting there is nothing to learn
        }
        let begun = Instant::now();
        loop {
            // Not sched_yield(2): next to busy programs it would lose a whole time slice each time.
            hint::spin_loop();
            let found = self.has_events()?;
            if found || begun.elapsed() >= window {
                self.busy.learn(found);
                return Ok(found);
            }
        }
    }

    /// Whether a source is ready now. A deadline is checked with the clock.
    fn has_events(&mut self) -> io::Result<bool> {
        self.poll(Some(Duration::ZERO))?;
        Ok(self.events.iter().any(|event| event.token() != Key::Timer.into()))
    }

    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }

    /// The time until the next deadline.
    fn left(&mut self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        self.alarms.first().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The timeout of a poll before a deadline at this distance; if there is a timer of nanoseconds, it is
    /// armed instead.
    fn timeout(&mut self, left: Option<Duration>) -> io::Result<Option<Duration>> {
        match (&self.timer, left) {
            (Some(timer), Some(left)) if !left.is_zero() && left < Duration::from_millis(200) => {
                timer.arm(self.alarms.first())?;
                Ok(None)
            }
            _ => Ok(left),
        }
    }
}

/// Runs the loop of a test on a reactor of its own, until a turn with these events returns something.
#[cfg(test)]
pub(crate) fn run_until<T>(reactor: &mut Reactor, turn: impl FnMut(&mut Reactor, &[Ready], Instant) -> Option<T>) -> T {
    struct Until<'r, F> {
        reactor: &'r mut Reactor,
        ready: Vec<Ready>,
        turn: F,
    }
    impl<T, F: FnMut(&mut Reactor, &[Ready], Instant) -> Option<T>> Handler for Until<'_, F> {
        type Output = T;
        type Error = Error;

        fn reactor(&mut self) -> &mut Reactor {
            self.reactor
        }

        fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
            self.ready.push(ready);
            Ok(())
        }

        fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<T>, Error> {
            let result = (self.turn)(self.reactor, &self.ready, now);
            self.ready.clear();
            Ok(result.map_or(ControlFlow::Continue(()), ControlFlow::Break))
        }
    }
    Reactor::run(&mut Until { reactor, ready: Vec::new(), turn }).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_a_turn_come_at_one_time_until_one_fails() {
        struct Log(Reactor, Vec<(Key, Instant)>);
        impl Handler for Log {
            type Output = Instant;
            type Error = Error;

            fn reactor(&mut self) -> &mut Reactor {
                &mut self.0
            }

            fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
                self.1.push((ready.key, now));
                if ready.key == Key::Meter { Err(Error::Interrupted) } else { Ok(()) }
            }

            fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<Instant>, Error> {
                Ok(if self.1.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(now) })
            }
        }
        let mut log = Log(Reactor::new(Duration::ZERO).unwrap(), Vec::new());
        log.0.again(Key::Conn(7));
        log.0.wake_at(Key::Clock, Instant::now());
        let now = Reactor::run(&mut log).unwrap();
        assert_eq!(log.1, [(Key::Conn(7), now), (Key::Clock, now)]);
        log.1.clear();
        log.0.again(Key::Meter);
        assert!(matches!(Reactor::run(&mut log), Err(Error::Interrupted)));
    }

    #[test]
    fn key_is_ready_once_however_often_it_asks() {
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let mut ready = Vec::new();
        for _ in 0..3 {
            reactor.again(Key::Conn(7));
        }
        reactor.wait(&mut ready).unwrap();
        assert_eq!(ready, [Ready { key: Key::Conn(7), readable: false, writable: false, behind: Behind::Nothing }]);
    }

    #[test]
    fn timer_during_a_poll_does_not_count_as_an_event() {
        let mut reactor = Reactor::new(Duration::from_secs(3600)).unwrap();
        let mut ready = Vec::new();
        reactor.wake_at(Key::Clock, Instant::now() + Duration::from_micros(300));
        reactor.wait(&mut ready).unwrap();
        assert_eq!(ready.len(), 1);
        assert_eq!(reactor.busy.window(None), None);
    }

    #[test]
    fn waker_and_timer_end_the_wait() {
        // With a timer of nanoseconds and without, however long the reactor polls before it sleeps.
        let deadlines = [Duration::from_micros(300), Duration::from_millis(250)];
        for busy_poll in [Duration::ZERO, Duration::from_micros(50), Duration::from_secs(3600)] {
            let mut reactor = Reactor::new(busy_poll).unwrap();
            let mut ready = Vec::new();
            reactor.waker().wake().unwrap();
            reactor.wait(&mut ready).unwrap();
            assert_eq!(ready, [Ready { key: Key::Waker, readable: true, writable: false, behind: Behind::Nothing }]);
            for deadline in deadlines {
                ready.clear();
                let at = Instant::now() + deadline;
                reactor.wake_at(Key::Clock, at);
                while ready.is_empty() {
                    reactor.wait(&mut ready).unwrap();
                }
                assert!(reactor.now() >= at, "the turn of a deadline is not before it");
                assert_eq!(
                    ready,
                    [Ready { key: Key::Clock, readable: false, writable: false, behind: Behind::Nothing }]
                );
            }
        }
    }
}
