//! The presets of HTTP: what a server does not take is left out, and said.

use std::process::Command;

use serde_json::json;

use super::{expect_same, sweep};
use crate::support::servers::{self, Place, port};
use crate::support::{Dir, Server, run};

#[test]
fn http_has_no_differences_and_changes_no_file() {
    let dir = Dir::new("preset-http");
    std::fs::write(dir.file("index.html"), "hello\n").unwrap();
    let Some((_proc, address)) = servers::nginx(Place::Port, &dir) else { return };
    let state = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        (files, std::fs::read(dir.file("index.html")).unwrap())
    };
    let before = state();
    expect_same(&address, "http", &[]);
    expect_same(&address, "http-chunked", &[]);
    assert_eq!(state(), before);
}

/// A server of HTTP/1.0.
#[test]
fn http_server_that_closes_gets_one_request_a_connection() {
    let dir = Dir::new("preset-http-closes");
    std::fs::write(dir.file("index.html"), "hello\n").unwrap();
    let start = |command: &mut Command, address: &str| {
        command.args(["-m", "http.server", port(address), "--bind", "127.0.0.1", "--directory"]).arg(dir.path());
    };
    let Some((_proc, address)) = servers::start("python3", Place::Port, start) else { return };
    let out = run(["sweep", &address, "--protocol", "http", "--families", "cut", "--max-time", "0"], "");
    let report = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status, Some(0), "{}{report}", out.stderr);
    let why = "the server closes the connection after reply 1 of 3: the other messages are left out";
    assert!(report.contains(why) && report.contains(": 1 message, "), "{report}");
}

/// The date differs between the two uncut conversations of most sweeps, and a mask need not be given.
#[test]
fn http_server_without_chunked_bodies_is_not_tested() {
    let dir = Dir::new("preset-http-python");
    std::fs::write(dir.file("index.html"), "hello\n").unwrap();
    let Some((_proc, address)) = servers::python(&dir) else { return };
    expect_same(&address, "http", &["--families", "cut,chunk"]);
    let out = run(["sweep", &address, "--protocol", "http-chunked", "--max-time", "0"], "");
    assert_eq!((out.status, out.stdout.as_slice()), (Some(4), &b""[..]), "{}", out.stderr);
    assert!(out.stderr.contains("nothing was tested: the server sent an error: \"HTTP/1.1 501 "), "{}", out.stderr);
}

/// Servers of HTTP differ in what they take, and none of that is a fault.
#[test]
fn http_presets_adapt_to_the_habits_of_a_server() {
    let closed =
        |of| format!("the server closes the connection after reply 1 of {of}: the other messages are left out");
    let refused = |message| {
        format!(
            "the server refuses message {message}, which is left out: \
             \"HTTP/1.1 400 Bad Request\\r\\nConnection: close\\r\\nContent-Length:...\""
        )
    };
    for (habit, preset, messages, warnings) in [
        ("none", "http", 3, vec![]),
        ("none", "http-chunked", 5, vec![]),
        ("early", "http", 3, vec![]),
        ("early", "http-chunked", 1, vec![closed(5)]),
        ("last", "http", 1, vec![closed(3)]),
        ("strict", "http-chunked", 3, vec![refused(4), refused(5)]),
        ("no-trailers", "http-chunked", 4, vec![refused(5)]),
    ] {
        let Some(server) = Server::python("web.py", &[habit]) else { return };
        let found = sweep(&server.address(), preset, &["--families", "cut,chunk"]);
        let what = format!("{preset}, {habit}: {found:#}");
        assert_eq!((&found["status"], &found["verdicts"]["not_proven"]), (&json!(0), &json!(0)), "{what}");
        assert_eq!(found["messages"].as_array().map(Vec::len), Some(messages), "{what}");
        assert_eq!(found["warnings"], json!(warnings), "{what}");
    }
}
