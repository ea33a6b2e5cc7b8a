//! `connect` in a script: messages from stdin or `-m`, replies on stdout, and the exit status.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use crate::support::{
    NOT_FOUND, Proc, Server, accept, digits, local_listener, read_line, read_some, reset, run, run_command, secretcat,
    skip, under_strace,
};

#[test]
fn each_line_is_a_message_and_only_replies_go_to_stdout() {
    let server = Server::start(&[]);
    let out = run(["connect", &server.address()], "My SECRET code is 12345\nhello\n\nSECRET 7");
    out.is(0, digits("12345") + NOT_FOUND + NOT_FOUND + &digits("7"), "");
    run(["connect", &server.address()], "").is(0, "", "");
    run(["connect", &server.address()], "\n").is(0, NOT_FOUND, "");
    server.stops_with("");
}

#[test]
fn quit_words_from_a_pipe_are_messages() {
    let server = Server::start(&[]);
    let words = "q\nquit\nQUIT()\nclose\nclose()\nSECRET 1\n";
    run(["connect", &server.address()], words).is(0, NOT_FOUND.repeat(5) + &digits("1"), "");
    server.stops_with("");
}

#[test]
fn messages_come_from_the_command_line() {
    let server = Server::start(&[]);
    // stdin is not read: it stays open, and the run does not wait for it.
    let (mut keyboard, stdin) = UnixStream::pair().unwrap();
    keyboard.write_all(b"SECRET 2\n").unwrap();
    let mut command = secretcat(["connect", &server.address(), "-m", "SECRET 1", "--message", "quit"]);
    let proc = Proc::start_on(&mut command, OwnedFd::from(stdin).into(), Stdio::piped(), Stdio::piped());
    proc.end().is(0, digits("1") + NOT_FOUND, "");
    run(["connect", &server.address(), "-m", ""], "").is(0, NOT_FOUND, "");
    run(["connect", &server.address(), "-m", "-SECRET 3"], "").is(0, digits("3"), "");
    run(["connect", &server.address(), "-m", "SECRET\n1"], "").is(
        2,
        "",
        "secretcat: -m takes one message, and a line feed ends a message: give -m twice\n",
    );
    server.stops_with("");
}

#[test]
fn messages_are_pipelined_and_replies_printed_at_once() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address]));
    proc.write("one\ntwo\nthree\n");
    let mut server = accept(&listener);
    for message in ["one\n", "two\n", "three\n"] {
        assert_eq!(read_line(&mut server), message);
    }
    server.write_all(b"first\n").unwrap();
    assert_eq!(proc.wait_for_stdout("first\n"), "first\n"); // while stdin is still open
    server.write_all(b"second\nth").unwrap();
    proc.wait_for_stdout("second\n");
    server.write_all(b"ird\n").unwrap();
    proc.wait_for_stdout("third\n");
    proc.close_stdin();
    proc.end().is(0, "first\nsecond\nthird\n", "");
}

#[test]
fn connect_half_closes_after_the_last_reply() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-m", "hello"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "hello\n");
    server.write_all(b"answer\n").unwrap();
    assert_eq!(read_some(&mut server, &mut [0]).unwrap(), 0, "it half-closes after the last reply");
    server.shutdown(Shutdown::Both).unwrap();
    proc.end().is(0, "answer\n", "");
}

#[test]
fn replies_to_100000_messages_come_in_order() {
    let server = Server::start(&[]);
    let (mut messages, mut answers) = (String::new(), String::new());
    for n in 0..100_000 {
        writeln!(messages, "SECRET {n}").unwrap();
        answers.push_str(&digits(&n.to_string()));
    }
    let out = run(["connect", &server.address()], &messages);
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(out.stdout == answers.as_bytes());

    // The same from a file, which cannot be polled.
    let dir = crate::support::Dir::new("many");
    std::fs::write(dir.file("in"), &messages).unwrap();
    let stdin = std::fs::File::open(dir.file("in")).unwrap();
    let stdout = std::fs::File::create(dir.file("out")).unwrap();
    let mut command = secretcat(["connect", &server.address()]);
    Proc::start_on(&mut command, stdin.into(), stdout.into(), Stdio::piped()).end().is(0, "", "");
    assert!(std::fs::read_to_string(dir.file("out")).unwrap() == answers);
    server.stops_with("");
}

#[test]
fn bytes_of_messages_and_replies_are_unchanged() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address]));
    let message = b"\x1b[31m\xff\0\x9b\r\t\xe2\x80\xae end\n";
    proc.feed(message.to_vec());
    let mut server = accept(&listener);
    let mut got = vec![0; message.len()];
    server.read_exact(&mut got).unwrap();
    assert_eq!(got, message);
    server.write_all(message).unwrap();
    proc.end().is(0, message, "");
}

#[test]
fn crlf_option_ends_each_message_with_cr_lf() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-C", "-m", "one"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "one\r\n");
    server.write_all(b"yes\r\n").unwrap();
    proc.end().is(0, "yes\r\n", ""); // byte for byte
}

#[test]
fn shutdown_option_half_closes_at_end_of_input() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-N", "-m", "one"]));
    let mut server = accept(&listener);
    let mut got = String::new();
    server.read_to_string(&mut got).unwrap(); // the half-close comes before any reply
    assert_eq!(got, "one\n");
    server.write_all(b"late\n").unwrap();
    proc.end().is(0, "late\n", "");
}

#[test]
fn early_server_close_counts_unanswered_messages() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-m", "a", "-m", "b", "-m", "c"]));
    let mut server = accept(&listener);
    for message in ["a\n", "b\n", "c\n"] {
        assert_eq!(read_line(&mut server), message);
    }
    server.write_all(b"A\n").unwrap();
    drop(server);
    let stderr = format!("secretcat: connect {address}: closed by the server with 2 messages unanswered\n");
    proc.end().is(1, "A\n", stderr);
}

#[test]
fn reset_counts_unanswered_messages() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-m", "a"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    reset(server);
    let stderr = format!("secretcat: connect {address}: connection reset by peer with 1 message unanswered\n");
    proc.end().is(1, "", stderr);
}

#[test]
fn truncated_reply_is_printed_but_not_counted() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-m", "a"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    server.write_all(b"Digits: 1").unwrap();
    drop(server);
    let stderr = format!(
        "secretcat: connect {address}: closed by the server in the middle of a reply with 1 message unanswered\n"
    );
    proc.end().is(1, "Digits: 1", stderr);
}

#[test]
fn incomplete_line_is_printed_however_the_run_ends() {
    let (listener, address) = local_listener();
    let cases: [(&[&str], &[u8], i32); 4] = [
        (&[], b"reply\r\n> ", 0),
        (&["--timeout", "3s"], b"login: ", 1),
        (&["-w", "3s"], b"login: ", 1),
        (&["-q", "3s"], b"login: ", 1),
    ];
    // All wait at the same time.
    let runs = cases.map(|(args, text, status)| {
        let proc = Proc::start(secretcat(["connect", &address, "-m", "a"]).args(args));
        let mut server = accept(&listener);
        assert_eq!(read_line(&mut server), "a\n");
        server.write_all(text).unwrap();
        (proc, server, text, status)
    });
    for (proc, _server, text, status) in runs {
        let out = proc.end(); // the server stays
        assert_eq!((out.status, &out.stdout[..]), (Some(status), text), "{}", out.stderr);
    }
}

#[test]
fn server_close_while_stdin_is_open_is_status_1() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address])); // its stdin stays open
    drop(accept(&listener));
    proc.end().is(1, "", format!("secretcat: connect {address}: closed by the server\n"));
}

#[test]
fn server_close_with_empty_stdin_is_status_0() {
    let (listener, address) = local_listener();
    // The server closes at once, so that its end is usually read before that of stdin.
    let server = thread::spawn(move || (0..20).for_each(|_| drop(accept(&listener))));
    for _ in 0..20 {
        let mut command = secretcat(["connect", &address]);
        Proc::start_on(&mut command, Stdio::null(), Stdio::piped(), Stdio::piped()).end().is(0, "", "");
    }
    server.join().unwrap();
}

#[test]
fn greeting_before_the_first_message_is_not_a_reply() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address]));
    let mut server = accept(&listener);
    server.write_all(b"220 welcome\n").unwrap();
    proc.wait_for_stdout("welcome\n");
    proc.write("hello\n");
    proc.close_stdin();
    assert_eq!(read_line(&mut server), "hello\n");
    drop(server);
    let stderr = format!("secretcat: connect {address}: closed by the server with 1 message unanswered\n");
    proc.end().is(1, "220 welcome\n", stderr);
}

#[test]
fn reply_over_the_limit_is_status_1_with_a_reason() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "--max-message", "1k", "-m", "a", "-m", "b"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    server.write_all(b"ok\n").unwrap();
    server.write_all(&[b'x'; 5000]).unwrap(); // without a line feed: the limit holds before one arrives
    let stderr = format!(
        "secretcat: connect {address}: a reply of more than 1024 bytes (--max-message sets the limit) \
         with 1 message unanswered\n"
    );
    proc.end().is(1, "ok\n", stderr);
}

#[test]
fn message_over_the_limit_on_stdin_is_status_2() {
    let server = Server::start(&[]);
    let input = format!("SECRET 1\n{}\n", "x".repeat(2000));
    let out = run(["connect", &server.address(), "--max-message", "1k"], input);
    assert_eq!(out.status, Some(2));
    assert_eq!(
        out.stderr,
        "secretcat: message 2 of stdin: message longer than 1024 bytes (--max-message sets the limit)\n"
    );
    server.stops_with("");
}

#[test]
fn stdout_reader_gone_ends_connect_by_sigpipe() {
    let server = Server::start(&[]);
    let (mut reader, stdout) = UnixStream::pair().unwrap();
    let mut command = secretcat(["connect", &server.address()]);
    let mut proc = Proc::start_on(&mut command, Stdio::piped(), OwnedFd::from(stdout).into(), Stdio::piped());
    drop(command);
    proc.write("SECRET 1\n");
    let mut line = [0; 21];
    reader.read_exact(&mut line).unwrap();
    assert_eq!(line, *b"Digits: 1   Count: 1\n");
    drop(reader);
    proc.feed("SECRET 2\n".repeat(1000).into_bytes());
    let outcome = proc.end();
    assert_eq!((outcome.signal, outcome.stderr.as_str()), (Some(libc::SIGPIPE), ""));
    server.stops_with("");
}

#[test]
fn interrupted_poll_does_not_fail_stdin_or_stdout() {
    if !skip::has_strace() {
        return;
    }
    let server = Server::start(&[]);
    // Every second poll(2) is interrupted as by a handled signal.
    let interrupt = ["-e", "trace=poll", "-e", "inject=poll:error=EINTR:when=2+2"];
    let mut traced = under_strace(Path::new("/dev/null"), &interrupt, ["connect", &server.address()]);
    run_command(&mut traced, "SECRET 1\nhello\n").is(0, digits("1") + NOT_FOUND, "");
}
