//! `--transcript` on a disk that is full: clients are answered, and no message is lost without a count.

use std::fs;

use serde_json::Value;

use super::transcript::{assert_ids, records};
use crate::support::full_disk::FullDisk;
use crate::support::{Dir, NOT_FOUND, Server, poll_until, run};

/// Sends this number of messages of this size; each is answered.
#[track_caller]
fn send(server: &Server, messages: usize, size: usize) {
    let line = "x".repeat(size) + "\n";
    let args = ["connect", &server.address()];
    run(args, line.repeat(messages)).is(0, NOT_FOUND.repeat(messages), "");
}

/// The ids without a break: those of messages, and those that lines about losses stand for. Returns the lost ones.
#[track_caller]
pub(super) fn assert_counted(records: &[Value], messages: u64) -> u64 {
    let (mut before, mut lost) = (0, 0);
    for line in records {
        let gap = line.get("lost").and_then(Value::as_u64).unwrap_or(0);
        let id = line["id"].as_u64().unwrap();
        assert_eq!(id, before + gap.max(1), "{line}");
        (before, lost) = (id, lost + gap);
    }
    assert_eq!(before, messages);
    lost
}

#[test]
fn messages_wait_for_room_on_a_full_disk() {
    let dir = Dir::new("waits");
    let Some(disk) = FullDisk::start(&dir, "1m", "1000k", &["--stats"]) else { return };
    send(&disk.server, 500, 100);
    disk.server.proc.wait_for_stderr("no space left on device; ");
    send(&disk.server, 500, 100);
    disk.make_room();
    let out = disk.server.proc.wait_for_stderr("recording again; 0 messages lost\n");
    assert_eq!(out.matches("no space left on device; ").count().min(1), 1, "{out}");
    send(&disk.server, 1, 100);
    let copy = dir.file("copy");
    let whole = || {
        disk.copy_to(&copy);
        fs::read_to_string(&copy).unwrap().lines().count() == 2003
    };
    poll_until("all messages in the transcript", || drop(disk.server.open()), whole);
    assert_ids(&records(&copy), 1);
    let named = disk.named.clone();
    let out = disk.server.stop();
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    assert!(out.stderr.contains(&format!("transcript {named}: 2002 messages, 0 lost\n")), "{}", out.stderr);
}

#[test]
fn lost_messages_are_counted_when_there_is_room_again() {
    let dir = Dir::new("gap");
    let Some(disk) = FullDisk::start(&dir, "32m", "32760k", &[]) else { return };
    send(&disk.server, 200, 100_000); // the replies are small
    let has_lost = || {
        let stderr = disk.server.proc.output_so_far().1;
        stderr.contains(" messages lost\n") || stderr.replace(", 0 lost\n", "").contains(" lost\n")
    };
    poll_until("a loss is reported", || drop(disk.server.open()), has_lost);
    disk.make_room();
    disk.server.proc.wait_for_stderr("recording again; ");
    send(&disk.server, 1, 1);
    let copy = dir.file("copy");
    let whole = || {
        disk.copy_to(&copy);
        let text = fs::read_to_string(&copy).unwrap();
        text.lines().last().is_some_and(|line| line.starts_with("{\"id\":402,"))
    };
    poll_until("the last message in the transcript", || drop(disk.server.open()), whole);
    let lost = assert_counted(&records(&copy), 402);
    assert!(lost > 0);
    let (named, out) = (disk.named.clone(), disk.server.stop());
    let error = format!("secretcat: write {named}: the disk was full or too slow; {lost} messages lost");
    assert_eq!((out.status, out.stderr.lines().last()), (Some(2), Some(&*error)), "{}", out.stderr);
}

#[test]
fn messages_that_never_found_room_are_counted_at_the_end() {
    let dir = Dir::new("full");
    let Some(disk) = FullDisk::start(&dir, "1m", "1000k", &["--stats"]) else { return };
    send(&disk.server, 500, 100);
    disk.server.proc.wait_for_stderr("no space left on device; ");
    let copy = dir.file("copy");
    disk.copy_to(&copy);
    let recorded = records(&copy).len();
    assert_ids(&records(&copy), 1);
    let (named, out) = (disk.named.clone(), disk.server.stop());
    let lost = 1000 - recorded;
    let error = format!("secretcat: write {named}: no space left on device; {lost} messages lost");
    assert_eq!((out.status, out.stderr.lines().last()), (Some(2), Some(&*error)), "{}", out.stderr);
    assert!(out.stderr.contains(&format!("transcript {named}: {recorded} messages, {lost} lost\n")), "{}", out.stderr);
}
