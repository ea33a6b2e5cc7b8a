//! What a run prints and records, and where.

use std::path::{Path, PathBuf};

use super::{Transcript, Watch};
use crate::value::{Named, View, Word};

/// The destination of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// `-`: stderr.
    Stderr,
    /// A new file.
    File(PathBuf),
}

/// Whether stderr is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or TERM=dumb is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Named for Color {
    const ALL: &'static [Self] = &[Color::Auto, Color::Always, Color::Never];

    fn word(self) -> Word {
        match self {
            Color::Auto => Word::new("auto", "On a terminal, unless `NO_COLOR` is set"),
            Color::Always => Word::new("always", "Always"),
            Color::Never => Word::new("never", "Never"),
        }
    }
}

/// Which bytes of messages, writes and reads the trace contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceData {
    /// None.
    None,
    /// The first bytes of each.
    #[default]
    Head,
    /// All.
    All,
}

impl Named for TraceData {
    const ALL: &'static [Self] = &[TraceData::None, TraceData::Head, TraceData::All];

    fn word(self) -> Word {
        match self {
            TraceData::None => Word::new("none", ""),
            TraceData::Head => Word::new("head", ""),
            TraceData::All => Word::new("all", ""),
        }
    }
}

/// The form of the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatsFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object in one line.
    Json,
}

impl Named for StatsFormat {
    const ALL: &'static [Self] = &[StatsFormat::Text, StatsFormat::Json];

    fn word(self) -> Word {
        match self {
            StatsFormat::Text => Word::new("text", "Lines for people"),
            StatsFormat::Json => Word::new("json", "One JSON object in one line"),
        }
    }
}

/// What a run prints and records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct Output {
    /// The verbosity of the log on stderr: 0 errors, 1 events, 2 every write and read.
    pub verbosity: u8,
    /// Print only errors on stderr.
    pub quiet: bool,
    /// Print a summary on stderr at the end, in this form.
    pub stats: Option<StatsFormat>,
    /// Where to write the trace, one JSON object for each event.
    pub trace: Option<Sink>,
    /// Which bytes the trace and the picture contain.
    pub trace_data: TraceData,
    /// Where and how to record messages.
    pub transcript: Option<Transcript>,
    /// Measure reply times for the run itself.
    pub reply_times: bool,
    /// Print the progress of a transfer, on a terminal or not.
    pub progress: bool,
    /// Where to write the picture at the end.
    pub timeline: Option<PathBuf>,
    /// Print the bytes of the application.
    pub hex: bool,
    /// The directory of files with the bytes of the application.
    pub dump: Option<PathBuf>,
    /// What the picture shows of time.
    pub timeline_view: View,
    /// Where the run can be watched.
    pub watch: Watch,
    /// Where to write the packets.
    pub pcap: Option<PathBuf>,
    /// Print the socket options, as requested and as in effect.
    pub show_options: bool,
}

impl Output {
    /// The files, with their options.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let trace = match &self.trace {
            Some(Sink::File(path)) => Some(&**path),
            Some(Sink::Stderr) | None => None,
        };
        let files = [
            ("--trace", trace),
            ("--timeline", self.timeline.as_deref()),
            ("--pcap", self.pcap.as_deref()),
            ("--dump", self.dump.as_deref()),
            ("--transcript", self.transcript.as_ref().map(|transcript| &*transcript.path)),
        ];
        files.into_iter().filter_map(|(option, path)| Some((option, path?)))
    }

    /// Whether events or messages must be recorded while the run goes on.
    #[must_use]
    pub fn records(&self) -> bool {
        self.records_events() || self.transcript.is_some()
    }

    /// Whether all bytes of the application are printed or written to files.
    #[must_use]
    pub fn passes_bytes(&self) -> bool {
        self.hex || self.dump.is_some()
    }

    /// Whether an output has bytes of reads.
    #[must_use]
    pub fn shows_data(&self) -> bool {
        let keeps_data = self.records_data() && self.trace_data != TraceData::None;
        let has_all = self.passes_bytes() || self.pcap.is_some() || self.watch.page.is_some();
        self.verbosity >= 2 || keeps_data || has_all
    }

    /// Whether there is a trace or a picture, which can have the bytes of events.
    #[must_use]
    pub fn records_data(&self) -> bool {
        self.trace.is_some() || self.timeline.is_some()
    }

    /// Whether events must be recorded while the run goes on.
    #[must_use]
    pub fn records_events(&self) -> bool {
        let files = self.trace.is_some() || self.timeline.is_some() || self.pcap.is_some();
        let others = self.reply_times || self.passes_bytes() || self.watch.is_on();
        self.verbosity > 0 || self.stats.is_some() || files || others
    }
}
