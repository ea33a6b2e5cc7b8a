//! Records messages in a transcript. A thread writes it: no event loop waits for the disk, and a disk that is full or
//! slow loses no message without a count of it.

mod file;
mod queue;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use mio::Waker;

use self::file::{Journal, Opened, time};
use self::queue::Queue;
use self::writer::Writer;
use super::report::Report;
use super::threads::Thread;
use crate::config::{self, TranscriptSync};
use crate::error::{Error, Operation, shown_path};
use crate::transcript::Message;
use crate::value::counted;

/// The largest buffer that is kept for further lines.
const KEPT: usize = 256 * 1024;
/// The shortest time between two reports of a problem.
const REPORT_PAUSE: Duration = Duration::from_secs(1);
/// How long the end of a run waits for the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// A handle of the transcript; clones record to the same file.
#[derive(Clone, Debug)]
pub struct Transcript(Arc<Shared>);

/// Whether a message was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recorded {
    /// It will be written.
    Yes,
    /// It is lost, and counted.
    No,
    /// It is lost, and nothing may be sent that follows from it.
    MustBe,
}

impl Recorded {
    /// Both results as one.
    #[must_use]
    pub fn and(self, other: Recorded) -> Recorded {
        self.max(other)
    }
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    report: Report,
    has_summary: bool,
    /// Nothing may be sent before the records so far are on the disk.
    holds: bool,
    /// No further message should be received: too much waits for the disk.
    is_full: AtomicBool,
    state: Mutex<State>,
    /// There is work for the thread.
    work: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// The id of the last message that is on the disk, with all before it.
    kept: u64,
    /// The loops that wait for that.
    wakers: Vec<Weak<Waker>>,
    /// The file is to be opened again.
    reopens: bool,
    /// The run has ended.
    stops: bool,
    /// The thread has ended.
    has_ended: bool,
    /// The cause of the last failure that lost something, or may have.
    failure: Option<String>,
    /// When a problem was last reported.
    reported: Option<Instant>,
}

impl Transcript {
    /// Opens the file, and starts the thread that writes it. With `has_summary`, a line at the end says how many messages
    /// were recorded.
    ///
    /// # Errors
    /// When the file cannot be opened or written, is not a transcript, or another process writes to it.
    pub fn start(config: &config::Transcript, has_summary: bool, report: &Report) -> Result<Self, Error> {
        let Opened { journal, next } = Journal::open(&config.path, 1, report)?;
        let state = State {
            queue: Queue::new(next),
            kept: next - 1,
            wakers: Vec::new(),
            reopens: false,
            stops: false,
            has_ended: false,
            failure: None,
            reported: None,
        };
        let shared = Arc::new(Shared {
            path: config.path.clone(),
            report: report.clone(),
            has_summary,
            holds: config.sync == TranscriptSync::Each,
            is_full: AtomicBool::new(false),
            state: Mutex::new(state),
            work: Condvar::new(),
            ended: Condvar::new(),
        });
        let (writer, ours) = (Writer::new(journal, config.sync, config.max), Arc::clone(&shared));
        Thread::start("transcript", move || writer.run(&ours))
            .map_err(Error::local(Operation::Start, "the thread that writes the transcript"))?;
        Ok(Transcript(shared))
    }

    /// Records a message. This never waits for the disk: without room in the queue the message is lost, and counted.
    #[must_use]
    pub fn record(&self, message: &Message<'_>) -> Recorded {
        let mut state = self.0.lock();
        let was_empty = state.queue.is_empty();
        // The clock is read under the lock, so that times are in the order of the ids.
        let has_room = state.queue.push(&time(), message);
        if !has_room {
            let lost = counted(state.queue.lost(), "message");
            self.0.complain(&mut state, || format!("the disk is full or too slow; {lost} lost"));
        }
        if self.0.holds && state.queue.is_half_full() {
            self.0.is_full.store(true, Ordering::Relaxed);
        }
        drop(state);
        if was_empty {
            self.0.work.notify_one();
        }
        match has_room {
            true => Recorded::Yes,
            false if self.0.holds => Recorded::MustBe,
            false => Recorded::No,
        }
    }

    /// Whether so much waits for the disk that no further message should be received, with `--transcript-sync each`.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.is_full.load(Ordering::Relaxed)
    }

    /// The id of the record that has to be on the disk before anything is sent; `None` if nothing has to wait.
    #[must_use]
    pub fn awaited(&self) -> Option<u64> {
        if !self.0.holds {
            return None;
        }
        let state = self.0.lock();
        Some(state.queue.last()).filter(|last| *last > state.kept)
    }

    /// The id of the last record that is on the disk, with all before it.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.0.lock().kept
    }

    /// Wakes this loop whenever records are on the disk that something may wait for.
    pub fn watch(&self, waker: &Arc<Waker>) {
        if self.0.holds {
            self.0.lock().wakers.push(Arc::downgrade(waker));
        }
    }

    /// Opens the file again, which another program may have renamed.
    pub fn reopen(&self) {
        self.0.lock().reopens = true;
        self.0.work.notify_one();
    }

    /// Prints how many messages were recorded so far.
    pub fn print_summary(&self) {
        let state = self.0.lock();
        let (recorded, lost) = (counted(state.queue.recorded(), "message"), state.queue.lost());
        drop(state);
        self.0.report.line(&format!("transcript {}: {recorded}, {lost} lost", shown_path(&self.0.path)));
    }

    /// Ends the transcript: waits until everything is written, or cannot be.
    ///
    /// # Errors
    /// When messages are missing in the file.
    pub fn finish(&self) -> Result<(), Error> {
        let mut state = self.0.lock();
        state.stops = true;
        self.0.work.notify_one();
        let is_running = |state: &mut State| !state.has_ended;
        let waited = self.0.ended.wait_timeout_while(state, PATIENCE, is_running);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if self.0.has_summary {
            self.print_summary();
        }
        let state = self.0.lock();
        let missing = |cause: String| Error::file(Operation::Write, &self.0.path)(io::Error::other(cause));
        let lost = state.queue.lost();
        let cause = state.failure.as_deref().unwrap_or("the disk was full or too slow");
        match lost {
            _ if timeout.timed_out() => Err(missing(format!("not written within {} s", PATIENCE.as_secs()))),
            0 => state.failure.clone().map_or(Ok(()), |cause| Err(missing(cause))),
            lost => Err(missing(format!("{cause}; {} lost", counted(lost, "message")))),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the records up to this id are on the disk, and wakes the loops that wait for that.
    fn keep(&self, state: &mut State, last: u64) {
        state.kept = last;
        self.is_full.store(state.queue.is_half_full(), Ordering::Relaxed);
        // A loop that cannot be woken has ended.
        state.wakers.retain(|waker| waker.upgrade().is_some_and(|waker| waker.wake().is_ok()));
    }

    /// Waits for work, or for this time.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Option<Duration>) -> MutexGuard<'a, State> {
        match time {
            None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(time) => self.work.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Reports that a write has failed, and will be tried again.
    fn report_failure(&self, state: &mut State, cause: &str, waiting: u64) {
        let lost = state.queue.lost();
        self.complain(state, || {
            let waiting = counted(waiting, "message");
            format!("{cause}; {waiting} waiting, {lost} lost")
        });
        state.failure = Some(cause.to_owned());
    }

    /// Reports that writes succeed again.
    fn report_recovery(&self, state: &mut State) {
        if state.reported.take().is_some() {
            let lost = counted(state.queue.lost(), "message");
            self.report.warning(&format!("transcript {}: recording again; {lost} lost", shown_path(&self.path)));
        }
        state.failure = None;
    }

    /// Prints a line about a problem, at most once a second.
    fn complain(&self, state: &mut State, text: impl FnOnce() -> String) {
        let now = Instant::now();
        if state.reported.is_none_or(|last| now.saturating_duration_since(last) >= REPORT_PAUSE) {
            state.reported = Some(now);
            self.report.warning(&format!("transcript {}: {}", shown_path(&self.path), text()));
        }
    }
}
