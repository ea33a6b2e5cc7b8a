//! Where events go as they happen: stderr, the trace file, the summary, the picture. Off, it costs one branch.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::report::Report;
use crate::config::{Seeing, Sink};
use crate::error::Error;
use crate::trace::{ConnId, Event, Summary, Timeline, What, describe, write_line};

/// A handle on what is recorded; clones record into the same place.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    recording: Option<Arc<Shared>>,
    notice: Option<Arc<Notice>>,
    /// How many connections there were: the access lines number them, recorded or not.
    connections: Arc<AtomicU64>,
}

/// What is said once in a run, whether anything is recorded or not.
#[derive(Debug)]
struct Notice {
    report: Report,
    said: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    wanted: Wanted,
    tape: Mutex<Tape>,
}

/// What is asked of the recording; does not change while it runs.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    verbosity: u8,
    samples: bool,
}

#[derive(Debug)]
struct Tape {
    report: Report,
    trace: Option<Trace>,
    summary: Option<Summary>,
    timeline: Option<(Timeline, std::path::PathBuf)>,
    line: Vec<u8>,
}

#[derive(Debug)]
enum Trace {
    Stderr,
    File { file: BufWriter<File>, path: std::path::PathBuf, failed: Option<std::io::Error> },
}

impl Recorder {
    /// Starts recording what `seeing` asks for; nothing, where it asks for nothing.
    ///
    /// # Errors
    /// When the trace file or the timeline cannot be made: known before anything is sent.
    pub fn start(seeing: &Seeing, report: &Report) -> Result<Self, Error> {
        let said = AtomicBool::new(false);
        let notice = (!seeing.quiet).then(|| Arc::new(Notice { report: report.clone(), said }));
        if !seeing.records() {
            return Ok(Recorder { notice, ..Recorder::default() });
        }
        let trace = match &seeing.trace {
            None => None,
            Some(Sink::Stderr) => Some(Trace::Stderr),
            Some(Sink::File(path)) => {
                let file = File::create(path).map_err(Error::file("create", path))?;
                Some(Trace::File { file: BufWriter::new(file), path: path.clone(), failed: None })
            }
        };
        let timeline = match &seeing.timeline {
            None => None,
            Some(path) => {
                File::create(path).map_err(Error::file("create", path))?;
                Some((Timeline::default(), path.clone()))
            }
        };
        let samples = trace.is_some() || timeline.is_some();
        let verbosity = if seeing.quiet { 0 } else { seeing.verbosity };
        let recording = Shared {
            start: Instant::now(),
            wanted: Wanted { verbosity, samples },
            tape: Mutex::new(Tape {
                report: report.clone(),
                trace,
                summary: seeing.stats.then(Summary::default),
                timeline,
                line: Vec::new(),
            }),
        };
        Ok(Recorder { recording: Some(Arc::new(recording)), notice, ..Recorder::default() })
    }

    /// Whether anything is recorded.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.recording.is_some()
    }

    /// Whether `TCP_INFO` is wanted after every write, not only at the end of a connection.
    #[must_use]
    pub fn wants_samples(&self) -> bool {
        self.recording.as_ref().is_some_and(|shared| shared.wanted.samples)
    }

    /// The number of a new connection, counted from 1 whether anything is recorded or not.
    #[must_use]
    pub fn new_connection(&self) -> ConnId {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Records what `what` returns; where nothing is recorded it is not even called.
    #[inline]
    pub fn note(&self, conn: ConnId, what: impl FnOnce() -> What) {
        if let Some(shared) = &self.recording {
            shared.note(conn, what());
        }
    }

    /// Says, once in a run, what its result would be misread without.
    pub fn say_once(&self, text: impl FnOnce() -> String) {
        if let Some(notice) = &self.notice {
            if !notice.said.swap(true, Ordering::Relaxed) {
                notice.report.warning(&text());
            }
        }
    }

    /// Ends the recording: the last of the trace, the summary, the picture.
    ///
    /// # Errors
    /// When a file could not be written whole: what it lacks must not go unsaid.
    pub fn finish(&self) -> Result<(), Error> {
        let Some(shared) = &self.recording else { return Ok(()) };
        let elapsed = shared.start.elapsed();
        let tape = &mut *shared.lock();
        if let Some(summary) = tape.summary.take() {
            tape.report.line(summary.render(elapsed).trim_end());
        }
        if let Some((timeline, path)) = tape.timeline.take() {
            std::fs::write(&path, timeline.render()).map_err(Error::file("write", &path))?;
        }
        if let Some(Trace::File { mut file, path, failed }) = tape.trace.take() {
            let ended = failed.map_or_else(|| file.flush(), Err);
            // A buffer that could not be written must not be tried again when it is dropped.
            let _ = file.into_parts();
            ended.map_err(Error::file("write", &path))?;
        }
        Ok(())
    }
}

impl Shared {
    fn note(&self, conn: ConnId, what: What) {
        let tape = &mut *self.lock();
        // Read under the lock: lines stand in the order of their times.
        let nanos = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let event = Event { t: nanos, conn, what };
        if let Some(text) = describe(&event, self.wanted.verbosity) {
            tape.report.event(&text);
        }
        if let Some(trace) = &mut tape.trace {
            tape.line.clear();
            write_line(&event, &mut tape.line);
            trace.write(&tape.line, &tape.report);
        }
        if let Some(summary) = &mut tape.summary {
            summary.note(&event);
        }
        if let Some((timeline, _)) = &mut tape.timeline {
            timeline.note(&event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trace {
    fn write(&mut self, line: &[u8], report: &Report) {
        match self {
            // JSON text is UTF-8, and its control characters are escaped.
            Trace::Stderr => report.data(String::from_utf8_lossy(line).trim_end()),
            Trace::File { failed: Some(_), .. } => {}
            Trace::File { file, failed, .. } => *failed = file.write_all(line).err(),
        }
    }
}
