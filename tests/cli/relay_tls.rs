//! A relay with TLS: toward the client, toward the server, on both sides, or of others that passes through it.

use std::io::Write;
use std::process::Command;

use crate::support::trace::{Trace, number};
use crate::support::{Dir, Proc, Server, accept, digits, local_listener, noise, run, skip};

/// A listener with a certificate of its own, and its pin.
fn with_pin(args: &[&str]) -> (Server, String) {
    let server = Server::start(args);
    let pin = pin(&server);
    (server, pin)
}

fn pin(server: &Server) -> String {
    let line = server.proc.wait_for_stderr("--tls-pin sha256//");
    let at = line.find("sha256//").unwrap();
    line[at..].lines().next().unwrap().to_owned()
}

/// Asks through a relay; the reply must be right.
#[track_caller]
fn asks(relay: &Server, tls: &[&str]) {
    let args = ["connect", &relay.address(), "-m", "SECRET 42", "-m", "SECRET 7"];
    run(args.iter().chain(tls), "").is(0, digits("42") + &digits("7"), "");
}

#[test]
fn relay_speaks_tls_toward_each_side_or_both() {
    let plain = Server::start(&[]);
    let (encrypted, server_pin) = with_pin(&["--tls"]);
    let to_encrypted = format!("tls:{}", encrypted.address());
    let toward_server = ["--relay", to_encrypted.as_str(), "--relay-tls-pin", &server_pin];
    for cuts in [&[][..], &["--chunk", "3", "--barrier", "peer-read"], &["--cut", "5", "--cut-layer", "handshake"]] {
        let (relay, pin) = with_pin(&[&["--tls", "--relay", &plain.address()], cuts].concat());
        asks(&relay, &["--tls-pin", &pin]);
        let relay = Server::start(&[&toward_server[..], cuts].concat());
        asks(&relay, &[]);
        let (relay, pin) = with_pin(&[&toward_server[..], &["--tls"], cuts].concat());
        asks(&relay, &["--tls-pin", &pin]);
        let relay = Server::start(&[&["--relay", &encrypted.address()], cuts].concat());
        asks(&relay, &["--tls-pin", &server_pin]);
    }
}

#[test]
fn secrets_of_both_sides_are_logged() {
    let dir = Dir::new("relay-secrets");
    let (theirs, ours) = (dir.file("theirs"), dir.file("ours"));
    let (server, server_pin) = with_pin(&["--tls", "--tls-keylog", theirs.to_str().unwrap()]);
    let to = format!("tls:{}", server.address());
    let args = ["--relay", &to, "--relay-tls-pin", &server_pin, "--tls", "--tls-keylog", ours.to_str().unwrap()];
    let (relay, pin) = with_pin(&args);
    asks(&relay, &["--tls-pin", &pin]);
    relay.stop();
    server.stop();
    let read = |path| std::fs::read_to_string(path).unwrap();
    let (theirs, ours) = (read(&theirs), read(&ours));
    assert!(theirs.lines().count() > 3 && theirs.lines().all(|line| ours.contains(line)), "{theirs}\n{ours}");
    assert_eq!(ours.lines().count(), 2 * theirs.lines().count(), "{ours}");
}

#[test]
fn handshake_that_passes_through_is_cut_into_records() {
    let dir = Dir::new("relay-recut");
    let file = dir.file("server.ndjson");
    let (server, pin) = with_pin(&["--tls", "--trace", file.to_str().unwrap()]);
    let cuts = ["--cut-layer", "handshake", "--chunk", "100", "--cut-toward", "server", "--barrier", "peer-read"];
    let relay = Server::start(&[&["--relay", &server.address()], &cuts[..]].concat());
    asks(&relay, &["--tls-pin", &pin]);
    relay.stops_with("");
    let out = server.stop();
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let trace = Trace::read(&file);
    let conn = trace.connections("listen")[0];
    // The ClientHello came in records of 100 bytes and their headers, each of which was a read of its own.
    let records = trace.of(conn, "record").into_iter().filter(|line| line["dir"] == "in");
    let lengths: Vec<u64> = records.map(|line| number(line, "len")).collect();
    let hello = lengths.iter().take_while(|length| **length == 105).count();
    assert!(hello > 10, "{lengths:?}");
    assert!(trace.reads(conn).starts_with(&vec![105; hello]), "{:?}", trace.reads(conn));
}

#[test]
fn stream_keeps_its_bytes_and_its_end_through_tls() {
    let (echo, server_pin) = with_pin(&["--tls", "--service", "echo"]);
    let to = format!("tls:{}", echo.address());
    let (relay, pin) = with_pin(&["--tls", "--relay", &to, "--relay-tls-pin", &server_pin]);
    let bytes = noise(3_000_000);
    let out = run(["connect", "--raw", &relay.address(), "--tls-pin", &pin], &bytes);
    assert!(out.status == Some(0) && out.stdout == bytes, "{:?} {} {}", out.status, out.stdout.len(), out.stderr);
}

#[test]
fn name_and_protocols_of_the_client_are_passed_on() {
    let dir = Dir::new("relay-alpn");
    let file = dir.file("server.ndjson");
    let (server, server_pin) = with_pin(&["--tls", "--tls-alpn", "two,three", "--trace", file.to_str().unwrap()]);
    let to = format!("tls:{}", server.address());
    let session = |trace: &Trace, conn| {
        let lines = trace.of(conn, "tls");
        lines.iter().map(|line| [line["server_name"].clone(), line["alpn"].clone()]).collect::<Vec<_>>()
    };
    let (relay, relay_pin) = with_pin(&["--tls", "--relay", &to, "--relay-tls-pin", &server_pin]);
    let client_file = dir.file("client.ndjson");
    let asked = ["--tls-pin", &relay_pin, "--tls-name", "lab.test", "--tls-alpn", "one,two,three"];
    asks(&relay, &[&asked[..], &["--trace", client_file.to_str().unwrap()]].concat());
    assert_eq!(session(&Trace::read(&client_file), 1), [["lab.test", "two"]]);
    // Named on the command line: the relay asks for these.
    let (relay, relay_pin) = with_pin(&[
        "--tls",
        "--relay",
        &to,
        "--relay-tls-pin",
        &server_pin,
        "--relay-tls-name",
        "other.test",
        "--relay-tls-alpn",
        "three",
    ]);
    asks(&relay, &["--tls-pin", &relay_pin, "--tls-name", "lab.test"]);
    assert_eq!(server.stop().status, Some(0));
    let trace = Trace::read(&file);
    let both: Vec<_> = trace.connections("listen").into_iter().flat_map(|conn| session(&trace, conn)).collect();
    assert_eq!(both, [["lab.test", "two"], ["other.test", "three"]]);
}

#[test]
fn server_that_is_not_verified_resets_the_client() {
    let (server, _) = with_pin(&["--tls"]);
    let to = format!("tls:{}", server.address());
    let (relay, pin) = with_pin(&["--tls", "--relay", &to]);
    let out = run(["connect", &relay.address(), "--tls-pin", &pin, "-m", "SECRET 1"], "");
    assert_eq!((out.status, out.stdout.as_slice()), (Some(1), &b""[..]));
    let text = "the server's certificate is not accepted: its issuer is unknown (--relay-tls-ca FILE trusts its issuer, \
                --relay-tls-pin PIN its key)";
    relay.proc.wait_for_stderr(text);
}

#[test]
fn server_without_tls_is_named_with_the_address_for_it() {
    let (listener, address) = local_listener();
    let relay = Server::start(&["--relay", &format!("tls:{address}"), "--relay-tls-insecure"]);
    let client = relay.open();
    accept(&listener).write_all(b"220 mail\r\n").unwrap();
    let text = "the server does not speak TLS: it sent \"220 mail\\r\\n\" (--relay ADDRESS connects without tls:)";
    relay.proc.wait_for_stderr(text);
    drop(client);
}

#[test]
fn openssl_speaks_through_a_relay_that_cuts_its_handshake() {
    if !skip::has_program("openssl") {
        return;
    }
    let (server, _) = with_pin(&["--tls"]);
    for version in ["-tls1_2", "-tls1_3"] {
        for cut in [["--chunk", "1"], ["--cut", "1,2,3,4,5"]] {
            let relay =
                Server::start(&[&["--relay", &server.address(), "--cut-layer", "handshake"], &cut[..]].concat());
            let mut client = Command::new("openssl");
            client.args(["s_client", "-connect", &relay.address(), "-quiet", "-no_ign_eof", version]);
            let mut client = Proc::start(&mut client);
            client.write("SECRET 42\n");
            client.wait_for_stdout(&digits("42"));
            client.close_stdin();
            client.end();
        }
    }
}
