//! `connect` as a probe: `--repeat`, `--interval`, `--expect` and `--json`.

use std::io::Write;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{NOT_FOUND, Proc, Server, accept, digits, local_listener, read_line, run, secretcat};

/// The lines of `--json`, each of which follows the schema.
#[track_caller]
fn replies(stdout: &[u8]) -> Vec<Value> {
    let schema = serde_json::from_str(include_str!("../cases/reply.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let lines = std::str::from_utf8(stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    for line in &lines {
        let errors: Vec<_> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
    }
    lines
}

#[test]
fn messages_are_sent_in_rounds_on_one_connection() {
    let server = Server::start(&[]);
    let args = ["-m", "SECRET 1", "-m", "x", "--repeat", "3", "--interval", "1ms", "--stats"];
    let out = run(["connect", &server.address()].iter().chain(&args), "");
    assert_eq!((out.status, String::from_utf8(out.stdout).unwrap()), (Some(0), (digits("1") + NOT_FOUND).repeat(3)));
    assert!(out.stderr.contains("connections   1\n") && out.stderr.contains("messages      6 out, 6 in\n"));
    server.stops_with("");
}

#[test]
fn round_waits_for_the_replies_of_the_previous_one() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-m", "a", "--repeat", "2", "--interval", "0"]));
    let mut peer = accept(&listener);
    assert_eq!(read_line(&mut peer), "a\n");
    peer.write_all(b"1\n").unwrap();
    assert_eq!(read_line(&mut peer), "a\n");
    peer.write_all(b"2\n").unwrap();
    drop(peer);
    proc.end().is(0, "1\n2\n", "");
}

#[test]
fn rounds_without_end_stop_at_a_signal_with_a_summary() {
    let server = Server::start(&[]);
    let args = ["connect", &server.address(), "-m", "SECRET 1", "--repeat", "0", "--interval", "1ms", "--stats=json"];
    let proc = Proc::start(&mut secretcat(args));
    proc.wait_for_stdout(&digits("1").repeat(3));
    proc.signal(Signal::INT);
    let out = proc.end();
    assert_eq!(out.signal, Some(2));
    let stats: Value = serde_json::from_str(out.stderr.lines().next().unwrap()).unwrap();
    assert!(stats["connect"]["reply_time"]["count"].as_u64() >= Some(3), "{stats}");
}

#[test]
fn server_that_ends_between_rounds_is_an_error() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-m", "a", "--repeat", "9", "--interval", "1h"]));
    let mut peer = accept(&listener);
    assert_eq!(read_line(&mut peer), "a\n");
    peer.write_all(b"1\n").unwrap();
    drop(peer);
    proc.end().is(1, "1\n", format!("secretcat: connect {address}: closed by the server\n"));
}

#[test]
fn reply_that_does_not_match_is_status_1() {
    let all = digits("1") + NOT_FOUND + NOT_FOUND;
    let input = "SECRET 1\na\nb\n";
    run(["connect", "--loopback", "--expect", "^(Digits: |Secret )"], input).is(0, &all, "");
    let out = run(["connect", "--loopback", "--expect", "Count: 1$"], input);
    assert_eq!((out.status, out.stdout), (Some(1), all.into_bytes()));
    let error = "2 replies do not match --expect; the first: \"Secret code not found.\"\n";
    assert!(out.stderr.ends_with(error), "{}", out.stderr);
    // What the terminal would obey is escaped, and a greeting is no reply.
    let (listener, address) = local_listener();
    let args = ["connect", &address, "--greeting", "1", "-m", "a", "--expect", "^x"];
    let proc = Proc::start(&mut secretcat(args));
    let mut peer = accept(&listener);
    read_line(&mut peer);
    peer.write_all(b"hello\n\x1b[2J\n").unwrap();
    drop(peer);
    let error = format!("secretcat: {address}: 1 reply does not match --expect; the first: \"\\x1b[2J\"\n");
    proc.end().is(1, "hello\n\x1b[2J\n", error);
}

#[test]
fn reply_that_does_not_match_is_reported_in_its_round() {
    let (listener, address) = local_listener();
    let args = ["connect", &address, "-m", "a", "-m", "b", "--repeat", "0", "--interval", "0", "--expect", "^ok\\d$"];
    let proc = Proc::start(&mut secretcat(args));
    let mut peer = accept(&listener);
    let line = |place: &str, reply: &str| {
        format!("secretcat: {address}: {place}: expected \"^ok\\d$\", received \"{reply}\"\n")
    };
    let mut expected = String::new();
    for (reply, wrong) in [
        ("ok1", None),
        ("ok2", None),
        ("ok3", None),
        ("no\x1b", Some(line("round 2, message 2", "no\\x1b"))),
        ("?", Some(line("round 3, message 1", "?"))),
    ] {
        read_line(&mut peer);
        peer.write_all(format!("{reply}\n").as_bytes()).unwrap();
        expected += &wrong.unwrap_or_default();
        proc.wait_for_stderr(&expected); // it is printed while the run goes on
    }
    read_line(&mut peer); // unread bytes would make its end a reset
    drop(peer);
    let lost = format!("secretcat: connect {address}: closed by the server with 1 message unanswered\n");
    proc.end().is(1, "ok1\nok2\nok3\nno\x1b\n?\n", expected + &lost);
}

#[test]
fn flood_of_wrong_replies_is_bounded_and_counted() {
    let args = ["connect", "--loopback", "-m", "x", "--repeat", "200", "--interval", "0", "--expect", "y"];
    let out = run(args, "");
    assert_eq!((out.status, out.stdout), (Some(1), NOT_FOUND.repeat(200).into_bytes()));
    let lines: Vec<&str> = out.stderr.lines().collect();
    let (last, lines) = lines.split_last().unwrap();
    assert!(last.ends_with(": 200 replies do not match --expect; the first: \"Secret code not found.\""), "{last}");
    assert!(lines[0].contains(": round 1: expected \"y\", received \"Secret"), "{lines:?}");
    assert!((10..200).contains(&lines.len()), "{lines:?}");
    let quiet = run(args.iter().chain(&["--quiet"]), "");
    assert_eq!(quiet.stderr.lines().count(), 1, "{}", quiet.stderr);
}

#[test]
fn replies_are_json_objects() {
    let (listener, address) = local_listener();
    let args = ["connect", &address, "--greeting", "1", "--expect", "a", "--json", "-m", "one", "-m", "two"];
    let proc = Proc::start(&mut secretcat(args));
    let mut peer = accept(&listener);
    read_line(&mut peer);
    read_line(&mut peer);
    peer.write_all(b"220\r\n\"a\"\x1b\r\n\xff\nhalf").unwrap();
    drop(peer);
    let out = proc.end();
    assert_eq!(out.status, Some(1), "{}", out.stderr);
    let lines = replies(&out.stdout);
    let known = lines.iter().map(|line| (line["number"].as_u64(), line["nanos"].as_u64().is_some(), &line["matches"]));
    let known: Vec<_> = known.collect();
    let (yes, no, none) = (Value::from(true), Value::from(false), Value::Null);
    assert_eq!(known, [(None, false, &none), (Some(1), true, &yes), (Some(2), true, &no), (None, false, &none)]);
    let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str().or(line["base64"].as_str()).unwrap()).collect();
    assert_eq!(texts, ["220", "\"a\"\u{1b}", "/w==", "half"]);
    assert_eq!(lines[3]["incomplete"], true);
}
