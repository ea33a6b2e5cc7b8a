//! Clients with a fault are found, and the finding is shrunk and repeats.

use serde_json::Value;

use crate::support::servers::tinyproxy;
use crate::support::sweep::{UNHURRIED, client, verdicts};
use crate::support::{Dir, Server, digits, run, run_command, shell};

/// Sweeps this client of `tests/peers/bad_clients.py`, and reads what is found as JSON.
#[track_caller]
fn findings(command: &str, args: &[&str]) -> Value {
    let out = run(["sweep", "--client", command, "--json"].iter().chain(&UNHURRIED).chain(args), "");
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    assert_eq!(found["status"], out.status.unwrap(), "{out:?}");
    found
}

/// The offsets of single cuts that made a difference.
fn offsets(found: &Value) -> Vec<u64> {
    found["differing_cuts"].as_array().unwrap().iter().map(|place| place["offset"].as_u64().unwrap()).collect()
}

#[test]
fn one_read_for_a_response_is_found_live_and_replayed() {
    let Some(command) = client("one_recv", "") else { return };
    let server = Server::start(&[]);
    let reply = digits("12");
    for mode in [&["--relay", &server.address()][..], &["--relay", &server.address(), "--replay"]] {
        let args = [mode, &["--families", "cut"]].concat();
        let found = findings(&command, &args);
        let all: Vec<u64> = (1..reply.len() as u64).collect();
        assert_eq!((offsets(&found), verdicts(&found)), (all, [0, reply.len() as u64 - 1, 0]), "{found:#}");
        let first = &found["differences"][0];
        assert_eq!(first["got"]["replies"][0], reply[..1], "{found:#}");
    }
    server.stops_with("");
}

#[test]
fn printed_command_repeats_the_finding() {
    let Some(command) = client("one_recv", "") else { return };
    let server = Server::start(&[]);
    let args = ["--relay", &server.address(), "--mask", "Count: [0-9]+", "--max-plans", "5", "--families", "pair"];
    let out = run(["sweep", "--client", &command].iter().chain(&args), "");
    assert_eq!(out.status, Some(3), "{out:?}");
    let text = String::from_utf8(out.stdout).unwrap();
    let repeat = text.lines().find_map(|line| line.trim().strip_prefix("repeat:")).unwrap().trim();
    assert!(repeat.starts_with("secretcat sweep --client '") && repeat.contains("--only "), "{repeat}");
    let repeat = repeat.replacen("secretcat", "\"$0\"", 1);
    let again = run_command(&mut shell(&repeat, [""; 0]), "");
    let finding = |text: &str| text.split("  repeat:").next().unwrap().split("different: ").nth(1).unwrap().to_owned();
    let shown = String::from_utf8(again.stdout).unwrap();
    assert_eq!(again.status, Some(3), "{shown}{}", again.stderr);
    assert_eq!(finding(&shown).lines().next(), finding(&text).lines().next(), "{shown}");
    server.stops_with("");
}

#[test]
fn partial_response_of_a_proxy_is_found() {
    let server = Server::start(&[]);
    let Some(command) = client("proxied", &server.address()) else { return };
    let dir = Dir::new("client-proxy");
    let Some((_proxy, address)) = tinyproxy(&dir, "") else { return };
    let found = findings(&command, &["--relay", &address, "--families", "cut"]);
    let head = found["messages"][0].as_str().unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{found:#}");
    // "HTTP/1" has to come at once, and then the rest of the head counts as the reply.
    assert_eq!(found["differences"][0]["cuts"][0], 1, "{found:#}");
    assert_eq!(found["status"], 3, "{found:#}");
    assert!(offsets(&found).contains(&20), "{found:#}");
    server.stops_with("");
}

#[test]
fn fault_at_one_offset_of_140_is_found_at_it_alone() {
    let Some(command) = client("one_offset", "") else { return };
    let dir = Dir::new("one-offset");
    let head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    let reply = format!("{head}{}", "x".repeat(141 - head.len()));
    let file = dir.file("reply");
    std::fs::write(&file, &reply).unwrap();
    let file = file.to_str().unwrap();
    let found = findings(&command, &["--replies", file, "--framing", "raw", "--families", "cut", "--jobs", "8"]);
    assert_eq!((offsets(&found), verdicts(&found)), (vec![head.len() as u64 - 1], [139, 1, 0]), "{found:#}");
    // Pairs that have the offset are found too, and shrunk to it.
    let found = findings(&command, &["--replies", file, "--framing", "raw", "--families", "chunk"]);
    assert_eq!(found["differences"][0]["cuts"], serde_json::json!([head.len() - 1]), "{found:#}");
    // The status counts the chosen places alone.
    for (option, pattern, same, different) in
        [("--cut-at", r"\r", 2, 1), ("--cut-at", ":", 1, 0), ("--cut-at-regex", r"\d\b", 3, 0)]
    {
        let args = ["--replies", file, "--framing", "raw", option, pattern, "--families", "cut"];
        let found = findings(&command, &args);
        assert_eq!(verdicts(&found), [same, different, 0], "{found:#}");
        assert_eq!(found["status"], if different > 0 { 3 } else { 0 }, "{found:#}");
        assert_eq!(found["cut_at"][0], format!("{option} '{pattern}'"), "{found:#}");
    }
    let out = run(["sweep", "--client", &command, "--replies", file, "--framing", "raw", "--cut-at", r"\t"], "");
    let nothing = "cuts no message: nothing is found before the last byte of one (give another pattern)";
    out.is(2, "", format!("secretcat: --cut-at '\\t' {nothing}\n"));
}

#[test]
fn client_that_waits_for_ever_is_killed_and_different() {
    let Some(command) = client("hangs", "") else { return };
    let server = Server::start(&[]);
    let found = findings(&command, &["--relay", &server.address(), "--only", "3"]);
    assert_eq!(found["differences"][0]["got"]["ending"], "not ended in time, and killed", "{found:#}");
    assert_eq!(verdicts(&found), [0, 1, 0]);
    server.stops_with("");
}

#[test]
fn exit_status_and_signal_of_the_client_are_compared() {
    let server = Server::start(&[]);
    for (fault, ending) in [("exits", "exit status 1"), ("crashes", "ended by signal 9")] {
        let Some(command) = client(fault, "") else { return };
        let found = findings(&format!("exec {command}"), &["--relay", &server.address(), "--only", "3"]);
        assert_eq!(found["expected"]["ending"], "exit status 0", "{found:#}");
        assert_eq!(found["differences"][0]["got"]["ending"], ending, "{found:#}");
    }
    let Some(command) = client("exits", "") else { return };
    let out = run(["sweep", "--client", &command, "--relay", &server.address(), "--only", "3"], "");
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("\n  stderr:    half a line\n"), "{text}");
    server.stops_with("");
}

#[test]
fn only_plan_of_a_right_client_is_the_same() {
    let Some(command) = client("right", "") else { return };
    let server = Server::start(&[]);
    let reply = digits("12").len();
    let expected = [0, 1].map(|connection| (2 * connection * reply + 3).to_string());
    let out = run(["sweep", "--client", &command, "--relay", &server.address(), "--only", &expected.join(",")], "");
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{}", String::from_utf8_lossy(&out.stdout));
    server.stops_with("");
}
