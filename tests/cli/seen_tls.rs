//! What the trace, `-v` and the summary show of a TLS connection.

use crate::support::trace::{Trace, number};
use crate::support::{Dir, digits, run};

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
        let records: Vec<_> = trace.of(conn, "record").into_iter().filter(|line| line["dir"] == dir).collect();
        let (mut wire, mut plaintext) = (0, 0);
        for record in &records {
            assert_eq!((number(record, "offset"), number(record, "start")), (wire, plaintext), "#{conn} {dir}");
            (wire, plaintext) = (wire + number(record, "len"), number(record, "end"));
        }
        assert_eq!(wire, trace.numbers(conn, calls, len).iter().sum::<u64>(), "#{conn} {dir}");
        let messages: Vec<_> = trace.of(conn, "message").into_iter().filter(|line| line["dir"] == dir).collect();
        assert_eq!(plaintext, number(messages[0], "end"), "#{conn} {dir}");
    }
    // The message of ten bytes was cut after three, and each record was a write of its own.
    let pieces: Vec<_> = trace.of(1, "record").into_iter().filter(|line| line["dir"] == "out").collect();
    let pieces = pieces.iter().filter(|line| line["start"] != line["end"]);
    let pieces: Vec<_> =
        pieces.map(|line| (number(line, "offset"), number(line, "end") - number(line, "start"))).collect();
    assert_eq!(pieces.iter().map(|piece| piece.1).collect::<Vec<_>>(), [3, 7]);
    let writes = trace.numbers(1, "write", "offset");
    assert!(pieces.iter().all(|piece| writes.contains(&piece.0)), "{pieces:?} {writes:?}");
}
