//! `--progress`: how far a transfer between the standard streams and a connection has come, told now and then.

use std::io;
use std::time::Instant;

use super::super::progress::ProgressLine;
use super::Exchange;
use crate::config::Seeing;
use crate::io::console::Standard;
use crate::io::key::Key;
use crate::io::report::Report;
use crate::io::terminal;
use crate::service::Service;
use crate::trace::Transfer;

impl<S: Service> Exchange<S> {
    /// Has it told how far the transfer is.
    pub(in crate::session) fn start_meter(&mut self, seeing: &Seeing, report: &Report) {
        self.meter = Meter::of(seeing, report);
        self.measure(Instant::now());
    }

    /// Tells how far the transfer is, if that is wanted and it is time.
    pub(in crate::session) fn measure(&mut self, now: Instant) {
        let heard = self.heard_from_console();
        let Some(meter) = &mut self.meter else { return };
        self.reactor.wake_at(Key::Meter, meter.tick(heard, self.shown, now));
    }

    /// Tells how far the transfer has come in all.
    pub(in crate::session) fn end_meter(&mut self) {
        if let Some(meter) = self.meter.take() {
            meter.end(self.heard_from_console(), self.shown);
        }
    }

    /// Bytes that have come from stdin.
    pub(in crate::session) fn heard_from_console(&self) -> u64 {
        self.console.as_ref().map_or(0, |console| console.heard.bytes)
    }
}

/// What is told, and since when.
#[derive(Debug)]
pub(super) struct Meter {
    report: Report,
    line: ProgressLine,
    begun: Instant,
    /// The bytes that stdin has, where that is known.
    size: Option<u64>,
    /// It was asked for, so that there is a summary however little time it took.
    asked: bool,
    /// stdout is the same terminal.
    beside_output: bool,
}

impl Meter {
    /// Where it was asked for; and by itself, where a terminal watches a file come or go.
    fn of(seeing: &Seeing, report: &Report) -> Option<Meter> {
        if seeing.quiet || !(seeing.progress || (seeing.verbosity == 0 && report.redraws())) {
            return None;
        }
        let standard = Standard::look();
        let beside_output = terminal::same_terminal(io::stdout(), io::stderr());
        let watched = (standard.input_size.is_some() || standard.output_is_file) && !beside_output;
        if !(seeing.progress || watched) {
            return None;
        }
        let begun = Instant::now();
        Some(Meter {
            report: report.clone(),
            line: Self::line(report, begun, beside_output),
            begun,
            size: standard.input_size,
            asked: seeing.progress,
            beside_output,
        })
    }

    /// A line that is drawn anew stands in nobody's way only where nothing else is written.
    fn line(report: &Report, begun: Instant, beside_output: bool) -> ProgressLine {
        let line = ProgressLine::new(report, begun);
        if beside_output { line.that_stays() } else { line }
    }

    /// Tells how far it is, if it is time for that; when it will be next.
    fn tick(&mut self, sent: u64, received: u64, now: Instant) -> Instant {
        if sent == 0 && received == 0 {
            // It begins with the first byte.
            (self.begun, self.line) = (now, Self::line(&self.report, now, self.beside_output));
        }
        let so_far = self.so_far(sent, received, now);
        self.line.tell(now, || so_far.line())
    }

    /// The summary, where there was a line before it or one was asked for.
    fn end(&self, sent: u64, received: u64) {
        let wanted = self.asked || self.line.is_shown();
        self.line.end(wanted.then(|| self.so_far(sent, received, Instant::now()).summary()));
    }

    fn so_far(&self, sent: u64, received: u64, now: Instant) -> Transfer {
        let nanos = u64::try_from((now - self.begun).as_nanos()).unwrap_or(u64::MAX);
        Transfer { sent, of: self.size, received, nanos }
    }
}
