//! Records messages in a transcript. A thread writes it: no event loop waits for the disk, and a disk that is full or
//! slow loses no message without a count of it.

mod file;
mod queue;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::file::{Journal, Opened, time};
use self::queue::Queue;
use self::writer::Writer;
use super::report::Report;
use super::threads::Thread;
use crate::config;
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

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    report: Report,
    has_summary: bool,
    state: Mutex<State>,
    /// There is work for the thread.
    work: Condvar,
    /// The thread has ended.
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    queue: Queue,
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
        let Opened { journal, next } = Journal::open(&config.path, report)?;
        let state = State { queue: Queue::new(next), stops: false, has_ended: false, failure: None, reported: None };
        let shared = Arc::new(Shared {
            path: config.path.clone(),
            report: report.clone(),
            has_summary,
            state: Mutex::new(state),
            work: Condvar::new(),
            ended: Condvar::new(),
        });
        let (writer, ours) = (Writer::new(journal, config.sync), Arc::clone(&shared));
        Thread::start("transcript", move || writer.run(&ours))
            .map_err(Error::local(Operation::Start, "the thread that writes the transcript"))?;
        Ok(Transcript(shared))
    }

    /// Records a message. This never waits for the disk: without room in the queue the message is lost, and counted.
    pub fn record(&self, message: &Message<'_>) {
        let mut state = self.0.lock();
        let was_empty = state.queue.is_empty();
        // The clock is read under the lock, so that times are in the order of the ids.
        if !state.queue.push(&time(), message) {
            let lost = counted(state.queue.lost(), "message");
            self.0.complain(&mut state, || format!("the disk is full or too slow; {lost} lost"));
        }
        drop(state);
        if was_empty {
            self.0.work.notify_one();
        }
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
            format!("{cause}; {waiting} wait, {lost} lost")
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
