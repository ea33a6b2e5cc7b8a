//! Helpers of the tests: programs, connections, servers, terminals and networks, all waits under one deadline.
#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod bytes;
pub(crate) mod corpus;
mod dir;
pub(crate) mod full_disk;
mod install;
pub(crate) mod net;
pub(crate) mod pages;
pub(crate) mod pid_1;
mod proc;
mod process;
pub(crate) mod prompt;
pub(crate) mod proxy;
pub(crate) mod pty;
mod server;
pub(crate) mod servers;
pub(crate) mod skip;
pub(crate) mod sockets;
pub(crate) mod sweep;
mod tcp;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod trace;
pub(crate) mod transfer;
pub(crate) mod web;

use std::time::{Duration, Instant};

pub(crate) use bytes::{noise, noise_of};
pub(crate) use dir::Dir;
pub(crate) use install::install;
pub(crate) use proc::{
    Outcome, Proc, as_nobody, clear_env, run, run_command, secretcat, shell, under_strace, with_limit,
};
pub(crate) use server::{
    NOT_FOUND, Server, client_with_full_buffers, digits, peer_script, relayed_pair, start_pipe_with_file,
    start_pipe_without_stdin, start_relay, without_durations,
};
pub(crate) use skip::has;
pub(crate) use tcp::{
    FreePort, accept, ask, exchange, expect_reset, local_listener, local_listener_v4, read_line, read_some,
    read_to_end, reset, stop_listening, tcp, uninterrupted, with_deadline,
};

/// The one deadline of every wait. Nothing here takes that long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(240);

/// Calls `step` until `done` or the deadline. `step` waits for an event of its own, such as the reply of a
/// server, and so sets the pace.
#[track_caller]
pub(crate) fn poll_until(event: &str, mut step: impl FnMut(), mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "{event}: not within {DEADLINE:?}");
        step();
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
