//! `listen --service rooms --irc`: whole conversations of IRC clients, and of line clients beside them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;

use data_encoding::BASE64;
use regex::{Captures, Regex};
use rustix::process::Signal;

use crate::auth::users;
use crate::support::{DEADLINE, Dir, Proc, Server, local_listener, read_line, read_to_end, run, secretcat, tcp};

/// A listener with rooms, and its address for IRC.
pub(crate) struct Rooms {
    pub(crate) server: Server,
    pub(crate) irc: SocketAddr,
}

impl Rooms {
    pub(crate) fn start(args: &[&str]) -> Rooms {
        let args = [&["--service", "rooms", "--irc=127.0.0.1:0"], args].concat();
        let server = Server::start(&args);
        let log = server.proc.wait_for_stderr(" for IRC\n");
        let line = log.lines().find_map(|line| line.strip_prefix("listening on ")?.strip_suffix(" for IRC"));
        let irc = line.unwrap().parse().unwrap();
        Rooms { server, irc }
    }

    /// A client of IRC that is a member.
    pub(crate) fn member(&self, name: &str) -> TcpStream {
        let mut member = tcp(self.irc);
        enter(&mut member, name);
        member
    }
}

pub(crate) fn enter(client: &mut TcpStream, name: &str) {
    client.write_all(format!("NICK {name}\r\nUSER {name} 0 * :{name} E.\r\n").as_bytes()).unwrap();
    while !read_line(client).contains(" 422 ") {}
}

/// The numbers of lines, which differ from run to run, in the order in which they are seen: `msgid=#1`.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    /// The name of a number.
    fn name(&mut self, id: &str) -> String {
        let at = self.0.iter().position(|known| known == id).unwrap_or_else(|| {
            self.0.push(id.to_owned());
            self.0.len() - 1
        });
        format!("msgid=#{}", at + 1)
    }

    fn shown(&mut self, line: &str) -> String {
        let ids = Regex::new(r"msgid=(\d+)").unwrap();
        let line = ids.replace_all(line, |found: &Captures| self.name(&found[1]));
        let line = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap().replace_all(&line, "TIME");
        let clocks = Regex::new(r"\[(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\]").unwrap();
        let line = clocks.replace_all(&line, "[CLOCK]");
        let idle = Regex::new(r"( 317 \S+ \S+| 354 .* H\*? 0) \d+ ").unwrap();
        let line = idle.replace_all(&line, "$1 IDLE ");
        let seconds = Regex::new(r"\b1\d{9}\b").unwrap().replace_all(&line, "SECONDS").into_owned();
        seconds.replace(env!("CARGO_PKG_VERSION"), "VERSION").replace('\x01', "^A").replace('\x02', "^B")
    }

    fn sent(&self, text: &str) -> String {
        let names = Regex::new(r"\{#(\d+)\}").unwrap();
        let text = names.replace_all(text, |found: &Captures| self.0[found[1].parse::<usize>().unwrap() - 1].clone());
        let plain = Regex::new(r"\{plain (\S+) (\S+)\}").unwrap();
        let text = plain
            .replace_all(&text, |found: &Captures| BASE64.encode(format!("\0{}\0{}", &found[1], &found[2]).as_bytes()));
        let long = Regex::new(r"\{(.) x (\d+)\}").unwrap();
        let text = long.replace_all(&text, |found: &Captures| found[1].repeat(found[2].parse().unwrap()));
        text.replace("^A", "\x01").replace("^B", "\x02").replace("^[", "\x1b").replace("^M", "\r")
    }
}

/// Runs one conversation of tests/cases/irc.txt; returns it with what was really received.
fn converse(text: &str) -> String {
    let mut lines = text.lines();
    let mut done = format!("== {}\n", lines.next().unwrap());
    let dir = Dir::new("irc");
    let file = users(&dir, &["ann", "bob", "7of9"]);
    let mut args: Vec<String> = Vec::new();
    let mut rooms: Option<Rooms> = None;
    let mut clients: HashMap<String, TcpStream> = HashMap::new();
    let mut names = Names::default();
    for line in lines {
        if let Some(list) = line.strip_prefix("args ") {
            args.extend(list.split(' ').map(|arg| arg.replace("USERS", &file)));
            writeln!(done, "{line}").unwrap();
            continue;
        }
        if line.trim().is_empty() || line.starts_with("//") {
            writeln!(done, "{line}").unwrap();
            continue;
        }
        let rooms = rooms.get_or_insert_with(|| {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            Rooms::start(&args)
        });
        let (name, step) = line.split_once(' ').unwrap();
        if name == "log" {
            continue;
        }
        if name == "operator" {
            rooms.server.proc.write(format!("{}\n", step.strip_prefix("> ").unwrap()));
            writeln!(done, "{line}").unwrap();
            continue;
        }
        let addr = if name.ends_with("@lines") { rooms.server.addr } else { rooms.irc };
        let client = clients.entry(name.to_owned()).or_insert_with(|| tcp(addr));
        match step {
            "enters" => enter(client, name),
            "leaves" => drop(clients.remove(name)),
            "is closed" => {
                let rest = read_to_end(client);
                assert_eq!(String::from_utf8_lossy(&rest), "", "{name}, after:\n{done}");
            }
            _ if step.starts_with("< ") => {
                let received = read_line(client);
                let received = received.trim_end_matches(['\r', '\n']);
                writeln!(done, "{name} < {}", names.shown(received)).unwrap();
                continue;
            }
            _ => {
                let text = names.sent(step.strip_prefix(">").unwrap().trim_start());
                client.write_all(format!("{text}\r\n").as_bytes()).unwrap();
            }
        }
        writeln!(done, "{line}").unwrap();
    }
    let rooms = rooms.unwrap();
    drop(clients);
    let ready = format!("{}listening on {} for IRC\n", rooms.server.ready_line, rooms.irc);
    let out = rooms.server.stop();
    assert_eq!(out.status, Some(0), "{done}");
    let log = out.stderr.strip_prefix(&ready).unwrap_or_else(|| panic!("{}", out.stderr));
    let log = Regex::new(r"127.0.0.1:\d+").unwrap().replace_all(log, "CLIENT");
    done.extend(log.lines().map(|line| format!("log {line}\n")));
    done
}

#[test]
fn conversations_are_those_of_the_cases() {
    let cases = include_str!("../cases/irc.txt");
    let (head, first) = cases.split_once("== ").unwrap();
    let mut done = head.to_owned();
    let scenes: Vec<_> = first.split("\n\n== ").map(|scene| converse(scene.trim_end())).collect();
    done += &scenes.join("\n");
    if std::env::var_os("UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/irc.txt");
        std::fs::write(path, &done).unwrap();
    } else {
        assert_eq!(done, cases);
    }
}

#[test]
fn line_port_names_the_irc_port() {
    let rooms = Rooms::start(&[]);
    let mut client = rooms.server.open();
    client.write_all(b"CAP LS 302\r\n").unwrap();
    let answer = format!("ERROR :this port takes lines of text; the IRC port is {}\r\n", rooms.irc);
    assert_eq!(String::from_utf8(read_to_end(&client)).unwrap(), answer);
}

#[test]
fn second_address_in_use_is_one_error() {
    let dir = Dir::new("irc-in-use");
    let (_listener, taken) = local_listener();
    let socket = dir.file("s");
    let out =
        run(["listen", &format!("unix:{}", socket.display()), "--service", "rooms", &format!("--irc={taken}")], "");
    let error = format!(
        "secretcat: listen {taken}: address already in use (another program listens there; port 0 picks a free one)\n"
    );
    out.is(1, "", error);
    assert!(!socket.exists());
}

#[test]
fn rules_of_admission_hold_for_both_addresses() {
    let rooms = Rooms::start(&["-v", "--deny", "127.0.0.0/8"]);
    assert_eq!(read_to_end(&tcp(rooms.irc)), b"");
    assert_eq!(read_to_end(&rooms.server.open()), b"");
    let log = rooms.server.stop().stderr;
    assert_eq!(log.matches(": rejected (in --deny)\n").count(), 2, "{log}");

    let rooms = Rooms::start(&["--max-connections", "1"]);
    let ann = rooms.member("ann");
    let mut waits = rooms.server.open();
    waits.write_all(b"/nick bob\n").unwrap();
    let mut second = tcp(rooms.irc);
    drop(ann);
    assert_eq!(read_line(&mut waits), "* you are bob in lobby (1 member); /help lists the commands\n");
    drop(waits);
    enter(&mut second, "eve");
}

#[test]
fn process_on_a_unix_socket_is_logged_in_by_its_user() {
    let dir = Dir::new("irc-unix");
    let (lines, irc) = (format!("unix:{}", dir.file("l").display()), dir.file("i"));
    let option = format!("--irc=unix:{}", irc.display());
    let proc = Proc::start(&mut secretcat(["listen", &lines, "--service", "rooms", &option, "--auth", "unix"]));
    proc.wait_for_stderr(" for IRC\n");
    let me = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let me = me.trim();
    // One asks for the login, the other does not.
    for (number, login) in
        ["", "CAP REQ :sasl\r\nAUTHENTICATE EXTERNAL\r\nAUTHENTICATE +\r\nCAP END\r\n"].iter().enumerate()
    {
        let mut client = UnixStream::connect(&irc).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.write_all(format!("{login}NICK x\r\nUSER x 0 * :x\r\nQUIT\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        let name = if number == 0 { me.to_owned() } else { format!("{me}[2]") };
        assert!(text.contains(&format!(" 900 x x!x@secretcat {me} :")) || number == 1, "{text}");
        assert!(text.contains(&format!(" 001 {me}")), "{name}: {text}");
        assert!(text.ends_with("ERROR :Closing link: quit\r\n"), "{text}");
    }
    proc.signal(Signal::TERM);
    assert_eq!(proc.end().status, Some(0));
    assert!(!irc.exists());
}

#[test]
fn sweep_finds_no_difference_at_either_address() {
    let rooms = Rooms::start(&["--history", "0"]);
    let sweep = |address: &str, args: &[&str], input: &str| {
        let out = run(["sweep", address].iter().chain(args), input);
        assert_eq!(out.status, Some(0), "{}{}", String::from_utf8_lossy(&out.stdout), out.stderr);
    };
    sweep(&rooms.irc.to_string(), &["--protocol", "irc"], "");
    // All clients are members of one room: one at a time.
    sweep(
        &rooms.server.address(),
        &["--jobs", "1", "--ignore", "^\\* (guest|you are)"],
        "/topic\n/help\n/bogus\n/nick 1st\n",
    );
    rooms.server.stop();
}

#[test]
fn member_is_in_as_many_rooms_as_member_rooms_allows() {
    let rooms = Rooms::start(&["--member-rooms", "1"]);
    let mut ann = tcp(rooms.irc);
    ann.write_all(b"NICK ann\r\nUSER ann 0 * :Ann\r\nJOIN #a,#b\r\n").unwrap();
    let mut text = String::new();
    while !text.contains(" 405 ") {
        text += &read_line(&mut ann);
    }
    assert!(text.contains(" CHANLIMIT=#:1 ") && text.contains(":ann!ann@secretcat JOIN #a\r\n"), "{text}");
    assert!(text.ends_with(" 405 ann #b :you are in 1 room, and more are not allowed\r\n"), "{text}");
    // A client of lines leaves the room that it was in.
    let mut bob = rooms.server.open();
    bob.write_all(b"/nick bob\n/join a\n/join b\n").unwrap();
    assert!(read_line(&mut bob).starts_with("* you are bob in a (2 members)"));
    assert_eq!(read_line(&mut bob), "* you are in b (1 member)\n");
    rooms.server.stop();
}
