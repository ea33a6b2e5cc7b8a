//! Connections through a proxy that the test plays: its answers, its errors and its limits.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use crate::support::proxy::{CONNECTED, Scripted, expect, greet, passing, request_for};
use crate::support::trace::Trace;
use crate::support::{
    Dir, FreePort, NOT_FOUND, Server, accept, digits, expect_reset, noise, read_to_end, reset, run, run_command,
    secretcat, start_relay, without_durations,
};

/// A file with these credentials, which its owner alone can read.
fn credentials(dir: &Dir, content: &str) -> String {
    let path = dir.file("credentials");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// The request to an HTTP proxy.
const REQUEST: &[u8] = b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n";

/// Plays the server beyond the proxy: answers a message, and closes.
#[track_caller]
fn reply(mut stream: TcpStream) {
    expect(&mut stream, b"hi\n");
    stream.write_all(b"reply\n").unwrap();
}

#[test]
fn bytes_that_arrive_with_the_socks5_reply_are_data() {
    let proxy = Scripted::new("socks5h");
    let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi", "--greeting", "1"]);
    greet(&mut stream);
    expect(&mut stream, &request_for("a.example", 80));
    stream.write_all(&[&CONNECTED[..], b"welcome\n"].concat()).unwrap();
    reply(stream);
    proc.end().is(0, "welcome\nreply\n", "");
}

#[test]
fn bytes_that_arrive_with_the_http_response_are_data() {
    let proxy = Scripted::new("http");
    let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi", "--greeting", "1"]);
    expect(&mut stream, REQUEST);
    stream.write_all(b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\n\r\n").unwrap();
    reply(stream);
    proc.end().is(0, "\r\nreply\n", "");
}

/// The reply, all of the data and the end are in the socket before the program reads the reply.
#[test]
fn large_data_right_after_the_reply_is_received_whole() {
    for (scheme, reply) in [("socks5h", &CONNECTED[..]), ("http", b"HTTP/1.1 200 OK\r\n\r\n")] {
        let data = noise(300_000);
        let proxy = Scripted::new(scheme);
        let (mut proc, mut stream) = proxy.connect("a.example:80", &["--raw"]);
        proc.close_stdin();
        if scheme == "http" {
            expect(&mut stream, REQUEST);
        } else {
            greet(&mut stream);
            expect(&mut stream, &request_for("a.example", 80));
        }
        stream.write_all(&[reply, &data].concat()).unwrap();
        assert_eq!(read_to_end(&stream), b"");
        drop(stream);
        proc.end().is(0, &data, "");
    }
}

/// Each byte of the answers comes by itself.
#[test]
fn answers_of_the_proxy_may_come_in_any_pieces() {
    let bytewise = |stream: &mut TcpStream, bytes: &[u8]| {
        stream.set_nodelay(true).unwrap();
        bytes.chunks(1).for_each(|byte| stream.write_all(byte).unwrap());
    };
    let proxy = Scripted::new("socks5h");
    let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi"]);
    expect(&mut stream, &[5, 1, 0]);
    bytewise(&mut stream, &[5, 0]);
    expect(&mut stream, &request_for("a.example", 80));
    let name = [5, 0, 0, 3, 4, b'n', b'a', b'm', b'e', 1, 2];
    bytewise(&mut stream, &name);
    reply(stream);
    proc.end().is(0, "reply\n", "");

    let proxy = Scripted::new("http");
    let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi"]);
    expect(&mut stream, REQUEST);
    bytewise(&mut stream, b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n");
    reply(stream);
    proc.end().is(0, "reply\n", "");
}

#[test]
fn socks5_resolves_the_name_here_and_socks5h_there() {
    let proxy = Scripted::new("socks5");
    let (proc, mut stream) = proxy.connect("localhost:80", &["-4", "-m", "hi"]);
    greet(&mut stream);
    expect(&mut stream, &[5, 1, 0, 1, 127, 0, 0, 1, 0, 80]);
    stream.write_all(&CONNECTED).unwrap();
    reply(stream);
    proc.end().is(0, "reply\n", "");
    // This name cannot be resolved anywhere (RFC 6761, section 6.4).
    let proxy = Scripted::new("socks5h");
    let (proc, mut stream) = proxy.connect("a.invalid:80", &["-m", "hi"]);
    greet(&mut stream);
    expect(&mut stream, &request_for("a.invalid", 80));
    stream.write_all(&CONNECTED).unwrap();
    reply(stream);
    proc.end().is(0, "reply\n", "");
    let out = run(["connect", "a.invalid:80", "--proxy", &Scripted::new("socks5").url, "-m", "hi"], "");
    assert_eq!(out.status, Some(1));
    assert!(out.stderr.starts_with("secretcat: resolve a.invalid:80: "), "{}", out.stderr);
}

#[test]
fn credentials_of_the_file_are_sent_to_the_proxy() {
    let dir = Dir::new("proxy-credentials");
    let file = credentials(&dir, "al:hu:sh\n");
    let args = ["-m", "hi", "--proxy-credentials", &file];
    let proxy = Scripted::new("socks5h");
    let (proc, mut stream) = proxy.connect("a.example:80", &args);
    expect(&mut stream, &[5, 2, 0, 2]);
    stream.write_all(&[5, 2]).unwrap();
    expect(&mut stream, b"\x01\x02al\x05hu:sh");
    stream.write_all(&[1, 0]).unwrap();
    expect(&mut stream, &request_for("a.example", 80));
    stream.write_all(&CONNECTED).unwrap();
    reply(stream);
    proc.end().is(0, "reply\n", "");

    let proxy = Scripted::new("http");
    let (proc, mut stream) = proxy.connect("a.example:80", &args);
    let request =
        "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\nProxy-Authorization: Basic YWw6aHU6c2g=\r\n\r\n";
    expect(&mut stream, request.as_bytes());
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    reply(stream);
    proc.end().is(0, "reply\n", "");
}

#[test]
fn rejected_credentials_are_reported_without_the_password() {
    let dir = Dir::new("proxy-rejected");
    let file = credentials(&dir, "al:hush");
    let args = ["-m", "hi", "--proxy-credentials", &file];
    let rejected = "rejected by the proxy: it rejects user and password (check --proxy-credentials)";
    let proxy = Scripted::new("socks5h");
    let (proc, mut stream) = proxy.connect("a.example:80", &args);
    stream.write_all(&[5, 2, 1, 1]).unwrap();
    proc.end().is(1, "", format!("secretcat: connect a.example:80 through {}: {rejected}\n", proxy.url));
    let proxy = Scripted::new("http");
    let (proc, mut stream) = proxy.connect("a.example:80", &args);
    stream.write_all(b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n").unwrap();
    proc.end().is(1, "", format!("secretcat: connect a.example:80 through {}: {rejected}\n", proxy.url));
}

#[test]
fn credentials_file_that_others_can_read_is_warned_about() {
    let dir = Dir::new("proxy-shared");
    let file = credentials(&dir, "al:hush");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let port = FreePort::new();
    let url = format!("socks5h://al@{}", port.address);
    let out = run(["connect", "a.example:80", "--proxy", &url, "--proxy-credentials", &file, "-m", "hi"], "");
    let warning = format!("secretcat: {file}: other users can read this password (chmod 600 makes it private)\n");
    let refused = format!("connect a.example:80 through {url}: connection refused (is the proxy running?)");
    out.is(1, "", format!("{warning}secretcat: {refused}\n"));
}

#[test]
fn unusable_credentials_file_is_a_local_error() {
    let dir = Dir::new("proxy-unusable");
    let connect = |url: &str, file: &str| {
        let out = run(["connect", "a.example:80", "--proxy", url, "--proxy-credentials", file, "-m", "hi"], "");
        assert_eq!((out.status, &out.stdout[..]), (Some(2), &b""[..]));
        out.stderr
    };
    let url = "http://127.0.0.1:1";
    let expected = "expected one line USER:PASSWORD, each of at most 255 bytes";
    let file = credentials(&dir, "hush");
    assert_eq!(connect(url, &file), format!("secretcat: {file}: no colon: {expected}\n"));
    let file = credentials(&dir, &format!("al:{}", "x".repeat(100_000)));
    assert_eq!(connect(url, &file), format!("secretcat: {file}: the password is too long: {expected}\n"));
    let file = credentials(&dir, "al:hush");
    let other = "http://bo@127.0.0.1:1";
    let error = format!("secretcat: {file} has another user than --proxy {other}: remove one of them\n");
    assert_eq!(connect(other, &file), error);
    let missing = dir.file("missing").display().to_string();
    assert_eq!(connect(url, &missing), format!("secretcat: open {missing}: no such file or directory\n"));
    let path = dir.path().display().to_string();
    assert_eq!(connect(url, &path), format!("secretcat: read {path}: is a directory (name a file)\n"));
}

#[test]
fn refusals_of_the_proxy_name_both_ends_and_the_reason() {
    let cases: [(&str, &[u8], &str); 6] = [
        ("socks5h", &[5, 0, 5, 4], "refused by the proxy: host unreachable (it may be unable to resolve the name)"),
        ("socks5h", &[5, 0, 5, 5], "refused by the proxy: connection refused (is a server listening there?)"),
        (
            "socks5h",
            b"HTTP/1.1 400 Bad",
            "invalid answer of the proxy: it does not speak SOCKS5 (for an HTTP proxy use http://)",
        ),
        ("http", b"HTTP/1.1 403 No \x1b[2J\r\n\r\n", "invalid answer of the proxy: HTTP head: invalid response status"),
        (
            "http",
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "refused by the proxy: 502 Bad Gateway (it could not reach the server, or not resolve its name)",
        ),
        ("http", b"SSH-2.0-x\r\n", "invalid answer of the proxy: it does not speak HTTP/1"),
    ];
    for (scheme, answer, why) in cases {
        let proxy = Scripted::new(scheme);
        let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi"]);
        stream.write_all(answer).unwrap();
        proc.end().is(1, "", format!("secretcat: connect a.example:80 through {}: {why}\n", proxy.url));
    }
}

#[test]
fn proxy_that_closes_or_resets_is_an_error() {
    let closed = "closed by the proxy before it had answered";
    for (scheme, answer, hint) in [
        ("socks5h", &[][..], "is it a SOCKS5 proxy? http:// is for HTTP proxies"),
        ("socks5h", &[5, 0, 5], "its log may have the reason"),
        ("http", b"HTTP/1.1 200 OK\r\n", "is it an HTTP proxy? socks5h:// is for SOCKS5 proxies"),
    ] {
        let proxy = Scripted::new(scheme);
        let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi"]);
        stream.write_all(answer).unwrap();
        // Without what the client has sent, the close would be a reset.
        let sent = match answer {
            [] => vec![5, 1, 0],
            [5, ..] => [&[5, 1, 0][..], &request_for("a.example", 80)].concat(),
            _ => REQUEST.to_vec(),
        };
        expect(&mut stream, &sent);
        drop(stream);
        proc.end().is(1, "", format!("secretcat: connect a.example:80 through {}: {closed} ({hint})\n", proxy.url));
    }
    let proxy = Scripted::new("http");
    let (proc, stream) = proxy.connect("a.example:80", &["-m", "hi"]);
    reset(stream);
    let error = format!("secretcat: connect a.example:80 through {}: connection reset by peer\n", proxy.url);
    proc.end().is(1, "", error);
}

#[test]
fn connect_timeout_limits_the_conversation_with_the_proxy() {
    for (scheme, answer) in [("socks5h", &[][..]), ("socks5h", &[5, 0, 5]), ("http", b"HTTP/1.1 200 OK\r\nA: ")] {
        let proxy = Scripted::new(scheme);
        let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi", "--connect-timeout", "300ms"]);
        stream.write_all(answer).unwrap();
        let limit = "within 300ms (--connect-timeout sets the limit)";
        let error = format!("connect a.example:80 through {}: no answer of the proxy {limit}", proxy.url);
        proc.end().is(1, "", format!("secretcat: {error}\n"));
    }
    // The limit of a sweep is --timeout.
    let proxy = Scripted::new("http");
    let out = run(["sweep", "a.example:80", "--proxy", &proxy.url, "--timeout", "300ms", "-m", "hi"], "");
    let path = format!("a.example:80 through {}", proxy.url);
    let silent = "no usable reply to the uncut messages: no connection in time";
    out.is(1, "", format!("secretcat: sweep {path}: {silent}\n"));
}

#[test]
fn refused_connection_is_retried_through_the_proxy() {
    let proxy = Scripted::new("http");
    let args = ["-m", "hi", "--retry", "1", "--retry-delay", "1ms", "-v"];
    let (proc, mut stream) = proxy.connect("a.example:80", &args);
    stream.write_all(b"HTTP/1.1 503 Unavailable\r\n\r\n").unwrap();
    let mut stream = accept(&proxy.listener);
    proc.wait_for_stderr("refused by the proxy: 503 Unavailable");
    expect(&mut stream, REQUEST);
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    reply(stream);
    let out = proc.end();
    assert_eq!((out.status, &out.stdout[..]), (Some(0), &b"reply\n"[..]), "{}", out.stderr);
}

/// A tool that tests cuts must not send them elsewhere without being asked.
#[test]
fn variables_of_other_programs_choose_no_proxy() {
    let server = Server::start(&[]);
    let port = FreePort::new();
    let mut command = secretcat(["connect", &server.address(), "-m", "SECRET 12"]);
    for name in ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "SOCKS_SERVER"] {
        command.env(name, format!("socks5://{}", port.address));
    }
    run_command(&mut command, "").is(0, digits("12"), "");
    server.stops_with("");
}

#[test]
fn check_covers_the_connection_from_the_proxy_on() {
    let server = Server::start(&[]);
    let url = passing();
    run(["connect", &server.address(), "--proxy", &url, "-z"], "").is(0, "", "");
    let port = FreePort::new();
    let out = run(["connect", &port.address.to_string(), "--proxy", &url, "-z"], "");
    let why = "refused by the proxy: connection refused (is a server listening there?)";
    out.is(1, "", format!("secretcat: connect {} through {url}: {why}\n", port.address));
    server.stops_with("");
}

/// The proxy is on this host and has read each piece: that is no proof about the server.
#[test]
fn peer_read_barrier_never_proves_anything_behind_a_proxy() {
    let server = Server::start(&[]);
    let (url, dir) = (passing(), Dir::new("proxy-barrier"));
    let trace = dir.file("trace").display().to_string();
    let args = ["--chunk", "3", "--barrier", "peer-read", "--trace", &trace, "-m", "SECRET 12"];
    let out = run(["connect", &server.address(), "--proxy", &url].iter().chain(&args), "");
    let notice = "--barrier peer-read: this is a proxy, and the socket of the server is not visible; \
                  waiting until the proxy has read instead";
    out.is(0, digits("12"), format!("{}: {notice}\n", url.replace("socks5://", "secretcat: ")));
    let trace = Trace::read(&dir.file("trace"));
    let conn = trace.connections("connect")[0];
    let outcomes: Vec<_> = trace.of(conn, "barrier").iter().map(|event| event["outcome"].clone()).collect();
    assert_eq!(outcomes, ["not_visible"; 4]);
    assert_eq!(trace.of(conn, "open")[0]["peer"], format!("{} through {url}", server.address()));
    server.stops_with("");
}

#[test]
fn sweep_through_a_proxy_proves_no_cut_but_finds_differences() {
    let url = passing();
    let server = Server::start(&[]);
    let path = format!("{} through {url}", server.address());
    let sweep = |server: &Server, args: &[&str]| {
        run(["sweep", &server.address(), "--proxy", &url, "-m", "SECRET 1", "--max-time", "0"].iter().chain(args), "")
    };
    let expected = format!(
        "expected: 1 reply: \"Digits: 1   Count: 1\"; closed by the server\n\
         \u{20}                  plans    same  different  not proven  proof\n\
         cut                    8       0          0           8  read\n\
         chunk                  4       0          0           4  read\n\
         pair                  28       0          0          28  read\n\
         not proven: 40 plans: it was not visible whether the cuts arrived as separate reads\n\
         {path}: 1 message, 9 bytes, 40 plans: 0 same, 0 different, 40 not proven\n"
    );
    sweep(&server, &[]).is(4, expected, "");
    server.stops_with("");

    let buggy = Server::start(&["--bug", "drop-tail"]);
    let out = sweep(&buggy, &[]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status, Some(3), "{text}");
    let repeat = format!("connect {} --proxy {url} --raw --cut 1 --barrier peer-read", buggy.address());
    assert!(text.contains(&repeat), "{repeat}: {text}");
    let found: serde_json::Value = serde_json::from_slice(&sweep(&buggy, &["--json"]).stdout).unwrap();
    assert_eq!((&found["address"], &found["proxy"]), (&buggy.address().into(), &url.as_str().into()));
    buggy.stops_with("");
}

#[test]
fn relay_reaches_its_server_through_the_proxy() {
    let server = Server::start(&[]);
    let relay = start_relay(&server.address(), &["--proxy", &passing(), "--chunk", "2"]);
    assert_eq!(relay.exchange("SECRET 12\nhello\n"), digits("12") + NOT_FOUND);
    relay.stops_with("");
    server.stops_with("");
}

#[test]
fn client_of_a_relay_is_reset_when_the_proxy_refuses() {
    let proxy = Scripted::new("http");
    let relay = start_relay("a.example:80", &["--proxy", &proxy.url, "-v"]);
    let mut client = relay.open();
    let mut stream = accept(&proxy.listener);
    stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").unwrap();
    expect_reset(&mut client, "");
    let reason = format!("connect a.example:80 through {}: refused by the proxy: 502 Bad Gateway", proxy.url);
    let log = without_durations(&relay.proc.wait_for_stderr(&reason));
    assert!(log.contains(&reason), "{log}");
    let _ = relay.stop();
}

#[test]
fn connection_lost_beyond_the_proxy_names_the_proxy() {
    let proxy = Scripted::new("socks5h");
    let (proc, mut stream) = proxy.connect("a.example:80", &["-m", "hi"]);
    greet(&mut stream);
    expect(&mut stream, &request_for("a.example", 80));
    stream.write_all(&CONNECTED).unwrap();
    expect(&mut stream, b"hi\n");
    drop(stream);
    let lost = "closed by the server with 1 message unanswered";
    proc.end().is(1, "", format!("secretcat: connect a.example:80 through {}: {lost}\n", proxy.url));
}

#[test]
fn sweep_reports_a_proxy_that_is_not_running() {
    let port = FreePort::new();
    let url = format!("http://{}", port.address);
    let out = run(["sweep", "a.example:80", "--proxy", &url, "-m", "hi"], "");
    let silent = "no usable reply to the uncut messages: the proxy: connection refused";
    out.is(1, "", format!("secretcat: sweep a.example:80 through {url}: {silent}\n"));
}

/// TLS begins after the conversation with the proxy, and a record that the proxy has read proves nothing either.
#[cfg(feature = "tls")]
#[test]
fn tls_passes_the_proxy_and_proves_no_record() {
    let server = Server::start(&["--tls"]);
    let log = server.proc.wait_for_stderr("sha256//");
    let pin = log.split_whitespace().find(|word| word.starts_with("sha256//")).unwrap();
    let (url, dir) = (passing(), Dir::new("proxy-tls"));
    let trace = dir.file("trace").display().to_string();
    let args = ["--tls-pin", pin, "--chunk", "3", "--barrier", "peer-read", "--trace", &trace, "-m", "SECRET 12"];
    let out = run(["connect", &server.address(), "--proxy", &url].iter().chain(&args), "");
    assert_eq!((out.status, &out.stdout[..]), (Some(0), digits("12").as_bytes()), "{}", out.stderr);
    let trace = Trace::read(&dir.file("trace"));
    let conn = trace.connections("connect")[0];
    let outcomes: Vec<_> = trace.of(conn, "barrier").iter().map(|event| event["outcome"].clone()).collect();
    assert!(outcomes.len() >= 4 && outcomes.iter().all(|outcome| outcome == "not_visible"), "{outcomes:?}");
    let _ = server.stop();
}
