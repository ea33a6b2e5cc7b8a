//! The summary of `--stats`, and the reply times of the trace.

use serde_json::Value;

use crate::auth::{listener, plain, users};
use crate::support::trace::{Trace, connect, number};
use crate::support::web::{after, request};
use crate::support::{Dir, NOT_FOUND, Server, ask, digits, poll_until, run};
use rustix::process::Signal;

/// A summary without rates and times, whose width also changes the columns.
fn without_times(summary: &str) -> String {
    let is_time = |line: &str| ["rate", "time", "reply time"].iter().any(|name| line.starts_with(name));
    let lines = summary.lines().filter(|line| !is_time(line));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
fn stats_count_both_ends() {
    let args = ["connect", "--loopback", "--stats", "--cut", "4,-1", "--barrier", "peer-read", "-m", "SECRET 42"];
    let out = run(args, "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("42").into_bytes()));
    assert!(!out.stderr.contains("rate "), "{}", out.stderr); // of one message it says nothing
    assert!(out.stderr.lines().any(|line| line.starts_with("time ")), "{}", out.stderr);
    assert!(out.stderr.lines().any(|line| line.starts_with("reply time ")), "{}", out.stderr);
    assert_eq!(
        without_times(&out.stderr),
        "connect listen\n\
         connections 1 1\n\
         messages 1 out, 1 in 1 out, 1 in\n\
         bytes 10 out, 22 in 22 out, 10 in\n\
         writes 3 1\n\
         segments 3 out, 1 in 1 out, 3 in\n\
         reads 1 3\n\
         barriers 3 confirmed, 0 not -\n\
         \n\
         size connect writes connect reads listen writes listen reads\n\
         1 1 #### 0 0 1 ####\n\
         2..3 0 0 0 0\n\
         4..7 2 ######## 0 0 2 ########\n\
         8..15 0 0 0 0\n\
         16..31 0 1 ######## 1 ######## 0\n"
    );
}

/// The reply times of a trace are the times between the events of the last bytes.
#[test]
fn reply_times_are_those_of_the_writes_and_reads() {
    let dir = Dir::new("reply-times");
    let cuts = ["--loopback", "--cut", "3,-1", "--barrier", "peer-read"];
    let cases: &[&[&str]] = if cfg!(feature = "tls") {
        &[&[], &["--tls"], &["--proxy-protocol", "v2"], &["--tls", "--proxy-protocol", "v1"]]
    } else {
        &[&[], &["--proxy-protocol", "v2"]]
    };
    for more in cases {
        let (replies, trace) = connect(&dir, &[&cuts, *more].concat(), "SECRET 1\nSECRET 22\nhello\n".repeat(5));
        assert_eq!(replies, (digits("1") + &digits("22") + NOT_FOUND).repeat(5));
        for (side, asked, answered) in
            [("connect", ("out", "write"), ("in", "read")), ("listen", ("in", "read"), ("out", "write"))]
        {
            let conn = trace.connections(side)[0];
            let replies = trace.of(conn, "reply");
            assert_eq!(
                replies.iter().map(|reply| number(reply, "number")).collect::<Vec<_>>(),
                (1..=15).collect::<Vec<_>>()
            );
            for (place, reply) in replies.iter().enumerate() {
                let begins = time_of_message(&trace, conn, asked, place);
                let ends = time_of_message(&trace, conn, answered, place);
                assert_eq!(number(reply, "nanos"), ends - begins, "{more:?}: {side}: message {}", place + 1);
            }
        }
    }
}

/// When the last byte of a message was moved, by the offsets of its events.
fn time_of_message(trace: &Trace, conn: u64, (dir, call): (&str, &str), place: usize) -> u64 {
    let of_dir = |kind| trace.of(conn, kind).into_iter().filter(move |line| line["dir"] == dir);
    let mut end = number(of_dir("message").nth(place).unwrap(), "end");
    if let Some(record) = of_dir("record").find(|record| number(record, "end") >= end) {
        end = number(record, "offset") + number(record, "len");
    }
    let moved = if call == "write" { "accepted" } else { "len" };
    let calls = trace.of(conn, call);
    let last = calls.iter().find(|line| number(line, "offset") + number(line, moved) >= end).unwrap();
    number(last, "t")
}

#[test]
fn stats_as_json_are_one_line_for_a_program() {
    let schema = serde_json::from_str(include_str!("../cases/stats.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let object = |line: &str| {
        let stats: Value = serde_json::from_str(line).unwrap();
        let errors: Vec<_> = validator.iter_errors(&stats).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
        stats
    };
    let out = run(["connect", "--loopback", "--stats=json", "-m", "SECRET 42", "-m", "x"], "");
    assert_eq!((out.status, out.stderr.lines().count()), (Some(0), 1), "{}", out.stderr);
    let stats = object(&out.stderr);
    for side in ["connect", "listen"] {
        assert_eq!(
            (&stats[side]["messages"]["out"], &stats[side]["reply_time"]["count"]),
            (&2.into(), &2.into()),
            "{stats}"
        );
    }
    // Where replies cannot be paired, there is no reply time.
    let out = run(["connect", "--loopback", "--replies", "any", "-q", "0", "--stats=json", "-m", "x"], "");
    assert_eq!(object(&out.stderr)["connect"].get("reply_time"), None);
    // The value is given after = only, so the address is no value of it.
    let server = Server::start(&["--stats=json"]);
    assert_eq!(run(["connect", "--stats", &server.address(), "-m", "x"], "").status, Some(0));
    server.proc.signal(Signal::USR1);
    server.proc.wait_for_stderr("\"type\":\"stats\"");
    let log = server.stop().stderr;
    let lines: Vec<Value> = log.lines().filter(|line| line.starts_with('{')).map(object).collect();
    assert_eq!(lines.iter().map(|stats| &stats["listen"]["connections"]).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn stats_of_a_failed_run_come_before_its_error() {
    let out = run(["connect", "127.0.0.1:1", "--stats", "-m", "x"], "");
    assert_eq!(out.status, Some(1));
    assert!(out.stderr.starts_with("connections   0\n"), "{}", out.stderr);
    assert!(
        out.stderr.ends_with("secretcat: connect 127.0.0.1:1: connection refused (is a server listening there?)\n"),
        "{}",
        out.stderr
    );
}

#[test]
fn failed_logins_are_in_the_summary_and_the_metrics() {
    let dir = Dir::new("auth-counts");
    let file = users(&dir, &["ann"]);
    let fail = |server: &Server| {
        assert_eq!(ask(&mut server.open(), plain("ann", "pen").trim_end()), "AUTH FAILED\n");
        assert_eq!(ask(&mut server.open(), plain("ann", "pencil").trim_end()), "AUTH OK ann\n");
    };
    let server = listener(&file, &["--stats=json", "--metrics=127.0.0.1:0", "--threads", "2"]);
    let metrics = after(&server.proc, "metrics on ");
    let counted = |number: u8| {
        let response = request(&metrics, "GET /metrics", &[]);
        assert!(response.contains("\n# TYPE secretcat_failed_logins_total counter\n"), "{response}");
        response.contains(&format!("\nsecretcat_failed_logins_total {number}\n"))
    };
    assert!(counted(0));
    for number in 1..=2 {
        fail(&server);
        poll_until("the count", || {}, || counted(number));
    }
    let log = server.stop().stderr;
    let summary: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["listen"]["failed_logins"], &summary["listen"]["connections"]), (&2.into(), &4.into()));
    let schema = serde_json::from_str(include_str!("../cases/stats.schema.json")).unwrap();
    assert!(jsonschema::is_valid(&schema, &summary), "{summary}");

    let server = listener(&file, &["--stats"]);
    fail(&server);
    let log = server.stop().stderr;
    assert!(log.contains("\nconnections   2\nfailed logins 1\n"), "{log}");

    // Where nobody logs in, there is no such number.
    let server = Server::start(&["--stats", "--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    assert_eq!(ask(&mut server.open(), "x"), NOT_FOUND);
    assert!(!request(&metrics, "GET /metrics", &[]).contains("failed_logins"));
    let log = server.stop().stderr;
    assert!(log.contains("\nconnections   1\nmessages ") && !log.contains("failed"), "{log}");
}
