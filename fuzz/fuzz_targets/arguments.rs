//! Any arguments, divided by NUL: no panic, and a refusal is one harmless line.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use secretcat::cli::{self, Refusal};

fuzz_target!(|data: &[u8]| {
    let words = data.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let args: Vec<OsString> = std::iter::once("secretcat".into()).chain(words).collect();
    // A plan is read from its file, which may be any file of this machine.
    if args.iter().any(|arg| arg.as_encoded_bytes().starts_with(b"--plan")) {
        return;
    }
    match cli::parse(args) {
        Ok(_) | Err(Refusal::Text(_)) => {}
        Err(refusal) => {
            let line = refusal.print().unwrap_err().to_string();
            assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
        }
    }
});
