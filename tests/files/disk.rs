//! The disk of a receiver: when it is written to, and what happens when it is full.

use crate::pair::{Files, send_to};
use crate::support::full_disk::{on_small_disk, seen_by};
use crate::support::{Dir, Server, noise, poll_until, skip, under_strace};

#[test]
fn bytes_go_to_the_disk_while_more_come() {
    if !skip::has_strace() {
        return;
    }
    let files = Files::new("write-out");
    let (path, log) = (files.to_send("a", noise(20 << 20)), files.dir.file("log"));
    let args = ["receive", "--listen=127.0.0.1:0", "--dir", &files.target()];
    let receiver = Server::from_command(&mut under_strace(&log, &["-e", "trace=sync_file_range,fsync"], args));
    assert_eq!(send_to(&receiver, &[&path]).end().status, Some(0));
    assert_eq!(receiver.proc.end().status, Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let calls: Vec<_> = log.lines().filter_map(|line| line.split_once('(')).collect();
    let names: Vec<_> = calls.iter().map(|(name, _)| name.rsplit(' ').next().unwrap()).collect();
    assert_eq!(names, ["sync_file_range", "sync_file_range", "fsync", "fsync"], "{log}");
    for (call, from) in ["0", "8388608"].into_iter().enumerate() {
        let rest = format!(", {from}, 8388608, SYNC_FILE_RANGE_WRITE) = 0");
        assert!(calls[call].1.ends_with(&rest), "{log}");
    }
}

#[test]
fn full_disk_of_the_receiver_is_an_error_on_both_sides() {
    let dir = Dir::new("full");
    let target = dir.file("in");
    std::fs::create_dir(&target).unwrap();
    let path = dir.file("a");
    std::fs::write(&path, noise(8 << 20)).unwrap();
    let target = target.to_str().unwrap();
    let args = ["receive", "--listen=127.0.0.1:0", "--dir", target];
    let Some(mut command) = on_small_disk(target.as_ref(), "4m", "1m", &args) else { return };
    let receiver = Server::from_command(&mut command);
    let to = receiver.address();
    let sender = send_to(&receiver, &[path.to_str().unwrap()]);
    sender.end().is(1, "", format!("secretcat: send a to {to}: the receiver: write a: no space left on device\n"));
    let taken = receiver.proc.end();
    let size = 3 << 20;
    let kept = format!(".a.part has the first {size} bytes of a: send it again to resume\n");
    let error = format!("secretcat: write {target}/a: no space left on device (free space, or use another disk)\n");
    taken.is(2, "", receiver.ready_line + &kept + &error);
}

#[test]
fn file_cut_off_by_a_full_disk_is_not_saved() {
    let dir = Dir::new("nearly");
    let target = dir.file("in");
    std::fs::create_dir(&target).unwrap();
    // The rest and the hash come before the failed write is known.
    let path = dir.file("a");
    std::fs::write(&path, noise((1 << 20) + 4096)).unwrap();
    let path = path.to_str().unwrap();
    let args = ["receive", "-k", "--listen=127.0.0.1:0", "--dir", target.to_str().unwrap()];
    let Some(mut command) = on_small_disk(&target, "2m", "1m", &args) else { return };
    let receiver = Server::from_command(&mut command);
    for _ in 0..20 {
        assert_eq!(send_to(&receiver, &[path]).end().status, Some(1));
    }
    let seen = seen_by(&receiver.proc, &target);
    assert!(!seen.join("a").exists());
    assert_eq!(receiver.stop().status, Some(0));
}

#[test]
fn receiver_that_keeps_open_goes_on_when_there_is_room_again() {
    let dir = Dir::new("room");
    let target = dir.file("in");
    std::fs::create_dir(&target).unwrap();
    let (path, content) = (dir.file("a"), noise(3 << 20));
    std::fs::write(&path, &content).unwrap();
    let path = path.to_str().unwrap();
    let args = ["receive", "-k", "--listen=127.0.0.1:0", "--dir", target.to_str().unwrap()];
    let Some(mut command) = on_small_disk(&target, "4m", "2m", &args) else { return };
    let receiver = Server::from_command(&mut command);
    assert_eq!(send_to(&receiver, &[path]).end().status, Some(1));
    let seen = seen_by(&receiver.proc, &target);
    std::fs::remove_file(seen.join("ballast")).unwrap();
    poll_until("the partial file", std::thread::yield_now, || seen.join(".a.part").exists());
    assert_eq!(send_to(&receiver, &[path]).end().status, Some(0));
    assert_eq!(std::fs::read(seen.join("a")).unwrap(), content);
    assert_eq!(receiver.stop().status, Some(0));
}
