//! Runs `sweep` against a server of a test and reads its report.

use std::process::Command;

use serde_json::Value;

use super::{Outcome, Server, peer_script, run, run_command, shell, skip};

/// A server of tests/peers/broken.py with this fault; `None` where there is no Python.
#[track_caller]
pub(crate) fn broken(fault: &str, number: usize) -> Option<Server> {
    Server::python("broken.py", &[fault, &number.to_string()])
}

/// The options of a sweep that has no limit of time, whatever else runs on this machine.
pub(crate) const UNHURRIED: [&str; 2] = ["--max-time", "0"];

/// Sweeps a server with this on stdin, without a limit of time unless the arguments have one.
#[track_caller]
pub(crate) fn sweep(server: &Server, args: &[&str], input: &[u8]) -> Outcome {
    let address = server.address();
    let unhurried = UNHURRIED.iter().filter(|_| !args.contains(&"--max-time"));
    run(["sweep", &address].iter().chain(args).chain(unhurried), input)
}

/// Sweeps a server, and reads what is found as JSON; its status must be that of the run.
#[track_caller]
pub(crate) fn findings(server: &Server, args: &[&str], input: &[u8]) -> Value {
    let out = sweep(server, &[args, &["--json"]].concat(), input);
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    assert_eq!(found["status"], out.status.unwrap(), "{out:?}");
    found
}

/// Same, different, not proven.
pub(crate) fn verdicts(found: &Value) -> [u64; 3] {
    ["same", "different", "not_proven"].map(|name| found["verdicts"][name].as_u64().unwrap())
}

/// Checks that the printed commands repeat the differences: the same replies of `connect`, or the same finding.
#[track_caller]
pub(crate) fn assert_repeats(found: &Value) {
    let differences = found["differences"].as_array().unwrap();
    assert!(!differences.is_empty(), "{found:#}");
    for difference in differences {
        let command = difference["repeat"].as_str().unwrap();
        let got = &difference["got"];
        if command.contains("secretcat sweep ") {
            let out = in_shell(&format!("{command} --json"));
            let again: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{command}: {out:?}"));
            let first = &again["differences"][0];
            assert_eq!((out.status, &first["only"]), (Some(3), &difference["only"]), "{command}: {again:#}");
            assert_eq!((&first["got"], &again["expected"]), (got, &found["expected"]), "{command}: {again:#}");
        } else {
            let out = in_shell(command);
            let replies = got["replies"].as_array().unwrap().iter().map(|reply| reply.as_str().unwrap());
            let expected: String = replies.chain(got["rest"].as_str()).collect();
            assert_eq!(secretcat::value::escape(&out.stdout), expected, "{command}: {out:?}");
        }
    }
}

/// A line as a user pastes it, with the program under test on the path.
#[track_caller]
pub(crate) fn in_shell(command: &str) -> Outcome {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_secretcat"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(program.parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
    let mut shell = shell(command, [""; 0]);
    run_command(shell.env("PATH", std::env::join_paths(folders).unwrap()), "")
}

/// The command of a client of `tests/peers/bad_clients.py`, with this after it; `None` where there is no Python.
#[track_caller]
pub(crate) fn client(fault: &str, after: &str) -> Option<String> {
    let script = peer_script("bad_clients.py");
    Some(format!("{} -I -S {} {fault} {{host}} {{port}} {after}", python()?, script.display()))
}

/// The Python that `python3` starts, by its path: it runs for each plan, and what chooses a version takes longer than
/// Python itself. `None` where there is none.
#[track_caller]
pub(crate) fn python() -> Option<String> {
    if !skip::has_program("python3") {
        return None;
    }
    let out = run_command(Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]), "");
    Some(String::from_utf8(out.stdout).unwrap())
}
