//! Clients that people have, and a bot, as members of rooms: weechat, irssi and the irc library of Python.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use rustix::process::Signal;

use crate::auth::{plain, users};
use crate::irc::Rooms;
use crate::support::pty::Terminal;
use crate::support::{Dir, Proc, peer_script, poll_until, read_line, skip};

/// A line client that has logged in as bob, in the room `lab`.
fn bob(rooms: &Rooms) -> TcpStream {
    let mut bob = rooms.server.open();
    bob.write_all((plain("bob", "pencil") + "/join lab\n").as_bytes()).unwrap();
    for answer in ["AUTH OK bob\n", "* you are bob in lab (1 member); /help lists the commands\n"] {
        assert_eq!(read_line(&mut bob), answer);
    }
    bob
}

#[track_caller]
fn reads(client: &mut TcpStream, lines: &[&str]) {
    for line in lines {
        assert_eq!(read_line(client).trim_end(), *line);
    }
}

fn rooms_of_users(dir: &Dir) -> Rooms {
    let auth = format!("scram:{}", users(dir, &["ann", "bob"]));
    Rooms::start(&["--auth", &auth, "--history", "0"])
}

#[test]
fn weechat_logs_in_and_exchanges_lines() {
    if !skip::has_program("weechat-headless") {
        return;
    }
    let dir = Dir::new("weechat");
    let rooms = rooms_of_users(&dir);
    for mechanism in ["plain", "scram-sha-256"] {
        let mut bob = bob(&rooms);
        let home = dir.file(mechanism);
        let port = rooms.irc.port();
        let commands = [
            // The first is that of version 4, the second that of version 3.
            "/set irc.server_default.tls off",
            "/set irc.server_default.ssl off",
            "/set logger.file.flush_delay 0",
            &format!("/server add lab 127.0.0.1/{port}"),
            "/set irc.server.lab.nicks annie",
            &format!("/set irc.server.lab.sasl_mechanism {mechanism}"),
            "/set irc.server.lab.sasl_username ann",
            "/set irc.server.lab.sasl_password pencil",
            r#"/set irc.server.lab.command "/join #lab\;/msg -server lab #lab hello""#,
            "/connect lab",
        ];
        let mut command = Command::new("weechat-headless");
        command.arg("-d").arg(&home).args(commands.iter().flat_map(|command| ["-r", command]));
        let weechat = Proc::start(&mut command);
        reads(&mut bob, &["* ann joined lab", "ann> hello"]);
        bob.write_all(b"hi from nc\n/topic exam\n").unwrap();
        reads(&mut bob, &["* bob set the topic: exam"]);
        let log = home.join("logs/irc.lab.#lab.weechatlog");
        let logged = || fs::read_to_string(&log).unwrap_or_default();
        poll_until("weechat logs the topic", || {}, || logged().contains("exam"));
        let text = logged();
        assert!(text.contains("\tbob\thi from nc\n"), "{text}");
        weechat.signal(Signal::TERM);
        weechat.end();
        let left = read_line(&mut bob);
        assert!(left.starts_with("* ann left (WeeChat "), "{left}");
        bob.write_all(b"/topic -\n/quit\n").unwrap();
        reads(&mut bob, &["* bob removed the topic"]);
    }
    rooms.server.stop();
}

#[test]
fn irssi_logs_in_and_exchanges_lines() {
    if !skip::has_program("irssi") {
        return;
    }
    let dir = Dir::new("irssi");
    let rooms = rooms_of_users(&dir);
    let mut bob = bob(&rooms);
    let port = rooms.irc.port();
    let config = format!(
        r##"servers = ( {{ address = "127.0.0.1"; chatnet = "lab"; port = "{port}"; autoconnect = "yes"; use_tls = "no"; }} );
chatnets = {{ lab = {{ type = "IRC"; nick = "annie"; sasl_mechanism = "PLAIN"; sasl_username = "ann"; sasl_password = "pencil"; }}; }};
channels = ( {{ name = "#lab"; chatnet = "lab"; autojoin = "yes"; }} );
settings = {{ core = {{ real_name = "Ann"; user_name = "ann"; nick = "annie"; }}; }};
"##
    );
    fs::write(dir.file("config"), config).unwrap();
    let mut command = Command::new("irssi");
    command.env("TERM", "xterm").arg("--home").arg(dir.path());
    let mut irssi = Terminal::start(&command);
    reads(&mut bob, &["* ann joined lab"]);
    irssi.types("/window goto #lab\rhello\r/me waves\r");
    reads(&mut bob, &["ann> hello", "ann (action)> waves"]);
    bob.write_all(b"hi from nc\n").unwrap();
    irssi.sees("hi from nc");
    irssi.types("/names\r");
    irssi.sees("bob");
    irssi.types("/quit so long\r");
    reads(&mut bob, &["* ann left (so long)"]);
    irssi.end();
    rooms.server.stop();
}

#[test]
fn bot_of_a_python_library_answers() {
    // The library is a package of Debian, and another Python may come first in the path.
    let has_library = Command::new("/usr/bin/python3").args(["-c", "import irc.bot"]).output();
    if !has_library.is_ok_and(|out| out.status.success()) {
        return skip::skip("the irc library of Python");
    }
    let rooms = Rooms::start(&[]);
    let mut bob = rooms.server.open();
    bob.write_all(b"/nick bob\n/join lab\n").unwrap();
    reads(&mut bob, &["* you are bob in lab (1 member); /help lists the commands"]);
    let mut command = Command::new("/usr/bin/python3");
    let bot = Proc::start(command.arg("-u").arg(peer_script("irc_bot.py")).arg(rooms.irc.port().to_string()));
    reads(&mut bob, &["* bot joined lab"]);
    bob.write_all(b"hi \xc3\xa9\nnames\nleave\n").unwrap();
    reads(&mut bob, &["bot> echo hi \u{e9}", "bot> echo bob bot", "bot> echo leave", "* bot left (told to)"]);
    bot.end();
    rooms.server.stop();
}
