//! `--progress`: how far a transfer between the standard streams and a connection is.

use std::time::Instant;

use super::exchange::Exchange;
use super::progress::ProgressLine;
use crate::config::Output;
use crate::io::console::Standard;
use crate::io::key::Key;
use crate::io::report::Report;
use crate::io::terminal;
use crate::service::Service;
use crate::trace::Transfer;

/// The progress of a transfer, if it is printed.
#[derive(Debug, Default)]
pub(super) struct Meter(Option<Running>);

impl Meter {
    /// Starts to print the progress, if it was asked for, or a terminal watches a file being sent or received.
    pub(super) fn start<S: Service>(output: &Output, report: &Report, exchange: &mut Exchange<S>) -> Meter {
        let mut meter = Meter(Running::of(output, report, exchange.reactor.now()));
        meter.measure(exchange);
        meter
    }

    /// Prints the progress if it is time.
    pub(super) fn measure<S: Service>(&mut self, exchange: &mut Exchange<S>) {
        let Some(running) = &mut self.0 else { return };
        let at = running.tick(exchange.peers.read_from_console(), exchange.peers.shown, exchange.reactor.now());
        exchange.reactor.wake_at(Key::Meter, at);
    }

    /// Prints the total.
    pub(super) fn end<S: Service>(&mut self, exchange: &Exchange<S>) {
        if let Some(running) = self.0.take() {
            running.end(exchange.peers.read_from_console(), exchange.peers.shown, exchange.reactor.now());
        }
    }
}

/// What is printed, and since when.
#[derive(Debug)]
struct Running {
    report: Report,
    line: ProgressLine,
    begun: Instant,
    /// The size of stdin, if it is known.
    size: Option<u64>,
    /// It was asked for, so there is a total however short the transfer was.
    asked: bool,
    /// stdout is the same terminal.
    beside_output: bool,
}

impl Running {
    fn of(output: &Output, report: &Report, begun: Instant) -> Option<Running> {
        if output.quiet || !(output.progress || (output.verbosity == 0 && report.redraws())) {
            return None;
        }
        let standard = Standard::look();
        let beside_output = terminal::is_output_beside_report();
        let watched = (standard.input_size.is_some() || standard.output_is_file) && !beside_output;
        if !(output.progress || watched) {
            return None;
        }
        Some(Running {
            report: report.clone(),
            line: Self::line(report, begun, beside_output),
            begun,
            size: standard.input_size,
            asked: output.progress,
            beside_output,
        })
    }

    /// A line that is redrawn is used only where nothing else is written to the terminal.
    fn line(report: &Report, begun: Instant, beside_output: bool) -> ProgressLine {
        let line = ProgressLine::new(report, begun);
        if beside_output { line.that_stays() } else { line }
    }

    /// Prints the progress if it is time; returns when it is next.
    fn tick(&mut self, sent: u64, received: u64, now: Instant) -> Instant {
        if sent == 0 && received == 0 {
            // The time begins with the first byte.
            (self.begun, self.line) = (now, Self::line(&self.report, now, self.beside_output));
        }
        let so_far = self.so_far(sent, received, now);
        self.line.print(now, || so_far.line())
    }

    /// Prints the total, if a line was printed before or it was asked for.
    fn end(&self, sent: u64, received: u64, now: Instant) {
        let wanted = self.asked || self.line.is_shown();
        self.line.end(wanted.then(|| self.so_far(sent, received, now).summary()));
    }

    fn so_far(&self, sent: u64, received: u64, now: Instant) -> Transfer {
        let nanos = u64::try_from((now - self.begun).as_nanos()).unwrap_or(u64::MAX);
        Transfer { sent, of: self.size, received, nanos, ..Transfer::default() }
    }
}
