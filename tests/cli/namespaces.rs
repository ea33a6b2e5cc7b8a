//! The peer's socket in another network namespace of this host: containers and `ip netns`.

use std::process::Command;

use crate::support::net::Net;
use crate::support::trace::Trace;
use crate::support::{Dir, Server, as_nobody, has, run_command, secretcat, skip};

const MESSAGE: &str = "My SECRET is 12345\n";
/// The reply of a server that takes each read for a message, to a message in two reads.
const TWICE: &str = "Secret code not found.\nSecret code not found.\n";

/// A server that takes each read for a message and reads late, on host 1.
fn late_server(net: &Net) -> Server {
    let args = ["listen", "10.10.11.2", "--bug", "one-read", "--read-start-delay", "50ms"];
    Server::from_command(&mut net.on(1, &secretcat(args)))
}

/// A message in two pieces, with a trace in this file.
fn client(dir: &Dir) -> Vec<String> {
    let trace = dir.file("trace.ndjson").display().to_string();
    let args = ["connect", "10.10.11.2", "--raw", "--cut", "4", "--barrier", "peer-read", "--trace", &trace];
    args.map(str::to_owned).to_vec()
}

/// The outcomes of the barriers in that trace.
fn outcomes(dir: &Dir) -> Vec<String> {
    Trace::read(&dir.file("trace.ndjson")).barriers(1).into_iter().map(Into::into).collect()
}

/// A client without privilege, which may write to the directory.
fn unprivileged(dir: &Dir) -> Command {
    std::fs::write(dir.file("trace.ndjson"), "").unwrap();
    let _ = Command::new("chmod").args(["a+rwX", "-R"]).arg(dir.file("")).status().unwrap();
    as_nobody(dir, client(dir))
}

#[test]
fn server_in_another_network_namespace_is_seen() {
    let Some(net) = Net::pair() else { return };
    let server = late_server(&net);
    let dir = Dir::new("namespace");
    run_command(&mut net.on(0, &secretcat(client(&dir))), MESSAGE).is(0, TWICE, "");
    assert_eq!(outcomes(&dir), ["read", "read"]);
    server.stops_with("");
}

#[test]
fn server_in_another_namespace_is_seen_without_privilege() {
    let Some(net) = Net::pair() else { return };
    if !has("setpriv") {
        return skip::skip("becoming nobody needs setpriv");
    }
    let server = late_server(&net);
    let dir = Dir::new("namespace-of-nobody");
    run_command(&mut net.on(0, &unprivileged(&dir)), MESSAGE).is(0, TWICE, "");
    assert_eq!(outcomes(&dir), ["read", "read"]);
    server.stops_with("");
}

#[test]
fn hidden_processes_are_reported_as_a_matter_for_root() {
    let Some(net) = Net::pair() else { return };
    if !has("setpriv") {
        return skip::skip("becoming nobody needs setpriv");
    }
    let server = late_server(&net);
    let dir = Dir::new("namespace-hidden");
    let client = unprivileged(&dir);
    let mut hidden = Command::new("sh");
    hidden.args(["-c", "mount -t proc -o hidepid=invisible proc /proc && exec \"$@\"", "sh"]);
    hidden.arg(client.get_program()).args(client.get_args());
    let out = run_command(&mut net.on(0, &hidden), MESSAGE);
    let stderr = "secretcat: 10.10.11.2:4500: --barrier peer-read: the peer's socket is not visible on this host \
                  (another host, or a network namespace that needs root); \
                  waiting for its acknowledgements and --delay instead\n";
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), stderr));
    assert_eq!(outcomes(&dir), ["not_visible", "not_visible"]);
    server.stops_with("");
}

/// Has a connection from 10.10.11.1:4600 to 10.10.11.2:4500 on which one byte was received, and runs a command.
const DECOY: &str = "\
import socket, subprocess, sys
server = socket.create_server(('10.10.11.2', 4500))
client = socket.create_connection(('10.10.11.2', 4500), source_address=('10.10.11.1', 4600))
accepted, _ = server.accept()
client.send(b'x')
accepted.recv(1)
sys.exit(subprocess.call(sys.argv[1:]))
";

#[test]
fn socket_with_other_byte_counts_is_not_the_peer() {
    let (Some(decoy), Some(net)) = (Net::alone(), Net::pair()) else { return };
    if !skip::has_program("python3") {
        return;
    }
    decoy.sh(0, "ip address add 10.10.11.1/24 dev lo && ip address add 10.10.11.2/24 dev lo");
    let server = late_server(&net);
    let dir = Dir::new("namespace-decoy");
    let client = net.on(0, secretcat(client(&dir)).args(["--source", "10.10.11.1:4600", "--quiet"]));
    let mut beside = Command::new("python3");
    beside.args(["-c", DECOY]).arg(client.get_program()).args(client.get_args());
    let out = run_command(&mut decoy.apart(0, &beside), MESSAGE);
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert_eq!(outcomes(&dir), ["not_visible", "not_visible"]);
    server.stops_with("");
}
