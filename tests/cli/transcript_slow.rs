//! `--transcript` on a disk that hangs: fdatasync(2) does not return until the test allows it.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use super::transcript::{assert_ids, records, texts};
use super::transcript_disk::assert_counted;
use crate::support::{Dir, NOT_FOUND, Server, ask, digits, has, poll_until, read_line, read_some, run, secretcat};

/// Stands before the fdatasync of the C library.
const SHIM: &str = r#"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd) {
    const char *hold = getenv("HOLD"), *begun = getenv("BEGUN");
    for (int first = 1; access(hold, F_OK) == 0; first = 0) {
        if (first)
            close(open(begun, O_CREAT | O_WRONLY, 0600));
        usleep(1000);
    }
    return syscall(SYS_fdatasync, fd);
}
"#;

/// A listener with a transcript on such a disk.
struct SlowDisk {
    server: Server,
    transcript: PathBuf,
    hold: PathBuf,
    begun: PathBuf,
}

impl SlowDisk {
    /// `None` without a compiler for the shim.
    fn start(dir: &Dir, sync: &str) -> Option<SlowDisk> {
        if !has("cc") {
            return None;
        }
        let (source, shim) = (dir.file("shim.c"), dir.file("shim.so"));
        fs::write(&source, SHIM).unwrap();
        let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).status().unwrap();
        assert!(status.success());
        let [transcript, hold, begun] = ["transcript", "hold", "begun"].map(|name| dir.file(name));
        let args = ["listen", "127.0.0.1:0", "--transcript", transcript.to_str()?, "--transcript-sync", sync];
        let mut command = secretcat(args);
        command.env("LD_PRELOAD", &shim).env("HOLD", &hold).env("BEGUN", &begun);
        let server = Server::from_command(&mut command);
        fs::write(&hold, "").unwrap();
        Some(SlowDisk { server, transcript, hold, begun })
    }

    /// Has the disk work again.
    fn release(&self) {
        fs::remove_file(&self.hold).unwrap();
    }
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}

#[test]
fn clients_are_answered_while_the_disk_hangs() {
    const LARGE: usize = 200;
    let dir = Dir::new("slow");
    let Some(disk) = SlowDisk::start(&dir, "10ms") else { return };
    let server = &disk.server;
    let (mut ann, mut asked) = (server.open(), 0);
    let mut ask_once = || {
        assert_eq!(ask(&mut ann, "SECRET 1"), digits("1"));
        asked += 1;
    };
    poll_until("the disk hangs", &mut ask_once, || exists(&disk.begun));
    (0..50).for_each(|_| ask_once());
    // More than waits for the disk: what is lost is counted.
    let lines = ("x".repeat(100_000) + "\n").repeat(LARGE);
    run(["connect", &server.address()], lines).is(0, NOT_FOUND.repeat(LARGE), "");
    disk.release();
    ask_once();
    let messages = 2 * (asked + LARGE) as u64;
    let last = format!("{{\"id\":{messages},");
    let is_whole = || fs::read_to_string(&disk.transcript).unwrap().lines().any(|line| line.starts_with(&last));
    poll_until("the last message in the transcript", || drop(server.open()), is_whole);
    let missing = assert_counted(&records(&disk.transcript), messages);
    let path = disk.transcript.display().to_string();
    let out = disk.server.stop();
    let error = format!("secretcat: write {path}: the disk was full or too slow; {missing} messages lost");
    assert_eq!((missing > 0, out.status, out.stderr.lines().last()), (true, Some(2), Some(&*error)), "{}", out.stderr);
}

#[test]
fn reply_waits_for_a_disk_that_hangs() {
    let dir = Dir::new("slow-each");
    let Some(disk) = SlowDisk::start(&dir, "each") else { return };
    let server = &disk.server;
    let mut clients = [server.open(), server.open()];
    for client in &mut clients {
        client.write_all(b"SECRET 2\n").unwrap();
    }
    poll_until("the disk hangs", || drop(server.open()), || exists(&disk.begun));
    // The loop goes on.
    server.proc.signal(Signal::USR1);
    server.proc.wait_for_stderr("so far: ");
    for client in &mut clients {
        client.set_nonblocking(true).unwrap();
        assert_eq!(read_some(client, &mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock, "nothing is on the disk");
        client.set_nonblocking(false).unwrap();
    }
    disk.release();
    for client in &mut clients {
        assert_eq!(read_line(client), digits("2"));
    }
    let out = disk.server.stop();
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let records = records(&disk.transcript);
    assert_ids(&records, 1);
    let received = texts(&records).into_iter().filter(|(_, text)| *text == "SECRET 2").count();
    assert_eq!(received, 2);
}
