//! The flags of the transcript.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::{Transcript, TranscriptSync};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct TranscriptFlags {
    /// Append each message to FILE, one JSON object per line
    ///
    /// A new file is readable by its owner only. With TLS, the transcript has the decrypted messages.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    transcript: Option<PathBuf>,
}

impl TranscriptFlags {
    pub(super) fn into_config(self) -> Option<Transcript> {
        let path = self.transcript?;
        Some(Transcript { path, sync: TranscriptSync::default() })
    }
}
