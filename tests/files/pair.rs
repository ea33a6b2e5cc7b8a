//! A sender and a receiver of files.

use std::fs;
use std::path::Path;

use crate::support::{Dir, Outcome, Proc, Server, secretcat};

/// A directory with files to send, `out`, and one to receive into, `in`.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) dir: Dir,
}

impl Files {
    pub(crate) fn new(name: &str) -> Files {
        let dir = Dir::new(name);
        fs::create_dir(dir.file("in")).unwrap();
        fs::create_dir(dir.file("out")).unwrap();
        Files { dir }
    }

    /// A file to send, with this content; returns its path.
    pub(crate) fn to_send(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.dir.file("out").join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The directory to receive into.
    pub(crate) fn target(&self) -> String {
        self.dir.file("in").to_str().unwrap().to_owned()
    }

    /// A file there, received or not.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.file("in").join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names there, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.dir.file("in"))
    }

    /// `receive --listen` into the directory.
    #[track_caller]
    pub(crate) fn receiver(&self, args: &[&str]) -> Server {
        let mut command = secretcat(["receive", "--listen=127.0.0.1:0", "--dir", &self.target()]);
        Server::from_command(command.args(args))
    }

    /// Sends files to a receiver with these options; returns the ends of both, the receiver's without its first line.
    #[track_caller]
    pub(crate) fn send(&self, files: &[&str], receiver: &[&str]) -> (Outcome, Outcome) {
        let receiver = self.receiver(receiver);
        let sent = send_to(&receiver, files).end();
        (sent, end(receiver))
    }
}

/// The names in a directory, in order.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = entries.collect();
    names.sort();
    names
}

/// `send` to a receiver that listens.
#[track_caller]
pub(crate) fn send_to(receiver: &Server, args: &[&str]) -> Proc {
    Proc::start(secretcat(["send", "--to", &receiver.address()]).args(args))
}

/// The end of a listener, without its first line.
#[track_caller]
pub(crate) fn end(listener: Server) -> Outcome {
    let Server { proc, ready_line, .. } = listener;
    let mut outcome = proc.end();
    outcome.stderr = outcome.stderr.strip_prefix(&ready_line).unwrap().to_owned();
    outcome
}

/// The line about a file that was sent or received.
pub(crate) fn line(done: &str, name: &str, content: &[u8]) -> String {
    let plural = if content.len() == 1 { "" } else { "s" };
    format!("{done} {name} ({} byte{plural}, sha256 {})\n", content.len(), sha256(content))
}

/// The SHA-256 of bytes, by another program than this one.
pub(crate) fn sha256(content: &[u8]) -> String {
    let out = crate::support::run_command(&mut std::process::Command::new("sha256sum"), content);
    String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
}
