//! `secretcat timeline`: draws the picture of a trace.

use crate::config::TimelineConfig;
use crate::error::Error;
use crate::io::files::Privacy;
use crate::io::history::Printer;
use crate::io::outputs::OutputFile;
use crate::io::report::Report;
use crate::io::terminal;
use crate::io::trace_file::{End, read};
use crate::timeline::Timeline;
use crate::trace::TraceLine;

/// Reads the trace, and writes its picture.
///
/// # Errors
/// When the trace cannot be read or is none, or the picture cannot be written.
pub fn run(config: &TimelineConfig, report: &Report) -> Result<(), Error> {
    if config.picture.is_none() && terminal::is_stdout() {
        return Err(Error::Usage("stdout is a terminal, which shows no picture: add -o FILE.svg".to_owned()));
    }
    let mut timeline = Timeline::new();
    let end = read(config.trace.as_deref(), |line| match line {
        TraceLine::Start(start) => timeline.begin(start),
        TraceLine::Event(event) => timeline.note(&event),
        TraceLine::Other => {}
    })?;
    timeline.end_trace(end == End::Torn);
    if let Some(text) = timeline.incomplete() {
        report.warning(text);
    }
    let drawn = timeline.render(config.view);
    if let Some(path) = &config.picture {
        return OutputFile::create(path, Privacy::Shared)?.write_all(&drawn);
    }
    let mut printer = Printer::new();
    printer.line(drawn.trim_end().as_bytes())?;
    printer.flush()
}
