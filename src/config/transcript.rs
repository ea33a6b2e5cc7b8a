//! Where and how messages are recorded (`--transcript`).

use std::path::PathBuf;
use std::time::Duration;

/// The record of the messages of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The file, which is created if it is missing.
    pub path: PathBuf,
    /// When the disk is to have what was written.
    pub sync: TranscriptSync,
}

/// When the kernel writes a transcript to the disk (fdatasync(2)). Until then a crash of the system loses records; a
/// crash of this program does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranscriptSync {
    /// When the kernel likes to.
    Never,
    /// At most this time after it was written.
    Within(Duration),
}

impl Default for TranscriptSync {
    fn default() -> Self {
        TranscriptSync::Within(Duration::from_secs(1))
    }
}
