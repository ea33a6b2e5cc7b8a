//! Every known reassembly bug is found, shrunk, and repeated by the printed command.

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::support::sweep::{assert_repeats, broken, findings, sweep, verdicts};
use crate::support::{Server, has, run};

/// A wrong server, the requests, and the required findings.
struct Mutant {
    name: &'static str,
    number: usize,
    args: &'static [&'static str],
    /// The cuts of the simplest difference, without boundaries of messages.
    cuts: &'static [u64],
    joined: &'static [u64],
    fin: &'static str,
    found_by: &'static str,
}

const LINES: &[&str] = &["-m", "a SECRET 12", "-m", "hello", "--pipelining"];
const LONG: &[&str] = &[
    "-m",
    "SECRET 12345678901234567890123456789012345678901234567890123456789012345678901234567890\
     1234567890123456789012345678901234567890123456789012",
];

fn mutant(name: &'static str, args: &'static [&'static str], cuts: &'static [u64], found_by: &'static str) -> Mutant {
    Mutant { name, number: 0, args, cuts, joined: &[], fin: "replied", found_by }
}

fn mutants() -> Vec<Mutant> {
    let joins = |name| Mutant { joined: &[12], ..mutant(name, LINES, &[], "2 messages in one write") };
    vec![
        joins("one-read"),
        joins("first-only"),
        Mutant {
            joined: &[9],
            ..mutant(
                "drop-tail",
                &["-m", "SECRET 1", "-m", "SECRET 2", "--pipelining"],
                &[10],
                "all messages joined, each cut at 1",
            )
        },
        mutant("cr-lf", &["-C", "-m", "SECRET 12", "-m", "hello"], &[10], "message 1 cut at 10"),
        mutant("utf8", &["-m", "na\u{ef}ve \u{20ac}"], &[3], "message 1 cut at 3"),
        mutant("prefix", &["--framing", "length:u16", "-m", "abc", "-m", "defg"], &[1], "message 1 cut at 1"),
        mutant("secret", LINES, &[3], "message 1 cut at 3"),
        Mutant { number: 77, ..mutant("one-offset", LONG, &[77], "message 1 cut at 77") },
        mutant("two-cuts", &["-m", "SECRET 12"], &[1, 2], "message 1 cut at 1 and 2"),
        Mutant {
            fin: "with",
            ..mutant(
                "end-first",
                &["-m", "SECRET 12", "--families", "+half-close"],
                &[],
                "FIN in the segment of the last byte",
            )
        },
        // Its conversations wait for the time limit: many at once.
        mutant("stalls", &["-m", "SECRET 12", "--jobs", "16"], &[1], "message 1 cut at 1"),
    ]
}

#[test]
fn every_mutant_is_found_shrunk_and_repeated() {
    assert_eq!(LONG[1].len() + 1, 140);
    let header = format!("{:<14}{:>6}{:>11}  {}\n", "mutant", "plans", "different", "simplest");
    // Each mostly waits for its command: run all at once.
    let lines: Vec<String> = std::thread::scope(|scope| {
        let tests: Vec<_> = mutants().into_iter().map(|mutant| scope.spawn(move || find(&mutant))).collect();
        tests.into_iter().map(|test| test.join().unwrap()).collect()
    });
    // Not captured by the test harness: the table is for readers of the log.
    let _ = writeln!(std::io::stderr(), "{header}{}", lines.concat());
}

/// Finds one mutant; returns its line of the table.
fn find(mutant: &Mutant) -> String {
    let name = mutant.name;
    let Some(server) = broken(name, mutant.number) else { return String::new() };
    let found = findings(&server, mutant.args, b"");
    let [_, different, not_proven] = verdicts(&found);
    assert_eq!((&found["status"], not_proven), (&Value::from(3), 0), "{name}: {found:#}");
    let first = &found["differences"][0];
    assert_eq!(first["found_by"], mutant.found_by, "{name}: {found:#}");
    assert_eq!((&first["fin"], &first["joined"]), (&mutant.fin.into(), &mutant.joined.into()), "{name}: {found:#}");
    assert_eq!(cuts_inside_messages(&found, first), mutant.cuts, "{name}: {found:#}");
    assert_eq!(first["repeated"], true, "{name}");
    assert_repeats(&found);
    format!(
        "{name:<14}{:>6}{different:>11}  {}\n",
        found["plans"].as_u64().unwrap(),
        first["found_by"].as_str().unwrap()
    )
}

/// The cuts of a difference that are not boundaries of messages.
fn cuts_inside_messages(found: &Value, difference: &Value) -> Vec<u64> {
    let mut end = 0;
    let mut boundaries = Vec::new();
    for message in found["messages"].as_array().unwrap() {
        let text = message.as_str().unwrap();
        // Escaped bytes are \xHH, \n or \r.
        let bytes = text.replace("\\r", "r").replace("\\n", "n");
        end += bytes.len() as u64 - 3 * text.matches("\\x").count() as u64;
        boundaries.push(end);
    }
    let cuts = difference["cuts"].as_array().unwrap().iter().map(|cut| cut.as_u64().unwrap());
    cuts.filter(|cut| !boundaries.contains(cut)).collect()
}

#[test]
fn bugs_of_listen_are_found() {
    let cases = [
        ("one-read", &[][..], "2 messages in one write"),
        ("first-only", &[], "2 messages in one write"),
        ("drop-tail", &[], "message 1 cut at 1"),
    ];
    for (bug, more, found_by) in cases {
        let server = Server::start(&[&["--bug", bug], more].concat());
        let found = findings(&server, &["-m", "SECRET 42", "-m", "hello", "--pipelining"], b"");
        assert_eq!(found["status"], 3);
        assert_eq!(found["differences"][0]["found_by"], found_by, "{bug}");
        assert_repeats(&found);
    }
}

/// What a sweep found is a plan for connect, too.
#[test]
fn connect_takes_the_plan_of_a_difference() {
    let server = Server::start(&["--bug", "one-read"]);
    let args = ["-m", "SECRET 42", "--json"];
    let out = sweep(&server, &args, b"");
    let dir = crate::support::Dir::new("findings");
    let file = dir.file("found.json");
    std::fs::write(&file, &out.stdout).unwrap();
    let args = ["connect", &server.address(), "--raw", "--plan", file.to_str().unwrap()];
    run(args, "SECRET 42\n").is(0, "Secret code not found.\n".repeat(2), "");
}

#[test]
fn correct_servers_have_no_differences() {
    for name in ["right", "serial"] {
        let Some(server) = broken(name, 0) else { return };
        let found = findings(&server, &[LINES, &["--jobs", "8"]].concat(), b"");
        assert_eq!((verdicts(&found), &found["status"]), ([144, 0, 0], &Value::from(0)), "{name}: {found:#}");
    }
}

/// If the server closes with its reply, the last write cannot be proven; the cuts before it can.
#[test]
fn server_that_closes_with_its_reply_is_proven() {
    let Some(server) = broken("abrupt", 0) else { return };
    let found = findings(&server, &["-m", "SECRET 12"], b"");
    assert_eq!((verdicts(&found), &found["status"]), ([49, 0, 0], &Value::from(0)), "{found:#}");
}

#[test]
fn printed_command_repeats_any_bytes() {
    let mut request = b"-n SECRET '\"%s\\n%%\\\\$(x)`y`!\0\x01\xff\xc3\xa9\t\x7f 12345678\n".to_vec();
    request.extend_from_slice(b"-\n");
    let behind_a_digit = request.iter().position(|byte| *byte == b'5').unwrap() + 1;
    let Some(server) = broken("one-offset", behind_a_digit) else { return };
    let found = findings(&server, &["--max-plans", "200"], &request);
    assert_eq!(found["status"], 3);
    assert!(found["differences"][0]["repeat"].as_str().unwrap().starts_with("printf '\\055n "));
    assert_repeats(&found);
    if has("bash") {
        let command = found["differences"][0]["repeat"].as_str().unwrap();
        let echoed = command.split(" | ").next().unwrap().to_owned();
        let bytes = Command::new("bash").args(["-c", &echoed]).output().unwrap();
        assert_eq!(bytes.stdout, request);
    }
}
