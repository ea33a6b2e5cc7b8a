//! The HTTP framing of `listen` and of `connect`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::support::sweep::{findings, verdicts};
use crate::support::trace::Traced;
use crate::support::{Dir, NOT_FOUND, Proc, Server, accept, digits, local_listener, run_command, secretcat, skip};

/// A response of the server to a request without wishes.
fn response(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// The response to an invalid request; it closes the connection.
fn bad_request(why: &str) -> String {
    response("400 Bad Request\r\nConnection: close", &format!("{why}\n"))
}

#[test]
fn curl_receives_plain_text_replies() {
    if !skip::has_program("curl") {
        return;
    }
    for cut in [&[][..], &["--chunk", "1"]] {
        let server = Server::start(&[&["--framing", "http"], cut].concat());
        let url = format!("http://{}/", server.address());
        let curl = |args: &[&str]| run_command(Command::new("curl").args(["-sS", "-m", "30"]).args(args), "");
        curl(&["-d", "My SECRET code is 12345", &url]).is(0, digits("12345"), "");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 25\r\n\r\n";
        curl(&["-i", "-d", "My SECRET code is 12345", &url]).is(0, head.to_owned() + &digits("12345"), "");
        curl(&["-d", "SECRET 1", "-H", "Transfer-Encoding: chunked", &url]).is(0, digits("1"), "");
        // Two requests go over one connection.
        let twice = curl(&["-d", "SECRET 2", "-w", "%{num_connects}\n", &url, &url]);
        twice.is(0, format!("{0}1\n{0}0\n", digits("2")), "");
        // A response to HEAD has no body: with one, the second response would not be found.
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 23\r\n\r\n";
        let heads = curl(&["-I", "-w", "%{num_connects}\n", &url, &url]);
        heads.is(0, format!("{head}1\n{head}0\n"), "");
        // The connection is closed after a last request, and after HTTP/1.0.
        let closed = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        for last in [&["-H", "Connection: close"][..], &["--http1.0"]] {
            let parted = curl(&[last, &["-i", "-w", "%{num_connects}\n", &url, &url]].concat());
            parted.is(0, format!("{closed}{NOT_FOUND}1\n").repeat(2), "");
        }
        let old = curl(&[
            "-d",
            "SECRET 3",
            "--http1.0",
            "-H",
            "Connection: keep-alive",
            "-w",
            "%{num_connects}\n",
            &url,
            &url,
        ]);
        old.is(0, format!("{0}1\n{0}0\n", digits("3")), "");
        server.stops_with("");
    }
}

/// A client with a too large body gets the status, even while it is sending.
#[test]
fn curl_receives_413_for_a_body_over_the_limit() {
    if !skip::has_program("curl") {
        return;
    }
    let server = Server::start(&["--framing", "http", "--max-message", "400"]);
    let url = format!("http://{}/", server.address());
    let head = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\
                Content-Type: text/plain\r\nContent-Length: 18\r\n\r\nMessage too long.\n";
    for how in ["Content-Type: text/plain", "Transfer-Encoding: chunked", "Expect: 100-continue"] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-i", "-m", "30", "-H", how, "--data-binary", "@-", "-w", "%{num_connects}\n", &url, &url]);
        run_command(&mut curl, "x".repeat(100_000)).is(0, format!("{head}1\n").repeat(2), "");
    }
    server.stops_with("");
}

/// Reads exactly these bytes.
#[track_caller]
fn expect_bytes(stream: &mut TcpStream, expected: &str) {
    let mut output = vec![0; expected.len()];
    stream.read_exact(&mut output).unwrap();
    assert_eq!(String::from_utf8_lossy(&output), expected);
}

#[test]
fn expect_100_continue_is_answered() {
    for plan in [&[][..], &["--chunk", "1"], &["--coalesce", "3"]] {
        let server = Server::start(&[&["--framing", "http"], plan].concat());
        let mut stream = server.open();
        for length in ["Content-Length: 8\r\n", "Transfer-Encoding: chunked\r\n"] {
            stream.write_all(format!("POST / HTTP/1.1\r\n{length}Expect: 100-continue\r\n\r\n").as_bytes()).unwrap();
            expect_bytes(&mut stream, CONTINUE);
            let body = if length.starts_with('T') { "8\r\nSECRET 3\r\n0\r\n\r\n" } else { "SECRET 3" };
            for byte in body.bytes() {
                stream.write_all(&[byte]).unwrap(); // `100 Continue` is sent once
            }
            expect_bytes(&mut stream, &response("200 OK", &digits("3")));
        }
        drop(stream);
        server.stops_with("");
    }
}

/// The reply does not depend on the cuts: a body sent without waiting gets the same reply.
#[test]
fn body_sent_without_waiting_gets_the_same_reply() {
    let server = Server::start(&["--framing", "http", "--max-message", "200"]);
    let expect = "Expect: 100-continue\r\n\r\n";
    let asked_for = CONTINUE.to_owned() + &response("200 OK", NOT_FOUND);
    let chunks = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n{expect}");
    for (request, answer) in [
        (format!("POST / HTTP/1.1\r\nContent-Length: 1\r\n{expect}x"), asked_for.clone()),
        (chunks.clone() + "1\r\nx\r\n0\r\n\r\n", asked_for),
        // No `100 Continue` without a body, or for a body that is sent without waiting.
        (format!("GET / HTTP/1.1\r\n{expect}"), response("200 OK", NOT_FOUND)),
        (format!("POST / HTTP/1.1\r\nContent-Length: 0\r\n{expect}"), response("200 OK", NOT_FOUND)),
        (
            format!("POST / HTTP/1.0\r\nContent-Length: 1\r\n{expect}x"),
            response("200 OK\r\nConnection: close", NOT_FOUND),
        ),
    ] {
        assert_eq!(server.exchange(&request), answer, "{request}");
        let found = findings(&server, &["--framing", "http", "--max-plans", "300"], request.as_bytes());
        assert_eq!((verdicts(&found)[1..].to_vec(), &found["status"]), (vec![0, 0], &0.into()), "{request} {found:#}");
    }
    let bad_size = bad_request("malformed message: invalid HTTP chunk size");
    let too_long = response("413 Content Too Large\r\nConnection: close", "Message too long.\n");
    for (request, answer) in [
        (chunks.clone() + "x\r\n", CONTINUE.to_owned() + &bad_size),
        (chunks + "ff\r\n", CONTINUE.to_owned() + &too_long),
        // No `100 Continue` for a body that would be refused.
        (format!("POST / HTTP/1.1\r\nContent-Length: 201\r\n{expect}"), too_long),
    ] {
        for size in [request.len(), 1] {
            let mut stream = server.open();
            stream.set_nodelay(true).unwrap();
            request.as_bytes().chunks(size).for_each(|piece| stream.write_all(piece).unwrap());
            expect_bytes(&mut stream, &answer);
        }
    }
    server.stops_with("");
}

#[test]
fn curl_waiting_for_100_continue_receives_it() {
    if !skip::has_program("curl") {
        return;
    }
    let server = Server::start(&["--framing", "http", "--max-message", "4M"]);
    let url = format!("http://{}/", server.address());
    // curl sends the body by itself after this time, long after it has aborted.
    let held_back = ["-sS", "-i", "-m", "30", "--expect100-timeout", "3600", "--data-binary", "@-"];
    let answer = CONTINUE.to_owned() + &response("200 OK", &digits("5"));
    for how in
        [&["-H", "Expect: 100-continue"][..], &["-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked"]]
    {
        let mut curl = Command::new("curl");
        curl.args(held_back).args(how).args(["-w", "%{num_connects}\n", &url, &url]);
        let out = run_command(&mut curl, "SECRET 5");
        out.is(0, format!("{answer}1\n{answer}0\n"), "");
    }
    // By default curl waits before a body larger than 1 MiB.
    let large = format!("SECRET 5{}", "x".repeat(2 << 20));
    run_command(Command::new("curl").args(held_back).arg(&url), large).is(0, &answer, "");
    server.stops_with("");
}

#[test]
fn malformed_request_is_answered_400_whatever_the_cuts() {
    let cases = [
        ("hello\r\n", "malformed message: HTTP head: invalid token"),
        ("GET / HTTP/2.0\r\n", "malformed message: HTTP head: invalid HTTP version"),
        ("GET / HTTP/1.1\r\n:\r\n\r\n", "malformed message: HTTP head: invalid header name"),
        ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "malformed message: HTTP Content-Length is not a number"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "malformed message: HTTP head with both Content-Length and Transfer-Encoding",
        ),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "malformed message: invalid HTTP chunk size"),
    ];
    let server = Server::start(&["--framing", "http", "-v"]);
    let good = "POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\nSECRET 4";
    for (bad, why) in cases {
        // Valid requests before it are answered; requests after it are not.
        let requests = format!("{good}{bad}{good}");
        let answers = response("200 OK", &digits("4")) + &bad_request(why);
        assert_eq!(server.exchange(&requests), answers);
        // The server closes first.
        let mut stream = server.open();
        stream.set_nodelay(true).unwrap();
        for byte in format!("{good}{bad}").bytes() {
            stream.write_all(&[byte]).unwrap();
        }
        let mut output = String::new();
        stream.read_to_string(&mut output).unwrap();
        assert_eq!(output, answers);
        let peer = stream.local_addr().unwrap();
        server.proc.wait_for_stderr(&format!(" {peer}: "));
        let log = server.proc.output_so_far().1;
        let line = log.lines().find(|line| line.contains(&format!(" {peer}: "))).unwrap();
        assert!(line.ends_with(&format!(", 1 message in: {why}")), "{line}");
    }
}

#[test]
fn truncated_request_is_answered_400() {
    let server = Server::start(&["--framing", "http"]);
    for (rest, received) in [("GET / HTTP/1.1\r\n", 16), ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx", 39)] {
        let why = format!("stream ended in the middle of a message, after {received} bytes of it");
        let answers = response("200 OK", NOT_FOUND) + &bad_request(&why);
        assert_eq!(server.exchange(format!("GET / HTTP/1.1\r\n\r\n{rest}")), answers);
    }
    server.stops_with("");
}

#[test]
fn curl_receives_400_for_a_malformed_request() {
    if !skip::has_program("curl") {
        return;
    }
    let server = Server::start(&["--framing", "http"]);
    let url = format!("http://{}/", server.address());
    for (args, why) in [
        (["-X", "GET /a"], "HTTP head: invalid HTTP version"),
        (["-H", "Content-Length: many"], "HTTP Content-Length is not a number"),
    ] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-i", "-m", "30", "-w", "%{num_connects}\n"]).args(args).args([&url, &url]);
        let answer = bad_request(&format!("malformed message: {why}"));
        run_command(&mut curl, "").is(0, format!("{answer}1\n").repeat(2), "");
    }
    server.stops_with("");
}

#[test]
fn bytes_after_the_last_request_are_ignored() {
    let dir = Dir::new("last-request");
    let server = Traced::start(&dir, &["--framing", "http"]);
    let last = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(last);
    assert_eq!(answer.lines().next(), Some("HTTP/1.1 200 OK"));
    assert_eq!(server.exchange(last.repeat(3)), answer);
    // The server closes first.
    let mut stream = server.open();
    stream.write_all(last.as_bytes()).unwrap();
    let mut output = String::new();
    stream.read_to_string(&mut output).unwrap();
    assert_eq!(output, answer);
    // Each of the three connections had one message and one reply; the rest was not decoded.
    let trace = server.stop_and_read();
    let messages = trace.connections("listen").into_iter().map(|conn| trace.of(conn, "message").len());
    assert_eq!(messages.collect::<Vec<_>>(), [2, 2, 2]);
}

/// Sends these bytes on the first connection, one per segment, and closes it if requested.
fn receive_response(response: &[u8], close: bool) -> (Proc, TcpStream) {
    let (listener, address) = local_listener();
    let client = Proc::start(&mut secretcat(["connect", &address, "--framing", "http", "-m", "question"]));
    let mut stream = accept(&listener);
    let mut request = Vec::new();
    while !request.ends_with(b"question") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    assert!(request.starts_with(b"POST / HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&request));
    stream.set_nodelay(true).unwrap();
    for byte in response {
        stream.write_all(&[*byte]).unwrap();
    }
    if close {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    (client, stream)
}

#[test]
fn connect_reads_every_form_of_response() {
    let cases: [(&str, bool, &str); 7] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, "hello\n"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n",
            false,
            "hello\n",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the\nend", true, "until the\nend\n"),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, "\n"),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, "\n"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            false,
            "ok\n",
        ),
        ("\r\nHTTP/1.1 404 Not Found\nContent-Length: 2\n\nno", false, "no\n"),
    ];
    for (response, close, body) in cases {
        let (client, _stream) = receive_response(response.as_bytes(), close);
        client.end().is(0, body, "");
    }
}

#[test]
fn truncated_or_malformed_response_is_status_1() {
    let cases = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
            "stream ended in the middle of a message, after 41 bytes of it",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
            "stream ended in the middle of a message, after 55 bytes of it",
        ),
        ("SSH-2.0-x\r\n", "malformed message: HTTP head: invalid HTTP version"),
    ];
    for (response, why) in cases {
        let (client, stream) = receive_response(response.as_bytes(), true);
        let out = client.end();
        let address = stream.local_addr().unwrap();
        out.is(1, "", format!("secretcat: connect {address}: {why} with 1 message unanswered\n"));
    }
}
