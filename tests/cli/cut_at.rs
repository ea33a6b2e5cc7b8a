//! `--cut-at` and `--cut-at-regex`: cuts behind what is found, and plans that repeat them.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::support::trace::{self, Traced};
use crate::support::{Dir, NOT_FOUND, Server, digits, run};

/// A text with an ending that stands alone, joined with others, and at both ends.
const TEXT: &str = "SECRET 42\r\n\r\nEND\r\n";

#[test]
fn messages_are_cut_behind_each_occurrence() {
    let dir = Dir::new("cut-at");
    let server = Server::start(&[]);
    let at = ["--cut-at", r"\r", "--cut-at", "T ", "--barrier", "peer-read"];
    let (stdout, trace) = trace::connect(&dir, &[&[&server.address(), "-C"], &at[..]].concat(), "SECRET 42\nEND\n");
    assert_eq!(stdout, digits("42") + NOT_FOUND);
    assert_eq!(trace.writes(1), [7, 3, 1, 4, 1]);
}

#[test]
fn messages_are_cut_behind_each_match() {
    let dir = Dir::new("cut-at-regex");
    let server = Traced::start(&dir, &["--cut-at-regex", ": +|[0-9]+", "--barrier", "peer-read"]);
    let (stdout, client) = trace::connect(&dir, &[&server.address(), "--cut-at-regex", r"\b"], "SECRET 42\nEND\n");
    assert_eq!(stdout, digits("42") + NOT_FOUND);
    assert_eq!(client.writes(1), [6, 1, 2, 1, 3, 1]);
    let replies = server.stop_and_read();
    // "Digits: |42|   Count: |2|\n" and "Secret code not found.\n"
    assert_eq!(replies.writes(replies.connections("listen")[0]), [8, 2, 10, 1, 1, 23]);
}

/// A relay does not know how the bytes arrive.
#[test]
fn stream_of_a_relay_is_cut_behind_each_occurrence() {
    let dir = Dir::new("cut-at-relay");
    let server = Server::start(&[]);
    let relay = Traced::start(&dir, &["--relay", &server.address(), "--cut-at", r"T\x20", "--cut-toward", "server"]);
    let mut client = relay.open();
    for part in ["SECRE", "T", " 1\nT", " 2"] {
        client.write_all(part.as_bytes()).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    let mut replies = String::new();
    client.read_to_string(&mut replies).unwrap();
    assert_eq!(replies, digits("1") + NOT_FOUND);
    let trace = relay.stop_and_read();
    let mut end = 0;
    let writes = trace.writes(trace.connections("connect")[0]);
    let ends: Vec<u64> = writes.iter().map(|len| (end += len, end).1).collect();
    assert!([7, 11].iter().all(|cut| ends.contains(cut)), "{ends:?}");
    let file = dir.file("listen.ndjson");
    let again = ["connect", &server.address(), "--plan", file.to_str().unwrap(), "-m", "SECRET 42", "-v"];
    let out = run(again, "");
    assert_eq!(out.stdout, digits("42").into_bytes());
    assert!(out.stderr.contains(r"#1 plan --cut-at 'T\x20'"), "{}", out.stderr);
}

#[test]
fn trace_repeats_the_cuts_as_a_plan() {
    let dir = Dir::new("cut-at-plan");
    let server = Server::start(&[]);
    let address = server.address();
    let cases: [(&[&str], &[&str], &[u64]); 3] = [
        (&["--raw"], &["--cut-at", r"\r\n"], &[11, 2, 5]),
        (&["-C"], &["--cut-at", r"\r"], &[10, 1, 1, 1, 4, 1]),
        (&["-C"], &["--cut-at-regex", r"\w+\s", "--coalesce", "2"], &[7, 3, 3, 4, 1]),
    ];
    for (mode, cuts, writes) in cases {
        let to = [&[&address[..], "--barrier", "peer-read"], mode].concat();
        let (stdout, trace) = trace::connect(&dir, &[&to, cuts].concat(), TEXT);
        assert_eq!(trace.writes(1), writes, "{cuts:?}");
        let file = dir.file("plan.ndjson");
        std::fs::copy(dir.file("connect.ndjson"), &file).unwrap();
        let plan = [&[&address[..]], mode, &["--plan", file.to_str().unwrap()]].concat();
        let (repeated, again) = trace::connect(&dir, &plan, TEXT);
        assert_eq!((repeated, again.writes(1)), (stdout, writes.to_vec()), "{cuts:?}");
        assert_eq!(again.of(1, "plan")[0]["cutting"], trace.of(1, "plan")[0]["cutting"]);
    }
}
