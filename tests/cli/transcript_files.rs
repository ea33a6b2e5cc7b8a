//! The files of a transcript: full ones are renamed, and the name is opened again at SIGUSR2.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use super::transcript::{assert_ids, records, texts};
use crate::support::{Dir, NOT_FOUND, Server, ask, poll_until, run};

fn numbered(file: &Path, number: usize) -> PathBuf {
    format!("{}.{number}", file.display()).into()
}

/// The id that the first line of a file promises.
#[track_caller]
fn first(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    header["first"].as_u64().unwrap()
}

#[test]
fn full_files_are_renamed_and_the_oldest_is_dropped() {
    for sync in ["never", "1s", "each"] {
        let dir = Dir::new(&format!("rotation-{sync}"));
        let file = dir.file("transcript");
        let path = file.to_str().unwrap();
        let server = Server::start(&["--transcript", path, "--transcript-max", "4k,3", "--transcript-sync", sync]);
        run(["connect", &server.address()], "hello\n".repeat(200)).is(0, NOT_FOUND.repeat(200), "");
        server.stops_with("");
        let files: Vec<PathBuf> = (1..=3).rev().map(|number| numbered(&file, number)).chain([file.clone()]).collect();
        for file in &files {
            assert!(fs::metadata(file).unwrap().len() <= 4096);
            assert_eq!(records(file)[0]["id"].as_u64(), Some(first(file)), "{}", file.display());
        }
        let all: Vec<Value> = files.iter().flat_map(|file| records(file)).collect();
        assert_ids(&all, first(&files[0]));
        assert_eq!(all.last().unwrap()["id"], 400);
        assert!(!numbered(&file, 4).exists());
        // The ids go on in a new file.
        fs::remove_file(&file).unwrap();
        let last = records(&files[2]).last().unwrap()["id"].as_u64().unwrap();
        run(["connect", "--loopback", "-m", "a", "--transcript", path], "").is(0, NOT_FOUND, "");
        assert_ids(&records(&file), last + 1);
    }
}

#[test]
fn message_larger_than_the_limit_has_a_file_of_its_own() {
    let dir = Dir::new("large");
    let file = dir.file("transcript");
    let args = ["connect", "--loopback", "--transcript", file.to_str().unwrap(), "--transcript-max", "4k"];
    run(args, format!("a\n{}\nb\n", "x".repeat(9000))).is(0, NOT_FOUND.repeat(3), "");
    let all: Vec<Value> = [2, 1]
        .iter()
        .map(|&number| numbered(&file, number))
        .chain([file.clone()])
        .filter(|file| file.exists())
        .flat_map(|file| records(&file))
        .collect();
    assert_ids(&all, 1);
    assert_eq!(texts(&all).iter().filter(|(direction, _)| *direction == "out").count(), 3);
}

#[test]
fn renamed_file_is_written_until_sigusr2() {
    let dir = Dir::new("reopened");
    let (file, old) = (dir.file("transcript"), dir.file("transcript-20261126"));
    let server = Server::start(&["--transcript", file.to_str().unwrap()]);
    let mut stream = server.open();
    let mut say = |text: &str| assert_eq!(ask(&mut stream, text), NOT_FOUND);
    say("one");
    fs::rename(&file, &old).unwrap();
    say("two");
    server.proc.signal(Signal::USR2);
    poll_until("a new file", || drop(server.open()), || fs::read(&file).is_ok_and(|bytes| bytes.ends_with(b"\n")));
    say("three");
    // Nothing to do: it has its name.
    server.proc.signal(Signal::USR2);
    say("four");
    server.stops_with("");
    let received = |file: &Path| -> Vec<String> {
        let records = records(file);
        let texts = texts(&records);
        texts.iter().filter(|(direction, _)| *direction == "in").map(|(_, text)| (*text).to_owned()).collect()
    };
    assert_eq!(received(&old), ["one", "two"]);
    assert_eq!(received(&file), ["three", "four"]);
    assert_ids(&[records(&old), records(&file)].concat(), 1);
    assert_eq!(first(&file), 5);
}

#[test]
fn file_of_another_program_is_not_taken_at_sigusr2() {
    let dir = Dir::new("taken");
    let (file, old) = (dir.file("transcript"), dir.file("old"));
    let path = file.to_str().unwrap();
    let server = Server::start(&["--transcript", path]);
    fs::rename(&file, &old).unwrap();
    fs::write(&file, "a log\n").unwrap();
    server.proc.signal(Signal::USR2);
    server.proc.wait_for_stderr(&format!(
        "secretcat: open {path}: not a transcript of secretcat; the old file is written on\n"
    ));
    assert_eq!(server.exchange("a\n"), NOT_FOUND);
    assert_eq!(server.stop().status, Some(0));
    assert_eq!(records(&old).len(), 2);
    assert_eq!(fs::read_to_string(&file).unwrap(), "a log\n");
}
