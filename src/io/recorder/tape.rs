//! The outputs of recorded events, in the order in which they happened.

use std::time::{Duration, SystemTime};

use super::Wanted;
use super::capture::CaptureFile;
use super::passed::Passed;
use crate::config::{Output, Sink, StatsFormat, TraceData};
use crate::error::{Error, shown_path};
use crate::io::files::Privacy;
use crate::io::outputs::OutputFile;
use crate::io::report::Report;
use crate::io::start;
use crate::timeline::Timeline;
use crate::trace::{
    ConnId, Direction, Event, EventKind, ReplyTimes, Start, Summary, describe, write_line, write_start,
};
use crate::value::{Pairing, View};
use crate::web::{Counters, Live, Totals};

/// The largest number of events that wait for their connection to be recorded.
const HELD: usize = 4096;
/// The largest buffer that is kept for the next line of the trace.
const KEPT: usize = 64 * 1024;
/// The number of bytes of a trace that are written at once.
const BLOCK: usize = 8 * 1024;

/// The outputs of one run.
#[derive(Debug)]
pub(super) struct Tape {
    report: Report,
    trace: Option<Trace>,
    summary: Summary,
    /// How to print the summary at the end too, not only at SIGUSR1.
    stats: Option<StatsFormat>,
    replies: ReplyTimes,
    /// The replies that an event completes; the buffer is kept.
    completed: Vec<Event>,
    /// The latest reply: its connection, and its time in nanoseconds.
    latest: Option<(ConnId, u64)>,
    timeline: Option<(Timeline, OutputFile, View)>,
    counters: Option<Counters>,
    capture: Option<CaptureFile>,
    /// What the live page shows.
    pub(super) live: Option<Live>,
    passed: Option<Passed>,
    /// The connection that has to be recorded first, and the events that wait for it.
    held: Option<(ConnId, Vec<Held>)>,
    line: Vec<u8>,
}

/// An event that waits, with all its bytes.
type Held = (Event, Vec<u8>);

#[derive(Debug)]
enum Trace {
    Stderr,
    File(OutputFile),
}

impl Tape {
    /// Creates the files, and begins the trace of a run that started at `time`.
    pub(super) fn start(output: &Output, pairing: Pairing, report: &Report, time: SystemTime) -> Result<Self, Error> {
        let mut trace = match &output.trace {
            None => None,
            Some(Sink::Stderr) => Some(Trace::Stderr),
            Some(Sink::File(path)) => Some(Trace::File(OutputFile::create(path, Privacy::Shared)?)),
        };
        let picture = output.timeline.as_deref().map(|path| OutputFile::create(path, Privacy::Shared)).transpose()?;
        let mut timeline = picture.map(|file| (Timeline::default(), file, output.timeline_view));
        let mut line = Vec::new();
        let begun = Start::of_this_program(humantime::format_rfc3339_nanos(time).to_string(), start::command());
        if let Some(trace) = &mut trace {
            write_start(&begun, &mut line);
            trace.write(&line, report);
        }
        let capture = output.pcap.as_ref().map(|path| CaptureFile::create(path, time)).transpose()?;
        if let Some((timeline, ..)) = &mut timeline {
            timeline.begin(begun);
        }
        Ok(Tape {
            report: report.clone(),
            trace,
            summary: Summary::default(),
            stats: output.stats,
            replies: ReplyTimes::new(pairing),
            completed: Vec::new(),
            latest: None,
            timeline,
            counters: output.watch.is_on().then(Counters::default),
            capture,
            live: output.watch.page.as_ref().map(|_| Live::default()),
            passed: Passed::start(output, report)?,
            held: None,
            line,
        })
    }

    /// Holds all events until this connection is recorded.
    pub(super) fn hold_for(&mut self, conn: ConnId) {
        self.held.get_or_insert((conn, Vec::new()));
    }

    /// Records an event, which is not older than the previous ones, with all its bytes.
    pub(super) fn note(&mut self, mut event: Event, bytes: &[u8], wanted: Wanted) {
        match &mut self.held {
            None => return self.write(event, bytes, wanted),
            Some((conn, held)) if event.conn == *conn => {
                // The other side has seen the connection, so it existed by then.
                event.t = held.first().map_or(event.t, |(first, _)| first.t);
                self.write(event, bytes, wanted);
            }
            Some((_, held)) => {
                held.push((event, bytes.to_vec()));
                if held.len() < HELD {
                    return;
                }
            }
        }
        self.release(wanted);
    }

    fn release(&mut self, wanted: Wanted) {
        for (event, bytes) in self.held.take().map(|(_, held)| held).into_iter().flatten() {
            self.write(event, &bytes, wanted);
        }
    }

    /// Records an event, and the replies that it completes.
    fn write(&mut self, event: Event, bytes: &[u8], wanted: Wanted) {
        let mut completed = std::mem::take(&mut self.completed);
        self.replies.note(&event, &mut completed);
        self.put(event, bytes, wanted);
        for reply in completed.drain(..) {
            if let EventKind::Reply { nanos, .. } = reply.what {
                self.latest = Some((reply.conn, nanos));
            }
            self.put(reply, &[], wanted);
        }
        self.completed = completed;
    }

    /// The time of the latest reply in nanoseconds, if it is one of this connection and was not taken yet.
    pub(super) fn take_reply_time(&mut self, conn: ConnId) -> Option<u64> {
        self.latest.take_if(|(of, _)| *of == conn).map(|(_, nanos)| nanos)
    }

    /// Notes bytes of the application.
    pub(super) fn pass(&mut self, conn: ConnId, dir: Direction, bytes: &[u8]) {
        if let Some(passed) = self.passed.as_mut().filter(|_| !bytes.is_empty()) {
            passed.note(conn, dir, bytes);
        }
    }

    /// Adds an event to the outputs.
    fn put(&mut self, mut event: Event, bytes: &[u8], wanted: Wanted) {
        if let Some(text) = describe(&event, wanted.verbosity) {
            self.report.event(&text);
        }
        if wanted.kept == TraceData::None {
            event.data = None;
        }
        if let Some(trace) = &mut self.trace {
            self.line.clear();
            self.line.shrink_to(KEPT);
            write_line(&event, &mut self.line);
            trace.write(&self.line, &self.report);
        }
        self.summary.note(&event);
        if let Some((timeline, ..)) = &mut self.timeline {
            timeline.note(&event);
        }
        if let Some(counters) = &mut self.counters {
            counters.note(&event);
        }
        if let Some(capture) = &mut self.capture {
            capture.note(&event, bytes, &self.report);
        }
        if let Some(live) = &mut self.live {
            live.note(&event, bytes);
        }
        if let (Some(passed), EventKind::Close { .. }) = (&mut self.passed, &event.what) {
            passed.close(event.conn);
        }
    }

    /// What was read by now is decoded.
    pub(super) fn end_turn(&mut self) {
        self.capture.iter_mut().for_each(|capture| capture.end_turn(&self.report));
    }

    /// Counts failed logins; with 0, that there are none so far.
    pub(super) fn add_failed_logins(&mut self, number: u64) {
        self.summary.add_failed_logins(number);
        self.counters.iter_mut().for_each(|counters| counters.add_failed_logins(number));
    }

    /// The counts so far.
    pub(super) fn totals(&self) -> Totals {
        self.counters.as_ref().map_or_else(Totals::default, Counters::totals)
    }

    /// Whether the secrets of TLS go to a capture, which only its owner can read from now on.
    pub(super) fn expect_secrets(&mut self) -> Result<bool, Error> {
        let Some(capture) = &mut self.capture else { return Ok(false) };
        if capture.expect_secrets()? {
            let path = shown_path(capture.path());
            self.report
                .warning(&format!("--pcap {path} has the secrets of TLS: whoever reads the file can decrypt it"));
        }
        Ok(true)
    }

    /// Adds lines of the key log of TLS to the capture.
    pub(super) fn add_secrets(&mut self, lines: &str) {
        self.capture.iter_mut().for_each(|capture| capture.add_secrets(lines));
    }

    /// Prints the summary so far.
    pub(super) fn print_summary(&self, elapsed: Duration) {
        match self.stats.unwrap_or_default() {
            StatsFormat::Text => self.report.line(self.summary.render(elapsed).trim_end()),
            StatsFormat::Json => self.report.data(&self.summary.json(elapsed)),
        }
    }

    /// Writes the rest of the trace, the summary, and the picture; returns what has failed.
    pub(super) fn finish(&mut self, elapsed: Duration, wanted: Wanted) -> Vec<Error> {
        self.release(wanted);
        if self.stats.is_some() {
            self.print_summary(elapsed);
            self.stats = None;
        }
        let drawn =
            self.timeline.take().map_or(Ok(()), |(timeline, file, view)| file.write_all(&timeline.render(view)));
        let traced = match self.trace.take() {
            Some(Trace::File(file)) => file.finish(),
            Some(Trace::Stderr) | None => Ok(()),
        };
        let captured = self.capture.take().map_or(Ok(()), CaptureFile::finish);
        let dumped = self.passed.take().map_or(Ok(()), Passed::finish);
        [drawn, traced, captured, dumped].into_iter().filter_map(Result::err).collect()
    }
}

impl Trace {
    fn write(&mut self, line: &[u8], report: &Report) {
        match self {
            // JSON text is UTF-8, and its control characters are escaped.
            Trace::Stderr => report.data(String::from_utf8_lossy(line).trim_end()),
            Trace::File(file) => {
                if let Some(error) = file.add(BLOCK, |pending| pending.extend_from_slice(line)) {
                    report.warning(&format!("{error}; nothing more is traced"));
                }
            }
        }
    }
}
