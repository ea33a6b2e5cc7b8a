//! Writing programs that a test starts afterwards.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes a program to this file.
///
/// Another process writes it. A file that this process has open for writing is open, too, in the child that
/// another thread is about to start, until that child executes its program; to start the file meanwhile fails
/// with ETXTBSY ("text file busy").
pub(crate) fn install(program: &Path, mut content: impl Read) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(program).stdin(Stdio::piped());
    let mut writer = command.spawn().expect("sh(1) should start");
    let mut stdin = writer.stdin.take().expect("stdin is a pipe");
    io::copy(&mut content, &mut stdin).expect("cat(1) should read all");
    drop(stdin);
    let status = writer.wait().expect("a child can be waited for");
    assert!(status.success(), "{}: {status}", program.display());
}
