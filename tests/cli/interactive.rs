//! `connect` at a terminal prints exactly the conversation of the original program.

use std::io::Write;
use std::net::TcpListener;

use rustix::process::Signal;

use crate::support::prompt::{PROMPT, at_terminal, first_lines, shown_with_reply};
use crate::support::pty::Terminal;
use crate::support::{Server, accept, digits, local_listener, read_line, reset, secretcat, skip};

#[test]
fn terminal_shows_the_conversation_of_the_original() {
    let server = Server::start(&[]);
    let mut terminal = at_terminal(&server.address(), &[]);
    terminal.types("My SECRET code is 12345\n");
    let shown = shown_with_reply(&mut terminal, "Digits: 12345   Count: 5");
    assert_eq!(
        shown,
        "My SECRET code is 12345\r\nSent: My SECRET code is 12345\r\nReceived: Digits: 12345   Count: 5\r\n\
         Enter Message: "
    );
    terminal.types("hello\n");
    let reply = |terminal: &mut Terminal| shown_with_reply(terminal, "Secret code not found.");
    assert_eq!(reply(&mut terminal), "hello\r\nSent: hello\r\nReceived: Secret code not found.\r\nEnter Message: ");
    terminal.types("\n");
    assert_eq!(reply(&mut terminal), "\r\nSent: \r\nReceived: Secret code not found.\r\nEnter Message: ");
    terminal.types("quit\n");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0));
    assert!(shown.ends_with("Enter Message: quit\r\n"), "{shown:?}");
    server.stops_with("");
}

#[test]
fn quit_words_in_any_case_end_connect() {
    let server = Server::start(&["-v"]);
    for word in ["q", "Q", "quit", "QUIT", "quit()", "Quit()", "close", "CLOSE", "close()", "cLoSe()"] {
        let mut terminal = at_terminal(&server.address(), &[]);
        terminal.types(format!("{word}\n"));
        let (out, shown) = terminal.end();
        assert_eq!((out.status, shown), (Some(0), format!("{}{word}\r\n", first_lines(&server.address()))));
    }
    for word in ["quit ", " q", "quit(", "exit", "quitter"] {
        let mut terminal = at_terminal(&server.address(), &[]);
        terminal.types(format!("{word}\n"));
        assert_eq!(
            shown_with_reply(&mut terminal, "Secret code not found."),
            format!("{word}\r\nSent: {word}\r\nReceived: Secret code not found.\r\n{PROMPT}")
        );
    }
    let out = server.stop();
    let bytes = |n: usize| out.stderr.matches(&format!("peer closed its side ({n} bytes received)")).count();
    assert_eq!(bytes(0), 10, "a quit word is never sent: {}", out.stderr);
}

#[test]
fn ctrl_d_ends_connect() {
    let server = Server::start(&[]);
    let mut terminal = at_terminal(&server.address(), &[]);
    terminal.types("\x04");
    let (out, shown) = terminal.end();
    assert_eq!((out.status, shown), (Some(0), first_lines(&server.address()) + "\r\n"));

    // Within a line it deletes the character under the cursor, as in a shell.
    let mut terminal = at_terminal(&server.address(), &[]);
    terminal.types("SECRET 12\x04\x1b[D\x04\r");
    terminal.sees("Sent: SECRET 1\r\n");
    terminal.sees("Received: Digits: 1   Count: 1\r\n");
    terminal.types("\x04");
    let (out, _) = terminal.end();
    assert_eq!(out.status, Some(0));
    server.stops_with("");
}

/// The kernel sends the signal before it echoes typed text: fast output may precede the echo.
fn without_echo(shown: &str) -> String {
    let (before, behind) = shown.split_once("^C").unwrap();
    before.to_owned() + behind
}

#[test]
fn ctrl_c_interrupts_connect_and_listen() {
    if !skip::has_signals() {
        return;
    }
    let server = Server::start(&[]);
    let mut terminal = at_terminal(&server.address(), &[]);
    terminal.types("\x03");
    assert_eq!(terminal.end().0.signal, Some(2));

    // The error is on a separate line, whatever is before it.
    let interrupted = "\r\n\u{1b}[1m\u{1b}[31msecretcat:\u{1b}[0m interrupted\r\n";
    let mut terminal = at_terminal(&server.address(), &[]);
    terminal.keeps_output();
    terminal.types("\x03");
    let (out, shown) = terminal.end();
    assert_eq!((out.signal, shown), (Some(2), first_lines(&server.address()) + interrupted));
    let mut terminal = Terminal::start(&secretcat(["listen", "127.0.0.1:0", "-v", "--color", "never"]));
    let ready_line = terminal.sees("\r\n");
    terminal.keeps_output();
    terminal.types("\x03");
    let (out, shown) = terminal.end();
    let stopping = "\r\nstopping: answering received messages\r\n";
    assert_eq!((out.signal, without_echo(&shown)), (Some(2), ready_line + stopping));
    let terminal = at_terminal(&server.address(), &[]);
    terminal.signal(Signal::INT);
    let (out, shown) = terminal.end();
    assert_eq!((out.signal, shown), (Some(2), first_lines(&server.address()) + interrupted));

    // Also while waiting for a reply, and while connecting.
    let (listener, address) = local_listener();
    let mut terminal = at_terminal(&address, &[]);
    terminal.types("hello\n");
    terminal.sees("Sent: hello\r\n");
    let mut silent = accept(&listener);
    assert_eq!(read_line(&mut silent), "hello\n");
    terminal.types("\x03");
    assert_eq!(terminal.end().0.signal, Some(2));
    server.stops_with("");
}

#[test]
fn each_line_is_sent_when_entered() {
    let (listener, address) = local_listener();
    let mut terminal = at_terminal(&address, &[]);
    let mut server = accept(&listener);
    terminal.types("one\rtwo\r"); // typed ahead
    assert_eq!(read_line(&mut server), "one\n");
    assert_eq!(read_line(&mut server), "two\n");
    assert_eq!(terminal.sees("Sent: two\r\n"), "one\r\nSent: one\r\nEnter Message: two\r\nSent: two\r\n");
    server.write_all(b"eins\nzwei\n").unwrap();
    terminal.sees("Received: zwei\r\n");
    terminal.types("q\r");
    assert_eq!(terminal.end().0.status, Some(0));
}

/// A prompt, a reply of the server, and the output for it.
fn shown_reply(listener: &TcpListener, address: &str, args: &[&str], answer: &[u8]) -> String {
    let mut terminal = at_terminal(address, args);
    terminal.types("x\n");
    let mut server = accept(listener);
    assert_eq!(read_line(&mut server), "x\n");
    server.write_all(answer).unwrap();
    terminal.sees("Received: ");
    let shown = terminal.sees(PROMPT);
    terminal.types("q\n");
    assert_eq!(terminal.end().0.status, Some(0));
    shown
}

#[test]
fn control_bytes_in_replies_are_escaped() {
    let (listener, address) = local_listener();
    let shown =
        shown_reply(&listener, &address, &[], b"\x1b]0;owned\x07\x1b[2J\x9b31m\xc2\x9b\x7f\r\x00 fine\xe2\x82\xac\r\n");
    assert_eq!(shown, "\\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\xc2\\x9b\\x7f\\r\\x00 fine€\r\nEnter Message: ");
}

#[test]
fn raw_bytes_at_a_terminal_are_escaped_and_all_shown() {
    let (listener, address) = local_listener();
    let terminal = Terminal::start(&secretcat(["connect", "--raw", &address]));
    let mut server = accept(&listener);
    server.write_all(b"\x1b[31mred\r\nline\tend\xe2\x82").unwrap();
    drop(server);
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0));
    assert_eq!(shown, "\\x1b[31mred\r\nline\tend\\xe2\\x82");
}

#[test]
fn lost_server_is_reported_at_once() {
    let (listener, address) = local_listener();
    let mut terminal = at_terminal(&address, &["--color", "never"]);
    drop(accept(&listener));
    terminal.sees(&format!("secretcat: connect {address}: closed by the server\r\n"));
    assert_eq!(terminal.end().0.status, Some(1));

    let mut terminal = at_terminal(&address, &["--color", "never"]);
    terminal.types("hello\n");
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "hello\n");
    reset(server);
    terminal.sees(&format!("secretcat: connect {address}: connection reset by peer with 1 message unanswered\r\n"));
    assert_eq!(terminal.end().0.status, Some(1));
}

#[test]
fn errors_at_a_terminal_are_colored_unless_turned_off() {
    let bad = ["connect", "127.0.0.1:1"];
    let message = "connect 127.0.0.1:1: connection refused (is a server listening there?)\r\n";
    let shown = |command: &std::process::Command| Terminal::start(command).end().1;
    assert_eq!(shown(&secretcat(bad)), format!("\x1b[1m\x1b[31msecretcat:\x1b[0m {message}"));
    assert_eq!(shown(secretcat(bad).env("NO_COLOR", "1")), format!("secretcat: {message}"));
    assert_eq!(shown(secretcat(bad).args(["--color", "never"])), format!("secretcat: {message}"));
    assert_eq!(shown(secretcat(bad).env("TERM", "dumb")), format!("secretcat: {message}"));
}

#[test]
fn message_option_at_a_terminal_prints_replies_only() {
    let server = Server::start(&[]);
    let terminal = Terminal::start(&secretcat(["connect", &server.address(), "-m", "SECRET 1"]));
    let (out, shown) = terminal.end();
    assert_eq!((out.status, shown), (Some(0), digits("1").replace('\n', "\r\n")));
    server.stops_with("");
}
