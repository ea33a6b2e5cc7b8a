//! Recording a run takes bounded memory: as much for a million events as for a thousand.

use crate::support::{Dir, Outcome, Server, exchange, run_command, with_limit};

/// The limit of data, heap and stacks in KiB: the program ends when it requests more (`RLIMIT_DATA`, setrlimit(2)). It
/// needs 4 to 8 MiB. A million stored events of 14 bytes each would not fit.
const LIMIT: &str = "-d 16384";
/// As [`LIMIT`], for 300,000 events: a run with `--trace` needs less than 5 MiB.
const TRACE_LIMIT: &str = "-d 6144";

/// Runs this number of one-byte writes under the limit; returns the outcome, and the content of the file with this
/// name.
fn recorded_run(limit: &str, writes: usize, options: &[&str], name: &str) -> (Outcome, Vec<u8>) {
    let server = Server::start(&["--service", "discard"]);
    let dir = Dir::new(name);
    let file = dir.file(name);
    let connect = ["connect", "--raw", "--chunk", "1", &server.address()];
    let mut command = with_limit(limit, connect.iter().chain(options));
    let out = run_command(command.arg(&file), vec![0; writes]);
    server.stops_with("");
    (out, std::fs::read(&file).unwrap_or_default())
}

/// The number in the summary under this heading, for the program's own side.
#[track_caller]
fn count(out: &Outcome, what: &str) -> u64 {
    assert_eq!((out.status, out.signal), (Some(0), None), "{}", out.stderr);
    let line = out.stderr.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn memory_limit_ends_a_run_that_buffers_more() {
    let server = Server::start(&["--service", "discard"]);
    // Half a message is buffered until the other half arrives.
    let mut command = with_limit(LIMIT, ["connect", "--max-message", "64M", &server.address()]);
    let out = run_command(&mut command, vec![b'x'; 32 << 20]);
    assert_eq!(out.status, None, "{}", out.stderr);
}

#[test]
fn stats_and_timeline_of_500000_writes_fit_the_limit() {
    let (out, picture) = recorded_run(LIMIT, 500_000, &["--stats", "--timeline"], "timeline.svg");
    assert_eq!(count(&out, "writes"), 500_000);
    assert!(picture.len() < 600_000 && picture.trim_ascii_end().ends_with(b"</svg>"), "{} bytes", picture.len());
}

#[test]
fn trace_of_300000_lines_fits_the_limit() {
    let (out, trace) = recorded_run(TRACE_LIMIT, 150_000, &["--trace"], "trace.ndjson");
    out.is(0, "", "");
    assert!(memchr::memchr_iter(b'\n', &trace).count() > 300_000); // each write, and the kernel's counters after it
}

#[test]
fn picture_of_a_trace_of_100000_lines_fits_the_limit() {
    let dir = Dir::new("drawn");
    let file = dir.file("run.ndjson");
    let open = r#"{"t":0,"conn":1,"type":"open","side":"connect","local":"a","peer":"b"}"#.to_owned();
    let write = |k| format!(r#"{{"t":{k},"conn":1,"type":"write","offset":{k},"asked":1,"accepted":1,"text":"x"}}"#);
    let close = r#"{"t":100000000,"conn":1,"type":"close"}"#.to_owned();
    let lines: Vec<String> = [open].into_iter().chain((0..100_000).map(write)).chain([close]).collect();
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let out = run_command(&mut with_limit(TRACE_LIMIT, ["timeline", file.to_str().unwrap()]), "");
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(String::from_utf8(out.stdout).unwrap().contains(">100,000 writes<"));
}

#[test]
fn trace_of_all_bytes_fits_the_limit() {
    let server = Server::start(&["--service", "discard"]);
    let trace = ["connect", "--raw", &server.address(), "--trace", "/dev/null", "--trace-data", "all"];
    run_command(&mut with_limit(LIMIT, trace), vec![0xff; 32 << 20]).is(0, "", "");
    server.stops_with("");
}

#[test]
fn recorded_reads_connections_messages_fit_the_limit() {
    let dir = Dir::new("million-reads");
    let picture = dir.file("timeline.svg");
    let options = ["--stats", "--trace", "/dev/null", "--timeline", picture.to_str().unwrap()];
    let listen = ["listen", "127.0.0.1:0", "--service", "discard", "--read-size", "1"];
    let server = Server::from_command(&mut with_limit(LIMIT, [&listen[..], &options].concat()));
    exchange(server.open(), &vec![b'\n'; 100_000]); // it ends when everything is read
    for _ in 0..2_000 {
        drop(server.open());
    }
    let out = server.stop();
    assert_eq!((count(&out, "reads"), count(&out, "connections")), (100_000, 2_001));

    let out =
        run_command(&mut with_limit(LIMIT, [&["connect", "--loopback"], &options[..]].concat()), vec![b'\n'; 150_000]);
    assert_eq!(count(&out, "messages"), 150_000);
}
