//! Running programs under one deadline, and talking to them: no test sleeps to wait for something.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod dir;
pub(crate) mod net;
pub(crate) mod pid_1;
mod proc;
pub(crate) mod pty;
mod server;
pub(crate) mod servers;
pub(crate) mod skip;
pub(crate) mod sockets;
mod tcp;
pub(crate) mod trace;

use std::time::{Duration, Instant};

pub(crate) use dir::Dir;
pub(crate) use proc::{Outcome, Proc, clean, run, run_command, secretcat, shell, straced, with_limit};
pub(crate) use server::{NOT_FOUND, Server, digits};
pub(crate) use tcp::{accept, ask, converse, ends_in_a_reset, limited, read_line, reset, tcp};

/// The one deadline of every wait: far beyond what anything here takes, and reached by what hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again, as often as `step` allows, until `done` or the deadline. `step` waits for
/// an event of its own, such as the answer of a server.
#[track_caller]
pub(crate) fn poll_until(what: &str, mut step: impl FnMut(), mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "{what} does not come true");
        step();
    }
}

/// Whether a program can be started here.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
