//! `listen --service rooms`: members, commands and limits, over real connections and with nc.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::pty::Terminal;
use crate::support::{Dir, Proc, Server, poll_until, read_line, read_to_end, secretcat, skip};

const ROOMS: [&str; 2] = ["--service", "rooms"];

pub(crate) fn start(args: &[&str]) -> Server {
    Server::start(&[&ROOMS[..], args].concat())
}

/// A client that has sent these lines.
pub(crate) fn client(server: &Server, lines: &str) -> TcpStream {
    let mut client = server.open();
    client.write_all(lines.as_bytes()).unwrap();
    client
}

/// A member of the lobby with this name, which has read its greeting.
pub(crate) fn member(server: &Server, name: &str) -> TcpStream {
    let mut member = client(server, &format!("/nick {name}\n/join lobby\n"));
    let greeting = read_line(&mut member);
    assert!(greeting.starts_with(&format!("* you are {name} in lobby (")), "{greeting}");
    member
}

/// Sends a line, and checks the next lines that the sender gets.
fn asks(client: &mut TcpStream, line: &[u8], answers: &[&str]) {
    client.write_all(&[line, b"\n"].concat()).unwrap();
    for answer in answers {
        assert_eq!(read_line(client), format!("{answer}\n"), "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn nc_and_ncat_are_members_of_a_room() {
    let server = start(&[]);
    let mut programs = Vec::new();
    for (program, name) in [("nc", "ann"), ("ncat", "bob")] {
        if !skip::has_program(program) {
            return;
        }
        let mut proc = Proc::start(Command::new(program).args(["127.0.0.1", &server.port()]));
        proc.write(format!("/nick {name}\n/join lab\n"));
        proc.wait_for_stdout(&format!("* you are {name} in lab"));
        programs.push(proc);
    }
    let [mut ann, mut bob] = <[Proc; 2]>::try_from(programs).unwrap();
    ann.wait_for_stdout("* bob joined lab\n");
    ann.write("hi\n//etc is a folder\n");
    bob.wait_for_stdout("ann> hi\nann> /etc is a folder\n");
    bob.write("/quit later\n");
    ann.wait_for_stdout("* bob left (later)\n");
    drop(ann);
    server.stops_with("");
}

#[test]
fn silent_client_becomes_a_guest_and_gets_lines() {
    let server = start(&[]);
    let mut guest = server.open();
    assert_eq!(read_line(&mut guest), "* you are guest1 in lobby (1 member); /help lists the commands\n");
    let mut ann = member(&server, "ann");
    assert_eq!(read_line(&mut guest), "* ann joined lobby\n");
    asks(&mut ann, b"hi\r", &[]);
    assert_eq!(read_line(&mut guest), "ann> hi\n");
    asks(&mut guest, b"/nick eve", &["* you are now eve"]);
    assert_eq!(read_line(&mut ann), "* guest1 is now eve\n");
    drop(guest);
    assert_eq!(read_line(&mut ann), "* eve left\n");
    server.stops_with("");
}

#[test]
fn rest_of_a_client_that_ends_is_a_line() {
    let server = start(&[]);
    let mut ann = member(&server, "ann");
    let eve = client(&server, "/nick eve\n/join lobby\nno end");
    eve.shutdown(std::net::Shutdown::Write).unwrap();
    let seen = [(); 3].map(|()| read_line(&mut ann));
    assert_eq!(seen, ["* eve joined lobby\n", "eve> no end\n", "* eve left\n"]);
    assert_eq!(read_to_end(&eve), b"* you are eve in lobby (2 members); /help lists the commands\n");
}

#[test]
fn bad_input_is_answered_to_its_sender_only() {
    let server = start(&[]);
    let (mut ann, mut bob) = (member(&server, "ann"), member(&server, "bob"));
    assert_eq!(read_line(&mut ann), "* bob joined lobby\n");
    let long = "x".repeat(60);
    let cases: [(&[u8], &str); 16] = [
        (b"/nick \x1b[31mred", r"* name \x1b[31mred: may only have letters, digits and - _ . [ ] { } ^ |"),
        (b"/nick \xc2\x9bx", r"* name \xc2\x9bx: may only have letters, digits and - _ . [ ] { } ^ |"),
        (b"/nick a\0b", r"* name a\x00b: may only have letters, digits and - _ . [ ] { } ^ |"),
        (b"/nick b\xd0\xbeb", "* name b\u{43e}b: may only have letters, digits and - _ . [ ] { } ^ |"),
        (b"/nick ANN", "* ANN is the name of another member"),
        (b"/nick operator", "* operator is a reserved name"),
        (b"/nick 1st", "* name 1st: must begin with a letter or one of _ [ ] { } ^ |"),
        (b"/nick", "* usage: /nick NAME"),
        (b"/join a/b", "* room a/b: may only have letters, digits and - _ . [ ] { } ^ |"),
        (b"/join LOBBY", "* you are in lobby"),
        (b"/join", "* usage: /join ROOM"),
        (b"/msg eve hi", "* no member has the name eve"),
        (b"/msg \x1b]0;x hi", r"* no member has the name \x1b]0;x"),
        (b"/history -1", "* usage: /history [N]"),
        (b"/kick ann", "* there is no command /kick (/help lists the commands; //TEXT says /TEXT)"),
        (b"/\x07\x9b", r"* there is no command /\x07\x9b (/help lists the commands; //TEXT says /TEXT)"),
    ];
    for (line, answer) in cases {
        asks(&mut bob, line, &[answer]);
    }
    let cut = &long[..40];
    asks(&mut bob, format!("/nick {long}").as_bytes(), &[&format!("* name {cut}...: has more than 32 characters")]);
    asks(&mut bob, format!("/join {long}").as_bytes(), &[&format!("* room {cut}...: has more than 32 characters")]);
    asks(&mut bob, "y".repeat(5000).as_bytes(), &["* the text has more than 4096 bytes"]);
    asks(&mut bob, b"a\tb\x1b[2J\x9b\x7f\xff", &[]);
    assert_eq!(read_line(&mut ann), "bob> a\tb\\x1b[2J\\x9b\\x7f\\xff\n", "no other line has reached the others");
    server.stops_with("");
}

#[test]
fn clients_of_other_protocols_are_sent_away() {
    let server = start(&[]);
    let mut ann = member(&server, "ann");
    let cases = [
        (
            "CAP LS 302\r\nNICK x\r\nUSER x 0 * :x\r\n",
            "ERROR :this port takes lines of text, and there is no IRC port\r\n",
        ),
        ("NICK x\r\n", "ERROR :this port takes lines of text, and there is no IRC port\r\n"),
        ("USER x 0 * :x\r\n", "ERROR :this port takes lines of text, and there is no IRC port\r\n"),
        ("POST / HTTP/1.1\r\nHost: x\r\n\r\n/nick boss\nhi\n", "HTTP/1.1 400 this port takes lines of text\r\n\r\n"),
    ];
    for (lines, answer) in cases {
        assert_eq!(server.exchange(lines), answer);
    }
    asks(&mut ann, b"/rooms", &["* lobby: 1 member"]); // no other line has reached the room
    server.stops_with("");
}

#[test]
fn new_member_gets_the_last_lines_and_the_topic() {
    let server = start(&["--history", "2"]);
    let mut ann = member(&server, "ann");
    for line in ["one", "two", "three"] {
        asks(&mut ann, line.as_bytes(), &[]);
    }
    asks(&mut ann, b"/topic exam on Friday", &["* ann set the topic: exam on Friday"]);
    let mut bob = member(&server, "bob");
    let lines = [(); 4].map(|()| read_line(&mut bob));
    assert!(
        lines[0].starts_with("* topic: exam on Friday (set by ann, ") && lines[0].ends_with(" UTC)\n"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "* the last 2 lines (UTC):\n");
    for (line, text) in lines[2..].iter().zip(["two", "three"]) {
        let (time, rest) = line.split_once("] ").unwrap();
        assert_eq!((time.len(), &time[..1], rest), ("[18:40:03".len(), "[", &*format!("ann> {text}\n")));
    }
    asks(&mut bob, b"/history 5", &["* the last 3 lines (UTC):"]);
    let without = start(&["--history", "0"]);
    let mut ann = member(&without, "ann");
    asks(&mut ann, b"one", &[]);
    asks(&mut ann, b"/history", &["* the last 0 lines (UTC):"]);
}

#[test]
fn flood_of_one_member_is_slowed_and_nothing_is_lost() {
    const LINES: usize = 45;
    let server = start(&[]);
    let mut observer = member(&server, "observer");
    let (mut flooder, mut other) = (member(&server, "flooder"), member(&server, "other"));
    assert_eq!(read_line(&mut observer) + &read_line(&mut observer), "* flooder joined lobby\n* other joined lobby\n");
    let flood: Vec<_> = (0..LINES).map(|n| format!("{n}\n")).collect();
    flooder.write_all(flood.concat().as_bytes()).unwrap();
    assert_eq!(read_line(&mut observer), "flooder> 0\n");
    asks(&mut other, b"hi", &[]);
    let lines: Vec<_> = (0..LINES).map(|_| read_line(&mut observer)).collect();
    let (others, flood): (Vec<&String>, Vec<&String>) = lines.iter().partition(|line| line.starts_with("other> "));
    assert_eq!(others, ["other> hi\n"]);
    assert_ne!(lines.last(), Some(others[0]), "a member that sends one line does not wait for the flood");
    let expected: Vec<_> = (1..LINES).map(|n| format!("flooder> {n}\n")).collect();
    assert_eq!(flood, expected.iter().collect::<Vec<_>>(), "all lines, in their order");
    server.stops_with("");
}

#[test]
fn shutdown_does_not_wait_for_a_member_that_sends_too_much() {
    let server = start(&[]);
    let mut observer = member(&server, "observer");
    let mut flooder = member(&server, "flooder");
    flooder.write_all("x\n".repeat(200).as_bytes()).unwrap();
    for line in ["* flooder joined lobby\n", "flooder> x\n"] {
        assert_eq!(read_line(&mut observer), line);
    }
    server.stops_with(""); // and not: shutdown aborted 1 connection
    assert_eq!(read_to_end(&flooder), b"", "the end, and no reset");
}

#[test]
fn rate_of_a_member_is_that_of_rate_limit() {
    let server = start(&["--rate-limit", "1/2"]);
    let mut observer = member(&server, "observer");
    let (mut flooder, mut other) = (member(&server, "flooder"), member(&server, "other"));
    assert_eq!(read_line(&mut observer) + &read_line(&mut observer), "* flooder joined lobby\n* other joined lobby\n");
    flooder.write_all("x\n".repeat(8).as_bytes()).unwrap();
    assert_eq!(read_line(&mut observer), "flooder> x\n");
    asks(&mut other, b"hi", &[]);
    let lines: Vec<_> = (0..8).map(|_| read_line(&mut observer)).collect();
    assert!(lines.iter().position(|line| line == "other> hi\n").is_some_and(|at| at < 7), "{lines:?}");

    let server = start(&["--rate-limit", "0"]);
    let mut observer = member(&server, "observer");
    let mut flooder = member(&server, "flooder");
    assert_eq!(read_line(&mut observer), "* flooder joined lobby\n");
    flooder.write_all("x\n".repeat(1000).as_bytes()).unwrap(); // 97 s of the default rate, and it closes after 60
    for _ in 0..1000 {
        assert_eq!(read_line(&mut observer), "flooder> x\n");
    }
    server.stops_with("");
}

#[test]
fn limits_of_rooms_are_those_of_the_options() {
    let server = start(&["--room-members", "2", "--max-rooms", "2", "--history-memory", "1k"]);
    let mut ann = member(&server, "ann");
    let bob = member(&server, "bob");
    let mut eve = client(&server, "/nick eve\n/join lobby\n");
    assert_eq!(read_line(&mut eve), "* lobby is full (2 members)\n");
    assert_eq!(read_line(&mut eve), "* lobby is full (2 members)\n", "the default room is the same one");
    asks(&mut eve, b"/join lab", &["* you are eve in lab (1 member); /help lists the commands"]);
    asks(&mut eve, b"/join hall", &["* there are 2 rooms, and more are not allowed"]);
    drop(bob);
    assert_eq!(read_line(&mut ann) + &read_line(&mut ann), "* bob joined lobby\n* bob left\n");
    // A line takes 192 bytes, and those of its text.
    for number in 0..9 {
        asks(&mut ann, format!("{number}{}", "x".repeat(63)).as_bytes(), &[]);
    }
    asks(&mut ann, b"/history", &["* the last 4 lines (UTC):"]);
    server.stops_with("");
}

#[test]
fn join_flood_is_announced_in_few_lines() {
    const JOINS: u64 = 200;
    let server = start(&[]);
    let mut ann = member(&server, "ann");
    let guests: Vec<_> = (0..JOINS).map(|_| client(&server, "\n")).collect();
    let (mut joined, mut lines) = (0, 0);
    while joined < JOINS {
        let line = read_line(&mut ann);
        let words: Vec<_> = line.split(' ').collect();
        joined += match words[..] {
            ["*", count, "members" | "member", "joined", "lobby\n"] => count.parse::<u64>().unwrap(),
            ["*", _, "joined", "lobby\n"] => 1,
            _ => panic!("{line}"),
        };
        lines += 1;
    }
    assert_eq!(joined, JOINS);
    // Ten at once and two a second, over the deadline of the slowest machine.
    assert!(lines < JOINS / 2, "{lines} lines");
    asks(&mut ann, b"/names", &["* 201 members in lobby:"]);
    drop(guests);
}

/// Members that each send as many bytes as they may at once, and read everything: 1.6 MB together.
fn crowd_that_speaks(server: &Server) -> Vec<TcpStream> {
    let text = format!("{}\n", "x".repeat(4096)).repeat(4);
    let speakers: Vec<_> = (0..SPEAKERS).map(|_| client(server, &text)).collect();
    for speaker in &speakers {
        let mut speaker = speaker.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut speaker, &mut std::io::sink()));
    }
    speakers
}

const SPEAKERS: usize = 100;

/// Reads all lines of a crowd.
fn read_crowd(member: &TcpStream) {
    let lines = BufReader::new(member).lines().map(Result::unwrap);
    let of_crowd = lines.filter(|line| line.len() > 4096).take(4 * SPEAKERS);
    assert_eq!(of_crowd.count(), 4 * SPEAKERS);
}

#[test]
fn member_that_does_not_read_is_dropped_with_a_reason() {
    let server = start(&["-v", "--history", "0", "--sndbuf", "16k"]);
    let mut silent = member(&server, "silent");
    let mut reader = member(&server, "reader");
    let before = server.proc.memory("VmRSS");
    // Once after the other: the reader gets all lines of one before the next sends more.
    let text = format!("{}\n", "x".repeat(4096)).repeat(4);
    let mut speakers = 0;
    while !server.proc.output_so_far().1.contains("client reads too slowly") {
        let speaker = client(&server, &text);
        speakers += 1;
        assert!(speakers < 2000, "the silent client has got everything");
        let mut lines = 0;
        while lines < 4 {
            lines += usize::from(read_line(&mut reader).len() > 4096);
        }
        drop(speaker);
    }
    assert!(server.proc.memory("VmHWM") - before < 8 << 20);
    // What it has got looks like no whole conversation.
    let end = silent.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn operator_at_a_pipe_takes_part_and_removes_members() {
    let mut server = start(&["--console", "--history", "0"]);
    server.proc.wait_for_stdout("* you are operator in lobby (1 member); /help lists the commands\n");
    let mut ann = member(&server, "ann");
    server.proc.wait_for_stdout("* ann joined lobby\n");
    asks(&mut ann, b"hi \x1b", &[]);
    server.proc.wait_for_stdout("ann> hi \\x1b\n");
    server.proc.write("hi ann\n/kick ann for fun\n");
    assert_eq!(
        String::from_utf8(read_to_end(&ann)).unwrap(),
        "operator> hi ann\n* you were removed by the operator: for fun\n"
    );
    // From another room, only the answer shows that it was done.
    let ann = member(&server, "ann");
    server.proc.write("/join den\n/kick ANN\n");
    server.proc.wait_for_stdout("* removed: ANN\n");
    assert_eq!(read_to_end(&ann), b"* operator left lobby\n* you were removed by the operator\n");
    server.proc.write("/join lobby\n");
    let ann = member(&server, "ann");
    server.proc.write("/ban ann\n");
    server.proc.wait_for_stdout("* banned: ann\n");
    assert_eq!(read_to_end(&ann), b"* you were banned by the operator\n");
    let again = client(&server, "/nick Ann\n");
    assert_eq!(read_to_end(&again), b"* you are banned\n");
    server.proc.write("/unban ann\n");
    server.proc.wait_for_stdout("* no bans\n");
    let mut ann = member(&server, "ann");
    server.proc.write("/help\n");
    server.proc.wait_for_stdout("* /quit                  Stop the listener\n");
    server.proc.close_stdin();
    asks(&mut ann, b"still here?", &[]);
    let out = server.proc.wait_for_stdout("ann> still here?\n");
    assert!(out.contains("* ann left (removed by the operator: for fun)\n"), "{out}");
    server.proc.signal(Signal::TERM);
    assert_eq!(read_to_end(&ann), b"");
    assert_eq!(server.proc.end().status, Some(0));
}

#[test]
fn operator_at_a_terminal_has_the_line_editor() {
    let mut operator = Terminal::start(&secretcat(["listen", "127.0.0.1:0", "--service", "rooms", "--console"]));
    let ready = operator.sees("you are operator in lobby");
    let port = ready.split("listening on 127.0.0.1:").nth(1).unwrap();
    let port: u16 = port.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let mut ann = crate::support::tcp(([127, 0, 0, 1], port).into());
    ann.write_all(b"/nick ann\nhi\n").unwrap();
    operator.sees("ann> hi");
    operator.types("good morning\r");
    let greeting = "* you are ann in lobby (2 members); /help lists the commands\n";
    assert_eq!([read_line(&mut ann), read_line(&mut ann)], [greeting, "operator> good morning\n"]);
    operator.types("/quit\r");
    assert_eq!(read_to_end(&ann), b"");
    let (outcome, _) = operator.end();
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn stdout_that_is_not_read_does_not_stop_the_rooms() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let mut command = secretcat(["listen", "127.0.0.1:0", "--service", "rooms", "--console", "--history", "0"]);
    let server = Server::from_proc(Proc::start_on(&mut command, Stdio::piped(), writer.into(), Stdio::piped()));
    let reader_of_all = member(&server, "reader");
    let _speakers = crowd_that_speaks(&server);
    read_crowd(&reader_of_all);
    assert!(server.proc.memory("VmHWM") < 64 << 20);
    let cat = Proc::start_on(&mut Command::new("cat"), reader.into(), Stdio::piped(), Stdio::piped());
    let mut ann = client(&server, "/nick ann\n");
    poll_until(
        "stdout is read again",
        || asks(&mut ann, b"/topic still here", &[]),
        || cat.output_so_far().0.windows(9).any(|bytes| bytes == b" left out"),
    );
    let out = cat.wait_for_stdout("* ann set the topic: still here\n");
    assert!(regex::Regex::new("\n\\* [0-9]+ lines left out\n").unwrap().is_match(&out));
    server.proc.signal(Signal::TERM);
    assert_eq!(server.proc.end().status, Some(0));
}

#[test]
fn new_member_reads_that_a_transcript_is_kept() {
    let dir = Dir::new("recorded-rooms");
    let server = start(&["--transcript", dir.file("transcript").to_str().unwrap()]);
    let mut ann = member(&server, "ann");
    assert_eq!(read_line(&mut ann), "* this room is recorded\n");
}

/// `--service chat` has no names, no commands and no limits.
#[test]
fn chat_sends_each_line_unchanged_to_all_others() {
    let server = Server::start(&["--service", "chat"]);
    let [mut ann, mut bob] = [(); 2].map(|()| server.open());
    ann.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
    poll_until("ann is there", || bob.write_all(b"?\n").unwrap(), || ann.peek(&mut [0]).is_ok());
    ann.set_read_timeout(None).unwrap();
    bob.write_all(b"!\n").unwrap();
    while read_line(&mut ann) == "?\n" {} // and no greeting
    let lines: &[u8] = b"/nick ann\n/quit\n//x\n* ann left\n\n\x1b[31m\x00\xff\n/bogus\nCAP LS 302\nno end";
    ann.write_all(&[lines, &b"\nx".repeat(200)].concat()).unwrap();
    ann.shutdown(std::net::Shutdown::Write).unwrap();
    let mut got = vec![0; lines.len() + 2 * 200 + 1];
    bob.read_exact(&mut got).unwrap();
    assert_eq!(got, [lines, &b"\nx".repeat(200), b"\n"].concat());
    assert_eq!(read_to_end(&ann), b"", "nothing comes back");
    bob.write_all(b"still here\n").unwrap();
    server.stops_with("");
    assert_eq!(read_to_end(&bob), b"");
}
