//! An unreadable stdin counts as no input: nohup leaves one, and so does a terminal that was closed.

use std::io::Write;
use std::net::Shutdown;
use std::process::{Command, Stdio};

use crate::stdio::Input;
use crate::support::{Outcome, Proc, Server, accept, clear_env, local_listener, skip};

/// The program under nohup(1), started at a terminal: its stdin is /dev/null, open for writing only.
fn under_nohup(args: &[&str]) -> Option<(Proc, Input)> {
    if !skip::has_program("nohup") {
        return None;
    }
    let terminal = Input::terminal();
    let mut command = Command::new("nohup");
    clear_env(&mut command).arg(env!("CARGO_BIN_EXE_secretcat")).args(args);
    let Input { stdio, feeder, closed } = terminal;
    let proc = Proc::start_on(&mut command, stdio, Stdio::piped(), Stdio::piped());
    Some((proc, Input { stdio: Stdio::null(), feeder, closed }))
}

/// Its stderr without the line of nohup.
fn stderr(outcome: &Outcome) -> String {
    outcome.stderr.replace("nohup: ignoring input\n", "")
}

#[test]
fn kept_pipe_under_nohup_serves_several_clients() {
    let args = ["listen", "127.0.0.1:0", "--service", "pipe", "-k"];
    let Some((proc, _terminal)) = under_nohup(&args) else { return };
    let listen = Server::from_proc(proc);
    for name in ["first\n", "second\n", "third\n"] {
        listen.open().write_all(name.as_bytes()).unwrap();
        listen.proc.wait_for_stdout(name);
    }
    let ready_line = listen.ready_line.clone();
    let out = listen.stop();
    assert_eq!((out.status, stderr(&out)), (Some(0), ready_line));
    assert_eq!(out.stdout, b"first\nsecond\nthird\n");
}

#[test]
fn client_under_nohup_receives_everything() {
    let (listener, address) = local_listener();
    let Some((connect, _terminal)) = under_nohup(&["connect", "--raw", &address]) else { return };
    let mut peer = accept(&listener);
    peer.write_all(b"data\n").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let out = connect.end();
    assert_eq!((out.status, stderr(&out), out.stdout), (Some(0), String::new(), b"data\n".to_vec()));
}

#[test]
fn client_of_an_orphaned_terminal_receives_everything() {
    if !skip::has_program("python3") {
        return;
    }
    let (listener, address) = local_listener();
    let mut command = Command::new("python3");
    clear_env(&mut command).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/orphan.py"));
    command.args([env!("CARGO_BIN_EXE_secretcat"), "connect", "--raw", &address]);
    let connect = Proc::start_on(&mut command, Stdio::null(), Stdio::piped(), Stdio::piped());
    let mut peer = accept(&listener);
    peer.write_all(b"data\n").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    connect.end().is(0, "data\n", "read of the terminal: EIO\nstatus 0\n");
}
