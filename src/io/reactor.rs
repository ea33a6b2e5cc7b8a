//! The base of the event loop: readiness from the kernel, deadlines in nanoseconds, and a waker.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::hint;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

use super::busy_poll::BusyPoll;
use super::key::Key;
use super::sys;

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

    /// The waker that ends a [`wait`](Self::wait) from another thread.
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

    /// Waits until a source is ready and appends the events.
    ///
    /// # Errors
    /// The error of the kernel; an interrupted call is no error.
    pub fn wait(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
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
            if self.look(window)? {
                return Ok(());
            }
            left = self.left(); // time has passed
        }
        let timeout = self.timeout(left)?;
        self.poll(timeout)
    }

    /// Polls for events without sleeping. True: there are some.
    fn look(&mut self, window: Duration) -> io::Result<bool> {
        if self.finds()? {
            return Ok(true); // without waiting there is nothing to learn
        }
        let begun = Instant::now();
        loop {
            // Not sched_yield(2): next to busy programs it would lose a whole time slice each time.
            hint::spin_loop();
            let found = self.finds()?;
            if found || begun.elapsed() >= window {
                self.busy.learn(found);
                return Ok(found);
            }
        }
    }

    /// Whether a source is ready now. A deadline is checked with the clock.
    fn finds(&mut self) -> io::Result<bool> {
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

/// Deadlines by key. A later deadline for a key that has an earlier one costs nothing: at the earlier one, the
/// owner of the key checks the time and sets the rest.
#[derive(Debug, Default)]
struct Alarms {
    heap: BinaryHeap<Reverse<(Instant, Token)>>,
    set: std::collections::HashMap<Token, Instant>,
}

impl Alarms {
    fn set(&mut self, key: Token, at: Instant) {
        if self.set.get(&key).is_some_and(|&earlier| earlier <= at) {
            return;
        }
        self.set.insert(key, at);
        self.heap.push(Reverse((at, key)));
    }

    fn first(&mut self) -> Option<Instant> {
        while let Some(&Reverse((at, key))) = self.heap.peek() {
            if self.set.get(&key) == Some(&at) {
                return Some(at);
            }
            self.heap.pop(); // replaced by an earlier one
        }
        None
    }

    fn due(&mut self, now: Instant, mut ring: impl FnMut(Token)) {
        while self.first().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, key))) = self.heap.pop() {
                self.set.remove(&key);
                ring(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(alarms: &mut Alarms, now: Instant) -> Vec<Token> {
        let mut keys = Vec::new();
        alarms.due(now, |key| keys.push(key));
        keys
    }

    #[test]
    fn timers_fire_once_and_in_order() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        alarms.set(Token(1), after(30));
        alarms.set(Token(2), after(10));
        alarms.set(Token(1), after(20)); // earlier: overtakes
        alarms.set(Token(2), after(90)); // later: the first stands
        assert_eq!(rung(&mut alarms, after(10)), [Token(2)]);
        assert_eq!(rung(&mut alarms, after(40)), [Token(1)]);
        assert_eq!(rung(&mut alarms, after(99)), [Token(0); 0]);
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
        // However long is looked for events: by a timer of nanoseconds, and without.
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
