//! The file of the secrets of connections, in the format of NSS that Wireshark reads.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use rustls::KeyLog;

use crate::error::Error;
use crate::io::outputs::{OutputFile, keylog_of_environment};
use crate::io::recorder::Recorder;

/// Opens the file of `--tls-keylog`, or of the environment, to append to it. Only its owner can read a new one. A
/// capture gets the secrets too.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: Option<&Path>, recorder: &Recorder) -> Result<Option<Arc<dyn KeyLog>>, Error> {
    let Some(path) = path.map(Path::to_owned).or_else(keylog_of_environment) else { return Ok(None) };
    let file = Mutex::new(OutputFile::append(&path)?);
    let is_captured = recorder.captures_secrets()?;
    Ok(Some(Arc::new(Secrets { file, recorder: recorder.clone(), is_captured })))
}

#[derive(Debug)]
struct Secrets {
    file: Mutex<OutputFile>,
    recorder: Recorder,
    /// The capture of the recorder gets the secrets too.
    is_captured: bool,
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(line, "{label} {} {}", HEXLOWER.encode(client_random), HEXLOWER.encode(secret));
        if self.is_captured {
            self.recorder.add_secrets(&line);
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A connection does not fail because its secrets cannot be written.
        if let Some(error) = file.add(1, |pending| pending.extend_from_slice(line.as_bytes())) {
            self.recorder.fail(error);
        }
    }
}
