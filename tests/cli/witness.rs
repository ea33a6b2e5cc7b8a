//! `--witness`: the peer's socket on another host, seen by `secretcat witness` there.

use std::process::Command;
use std::time::Instant;

use crate::support::net::Net;
use crate::support::trace::Trace;
use crate::support::{DEADLINE, Dir, Outcome, Server, digits, run, run_command, secretcat, skip};

const MESSAGE: &str = "My SECRET is 12345\n";
/// The reply of a server that takes each read for a message, to a message in two reads.
const TWICE: &str = "Secret code not found.\nSecret code not found.\n";
const SERVER: &str = "10.10.11.2:4500";
const NOT_SEEN: &str = "the witness sees no socket that has received these bytes (does it run where the server runs?)";
/// What is reported where nothing is proven.
const INSTEAD: &str = "; waiting for its acknowledgements and --delay instead\n";

/// Two hosts that are apart: host 0 does not see the processes of host 1, which has a server that takes each read for a
/// message, and reads late.
struct Lab {
    net: Net,
    server: Server,
    dir: Dir,
}

impl Lab {
    fn new(name: &str) -> Option<Lab> {
        let net = Net::pair()?;
        let args = ["listen", "10.10.11.2:4500", "--bug", "one-read", "--read-start-delay", "20ms"];
        let server = Server::from_command(&mut net.on(1, &secretcat(args)));
        Some(Lab { net, server, dir: Dir::new(name) })
    }

    /// The command that runs a witness on host 1.
    fn witness(&self) -> String {
        self.net.witness(1)
    }

    /// A message in two pieces to this server, with this witness.
    fn client(&self, address: &str, witness: &str, options: &[&str]) -> Outcome {
        let trace = self.dir.file("trace.ndjson");
        let mut client = secretcat(["connect", address, "--raw", "--barrier", "peer-read", "--witness", witness]);
        client.args(["--cut", "4"]).args(options).arg("--trace").arg(trace);
        run_command(&mut self.net.blind(0, &client), MESSAGE)
    }

    /// The outcomes of the barriers of the last client.
    fn outcomes(&self) -> Vec<String> {
        let trace = Trace::read(&self.dir.file("trace.ndjson"));
        trace.barriers(1).into_iter().map(Into::into).collect()
    }

    /// The same with a proof.
    #[track_caller]
    fn proves(&self, address: &str, witness: &str) {
        self.client(address, witness, &[]).is(0, TWICE, "");
        assert_eq!(self.outcomes(), ["witnessed_once", "witnessed"]);
    }

    /// What was proven of the last client is true: the server has read twice.
    #[track_caller]
    fn expect_true_proof(&self, out: &Outcome) {
        if self.outcomes() == ["witnessed_once", "witnessed"] {
            assert_eq!(String::from_utf8_lossy(&out.stdout), TWICE);
        } else {
            assert!(out.stderr.contains(NOT_SEEN), "{out:?}");
        }
    }

    /// The same without a proof, for this reason.
    #[track_caller]
    fn proves_nothing(&self, address: &str, witness: &str, why: &str) {
        let out = self.client(address, witness, &[]);
        let line = format!("secretcat: {address}: --barrier peer-read: {why}{INSTEAD}");
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), line.as_str()));
        let outcomes = self.outcomes();
        assert!(!outcomes.iter().any(|outcome| outcome == "witnessed"), "{outcomes:?}");
        assert!(outcomes.iter().any(|outcome| outcome == "not_visible"), "{outcomes:?}");
    }
}

#[test]
fn server_on_another_host_is_seen_by_the_witness() {
    let Some(lab) = Lab::new("witness") else { return };
    lab.proves(SERVER, &lab.witness());
    let out = lab.client(SERVER, &lab.witness(), &["--stats"]);
    assert!(out.stderr.contains("\nbarriers      2 confirmed (seen by the witness), 0 not\n"), "{}", out.stderr);
    // A login shell prints something first, and the witness answers slowly.
    lab.proves(SERVER, &format!("echo 'Last login: today'; {}", lab.witness()));
    let slow = format!("{} | while read -r line; do sleep 0.2; echo \"$line\"; done", lab.witness());
    lab.proves(SERVER, &slow);
    lab.server.stops_with("");
}

#[test]
fn translated_addresses_are_matched_by_byte_counts() {
    if !skip::has_program("nft") {
        return;
    }
    let Some(lab) = Lab::new("witness-nat") else { return };
    // Port 4501 is translated, and so is our address; behind 4503 our port is another one.
    lab.net.sh(
        1,
        "nft add table ip nat && \
         nft 'add chain ip nat pre { type nat hook prerouting priority -100 ; }' && \
         nft 'add chain ip nat in { type nat hook input priority 100 ; }' && \
         nft add rule ip nat pre tcp dport 4501-4503 redirect to :4500 && \
         nft add rule ip nat in meta l4proto tcp ct original proto-dst 4502 snat to 10.10.11.9 && \
         nft add rule ip nat in meta l4proto tcp ct original proto-dst 4503 snat to 10.10.11.9:30000-39999 fully-random",
    );
    for port in 4501..=4503 {
        lab.proves(&format!("10.10.11.2:{port}"), &lab.witness());
    }
    lab.server.stops_with("");
}

/// A third host, 10.10.12.2 for host 0, on which a program forwards port 4501 to the server.
fn host_between(lab: &Lab) -> Option<Net> {
    let between = Net::alone()?;
    lab.net.join(0, &between, "eth1", ["10.10.12.1/24", "10.10.12.2/24"]);
    lab.net.join(1, &between, "eth2", ["10.10.13.1/24", "10.10.13.2/24"]);
    Some(between)
}

const BETWEEN: &str = "10.10.12.2:4501";
const ENDS_BETWEEN: &str = "a program between here and the server ends the connection (docker-proxy, ssh -L, socat): \
                            acknowledged bytes had not reached the server";

#[test]
fn bytes_that_wait_in_a_program_between_prove_nothing() {
    let Some(lab) = Lab::new("witness-between") else { return };
    let Some(between) = host_between(&lab) else { return };
    let server =
        Server::from_command(&mut lab.net.on(1, &secretcat(["listen", "10.10.13.1:4500", "--bug", "one-read"])));
    // It acknowledges at once, and forwards later, while the witness looks for the bytes. A witness that is slow may miss
    // that.
    let args = ["listen", BETWEEN, "--relay", "10.10.13.1:4500", "--read-start-delay", "50ms"];
    let relay = Server::from_command(&mut between.on(0, &secretcat(args)));
    let line = format!("secretcat: {BETWEEN}: --barrier peer-read: {ENDS_BETWEEN}{INSTEAD}");
    let begun = Instant::now();
    let mut out = lab.client(BETWEEN, &lab.witness(), &[]);
    while out.stderr != line {
        assert!(begun.elapsed() < DEADLINE, "{out:?}");
        lab.expect_true_proof(&out);
        out = lab.client(BETWEEN, &lab.witness(), &[]);
    }
    assert_eq!(out.status, Some(0));
    assert!(!lab.outcomes().iter().any(|outcome| outcome == "witnessed"), "{:?}", lab.outcomes());
    relay.stops_with("");
    server.stops_with("");
    lab.server.stops_with("");
}

#[test]
fn proof_through_socat_never_comes_before_the_bytes() {
    if !skip::has_program("socat") {
        return;
    }
    let Some(lab) = Lab::new("witness-socat") else { return };
    let Some(between) = host_between(&lab) else { return };
    let args = ["listen", "10.10.13.1:4500", "--bug", "one-read", "--read-start-delay", "20ms"];
    let server = Server::from_command(&mut lab.net.on(1, &secretcat(args)));
    let mut socat = Command::new("sh");
    let script = "echo listening on 10.10.12.2:4501 >&2; exec socat TCP-LISTEN:4501,fork,reuseaddr TCP:10.10.13.1:4500";
    let socat = Server::from_command(&mut between.on(0, socat.args(["-c", script])));
    for _ in 0..10 {
        let out = lab.client(BETWEEN, &lab.witness(), &["--retry", "20", "--retry-delay", "0.1"]);
        assert_eq!(out.status, Some(0), "{out:?}");
        // socat forwards at once, and the server has read, or it is noticed that it does not.
        if !out.stderr.contains(ENDS_BETWEEN) {
            lab.expect_true_proof(&out);
        }
    }
    drop(socat);
    server.stops_with("");
    lab.server.stops_with("");
}

#[test]
fn witness_on_the_wrong_host_proves_nothing() {
    let Some(lab) = Lab::new("witness-wrong") else { return };
    lab.proves_nothing(SERVER, &lab.net.witness(0), NOT_SEEN);
    lab.server.stops_with("");
}

#[test]
fn failing_or_lying_witness_proves_nothing() {
    let Some(lab) = Lab::new("witness-fails") else { return };
    // The first line and the first answer are real.
    let then =
        |rest: &str| format!("{} | {{ read -r a; echo \"$a\"; read -r a; echo \"$a\"; {rest}; }}", lab.witness());
    lab.proves_nothing(
        SERVER,
        &then("read -r a; echo nonsense"),
        "the witness sent a line that is no answer: \"nonsense\"",
    );
    let died = "exec 2>&1; echo secretcat-witness 1 0; read id rest; echo $id sockets 0 0; read x; exit 7";
    lab.proves_nothing(SERVER, died, "the witness has ended with status 7");
    let silent = "echo secretcat-witness 1 0; read id rest; echo $id sockets 0 0; read x; read wait";
    lab.proves_nothing(SERVER, silent, "the witness gave no answer within 3s");
    // It says that everything was read, and does not know how much that is.
    let liar = "echo secretcat-witness 1 0; read id rest; echo $id sockets 0 0; \
                while read id kind cookie local remote after rest; do echo $id read 7 1000 1000 0 0; done";
    lab.proves_nothing(SERVER, liar, "the socket that the witness sees has received other bytes");
    lab.server.stops_with("");
}

#[test]
fn witness_that_cannot_start_ends_the_run() {
    let args = ["connect", "127.0.0.1:1", "--barrier", "peer-read", "--witness"];
    let refused = |witness: &str, why: &str| {
        let out = run(args.iter().chain(&[witness]), "");
        assert_eq!((out.status, out.stderr), (Some(2), format!("secretcat: --witness: {why}\n")));
    };
    refused("exit 3", "the witness has ended with status 3");
    refused("echo Permission denied >&2; exit 255", "the witness has ended with status 255: Permission denied");
    let version = env!("CARGO_PKG_VERSION");
    refused(
        "echo secretcat-witness 2 9.9.9; read x",
        &format!(
            "the witness: it is secretcat 9.9.9 and speaks version 2 of the protocol, and this is secretcat {version} \
             with version 1: install the same version there"
        ),
    );
}

#[test]
fn witness_answers_until_its_stdin_ends() {
    let hello = format!("secretcat-witness 1 {}\n", env!("CARGO_PKG_VERSION"));
    let answers = format!("{hello}7 gone\n8 sockets 0 0\n");
    run(["witness"], format!("7 read - 127.0.0.1:1 127.0.0.1:2 0 0\n8 sockets {} 1000\n", u64::MAX)).is(0, answers, "");
    let why = "secretcat: stdin has no question of secretcat --witness of this version\n";
    for nonsense in ["x\n".to_owned(), "7 read\n".to_owned(), "7".repeat(10_000)] {
        run(["witness"], nonsense).is(2, hello.as_str(), why);
    }
}

#[test]
fn relay_and_listener_ask_the_witness() {
    let Some(lab) = Lab::new("witness-relay") else { return };
    // The relay is on host 0, and its server on host 1.
    let trace = lab.dir.file("trace.ndjson");
    let witness = lab.witness();
    let mut relay = secretcat(["listen", "127.0.0.1:4600", "--once", "--relay", "10.10.11.2:4500", "--cut", "4"]);
    relay.args(["--barrier", "peer-read", "--cut-toward", "server", "--witness", &witness, "--trace"]).arg(&trace);
    let relay = Server::from_command(&mut lab.net.blind(0, &relay));
    let client = secretcat(["connect", "127.0.0.1:4600", "--raw"]);
    run_command(&mut lab.net.on(0, &client), MESSAGE).is(0, TWICE, "");
    assert_eq!(relay.proc.end().status, Some(0));
    let events = Trace::read(&trace);
    let made = events.connections("connect")[0];
    assert_eq!(events.barriers(made), ["witnessed_once", "witnessed"]);
    // The listener is on host 0, and its client on host 1.
    let mut listener = secretcat(["listen", "10.10.11.1:4601", "--once", "--chunk", "9", "--barrier", "peer-read"]);
    listener.args(["--witness", &witness, "--trace"]).arg(&trace);
    let listener = Server::from_command(&mut lab.net.blind(0, &listener));
    let client = secretcat(["connect", "10.10.11.1:4601"]);
    run_command(&mut lab.net.on(1, &client), MESSAGE).is(0, digits("12345"), "");
    assert_eq!(listener.proc.end().status, Some(0));
    let events = Trace::read(&trace);
    let accepted = events.connections("listen")[0];
    assert_eq!(events.barriers(accepted)[..2], ["witnessed_once", "witnessed"], "{events:?}");
    lab.server.stops_with("");
}
