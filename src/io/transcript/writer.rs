//! The thread that writes a transcript. It alone waits for the disk.

use std::io;
use std::time::{Duration, Instant};

use super::file::{Journal, time};
use super::{Shared, State};
use crate::config::{Rotation, TranscriptSync};
use crate::error::cause;
use crate::transcript::{Line, parse};

/// The pause after a failed write.
const RETRY: Duration = Duration::from_millis(250);

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    journal: Journal,
    sync: TranscriptSync,
    max: Option<Rotation>,
    /// Lines that are not written yet; those of a failed write too.
    batch: Vec<u8>,
    /// The id of the last of them.
    last: u64,
    /// When what was written has to be on the disk.
    sync_at: Option<Instant>,
    /// When a failed write is tried again.
    retry_at: Option<Instant>,
    /// When a failed rotation is tried again.
    rotate_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(journal: Journal, sync: TranscriptSync, max: Option<Rotation>) -> Writer {
        Writer { journal, sync, max, batch: Vec::new(), last: 0, sync_at: None, retry_at: None, rotate_at: None }
    }

    /// Writes until the run has ended and everything is written, or cannot be.
    pub(super) fn run(mut self, shared: &Shared) {
        while !self.turn(shared) {}
        let mut state = shared.lock();
        state.has_ended = true;
        shared.ended.notify_all();
    }

    /// Waits for work, and does it. True: it was the last.
    fn turn(&mut self, shared: &Shared) -> bool {
        let Work { stops, reopens } = self.wait(shared);
        if !self.batch.is_empty() {
            self.write(shared);
        }
        if self.sync_at.is_some_and(|at| stops || reopens || at <= Instant::now()) {
            self.sync_at = None;
            if let Err(error) = self.journal.sync() {
                shared.report_failure(&mut shared.lock(), &cause(&error), 0);
            }
        }
        if reopens {
            if let Err(error) = self.journal.reopen(&shared.report) {
                shared.report.warning(&format!("{error}; the old file is written on"));
            }
        }
        if stops && self.retry_at.is_some() {
            self.abandon(shared);
        }
        stops
    }

    /// Waits for lines, a time or the end, and takes the lines.
    fn wait(&mut self, shared: &Shared) -> Work {
        let mut state = shared.lock();
        loop {
            let now = Instant::now();
            let can_take = self.retry_at.is_none() && !state.queue.is_empty();
            let until = [self.sync_at, self.retry_at].into_iter().flatten().min();
            if state.stops || state.reopens || can_take || until.is_some_and(|until| until <= now) {
                break;
            }
            state = shared.wait(state, until.map(|until| until - now));
        }
        if self.retry_at.is_none() || state.stops {
            self.last = state.queue.last();
            state.queue.take(&time(), &mut self.batch);
        }
        Work { stops: state.stops, reopens: std::mem::take(&mut state.reopens) }
    }

    fn write(&mut self, shared: &Shared) {
        let (written, result) = self.write_batch(shared);
        self.batch.drain(..written);
        let state: &mut State = &mut shared.lock();
        match result {
            Ok(()) => {
                self.batch.shrink_to(super::KEPT);
                if self.retry_at.take().is_some() {
                    shared.report_recovery(state);
                }
                if self.sync == TranscriptSync::Each {
                    shared.keep(state, self.last);
                }
            }
            Err(error) => {
                self.retry_at = Some(Instant::now() + RETRY);
                let waiting = memchr::memchr_iter(b'\n', &self.batch).count() as u64 + state.queue.waiting();
                shared.report_failure(state, &cause(&error), waiting);
            }
        }
        if let (TranscriptSync::Within(time), true) = (self.sync, written > 0) {
            self.sync_at.get_or_insert_with(|| Instant::now() + time);
        }
    }

    /// Writes the batch, in several files if it has to. Returns how many of its bytes need not be written again.
    fn write_batch(&mut self, shared: &Shared) -> (usize, io::Result<()>) {
        let mut done = 0;
        while done < self.batch.len() {
            let fits = self.fits(done, shared);
            let written = self.journal.append(&self.batch[done..][..fits]);
            let kept = match self.sync {
                TranscriptSync::Each if written.bytes > 0 => self.journal.sync(),
                _ => Ok(()),
            };
            if kept.is_err() {
                // What the kernel has of it is unknown, and it is written again.
                self.journal.take_back(written.bytes);
                return (done, kept);
            }
            done += written.bytes;
            if written.result.is_err() {
                return (done, written.result);
            }
        }
        (done, Ok(()))
    }

    /// How many bytes of the batch, from here on, go into the current file. If it is full, a new one is begun first.
    fn fits(&mut self, done: usize, shared: &Shared) -> usize {
        let left = &self.batch[done..];
        let Some(max) = self.max.filter(|_| self.rotate_at.is_none_or(|at| at <= Instant::now())) else {
            return left.len();
        };
        if let Some(fits) = self.journal.fits(left, max.size) {
            return fits;
        }
        self.rotate_at = None;
        if let Err(error) = self.journal.rotate(max.files, self.sync != TranscriptSync::Never, &shared.report) {
            self.rotate_at = Some(Instant::now() + super::REPORT_PAUSE);
            shared.report.warning(&format!("{error}; the full file is written on"));
            return left.len();
        }
        self.journal.fits(left, max.size).unwrap_or(left.len())
    }

    /// Counts what could not be written to the end of the run as lost.
    fn abandon(&mut self, shared: &Shared) {
        let is_message = |line: &&[u8]| matches!(parse(line), Ok(Line::Message(_)));
        let lines = self.batch.split(|&byte| byte == b'\n');
        shared.lock().queue.note_lost(lines.filter(is_message).count() as u64);
    }
}

/// What there is to do besides writing.
struct Work {
    stops: bool,
    reopens: bool,
}
