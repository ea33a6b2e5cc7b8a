//! The flags of `secretcat timeline`.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueHint};

use super::words::words;
use crate::config::TimelineConfig;
use crate::value::{View, svg_file};

/// Draw the picture of a file of --trace
///
/// An incomplete trace, as a run that was killed leaves it, is drawn as far as it goes, and the picture says so. Memory
/// does not grow with the trace.
#[derive(Debug, Args)]
pub(super) struct TimelineFlags {
    /// Read the trace FILE (-: stdin)
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Write the picture to FILE.svg (-: stdout, the default)
    #[arg(
        short,
        long,
        value_name = "FILE.svg",
        value_hint = ValueHint::FilePath,
        value_parser = PathBufValueParser::new().try_map(svg_file_or_stdout)
    )]
    output: Option<PathBuf>,
    /// Draw lanes of calls, or arrows between client and server
    ///
    /// VIEW is lanes, the default, or ladder.
    #[arg(long, value_name = "VIEW", value_parser = words::<View>())]
    timeline_view: Option<View>,
}

impl TimelineFlags {
    pub(super) fn into_config(self) -> TimelineConfig {
        let file = |path: &PathBuf| path.as_os_str() != "-";
        TimelineConfig {
            trace: Some(self.file).filter(file),
            picture: self.output.filter(file),
            view: self.timeline_view.unwrap_or_default(),
        }
    }
}

fn svg_file_or_stdout(path: PathBuf) -> Result<PathBuf, String> {
    if path.as_os_str() == "-" { Ok(path) } else { svg_file(path) }
}
