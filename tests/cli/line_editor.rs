//! The line editor of `connect` at a real terminal.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::prompt::{PROMPT, at_terminal};
use crate::support::pty::{Terminal, on_terminal, open_pty};
use crate::support::{
    Dir, Proc, Server, accept, digits, local_listener, read_line, read_some, reset, secretcat, shell, skip,
    stop_listening,
};

const LEFT: &str = "\x1b[D";
const HOME: &str = "\x1b[1~";
const END: &str = "\x1b[4~";
const UP: &str = "\x1b[A";

/// A conversation with a server that the test plays.
fn with_test_server(args: &[&str]) -> (Terminal, std::net::TcpStream, TcpListener) {
    let (listener, address) = local_listener();
    let terminal = at_terminal(&address, args);
    let server = accept(&listener);
    (terminal, server, listener)
}

/// Quits, and the status is 0.
#[track_caller]
fn quit(mut terminal: Terminal) -> String {
    terminal.types("\x15q\r");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0), "{shown:?}");
    shown
}

#[test]
fn keys_edit_the_line_and_are_not_sent() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    let answers = |terminal: &mut Terminal, server: &mut std::net::TcpStream| {
        let line = read_line(server);
        server.write_all(b"ok\n").unwrap();
        terminal.sees("Received: ok\r\n");
        terminal.sees(PROMPT);
        line
    };
    terminal.types(format!("SECRET 13{LEFT}2\r"));
    assert_eq!(answers(&mut terminal, &mut server), "SECRET 123\n");
    // Home and End of xterm contain digits, which a server would count.
    terminal.types(format!("ET 1{HOME}SECR{END}2\x1b[3~\r"));
    assert_eq!(answers(&mut terminal, &mut server), "SECRET 12\n");
    terminal.types(format!("{UP}{UP}!\x01>\r"));
    assert_eq!(answers(&mut terminal, &mut server), ">SECRET 123!\n");
    terminal.types("one two\x17zwei\x15drei vier\x01\x0b\x19\x7f\r");
    assert_eq!(answers(&mut terminal, &mut server), "drei vie\n");
    terminal.types("世界\x7f\u{e9}e\u{301}\x7f\r"); // a wide character, and one of two code points
    assert_eq!(answers(&mut terminal, &mut server), "世\u{e9}\n");
    quit(terminal);
}

#[test]
fn pasted_megabyte_is_one_message() {
    let server = Server::start(&[]);
    let message = format!("SECRET {}", "7".repeat(1_000_000));
    for (before, after) in [("", "\r"), ("\x1b[200~", "\x1b[201~\r")] {
        let mut terminal = at_terminal(&server.address(), &[]);
        terminal.types([before, &message, after].concat());
        terminal.sees("   Count: 1000000\r\n");
        quit(terminal);
    }
    server.stops_with("");
}

#[test]
fn line_longer_than_the_terminal_buffer_is_sent_whole() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    let line = "x".repeat(5000); // a terminal that edits lines itself takes 4095 bytes
    terminal.types(format!("{line}\r"));
    assert_eq!(read_line(&mut server), format!("{line}\n"));
    assert!(
        terminal.sees("\r\nSent: ").ends_with(&format!("{PROMPT}{line}\r\nSent: ")),
        "all of it stays on the screen"
    );
    quit(terminal);
}

#[test]
fn each_line_of_a_paste_is_a_message() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    terminal.types("\x1b[200~one\r\ntwo\nq\x1b[201~uestion\r");
    for line in ["one\n", "two\n", "question\n"] {
        assert_eq!(read_line(&mut server), line);
    }
    quit(terminal);
}

#[test]
fn late_replies_are_shown_above_the_edited_line() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    terminal.types("one\r");
    assert_eq!(read_line(&mut server), "one\n");
    // The prompt does not wait for the reply.
    assert_eq!(terminal.sees(PROMPT), "one\r\nSent: one\r\nEnter Message: ");
    terminal.types("half");
    terminal.sees("half");
    server.write_all(b"late\nunasked\n").unwrap();
    assert_eq!(
        terminal.sees("Received: unasked\r\nEnter Message: half"),
        "\r\x1b[KReceived: late\r\nEnter Message: half\r\x1b[KReceived: unasked\r\nEnter Message: half"
    );
    terminal.types(" and half\r");
    assert_eq!(read_line(&mut server), "half and half\n");
    quit(terminal);
}

#[test]
fn text_without_line_feed_is_shown() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    server.write_all(b"login: ").unwrap();
    assert_eq!(terminal.sees(PROMPT), "\r\x1b[KReceived: login: \r\nEnter Message: ");
    terminal.types("me\r");
    assert_eq!(read_line(&mut server), "me\n");
    server.write_all(b"welcome\n").unwrap();
    terminal.sees("Received: welcome\r\n");
    quit(terminal);
}

#[test]
fn quitting_does_not_wait_for_replies() {
    for leave in ["q\r", "CLOSE()\r", "\x04"] {
        let (mut terminal, mut server, _listener) = with_test_server(&[]);
        terminal.types("one\r");
        assert_eq!(read_line(&mut server), "one\n");
        terminal.types(leave);
        assert_eq!(read_some(&mut server, &mut [0]).unwrap(), 0, "no quit word is sent");
        let (out, shown) = terminal.end();
        assert_eq!(out.status, Some(0), "{shown:?}");
    }
}

#[test]
fn quit_words_can_be_sent_as_messages() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    terminal.types("\\quit\r\\quitter\r");
    assert_eq!(read_line(&mut server), "quit\n");
    assert_eq!(read_line(&mut server), "\\quitter\n");
    quit(terminal);

    let (listener, address) = local_listener();
    let mut terminal = Terminal::start(&secretcat(["connect", "--no-quit-words", &address]));
    assert_eq!(terminal.sees(PROMPT), format!("connected to {address} (Ctrl-D quits)\r\n{PROMPT}"));
    let mut server = accept(&listener);
    terminal.types("quit\r");
    assert_eq!(read_line(&mut server), "quit\n");
    terminal.types("\x04");
    assert_eq!(terminal.end().0.status, Some(0));
}

#[test]
fn resize_redraws_the_line() {
    let (mut terminal, mut server, _listener) = with_test_server(&[]);
    let line = "0123456789".repeat(5);
    terminal.types(&line);
    terminal.sees(&line);
    terminal.resize(40);
    terminal.sees("\r\x1b[K"); // at once, before anything is typed
    assert!(terminal.sees("89").len() < 40);
    terminal.types("!\r");
    assert_eq!(read_line(&mut server), line + "!\n");
    quit(terminal);
}

#[test]
fn resume_after_suspend_redraws_the_line() {
    let server = Server::start(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-i", "-m"]).env("PS1", "shell> ").env("TERM", "xterm").env_remove("ENV");
    let mut terminal = Terminal::start(&command);
    terminal.sees("shell> ");
    terminal.types(format!("'{}' connect {}\n", env!("CARGO_BIN_EXE_secretcat"), server.address()));
    terminal.sees(&format!("\r\n{PROMPT}"));
    terminal.types("SECRET 1");
    terminal.sees("SECRET 1");
    terminal.types("\x1a");
    terminal.sees("shell> ");
    terminal.types("stty -a | tr ' ' '\\n' | grep icanon\n");
    terminal.sees("\r\nicanon"); // the terminal of the shell edits lines again
    terminal.sees("shell> ");
    terminal.types("fg\n");
    terminal.sees("Enter Message: SECRET 1");
    terminal.types("2\r");
    terminal.sees("Sent: SECRET 12\r\n");
    terminal.sees("Received: Digits: 12   Count: 2\r\n");
    terminal.types("q\r");
    terminal.sees("shell> ");
    terminal.types("exit\n");
    assert_eq!(terminal.end().0.status, Some(0));
    server.stops_with("");
}

/// Runs a conversation from a shell, which shows the modes of the terminal before and after, and then
/// reads a line itself.
fn in_a_shell(address: &str, term: &str) -> (Terminal, String, Pid) {
    let script = "trap : INT QUIT; stty -g; sh -c 'echo $$; exec \"$0\" \"$@\"' \"$0\" \"$@\"; echo ended $?; \
                  stty -g; IFS= read -r line; echo \"[$line]\"";
    let mut terminal = Terminal::start(shell(script, ["--color", "never", "connect", address]).env("TERM", term));
    let modes = terminal.sees("\r\n");
    let program = terminal.sees("\r\n").trim_end().parse().unwrap();
    terminal.sees(PROMPT);
    (terminal, modes, Pid::from_raw(program).unwrap())
}

#[test]
fn every_end_restores_the_terminal_modes() {
    if !skip::has_signals() {
        return;
    }
    let (listener, address) = local_listener();
    for (end, status) in
        [("q\r", "0"), ("\x04", "0"), ("\x03", "130"), ("lost", "1"), ("reset", "1"), ("\x1c", "131"), ("TERM", "143")]
    {
        let (mut terminal, modes, program) = in_a_shell(&address, "xterm");
        let server = accept(&listener);
        match end {
            "lost" => drop(server),
            "reset" => {
                terminal.types("x\r");
                terminal.sees("Sent: x\r\n");
                reset(server);
            }
            "TERM" => kill_process(program, Signal::TERM).unwrap(),
            keys => terminal.types(keys),
        }
        terminal.sees(&format!("ended {status}\r\n"));
        assert_eq!(terminal.sees("\r\n"), modes, "after {end:?}");
        terminal.types("line\n");
        terminal.sees("[line]\r\n");
        assert_eq!(terminal.end().0.status, Some(0));
    }
}

#[test]
fn text_typed_before_a_loss_does_not_reach_the_shell() {
    let (listener, address) = local_listener();
    // A terminal that edits lines itself keeps the line, and would pass it to the shell.
    for term in ["xterm", "dumb"] {
        let (mut terminal, modes, _) = in_a_shell(&address, term);
        let server = accept(&listener);
        terminal.types("rm -rf half");
        terminal.sees("half");
        drop(server);
        assert_eq!(
            terminal.sees("ended 1\r\n"),
            format!("\r\nsecretcat: connect {address}: closed by the server\r\nended 1\r\n")
        );
        assert_eq!(terminal.sees("\r\n"), modes);
        terminal.types("\n");
        terminal.sees("[]\r\n");
        assert_eq!(terminal.end().0.status, Some(0));
    }
}

#[test]
fn error_starts_a_new_row_and_drops_the_edited_line() {
    let (listener, address) = local_listener();
    let args = ["--color", "never", "--max-message", "10"];
    let mut terminal = at_terminal(&address, &args);
    let mut server = accept(&listener);
    terminal.types("one\r");
    assert_eq!(read_line(&mut server), "one\n");
    terminal.sees(PROMPT);
    terminal.types("half");
    terminal.sees("half");
    server.write_all(b"eleven chars\n").unwrap();
    assert_eq!(terminal.sees("secretcat: "), "\r\nsecretcat: ");
    assert_eq!(terminal.end().0.status, Some(1));
}

#[test]
fn reconnect_keeps_the_edited_line() {
    let (listener, address) = local_listener();
    let mut terminal = at_terminal(&address, &["--reconnect", "--retry-delay", "10ms", "--color", "never"]);
    let mut server = accept(&listener);
    terminal.types("one\r");
    assert_eq!(read_line(&mut server), "one\n");
    terminal.sees(PROMPT);
    terminal.types("half");
    terminal.sees("half");
    drop(server);
    let mut server = accept(&listener);
    let shown = terminal.sees(&format!("connected to {address} (q quits)\r\nEnter Message: half"));
    let lost =
        format!("secretcat: connect {address}: closed by the server with 1 message unanswered; connecting again");
    assert!(shown.contains(&lost), "{shown:?}");
    terminal.types(" and half\r");
    assert_eq!(read_line(&mut server), "half and half\n");
    server.write_all(b"here\n").unwrap();
    terminal.sees("Received: here\r\n");

    // It can be quit without a server.
    stop_listening(listener);
    drop(server);
    terminal.sees("connecting again");
    terminal.types("two\r");
    terminal.sees("Not sent: there is no connection (Up recalls the line)\r\n");
    quit(terminal);
}

#[test]
fn reconnect_without_a_pause_still_reads_the_keyboard() {
    // An address whose connections fail at once: its socket file is gone.
    let dir = Dir::new("reconnect");
    let path = dir.file("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let address = format!("unix:{}", path.display());
    let mut terminal = at_terminal(&address, &["--reconnect", "--retry-delay", "0", "--color", "never"]);
    let (server, _) = listener.accept().unwrap();
    std::fs::remove_file(path).unwrap();
    drop((server, listener));
    terminal.sees("connecting again");
    quit(terminal);
}

#[test]
fn closing_the_terminal_ends_connect() {
    let (listener, address) = local_listener();
    for script in ["exec \"$0\" \"$@\"", "trap '' HUP; exec \"$0\" \"$@\""] {
        let (screen, slave) = open_pty();
        let mut command = on_terminal(&shell(script, ["connect", &address]));
        let proc = Proc::start_on(&mut command, slave().into(), slave().into(), slave().into());
        let mut screen = File::from(screen);
        let mut server = accept(&listener);
        let mut shown = Vec::new();
        let mut buf = [0; 1024];
        while !String::from_utf8_lossy(&shown).contains(PROMPT) {
            let n = read_some(&mut screen, &mut buf).unwrap();
            shown.extend_from_slice(&buf[..n]);
        }
        screen.write_all(b"half a line").unwrap();
        drop(screen);
        assert_eq!(read_some(&mut server, &mut buf).unwrap_or(0), 0, "half a line is not sent");
        let out = proc.end();
        assert!(out.signal == Some(Signal::HUP.as_raw()) || out.status.is_some(), "{out:?}");
    }
}

#[test]
fn dumb_terminal_uses_the_line_editing_of_the_kernel() {
    let server = Server::start(&[]);
    let mut command = secretcat(["connect", &server.address()]);
    let mut terminal = Terminal::start(command.env("TERM", "dumb"));
    terminal.sees(PROMPT);
    terminal.types("SECRET 1\n");
    assert_eq!(terminal.sees("Sent: SECRET 1\r\n"), "SECRET 1\r\nSent: SECRET 1\r\n");
    terminal.sees("Received: Digits: 1   Count: 1\r\n");
    terminal.sees(PROMPT);
    terminal.types("\x04");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0));
    assert!(shown.ends_with(&format!("{}Enter Message: \r\n", digits("1").replace('\n', "\r\n"))), "{shown:?}");
    server.stops_with("");
}
