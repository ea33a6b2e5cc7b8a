//! A file that changes while it is sent: an error on both sides, and no file that looks whole.

use std::fs::File;
use std::io::Write;

use rustix::process::Signal;

use crate::pair::{Files, end, send_to};
use crate::support::{noise, poll_until};

/// More than what two processes and the kernel hold of a transfer.
const SIZE: usize = 64 << 20;

#[track_caller]
fn changes(name: &str, change: impl FnOnce(&File)) {
    let files = Files::new(name);
    let path = files.to_send("a", noise(SIZE));
    let receiver = files.receiver(&[]);
    let to = receiver.address();
    receiver.proc.suspend();
    let sender = send_to(&receiver, &[&path]);
    // It has connected, and waits for the answer to its offer.
    poll_until("the connection", std::thread::yield_now, || sender.is_in_state('S') && sender.descriptors() > 6);
    drop(File::open(&path).unwrap());
    receiver.proc.signal(Signal::CONT);
    let part = files.path(".a.part");
    poll_until("the first bytes", std::thread::yield_now, || part.metadata().is_ok_and(|part| part.len() > 0));
    receiver.proc.suspend();
    change(&File::options().append(true).open(&path).unwrap());
    receiver.proc.signal(Signal::CONT);
    let why = "it has changed while it was sent";
    sender.end().is(2, "", format!("secretcat: read {path}: {why}\n"));
    let out = end(receiver);
    assert_eq!(out.status, Some(1), "{}", out.stderr);
    assert!(out.stderr.ends_with(&format!(": the sender: read a: {why}\n")), "{to} {}", out.stderr);
    assert_eq!(files.names(), [".a.part"]);
}

#[test]
fn file_that_grows_is_an_error_on_both_sides() {
    changes("grows", |mut file| file.write_all(b"more").unwrap());
}

#[test]
fn file_that_shrinks_is_an_error_on_both_sides() {
    changes("shrinks", |file| file.set_len(1000).unwrap());
}

#[test]
fn file_that_is_written_to_is_an_error_on_both_sides() {
    changes("written", |file| {
        let time = std::time::SystemTime::UNIX_EPOCH;
        file.set_modified(time).unwrap();
    });
}
