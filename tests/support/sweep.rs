//! Runs `sweep` against a server of a test and reads its report.

use serde_json::Value;

use super::{Outcome, Server, run};

/// A server of tests/peers/broken.py with this fault; `None` where there is no Python.
#[track_caller]
pub(crate) fn broken(fault: &str, number: usize) -> Option<Server> {
    Server::python("broken.py", &[fault, &number.to_string()])
}

/// Sweeps a server with this on stdin.
#[track_caller]
pub(crate) fn sweep(server: &Server, args: &[&str], input: &[u8]) -> Outcome {
    let address = server.address();
    run(["sweep", &address].iter().chain(args), input)
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
