//! The flags of what is printed and recorded.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{ArgAction, Args, ValueHint};

use super::task_files::output_name;
use super::transcript::TranscriptFlags;
use super::watch::WatchFlags;
use super::words::words;
use crate::config::{ConfigError, Output, Sink, StatsFormat, TraceData, Watch};
use crate::value::{View, svg_file};

#[derive(Debug, Default, Args)]
pub(super) struct OutputFlags {
    #[command(flatten)]
    events: EventFlags,
    #[command(flatten)]
    transcript: TranscriptFlags,
    #[command(flatten)]
    watch: WatchFlags,
}

/// The flags of a run without messages.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct EventFlags {
    /// Log events on stderr; twice: also writes and reads with their bytes
    ///
    /// The first 64 bytes are printed, with control characters escaped.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Print only errors, and warnings of unsafe options
    #[arg(long, conflicts_with = "verbose")]
    quiet: bool,
    /// Print bytes, rate and time left of a transfer on stderr
    ///
    /// This is the default if stdin or stdout is a file, and stderr is a terminal but stdout is not.
    #[arg(long, conflicts_with = "quiet")]
    progress: bool,
    /// Print a summary on stderr at the end, as text or JSON
    ///
    /// The summary counts messages, writes, segments, reads and retransmissions. It has the reply time (minimum, median
    /// and 99th percentile) and a histogram of sizes.
    #[arg(long, value_name = "text|json", value_parser = words::<StatsFormat>(), num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    stats: Option<StatsFormat>,
    /// Write one JSON object per event to FILE (-: to stderr)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: Option<PathBuf>,
    /// Record no bytes, the first 64 or all bytes of each event
    ///
    /// The bytes of messages, writes and reads are in the field text, or in the field base64 if they are not
    /// UTF-8. The picture of --timeline has at most the first 64. The default is head.
    #[arg(long, value_name = "none|head|all", value_parser = words::<TraceData>())]
    trace_data: Option<TraceData>,
    /// Draw the writes, segments and reads into FILE.svg
    ///
    /// secretcat(1) explains the picture.
    #[arg(long, value_name = "FILE.svg", value_hint = ValueHint::FilePath, value_parser = PathBufValueParser::new().try_map(svg_file))]
    timeline: Option<PathBuf>,
    /// Draw lanes of calls, or arrows between client and server
    ///
    /// VIEW is lanes, the default, or ladder.
    #[arg(long, value_name = "VIEW", value_parser = words::<View>(), requires = "timeline")]
    timeline_view: Option<View>,
    /// Write packets to FILE, for Wireshark
    ///
    /// The packets are built from the writes and reads of this program, so that no privileges are needed. The comment
    /// of each packet says what it was built from. With --tls-keylog the file has the secrets of TLS too.
    #[arg(long, value_name = "FILE.pcapng", value_hint = ValueHint::FilePath, value_parser = output_name())]
    pcap: Option<PathBuf>,
    /// Print sent and received bytes on stderr, as xxd does
    ///
    /// Each line has the connection, > for bytes sent or < for bytes received, and the offset. Each write and read begins
    /// a line. With TLS, these are the bytes before encryption and after decryption.
    #[arg(short = 'x', long)]
    hex: bool,
    /// Write received and sent bytes to files in DIR: 1-in, 1-out
    ///
    /// Each connection has two files with its number, which -v and the other outputs have too; a direction without bytes
    /// has none. DIR is created, or must be empty.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, value_parser = output_name())]
    dump: Option<PathBuf>,
}

impl OutputFlags {
    pub(super) fn into_config(self, show_options: bool) -> Result<Output, ConfigError> {
        Ok(Output {
            transcript: self.transcript.into_config(),
            watch: self.watch.into_config()?,
            ..self.events.into_config(show_options)
        })
    }
}

impl EventFlags {
    pub(super) fn into_config(self, show_options: bool) -> Output {
        Output {
            verbosity: self.verbose,
            quiet: self.quiet,
            stats: self.stats,
            reply_times: false,
            progress: self.progress,
            trace: self.trace.map(|path| if path.as_os_str() == "-" { Sink::Stderr } else { Sink::File(path) }),
            trace_data: self.trace_data.unwrap_or_default(),
            transcript: None,
            timeline: self.timeline,
            timeline_view: self.timeline_view.unwrap_or_default(),
            watch: Watch::default(),
            pcap: self.pcap,
            hex: self.hex,
            dump: self.dump,
            show_options,
        }
    }
}
