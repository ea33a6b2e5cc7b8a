//! The event loop's ground: readiness from the kernel, deadlines to the nanosecond, and a waker.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::hint;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

use super::busy_poll::BusyPoll;
use super::sys;
use crate::service::CONSOLE;

/// Why a source's turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whose turn it is: the key it was registered with.
    pub key: usize,
    /// The kernel says reading will not block.
    pub readable: bool,
    /// The kernel says writing will not block.
    pub writable: bool,
    /// What stands behind whatever can still be read.
    pub behind: Behind,
}

/// What stands behind the bytes that a read gives, where no event tells of it once more. The later
/// ones hold for the former, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behind {
    /// Nothing that is known of.
    #[default]
    Nothing,
    /// The peer's end, or an error.
    End,
    /// More bytes: there is urgent data, at whose mark every read stops (tcp(7)).
    Urgent,
}

// Keys that are no connection's, all of them here, so that no two are the same: from the last one
// down. Connections are counted from 0, dials from [`FIRST_KEY`](super::dial::FIRST_KEY).

/// The key of stdin; it is also the console's peer number.
pub const STDIN: usize = CONSOLE;
/// The key that [`Driver::wait`] reports when the waker was used.
pub const WOKEN: usize = STDIN - 1;
/// The timer of nanoseconds, which nobody is told of.
const TIMER: usize = STDIN - 2;
/// The key of stdout.
pub const STDOUT: usize = STDIN - 3;
/// The key of a socket that connections arrive at.
pub const LISTENER: usize = STDIN - 4;
/// The key of the clock of whoever runs the loop.
pub const CLOCK: usize = STDIN - 5;
/// The key of the clock of [`--progress`](crate::trace::Transfer).
pub const METER: usize = STDIN - 6;
/// The key of the clock of the access lines that were left out.
pub const LINES: usize = STDIN - 7;

/// Waits for readiness, deadlines and wake-ups at once. mio is edge-triggered: a source that is
/// reported ready must be used until it would block, or be [put back](Driver::again).
#[derive(Debug)]
pub struct Driver {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    alarms: Alarms,
    timer: Option<sys::Timer>,
    busy: BusyPoll,
    again: HashSet<usize>,
}

impl Driver {
    /// A driver with nothing registered. Before it sleeps it looks for events for `busy_poll` at the
    /// most, as long as such looks find some; zero sleeps at once.
    ///
    /// # Errors
    /// The kernel's, when it is out of descriptors or memory.
    pub fn new(busy_poll: Duration) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), Token(WOKEN))?);
        // poll(2) and epoll count milliseconds; pauses between pieces are shorter.
        let timer = sys::Timer::new().ok();
        if let Some(timer) = &timer {
            use std::os::fd::AsRawFd;
            poll.registry().register(&mut mio::unix::SourceFd(&timer.as_raw_fd()), Token(TIMER), Interest::READABLE)?;
        }
        Ok(Driver {
            poll,
            events: Events::with_capacity(1024),
            waker,
            alarms: Alarms::default(),
            timer,
            busy: BusyPoll::new(busy_poll),
            again: HashSet::new(),
        })
    }

    /// What ends a [`wait`](Self::wait) from another thread.
    #[must_use]
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Watches a source for both directions, and for urgent data, under this key.
    ///
    /// # Errors
    /// The kernel's; `EPERM` where the source is a regular file, which is always ready.
    pub fn register(&self, source: &mut (impl Source + ?Sized), key: usize) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let both = both | Interest::PRIORITY;
        self.poll.registry().register(source, Token(key), both)
    }

    /// Watches a source for one direction, under this key.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub fn register_one(&self, source: &mut (impl Source + ?Sized), key: usize, interest: Interest) -> io::Result<()> {
        self.poll.registry().register(source, Token(key), interest)
    }

    /// Stops watching a source.
    pub fn deregister(&self, source: &mut (impl Source + ?Sized)) {
        // A source that was never watched, or is gone, is no trouble here.
        let _ = self.poll.registry().deregister(source);
    }

    /// Gives this key another turn without waiting: its budget ended before its work did. One turn,
    /// however often it is asked for: else who asks twice a turn would soon have all turns there are.
    pub fn again(&mut self, key: usize) {
        self.again.insert(key);
    }

    /// Gives this key a turn at this time, or earlier.
    pub fn wake_at(&mut self, key: usize, at: Instant) {
        self.alarms.set(key, at);
    }

    /// Waits until something is ready and appends what it is.
    ///
    /// # Errors
    /// The kernel's; an interrupted call is not one.
    pub fn wait(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.collect()?;
        for event in &self.events {
            if event.token() == Token(TIMER) {
                continue;
            }
            let failed = event.is_error();
            ready.push(Ready {
                key: event.token().0,
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
        let idle = |key| Ready { key, readable: false, writable: false, behind: Behind::Nothing };
        ready.extend(self.again.drain().map(idle));
        if let Some(first) = self.alarms.first() {
            let now = Instant::now();
            if first <= now {
                self.alarms.due(now, |key| ready.push(idle(key)));
            }
        }
        Ok(())
    }

    /// Has the kernel tell what is ready, or that the next deadline has come.
    fn collect(&mut self) -> io::Result<()> {
        let mut left = self.left();
        if let Some(window) = self.busy.window(left) {
            if self.look(window)? {
                return Ok(());
            }
            left = self.left(); // some of it is over
        }
        let timeout = self.timeout(left)?;
        self.poll(timeout)
    }

    /// Looks for events without sleeping. True: there are some.
    fn look(&mut self, window: Duration) -> io::Result<bool> {
        if self.finds()? {
            return Ok(true); // nothing was waited for, nothing is learnt
        }
        let begun = Instant::now();
        loop {
            // Not sched_yield(2): among busy programs it would give up a whole slice each time.
            hint::spin_loop();
            let found = self.finds()?;
            if found || begun.elapsed() >= window {
                self.busy.learn(found);
                return Ok(found);
            }
        }
    }

    /// Whether something is ready now. That a deadline has come, the clock tells as well.
    fn finds(&mut self) -> io::Result<bool> {
        self.poll(Some(Duration::ZERO))?;
        Ok(self.events.iter().any(|event| event.token() != Token(TIMER)))
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

    /// How long a poll may take before a deadline that is so far away; where there is a timer of
    /// nanoseconds, it is armed instead.
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

/// Deadlines by key. A later deadline for a key that has an earlier one costs nothing: the key's
/// owner looks anew at the earlier one and sets the rest of the time.
#[derive(Debug, Default)]
struct Alarms {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    set: std::collections::HashMap<usize, Instant>,
}

impl Alarms {
    fn set(&mut self, key: usize, at: Instant) {
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
            self.heap.pop(); // overtaken by an earlier one
        }
        None
    }

    fn due(&mut self, now: Instant, mut ring: impl FnMut(usize)) {
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

    fn rung(alarms: &mut Alarms, now: Instant) -> Vec<usize> {
        let mut keys = Vec::new();
        alarms.due(now, |key| keys.push(key));
        keys
    }

    #[test]
    fn alarms_ring_in_order_and_once() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        alarms.set(1, after(30));
        alarms.set(2, after(10));
        alarms.set(1, after(20)); // earlier: overtakes
        alarms.set(2, after(90)); // later: the first stands
        assert_eq!(rung(&mut alarms, after(10)), [2]);
        assert_eq!(rung(&mut alarms, after(40)), [1]);
        assert_eq!(rung(&mut alarms, after(99)), [0_usize; 0]);
    }

    #[test]
    fn a_key_has_one_turn_however_often_it_asks() {
        let mut driver = Driver::new(Duration::ZERO).unwrap();
        let mut ready = Vec::new();
        for _ in 0..3 {
            driver.again(7);
        }
        driver.wait(&mut ready).unwrap();
        assert_eq!(ready, [Ready { key: 7, readable: false, writable: false, behind: Behind::Nothing }]);
    }

    #[test]
    fn a_deadline_that_comes_during_a_look_is_nothing_that_was_found() {
        let mut driver = Driver::new(Duration::from_secs(3600)).unwrap();
        let mut ready = Vec::new();
        driver.wake_at(5, Instant::now() + Duration::from_micros(300));
        driver.wait(&mut ready).unwrap();
        assert_eq!(ready.len(), 1);
        assert_eq!(driver.busy.window(None), None);
    }

    #[test]
    fn a_waker_and_a_deadline_end_the_wait() {
        // However long is looked for events: by a timer of nanoseconds, and without.
        let deadlines = [Duration::from_micros(300), Duration::from_millis(250)];
        for busy_poll in [Duration::ZERO, Duration::from_micros(50), Duration::from_secs(3600)] {
            let mut driver = Driver::new(busy_poll).unwrap();
            let mut ready = Vec::new();
            driver.waker().wake().unwrap();
            driver.wait(&mut ready).unwrap();
            assert_eq!(ready, [Ready { key: WOKEN, readable: true, writable: false, behind: Behind::Nothing }]);
            for deadline in deadlines {
                ready.clear();
                driver.wake_at(5, Instant::now() + deadline);
                while ready.is_empty() {
                    driver.wait(&mut ready).unwrap();
                }
                assert_eq!(ready, [Ready { key: 5, readable: false, writable: false, behind: Behind::Nothing }]);
            }
        }
    }
}
