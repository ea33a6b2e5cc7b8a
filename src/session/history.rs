//! `secretcat history`: prints the messages of a transcript.

use std::collections::VecDeque;

use crate::config::HistoryConfig;
use crate::error::{Error, shown_path};
use crate::io::history::{Printer, read, time_of};
use crate::io::report::Report;
use crate::io::terminal;
use crate::transcript::{Selection, show};
use crate::value::escape;

/// Prints the selected messages.
///
/// # Errors
/// When the transcript cannot be read, or is damaged; when stdout fails.
pub fn run(config: &HistoryConfig, report: &Report) -> Result<(), Error> {
    let since = config.since.map(time_of);
    let selection = Selection { room: config.room.as_deref(), since: since.as_deref(), grep: config.grep.as_ref() };
    let (mut printer, mut last) = (Printer::new(), VecDeque::new());
    let at_terminal = terminal::is_stdout();
    let read = read(config.file.as_deref(), |line, text| {
        if !selection.has(line) {
            return Ok(());
        }
        let text = match config.json {
            false => show(line).into_bytes(),
            true if at_terminal => escape(text).into_bytes(),
            true => text.to_vec(),
        };
        match config.last {
            None => return printer.line(&text),
            Some(0) => return Ok(()),
            Some(most) if last.len() == most => drop(last.pop_front()),
            Some(_) => {}
        }
        last.push_back(text);
        Ok(())
    });
    if read.is_err() {
        printer.flush()?;
    }
    let faults = read?;
    last.iter().try_for_each(|text| printer.line(text))?;
    printer.flush()?;
    for name in &faults.torn {
        report.warning(&format!("{name}: its incomplete last line was left out"));
    }
    let losses = faults.losses();
    let name = config.file.as_deref().map_or_else(|| "stdin".to_owned(), shown_path);
    if losses.is_empty() { Ok(()) } else { Err(Error::Usage(format!("{name}: {}", losses.join(", ")))) }
}
