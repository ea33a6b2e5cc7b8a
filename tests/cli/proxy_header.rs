//! PROXY headers that `connect` and a relay send: their bytes, and their cuts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::trace::{self, Trace, Traced};
use crate::support::{Dir, accept, local_listener, read_line, run};

/// Answers `hello` of one client with `ok`. All that the client has sent, and its address.
fn serve(listener: &TcpListener) -> (Vec<u8>, String) {
    let mut client = accept(listener);
    let address = client.peer_addr().unwrap().to_string();
    let (mut received, mut byte) = (Vec::new(), [0]);
    while !received.ends_with(b"hello\n") {
        client.read_exact(&mut byte).unwrap();
        received.extend(byte);
    }
    client.write_all(b"ok\n").unwrap();
    client.read_to_end(&mut received).unwrap();
    (received, address)
}

/// Runs `connect -m hello` with these arguments. What the server has received, the two addresses, and the trace.
#[track_caller]
fn send(dir: &Dir, args: &[&str]) -> (Vec<u8>, String, String, Trace) {
    let (listener, address) = local_listener();
    let server = thread::spawn(move || serve(&listener));
    let (out, trace) = trace::connect(dir, &[&[&address, "-m", "hello"], args].concat(), "");
    assert_eq!(out, "ok\n", "{args:?}");
    let (received, client) = server.join().unwrap();
    (received, client, address, trace)
}

/// The two words of an address.
fn words(address: &str) -> (&str, &str) {
    address.rsplit_once(':').unwrap()
}

#[test]
fn header_has_the_ends_of_the_connection_or_those_given() {
    let dir = Dir::new("header-ends");
    let (received, client, server, _) = send(&dir, &["--proxy-protocol", "v1"]);
    let ((client, from), (server, to)) = (words(&client), words(&server));
    let expected = format!("PROXY TCP4 {client} {server} {from} {to}\r\nhello\n");
    assert_eq!(String::from_utf8(received).unwrap(), expected);

    let ends = ["--proxy-source", "192.0.2.7:44444", "--proxy-dest", "192.0.2.8:80"];
    let (received, ..) = send(&dir, &[&["--proxy-protocol", "v1"][..], &ends].concat());
    assert_eq!(received, b"PROXY TCP4 192.0.2.7 192.0.2.8 44444 80\r\nhello\n");
    let (received, ..) = send(&dir, &["--proxy-protocol", "v1", "--proxy-source", "unknown"]);
    assert_eq!(received, b"PROXY UNKNOWN\r\nhello\n");
    let (received, ..) =
        send(&dir, &[&["--proxy-protocol", "v2", "--proxy-tlv", "2=7061", "--proxy-tlv", "0xE0="][..], &ends].concat());
    let rest = b"\xc0\0\x02\x07\xc0\0\x02\x08\xad\x9c\0\x50\x02\0\x02pa\xe0\0\0";
    assert_eq!(received, [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14"[..], rest, b"hello\n"].concat());
}

#[test]
fn header_is_cut_apart_from_the_messages() {
    let dir = Dir::new("header-cuts");
    let ends = ["--proxy-source", "192.0.2.7:44444", "--proxy-dest", "192.0.2.8:80"]; // 41 bytes
    let cases: [(&[&str], &[u64]); 6] = [
        (&[], &[41, 6]),
        (&["--cut-header", "5,-1"], &[5, 35, 1, 6]),
        (&["--cut", "2"], &[41, 2, 4]),
        (&["--chunk", "4", "--cut-header", "1"], &[1, 40, 4, 2]),
        (&["--cut", "-1", "--cut-header", "40", "--barrier", "peer-read"], &[40, 1, 5, 1]),
        (&["--coalesce", "3", "--delay", "1ms", "--cut-header", "2"], &[2, 39, 6]),
    ];
    for (plan, pieces) in cases {
        let (received, _, _, trace) = send(&dir, &[&["--proxy-protocol", "v1"][..], &ends, plan].concat());
        assert_eq!(received, b"PROXY TCP4 192.0.2.7 192.0.2.8 44444 80\r\nhello\n");
        let conn = trace.connections("connect")[0];
        assert_eq!(trace.writes(conn), pieces, "{plan:?}");
        assert_eq!(trace.segments(conn), pieces.len() as u64, "{plan:?}");
        assert_eq!(trace.numbers(conn, "message", "start"), [41, 0], "{plan:?}");
        let separate = pieces.len() - 1;
        assert_eq!(trace.of(conn, "pause").len(), if plan.contains(&"--delay") { separate } else { 0 });
        let barriers = if plan.contains(&"--barrier") { separate + 1 } else { 0 };
        assert_eq!(trace.barriers(conn), vec!["read"; barriers], "{plan:?}");
    }
}

#[test]
fn header_precedes_a_stream_and_is_not_in_its_counts() {
    let (listener, address) = local_listener();
    let server = thread::spawn(move || serve(&listener).0);
    let args = ["connect", &address, "--raw", "-v", "--proxy-protocol", "v1", "--proxy-source", "unknown"];
    let out = run(args, "hello\n");
    assert_eq!((out.status, &out.stdout[..]), (Some(0), &b"ok\n"[..]));
    assert_eq!(server.join().unwrap(), b"PROXY UNKNOWN\r\nhello\n");
}

#[test]
fn cut_outside_the_header_is_refused() {
    let (_listener, address) = local_listener();
    let header = ["--proxy-protocol", "v1", "--proxy-source", "unknown", "--cut-header", "3,15"];
    run([&["connect", &address, "-m", "hello"][..], &header].concat(), "").is(
        2,
        "",
        "secretcat: the header has 15 bytes, and --cut-header 15 does not cut it: 1 to 14 and -1 to -14 do\n",
    );
}

#[test]
fn relay_sends_the_ends_of_its_client() {
    let (listener, address) = local_listener();
    let dir = Dir::new("relayed-header");
    let args = ["--relay", &address, "--proxy-protocol", "v1", "--cut-header", "6", "--chunk", "4"];
    let relay = Traced::start(&dir, &args);
    let mut client = relay.open();
    let header = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", client.local_addr().unwrap().port(), relay.port());
    client.write_all(b"hello\n").unwrap();
    let (received, _) = {
        let server = thread::spawn(move || serve(&listener));
        assert_eq!(read_line(&mut client), "ok\n");
        drop(client);
        server.join().unwrap()
    };
    assert_eq!(String::from_utf8(received).unwrap(), format!("{header}hello\n"));
    let trace = relay.stop_and_read();
    let conn = trace.connections("connect")[0];
    assert_eq!(trace.writes(conn), [6, header.len() as u64 - 6, 4, 2]);
}
