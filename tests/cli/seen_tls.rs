//! What the trace, `-v` and the summary show of a TLS connection.

use std::path::PathBuf;

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::support::sweep::{findings, sweep, verdicts};
use crate::support::trace::{Trace, number};
use crate::support::{Dir, Server, digits, run};

const SESSION: &str = "TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768";

/// A conversation with a listener of its own over TLS, cut at 3 with a barrier: its trace and stderr.
#[track_caller]
fn conversation(name: &str, more: &[&str]) -> (Trace, String) {
    let dir = Dir::new(name);
    let file = dir.file("trace.ndjson");
    let args = ["connect", "--loopback", "--tls", "--cut", "3", "--barrier", "peer-read", "-m", "SECRET 42"];
    let trace = ["--trace", file.to_str().unwrap()];
    let out = run(args.iter().chain(&trace).chain(more), "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("42").into_bytes()), "{}", out.stderr);
    (Trace::read(&file), out.stderr)
}

#[test]
fn trace_has_the_session_of_both_ends() {
    let (trace, _) = conversation("tls-session", &["--tls-name", "example.test", "--tls-alpn", "h2,http/1.1"]);
    let (client, server) = (trace.of(1, "tls"), trace.of(2, "tls"));
    let ([client], [server]) = (&client[..], &server[..]) else { panic!("{trace:?}") };
    for end in [client, server] {
        assert_eq!((&end["version"], &end["group"]), (&"TLS 1.3".into(), &"X25519MLKEM768".into()));
        assert_eq!((&end["suite"], &end["server_name"]), (&"TLS_AES_256_GCM_SHA384".into(), &"example.test".into()));
    }
}

#[test]
fn verbose_lines_name_the_session_and_the_proof() {
    let (_, stderr) = conversation("tls-lines", &["-v"]);
    for id in [1, 2] {
        assert_eq!(stderr.matches(&format!("#{id} {SESSION}\n")).count(), 1, "{stderr}");
    }
    assert!(stderr.contains(", 10 of plaintext)\n"), "{stderr}");
    let (trace, stderr) = conversation("tls-proof", &["-vv", "--stats"]);
    let outcomes: Vec<_> = trace.of(1, "barrier").iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["record_read", "record_read"]);
    let offset = number(trace.of(1, "barrier")[0], "offset");
    assert!(stderr.contains(&format!("#1 barrier at {offset}: record read by the peer\n")), "{stderr}");
    assert!(stderr.contains("\nbarriers      2 confirmed (record read), 0 not"), "{stderr}");
    assert!(stderr.contains("\nplaintext     10 out, 22 in"), "{stderr}");
}

#[test]
fn tcp_cuts_prove_bytes_and_not_records() {
    let (trace, stderr) = conversation("tls-tcp", &["--cut-layer", "tcp", "-v"]);
    assert!(trace.of(1, "barrier").iter().all(|line| line["outcome"] == "read"), "{trace:?}");
    assert!(stderr.contains("#1 plan --cut 3 --cut-layer tcp --barrier peer-read\n"), "{stderr}");
}

#[test]
fn records_connect_the_plaintext_with_the_wire() {
    let (trace, _) = conversation("tls-records", &[]);
    for (conn, dir, calls, len) in [
        (1, "out", "write", "accepted"),
        (2, "in", "read", "len"),
        (2, "out", "write", "accepted"),
        (1, "in", "read", "len"),
    ] {
        let (mut wire, mut plaintext) = (0, 0);
        for record in records(&trace, conn, dir) {
            assert_eq!((number(record, "offset"), number(record, "start")), (wire, plaintext), "#{conn} {dir}");
            (wire, plaintext) = (wire + number(record, "len"), number(record, "end"));
        }
        assert_eq!(wire, trace.numbers(conn, calls, len).iter().sum::<u64>(), "#{conn} {dir}");
        let messages: Vec<_> = trace.of(conn, "message").into_iter().filter(|line| line["dir"] == dir).collect();
        assert_eq!(plaintext, number(messages[0], "end"), "#{conn} {dir}");
    }
    // The message of ten bytes was cut after three, and each record was a write of its own.
    let pieces = records(&trace, 1, "out");
    let pieces = pieces.iter().filter(|line| line["start"] != line["end"]);
    let pieces: Vec<_> =
        pieces.map(|line| (number(line, "offset"), number(line, "end") - number(line, "start"))).collect();
    assert_eq!(pieces.iter().map(|piece| piece.1).collect::<Vec<_>>(), [3, 7]);
    let writes = trace.numbers(1, "write", "offset");
    assert!(pieces.iter().all(|piece| writes.contains(&piece.0)), "{pieces:?} {writes:?}");
}

/// The records of one direction.
fn records<'a>(trace: &'a Trace, conn: u64, dir: &str) -> Vec<&'a serde_json::Value> {
    trace.of(conn, "record").into_iter().filter(|line| line["dir"] == dir).collect()
}

#[test]
fn records_begin_after_a_proxy_header() {
    let dir = Dir::new("tls-header");
    let (ours, theirs) = (dir.file("client.ndjson"), dir.file("server.ndjson"));
    let server = Server::start(&["--tls", "--accept-proxy", "--trace", theirs.to_str().unwrap()]);
    let args = ["--tls-insecure", "--proxy-protocol", "v2", "--cut", "3", "--barrier", "peer-read"];
    let head = ["connect", &server.address(), "-m", "SECRET 42", "--trace", ours.to_str().unwrap()];
    let out = run(head.iter().chain(&args), "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("42").into_bytes()), "{}", out.stderr);
    server.stop();
    let (ours, theirs) = (Trace::read(&ours), Trace::read(&theirs));
    for (trace, dir, calls) in [(&ours, "out", ours.writes(1)), (&theirs, "in", theirs.reads(1))] {
        let found = records(trace, 1, dir);
        assert_eq!(number(found[0], "offset"), 28, "{dir}: a header of version 2 for IPv4 has 28 bytes");
        let last = found.last().unwrap();
        assert_eq!(number(last, "offset") + number(last, "len"), calls.iter().sum::<u64>(), "{dir}");
    }
    let outcomes: Vec<_> = ours.of(1, "barrier").iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["read", "record_read", "record_read"], "the header is no record");
}

#[test]
fn show_options_prints_the_session_of_each_side() {
    let server = Server::start(&["--tls", "--tls-alpn", "h2", "--show-options"]);
    let args = ["--tls-insecure", "--tls-name", "example.test", "--tls-alpn", "http/1.1,h2", "--show-options"];
    let out = run(["connect", &server.address(), "-m", "a"].iter().chain(&args), "");
    let rows = [
        "tls version       TLS 1.3\n",
        "tls cipher suite  TLS_AES_256_GCM_SHA384\n",
        "tls group         X25519MLKEM768\n",
        "tls ALPN          h2\n",
        "tls server name   example.test\n",
    ];
    assert!(out.stderr.contains(&rows.concat()), "{}", out.stderr);
    run(["connect", &server.address(), "-m", "a", "--tls-insecure"], "");
    let log = server.stop().stderr;
    assert_eq!(log.matches(&rows.concat()).count(), 1, "{log}");
    assert_eq!(log.matches("tls version").count(), 1, "the first client only: {log}");
}

/// A file with this item.
fn pem(dir: &Dir, name: &str, label: &str, der: &[u8]) -> PathBuf {
    let file = dir.file(name);
    let text: Vec<_> =
        BASE64.encode(der).as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    std::fs::write(&file, format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", text.join("\n"))).unwrap();
    file
}

/// The certificate of an authority, and one that it has made for a client of this name, with its key.
fn certificates(dir: &Dir, name: &str) -> [String; 3] {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_file = pem(dir, "ca.pem", "CERTIFICATE", ca.self_signed(&ca_key).unwrap().der());
    let mut client = CertificateParams::new(Vec::new()).unwrap();
    client.distinguished_name.push(DnType::CommonName, name);
    let client = client.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let cert_file = pem(dir, "cert.pem", "CERTIFICATE", client.der());
    let key_file = pem(dir, "key.pem", "PRIVATE KEY", key.serialized_der());
    [ca_file, cert_file, key_file].map(|file| file.to_str().unwrap().to_owned())
}

#[test]
fn client_is_named_in_access_line_and_trace() {
    let dir = Dir::new("tls-client");
    let [ca, cert, key] = certificates(&dir, "Alice\u{1b}[2J");
    let trace = dir.file("server.ndjson");
    let server = Server::start(&["--tls", "--tls-client-ca", &ca, "-v", "--trace", trace.to_str().unwrap()]);
    let args = ["--tls-insecure", "--tls-cert", &cert, "--tls-key", &key, "-m", "SECRET 42"];
    let out = run(["connect", &server.address()].iter().chain(&args), "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("42").into_bytes()), "{}", out.stderr);
    let log = server.stop().stderr;
    let line = log.lines().find(|line| line.contains(" in: ")).unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains(" (Alice\\x1b[2J): ") && line.contains(" 10 bytes in, 22 bytes out, 1 message in: "),
        "{log}"
    );
    assert!(log.contains(", client Alice\\x1b[2J\n") && !log.contains('\u{1b}'), "{log}");
    assert_eq!(Trace::read(&trace).of(1, "tls")[0]["client"], "Alice\u{1b}[2J");
}

#[test]
fn sweep_over_tls_proves_that_records_were_read() {
    let server = Server::start(&["--tls"]);
    let found = findings(&server, &["--tls-insecure", "--max-plans", "20"], b"SECRET 1\n");
    let proof = |kind: &str| &found["kinds"][kind]["proof"];
    assert_eq!([proof("client-hello in TCP pieces"), proof("cut")], ["read", "record_read"], "{found:#}");
    assert_eq!(found["status"], 0, "{found:#}");
    assert!(verdicts(&found)[0] > 8, "{found:#}");
    let dir = Dir::new("tls-sweep");
    let junit = dir.file("junit.xml");
    let text =
        sweep(&server, &["--tls-insecure", "--max-plans", "20", "--junit", junit.to_str().unwrap()], b"SECRET 1\n");
    let proof = " 0 not proven (proof: read for client-hello in TCP pieces, record read for the others) (";
    assert!(std::fs::read_to_string(&junit).unwrap().contains(proof));
    assert!(String::from_utf8_lossy(&text.stdout).contains(proof), "{text:?}");
    let plain = Server::start(&[]);
    assert_eq!(findings(&plain, &[], b"SECRET 1\n")["kinds"]["cut"]["proof"], "read");
}
