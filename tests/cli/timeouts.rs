//! The time limits of `connect`: for a reply, for an idle connection, and after the end of the input.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::{
    DEADLINE, NOT_FOUND, Proc, Server, accept, digits, local_listener, read_line, read_some, run, secretcat,
};

#[test]
fn silent_server_ends_connect_after_the_timeout() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "--timeout", "50ms", "-m", "a", "-m", "b"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    let stderr = format!("secretcat: receive from {address}: no reply within 50ms (--timeout sets the limit)\n");
    proc.end().is(1, "", stderr);

    let proc = Proc::start(&mut secretcat(["connect", &address, "--idle-timeout", "50ms", "-m", "a"]));
    let _server = accept(&listener);
    let stderr = format!(
        "secretcat: connection to {address}: no byte received or sent within 50ms (--idle-timeout sets the limit)\n"
    );
    proc.end().is(1, "", stderr);
}

#[test]
fn timeout_applies_to_each_reply() {
    // Six replies at a fifth of the limit each: together they take longer than the limit.
    let (listener, address) = local_listener();
    let mut command = secretcat(["connect", &address, "--timeout", "5s"]);
    command.args(["-m", "x"].repeat(6));
    let proc = Proc::start(&mut command);
    let mut server = accept(&listener);
    for _ in 0..6 {
        assert_eq!(read_line(&mut server), "x\n");
    }
    let pace = Server::start(&["--idle-timeout", "1s"]);
    for _ in 0..6 {
        assert_eq!(read_some(&mut pace.open(), &mut [0]).unwrap(), 0); // about 1 s later
        server.write_all(b"y\n").unwrap();
    }
    proc.end().is(0, "y\n".repeat(6), "");
}

#[test]
fn reply_timeout_pauses_while_stdout_is_not_read() {
    let server = Server::start(&[]);
    let (mut reader, stdout) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = secretcat(["connect", &server.address(), "--timeout", "4s"]);
    let mut proc = Proc::start_on(&mut command, Stdio::piped(), OwnedFd::from(stdout).into(), Stdio::piped());
    drop(command); // and the test's end of its stdout
    proc.feed("x\n".repeat(100_000).into_bytes());
    let mut answers = vec![0; 1];
    reader.read_exact(&mut answers).unwrap();
    // Against a silent server, another run takes its whole limit, longer than the limit of the first.
    let (_silent, address) = local_listener();
    assert_eq!(run(["connect", &address, "--timeout", "5s", "-m", "x"], "").status, Some(1));
    reader.read_to_end(&mut answers).unwrap();
    proc.end().is(0, "", "");
    assert!(answers == NOT_FOUND.repeat(100_000).as_bytes());
    server.stops_with("");
}

#[test]
fn late_reader_of_stdout_receives_all_lines() {
    let (listener, address) = local_listener();
    let (mut reader, stdout) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = secretcat(["connect", &address, "-m", "GET"]);
    let proc = Proc::start_on(&mut command, Stdio::null(), OwnedFd::from(stdout).into(), Stdio::piped());
    drop(command);
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "GET\n");
    // All bytes are in the kernel before the first read, so the speed of this test does not matter.
    let page = "a line of a page\n".repeat(30_000);
    proc.suspend();
    server.write_all(page.as_bytes()).unwrap();
    proc.signal(Signal::CONT);
    // Longer than the wait for surplus lines.
    let (_silent, silent) = local_listener();
    assert_eq!(run(["connect", &silent, "--timeout", "1200ms", "-m", "x"], "").status, Some(1));
    let mut printed = String::new();
    reader.read_to_string(&mut printed).unwrap();
    assert!(printed == page, "{} bytes", printed.len());
    drop(server);
    let more = "29999 lines more than messages: --replies N|any, --greeting N, or --raw";
    proc.end().is(1, "", format!("secretcat: {address}: {more}\n"));
}

#[test]
fn quit_after_limits_the_wait_after_end_of_input() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-q", "50ms", "-m", "a"]));
    let _server = accept(&listener);
    let reason = "ended 50ms after the end of the input (--quit-after sets the time) with 1 message unanswered";
    proc.end().is(1, "", format!("secretcat: connect {address}: {reason}\n"));
    // Everything is answered.
    run(["connect", "--loopback", "-q", "1m", "-m", "SECRET 1"], "").is(0, digits("1"), "");
}

#[test]
fn reply_timeout_starts_when_the_message_is_sent() {
    let server = Server::start(&[]);
    let args = ["connect", &server.address(), "--timeout", "2s"];
    // The first waits to be joined with the second.
    let mut proc = Proc::start(secretcat(args).args(["--coalesce", "2"]));
    proc.write("SECRET 1\n");
    // Each message has a pause before it that is longer than a reply may take.
    let out = run(args.iter().chain(&["--delay", "3s", "-m", "SECRET 1", "-m", "SECRET 2"]), "");
    out.is(0, digits("1") + &digits("2"), "");
    proc.feed(b"SECRET 2\n".to_vec());
    proc.end().is(0, digits("1") + &digits("2"), "");
    server.stops_with("");
}

#[test]
fn delay_before_a_message_does_not_extend_a_timeout() {
    let (listener, address) = local_listener();
    let args = ["connect", &address, "--timeout", "50ms", "-m", "a", "-m", "b"];
    let stderr = format!("secretcat: receive from {address}: no reply within 50ms (--timeout sets the limit)\n");
    let proc = Proc::start(secretcat(args).args(["--delay", "1h"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    proc.end().is(1, "", &stderr);
    // A message that the server does not read is not delayed by us.
    let proc = Proc::start(secretcat(args).args(["--barrier", "peer-read"]));
    let _server = accept(&listener);
    proc.end().is(1, "", &stderr);
}

#[test]
fn sigint_kills_connect_and_keeps_its_stats() {
    let (listener, address) = local_listener();
    let interrupted = |args: &[&str]| {
        let proc = Proc::start(secretcat(["connect", &address, "-m", "a"]).args(args));
        let mut server = accept(&listener);
        assert_eq!(read_line(&mut server), "a\n");
        proc.signal(Signal::INT);
        proc.end()
    };
    // A shell ends its script if the command dies of SIGINT, not if it exits with 130.
    let out = interrupted(&[]);
    assert_eq!((out.status, out.signal, &out.stderr[..]), (None, Some(2), ""));
    // The recording is not lost.
    let out = interrupted(&["--stats"]);
    assert_eq!((out.status, out.signal), (None, Some(2)));
    assert!(out.stderr.contains("\nmessages      1 out, 0 in\n"), "{}", out.stderr);
}
