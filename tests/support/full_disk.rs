//! A listener on a small file system of its own, which only it sees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Dir, Proc, Server, clear_env, has, is_root, skip};

/// A listener whose transcript is on a file system of this size with little room; more when the ballast is removed.
#[derive(Debug)]
pub(crate) struct FullDisk {
    pub(crate) server: Server,
    /// The transcript as the listener names it.
    pub(crate) named: String,
    /// The directory of the transcript, seen from here while the listener runs.
    seen: PathBuf,
}

impl FullDisk {
    /// `None`, and a line on stderr, where privilege or a program is missing.
    pub(crate) fn start(dir: &Dir, size: &str, ballast: &str, args: &[&str]) -> Option<FullDisk> {
        let named = dir.path().join("transcript").to_str().unwrap().to_owned();
        let listen = ["listen", "127.0.0.1:0", "--transcript", &named];
        let server = Server::from_command(&mut on_small_disk(dir.path(), size, ballast, &[&listen, args].concat())?);
        let seen = seen_by(&server.proc, dir.path());
        Some(FullDisk { server, named, seen })
    }

    /// Removes what fills the file system.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.seen.join("ballast")).unwrap();
    }

    /// A copy of the transcript so far, which outlives the listener.
    pub(crate) fn copy_to(&self, file: &Path) {
        fs::copy(self.seen.join("transcript"), file).unwrap();
    }
}

/// The program with these arguments, where a file system of this size is mounted on a directory, with little room.
/// `None`, and a line on stderr, where privilege or a program is missing.
pub(crate) fn on_small_disk(dir: &Path, size: &str, ballast: &str, args: &[&str]) -> Option<Command> {
    if !is_root() || !has("unshare") {
        skip::skip("a mount namespace needs root and unshare(1)");
        return None;
    }
    let script = "mount -t tmpfs -o size=$1 tmpfs \"$0\" && head -c \"$2\" /dev/zero > \"$0/ballast\" && \
                  shift 2 && exec \"$@\"";
    let mut command = Command::new("unshare");
    clear_env(&mut command).args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(dir);
    command.args([size, ballast, env!("CARGO_BIN_EXE_secretcat")]).args(args);
    Some(command)
}

/// A directory as this process sees it, while it runs.
pub(crate) fn seen_by(proc: &Proc, dir: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root", proc.pid())).join(dir.strip_prefix("/").unwrap())
}
