//! What of a run is shown, and where.

use std::path::PathBuf;

/// Where a file-like output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// `-`: stderr.
    Stderr,
    /// A file, made new.
    File(PathBuf),
}

/// Whether stderr is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or TERM=dumb says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which bytes of messages, writes and reads the trace has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceData {
    /// None.
    None,
    /// The first of each.
    #[default]
    Head,
    /// All.
    All,
}

/// What of a run is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Seeing {
    /// How much is told on stderr: 0 errors, 1 events, 2 every write and read.
    pub verbosity: u8,
    /// Nothing but errors is told on stderr.
    pub quiet: bool,
    /// A summary on stderr at the end.
    pub stats: bool,
    /// One JSON object a line for everything that happens.
    pub trace: Option<Sink>,
    /// Which bytes are in it.
    pub trace_data: TraceData,
    /// How far a transfer has come is told, terminal or not.
    pub progress: bool,
    /// A picture at the end.
    pub timeline: Option<PathBuf>,
    /// The socket options, requested beside effective.
    pub show_options: bool,
}

impl Seeing {
    /// Whether anything must be recorded as it happens.
    #[must_use]
    pub fn records(&self) -> bool {
        self.verbosity > 0 || self.stats || self.trace.is_some() || self.timeline.is_some()
    }
}
