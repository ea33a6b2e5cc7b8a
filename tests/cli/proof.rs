//! Cuts arrive as cuts: one segment and one read per piece; and a slow reader closes its window.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::net::Net;
use crate::support::trace::{Trace, number};
use crate::support::{
    Dir, Proc, Server, as_nobody, digits, has, is_root, poll_until, run, run_command, secretcat, skip, under_strace,
};

/// The number of runs, which must all have the same result.
const RUNS: u64 = 20;

/// Sends this number of bytes in pieces of one byte; returns the number of segments.
#[track_caller]
fn segments(command: &mut Command, dir: &Dir, bytes: usize) -> u64 {
    let file = dir.file("segments.ndjson");
    command.args(["--raw", "--chunk", "1", "--trace"]).arg(&file);
    run_command(command, vec![b'x'; bytes]).is(0, "", "");
    let trace = Trace::read(&file);
    assert_eq!(trace.writes(1), vec![1; bytes]);
    trace.segments(1)
}

#[test]
fn each_piece_is_one_segment_on_loopback() {
    let server = Server::start(&["--service", "discard"]);
    let dir = Dir::new("loopback");
    for run in 0..RUNS {
        let all = segments(&mut secretcat(["connect", &server.address()]), &dir, 100);
        assert_eq!(all, 100, "run {run}");
    }
    assert_eq!(segments(&mut secretcat(["connect", &server.address()]), &dir, 20_000), 20_000);
    server.stops_with("");
}

#[test]
fn each_piece_is_one_segment_between_hosts() {
    let Some(net) = Net::pair() else { return };
    let server = Server::from_command(&mut net.on(1, &secretcat(["listen", "10.10.11.2", "--service", "discard"])));
    let dir = Dir::new("cable");
    for run in 0..RUNS {
        let all = segments(&mut net.on(0, &secretcat(["connect", "10.10.11.2"])), &dir, 100);
        assert_eq!(all, 100, "run {run}");
    }
    server.stops_with("");
}

const MESSAGE: &str = "My SECRET is 12345\n";

/// The number of cuts of the message for which this server replies wrongly.
#[track_caller]
fn wrong_answers(server: &Server, barrier: &[&str], command: impl Fn(&[&str]) -> Command) -> usize {
    let wrong = |cut: usize| {
        let (cut, address) = (cut.to_string(), server.address());
        let args = [&["connect", "--raw", "--cut", &cut, &address][..], barrier].concat();
        let out = run_command(&mut command(&args), MESSAGE);
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "cut {cut}");
        out.stdout != digits("12345").into_bytes()
    };
    (1..MESSAGE.len()).filter(|cut| wrong(*cut)).count()
}

/// A server with the bug, whose first read is this many seconds late.
fn late_server(seconds: &str) -> Option<Server> {
    Server::python("one_read.py", &[seconds])
}

#[test]
fn peer_read_barrier_finds_the_bug_of_a_late_server() {
    for seconds in ["0", "0.02", "0.1"] {
        let Some(server) = late_server(seconds) else { return };
        assert_eq!(run(["connect", "--raw", &server.address()], MESSAGE).stdout, digits("12345").into_bytes());
        let found = wrong_answers(&server, &["--barrier", "peer-read"], |args| secretcat(args));
        assert_eq!(found, 18, "{seconds} s late");
    }
}

#[test]
fn peer_read_barrier_finds_the_bug_on_a_busy_machine() {
    let Some(server) = late_server("0.02") else { return };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 * thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let found =
            std::panic::catch_unwind(|| wrong_answers(&server, &["--barrier", "peer-read"], |args| secretcat(args)));
        over.store(true, Ordering::Relaxed);
        assert_eq!(found.unwrap(), 18);
    });
}

#[test]
fn peer_read_barrier_finds_the_bug_without_privilege() {
    if !is_root() || !has("setpriv") {
        return skip::skip("becoming nobody needs root and setpriv");
    }
    let Some(server) = late_server("0.02") else { return };
    let dir = Dir::new("proof-of-nobody");
    let found = wrong_answers(&server, &["--barrier", "peer-read"], |args| as_nobody(&dir, args));
    assert_eq!(found, 18);
}

/// The files and sockets that strace(1) sees opened, with netlink sockets refused where asked.
fn opened(server: &Server, dir: &Dir, refuse: bool) -> (Vec<u8>, String) {
    let log = dir.file("strace");
    let mut options = vec!["-e", "trace=socket,openat"];
    if refuse {
        // The first socket is that of the connection; the second one would query the kernel about the peer.
        options.extend(["-e", "inject=socket:error=EPROTONOSUPPORT:when=2+"]);
    }
    let args = ["connect", "--raw", "--cut", "4", "--barrier", "peer-read", &server.address()];
    let out = run_command(&mut under_strace(&log, &options, args), MESSAGE);
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    (out.stdout, std::fs::read_to_string(log).unwrap())
}

#[test]
fn peer_socket_is_found_by_netlink_or_proc_net_tcp() {
    if !skip::has_strace() {
        return;
    }
    let server = Server::start(&["--bug", "one-read"]);
    let dir = Dir::new("ways");
    let (asked, log) = opened(&server, &dir, false);
    assert!(log.contains("AF_NETLINK") && !log.contains("/proc/net/tcp"), "{log}");
    let (listed, log) = opened(&server, &dir, true);
    assert!(log.contains("(INJECTED)") && log.contains("/proc/net/tcp"), "{log}");
    let wrong = "Secret code not found.\nSecret code not found.\n";
    assert_eq!((String::from_utf8(asked).unwrap(), String::from_utf8(listed).unwrap()), (wrong.into(), wrong.into()));
    server.stops_with("");
}

#[test]
fn invisible_peer_is_reported_once_and_acks_are_awaited() {
    let Some(net) = Net::pair() else { return };
    let server = Server::from_command(&mut net.on(1, &secretcat(["listen", "10.10.11.2"])));
    let dir = Dir::new("hidden");
    let file = dir.file("trace.ndjson");
    let args = [
        "connect",
        "10.10.11.2",
        "--cut",
        "4,6",
        "--barrier",
        "peer-read",
        "--delay",
        "3ms",
        "-m",
        "SECRET 42",
        "-m",
        "SECRET 1",
    ];
    let stderr = "secretcat: 10.10.11.2:4500: --barrier peer-read: the peer's socket is not visible on this host \
                (another host?); waiting for its acknowledgements and --delay instead\n";
    let answers = digits("42") + &digits("1");
    run_command(&mut net.apart(0, secretcat(args).arg("--trace").arg(&file)), "").is(0, &answers, stderr);
    let trace = Trace::read(&file);
    assert_eq!(trace.barriers(1), ["not_visible"; 6]);
    assert_eq!(trace.numbers(1, "pause", "nanos"), [3_000_000; 5]);
    // Each pause begins when the acknowledgement has arrived.
    let order: Vec<&str> = trace.0.iter().filter_map(|line| line["type"].as_str()).collect();
    let order: Vec<&str> = order.into_iter().filter(|kind| ["write", "barrier", "pause"].contains(kind)).collect();
    assert_eq!(order[..order.len() - 2], ["write", "barrier", "pause"].repeat(5));
    run_command(&mut net.apart(0, secretcat(args).arg("--quiet")), "").is(0, &answers, "");
    server.stops_with("");
}

#[test]
fn slow_reader_reads_little_and_closes_its_window() {
    let dir = Dir::new("slow");
    let (read, sent) = (dir.file("read.ndjson"), dir.file("sent.ndjson"));
    let server = Server::start(&[
        "--service",
        "discard",
        "--rcvbuf",
        "2304",
        "--read-size",
        "64",
        "--read-delay",
        "1ms",
        "--trace",
        read.to_str().unwrap(),
    ]);
    run(["connect", "--raw", &server.address(), "--trace", sent.to_str().unwrap()], vec![b'x'; 30_000]).is(0, "", "");
    server.stops_with("");
    let (read, sent) = (Trace::read(&read), Trace::read(&sent));
    let reads = read.reads(1);
    assert!(reads.iter().all(|len| *len <= 64) && reads.iter().sum::<u64>() == 30_000, "{reads:?}");
    let times = read.numbers(1, "read", "t");
    // A read may come late, and the next one then follows it sooner.
    let duration = times[times.len() - 1] - times[0];
    assert!(duration >= reads.len() as u64 * 1_000_000 / 2, "a pause stands between two reads");
    // The sender's kernel reports that only the window limited it.
    let last = *sent.of(1, "sample").last().unwrap();
    assert!(number(last, "rwnd_limited") > 0, "{last}");
    assert!(sent.numbers(1, "sample", "notsent_bytes").iter().any(|bytes| *bytes > 0), "{sent:?}");
}

#[test]
fn delayed_reader_blocks_the_sender_by_its_window() {
    if !skip::has_program("ss") {
        return;
    }
    let server = Server::start(&["--service", "discard", "--rcvbuf", "2304", "--read-start-delay", "1h"]);
    let mut sender = Proc::start(&mut secretcat(["connect", "--raw", &server.address()]));
    sender.feed(vec![b'x'; 8 << 20]);
    let output = || {
        let filter = format!("dport = :{}", server.port());
        let out = Command::new("ss").args(["-Htin", "state", "established", &filter]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    poll_until("the window closes", thread::yield_now, || {
        let output = output();
        output.contains(" rwnd_limited:") && output.contains(" notsent:")
    });
}
