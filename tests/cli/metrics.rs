//! `--metrics`: the counters of a run, for Prometheus.

use std::fs::Permissions;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::web::{after, request, request_unix, status};
use crate::support::{
    Dir, FreePort, NOT_FOUND, Proc, Server, ask, client_with_full_buffers, poll_until, read_to_end, reset, run,
    run_command, secretcat, skip, tcp,
};

/// The values that are not 0.
fn values(response: &str) -> Vec<String> {
    let body = response.split("\r\n\r\n").nth(1).unwrap_or_default();
    body.lines()
        .filter(|line| !line.starts_with('#') && !line.ends_with(" 0") && !line.contains("_reply_"))
        .map(str::to_owned)
        .collect()
}

/// Waits until no connection is open. Then the values that are not 0 are these, after the build info.
#[track_caller]
fn expect(metrics: &str, expected: &[&str]) -> String {
    let is_closed = |response: &str| response.contains("\nsecretcat_connections{side=\"listen\",state=\"open\"} 0\n");
    let response = std::cell::RefCell::default();
    let step = || drop(response.replace(request(metrics, "GET /metrics", &[])));
    poll_until("the end of the connection", step, || {
        is_closed(&response.borrow()) && !response.borrow().contains("_closed\"} 1")
    });
    let response = response.into_inner();
    assert_eq!(values(&response).get(1..).unwrap_or_default(), expected);
    response
}

#[test]
fn listener_counts_connections_messages_and_bytes() {
    let server = Server::start(&["--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    let build = format!("secretcat_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    assert_eq!(values(&request(&metrics, "GET /metrics", &[])), [build]);
    let mut client = server.open();
    assert_eq!(ask(&mut client, "SECRET 1"), "Digits: 1   Count: 1\n");
    let open = request(&metrics, "GET /metrics", &[]);
    for value in ["connections{side=\"listen\",state=\"open\"} 1", "bytes_total{side=\"listen\",direction=\"in\"} 9"] {
        assert!(open.contains(&format!("\nsecretcat_{value}\n")), "{value} in {open}");
    }
    drop(client);
    let expected = [
        "secretcat_connections_opened_total{side=\"listen\"} 1",
        "secretcat_connections_ended_total{side=\"listen\",ending=\"orderly\"} 1",
        "secretcat_bytes_total{side=\"listen\",direction=\"out\"} 21",
        "secretcat_bytes_total{side=\"listen\",direction=\"in\"} 9",
        "secretcat_messages_total{side=\"listen\",direction=\"out\"} 1",
        "secretcat_messages_total{side=\"listen\",direction=\"in\"} 1",
        "secretcat_segments_total{side=\"listen\",direction=\"out\"} 1",
        "secretcat_segments_total{side=\"listen\",direction=\"in\"} 1",
        "secretcat_writes_total{side=\"listen\"} 1",
        "secretcat_reads_total{side=\"listen\"} 1",
    ];
    let response = expect(&metrics, &expected);
    let reply = "\nsecretcat_reply_seconds_count{side=\"listen\"} 1\n";
    assert!(response.contains(reply), "{response}");
    assert!(response.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{response}");
}

#[test]
fn sides_barriers_and_outcomes_are_counted() {
    let metrics = "--metrics=127.0.0.1:0";
    let args = ["connect", "--loopback", "--cut", "4", "--barrier", "peer-read", metrics];
    let mut proc = Proc::start(&mut secretcat(args));
    let metrics = after(&proc, "metrics on ");
    proc.write("SECRET 42\n");
    proc.wait_for_stdout("Digits: 42   Count: 2\n");
    // The last barrier is passed when the connection has looked at the listener's queue once more.
    let passed = "\nsecretcat_barriers_total{side=\"connect\",outcome=\"read\"} 2\n";
    poll_until("both barriers", || {}, || request(&metrics, "GET /metrics", &[]).contains(passed));
    let response = request(&metrics, "GET /metrics", &[]);
    for value in [
        "secretcat_connections{side=\"connect\",state=\"open\"} 1",
        "secretcat_connections{side=\"listen\",state=\"open\"} 1",
        "secretcat_writes_total{side=\"connect\"} 2",
        "secretcat_reads_total{side=\"listen\"} 2",
        "secretcat_barriers_total{side=\"connect\",outcome=\"abandoned\"} 0",
    ] {
        assert!(response.contains(&format!("\n{value}\n")), "{value} in {response}");
    }
    proc.close_stdin();
    proc.end().is(0, "Digits: 42   Count: 2\n", format!("metrics on {metrics}\n"));
}

#[test]
fn sweep_and_relay_have_metrics() {
    let server = Server::start(&[]);
    let relay = Server::start(&["--relay", &server.address(), "--metrics=127.0.0.1:0"]);
    let metrics = after(&relay.proc, "metrics on ");
    let mut client = relay.open();
    assert_eq!(ask(&mut client, "x"), NOT_FOUND);
    let response = request(&metrics, "GET /metrics", &[]);
    for side in ["connect", "listen"] {
        let open = format!("\nsecretcat_connections{{side=\"{side}\",state=\"open\"}} 1\n");
        assert!(response.contains(&open), "{response}");
    }
    // A server that does not answer: the sweep runs until it is stopped.
    let (listener, address) = crate::support::local_listener();
    let args = ["sweep", &address, "-m", "x", "--timeout", "1h", "--metrics=127.0.0.1:0"];
    let sweep = Proc::start(&mut secretcat(args));
    let metrics = after(&sweep, "metrics on ");
    let asked = crate::support::accept(&listener);
    poll_until(
        "the connection of the sweep",
        || {},
        || request(&metrics, "GET /metrics", &[]).contains("opened_total{side=\"connect\"} 1\n"),
    );
    drop(asked);
}

#[test]
fn only_get_of_the_metrics_under_their_own_name_is_served() {
    let server = Server::start(&["--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    let ask = |line: &str, fields: &[&str]| request(&metrics, line, fields);
    let head = ask("HEAD /metrics", &[]);
    assert!(status(&head) == "200" && head.ends_with("\r\n\r\n"), "{head}");
    for (line, fields, expected) in [
        ("GET /metrics", &[][..], "200"),
        ("GET /metrics", &["Host: localhost:80"], "200"),
        ("GET /metrics", &["Host: evil.example"], "403"),
        ("GET /metrics", &["Origin: http://evil.example"], "403"),
        ("GET /metrics", &["Sec-Fetch-Site: cross-site"], "403"),
        ("POST /metrics", &["Content-Length: 0"], "405"),
        ("GET /", &[], "404"),
        ("GET http://127.0.0.1/metrics", &[], "400"),
        ("nonsense", &[], "400"),
    ] {
        let response = ask(line, fields);
        assert_eq!(status(&response), expected, "{line} {fields:?}: {response}");
    }
    let large = format!("X: {}", "x".repeat(9000));
    assert_eq!(status(&ask("GET /metrics", &[&large])), "431");
    // The response arrives although there is a body that nobody reads.
    let stream = tcp(metrics.parse().unwrap());
    let head = format!("POST /metrics HTTP/1.1\r\nHost: {metrics}\r\nContent-Length: 100000\r\n\r\n");
    (&stream).write_all(&[head.into_bytes(), vec![b'x'; 100_000]].concat()).unwrap();
    let response = String::from_utf8(read_to_end(&stream)).unwrap();
    assert!(response.ends_with("\r\n\r\n405 Method Not Allowed: only GET and HEAD are served\n"), "{response}");
}

#[test]
fn clients_beyond_the_limit_and_silent_ones_do_not_stop_others() {
    let server = Server::start(&["--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    let mut silent: Vec<_> = (0..63).map(|_| tcp(metrics.parse().unwrap())).collect();
    for client in &mut silent {
        client.write_all(b"GET /metr").unwrap();
    }
    assert_eq!(status(&request(&metrics, "GET /metrics", &[])), "200");
    let (stuck, _) = client_with_full_buffers(&server, b"SECRET 1\n");
    assert_eq!(status(&request(&metrics, "GET /metrics", &[])), "200");
    drop(stuck);
    let response = read_to_end(&silent[0]);
    assert!(response.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&response));
}

#[test]
fn token_is_needed_where_others_can_reach_the_metrics() {
    let dir = Dir::new("metrics");
    let (token, socket) = (dir.file("token"), dir.file("socket"));
    std::fs::write(&token, "geheim\n").unwrap();
    let file = token.to_str().unwrap();
    let refused = run(["listen", ":0", "--metrics=:0", "--metrics-token-file", file], "");
    let expected = format!("secretcat: {file}: other users may read or write it (chmod 600 makes it private)\n");
    refused.is(2, "", expected);
    std::fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    let server = Server::start(&["--metrics=*:0", "--metrics-token-file", file]);
    let metrics = after(&server.proc, "metrics on ");
    let metrics = format!("127.0.0.1:{}", metrics.rsplit(':').next().unwrap());
    let response = request(&metrics, "GET /metrics", &[]);
    assert!(status(&response) == "401" && response.contains("\r\nWWW-Authenticate: Bearer\r\n"), "{response}");
    assert_eq!(status(&request(&metrics, "GET /metrics", &["Authorization: Bearer falsch"])), "401");
    assert_eq!(status(&request(&metrics, "GET /metrics", &["Authorization: Bearer geheim"])), "200");
    std::fs::write(&token, "\n").unwrap();
    let empty = run(["listen", ":0", "--metrics=:0", "--metrics-token-file", file], "");
    empty.is(2, "", format!("secretcat: {file}: no token in the first line\n"));
    let on_unix = Server::start(&[&format!("--metrics=unix:{}", socket.display())]);
    assert_eq!(status(&request_unix(&socket, "GET /metrics", &["Host: localhost"])), "200");
    on_unix.proc.signal(rustix::process::Signal::TERM);
    assert_eq!(on_unix.proc.end().status, Some(0));
    assert!(!socket.exists());
}

#[test]
fn resets_are_counted_by_the_side_that_sent_them() {
    let server = Server::start(&["--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    reset(server.open());
    let ended = |metrics: &str, ending: &str, count| {
        let value = format!("\nsecretcat_connections_ended_total{{side=\"listen\",ending=\"{ending}\"}} {count}\n");
        poll_until(ending, || {}, || request(metrics, "GET /metrics", &[]).contains(&value));
    };
    ended(&metrics, "peer_reset", 1);
    // A relay whose server refuses the connection resets the client's.
    let port = FreePort::new();
    let relay = Server::start(&["--relay", &port.address.to_string(), "--metrics=127.0.0.1:0"]);
    let metrics = after(&relay.proc, "metrics on ");
    ended(&metrics, "peer_reset", 0);
    let _ = TcpStream::connect(relay.addr); // the reset may arrive before it returns
    ended(&metrics, "reset", 1);
    ended(&metrics, "failed", 0);
}

#[test]
fn promtool_accepts_the_metrics() {
    if !skip::has("promtool") {
        return skip::skip("promtool (prometheus)");
    }
    let server = Server::start(&["--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    server.exchange("SECRET 1\n");
    let response = request(&metrics, "GET /metrics", &[]);
    let body = response.split_once("\r\n\r\n").unwrap().1;
    assert!(body.contains("\nsecretcat_reply_seconds_count{side=\"listen\"} 1\n"), "{body}");
    run_command(Command::new("promtool").args(["check", "metrics"]), body).is(0, "", "");
}

#[test]
fn strict_parser_reads_the_metrics() {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus/python");
    if !packages.join("prometheus_client").is_dir() {
        return skip::skip("prometheus_client (.ci/corpus.sh installs it)");
    }
    let server = Server::start(&["--metrics=127.0.0.1:0"]);
    let metrics = after(&server.proc, "metrics on ");
    server.exchange("SECRET 1\n");
    let script = "import sys, urllib.request\n\
        from prometheus_client.parser import text_string_to_metric_families\n\
        text = urllib.request.urlopen(sys.argv[1]).read().decode()\n\
        for family in text_string_to_metric_families(text):\n\
        \x20   assert family.documentation.endswith('.') and family.name.startswith('secretcat_'), family\n\
        \x20   assert family.type in ('counter', 'gauge', 'histogram') and family.samples, family\n\
        \x20   print(family.name, family.type, len(family.samples))\n";
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", packages).args(["-c", script, &format!("http://{metrics}/metrics")]);
    let expected = "secretcat_build_info gauge 1\nsecretcat_connections gauge 8\n\
        secretcat_connections_opened counter 2\nsecretcat_connections_ended counter 10\nsecretcat_bytes counter 4\n\
        secretcat_messages counter 4\nsecretcat_segments counter 4\nsecretcat_writes counter 2\n\
        secretcat_reads counter 2\nsecretcat_retransmits counter 2\nsecretcat_barriers counter 16\n\
        secretcat_reply_seconds histogram 38\n";
    run_command(&mut command, "").is(0, expected, "");
}
