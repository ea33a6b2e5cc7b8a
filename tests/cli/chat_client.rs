//! `connect --name --room`: a member of a room, at a terminal and in a script.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use regex::Regex;

use crate::auth::{listener, private, users};
use crate::support::pty::{Terminal, open_pty};
use crate::support::{
    Dir, Proc, Server, accept, local_listener, read_line, read_to_end, run, secretcat, stop_listening,
};

const OPENING: &str = "/nick ann\n/join lab\n";
const ENTERED: &str = "* you are ann in lab (1 member); /help lists the commands\n";

fn command(address: &str, args: &[&str]) -> Command {
    let mut command = secretcat(["connect", "--name", "ann", "--room", "lab", address]);
    command.args(args).env("TZ", "UTC");
    command
}

/// A client at a terminal, and the server that the test plays, which has read its first lines and let it in.
fn at_terminal(args: &[&str]) -> (Terminal, TcpStream, TcpListener) {
    let (listener, address) = local_listener();
    let mut terminal = Terminal::start(&command(&address, args));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server) + &read_line(&mut server), OPENING);
    server.write_all(ENTERED.as_bytes()).unwrap();
    terminal.sees("lists the commands");
    terminal.sees("[lab] ");
    (terminal, server, listener)
}

/// What is shown up to this text, with `HH:MM` for times.
#[track_caller]
fn shown(terminal: &mut Terminal, until: &str) -> String {
    let (time, rest) = until.split_at(if until.starts_with("HH:MM") { 5 } else { 0 });
    let seen = Regex::new("[0-9]{2}:[0-9]{2}").unwrap().replace_all(&terminal.sees(rest), "HH:MM").into_owned();
    assert!(seen.ends_with(&[time, rest].concat()), "{seen:?}");
    seen
}

/// A line that is shown above the row that is being edited.
fn above(line: &str, row: &str) -> String {
    format!("\r\x1b[K{line}\r\n{row}")
}

#[track_caller]
fn quits(mut terminal: Terminal) -> String {
    terminal.types("\x15/quit\r");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(0), "{shown:?}");
    shown
}

#[test]
fn members_at_terminals_and_with_nc_see_each_other() {
    let server = Server::start(&["--service", "rooms"]);
    let mut bob = server.open();
    bob.write_all(b"/nick bob\n/join lab\n").unwrap();
    assert_eq!(read_line(&mut bob), "* you are bob in lab (1 member); /help lists the commands\n");
    let mut ann = Terminal::start(&command(&server.address(), &["--color", "never"]));
    assert_eq!(ann.sees("(/quit quits)\r\n"), format!("connected to {} (/quit quits)\r\n", server.address()));
    shown(&mut ann, "HH:MM * you are ann in lab (2 members); /help lists the commands\r\n");
    assert_eq!(read_line(&mut bob), "* ann joined lab\n");

    bob.write_all(b"hi \x1b[31m\xc2\x9b\xff\n").unwrap();
    shown(&mut ann, "HH:MM bob> hi \\x1b[31m\\xc2\\x9b\\xff\r\n");
    ann.types("hi b\t all\r");
    assert_eq!(read_line(&mut bob), "ann> hi bob  all\n");
    shown(&mut ann, "HH:MM ann> hi bob  all\r\n");
    ann.types("/msg \tpsst\r");
    assert_eq!(read_line(&mut bob), "ann (private)> psst\n");
    shown(&mut ann, "HH:MM ann (private)> psst\r\n");
    shown(&mut ann, "HH:MM * sent to bob\r\n");
    ann.types("/j\thall\r");
    assert_eq!(read_line(&mut bob), "* ann left lab\n");
    shown(&mut ann, "HH:MM * you are in hall (1 member)\r\n");
    ann.sees("[hall] ");
    ann.types("/nick anna\r");
    shown(&mut ann, "HH:MM * you are now anna\r\n");
    ann.types("//etc\r");
    shown(&mut ann, "HH:MM anna> /etc\r\n");
    ann.types("/join \t\r");
    shown(&mut ann, "HH:MM * you are in hall\r\n");
    ann.types("/join \t\t\r");
    assert_eq!(read_line(&mut bob), "* anna joined lab\n");
    ann.types("/QUIT bye\r");
    assert_eq!(read_line(&mut bob), "* anna left (bye)\n");
    assert_eq!(ann.end().0.status, Some(0));
    server.stops_with("");
}

#[test]
fn received_lines_are_printed_above_the_edited_line() {
    let (mut terminal, mut server, _listener) = at_terminal(&["--color", "never"]);
    terminal.types("half \u{4e16}\x1b[D");
    terminal.sees("\x1b[11C");
    let row = "[lab] half \u{4e16}\r\x1b[11C";
    server.write_all("bob> \u{4e16}\u{754c}\n* eve joined lab\n\nwhat?\n".as_bytes()).unwrap();
    let lines = ["HH:MM bob> \u{4e16}\u{754c}", "HH:MM * eve joined lab", "HH:MM ", "HH:MM what?"];
    let rows = lines.map(|line| above(line, row) + "\r" + &row.replace("\r\x1b", "\x1b[K\r\x1b"));
    assert_eq!(shown(&mut terminal, "what?") + &terminal.sees("C") + &terminal.sees("C"), rows.concat());
    let flood: Vec<_> = (0..1000).map(|n| format!("bob> {n}\n")).collect();
    server.write_all(flood.concat().as_bytes()).unwrap();
    terminal.types("and half\x7f\x7f");
    shown(&mut terminal, "HH:MM bob> 999\r\n");
    terminal.types("f\r");
    assert_eq!(read_line(&mut server), "half and haf\u{4e16}\n");
    shown(&mut terminal, "HH:MM ann> half and haf\u{4e16}\r\n[lab] ");
    quits(terminal);
}

#[test]
fn names_have_colours_unless_turned_off() {
    let line = |args: &[&str], variable: (&str, &str)| {
        let (listener, address) = local_listener();
        let mut terminal = Terminal::start(command(&address, args).env(variable.0, variable.1));
        let mut server = accept(&listener);
        server.write_all(b"bob> hi\n* eve left\n").unwrap();
        shown(&mut terminal, " (/quit quits)\r\n");
        let seen = shown(&mut terminal, "eve left") + &terminal.sees("\r\n");
        quits(terminal);
        seen.replace("\r\x1b[K", "").replace("> \x1b", "\x1b").replace("> HH", "HH").replace("> bob", "bob")
    };
    let colored = "\x1b[2mHH:MM\x1b[0m \x1b[1;35mbob\x1b[0m> hi\r\n\x1b[2mHH:MM * eve left\x1b[0m\r\n";
    let plain = "HH:MM bob> hi\r\nHH:MM * eve left\r\n";
    assert_eq!(line(&[], ("A", "")), colored);
    assert_eq!(line(&["--color", "never"], ("A", "")), plain);
    assert_eq!(line(&[], ("NO_COLOR", "1")), plain);
    assert_eq!(line(&["--color", "always"], ("NO_COLOR", "1")), colored);
}

#[test]
fn times_are_local() {
    let (listener, address) = local_listener();
    let hours = ["UTC0", "EAST-11"].map(|zone| {
        let mut terminal = Terminal::start(command(&address, &["--color", "never"]).env("TZ", zone));
        let mut server = accept(&listener);
        server.write_all(b"[2026-11-25 18:40:03] bob> hi\n").unwrap();
        let seen = terminal.sees(" bob> hi");
        quits(terminal);
        seen[seen.len() - "2026-11-25 18:40 bob> hi".len()..].to_owned()
    });
    assert_eq!(hours, ["2026-11-25 18:40 bob> hi", "2026-11-26 05:40 bob> hi"]);
}

#[test]
fn chat_sends_name_and_room_again_when_it_reconnects() {
    let (mut terminal, server, listener) = at_terminal(&["--reconnect", "--retry-delay", "10ms", "--color", "never"]);
    terminal.types("half");
    terminal.sees("half");
    drop(server);
    let mut server = accept(&listener);
    terminal.sees("closed by the server; connecting again");
    shown(&mut terminal, "HH:MM * connected again: /nick ann, /join lab\r\n");
    terminal.sees("half");
    assert_eq!(read_line(&mut server) + &read_line(&mut server), OPENING);
    terminal.types(" and half\r");
    assert_eq!(read_line(&mut server), "half and half\n");
    stop_listening(listener);
    drop(server);
    terminal.sees("connecting again");
    terminal.types("two\r");
    shown(&mut terminal, "HH:MM * not sent: there is no connection (Up recalls the line)\r\n");
    quits(terminal);
}

#[test]
fn quit_words_are_texts_in_a_room_and_ctrl_d_quits() {
    let (mut terminal, mut server, _listener) = at_terminal(&[]);
    terminal.types("quit\rq\r \r");
    assert_eq!(read_line(&mut server) + &read_line(&mut server), "quit\nq\n");
    terminal.types("\x04");
    assert_eq!(read_to_end(&server), b"", "an empty line is not sent");
    assert_eq!(terminal.end().0.status, Some(0));

    let (mut terminal, server, _listener) = at_terminal(&["--color", "never"]);
    drop(server);
    terminal.sees("closed by the server");
    assert_eq!(terminal.end().0.status, Some(1));
}

#[test]
fn dumb_terminal_shows_typed_lines_once() {
    let (listener, address) = local_listener();
    let mut terminal = Terminal::start(command(&address, &[]).env("TERM", "dumb"));
    let mut server = accept(&listener);
    server.write_all(ENTERED.as_bytes()).unwrap();
    assert_eq!(
        shown(&mut terminal, "commands\r\n> "),
        format!("connected to {address} (/quit quits)\r\n> \r\nHH:MM {}\r\n> ", ENTERED.trim_end())
    );
    terminal.types("hi\n");
    assert_eq!(read_line(&mut server) + &read_line(&mut server) + &read_line(&mut server), format!("{OPENING}hi\n"));
    server.write_all(b"bob> \x1b[31m\n").unwrap();
    assert_eq!(shown(&mut terminal, "m\r\n"), "hi\r\n[lab] \r\nHH:MM bob> \\x1b[31m\r\n");
    terminal.types("/quit\n");
    assert_eq!(terminal.end().0.status, Some(0));
}

#[test]
fn script_sends_its_name_and_room_before_its_input() {
    let server = Server::start(&["--service", "rooms", "--history", "0"]);
    let mut bob = server.open();
    bob.write_all(b"/nick bob\n/join lab\n").unwrap();
    assert_eq!(read_line(&mut bob), "* you are bob in lab (1 member); /help lists the commands\n");
    let address = server.address();
    let entered = "* you are ann in lab (2 members); /help lists the commands\n";
    run(["connect", "--name", "ann", "--room", "lab", &address], "hi\n/names\n").is(
        0,
        format!("{entered}* 2 members in lab:\n* ann bob\n"),
        "",
    );
    let lines = [(); 3].map(|()| read_line(&mut bob));
    assert_eq!(lines, ["* ann joined lab\n", "ann> hi\n", "* ann left\n"]);
    run(["connect", "--room", "#lab", &address, "-m", "one", "-m", "two"], "").is(
        0,
        entered.replace("ann", "guest1"),
        "",
    );
    let lines = [(); 4].map(|()| read_line(&mut bob));
    assert_eq!(lines, ["* guest1 joined lab\n", "guest1> one\n", "guest1> two\n", "* guest1 left\n"]);
    run(["connect", "--name", "eve", &address], "/join lab\n").is(0, entered.replace("ann", "eve"), "");
    server.stops_with("");
}

#[test]
fn lines_are_sent_at_once_and_no_reply_is_waited_for() {
    let (listener, address) = local_listener();
    let mut client = Proc::start(command(&address, &["-C"]).stdin(Stdio::piped()));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server) + &read_line(&mut server), OPENING.replace('\n', "\r\n"));
    client.write("one\n");
    assert_eq!(read_line(&mut server), "one\r\n");
    server.write_all(b"bob> \x1b[31m\n").unwrap();
    client.wait_for_stdout("bob> \x1b[31m\n");
    client.close_stdin();
    assert_eq!(read_to_end(&server), b"");
    drop(server);
    client.end().is(0, "bob> \x1b[31m\n", "");
}

#[test]
fn terminal_with_redirected_output_gets_the_bytes_of_the_server() {
    let (listener, address) = local_listener();
    let (_master, slave) = open_pty();
    let client = Proc::start_on(&mut command(&address, &[]), slave().into(), Stdio::piped(), Stdio::piped());
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server) + &read_line(&mut server), OPENING);
    server.write_all(b"bob> hi\n").unwrap();
    client.wait_for_stdout("bob> hi\n");
    drop(server);
    let out = client.end();
    assert_eq!((out.status, out.stdout.as_slice()), (Some(1), &b"bob> hi\n"[..]), "{}", out.stderr);

    let again =
        Proc::start_on(&mut command(&address, &["--reconnect"]), slave().into(), Stdio::piped(), Stdio::piped());
    again.end().is(2, "", "secretcat: --reconnect is for a conversation: stdout is no terminal\n");
}

#[test]
fn server_that_serves_users_only_is_an_error_with_the_option() {
    let dir = Dir::new("chat-users-only");
    let server = listener(&users(&dir, &["ann"]), &["--service", "rooms"]);
    let address = server.address();
    let line = format!("secretcat: connect {address}: the server serves users only (--user NAME logs in)");
    run(["connect", "--room", "lab", &address], "hi\n").is(1, "", format!("{line}\n"));
    run(["connect", "--name", "ann", &address], "").is(1, "", format!("{line}\n"));
    for reconnect in [&[][..], &["--reconnect"]] {
        let mut terminal = Terminal::start(command(&address, &["--color", "never"]).args(reconnect));
        terminal.sees(&line);
        assert_eq!(terminal.end().0.status, Some(1));
    }
    server.stops_with("");
}

#[test]
fn user_that_has_logged_in_has_the_name_of_the_login() {
    let dir = Dir::new("chat-login");
    let (file, password) = (users(&dir, &["ann"]), private(&dir, "password", "pencil\n"));
    let server = listener(&file, &["--service", "rooms"]);
    let address = server.address();
    let args =
        ["connect", "--user", "ann", "--password-file", &password, "--room", "lab", "--color", "never", &address];
    let mut terminal = Terminal::start(&secretcat(args));
    terminal.sees("* you are ann in lab (1 member)");
    terminal.types("hi\r");
    shown(&mut terminal, "HH:MM ann> hi\r\n");
    terminal.types("/nick eve\r");
    terminal.sees("* you are logged in as ann, and keep this name\r\n");
    terminal.types("still ann\r");
    shown(&mut terminal, "HH:MM ann> still ann\r\n[lab] ");
    quits(terminal);
    server.stops_with("");
}
