//! `--progress`: how far the file is that is sent or received.

use std::time::Instant;

use crate::config::Output;
use crate::io::key::Key;
use crate::io::reactor::Reactor;
use crate::io::report::Report;
use crate::session::progress::ProgressLine;
use crate::trace::Transfer;
use crate::transfer::{FileName, Role};

/// Prints the progress of one file after the other.
pub(super) struct Meter {
    role: Role,
    report: Report,
    is_on: bool,
    file: Option<Metered>,
}

struct Metered {
    name: String,
    line: ProgressLine,
    begun: Instant,
    /// The bytes that are still to come when it begins, if their number is known.
    of: Option<u64>,
    done: u64,
}

impl Meter {
    /// It prints if it was asked for, or stderr is a terminal.
    pub(super) fn new(role: Role, output: &Output, report: &Report) -> Meter {
        let is_on = !output.quiet && (output.progress || (output.verbosity == 0 && report.redraws()));
        Meter { role, report: report.clone(), is_on, file: None }
    }

    /// The bytes of a file begin, so many of which are to come.
    pub(super) fn begin(&mut self, name: &FileName, of: Option<u64>, now: Instant) {
        if self.is_on {
            let (name, line) = (name.to_string(), ProgressLine::new(&self.report, now));
            self.file = Some(Metered { name, line, begun: now, of, done: 0 });
        }
    }

    /// Further bytes of the file.
    pub(super) fn add(&mut self, count: usize) {
        self.file.iter_mut().for_each(|file| file.done += count as u64);
    }

    /// Prints the progress if it is time.
    pub(super) fn print(&mut self, reactor: &mut Reactor) {
        let Some(Metered { name, line, begun, of, done }) = &mut self.file else { return };
        let nanos = u64::try_from((reactor.now() - *begun).as_nanos()).unwrap_or(u64::MAX);
        let transfer = match self.role {
            Role::Send => Transfer { sent: *done, of: *of, nanos, ..Transfer::default() },
            Role::Receive => Transfer { received: *done, received_of: *of, nanos, ..Transfer::default() },
        };
        let at = line.print(reactor.now(), || format!("{name}: {}", transfer.line()));
        reactor.wake_at(Key::Meter, at);
    }

    /// Removes the line of the file.
    pub(super) fn end(&mut self) {
        if let Some(file) = self.file.take() {
            file.line.end(None);
        }
    }
}
