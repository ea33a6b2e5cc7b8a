//! `--overwrite`: files whose name exists at the receiver.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::pair::{Files, line};

const EXISTS: &str = "a file of this name exists (--overwrite replaces it)";

/// The last lines of both sides, about one file of one that is refused.
fn refused(name: &str, why: &str) -> (String, String) {
    (format!("secretcat: {name}: refused by the receiver: {why}\n"), format!("secretcat: {name}: refused: {why}\n"))
}

#[track_caller]
fn assert_refused(files: &Files, name: &str, receiver: &[&str], why: &str) {
    let (sent, taken) = files.send(&[files.dir.file("out").join(name).to_str().unwrap()], receiver);
    let (sender_line, receiver_line) = refused(name, why);
    assert!(sent.stderr.starts_with(&sender_line), "{}", sent.stderr);
    assert!(sent.stderr.ends_with(": 1 of 1 files refused\n"), "{}", sent.stderr);
    assert!(taken.stderr.starts_with(&receiver_line), "{}", taken.stderr);
    assert!(taken.stderr.ends_with(": 1 of 1 files refused\n"), "{}", taken.stderr);
    assert_eq!((sent.status, taken.status), (Some(1), Some(1)));
}

#[test]
fn file_that_exists_is_never_replaced_by_default() {
    let files = Files::new("never");
    files.to_send("a", "new");
    for old in ["old and longer", "old"] {
        fs::write(files.path("a"), old).unwrap();
        assert_refused(&files, "a", &[], EXISTS);
        assert_eq!((files.read("a"), files.names()), (old.into(), vec!["a".to_owned()]));
    }
}

#[test]
fn same_file_counts_as_received_and_others_go_on() {
    let files = Files::new("same");
    let paths = [files.to_send("a", "same"), files.to_send("b", "new"), files.to_send("c", "last")];
    fs::write(files.path("a"), "same").unwrap();
    fs::write(files.path("b"), "old").unwrap();
    let (sent, taken) = files.send(&paths.each_ref().map(String::as_str), &[]);
    let (sender_line, receiver_line) = refused("b", EXISTS);
    let expected = line("sent", "a", b"same") + &sender_line + &line("sent", "c", b"last");
    assert!(sent.stderr.starts_with(&expected), "{}", sent.stderr);
    assert!(sent.stderr.ends_with(": 1 of 3 files refused\n"), "{}", sent.stderr);
    let expected = line("received", "a", b"same") + &receiver_line + &line("received", "c", b"last");
    assert!(taken.stderr.starts_with(&expected), "{}", taken.stderr);
    assert_eq!((sent.status, taken.status), (Some(1), Some(1)));
    assert_eq!((files.read("a"), files.read("b"), files.read("c")), ("same".into(), "old".into(), "last".into()));
}

#[test]
fn newer_replaces_older_files_and_skips_others() {
    let files = Files::new("newer");
    let path = files.to_send("a", "new");
    fs::write(files.path("a"), "old").unwrap();
    let at = |path: &std::path::Path, seconds| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    };
    at(path.as_ref(), 2000);
    for there in [2000, 3000] {
        at(&files.path("a"), there);
        let (sent, taken) = files.send(&[&path], &["--overwrite", "newer"]);
        sent.is(0, "", "skipped a: the file there is as new\n");
        taken.is(0, "", "skipped a: the file there is as new\n");
        assert_eq!(files.read("a"), b"old");
    }
    at(&files.path("a"), 1000);
    let (sent, taken) = files.send(&[&path], &["--overwrite", "newer"]);
    sent.is(0, "", line("sent", "a", b"new"));
    taken.is(0, "", line("received", "a", b"new"));
    assert_eq!(files.read("a"), b"new");
}

#[test]
fn always_replaces_files_and_nothing_else() {
    let files = Files::new("always");
    let path = files.to_send("a", "new");
    fs::write(files.path("a"), "old").unwrap();
    let (sent, taken) = files.send(&[&path], &["--overwrite", "always"]);
    sent.is(0, "", line("sent", "a", b"new"));
    taken.is(0, "", line("received", "a", b"new"));
    assert_eq!((files.read("a"), files.names()), (b"new".to_vec(), vec!["a".to_owned()]));

    let outside = files.dir.file("outside");
    fs::write(&outside, "outside").unwrap();
    for (name, why) in [
        ("link", "a symbolic link of this name exists"),
        ("dir", "a directory of this name exists"),
        ("pipe", "a special file of this name exists"),
    ] {
        files.to_send(name, "new");
        match name {
            "link" => symlink(&outside, files.path(name)).unwrap(),
            "dir" => fs::create_dir(files.path(name)).unwrap(),
            _ => {
                let pipe = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, files.path(name), pipe, 0o600.into(), 0).unwrap();
            }
        }
        for overwrite in ["never", "newer", "always"] {
            assert_refused(&files, name, &["--overwrite", overwrite], why);
        }
    }
    assert_eq!(fs::read(&outside).unwrap(), b"outside");
}
