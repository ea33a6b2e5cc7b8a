//! `secretcat history`: prints the messages of a transcript.

use std::fs;
use std::path::PathBuf;

use regex::Regex;

use crate::support::{Dir, NOT_FOUND, Proc, run, secretcat};

const HEADER: &str =
    "{\"secretcat\":\"transcript\",\"version\":1,\"first\":1,\"time\":\"2026-11-26T10:00:00.000000Z\"}\n";

/// The line of a message in the second after 10:00 that is its id.
fn line(id: u64, rest: &str) -> String {
    format!("{{\"id\":{id},\"time\":\"2026-11-26T10:00:{id:02}.000000Z\",{rest}}}\n")
}

/// A message in a room.
fn said(id: u64, room: &str, user: &str, text: &str) -> String {
    let rest = format!(
        "\"conn\":1,\"peer\":\"p:1\",\"user\":\"{user}\",\"room\":\"{room}\",\"dir\":\"in\",\"text\":\"{text}\""
    );
    line(id, &rest)
}

/// A transcript of four messages and a loss of two.
fn sample() -> String {
    [
        HEADER.to_owned(),
        said(1, "lab", "ann", "hello"),
        said(2, "lobby", "bob", "hello too"),
        line(4, "\"lost\":2"),
        line(5, "\"conn\":2,\"peer\":\"q:2\",\"dir\":\"out\",\"base64\":\"/wA=\""),
        said(6, "lab", "ann", "a\\u001b[2J"),
    ]
    .concat()
}

fn written(dir: &Dir, name: &str, content: &str) -> PathBuf {
    let file = dir.file(name);
    fs::write(&file, content).unwrap();
    file
}

#[test]
fn messages_are_printed_for_people_and_for_programs() {
    let dir = Dir::new("printed");
    let file = written(&dir, "t", &sample());
    let path = file.to_str().unwrap();
    let [one, two, gap, other, end] = [
        "2026-11-26 10:00:01 lab ann> hello\n",
        "2026-11-26 10:00:02 lobby bob> hello too\n",
        "2026-11-26 10:00:04 (2 messages lost)\n",
        "2026-11-26 10:00:05 q:2 <- \\xff\\x00\n",
        "2026-11-26 10:00:06 lab ann> a\\x1b[2J\n",
    ];
    for (options, expected) in [
        (&[][..], [one, two, gap, other, end].concat()),
        (&["--room", "lab"], [one, gap, end].concat()),
        (&["--since", "2026-11-26T10:00:05Z"], [other, end].concat()),
        (&["--since", "2026-11-26"], [one, two, gap, other, end].concat()),
        (&["--since", "1s"], String::new()),
        (&["--grep", "^hello$"], [one, gap].concat()),
        (&["--grep", "hello", "--room", "lobby"], [two, gap].concat()),
        (&["--last", "2"], [other, end].concat()),
        (&["--last", "0"], String::new()),
        (&["--last", "9", "--room", "lobby"], [two, gap].concat()),
    ] {
        run(["history", path].iter().chain(options), "").is(0, &expected, "");
        run(["history", "-"].iter().chain(options), sample()).is(0, &expected, "");
    }
    run(["history", path, "--json"], "").is(0, sample().strip_prefix(HEADER).unwrap(), "");
    let lab = [said(1, "lab", "ann", "hello"), line(4, "\"lost\":2"), said(6, "lab", "ann", "a\\u001b[2J")].concat();
    run(["history", path, "--json", "--room", "lab"], "").is(0, &lab, "");
    // The lines of another run, which has left some out.
    run(["history", "-", "--last", "1"], &lab).is(0, end, "");
}

#[test]
fn wrong_values_are_refused_with_the_syntax() {
    let since = "invalid value 'yesterday' for '--since <TIME>': \"yesterday\" is not a time: expected 2026-11-26, \
                 2026-11-26T18:39:08Z, or a time ago such as 90m\n";
    run(["history", "t", "--since", "yesterday"], "").is(2, "", format!("secretcat: {since}"));
    let out = run(["history", "t", "--grep", "("], "");
    assert_eq!((out.status, out.stderr.lines().count()), (Some(2), 1), "{}", out.stderr);
    assert!(out.stderr.contains("\"(\" is not a regular expression"), "{}", out.stderr);
    run(["history", "/nowhere/t"], "").is(2, "", "secretcat: open /nowhere/t: no such file or directory\n");
    run(["history", "/"], "").is(2, "", "secretcat: read /: is a directory (name a file)\n");
}

#[test]
fn file_of_another_program_is_refused() {
    let dir = Dir::new("foreign");
    for content in ["a log\n", "", "{\"t\":0}\n", "\n", "{\"secretcat\":\"transcript\",\"version\":2,\"first\":1}\n"] {
        let file = written(&dir, "t", content);
        let refused = format!("secretcat: read {}: not a transcript of secretcat\n", file.display());
        // An empty one has no messages.
        let (status, stderr) = if content.is_empty() { (0, "") } else { (2, &*refused) };
        run(["history", file.to_str().unwrap()], "").is(status, "", stderr);
        let stderr = stderr.replace(file.to_str().unwrap(), "stdin");
        run(["history", "-"], content).is(status, "", stderr);
    }
}

#[test]
fn transcript_cut_anywhere_has_its_whole_lines() {
    let dir = Dir::new("history-cut");
    let whole = sample();
    let all = run(["history", "-"], &whole).stdout;
    let shown: Vec<&[u8]> = all.split_inclusive(|&byte| byte == b'\n').collect();
    for cut in 1..=whole.len() {
        let file = written(&dir, "t", &whole[..cut]);
        // A line that lacks only its line feed is whole.
        let text = format!("{}\n", &whole[..cut]);
        let whole_lines = whole.split_inclusive('\n').scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        });
        let lines = whole_lines.filter(|&end| end <= text.len()).count();
        let expected = shown[..lines.saturating_sub(1)].concat();
        let out = run(["history", file.to_str().unwrap()], "");
        let is_torn = !whole[..cut].ends_with('\n') && whole.as_bytes()[cut] != b'\n';
        let note = format!("secretcat: {}: its incomplete last line was left out\n", file.display());
        out.is(0, expected, if is_torn { &note } else { "" });
    }
}

#[test]
fn damage_within_a_transcript_is_reported() {
    let dir = Dir::new("damage");
    for (garbage, losses) in [
        ("\0\0\n", "1 line left out that is no record, 2 messages missing"),
        ("\0\0\ngarbage\n", "2 lines left out that are no record, 2 messages missing"),
        ("", "2 messages missing"),
    ] {
        let content = [HEADER, &said(1, "lab", "ann", "one"), garbage, &said(4, "lab", "ann", "two")].concat();
        let file = written(&dir, "t", &content);
        let expected = "2026-11-26 10:00:01 lab ann> one\n2026-11-26 10:00:04 lab ann> two\n";
        let error = format!("secretcat: {}: {losses}\n", file.display());
        run(["history", file.to_str().unwrap()], "").is(2, expected, error);
    }
}

#[test]
fn renamed_files_are_read_in_their_order() {
    let dir = Dir::new("ordered");
    let file = dir.file("t");
    let path = file.to_str().unwrap();
    let args = ["connect", "--loopback", "--transcript", path, "--transcript-max", "4k,30"];
    let messages = (0..100).map(|number| format!("message {number}\n")).collect::<Vec<_>>().concat();
    run(args, &messages).is(0, NOT_FOUND.repeat(100), "");
    assert!(dir.file("t.2").exists());
    let out = run(["history", path, "--grep", "^message"], "");
    let text = String::from_utf8(out.stdout).unwrap();
    let sent = Regex::new(r"(?m)^.* <- ").unwrap().replace_all(&text, "");
    assert_eq!((out.status, sent), (Some(0), messages.into()), "{}", out.stderr);
    // A file that is missing in between.
    fs::rename(dir.file("t.1"), dir.file("t.0")).unwrap();
    fs::rename(dir.file("t.2"), dir.file("t.1")).unwrap();
    let out = run(["history", path], "");
    assert!(out.status == Some(2) && out.stderr.ends_with(" messages missing\n"), "{}", out.stderr);
}

#[test]
fn closed_stdout_ends_it_quietly() {
    let dir = Dir::new("head");
    let content = (1..50_000).map(|id| said(1, "lab", "ann", &format!("line {id}"))).collect::<String>();
    let file = written(&dir, "t", &(HEADER.to_owned() + &content));
    let mut command = crate::support::shell("{ \"$0\" history \"$1\"; echo $? >&2; } | head -n 1", [&file]);
    let out = crate::support::run_command(&mut command, "");
    out.is(0, "2026-11-26 10:00:01 lab ann> line 1\n", "141\n");
}

#[test]
fn running_listener_is_read_while_it_writes() {
    let dir = Dir::new("live");
    let file = dir.file("t");
    let mut client = Proc::start(secretcat(["connect", "--loopback", "--transcript"]).arg(&file));
    client.write("hello\n");
    client.wait_for_stdout(NOT_FOUND);
    let shows = || run(["history", file.to_str().unwrap()], "").stdout.ends_with(b"-> Secret code not found.\n");
    crate::support::poll_until("the reply in the transcript", || (), shows);
    client.close_stdin();
    assert_eq!(client.end().status, Some(0));
}
