//! Recording a run takes bounded memory: as much for a million events as for a thousand.

use crate::support::{Dir, Outcome, Server, exchange, run_command, with_limit};

/// What the program may have for its data, its heap and its stacks, in KiB: it ends where it asks
/// for more (`RLIMIT_DATA`, setrlimit(2)). It needs 4 to 8 MiB; a million events that were kept, at 14
/// bytes each, would not fit.
const LIMIT: &str = "-d 16384";
/// As [`LIMIT`], for half a million events: a run with `--trace` needs less than 5 MiB.
const HALF_LIMIT: &str = "-d 8192";

/// So many writes of a byte under the limit, and what is to be seen of them in a file of this name:
/// how the run came out, and what the file has.
fn seen(limit: &str, writes: usize, seeing: &[&str], name: &str) -> (Outcome, Vec<u8>) {
    let server = Server::start(&["--service", "discard"]);
    let dir = Dir::new(name);
    let file = dir.file(name);
    let connect = ["connect", "--raw", "--chunk", "1", &server.address()];
    let mut command = with_limit(limit, connect.iter().chain(seeing));
    let out = run_command(command.arg(&file), vec![0; writes]);
    server.stops_with("");
    (out, std::fs::read(&file).unwrap_or_default())
}

/// The number that the summary has for this, first of the program's own side.
#[track_caller]
fn count(out: &Outcome, what: &str) -> u64 {
    assert_eq!((out.status, out.signal), (Some(0), None), "{}", out.stderr);
    let line = out.stderr.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn memory_limit_ends_a_run_that_buffers_more() {
    let server = Server::start(&["--service", "discard"]);
    // Half a message is held until the other half comes.
    let mut command = with_limit(LIMIT, ["connect", "--max-message", "64M", &server.address()]);
    let out = run_command(&mut command, vec![b'x'; 32 << 20]);
    assert_eq!(out.status, None, "{}", out.stderr);
}

#[test]
fn stats_and_timeline_of_500000_writes_fit_the_limit() {
    let (out, picture) = seen(LIMIT, 500_000, &["--stats", "--timeline"], "timeline.svg");
    assert_eq!(count(&out, "writes"), 500_000);
    assert!(picture.len() < 600_000 && picture.trim_ascii_end().ends_with(b"</svg>"), "{} bytes", picture.len());
}

#[test]
fn trace_of_500000_lines_fits_the_limit() {
    let (out, trace) = seen(HALF_LIMIT, 250_000, &["--trace"], "trace.ndjson");
    out.is(0, "", "");
    assert!(memchr::memchr_iter(b'\n', &trace).count() > 500_000); // each write, and what the kernel counts then
}

#[test]
fn trace_of_all_bytes_fits_the_limit() {
    let server = Server::start(&["--service", "discard"]);
    let trace = ["connect", "--raw", &server.address(), "--trace", "/dev/null", "--trace-data", "all"];
    run_command(&mut with_limit(LIMIT, trace), vec![0xff; 64 << 20]).is(0, "", "");
    server.stops_with("");
}

#[test]
fn recorded_reads_connections_messages_fit_the_limit() {
    let dir = Dir::new("million-reads");
    let picture = dir.file("timeline.svg");
    let seeing = ["--stats", "--trace", "/dev/null", "--timeline", picture.to_str().unwrap()];
    let listen = ["listen", "127.0.0.1:0", "--service", "discard", "--read-size", "1"];
    let server = Server::from_command(&mut with_limit(LIMIT, [&listen[..], &seeing].concat()));
    exchange(server.open(), &vec![b'\n'; 200_000]); // its end comes when all is read
    for _ in 0..2_000 {
        drop(server.open());
    }
    let out = server.stop();
    assert_eq!((count(&out, "reads"), count(&out, "connections")), (200_000, 2_001));

    let out =
        run_command(&mut with_limit(LIMIT, [&["connect", "--loopback"], &seeing[..]].concat()), vec![b'\n'; 300_000]);
    assert_eq!(count(&out, "messages"), 300_000);
}
