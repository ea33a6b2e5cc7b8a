//! The flags of the transcript.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::task_files::output_name;
use crate::config::{Rotation, Transcript, TranscriptSync};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct TranscriptFlags {
    /// Append each message to FILE, one JSON object per line
    ///
    /// A new file is readable by its owner only. With TLS, the transcript has the decrypted messages. See
    /// TRANSCRIPTS in secretcat(1).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = output_name())]
    transcript: Option<PathBuf>,
    /// Force the transcript to the disk: never, after TIME, or each message
    ///
    /// With each, nothing is sent before its record and those of all earlier messages are on the disk. Messages that
    /// wait together are written together. The default is 1s.
    #[arg(long, value_name = "WHEN", requires = "transcript", allow_hyphen_values = true)]
    transcript_sync: Option<TranscriptSync>,
    /// Rename FILE to FILE.1 at SIZE bytes; SIZE,N keeps N such files
    ///
    /// FILE.1 becomes FILE.2, and so on, up to N (5 by default).
    #[arg(long, value_name = "SIZE", requires = "transcript", allow_hyphen_values = true)]
    transcript_max: Option<Rotation>,
}

impl TranscriptFlags {
    pub(super) fn into_config(self) -> Option<Transcript> {
        let path = self.transcript?;
        Some(Transcript { path, sync: self.transcript_sync.unwrap_or_default(), max: self.transcript_max })
    }
}
