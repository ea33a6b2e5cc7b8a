//! The options about what is shown.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::config::{Seeing, Sink};

#[derive(Debug, Args)]
#[command(next_help_heading = "Seeing")]
pub(super) struct SeeingFlags {
    /// Tell on stderr what happens; twice: every write and read too
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Tell nothing on stderr but errors
    #[arg(long, conflicts_with = "verbose")]
    quiet: bool,
}

impl SeeingFlags {
    pub(super) fn into_config(self, show_options: bool) -> Seeing {
        Seeing {
            verbosity: self.verbose,
            quiet: self.quiet,
            stats: false,
            trace: None::<Sink>,
            timeline: None::<PathBuf>,
            show_options,
        }
    }
}
