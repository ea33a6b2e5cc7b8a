//! The trace, the summary and the timeline of real runs.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::trace::{self, Trace, number, schema_text};
use crate::support::{
    Dir, NOT_FOUND, Proc, Server, accept, digits, has, local_listener, run, run_command, secretcat, skip, under_strace,
};

/// The trace of a client that sends a PROXY header, and uses TLS if the program has it.
#[track_caller]
fn trace_with_header_and_tls(dir: &Dir) -> Trace {
    let file = dir.file("header");
    let (listen, connect): (&[&str], &[&str]) =
        if cfg!(feature = "tls") { (&["--tls"], &["--tls-insecure"]) } else { (&[], &[]) };
    let server = Server::start(&[listen, &["--accept-proxy"]].concat());
    let args = ["--proxy-protocol", "v2", "--trace", file.to_str().unwrap(), "-m", "SECRET 1"];
    let out = run(["connect", &server.address()].iter().chain(&args).chain(connect), "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("1").into_bytes()), "{}", out.stderr);
    Trace::read(&file)
}

#[test]
fn real_runs_have_exactly_the_event_kinds_of_the_schema() {
    let dir = Dir::new("kinds");
    let (at_server, at_relay, at_client) = (dir.file("server"), dir.file("relay"), dir.file("client"));
    let server = Server::start(&["--trace", at_server.to_str().unwrap(), "--cut", "3", "--sndbuf", "64k"]);
    let relay =
        Server::start(&["--relay", &server.address(), "--chunk", "1..64k", "--trace", at_relay.to_str().unwrap()]);
    let plan = ["--cut", "1,-1", "--delay", "1ms..2ms", "--barrier", "peer-read", "--coalesce", "2", "--ttl", "9"];
    let client = ["connect", &relay.address(), "--trace", at_client.to_str().unwrap(), "-N"];
    run(client.iter().chain(&plan), "SECRET 1\nhello\nSECRET 2").is(0, digits("1") + NOT_FOUND + &digits("2"), "");
    relay.stops_with("");
    server.stops_with("");
    let traces = [at_server, at_relay, at_client].map(|file| Trace::read(&file));
    let with_header = trace_with_header_and_tls(&dir);
    let all = traces.iter().chain([&with_header]);
    let kinds: BTreeSet<&str> = all.flat_map(|trace| &trace.0).filter_map(|line| line["type"].as_str()).collect();
    let schema: Value = serde_json::from_str(schema_text()).unwrap();
    let promised: BTreeSet<&str> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|kind| kind["properties"]["type"]["const"].as_str())
        .filter(|kind| cfg!(feature = "tls") || !["tls", "record"].contains(kind))
        .collect();
    assert_eq!(kinds, promised);
    for trace in &traces {
        assert!(
            !trace.0.iter().any(|line| line.as_object().unwrap().values().any(Value::is_null)),
            "unknown is absent"
        );
        for conn in trace.connections("connect").into_iter().chain(trace.connections("listen")) {
            let of_it: Vec<&str> =
                trace.0.iter().filter(|line| line["conn"] == conn).filter_map(|line| line["type"].as_str()).collect();
            assert_eq!((of_it[0], of_it[of_it.len() - 1]), ("open", "close"));
        }
    }
    let [server, relay, client] = &traces;
    let asked = |trace: &Trace, conn, name: &str| {
        let all = trace.of(conn, "option");
        (*all.iter().find(|line| line["name"] == name).unwrap()).clone()
    };
    // Linux doubles the requested size (socket(7)).
    assert_eq!(
        (&asked(server, 1, "sndbuf")["requested"], &asked(server, 1, "sndbuf")["effective"]),
        (&"64KiB".into(), &"128KiB".into())
    );
    assert_eq!(
        (&asked(client, 1, "ttl")["requested"], &asked(client, 1, "ttl")["effective"]),
        (&"9".into(), &"9".into())
    );
    assert!(asked(client, 1, "nodelay")["effective"] == "on" && asked(client, 1, "sndbuf").get("requested").is_none());
    assert!(relay.0.iter().all(|line| line["type"] != "message"), "a relay has no messages");
    // Unterminated bytes at the end are a message too.
    assert_eq!(server.of(1, "message").iter().filter(|line| line["dir"] == "in").count(), 3);
}

/// The byte ranges of the events of one kind, without a gap.
#[track_caller]
fn byte_ranges(trace: &Trace, conn: u64, kind: &str, length: &str) -> Vec<(u64, u64)> {
    let all: Vec<(u64, u64)> = trace
        .of(conn, kind)
        .iter()
        .map(|line| (number(line, "offset"), number(line, "offset") + number(line, length)))
        .collect();
    assert!(
        all.windows(2).all(|pair| pair[0].1 == pair[1].0) && all.first().is_some_and(|first| first.0 == 0),
        "{all:?}"
    );
    all
}

#[test]
fn trace_shows_the_writes_and_reads_of_each_message() {
    let dir = Dir::new("carried");
    let args = ["--loopback", "--coalesce", "2", "--cut", "4,-1", "--barrier", "peer-read"];
    let (_, trace) = trace::connect(&dir, &args, "SECRET 42\nhello\nSECRET 7\n");
    let (ours, theirs) = (trace.connections("connect")[0], trace.connections("listen")[0]);
    let messages = |conn, dir: &str| -> Vec<(u64, u64, u64)> {
        let all = trace.of(conn, "message");
        let those = all.iter().filter(|line| line["dir"] == dir);
        those.map(|line| (number(line, "number"), number(line, "start"), number(line, "end"))).collect()
    };
    let sent = [(1, 0, 10), (2, 10, 16), (3, 16, 25)];
    assert_eq!((messages(ours, "out"), messages(theirs, "in")), (sent.to_vec(), sent.to_vec()));
    let answered = [(1, 0, 22), (2, 22, 45), (3, 45, 66)];
    assert_eq!((messages(theirs, "out"), messages(ours, "in")), (answered.to_vec(), answered.to_vec()));
    let pieces = [(0, 4), (4, 9), (9, 14), (14, 15), (15, 16), (16, 20), (20, 24), (24, 25)];
    assert_eq!(byte_ranges(&trace, ours, "write", "accepted"), pieces);
    assert_eq!(byte_ranges(&trace, theirs, "read", "len"), pieces);
    // Each write is followed by a sample with one more segment, without retransmissions.
    let segments = |sample: &Value| number(sample, "data_segs_out") - number(sample, "total_retrans");
    let events: Vec<&Value> = trace.0.iter().filter(|line| line["conn"] == ours).collect();
    let after_writes = events.windows(2).filter(|pair| pair[0]["type"] == "write").map(|pair| pair[1]);
    let counted: Vec<u64> = after_writes.map(segments).collect();
    assert_eq!(counted, [1, 2, 3, 4, 5, 6, 7, 8]);
    // The second message was in the end of the third piece, and in the fourth and fifth.
    let carried: Vec<usize> = (0..pieces.len()).filter(|at| pieces[*at].0 < 16 && pieces[*at].1 > 10).collect();
    assert_eq!(carried, [2, 3, 4]);
}

#[test]
fn failed_run_is_traced_to_its_end() {
    let (listener, address) = local_listener();
    let dir = Dir::new("failed");
    let file = dir.file("trace.ndjson");
    let args =
        ["connect", &address, "--cut", "2", "--barrier", "peer-read", "--timeout", "50ms", "-m", "hello", "--trace"];
    let proc = Proc::start(secretcat(args).arg(&file));
    let _server = accept(&listener); // it reads nothing
    let error = format!("secretcat: receive from {address}: no reply within 50ms (--timeout sets the limit)\n");
    proc.end().is(1, "", error);
    let trace = Trace::read(&file);
    assert_eq!((trace.writes(1), trace.barriers(1)), (vec![2], vec!["abandoned"]));
    assert_eq!(trace.0.last().unwrap()["type"], "close");
}

#[test]
fn connections_of_every_family_are_traced() {
    let dir = Dir::new("families");
    let file = dir.file("trace.ndjson");
    let unix = format!("unix:{}", dir.file("socket").display());
    let mut listeners = vec![(Proc::start(&mut secretcat(["listen", &unix])), unix)];
    let v6 = Proc::start(&mut secretcat(["listen", "[::1]:0"]));
    let ready_line = v6.wait_for_stderr("\n");
    if let Some(address) = ready_line.trim_end().strip_prefix("listening on ") {
        listeners.push((v6, address.to_owned()));
    }
    for (listener, address) in &listeners {
        listener.wait_for_stderr("listening on ");
        let args = ["connect", address, "--chunk", "4", "--delay", "1us", "-m", "SECRET 42", "--trace"];
        run_command(secretcat(args).arg(&file), "").is(0, digits("42"), "");
        let trace = Trace::read(&file);
        assert_eq!((trace.writes(1), trace.of(1, "pause").len()), (vec![4, 4, 2], 2), "{address}");
    }
}

#[test]
fn trace_to_dash_goes_to_stderr() {
    let out = run(["connect", "--loopback", "--trace", "-", "-m", "SECRET 1"], "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("1").into_bytes()));
    let trace = Trace::parse(&out.stderr);
    assert_eq!((trace.connections("connect").len(), trace.connections("listen").len()), (1, 1));
}

#[test]
fn unwritable_trace_or_timeline_fails_before_connecting() {
    let server = Server::start(&["-v"]);
    let dir = Dir::new("full");
    let full = dir.file("full.svg");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let full = full.to_str().unwrap();
    for option in ["--trace", "--timeline"] {
        let line = "secretcat: create /nonexistent/file.svg: no such file or directory (does its directory exist?)\n";
        run(["connect", &server.address(), option, "/nonexistent/file.svg", "-m", "x"], "").is(2, "", line);
        // A full disk is detected later: the replies are printed, and the loss is reported.
        let out = run(["connect", &server.address(), option, full, "-m", "SECRET 1"], "");
        out.is(
            2,
            digits("1"),
            format!("secretcat: write {full}: no space left on device (free space, or use another disk)\n"),
        );
    }
    let log = server.stop().stderr;
    assert_eq!(log.matches("accepted").count(), 2, "{log}");
}

#[test]
fn no_tcp_info_calls_without_a_trace() {
    if !skip::has_strace() {
        return;
    }
    let dir = Dir::new("cost");
    let log = dir.file("strace");
    let server = Server::start(&[]);
    let calls = |args: &[&str]| {
        let mut command =
            under_strace(&log, &["-e", "trace=getsockopt"], ["connect", &server.address(), "-m", "SECRET 1"]);
        command.args(args);
        run_command(&mut command, "").is(0, digits("1"), "");
        std::fs::read_to_string(&log).unwrap().matches("TCP_INFO").count()
    };
    assert_eq!(calls(&[]), 0);
    assert!(
        calls(&["--trace", dir.file("trace").to_str().unwrap()]) >= 2,
        "one sample after the write, one at the end"
    );
    server.stops_with("");
}

#[test]
fn timeline_shows_both_ends_and_is_xml() {
    let dir = Dir::new("picture");
    let file = dir.file("picture.svg");
    for (messages, label) in [(3, ">9 writes<"), (30, ">90 writes<"), (3000, ">9,000 writes<")] {
        let args =
            ["connect", "--loopback", "--cut", "3,-1", "--barrier", "peer-read", "--timeline", file.to_str().unwrap()];
        let out = run(args, "SECRET 1\n".repeat(messages));
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
        let drawn = std::fs::read_to_string(&file).unwrap();
        assert!(drawn.starts_with("<svg xmlns=") && drawn.ends_with("</svg>\n") && drawn.len() < 600_000);
        for text in [label, &label.replace("write", "segment"), &label.replace("write", "read")] {
            assert!(drawn.contains(text), "{messages}: no {text}");
        }
        assert!(drawn.contains(" \u{2192} #") && drawn.contains("prefers-color-scheme:dark"), "{messages}");
        if !has("python3") {
            skip::skip("python3");
            continue;
        }
        let mut parse = Command::new("python3");
        parse.args(["-c", "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])"]).arg(&file);
        run_command(&mut parse, "").is(0, "", "");
    }
}

#[test]
fn timeline_has_the_bytes_of_marks_unless_they_are_unwanted() {
    let dir = Dir::new("bytes");
    let file = dir.file("picture.svg");
    let args = ["connect", "--loopback", "--cut", "4", "-m", "SECRET 42", "--timeline", file.to_str().unwrap()];
    for (data, is_there) in [(&[][..], true), (&["--trace-data", "none"], false)] {
        run(args.iter().chain(data), "").is(0, digits("42"), "");
        let drawn = std::fs::read_to_string(&file).unwrap();
        for text in [">SECR<", ">ET 42\\n<", "&quot;SECR&quot;"] {
            assert_eq!(drawn.contains(text), is_there, "{text}: {drawn}");
        }
        assert!(drawn.contains("; 1 of 1 connection drawn<") && drawn.contains(">SYN<"), "{drawn}");
    }
}

/// A valid document may still draw nothing, so a program that draws SVG has to render it.
#[test]
fn timeline_is_rendered_by_rsvg_convert() {
    if !has("rsvg-convert") {
        return skip::skip("rsvg-convert (librsvg2-bin)");
    }
    let dir = Dir::new("drawn");
    let [picture, blank] = ["picture.svg", "blank.svg"].map(|name| dir.file(name));
    let args = ["connect", "--loopback", "--cut", "3,-1", "--timeline", picture.to_str().unwrap(), "-m", "SECRET 1"];
    run(args, "").is(0, digits("1"), "");
    // The same without its marks: the same size, and white.
    let svg = std::fs::read_to_string(&picture).unwrap();
    let paper = svg.split_once("<text").unwrap().0;
    std::fs::write(&blank, format!("{paper}</svg>")).unwrap();
    let [picture, blank] = [picture, blank].map(|file| {
        let out = run_command(Command::new("rsvg-convert").arg("--format=png").arg(&file), "");
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{}", file.display());
        out.stdout
    });
    // PNG has its width and height after its signature (RFC 2083, section 4.1.1).
    let size = |png: &[u8]| {
        png[16..24].chunks(4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap())).collect::<Vec<_>>()
    };
    let asked: Vec<u32> = [3, 5].map(|at| svg.split('"').nth(at).unwrap().parse().unwrap()).into();
    assert_eq!((size(&picture), size(&blank)), (asked.clone(), asked));
    assert!(picture.len() > 5 * blank.len(), "{} bytes, of paper alone {}", picture.len(), blank.len());
}

#[test]
fn timeline_of_a_listener_is_written_when_it_stops() {
    let dir = Dir::new("stopped");
    let file = dir.file("picture.svg");
    let server = Server::start(&["--timeline", file.to_str().unwrap(), "--cut", "3"]);
    run(["connect", &server.address(), "-m", "SECRET 1", "-m", "SECRET 2"], "").is(0, digits("1") + &digits("2"), "");
    server.stops_with("");
    let drawn = std::fs::read_to_string(&file).unwrap();
    assert!(drawn.contains(">4 writes<") && drawn.contains("--cut 3<"), "{drawn}");
}
