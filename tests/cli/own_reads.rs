//! `--answer-witness`: a listener proves what it has read itself, whatever ends the connection on the way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::support::proxy::joining;
use crate::support::trace::Trace;
use crate::support::{DEADLINE, Dir, FreePort, Outcome, Proc, Server, digits, run, shell, skip, start_relay};

const MESSAGE: &str = "My SECRET is 12345\n";
const INSTEAD: &str = "; waiting for its acknowledgements and --delay instead\n";

/// A listener that answers at a unix socket and records its reads.
struct Lab {
    dir: Dir,
    server: Server,
    witness: String,
}

impl Lab {
    fn new(name: &str, args: &[&str]) -> Lab {
        let dir = Dir::new(name);
        let (path, trace) = (dir.file("witness"), dir.file("listen.ndjson"));
        let witness = format!("unix:{}", path.display());
        let answers = format!("--answer-witness={witness}");
        let server = Server::start(&[&[&answers, "--trace", trace.to_str().unwrap()], args].concat());
        Lab { dir, server, witness }
    }

    /// A client of this address with a witness, and the outcomes of its barriers.
    fn client(&self, address: &str, witness: &str, args: &[&str]) -> (Outcome, Vec<String>) {
        let trace = self.dir.file("connect.ndjson");
        let own = ["connect", address, "--barrier", "peer-read", "--witness", witness, "--trace"];
        let own = own.iter().chain(&[trace.to_str().unwrap()]).chain(args).copied().collect::<Vec<_>>();
        let out = run(own, MESSAGE);
        let outcomes = Trace::read(&trace).barriers(1).into_iter().map(Into::into).collect();
        (out, outcomes)
    }

    /// Stops it. The offsets after each read of its only connection.
    #[track_caller]
    fn read_up_to(self) -> Vec<u64> {
        self.server.stop();
        let trace = Trace::read(&self.dir.file("listen.ndjson"));
        let conns = trace.connections("listen");
        let sums = trace.reads(conns[0]).into_iter().scan(0, |sum, len| {
            *sum += len;
            Some(*sum)
        });
        sums.collect()
    }

    fn answers_on(&self) -> String {
        format!("answering --witness on {}\n", self.witness)
    }
}

/// The outcomes of barriers that were all proven.
#[track_caller]
fn all_proven(outcomes: &[String], proof: &str) {
    assert!(outcomes.len() >= 2 && outcomes[0] == "witnessed_once", "{outcomes:?}");
    assert!(outcomes[1..].iter().all(|outcome| outcome == proof), "{outcomes:?}");
}

/// What is between the client and the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    /// A program that forwards at once.
    Socat,
    /// A program that takes all bytes at once, and forwards them late and joined.
    Holding,
    Socks,
}

/// Each piece is a read of its own, because none leaves before the listener has read the one before.
#[test]
fn no_piece_leaves_before_the_last_one_was_read() {
    const READERS: [&[&str]; 3] = [&[], &["--read-start-delay", "30ms"], &["--read-size", "2", "--read-delay", "2ms"]];
    for between in [Between::Nothing, Between::Socat, Between::Holding, Between::Socks] {
        if between == Between::Socat && !skip::has_program("socat") {
            continue;
        }
        for (reader, chunk) in READERS.into_iter().zip([4, 1, 9]).chain(READERS.into_iter().zip([7, 3, 5])) {
            let lab = Lab::new("own-reads", reader);
            let (to, size) = (lab.server.address(), chunk.to_string());
            let mut args = vec!["--chunk", &size];
            let proxy;
            let (mut socat, mut relay) = (None, None);
            let mut address = to.clone();
            match between {
                Between::Nothing => {}
                Between::Socat => {
                    let port = FreePort::new();
                    address = port.address.to_string();
                    socat = Some(Proc::start(Command::new("socat").args([
                        &format!("TCP-LISTEN:{},fork,reuseaddr,bind=127.0.0.1", port.address.port()),
                        &format!("TCP:{to}"),
                    ])));
                    args.extend(["--retry", "200", "--retry-delay", "0.05"]);
                }
                Between::Holding => {
                    let late = ["--read-start-delay", "20ms", "--cut-toward", "server", "--delay", "3ms"];
                    let started = start_relay(&to, &late);
                    address = started.address();
                    relay = Some(started);
                }
                Between::Socks => {
                    proxy = joining();
                    args.extend(["--proxy", &proxy]);
                }
            }
            let (out, outcomes) = lab.client(&address, &lab.witness, &args);
            let context = format!("{between:?} {chunk} {reader:?}");
            let retries = out.stderr.lines().all(|line| line.contains("refused"));
            assert!(out.status == Some(0) && (out.stderr.is_empty() || retries), "{context}: {out:?}");
            assert_eq!(String::from_utf8_lossy(&out.stdout), digits("12345"), "{context}");
            all_proven(&outcomes, "witnessed");
            drop((socat, relay));
            let read = lab.read_up_to();
            for cut in (chunk..MESSAGE.len() as u64).step_by(usize::try_from(chunk).unwrap()) {
                assert!(read.contains(&cut), "{context}: {cut} is not in {read:?}");
            }
        }
    }
}

#[test]
fn loops_relay_and_inherited_socket_prove_their_reads() {
    for args in [&["--threads", "3"][..], &["--service", "echo"]] {
        let lab = Lab::new("own-reads-modes", args);
        let (out, outcomes) = lab.client(&lab.server.address(), &lab.witness, &["--chunk", "4"]);
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
        all_proven(&outcomes, "witnessed");
        let answers = lab.answers_on();
        lab.server.stops_with(&answers);
    }
    // A relay proves what it has read itself.
    let target = Server::start(&[]);
    let lab = Lab::new("own-reads-relay", &["--relay", &target.address()]);
    let (out, outcomes) = lab.client(&lab.server.address(), &lab.witness, &["--chunk", "4"]);
    out.is(0, digits("12345"), "");
    all_proven(&outcomes, "witnessed");
    let answers = lab.answers_on();
    lab.server.stops_with(&answers);
    target.stops_with("");
    let dir = Dir::new("own-reads-inherited");
    let witness = format!("unix:{}", dir.file("witness").display());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let hand_over =
        "exec 3<&0 </dev/null\nLISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS\nexec \"$0\" listen \"$@\"";
    let mut command = shell(hand_over, [format!("--answer-witness={witness}")]);
    let stdin = Stdio::from(std::os::fd::OwnedFd::from(socket));
    let server = Server::from_proc(Proc::start_on(&mut command, stdin, Stdio::piped(), Stdio::piped()));
    let args =
        ["connect", &server.address(), "--chunk", "4", "--barrier", "peer-read", "--witness", &witness, "--stats"];
    let out = run(args, MESSAGE);
    assert!(out.stderr.contains("\nbarriers      5 confirmed (seen by the witness), 0 not\n"), "{}", out.stderr);
    server.stops_with(&format!("answering --witness on {witness}\n"));
}

#[test]
#[cfg(feature = "tls")]
fn ciphertext_is_counted_through_a_program_that_holds_it() {
    let lab = Lab::new("own-reads-tls", &["--tls"]);
    let relay = start_relay(&lab.server.address(), &["--read-start-delay", "20ms"]);
    let args = ["--tls-insecure", "--quiet", "--chunk", "4"];
    let (out, outcomes) = lab.client(&relay.address(), &lab.witness, &args);
    assert_eq!((out.status, String::from_utf8_lossy(&out.stdout).into_owned()), (Some(0), digits("12345")), "{out:?}");
    all_proven(&outcomes, "record_witnessed");
    relay.stop();
    lab.server.stop();
}

#[test]
fn proxy_header_counts_as_read() {
    let lab = Lab::new("own-reads-header", &["--accept-proxy"]);
    let relay = start_relay(&lab.server.address(), &["--read-start-delay", "20ms"]);
    let args = ["--proxy-protocol", "v2", "--chunk", "4"];
    let (out, outcomes) = lab.client(&relay.address(), &lab.witness, &args);
    out.is(0, digits("12345"), "");
    all_proven(&outcomes, "witnessed");
    relay.stop();
    lab.server.stop();
}

#[test]
fn listener_that_has_not_read_the_bytes_proves_nothing() {
    // The listener that is asked is another one.
    let (lab, other) = (Lab::new("own-reads-other", &[]), Server::start(&[]));
    let (out, outcomes) = lab.client(&other.address(), &lab.witness, &["--cut", "4"]);
    let why = "the witness sees no socket that has received these bytes (does it run where the server runs?)";
    out.is(0, digits("12345"), format!("secretcat: {}: --barrier peer-read: {why}{INSTEAD}", other.address()));
    assert_eq!(outcomes, ["not_visible", "not_visible"]);
    // By chance it has read the first piece from somebody else; the next one shows that it is not the server.
    let mut stranger = lab.server.open();
    stranger.write_all(b"My S").unwrap();
    let (out, outcomes) = lab.client(&other.address(), &lab.witness, &["--cut", "4"]);
    out.is(0, digits("12345"), "");
    assert_eq!(outcomes, ["witnessed_once", "abandoned"]);
    other.stops_with("");
    drop(stranger);
    lab.server.stop();
}

#[test]
fn silent_connection_prevents_a_proof_through_a_relay() {
    let lab = Lab::new("own-reads-silent", &[]);
    let silent = lab.server.open();
    let (out, outcomes) = lab.client(&lab.server.address(), &lab.witness, &["--chunk", "4"]);
    out.is(0, digits("12345"), "");
    all_proven(&outcomes, "witnessed");
    // Behind the relay, the silent connection may be the one whose bytes are not read yet.
    let relay = start_relay(&lab.server.address(), &[]);
    let (out, outcomes) = lab.client(&relay.address(), &lab.witness, &["--cut", "4"]);
    let why = "the witness sees 2 sockets that have received as many bytes";
    out.is(0, digits("12345"), format!("secretcat: {}: --barrier peer-read: {why}{INSTEAD}", relay.address()));
    assert_eq!(outcomes, ["not_visible", "not_visible"]);
    drop(silent);
    relay.stop();
    lab.server.stop();
}

#[test]
fn failing_or_lying_listener_proves_nothing() {
    let lab = Lab::new("own-reads-lies", &[]);
    let hello = "echo secretcat-witness 1 0 streams; read id rest; echo $id gone; ";
    let every = |answer: &str| format!("{hello} while read id rest; do echo $id {answer}; done");
    for (witness, why) in [
        // It says that all was read, and does not know how much that is.
        (every("known 7 1000 equal 0"), "the socket that the witness sees has received other bytes"),
        (every("known 7 0 equal 0"), "the socket that the witness sees has received other bytes"),
        (every("stream 1000 1 7 0 - 0 - 0"), "the socket that the witness sees has received other bytes"),
        (every("known 7 1000 other 0"), "the socket that the witness sees has received other bytes"),
        (every("gone"), "the server had closed its socket before the witness saw it twice"),
        (every("failed no idea"), "the witness reports: no idea"),
        (every("stream 4 9 7 0 - 0 - 0"), "the witness sent a line that is no answer: \"2 stream 4 9 7 0 - 0 - 0\""),
        (every("read 7 4 4 0 0"), "the witness sent a line that is no answer: \"2 read 7 4 4 0 0\""),
        (format!("{hello} read x; echo nonsense"), "the witness sent a line that is no answer: \"nonsense\""),
        (format!("{hello} read x; exit 7"), "the witness has ended with status 7"),
        (format!("{hello} read x; read wait"), "the witness gave no answer within 3s"),
        // It has guessed the first barrier.
        (every("known 7 4 equal 0"), "the socket that the witness sees has received other bytes"),
    ] {
        let (out, outcomes) = lab.client(&lab.server.address(), &witness, &["--cut", "4"]);
        let line = format!("secretcat: {}: --barrier peer-read: {why}{INSTEAD}", lab.server.address());
        out.is(0, digits("12345"), line);
        assert!(!outcomes.iter().any(|outcome| outcome == "witnessed"), "{witness}: {outcomes:?}");
    }
    lab.server.stop();
}

#[test]
fn late_answers_are_waited_for() {
    let lab = Lab::new("own-reads-late", &[]);
    let secretcat = env!("CARGO_BIN_EXE_secretcat");
    let slow =
        format!("{secretcat} connect --raw {} | while read -r line; do sleep 0.1; echo \"$line\"; done", lab.witness);
    let (out, outcomes) = lab.client(&lab.server.address(), &slow, &["--cut", "4"]);
    out.is(0, digits("12345"), "");
    all_proven(&outcomes, "witnessed");
    lab.server.stop();
}

#[test]
fn listener_without_an_answer_ends_the_run() {
    let port = FreePort::new();
    let refused = |address: &str, why: &str| {
        let witness = format!("--witness=tcp:{address}");
        let out = run(["connect", "127.0.0.1:1", "--barrier", "peer-read", &witness], "");
        assert_eq!((out.status, out.stderr), (Some(2), format!("secretcat: --witness: {why}\n")));
    };
    let address = port.address.to_string();
    refused(
        &address,
        &format!(
            "the witness has ended with status 1: secretcat: connect {address}: connection refused (is a server \
             listening there?)"
        ),
    );
}

/// A connection to the socket of the witness, after its first line.
fn ask(path: &std::path::Path) -> UnixStream {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let hello = format!("secretcat-witness 1 {} streams\n", env!("CARGO_PKG_VERSION"));
    let mut got = vec![0; hello.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), hello);
    stream
}

fn rest(mut stream: UnixStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text); // a reset, if it did not read all
    text
}

#[test]
fn bad_witness_clients_are_disconnected() {
    let lab = Lab::new("own-reads-clients", &[]);
    let path = lab.dir.file("witness");
    for nonsense in [&b"x\n"[..], b"7 read\n", b"\xff\n", &[b'7'; 10_000], b"7 stream - a b 1 0\n", b"\n"] {
        let mut stream = ask(&path);
        let _ = stream.write_all(nonsense); // it may be closed already
        assert_eq!(rest(stream), "");
    }
    // Questions about sockets are for the other kind of witness.
    let mut stream = ask(&path);
    stream.write_all(b"7 sockets 5 0\n8 stream 9 1.1.1.1:1 1.1.1.1:1 5 0\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let failed = "7 failed it is a listener, and sees no other sockets: run 'secretcat witness' there\n";
    assert_eq!(rest(stream), format!("{failed}8 gone\n"));
    // Too many questions, and too many clients.
    let mut stream = ask(&path);
    let question = "7 stream - 1.1.1.1:1 1.1.1.1:1 5 1000000\n".repeat(1025);
    let _ = stream.write_all(question.as_bytes());
    assert_eq!(rest(stream), "");
    let clients: Vec<_> = (0..16).map(|_| ask(&path)).collect();
    assert_eq!(rest(UnixStream::connect(&path).unwrap()), "");
    drop(clients);
    let (out, outcomes) = lab.client(&lab.server.address(), &lab.witness, &["--chunk", "4", "--retry", "3"]);
    out.is(0, digits("12345"), "");
    all_proven(&outcomes, "witnessed");
    // A client that is connected does not hold the end up, and the file is removed.
    let stream = ask(&path);
    let answers = lab.answers_on();
    lab.server.stops_with(&answers);
    assert_eq!(rest(stream), "");
    assert!(!path.exists());
}

#[test]
fn answers_are_given_on_a_port() {
    let server = Server::start(&["--answer-witness=127.0.0.1:0"]);
    let lines = server.proc.wait_for_stderr("answering --witness on 127.0.0.1:");
    let port = lines.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    let witness = format!("tcp:{port}");
    let args =
        ["connect", &server.address(), "--chunk", "4", "--barrier", "peer-read", "--witness", &witness, "--stats"];
    let out = run(args, MESSAGE);
    assert!(out.stderr.contains("\nbarriers      5 confirmed (seen by the witness), 0 not\n"), "{}", out.stderr);
    server.stops_with(&format!("answering --witness on {port}\n"));
    // An address that is taken ends the run, and leaves no file behind.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, dir) = (taken.local_addr().unwrap(), Dir::new("own-reads-taken"));
    let path = dir.file("socket");
    let out = run(["listen", &format!("unix:{}", path.display()), &format!("--answer-witness={at}")], "");
    let hint = "address already in use (another program listens there; port 0 picks a free one)";
    out.is(1, "", format!("secretcat: listen {at}: {hint}\n"));
    assert!(!path.exists());
}
