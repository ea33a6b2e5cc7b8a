//! The thread that writes a transcript. It alone waits for the disk.

use std::time::{Duration, Instant};

use super::Shared;
use super::file::{Journal, time};
use crate::config::TranscriptSync;
use crate::error::cause;
use crate::transcript::{Line, parse};

/// The pause after a failed write.
const RETRY: Duration = Duration::from_millis(250);

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) journal: Journal,
    pub(super) sync: TranscriptSync,
    /// Lines that are not written yet; those of a failed write too.
    batch: Vec<u8>,
    /// When what was written has to be on the disk.
    sync_at: Option<Instant>,
    /// When a failed write is tried again.
    retry_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(journal: Journal, sync: TranscriptSync) -> Writer {
        Writer { journal, sync, batch: Vec::new(), sync_at: None, retry_at: None }
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
        let stops = self.wait(shared);
        if !self.batch.is_empty() {
            self.write(shared);
        }
        if self.sync_at.is_some_and(|at| stops || at <= Instant::now()) {
            self.sync_at = None;
            if let Err(error) = self.journal.sync() {
                shared.lock().failure = Some(cause(&error));
            }
        }
        stops && (self.retry_at.is_none() || self.abandon(shared))
    }

    /// Waits for lines, a time or the end, and takes the lines. True: the run has ended.
    fn wait(&mut self, shared: &Shared) -> bool {
        let mut state = shared.lock();
        loop {
            let now = Instant::now();
            let can_take = self.retry_at.is_none() && !state.queue.is_empty();
            let until = [self.sync_at, self.retry_at].into_iter().flatten().min();
            if state.stops || can_take || until.is_some_and(|until| until <= now) {
                break;
            }
            state = shared.wait(state, until.map(|until| until - now));
        }
        if self.retry_at.is_none() || state.stops {
            state.queue.take(&time(), &mut self.batch);
        }
        state.stops
    }

    fn write(&mut self, shared: &Shared) {
        let written = self.journal.append(&self.batch);
        self.batch.drain(..written.bytes);
        let mut state = shared.lock();
        match written.result {
            Ok(()) => {
                self.batch.shrink_to(super::KEPT);
                if self.retry_at.take().is_some() {
                    shared.report_recovery(&mut state);
                }
            }
            Err(error) => {
                self.retry_at = Some(Instant::now() + RETRY);
                let waiting = memchr::memchr_iter(b'\n', &self.batch).count() as u64 + state.queue.waiting();
                shared.report_failure(&mut state, &cause(&error), waiting);
            }
        }
        if let (TranscriptSync::Within(time), true) = (self.sync, written.bytes > 0) {
            self.sync_at.get_or_insert_with(|| Instant::now() + time);
        }
    }

    /// Counts what could not be written to the end of the run as lost.
    fn abandon(&mut self, shared: &Shared) -> bool {
        let is_message = |line: &&[u8]| matches!(parse(line), Ok(Line::Message(_)));
        let lines = self.batch.split(|&byte| byte == b'\n');
        shared.lock().queue.note_lost(lines.filter(is_message).count() as u64);
        true
    }
}
