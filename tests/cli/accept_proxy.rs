//! `listen --accept-proxy`: PROXY headers of clients, whole and cut, and those that are refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::net::Net;
use crate::support::trace::{self, Traced};
use crate::support::{
    Dir, Server, digits, exchange, read_to_end, run, run_command, secretcat, start_relay, without_durations,
};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.8 44444 80\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc0\0\x02\x08\xad\x9c\0\x50";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\x05local";

/// Stops it; its access lines, with `PORT` for the port of this client.
#[track_caller]
fn log(server: Server, client: u16) -> String {
    let ready = server.ready_line.len();
    let log = without_durations(&server.stop().stderr[ready..]).replace(&client.to_string(), "PORT");
    let is_access_line = |line: &&str| line.contains(" s, ") || line.contains("rejected (not in --accept-proxy-from)");
    log.lines().filter(is_access_line).collect::<Vec<_>>().join("\n")
}

/// What a listener with these arguments answers to these bytes, and its access lines.
#[track_caller]
fn serve(args: &[&str], bytes: &[u8]) -> (String, String) {
    let server = Server::start(&[&["-v", "--accept-proxy"], args].concat());
    let client = server.open();
    let port = client.local_addr().unwrap().port();
    let answer = String::from_utf8(exchange(client, bytes)).unwrap();
    (answer, log(server, port))
}

#[test]
fn log_has_the_client_of_the_header() {
    for (header, client) in [(V1, "192.0.2.7:44444"), (V2, "192.0.2.7:44444"), (LOCAL, "127.0.0.1:PORT")] {
        let (answer, log) = serve(&[], &[header, b"SECRET 42\n"].concat());
        assert_eq!(answer, digits("42"));
        assert_eq!(log, format!("#1 {client}: * s, 10 bytes in, 22 bytes out, 1 message in: closed by peer"));
    }
    let unknown = b"PROXY UNKNOWN anything\r\nSECRET 42\n";
    assert!(serve(&[], unknown).1.starts_with("#1 127.0.0.1:PORT: "));
    let v6 = b"PROXY TCP6 2001:db8::1 ::1 1 2\r\nSECRET 42\n";
    assert!(serve(&[], v6).1.starts_with("#1 [2001:db8::1]:1: "));
}

#[test]
fn header_cut_at_every_offset_is_read() {
    let server = Server::start(&["--accept-proxy"]);
    let address = server.address();
    for version in ["v1", "v2"] {
        let header = ["--proxy-protocol", version, "--proxy-source", "192.0.2.7:44444", "--barrier", "peer-read"];
        let length: usize = if version == "v1" { V1.len() } else { V2.len() };
        let all: Vec<String> = (1..length - 5).map(|at| at.to_string()).collect();
        for cuts in [all.join(","), "1".into(), "-1".into(), "12,15".into()] {
            let args = [&["connect", &address, "-m", "SECRET 42", "--cut-header", &cuts][..], &header].concat();
            run(args, "").is(0, digits("42"), "");
        }
    }
    // The header and the message in one segment: no byte after the header is lost.
    assert_eq!(server.exchange([V2, b"SECRET 7\nSECRET 8\n"].concat()), digits("7") + &digits("8"));
    server.stops_with("");
}

#[test]
fn header_is_read_before_every_service() {
    let line = |service: &[&str]| serve(service, &[V1, b"SECRET 42\n"].concat()).0;
    assert_eq!(line(&["--service", "echo"]), "SECRET 42\n");
    assert_eq!(line(&["--read-size", "3", "--service", "echo"]), "SECRET 42\n");
    assert_eq!(line(&["--service", "source", "--count", "0"]), "");
    assert_eq!(line(&["--threads", "2"]), digits("42"));
    assert!(line(&["--framing", "http"]).starts_with("HTTP/1.1 400 "));
    let bulk = [V2, &vec![b'x'; 300_000]].concat();
    assert!(serve(&["--service", "echo"], &bulk).0 == "x".repeat(300_000));
}

#[test]
fn header_comes_before_tls() {
    let server = Server::start(&["--tls", "--accept-proxy", "--allow", "192.0.2.7"]);
    let header = ["--proxy-protocol", "v2", "--proxy-source", "192.0.2.7:44444", "--cut-header", "3"];
    let args = ["connect", "--tls-insecure", "--quiet", "--barrier", "peer-read", "-m", "SECRET 42", &server.address()];
    let out = run([&args[..], &header].concat(), "");
    assert_eq!((out.status, String::from_utf8_lossy(&out.stdout)), (Some(0), digits("42").into()), "{}", out.stderr);
    server.stop();
}

#[test]
fn relay_sends_the_header_before_its_tls() {
    let server = Server::start(&["--tls", "--accept-proxy", "-v"]);
    let to = format!("tls:{}", server.address());
    let args = ["--relay-tls-insecure", "--accept-proxy", "--proxy-protocol", "v1", "--cut-header", "6,-1"];
    let relay = start_relay(&to, &args);
    assert_eq!(relay.exchange([V2, b"SECRET 42\n"].concat()), digits("42"));
    relay.stop();
    assert!(log(server, 65_535).contains("#1 192.0.2.7:44444: "));
}

#[test]
fn stalled_headers_delay_no_other_client() {
    let server = Server::start(&["--accept-proxy"]);
    let stalled: Vec<TcpStream> = (0..200)
        .map(|at| {
            let mut client = server.open();
            client.write_all(&V1[..at % V1.len()]).unwrap();
            client
        })
        .collect();
    assert_eq!(server.exchange([V1, b"SECRET 42\n"].concat()), digits("42"));
    // They are no clients yet: the shutdown does not wait for them, and reports none.
    server.stops_with("");
    drop(stalled);
}

#[test]
fn rules_apply_to_the_client_of_the_header() {
    let request = [V1, b"SECRET 42\n"].concat();
    for (rule, why) in [(["--deny", "192.0.2.0/24"], "in --deny"), (["--allow", "127.0.0.1"], "not in --allow")] {
        let server = Server::start(&[&["-v", "--accept-proxy"][..], &rule].concat());
        let mut client = server.open();
        client.write_all(&request).unwrap();
        let mut answer = Vec::new();
        // Bytes that were not read make the close a reset.
        let _ = client.read_to_end(&mut answer);
        assert_eq!(answer, b"");
        let log = log(server, client.local_addr().unwrap().port());
        assert_eq!(log, format!("#1 192.0.2.7:44444: * s, 0 bytes in, 0 bytes out, 0 messages in: rejected ({why})"));
    }
    for rule in [["--allow", "192.0.2.7"], ["--deny", "127.0.0.1"]] {
        assert_eq!(serve(&rule, &request).0, digits("42"));
    }
}

#[test]
fn connection_without_a_right_header_is_closed() {
    for (sent, why) in [
        (&b"SECRET 42\n"[..], "no PROXY header: the connection begins with other bytes"),
        (
            b"PROXY TCP4 192.0.2.7\r\n",
            "malformed PROXY header: after its protocol come not two addresses and two ports",
        ),
        (b"PROXY TC", "the connection ended within the PROXY header, after 8 bytes of it"),
        (b"", "the connection ended within the PROXY header, after 0 bytes of it"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "PROXY header longer than 4112 bytes"),
    ] {
        let server = Server::start(&["-v", "--accept-proxy"]);
        let mut client = server.open();
        let port = client.local_addr().unwrap().port();
        client.write_all(sent).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Bytes that were not read make the close a reset.
        let _ = client.read_to_end(&mut answer);
        assert_eq!(answer, b"");
        let expected = format!("#1 127.0.0.1:PORT: * s, 0 bytes in, 0 bytes out, 0 messages in: {why}");
        assert_eq!(log(server, port), expected, "{sent:?}");
    }
}

#[test]
fn header_of_another_host_needs_its_network() {
    let Some(net) = Net::pair() else { return };
    for (rule, is_served) in [("198.51.100.0/24", false), ("10.10.11.0/24", true)] {
        let listen = secretcat(["listen", "10.10.11.2:0", "-v", "--accept-proxy-from", rule]);
        let server = Server::from_command(&mut net.on(1, &listen));
        let address = server.address();
        let connect = ["connect", &address, "-m", "SECRET 42", "--proxy-protocol", "v1"];
        let out = run_command(&mut net.on(0, &secretcat(connect)), "");
        assert_eq!(out.status, Some(i32::from(!is_served)), "{}", out.stderr);
        let log = log(server, 65_535);
        assert_eq!(log.contains(": rejected (not in --accept-proxy-from)"), !is_served, "{log}");
    }
}

#[test]
fn relay_passes_the_client_of_a_header_on() {
    let server = Server::start(&["-v", "--accept-proxy"]);
    let relay = start_relay(&server.address(), &["--accept-proxy", "--proxy-protocol", "v2", "--cut-header", "20"]);
    assert_eq!(relay.exchange([V1, b"SECRET 42\n"].concat()), digits("42"));
    relay.stops_with("");
    assert!(log(server, 65_535).starts_with("#1 192.0.2.7:44444: "));
}

#[test]
fn header_of_a_unix_socket_is_trusted() {
    let dir = Dir::new("proxy-unix");
    let path = format!("unix:{}", dir.file("s").display());
    let proc = crate::support::Proc::start(&mut secretcat(["listen", &path, "-v", "--accept-proxy"]));
    proc.wait_for_stderr("listening on");
    let args = ["connect", &path, "-m", "SECRET 42", "--proxy-protocol"];
    run([&args[..], &["v1", "--proxy-source", "192.0.2.7:44444"]].concat(), "").is(0, digits("42"), "");
    run([&args[..], &["v2", "--proxy-source", "unix:@client"]].concat(), "").is(0, digits("42"), "");
    run([&args[..], &["v2"]].concat(), "").is(0, digits("42"), "");
    proc.signal(rustix::process::Signal::TERM);
    let log = without_durations(&proc.end().stderr).replace(&path, "unix:PATH");
    let clients: Vec<&str> = log.lines().filter_map(|line| line.split_once(": * s, ").map(|(name, _)| name)).collect();
    assert_eq!(clients, ["#1 192.0.2.7:44444", "#2 unix:@client", "#3 unix:PATH"]);
}

#[test]
fn trace_has_the_header_and_its_messages_come_after_it() {
    let dir = Dir::new("proxy-trace");
    let server = Traced::start(&dir, &["--accept-proxy"]);
    assert_eq!(server.exchange([V1, b"SECRET 42\n"].concat()), digits("42"));
    let trace = server.stop_and_read();
    let header = &trace.of(1, "proxy_header")[0];
    assert_eq!((&header["dir"], &header["source"]), (&"in".into(), &"192.0.2.7:44444".into()));
    assert_eq!(header["destination"], "192.0.2.8:80");
    assert_eq!(trace.numbers(1, "message", "start"), [V1.len() as u64, 0]);
    assert_eq!(trace.reads(1).iter().sum::<u64>(), V1.len() as u64 + 10);
}

#[test]
fn private_listener_takes_the_header() {
    let dir = Dir::new("proxy-loopback");
    let args = ["--loopback", "-m", "SECRET 42", "--proxy-protocol", "v1", "--proxy-source", "192.0.2.7:1"];
    let (out, trace) = trace::connect(&dir, &args, "");
    assert_eq!(out, digits("42"));
    for (side, dir) in [("connect", "out"), ("listen", "in")] {
        let headers = trace.of(trace.connections(side)[0], "proxy_header");
        assert_eq!((headers.len(), &headers[0]["dir"], &headers[0]["source"]), (1, &dir.into(), &"192.0.2.7:1".into()));
    }
}

/// The one-byte reads of a header must not stall a client whose header is complete.
#[test]
fn long_line_in_one_segment_is_read_at_once() {
    let server = Server::start(&["--accept-proxy"]);
    let line = format!("PROXY UNKNOWN{}\r\nSECRET 42\n", " ".repeat(92));
    let mut client: TcpStream = server.open();
    client.write_all(line.as_bytes()).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&client), digits("42").into_bytes());
    server.stops_with("");
}
