//! Servers that stop at a cut: the plan that stopped them is named, and no other.

use serde_json::Value;

use crate::support::sweep::{findings, verdicts};
use crate::support::{Dir, Server, has, run};

const MESSAGES: &[&str] = &["-C", "-m", "hello", "-m", "world"];

/// The shrunk cuts of the differences that are not boundaries of the messages of [`MESSAGES`].
fn cuts(found: &Value) -> Vec<Vec<u64>> {
    let cuts = |difference: &Value| {
        let all = difference["cuts"].as_array().unwrap().iter().map(|cut| cut.as_u64().unwrap());
        all.filter(|cut| *cut != 7).collect()
    };
    found["differences"].as_array().unwrap().iter().map(cuts).collect()
}

#[test]
fn plan_that_stops_a_server_is_named_and_no_other() {
    for how in ["exit", "spin"] {
        let Some(server) = Server::python("one_loop.py", &[how]) else { return };
        let found = findings(&server, &[MESSAGES, &["--timeout", "1s"]].concat(), b"");
        assert_eq!((&found["status"], verdicts(&found)[1]), (&4.into(), 0), "{how}: {found:#}");
        assert_eq!(found["stopped_by"], "message 1 cut at 6", "{how}: {found:#}");
        assert_eq!(cuts(&found), [[6]], "{how}: {found:#}");
    }
}

/// It reads the first piece, spins, and never reads the second one.
#[test]
fn server_that_stops_before_the_last_piece_is_blamed_on_it() {
    for jobs in ["1", "4"] {
        let Some(server) = Server::python("one_loop.py", &["spin-before"]) else { return };
        let found = findings(&server, &[MESSAGES, &["--timeout", "1s", "--jobs", jobs]].concat(), b"");
        assert_eq!((&found["status"], verdicts(&found)[1]), (&4.into(), 0), "{jobs}: {found:#}");
        // With several at once, the server may have read of another connection just before.
        let by: Vec<_> = found["stopped_by"].as_str().unwrap().split(" or ").collect();
        assert!(by.contains(&"message 1 cut at 6") && (jobs == "4" || by.len() == 1), "{jobs}: {found:#}");
        assert!(found["differences"].as_array().unwrap().is_empty(), "{jobs}: {found:#}");
    }
}

#[test]
fn server_that_was_stopped_is_started_again() {
    if !has("python3") {
        return;
    }
    let dir = Dir::new("stopping");
    for (how, end) in [("exit", "ended with status 3 (stderr: lost in state 7)"), ("spin", "read nothing for 2s")] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/one_loop.py");
        let pids = dir.file(how);
        let command = format!("echo $$ >> '{}'; exec python3 '{script}' {how} {{port}}", pids.display());
        let out = run(
            ["sweep", "--server", &command, "--json", "--max-plans", "14", "--max-time", "0"].iter().chain(MESSAGES),
            "",
        );
        let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
        assert_eq!((&found["status"], out.status), (&3.into(), Some(3)), "{how}: {found:#}");
        // Each of the two cuts between CR and LF, and no other.
        assert_eq!(cuts(&found), [[6], [13]], "{how}: {found:#}");
        assert_eq!(found["differences"][0]["got"]["ending"], format!("lost: the server {end}"), "{how}: {found:#}");
        for pid in std::fs::read_to_string(&pids).unwrap().lines() {
            assert!(!std::path::Path::new("/proc").join(pid).exists(), "{how}: {pid} still runs");
        }
    }
}

#[test]
fn command_without_a_server_is_an_error_that_names_its_end() {
    for (command, how) in [
        ("exit 7", "ended with status 7"),
        ("echo no such port {port} >&2; exit 1", "ended with status 1 (stderr: no such port 4500)"),
        ("kill -9 $$", "was killed by signal 9"),
    ] {
        let address = if command.contains("{port}") { "127.0.0.1:4500" } else { "127.0.0.1:0" };
        let out = run(["sweep", address, "--server", command, "-m", "x"], "");
        let line = format!("secretcat: --server: the command {how}, before it accepted a connection\n");
        assert_eq!((out.status, out.stderr), (Some(2), line));
    }
}
