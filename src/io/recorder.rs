//! Records events: log lines on stderr, the trace file, the summary, the picture, the transcript. When it is off it costs
//! one branch.

mod capture;
mod passed;
mod tape;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use self::tape::Tape;
use super::report::Report;
use super::transcript::Transcript;
use crate::config::{Output, StatsFormat, TraceData};
use crate::error::Error;
use crate::trace::{ConnId, Data, Direction, Event, EventKind, Side};
use crate::value::Pairing;
use crate::web::{Live, Totals};

/// A handle of the recording; clones record to the same outputs.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    recording: Option<Arc<Shared>>,
    run: Arc<Run>,
}

/// What a run has with or without a recording; every connection has a pointer to it.
#[derive(Clone, Debug, Default)]
struct Run {
    transcript: Option<Transcript>,
    /// The service records messages itself.
    only_stored: bool,
    notice: Option<Arc<Notice>>,
    /// The outputs of other kinds that have failed.
    failed: Arc<Mutex<Vec<Error>>>,
    numbers: Arc<Numbers>,
}

/// Whether a note was printed, once in a run, with or without a recording.
#[derive(Debug)]
struct Notice {
    report: Report,
    printed: AtomicBool,
}

/// The numbers of the connections of one run, with or without a recording: access lines have them too.
#[derive(Debug, Default)]
struct Numbers {
    last: AtomicU64,
    /// The number reserved for the connection that this process makes to itself; 0 for none.
    reserved: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    wanted: Wanted,
    /// The number of writes and reads so far, while something counts segments.
    operations: AtomicU32,
    /// A browser shows the live page.
    watched: AtomicBool,
    tape: Mutex<Tape>,
}

/// The settings of the recording, which do not change.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    verbosity: u8,
    samples: Samples,
    /// Which bytes events carry, for the trace or for `-vv`.
    data: TraceData,
    /// Which of these bytes the trace and the picture contain.
    kept: TraceData,
    /// There is a live page.
    page: bool,
    /// Whether an output has the bytes of the application.
    passed: bool,
    /// There is a capture.
    captures: bool,
}

/// When `TCP_INFO` is sampled, besides the end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Samples {
    Never,
    /// After some writes and reads: counters of segments need no more.
    Sometimes,
    /// After every write and read.
    Always,
}

/// With [`Samples::Sometimes`], one of this many writes and reads is followed by a sample.
const SAMPLED: u32 = 32;

impl Recorder {
    /// Starts the outputs that `output` requests, if any. Reply times are measured as `pairing` allows.
    ///
    /// # Errors
    /// When a file cannot be created, or the transcript cannot be opened: reported before anything is sent.
    pub fn start(output: &Output, pairing: Pairing, report: &Report) -> Result<Self, Error> {
        let printed = AtomicBool::new(false);
        let notice = (!output.quiet).then(|| Arc::new(Notice { report: report.clone(), printed }));
        let has_summary = output.stats == Some(StatsFormat::Text);
        let transcript = output.transcript.as_ref().map(|config| Transcript::start(config, has_summary, report));
        let run = Arc::new(Run { transcript: transcript.transpose()?, notice, ..Run::default() });
        if !output.records_events() {
            return Ok(Recorder { recording: None, run });
        }
        let (start, time) = (Instant::now(), SystemTime::now());
        let tape = Tape::start(output, pairing, report, time)?;
        let verbosity = if output.quiet { 0 } else { output.verbosity };
        let kept = if output.records_data() { output.trace_data } else { TraceData::None };
        let data = if verbosity > 1 { kept.max(TraceData::Head) } else { kept };
        let samples = match () {
            () if output.records_data() || output.pcap.is_some() => Samples::Always,
            () if output.watch.is_on() => Samples::Sometimes,
            () => Samples::Never,
        };
        let wanted = Wanted {
            verbosity,
            samples,
            data,
            kept,
            page: output.watch.page.is_some(),
            passed: output.passes_bytes(),
            captures: output.pcap.is_some(),
        };
        let recording = Shared {
            start,
            wanted,
            operations: AtomicU32::new(0),
            watched: AtomicBool::new(false),
            tape: Mutex::new(tape),
        };
        Ok(Recorder { recording: Some(Arc::new(recording)), run })
    }

    /// Whether events are recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.recording.is_some()
    }

    /// The transcript, if messages are recorded.
    #[must_use]
    #[inline]
    pub fn transcript(&self) -> Option<&Transcript> {
        self.run.transcript.as_ref()
    }

    /// The transcript, if messages are recorded as they are received and sent.
    #[must_use]
    #[inline]
    pub fn transcript_of_messages(&self) -> Option<&Transcript> {
        self.run.transcript.as_ref().filter(|_| !self.run.only_stored)
    }

    /// The same recording for a service that records messages itself.
    #[must_use]
    pub fn only_stored(&self) -> Recorder {
        Recorder { run: Arc::new(Run { only_stored: true, ..(*self.run).clone() }), ..self.clone() }
    }

    /// The same recording without the transcript, for the other side of connections within this process.
    #[must_use]
    pub fn without_transcript(&self) -> Recorder {
        Recorder { run: Arc::new(Run { transcript: None, ..(*self.run).clone() }), ..self.clone() }
    }

    /// Assigns the number of a new connection.
    #[must_use]
    pub fn new_connection(&self, side: Side) -> ConnId {
        let reserved = match side {
            Side::Connect => self.run.numbers.reserved.swap(0, Ordering::Relaxed),
            Side::Listen => 0,
        };
        if reserved > 0 { reserved } else { self.run.numbers.last.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// Reserves a number for a connection of this process to itself. Its listener may see the connection first,
    /// but the connecting side has the lower number and is recorded first.
    pub fn connect_first(&self) {
        let number = self.run.numbers.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.run.numbers.reserved.store(number, Ordering::Relaxed);
        if let Some(shared) = &self.recording {
            shared.lock().hold_for(number);
        }
    }

    /// Records the event that `what` returns; `what` is called only when events are recorded.
    #[inline]
    pub fn note(&self, conn: ConnId, what: impl FnOnce() -> EventKind) {
        self.turn().note(conn, what);
    }

    /// The same, for an event that carries these bytes.
    #[inline]
    pub fn note_bytes(&self, conn: ConnId, bytes: &[u8], what: impl FnOnce() -> EventKind) {
        self.turn().note_bytes(conn, bytes, what);
    }

    /// Notes bytes of the application: read from this connection or sent to it, without a header and decoded.
    #[inline]
    pub fn pass(&self, conn: ConnId, dir: Direction, bytes: &[u8]) {
        if let Some(shared) = self.recording.as_ref().filter(|shared| shared.wanted.passed) {
            shared.lock().pass(conn, dir, bytes);
        }
    }

    /// Begins a turn: until it is dropped, no other thread records an event.
    ///
    /// A system call and its event belong in one turn, so that the order of the record is the order of the
    /// calls: the effect of a call on another thread is recorded after the call. The call must not block.
    /// During the turn, events may be recorded only through it.
    #[inline]
    #[must_use]
    pub fn turn(&self) -> Turn<'_> {
        Turn(self.recording.as_ref().map(|shared| {
            let tape = shared.lock();
            // The clock is read under the lock, so that events are in the order of their times.
            let at = shared.now();
            Begun { shared, tape, at }
        }))
    }

    /// Whether the secrets of TLS connections go to a capture. From now on only the owner of its file can read it.
    ///
    /// # Errors
    /// When its file can be read by others, and that cannot be changed.
    pub fn captures_secrets(&self) -> Result<bool, Error> {
        let Some(shared) = &self.recording else { return Ok(false) };
        shared.lock().expect_secrets()
    }

    /// The turn of an event loop ends: what was read is decoded as far as it will be, and a capture shows it.
    #[inline]
    pub fn end_loop_turn(&self) {
        if let Some(shared) = self.recording.as_ref().filter(|shared| shared.wanted.captures) {
            shared.lock().end_turn();
        }
    }

    /// Adds lines of the key log of TLS to the capture.
    pub fn add_secrets(&self, lines: &str) {
        if let Some(shared) = &self.recording {
            shared.lock().add_secrets(lines);
        }
    }

    /// Counts failed logins; with 0, that there are none so far. Without a call, no output has their number.
    pub fn add_failed_logins(&self, number: u64) {
        if let Some(shared) = &self.recording {
            shared.lock().add_failed_logins(number);
        }
    }

    /// Prints a note without which the result would be misread, once in a run.
    pub fn log_once(&self, text: impl FnOnce() -> String) {
        if let Some(notice) = &self.run.notice {
            if !notice.printed.swap(true, Ordering::Relaxed) {
                notice.report.warning(&text());
            }
        }
    }

    /// The counts so far, if they were requested.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.recording.as_ref().map_or_else(Totals::default, |shared| shared.lock().totals())
    }

    /// The time of the reply that the latest message of this connection was, in nanoseconds: once, and only if reply
    /// times are measured.
    #[inline]
    #[must_use]
    pub fn take_reply_time(&self, conn: ConnId) -> Option<u64> {
        self.recording.as_ref()?.lock().take_reply_time(conn)
    }

    /// Calls this with what the live page shows, the counts, and the time in nanoseconds since the run began; `None`
    /// if there is no such page.
    pub fn with_live<T>(&self, act: impl FnOnce(&mut Live, Totals, u64) -> T) -> Option<T> {
        let shared = self.recording.as_ref()?;
        let mut tape = shared.lock();
        let (totals, now) = (tape.totals(), shared.now());
        tape.live.as_mut().map(|live| act(live, totals, now))
    }

    /// Whether there is a live page, which somebody may open.
    #[must_use]
    pub fn has_page(&self) -> bool {
        self.recording.as_ref().is_some_and(|shared| shared.wanted.page)
    }

    /// Whether a browser shows the live page from now on.
    pub fn set_watched(&self, is_watched: bool) {
        self.with_live(|live, _, _| live.set_watched(is_watched));
        if let Some(shared) = &self.recording {
            shared.watched.store(is_watched, Ordering::Relaxed);
        }
    }

    /// Prints the summary so far. False: nothing is recorded.
    #[must_use]
    pub fn print_summary(&self) -> bool {
        let Some(shared) = &self.recording else { return false };
        shared.lock().print_summary(shared.start.elapsed());
        self.transcript().into_iter().for_each(Transcript::print_summary);
        true
    }

    /// An output of another kind has failed; the end of the recording reports that.
    pub fn fail(&self, error: Error) {
        self.run.failed.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// Ends the recording: writes the rest of the trace, the summary, the picture and the rest of the transcript. Returns
    /// an error for each output that could not be written completely.
    #[must_use]
    pub fn finish(&self) -> Vec<Error> {
        let recorded = self.recording.as_ref().map_or_else(Vec::new, |shared| {
            let elapsed = shared.start.elapsed();
            shared.lock().finish(elapsed, shared.wanted)
        });
        let failed = std::mem::take(&mut *self.run.failed.lock().unwrap_or_else(PoisonError::into_inner));
        let transcribed = self.transcript().map_or(Ok(()), Transcript::finish);
        transcribed.err().into_iter().chain(recorded).chain(failed).collect()
    }
}

/// The exclusive right to record; see [`Recorder::turn`]. Without a recording it does nothing.
#[derive(Debug)]
pub struct Turn<'a>(Option<Begun<'a>>);

#[derive(Debug)]
struct Begun<'a> {
    shared: &'a Shared,
    tape: MutexGuard<'a, Tape>,
    /// The time at which the turn began.
    at: u64,
}

impl Turn<'_> {
    /// Records an event that happens now.
    #[inline]
    pub fn note(&mut self, conn: ConnId, what: impl FnOnce() -> EventKind) {
        if let Some(turn) = &mut self.0 {
            let now = turn.shared.now();
            turn.record(now, conn, what(), None);
        }
    }

    /// Records an event that happens now and carries bytes: a read, or a message.
    #[inline]
    pub fn note_bytes(&mut self, conn: ConnId, bytes: &[u8], what: impl FnOnce() -> EventKind) {
        if let Some(turn) = &mut self.0 {
            let now = turn.shared.now();
            turn.record(now, conn, what(), Some(bytes));
        }
    }

    /// Records an event with the time at which the turn began: a write, whose effect others may see before its
    /// call returns.
    #[inline]
    pub fn note_begun(&mut self, conn: ConnId, bytes: &[u8], what: impl FnOnce() -> EventKind) {
        if let Some(turn) = &mut self.0 {
            turn.record(turn.at, conn, what(), Some(bytes));
        }
    }

    /// Notes bytes of the application, as [`Recorder::pass`] does.
    #[inline]
    pub fn pass(&mut self, conn: ConnId, dir: Direction, bytes: &[u8]) {
        if let Some(turn) = self.0.as_mut().filter(|turn| turn.shared.wanted.passed) {
            turn.tape.pass(conn, dir, bytes);
        }
    }

    /// Whether events are recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether `TCP_INFO` is sampled after this write or read of a connection, not only at its end.
    #[must_use]
    pub fn wants_sample(&self, conn: ConnId) -> bool {
        self.0.as_ref().is_some_and(|turn| match turn.shared.wanted.samples {
            Samples::Never => false,
            Samples::Sometimes => {
                let shared = turn.shared;
                let is_shown = || turn.tape.live.as_ref().is_some_and(|live| live.has_room(conn));
                shared.watched.load(Ordering::Relaxed) && is_shown()
                    || shared.operations.fetch_add(1, Ordering::Relaxed) % SAMPLED == 0
            }
            Samples::Always => true,
        })
    }
}

impl Begun<'_> {
    fn record(&mut self, t: u64, conn: ConnId, what: EventKind, bytes: Option<&[u8]>) {
        let wanted = self.shared.wanted;
        let data = bytes.and_then(|bytes| match wanted.data {
            TraceData::None => None,
            TraceData::Head => Some(Data::head(bytes)),
            TraceData::All => Some(Data::all(bytes)),
        });
        self.tape.note(Event { t, conn, what, data }, bytes.unwrap_or_default(), wanted);
    }
}

impl Shared {
    /// Nanoseconds since the run began.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
