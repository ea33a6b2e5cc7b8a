//! `--transcript`: the messages of a run in a file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{Dir, NOT_FOUND, Proc, Server, accept, digits, local_listener, read_line, run, secretcat};

/// The lines of a transcript but for the first, each of them in the schema.
#[track_caller]
pub(crate) fn records(file: &Path) -> Vec<Value> {
    let schema: Value = serde_json::from_str(include_str!("../cases/transcript.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let text = fs::read_to_string(file).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let wrong: Vec<String> = validator.iter_errors(line).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
    }
    assert_eq!(lines[0]["secretcat"], "transcript");
    lines.split_off(1)
}

/// Direction and text (or base64) of each message.
pub(crate) fn texts(records: &[Value]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|line| {
            let text = line.get("text").or(line.get("base64"));
            (line["dir"].as_str().unwrap(), text.and_then(Value::as_str).unwrap())
        })
        .collect()
}

/// The ids count up by 1 from here.
#[track_caller]
pub(crate) fn assert_ids(records: &[Value], first: u64) {
    let ids: Vec<u64> = records.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (first..first + ids.len() as u64).collect::<Vec<_>>());
}

#[test]
fn both_sides_record_the_messages_of_a_conversation() {
    let dir = Dir::new("transcript");
    let (theirs, ours) = (dir.file("listen"), dir.file("connect"));
    let server = Server::start(&["--transcript", theirs.to_str().unwrap()]);
    let address = server.address();
    let args = ["connect", &address, "--transcript", ours.to_str().unwrap()];
    run(args, b"SECRET 1\r\n\xffhello\n").is(0, digits("1") + NOT_FOUND, "");
    server.stops_with("");
    let (digits, not_found) = (digits("1"), NOT_FOUND.trim_end());
    let replies = [("out", digits.trim_end()), ("out", not_found)];
    let (theirs, ours) = (records(&theirs), records(&ours));
    let received: Vec<_> = texts(&theirs).into_iter().filter(|(dir, _)| *dir == "in").collect();
    assert_eq!(received, [("in", "SECRET 1"), ("in", "/2hlbGxv")]);
    assert_eq!(texts(&theirs).into_iter().filter(|(dir, _)| *dir == "out").collect::<Vec<_>>(), replies);
    let received = replies.map(|(_, text)| ("in", text));
    assert_eq!(texts(&ours).into_iter().filter(|(dir, _)| *dir == "in").collect::<Vec<_>>(), received);
    for records in [&theirs, &ours] {
        assert_ids(records, 1);
        assert!(records.iter().all(|line| line["conn"] == 1), "{records:?}");
    }
    assert!(ours.iter().all(|line| line["peer"] == address.as_str()), "{ours:?}");
    assert_eq!(fs::metadata(dir.file("listen")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn next_run_appends_to_the_transcript() {
    let dir = Dir::new("appends");
    let file = dir.file("transcript");
    for text in ["one", "two", "three"] {
        let args = ["connect", "--loopback", "-m", text, "--transcript", file.to_str().unwrap()];
        run(args, "").is(0, NOT_FOUND, "");
    }
    let records = records(&file);
    assert_ids(&records, 1);
    let sent: Vec<_> = texts(&records).into_iter().filter(|(dir, _)| *dir == "out").map(|(_, text)| text).collect();
    assert_eq!(sent, ["one", "two", "three"]);
    assert_eq!(records.len(), 6, "the private listener does not record");
}

#[test]
fn chat_records_each_line_once() {
    let dir = Dir::new("chat");
    let file = dir.file("transcript");
    let server = Server::start(&["--service", "chat", "--transcript", file.to_str().unwrap()]);
    let (mut one, mut other) = (server.open(), server.open());
    for round in 0..3 {
        other.write_all(format!("line {round}\n").as_bytes()).unwrap();
        assert_eq!(read_line(&mut one), format!("line {round}\n"));
    }
    server.stops_with("");
    assert_eq!(texts(&records(&file)), [("in", "line 0"), ("in", "line 1"), ("in", "line 2")]);
}

#[test]
fn second_writer_is_refused() {
    let dir = Dir::new("writers");
    let file = dir.file("transcript");
    let path = file.to_str().unwrap();
    let server = Server::start(&["--transcript", path]);
    let error = format!("secretcat: open {path}: another process writes to it\n");
    run(["connect", &server.address(), "-m", "a", "--transcript", path], "").is(2, "", &error);
    run(["listen", "127.0.0.1:0", "--transcript", path], "").is(2, "", error);
    server.stops_with("");
    assert_eq!(records(&file), Vec::<Value>::new());
}

#[test]
fn file_that_is_no_transcript_is_refused_unchanged() {
    let dir = Dir::new("others");
    let newer = "{\"secretcat\":\"transcript\",\"version\":2,\"first\":1,\"time\":\"x\"}\n";
    let trace = "{\"t\":0,\"conn\":0,\"type\":\"start\",\"schema\":1}\n";
    let no_end = "x".repeat(10_000);
    for (name, content) in [("log", "a line\n"), ("trace", trace), ("newer", newer), ("long", &no_end), ("word", "no")]
    {
        let file = dir.file(name);
        fs::write(&file, content).unwrap();
        // No advice to change its permissions: it is the file of another program.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = format!("secretcat: open {}: not a transcript of secretcat\n", file.display());
        run(["connect", "--loopback", "-m", "a", "--transcript", file.to_str().unwrap()], "").is(2, "", error);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
    let directory = format!("create {}: is a directory (name a file)", dir.path().display());
    for (path, error) in
        [("/dev/null", "open /dev/null: not a regular file"), (dir.path().to_str().unwrap(), &directory)]
    {
        let error = format!("secretcat: {error}\n");
        run(["connect", "--loopback", "-m", "a", "--transcript", path], "").is(2, "", error);
    }
}

#[test]
fn last_line_that_was_cut_anywhere_is_removed() {
    let dir = Dir::new("cut");
    let (whole, file) = (dir.file("whole"), dir.file("transcript"));
    let path = file.to_str().unwrap();
    let messages = ["connect", "--loopback", "-m", "SECRET 1", "--transcript"];
    run(messages.iter().copied().chain([whole.to_str().unwrap()]), "").is(0, digits("1"), "");
    let whole = fs::read(whole).unwrap();
    let lines_in =
        |bytes: &[u8]| bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")).count();
    for cut in 0..=whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        // It ends before it connects: the file is opened before.
        let refused = run(["connect", "127.0.0.1:1", "-m", "a", "--transcript", path], "");
        assert_eq!(refused.status, Some(1), "{}", refused.stderr);
        let got = fs::read(&file).unwrap();
        // A line that lacks only its line feed is whole.
        let kept = lines_in(&whole[..cut]).max(lines_in(whole.get(..=cut).unwrap_or(&whole)));
        let expected = whole.split_inclusive(|&byte| byte == b'\n').take(kept).collect::<Vec<_>>().concat();
        if kept == 0 {
            assert!(records(&file).is_empty(), "{cut}");
        } else {
            assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&expected), "{cut}");
        }
        let torn = cut - whole[..cut].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let note = match torn {
            0 => String::new(),
            _ if expected.len() > cut => {
                format!("secretcat: transcript {path}: added the line feed of the last line\n")
            }
            1 => format!("secretcat: transcript {path}: removed an incomplete last line of 1 byte\n"),
            _ => format!("secretcat: transcript {path}: removed an incomplete last line of {torn} bytes\n"),
        };
        assert_eq!(
            refused.stderr.strip_prefix(&note).map(|rest| rest.lines().count()),
            Some(1),
            "{cut}: {}",
            refused.stderr
        );
    }
}

#[test]
fn ids_go_on_after_a_damaged_end() {
    let dir = Dir::new("damaged");
    let file = dir.file("transcript");
    let path = file.to_str().unwrap();
    let message = ["connect", "--loopback", "-m", "a", "--transcript", path];
    run(message, "").is(0, NOT_FOUND, "");
    let mut content = fs::read(&file).unwrap();
    content.resize(content.len() + 100_000, 0);
    content.push(b'\n');
    fs::write(&file, &content).unwrap();
    run(message, "").is(0, NOT_FOUND, "");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().last().unwrap().starts_with("{\"id\":4,"), "{text}");
}

#[test]
fn file_that_others_can_read_is_warned_of() {
    let dir = Dir::new("readable");
    let file = dir.file("transcript");
    let path = file.to_str().unwrap();
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let warning = format!("secretcat: transcript {path}: other users may open it (chmod 600 {path})\n");
    run(["connect", "--loopback", "-m", "a", "--transcript", path], "").is(0, NOT_FOUND, warning);
}

#[test]
fn summary_counts_the_recorded_messages() {
    let dir = Dir::new("summary");
    let file = dir.file("transcript");
    let path = file.to_str().unwrap();
    let out = run(["connect", "--loopback", "-m", "a", "--stats", "--transcript", path], "");
    let last = format!("transcript {path}: 2 messages, 0 lost");
    assert_eq!((out.status, out.stderr.lines().last()), (Some(0), Some(&*last)), "{}", out.stderr);
}

#[test]
fn client_that_is_interrupted_has_written_its_transcript() {
    let dir = Dir::new("interrupted");
    let file = dir.file("transcript");
    let (listener, address) = local_listener();
    let client = Proc::start(secretcat(["connect", &address, "-m", "a", "--transcript"]).arg(&file));
    assert_eq!(read_line(&mut accept(&listener)), "a\n");
    client.signal(rustix::process::Signal::INT);
    assert_eq!(client.end().signal, Some(2));
    assert_eq!(texts(&records(&file)), [("out", "a")]);
}
