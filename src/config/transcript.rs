//! Where and how messages are recorded (`--transcript`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::value::{Invalid, Size, Span};

/// The largest number of files that are kept beside the current one.
const MOST_FILES: u32 = 999;
/// The number that is kept by default.
const FILES: u32 = 5;
/// The smallest size at which a file is full.
const SMALLEST: u64 = 4096;

/// The record of the messages of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The file, which is created if it is missing.
    pub path: PathBuf,
    /// When the disk is to have what was written.
    pub sync: TranscriptSync,
    /// When the file is renamed and a new one begun; never if it is `None`.
    pub max: Option<Rotation>,
}

impl Transcript {
    /// The names that the file gets when it is full, `FILE.1` and so on.
    pub fn full_files(&self) -> impl Iterator<Item = PathBuf> {
        (1..=self.max.map_or(0, |max| max.files)).map(|number| full_file(&self.path, number))
    }
}

/// The path of the full file with this number; the newest one has 1.
#[must_use]
pub fn full_file(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// When the kernel writes a transcript to the disk (fdatasync(2)). Until then a crash of the system loses records; a
/// crash of this program does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranscriptSync {
    /// When the kernel likes to.
    Never,
    /// At most this time after it was written.
    Within(Duration),
    /// Before anything is sent that follows from it.
    Each,
}

/// When a transcript is full, and what is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The largest size of a file in bytes, unless one line is larger.
    pub size: u64,
    /// The number of full files that are kept: FILE.1 is the newest.
    pub files: u32,
}

impl Default for TranscriptSync {
    fn default() -> Self {
        TranscriptSync::Within(Duration::from_secs(1))
    }
}

impl FromStr for TranscriptSync {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "never" => Ok(TranscriptSync::Never),
            "each" => Ok(TranscriptSync::Each),
            time => match time.parse() {
                Ok(Span(time)) => Ok(TranscriptSync::Within(time)),
                Err(_) => {
                    Err(Invalid::new(text, "never, each or a time", "a time such as 1s or 250ms, never, or each"))
                }
            },
        }
    }
}

impl FromStr for Rotation {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const WHAT: &str = "a size and a number of files";
        let invalid = || Invalid::new(text, WHAT, "SIZE or SIZE,N such as 10M or 10M,3");
        let (size, files) = text.split_once(',').map_or((text, None), |(size, files)| (size, Some(files)));
        let Size(size) = size.parse().map_err(|_| invalid())?;
        let files = files.map_or(Ok(FILES), |files| files.parse::<u32>().map_err(|_| invalid()))?;
        match (size, files) {
            (0..SMALLEST, _) => Err(Invalid::new(text, WHAT, "a size of 4KiB or more")),
            (_, 1..=MOST_FILES) => Ok(Rotation { size, files }),
            _ => Err(Invalid::new(text, WHAT, "1 to 999 files")),
        }
    }
}

impl fmt::Display for TranscriptSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TranscriptSync::Never => f.write_str("never"),
            TranscriptSync::Within(time) => Span(*time).fmt(f),
            TranscriptSync::Each => f.write_str("each"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_has_a_size_and_a_number_of_files() {
        let parse = |text: &str| text.parse::<Rotation>().map_err(|error| error.to_string());
        assert_eq!(parse("10M"), Ok(Rotation { size: 10 << 20, files: 5 }));
        assert_eq!(parse("4k,999"), Ok(Rotation { size: 4096, files: 999 }));
        for (text, expected) in [
            ("", "SIZE or SIZE,N"),
            ("10M,", "SIZE or SIZE,N"),
            ("10M,3,4", "SIZE or SIZE,N"),
            ("10M,-1", "SIZE or SIZE,N"),
            ("4095", "4KiB or more"),
            ("10M,0", "1 to 999 files"),
            ("10M,1000", "1 to 999 files"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
