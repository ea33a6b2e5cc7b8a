//! `--service rooms` with a transcript: lines with room and sender, and the history after a restart.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::irc::Rooms;
use super::transcript::{assert_ids, records};
use crate::support::{Dir, Proc, Server, read_line, run, secretcat};

fn start(file: &Path, args: &[&str]) -> Server {
    Server::start(&[&["--service", "rooms", "--transcript", file.to_str().unwrap()][..], args].concat())
}

/// A member of a room; the lines that it reads when it joins, up to the one that contains `last`.
#[track_caller]
fn member(server: &Server, name: &str, room: &str, last: &str) -> (TcpStream, Vec<String>) {
    let mut stream = server.open();
    stream.write_all(format!("/nick {name}\n/join {room}\n").as_bytes()).unwrap();
    let lines = read_to(&mut stream, last);
    (stream, lines)
}

/// Reads lines up to the one that contains this.
#[track_caller]
fn read_to(stream: &mut TcpStream, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains(text)) {
        lines.push(read_line(stream));
        assert!(lines.last().is_some_and(|line| !line.is_empty()), "no {text:?} in {lines:?}");
    }
    lines
}

/// Room, sender and text of each record.
fn said(records: &[Value]) -> Vec<[&str; 3]> {
    records.iter().map(|line| ["room", "user", "text"].map(|field| line[field].as_str().unwrap())).collect()
}

#[test]
fn lines_of_rooms_are_recorded_with_room_and_sender() {
    let dir = Dir::new("rooms-recorded");
    let file = dir.file("transcript");
    let server = start(&file, &[]);
    let (mut ann, greeting) = member(&server, "ann", "lab", "recorded");
    assert_eq!(greeting.last().unwrap(), "* this room is recorded\n");
    ann.write_all(b"nobody else is here\n/topic a topic\n/names\n").unwrap();
    read_to(&mut ann, "ann");
    let (mut bob, _) = member(&server, "bob", "lab", "ann> nobody");
    bob.write_all(b"/msg ann a secret\nhello\n").unwrap();
    read_to(&mut ann, "bob> hello");
    drop((ann, bob));
    server.stops_with("");
    let records = records(&file);
    assert_eq!(said(&records), [["lab", "ann", "nobody else is here"], ["lab", "bob", "hello"]]);
    assert_ids(&records, 1);
    assert!(records.iter().all(|line| line["dir"] == "in" && line["peer"].as_str().unwrap().starts_with("127.0.0.1:")));
    assert!(!fs::read_to_string(&file).unwrap().contains("secret\""), "private messages are not recorded");
}

#[test]
fn operator_is_recorded_too() {
    let dir = Dir::new("rooms-operator");
    let file = dir.file("transcript");
    let args = ["listen", "127.0.0.1:0", "--service", "rooms", "--console", "--transcript"];
    let mut proc = Proc::start(secretcat(args).arg(&file));
    proc.wait_for_stdout("* this room is recorded\n");
    proc.write("closing soon\n/quit\n");
    assert_eq!(proc.end().status, Some(0));
    let records = records(&file);
    assert_eq!(said(&records), [["lobby", "operator", "closing soon"]]);
    assert_eq!((&records[0]["conn"], &records[0]["peer"]), (&0.into(), &"console".into()));
}

#[test]
fn rooms_have_their_history_after_a_restart() {
    let dir = Dir::new("rooms-restart");
    let file = dir.file("transcript");
    // The lines are in several files.
    let args = ["--transcript-max", "4k", "--history", "3"];
    let server = start(&file, &args);
    for room in ["lab", "den"] {
        let (mut ann, _) = member(&server, "ann", room, "recorded");
        for number in 0..10 {
            ann.write_all(format!("{room} {number} {}\n", "x".repeat(300)).as_bytes()).unwrap();
        }
        ann.write_all(b"/names\n").unwrap();
        read_to(&mut ann, "ann");
    }
    server.stops_with("");
    assert!(dir.file("transcript.1").exists());
    let server = start(&file, &args);
    for room in ["lab", "den"] {
        let (mut bob, greeting) = member(&server, "bob", room, &format!("ann> {room} 9"));
        let lines = |lines: &[String]| -> Vec<String> {
            lines.iter().filter_map(|line| Some(line.split_once("ann> ")?.1[..5].to_owned())).collect()
        };
        assert_eq!(lines(&greeting), [7, 8, 9].map(|number| format!("{room} {number}")), "{greeting:?}");
        bob.write_all(b"/history 10\n").unwrap();
        let all: Vec<String> = (0..10).map(|number| format!("{room} {number}")).collect();
        assert_eq!(lines(&read_to(&mut bob, &format!("ann> {room} 9"))), all);
    }
    server.stops_with("");
    let server = start(&file, &["--history", "0"]);
    let (mut eve, _) = member(&server, "eve", "lab", "recorded");
    eve.write_all(b"/names\n").unwrap();
    let lines = read_to(&mut eve, "eve");
    assert!(!lines.iter().any(|line| line.contains("ann> ")), "{lines:?}");
    server.stops_with("");
}

#[test]
fn notices_and_actions_are_the_same_after_a_restart() {
    let dir = Dir::new("rooms-notice");
    let file = dir.file("transcript");
    let path = file.to_str().unwrap();
    let args = ["--history", "5", "--transcript", path];
    let rooms = Rooms::start(&args);
    let mut ann = rooms.member("ann");
    ann.write_all(
        b"JOIN #Lab\r\nPRIVMSG #lab :\x01ACTION waves\x01\r\nNOTICE #lab :a note\r\nPRIVMSG #lab :a line\r\n",
    )
    .unwrap();
    ann.write_all(b"PING end\r\n").unwrap();
    read_to(&mut ann, "PONG");
    assert_eq!(rooms.server.stop().status, Some(0));

    let rooms = Rooms::start(&args);
    let mut bob = rooms.member("bob");
    bob.write_all(b"CAP REQ server-time\r\nJOIN #lab\r\nPING end\r\n").unwrap();
    let lines = read_to(&mut bob, "PONG");
    let replayed: Vec<_> =
        lines.iter().filter_map(|line| line.split_once(":ann!ann@secretcat ")).map(|(_, rest)| rest).collect();
    let expected = ["PRIVMSG #Lab :\x01ACTION waves\x01\r\n", "NOTICE #Lab :a note\r\n", "PRIVMSG #Lab :a line\r\n"];
    assert_eq!(replayed, expected, "{lines:?}");
    let (_eve, lines) = member(&rooms.server, "eve", "LAB", "a line");
    let shown: Vec<_> = lines.iter().filter_map(|line| line.split_once("] ")).map(|(_, rest)| rest).collect();
    assert_eq!(shown, ["ann (action)> waves\n", "ann (notice)> a note\n", "ann> a line\n"], "{lines:?}");
    assert_eq!(rooms.server.stop().status, Some(0));
    for room in ["lab", "LAB", "#lab"] {
        let out = run(["history", path, "--room", room], "");
        let lines = String::from_utf8(out.stdout).unwrap();
        let lines: Vec<_> = lines.lines().map(|line| line.splitn(3, ' ').nth(2).unwrap()).collect();
        assert_eq!(lines, ["Lab ann (action)> waves", "Lab ann (notice)> a note", "Lab ann> a line"], "{room}");
    }
}

/// A file of 8 GiB, of which nearly all is a hole.
#[test]
fn large_transcript_does_not_delay_the_start() {
    let dir = Dir::new("rooms-large");
    let file = dir.file("transcript");
    start(&file, &[]).stops_with("");
    let mut recorded = fs::OpenOptions::new().write(true).open(&file).unwrap();
    recorded.seek(SeekFrom::Start(8 << 30)).unwrap();
    let line = |id| {
        format!(
            r#"{{"id":{id},"time":"2026-11-26T18:40:03.000000Z","conn":1,"peer":"p","user":"ann","room":"lab","dir":"in","text":"line {id}"}}"#
        )
    };
    recorded.write_all(format!("\n{}\n{}\n", line(1), line(2)).as_bytes()).unwrap();
    drop(recorded);
    let server = start(&file, &[]);
    let io = fs::read_to_string(format!("/proc/{}/io", server.proc.pid())).unwrap();
    let read: u64 = io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok()).unwrap();
    assert!(read < 64 << 20, "{read} bytes were read");
    let (_, greeting) = member(&server, "bob", "lab", "ann> line 2");
    assert!(greeting.iter().any(|line| line.ends_with("ann> line 1\n")), "{greeting:?}");
    server.stops_with("");
}

#[test]
fn delivered_line_is_recorded_when_the_listener_is_killed() {
    let dir = Dir::new("rooms-killed");
    let file = dir.file("transcript");
    let mut delivered = Vec::new();
    for round in 0..5 {
        let server = start(&file, &["--transcript-sync", "each"]);
        let (mut ann, _) = member(&server, "ann", "lab", "recorded");
        let (mut bob, _) = member(&server, "bob", "lab", "recorded");
        for number in 0..5 {
            let text = format!("round {round} line {number}");
            ann.write_all(format!("{text}\n").as_bytes()).unwrap();
            if number <= round {
                read_to(&mut bob, &text);
                delivered.push(text);
            }
        }
        server.proc.signal(Signal::KILL);
        assert_eq!(server.stop().signal, Some(9));
    }
    let server = start(&file, &[]);
    server.stops_with("");
    let records = records(&file);
    let texts: Vec<&str> = said(&records).iter().map(|[_, _, text]| *text).collect();
    let lost: Vec<&String> = delivered.iter().filter(|text| !texts.contains(&text.as_str())).collect();
    assert_eq!(lost, Vec::<&String>::new());
}
