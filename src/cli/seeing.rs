//! The options about what is shown.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use crate::config::{Seeing, Sink, TraceData};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Seeing")]
pub(super) struct SeeingFlags {
    /// Log events on stderr; twice: each write and read too, with its bytes
    ///
    /// The first 64 bytes are printed, with control characters escaped.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Tell nothing on stderr but errors
    #[arg(long, conflicts_with = "verbose")]
    quiet: bool,
    /// Tell on stderr how far a transfer has come: bytes, rate, time left
    ///
    /// Told by itself where stderr is a terminal and stdin or stdout a file.
    #[arg(long, conflicts_with = "quiet")]
    progress: bool,
    /// Show a summary on stderr at the end
    ///
    /// Messages, writes, segments, reads, retransmissions, and the sizes as a histogram.
    #[arg(long)]
    stats: bool,
    /// Write one JSON object a line for everything that happens; - is stderr
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: Option<PathBuf>,
    /// Put no bytes, the first 64 or all bytes of each event into the trace
    ///
    /// Messages, writes and reads have their bytes in the field text, or in base64 where they are
    /// not UTF-8. Default: head.
    #[arg(long, value_name = "none|head|all", requires = "trace")]
    trace_data: Option<Bytes>,
    /// Draw what happened, as an SVG picture
    #[arg(long, value_name = "FILE.svg", value_hint = ValueHint::FilePath)]
    timeline: Option<PathBuf>,
}

/// Which bytes the trace has.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bytes {
    None,
    Head,
    All,
}

impl SeeingFlags {
    pub(super) fn into_config(self, show_options: bool) -> Seeing {
        Seeing {
            verbosity: self.verbose,
            quiet: self.quiet,
            stats: self.stats,
            progress: self.progress,
            trace: self.trace.map(|path| if path.as_os_str() == "-" { Sink::Stderr } else { Sink::File(path) }),
            trace_data: match self.trace_data {
                Some(Bytes::None) => TraceData::None,
                Some(Bytes::Head) | None => TraceData::Head,
                Some(Bytes::All) => TraceData::All,
            },
            timeline: self.timeline,
            show_options,
        }
    }
}
