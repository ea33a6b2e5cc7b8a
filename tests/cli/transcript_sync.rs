//! `--transcript-sync each`: what was answered is in the transcript, whenever the listener is killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::transcript::{assert_ids, records, texts};
use crate::support::full_disk::FullDisk;
use crate::support::{Dir, NOT_FOUND, Proc, Server, ask, digits, expect_reset, run, secretcat, skip, under_strace};

/// The clients of one round, and the messages of each that are sent before a reply is read.
const CLIENTS: u64 = 3;
const AHEAD: u64 = 4;

/// Sends numbered messages until the listener is gone; kills it after this number of replies. Returns the numbers that
/// were answered.
fn talk(stream: TcpStream, from: u64, replies: u64, kill: &(dyn Fn() + Sync)) -> Vec<u64> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut stream, mut answered) = (stream, Vec::new());
    for number in from.. {
        // The listener may be gone.
        let _ = stream.write_all(format!("SECRET {number}\n").as_bytes());
        if number - from < AHEAD {
            continue;
        }
        let mut line = String::new();
        let expected = digits(&(number - AHEAD).to_string());
        if !reader.read_line(&mut line).is_ok_and(|_| line == expected) {
            break;
        }
        answered.push(number - AHEAD);
        if answered.len() as u64 == replies {
            kill();
        }
    }
    answered
}

#[test]
fn killed_listener_has_recorded_each_answered_message() {
    let dir = Dir::new("killed");
    let file = dir.file("transcript");
    let mut answered = BTreeSet::new();
    for round in 0..10 {
        let server = Server::start(&["--transcript", file.to_str().unwrap(), "--transcript-sync", "each"]);
        let pid = Pid::from_raw(server.proc.pid().cast_signed()).unwrap();
        let kill = move || {
            let _ = kill_process(pid, Signal::KILL); // it may have ended
        };
        let of_round = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let (stream, kill) = (server.open(), &kill);
                    let replies = if client == 0 { 3 * round + 1 } else { u64::MAX };
                    scope.spawn(move || talk(stream, 1_000_000 * client + 10_000 * round, replies, kill))
                })
                .collect();
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(of_round.len() as u64 > 3 * round, "round {round}");
        answered.extend(of_round);
        assert_eq!(server.stop().signal, Some(9));
    }
    // The next run removes what was cut off.
    run(["connect", "--loopback", "-m", "a", "--transcript", file.to_str().unwrap()], "");
    let records = records(&file);
    assert_ids(&records, 1);
    let recorded: BTreeSet<u64> =
        texts(&records).iter().filter_map(|(_, text)| text.strip_prefix("SECRET ")?.parse().ok()).collect();
    assert_eq!(answered.difference(&recorded).collect::<Vec<_>>(), Vec::<&u64>::new());
}

/// The number of calls of fdatasync(2) in a log of strace(1).
fn syncs(log: &Path) -> usize {
    fs::read_to_string(log).unwrap().lines().filter(|line| line.contains("fdatasync(")).count()
}

#[test]
fn each_reply_follows_a_sync_that_messages_share() {
    if !skip::has_strace() {
        return;
    }
    let dir = Dir::new("syncs");
    for (sync, lock_step, pipelined) in [("each", 5..=11, 1..=400), ("never", 0..=0, 0..=0), ("1h", 1..=1, 1..=1)] {
        let counts = [5, 2000].map(|messages: usize| {
            let (log, file) = (dir.file("log"), dir.file(&format!("{sync}{messages}")));
            let args =
                ["listen", "127.0.0.1:0", "--once", "--transcript", file.to_str().unwrap(), "--transcript-sync", sync];
            let server = Server::from_command(&mut under_strace(&log, &["-e", "trace=fdatasync"], args));
            if messages > 5 {
                let replies = NOT_FOUND.repeat(messages);
                run(["connect", &server.address()], "a\n".repeat(messages)).is(0, replies, "");
            } else {
                let mut stream = server.open();
                (0..messages).for_each(|_| assert_eq!(ask(&mut stream, "a"), NOT_FOUND));
            }
            assert_eq!(server.proc.end().status, Some(0));
            assert_ids(&records(&file), 1);
            syncs(&log)
        });
        assert!(lock_step.contains(&counts[0]) && pipelined.contains(&counts[1]), "{sync}: {counts:?}");
    }
}

#[test]
fn nothing_is_answered_while_the_disk_is_full() {
    let dir = Dir::new("unanswered");
    let args = ["--transcript-sync", "each"];
    let Some(disk) = FullDisk::start(&dir, "1m", "1000k", &args) else { return };
    let line = "x".repeat(2000) + "\n";
    let client = Proc::start(&mut secretcat(["connect", &disk.server.address()]));
    let mut client = client;
    client.feed(line.repeat(200).into_bytes());
    disk.server.proc.wait_for_stderr("no space left on device; ");
    let replies = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').count() - 1;
    let copy = dir.file("copy");
    disk.copy_to(&copy);
    let received = texts(&records(&copy)).iter().filter(|(direction, _)| *direction == "in").count();
    assert!(replies(&client.output_so_far().0) <= received);
    disk.make_room();
    client.end().is(0, NOT_FOUND.repeat(200), "");
    let out = disk.server.stop();
    assert_eq!(out.status, Some(0), "{}", out.stderr);
}

#[test]
fn client_without_a_record_of_its_message_is_reset_at_the_end() {
    let dir = Dir::new("reset");
    let Some(disk) = FullDisk::start(&dir, "1m", "1020k", &["--transcript-sync", "each"]) else { return };
    let mut stream = disk.server.open();
    stream.write_all((("x".repeat(10_000)) + "\n").as_bytes()).unwrap();
    disk.server.proc.wait_for_stderr("no space left on device; ");
    let (named, out) = (disk.named.clone(), disk.server.stop());
    expect_reset(&mut stream, "");
    let error = format!("secretcat: write {named}: no space left on device; 2 messages lost");
    assert_eq!((out.status, out.stderr.lines().last()), (Some(2), Some(&*error)), "{}", out.stderr);
}

#[test]
fn messages_of_a_client_are_recorded_before_they_are_sent() {
    let dir = Dir::new("client");
    let tls: &[&str] = if cfg!(feature = "tls") { &["--tls"] } else { &[] };
    for (name, options) in [("plain", &[][..]), ("tls", tls)] {
        let file = dir.file(name);
        let args = ["connect", "--loopback", "--transcript", file.to_str().unwrap(), "--transcript-sync", "each"];
        run(args.iter().chain(options), "SECRET 1\na\n".repeat(50)).is(0, (digits("1") + NOT_FOUND).repeat(50), "");
        assert_eq!(records(&file).len(), 200);
    }
}
