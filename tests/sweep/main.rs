//! The real `secretcat sweep` against correct, wrong, slow and broken servers.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod bad_servers;
mod framing;
mod http;
mod mutants;
mod reports;
mod servers;
mod verdicts;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::{Outcome, Server, has, run, skip};

/// A server of tests/peers/broken.py; `None`, and it is said, where there is no Python.
fn broken(mutant: &str, number: usize) -> Option<Server> {
    if !has("python3") {
        skip::skip("python3");
        return None;
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/broken.py");
    let number = number.to_string();
    Some(Server::from_command(Command::new("python3").arg("-u").arg(script).args([mutant, &number])))
}

/// Sweeps a server with this on stdin.
#[track_caller]
fn sweep(server: &Server, args: &[&str], input: &[u8]) -> Outcome {
    let address = server.address();
    run(["sweep", &address].iter().chain(args), input)
}

/// Sweeps a server, and reads what is found as JSON; the status is told there, too.
#[track_caller]
fn findings(server: &Server, args: &[&str], input: &[u8]) -> Value {
    let out = sweep(server, &[args, &["--json"]].concat(), input);
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    assert_eq!(found["status"], out.status.unwrap(), "{out:?}");
    found
}

/// Same, different, not proven.
fn verdicts(found: &Value) -> [u64; 3] {
    ["same", "different", "not_proven"].map(|name| found["verdicts"][name].as_u64().unwrap())
}
