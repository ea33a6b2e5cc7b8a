//! A sweep of a server on another host, with a witness there, or with a server that is one.

use std::process::Command;

use serde_json::Value;

use crate::support::net::Net;
use crate::support::proxy::joining;
use crate::support::sweep::verdicts;
use crate::support::{Dir, Outcome, Server, peer_script, run, run_command, secretcat, skip, start_relay};

const SERVER: &str = "10.10.11.2:4500";

fn listen(net: &Net, options: &[&str]) -> Server {
    Server::from_command(&mut net.on(1, secretcat(["listen", SERVER]).args(options)))
}

/// Sweeps the server on host 1 from host 0, which does not see its processes.
fn sweep(net: &Net, witness: &str, options: &[&str]) -> Outcome {
    let mut sweep = secretcat(["sweep", SERVER, "--quiet", "--max-time", "0", "--witness", witness]);
    run_command(&mut net.blind(0, sweep.args(options)), "")
}

/// The same, as JSON.
#[track_caller]
fn findings(net: &Net, witness: &str, options: &[&str]) -> Value {
    let out = sweep(net, witness, &[&["--json"], options].concat());
    serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"))
}

#[test]
fn witness_proves_the_cuts_on_another_host() {
    let Some(net) = Net::pair() else { return };
    let server = listen(&net, &[]);
    let out = sweep(&net, &net.witness(1), &["-m", "SECRET 12", "-m", "x"]);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status == Some(0) && text.ends_with(" 0 not proven (proof: read, seen by the witness)\n"), "{out:?}");
    let found = findings(&net, &net.witness(1), &["-m", "SECRET 1"]);
    assert_eq!(found["witness"], net.witness(1));
    server.stops_with("");
}

#[test]
fn witness_learns_the_way_to_a_server_that_closes_at_once() {
    let Some(net) = Net::pair() else { return };
    if !skip::has_program("python3") {
        return;
    }
    let mut closing = Command::new("python3");
    let server = Server::from_command(&mut net.on(1, closing.arg("-u").arg(peer_script("closing.py")).arg(SERVER)));
    let found = findings(&net, &net.witness(1), &["-m", "SECRET 1"]);
    assert_eq!((verdicts(&found), &found["status"]), ([40, 0, 0], &Value::from(0)), "{found:#}");
    drop(server);
}

#[test]
fn slow_witness_accuses_no_server() {
    let Some(net) = Net::pair() else { return };
    let server = listen(&net, &[]);
    let slow = format!("{} | while read -r line; do sleep 0.2; echo \"$line\"; done", net.witness(1));
    let found = findings(&net, &slow, &["-m", "S 1"]);
    assert_eq!((verdicts(&found), &found["status"]), ([9, 0, 0], &Value::from(0)), "{found:#}");
    server.stops_with("");
}

#[test]
fn difference_seen_by_a_witness_is_repeated_with_it() {
    let Some(net) = Net::pair() else { return };
    let server = listen(&net, &["--bug", "one-read"]);
    let found = findings(&net, &net.witness(1), &["-m", "SECRET 1"]);
    assert_eq!(found["status"], 3, "{found:#}");
    let repeat = found["differences"][0]["repeat"].as_str().unwrap();
    let quoted = format!(" --witness '{}'", net.witness(1).replace('\'', "'\\''"));
    assert!(repeat.contains(&quoted), "{repeat}");
    server.stops_with("");
}

#[test]
fn failing_witness_proves_nothing_and_accuses_no_server() {
    let Some(net) = Net::pair() else { return };
    let server = listen(&net, &[]);
    let start = "echo secretcat-witness 1 0; read -r id rest; echo \"$id sockets 0 0\"; read -r x";
    for (then, why) in [
        ("exit 7", "the witness has ended with status 7"),
        ("echo nonsense", "the witness sent a line that is no answer: \"nonsense\""),
    ] {
        let found = findings(&net, &format!("{start}; {then}"), &["-m", "SECRET 1"]);
        assert_eq!((verdicts(&found), &found["status"]), ([0, 0, 40], &Value::from(4)), "{found:#}");
        let reason = format!("it was not visible whether the cuts arrived as separate reads: {why}");
        assert_eq!(found["reasons"][&reason], 40, "{found:#}");
    }
    server.stops_with("");
}

/// A listener that takes each read for a message, and proves its reads at the second address.
fn one_read_listener(dir: &Dir) -> (Server, String) {
    let witness = format!("unix:{}", dir.file("witness").display());
    (Server::start(&["--bug", "one-read", &format!("--answer-witness={witness}")]), witness)
}

/// Each cut changes the replies of this listener. A proof before the bytes were read would join the pieces somewhere,
/// and make a plan the same.
#[test]
fn listener_proves_cuts_through_a_relay_and_a_proxy() {
    let dir = Dir::new("sweep-own-reads");
    let (server, witness) = one_read_listener(&dir);
    // It takes the pieces at once, and forwards them late and joined.
    let holding = ["--read-start-delay", "5ms", "--cut-toward", "server", "--delay", "1ms"];
    let relay = start_relay(&server.address(), &holding);
    let (held, direct, proxy) = (relay.address(), server.address(), joining());
    for jobs in ["1", "4", "16"] {
        for args in [&[&*held][..], &[&direct, "--proxy", &proxy], &[&direct]] {
            let own = [
                "sweep",
                "--json",
                "--quiet",
                "-m",
                "SECRET 1",
                "--witness",
                &witness,
                "--jobs",
                jobs,
                "--max-time",
                "0",
            ];
            let out = run(own.iter().chain(args), "");
            let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
            assert_eq!(
                (verdicts(&found), &found["status"]),
                ([0, 40, 0], &Value::from(3)),
                "{args:?} {jobs}: {found:#}"
            );
        }
    }
    relay.stop();
    server.stop();
}
