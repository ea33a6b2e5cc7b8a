//! The trace of a run: causes come before their effects, and the first line identifies the run.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::support::trace::{self, Trace, Traced, number};
use crate::support::{
    Dir, NOT_FOUND, Proc, Server, accept, digits, exchange, local_listener, read_line, run, run_command, secretcat,
};

/// Checks that a read is after the writes of its bytes, an end after the half-close, and a barrier after the reads that
/// established it.
#[track_caller]
fn assert_causes_come_first(trace: &Trace) {
    let opened: Vec<(&str, u64)> = trace
        .0
        .iter()
        .filter(|line| line["type"] == "open")
        .map(|line| (line["side"].as_str().unwrap(), number(line, "conn")))
        .collect();
    assert_eq!(opened, [("connect", 1), ("listen", 2)], "the client comes first");
    let (mut written, mut read, mut ended, mut sent) = ([0; 3], [0; 3], [false; 3], [0; 3]);
    for line in &trace.0 {
        let at = usize::try_from(number(line, "conn")).unwrap();
        let other = 3_usize.wrapping_sub(at);
        match line["type"].as_str().unwrap() {
            "write" => written[at] = number(line, "offset") + number(line, "accepted"),
            "read" => {
                read[at] = number(line, "offset") + number(line, "len");
                assert!(read[at] <= written[other], "{line} before its write in {trace:?}");
            }
            "barrier" if line["outcome"] == "read" => {
                assert!(number(line, "offset") <= read[other], "{line} before its read in {trace:?}");
            }
            "message" if line["dir"] == "out" => sent[at] = number(line, "number"),
            "message" => assert!(number(line, "number") <= sent[other], "{line} before it was sent in {trace:?}"),
            "shutdown" => ended[at] = true,
            "eof" => assert!(ended[other], "{line} before the end was sent in {trace:?}"),
            _ => {}
        }
    }
}

#[test]
fn trace_has_each_cause_before_its_effect() {
    let dir = Dir::new("causes");
    for _ in 0..40 {
        let (_, trace) = trace::connect(&dir, &["--loopback", "-m", "SECRET 42"], "");
        assert_causes_come_first(&trace);
    }
    for plan in [&["--chunk", "2"][..], &["--chunk", "3", "--barrier", "peer-read"], &["--barrier", "acked"]] {
        let args = [&["--loopback"][..], plan].concat();
        assert_causes_come_first(&trace::connect(&dir, &args, "SECRET 42\nhello\n".repeat(20)).1);
    }
}

#[test]
fn segments_received_are_counted_at_each_read() {
    let dir = Dir::new("arrived");
    let (_, trace) =
        trace::connect(&dir, &["--loopback", "--chunk", "4", "--barrier", "peer-read", "-m", "SECRET 42"], "");
    let events: Vec<&Value> = trace.0.iter().filter(|line| line["conn"] == 2).collect();
    let counted: Vec<u64> = events
        .windows(2)
        .filter(|pair| pair[0]["type"] == "read")
        .map(|pair| {
            assert_eq!(pair[1]["type"], "sample", "{pair:?}");
            number(pair[1], "data_segs_in")
        })
        .collect();
    assert_eq!(counted, [1, 2, 3]);
}

/// Checks the first line of a trace: of this program, and of a run from now on. Returns its command line.
fn start_line_of(trace: &Trace, begun: SystemTime) -> Vec<Value> {
    let start = &trace.0[0];
    assert_eq!((start["type"].as_str(), number(start, "schema")), (Some("start"), 1));
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    let time = humantime::parse_rfc3339(start["time"].as_str().unwrap()).unwrap();
    assert!(begun <= time && time <= SystemTime::now(), "{start}");
    assert!(trace.0[1..].iter().all(|line| line["type"] != "start"));
    start["command"].as_array().unwrap()[1..].to_vec()
}

#[test]
fn trace_starts_with_time_version_and_command_line() {
    let dir = Dir::new("start");
    let (file, begun) = (dir.file("connect.ndjson"), SystemTime::now());
    let mut command = secretcat(["connect", "--loopback", "--trace"]);
    run_command(command.arg(&file).arg("-m").arg(OsStr::from_bytes(b"SECRET 1\xff")), "").is(0, digits("1"), "");
    let trace = Trace::read(&file);
    let path = file.to_str().unwrap();
    let expected = json!(["connect", "--loopback", "--trace", path, "-m", {"base64": "U0VDUkVUIDH/"}]);
    assert_eq!(Value::from(start_line_of(&trace, begun)), expected);

    let begun = SystemTime::now();
    let listener = Traced::start(&dir, &["--service", "echo"]);
    assert_eq!(start_line_of(&listener.stop_and_read(), begun)[0], "listen");
}

/// The bytes of the events of one kind on the connecting side, as the trace has them.
fn bytes(trace: &Trace, kind: &str) -> Vec<Value> {
    let field = |line: &&Value| {
        let both = [&line["text"], &line["base64"]];
        both.into_iter().find(|value| !value.is_null()).cloned().unwrap_or_default()
    };
    trace.of(1, kind).iter().map(field).collect()
}

#[test]
fn trace_data_sets_how_many_bytes_an_event_has() {
    let dir = Dir::new("data");
    let long = format!("SECRET {}", "7".repeat(100));
    let input = [b"SECRET 1\n", b"abc\xff\n\0".as_slice(), long.as_bytes()].concat();
    let traced = |data: &[&str]| {
        let args = [&["--loopback", "--chunk", "70"], data].concat();
        trace::connect(&dir, &args, &input).1
    };
    for head in [&[][..], &["--trace-data", "head"]] {
        let trace = traced(head);
        assert_eq!(bytes(&trace, "message")[..2], [json!("SECRET 1\n"), json!("YWJj/wo=")]);
        let clipped = format!("\0SECRET {}", "7".repeat(56));
        assert!(bytes(&trace, "message").contains(&json!(clipped)), "{trace:?}");
        assert!(bytes(&trace, "write").contains(&json!(format!("{}\n", "7".repeat(38)))), "{trace:?}");
    }
    let trace = traced(&["--trace-data", "all"]);
    assert!(bytes(&trace, "message").contains(&json!(format!("\0{long}\n"))), "{trace:?}");
    let read: String = bytes(&trace, "read").iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!(read, digits("1") + NOT_FOUND + &digits(&"7".repeat(100)));
    let trace = traced(&["--trace-data", "none"]);
    for kind in ["message", "write", "read"] {
        assert!(bytes(&trace, kind).iter().all(Value::is_null), "{trace:?}");
    }
}

#[test]
fn vv_prints_bytes_escaped_and_clipped() {
    let message = format!("SECRET 42 \x1b[J{}", "x".repeat(64));
    let out = run(["connect", "--loopback", "-vv", "-m", &message], "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let shown = format!(r#""SECRET 42 \x1b[J{}"..."#, "x".repeat(51));
    assert!(out.stderr.contains(&format!("#1 wrote 78 of 78 bytes at 0: {shown}\n")), "{}", out.stderr);
    assert!(out.stderr.contains(r#"#1 read 22 bytes at 0: "Digits: 42   Count: 2\n""#), "{}", out.stderr);
    let out = run(["connect", "--loopback", "-v", "-m", &message], "");
    assert!(!out.stderr.contains("SECRET"), "{}", out.stderr);
}

#[test]
fn trace_has_the_reset_that_this_side_sends() {
    let dir = Dir::new("reset");
    let file = dir.file("reset.ndjson");
    let (listener, address) = local_listener();
    let close = |options: &[&str], peer_resets: bool| {
        let args = ["connect", &address, "-m", "x", "--trace", file.to_str().unwrap()];
        let proc = Proc::start(secretcat(args).args(options));
        let mut server = accept(&listener);
        assert_eq!(read_line(&mut server), "x\n");
        if peer_resets {
            socket2::SockRef::from(&server).set_linger(Some(std::time::Duration::ZERO)).unwrap();
            drop(server);
            proc.end();
        } else {
            server.write_all(b"answer\n").unwrap();
            proc.end().is(0, "answer\n", "");
        }
        let trace = Trace::read(&file);
        let close = trace.of(1, "close")[0].clone();
        (close["reset"].as_bool(), close["error"].as_str().map(str::to_owned))
    };
    assert_eq!(close(&["--reset-on-close"], false), (Some(true), None));
    assert_eq!(close(&["--reset-on-close"], true), (None, Some("connection reset by peer".to_owned())));
}

#[test]
fn relay_trace_names_the_client_of_each_connection() {
    let server = Server::start(&[]);
    let dir = Dir::new("pairs");
    let file = dir.file("relay.ndjson");
    let relay = Server::start(&["--relay", &server.address(), "-v", "--trace", file.to_str().unwrap()]);
    for _ in 0..2 {
        run(["connect", &relay.address(), "-m", "SECRET 42"], "").is(0, digits("42"), "");
    }
    let log = relay.stop().stderr;
    assert!(log.contains(&format!(" -> {} for #1\n", server.address())), "{log}");
    assert!(log.contains("#4 connected ") && log.contains(" for #3\n"), "{log}");
    server.stops_with("");
    let trace = Trace::read(&file);
    let opened = trace.0.iter().filter(|line| line["type"] == "open");
    let pairs: Vec<(Option<&str>, Option<u64>)> =
        opened.map(|line| (line["side"].as_str(), line["for"].as_u64())).collect();
    let (client, onward) = ((Some("listen"), None), |client| (Some("connect"), Some(client)));
    assert_eq!(pairs, [client, onward(1), client, onward(3)]);
}

#[test]
fn interim_response_is_not_counted_as_a_message() {
    // Our listener sends one.
    let dir = Dir::new("interim");
    let listener = Traced::start(&dir, &["--framing", "http"]);
    let mut client = listener.open();
    client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n").unwrap();
    assert_eq!(read_line(&mut client), "HTTP/1.1 100 Continue\r\n");
    let reply = exchange(client, b"SECRET 4");
    assert!(reply.starts_with(b"\r\nHTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&reply));
    let trace = listener.stop_and_read();
    let messages: Vec<Value> = trace.of(1, "message").iter().map(|line| json!([line["dir"], line["number"]])).collect();
    assert_eq!(messages, [json!(["in", 1]), json!(["out", 1])]);
    let answer = *trace.of(1, "message").last().unwrap();
    assert_eq!((number(answer, "start"), number(answer, "end")), (0, reply.len() as u64 + 23));

    // Other servers send one, and our client waits for the final response.
    let (listener, address) = local_listener();
    let file = dir.file("connect.ndjson");
    let client = Proc::start(
        secretcat(["connect", &address, "--framing", "http", "--stats", "-m", "hello", "--trace"]).arg(&file),
    );
    let mut server = accept(&listener);
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    server.write_all(interim.as_bytes()).unwrap();
    while read_line(&mut server) != "\r\n" {}
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    server.write_all(last.as_bytes()).unwrap();
    drop(exchange(server, b""));
    let out = client.end();
    assert_eq!((out.status, out.stdout), (Some(0), b"ok\n".to_vec()), "{}", out.stderr);
    assert!(out.stderr.contains("\nmessages      1 out, 1 in\n"), "{}", out.stderr);
    let trace = Trace::read(&file);
    assert_eq!(trace.of(1, "message").len(), 2);
}
