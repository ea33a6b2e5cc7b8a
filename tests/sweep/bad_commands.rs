//! Client commands that never end, fork, write a gigabyte, are missing, or cannot be compared: a clear line, and nothing
//! is left behind.

use rustix::process::Signal;

use crate::support::sweep::client;
use crate::support::{Dir, FreePort, Proc, Server, poll_until, run, run_command, secretcat};

/// Sweeps this client, and expects this status and one line on stderr, which ends like this.
#[track_caller]
fn refused(command: &str, args: &[&str], status: i32, ending: &str) {
    let out = run(["sweep", "--client", command].iter().chain(args), "");
    assert_eq!((out.status, out.stdout.as_slice()), (Some(status), &b""[..]), "{}", out.stderr);
    let lines: Vec<_> = out.stderr.lines().collect();
    let [line] = lines[..] else { panic!("{lines:?}") };
    assert!(line.starts_with("secretcat: ") && line.ends_with(ending), "{line}");
}

#[test]
fn missing_command_is_named_with_its_error() {
    let server = Server::start(&[]);
    let args = ["--relay", &server.address()];
    refused("no-such-client {port}", &args, 2, "no-such-client: not found");
    refused("/ {port}", &args, 2, "ermission denied");
    server.stops_with("");
}

#[test]
fn command_that_never_ends_is_killed_with_its_processes() {
    let server = Server::start(&[]);
    let dir = Dir::new("never-ends");
    let pids = dir.file("pids").display().to_string();
    let command = format!("sleep 1000 & echo $! $$ >> {pids}; sleep 1000 # {{port}}");
    let args = ["--relay", &server.address(), "--timeout", "300ms"];
    refused(&command, &args, 1, "the client did not end within 300ms without a cut (--timeout sets the limit)");
    for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
        wait_for_end(pid);
    }
    server.stops_with("");
}

/// Waits until a killed process has ended; it may still be a zombie of an init that does not reap.
#[track_caller]
fn wait_for_end(pid: &str) {
    // ps(1) is not on every machine.
    let status = || std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let has_ended = || !status().lines().any(|line| line.starts_with("State:") && !line.contains("zombie"));
    poll_until(&format!("the end of {pid}"), std::thread::yield_now, has_ended);
}

#[test]
fn signal_ends_the_client_too() {
    let server = Server::start(&[]);
    let dir = Dir::new("signal-client");
    let pids = dir.file("pids").display().to_string();
    let command = format!("echo $$ > {pids}; echo ready >&2; kill -USR1 $(cat {pids}) 2>&-; sleep 1000 # {{port}}");
    for (signal, twice) in [(Signal::INT, false), (Signal::TERM, true)] {
        let _ = std::fs::remove_file(&pids);
        let command = command.replace("kill -USR1 $(cat", ": $(cat");
        let args = ["sweep", "--client", &command, "--relay", &server.address(), "--timeout", "100s"];
        let proc = Proc::start(&mut secretcat(args));
        let path = std::path::Path::new(&pids);
        let read = || std::fs::read_to_string(path).unwrap_or_default();
        poll_until("the client", std::thread::yield_now, || read().ends_with('\n'));
        proc.signal(signal);
        if twice {
            proc.signal(signal);
        }
        let out = proc.end();
        assert_eq!(out.signal, Some(signal.as_raw()), "{out:?}");
        wait_for_end(read().trim());
    }
    server.stops_with("");
}

#[test]
fn gigabyte_of_output_is_read_and_the_rest_dropped() {
    let Some(command) = client("floods", "") else { return };
    let server = Server::start(&[]);
    let args = ["--relay", &server.address(), "--only", "3", "--max-message", "1000", "--timeout", "60s"];
    let out = run(["sweep", "--client", &command].iter().chain(&args), "");
    let warning = "secretcat: the client writes more than 1000 bytes to stdout, and only these are compared \
                   (--max-message sets the limit)\n";
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), warning));
    server.stops_with("");
}

#[test]
fn client_without_a_connection_or_a_reply_tested_nothing() {
    let server = Server::start(&[]);
    let args = ["--relay", &server.address()];
    refused("echo {port}; echo no >&2", &args, 4, "nothing was tested: the client made no connection: no");
    let Some(_) = client("right", "") else { return };
    let silent = "python3 -c \"import socket; socket.create_connection(('{host}', {port})).close()\"";
    refused(silent, &args, 4, "nothing was tested: the client got no reply");
    server.stops_with("");
}

#[test]
fn server_that_is_missing_is_status_1() {
    let Some(command) = client("right", "") else { return };
    let free = FreePort::new();
    let address = free.address.to_string();
    let error = format!("secretcat: connect {address}: connection refused (is a server listening there?)\n");
    run(["sweep", "--client", &command, "--relay", &address], "").is(1, "", error);
}

#[test]
fn client_that_sends_other_bytes_is_swept_live_only() {
    let Some(command) = client("differs", "") else { return };
    let server = Server::start(&[]);
    let args = ["sweep", "--client", &command, "--relay", &server.address(), "--families", "chunk"];
    let out = run(args.iter().chain(&["--replay"]), "");
    assert_eq!(out.status, Some(4));
    let refused = "the client sends other bytes in each run, on connection 1 at ";
    assert!(out.stderr.starts_with(&format!("secretcat: sweep --client: {refused}")), "{}", out.stderr);
    let hint = ": replies that were recorded would not fit (without --replay they come live)\n";
    assert!(out.stderr.ends_with(hint) && out.stderr.contains("--mask '[0-9]+'"), "{}", out.stderr);
    // The reply has other digits each time, and what the client prints is the same.
    assert_eq!(run(args, "").status, Some(0));
    server.stops_with("");
}

#[test]
fn client_that_prints_other_bytes_needs_a_mask() {
    let Some(command) = client("random", "") else { return };
    let server = Server::start(&[]);
    let args = ["sweep", "--client", &command, "--relay", &server.address(), "--families", "chunk"];
    let out = run(args, "");
    assert_eq!(out.status, Some(4));
    let refused = "secretcat: sweep --client: the client differs from run to run without a cut: \"Run: ";
    assert!(out.stderr.starts_with(refused) && out.stderr.ends_with("(try --mask '(?m)^Run:.*$')\n"), "{}", out.stderr);
    assert_eq!(run(args.iter().chain(&["--mask", "(?m)^Run:.*$"]), "").status, Some(0));
    server.stops_with("");
}

#[test]
fn file_of_replies_is_checked() {
    let dir = Dir::new("bad-replies");
    let path = |name: &str, content: &str| {
        std::fs::write(dir.file(name), content).unwrap();
        dir.file(name).display().to_string()
    };
    let sweep = |file: &str, framing: &str| {
        run(["sweep", "--client", "true {port}", "--replies", file, "--framing", framing], "")
    };
    let (empty, bad) = (path("empty", ""), path("bad", "HTTP/9.9 what\r\n\r\n"));
    sweep(&empty, "lines").is(2, "", format!("secretcat: {empty}: no replies in this file\n"));
    let out = sweep(&bad, "http");
    assert_eq!(out.status, Some(2));
    assert!(out.stderr.starts_with(&format!("secretcat: {bad}: ")) && out.stderr.ends_with("(--framing http)\n"));
    let missing = dir.file("missing").display().to_string();
    sweep(&missing, "lines").is(2, "", format!("secretcat: open {missing}: no such file or directory\n"));
}

#[test]
fn temporary_directories_are_removed() {
    let Some(command) = client("right", "; touch file; mkdir -p a/b") else { return };
    let (server, dir) = (Server::start(&[]), Dir::new("left-behind"));
    let args = ["sweep", "--client", &command, "--relay", &server.address(), "--only", "3"];
    let out = run_command(secretcat(args).env("TMPDIR", dir.path()), "");
    assert_eq!(out.status, Some(0), "{out:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    server.stops_with("");
}
