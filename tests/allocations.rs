//! An established connection allocates no memory for a message.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use allocation_counter::measure;
use secretcat::cli::{self, Task};
use secretcat::config::Color;
use secretcat::io::recorder::Recorder;
use secretcat::io::report::Report;
use secretcat::io::signal::Signals;
use secretcat::io::systemd::Manager;
use secretcat::session::{Context, connect, listen};

const DEADLINE: Duration = Duration::from_secs(240);
/// What one run takes from its start to its end, one connection and its first messages included.
const FIXED: u64 = 200;
/// The variable with the command line that a counted process of this test runs.
const COUNTED: &str = "SECRETCAT_COUNTED";

/// The context of a run without output.
fn without_output() -> Context {
    Context {
        report: Report::stderr(Color::Never),
        recorder: Recorder::default(),
        signals: Signals::default(),
        manager: Manager::default(),
        proxy: None,
        witness: None,
    }
}

fn words(line: &str) -> impl Iterator<Item = OsString> + '_ {
    line.split_whitespace().map(Into::into)
}

/// Listens with these options while `client` talks to it; how often memory was asked for meanwhile
/// on the thread that listens, from its start to its end.
fn allocations(args: &str, client: impl FnOnce(SocketAddr) + Send) -> u64 {
    let line = format!("secretcat listen 127.0.0.1:0 --quiet {args}");
    let Task::Listen(config) = cli::parse(words(&line)).unwrap().task else { panic!() };
    let context = without_output();
    let (sender, address) = channel();
    thread::scope(|scope| {
        let listens = scope.spawn(|| {
            measure(|| listen::run(&config, &context, |socket, _| sender.send(socket.local_addr()).unwrap()).unwrap())
        });
        let talks = scope.spawn(move || client(address.recv_timeout(DEADLINE).unwrap().unwrap()));
        let talked = talks.join();
        context.signals.stop();
        let counted = listens.join().unwrap();
        talked.unwrap();
        counted.count_total
    })
}

/// Sends `asked` so many times in one write and reads as many times `answered`, again and again.
fn exchange_repeatedly(address: SocketAddr, asked: &[u8], answered: &[u8], at_once: usize, times: u64) {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let (asked, answered) = (asked.repeat(at_once), answered.repeat(at_once));
    let mut got = vec![0; answered.len()];
    for _ in 0..times {
        stream.write_all(&asked).unwrap();
        stream.read_exact(&mut got).unwrap();
        assert!(got == answered, "{:?}", String::from_utf8_lossy(&got));
    }
}

/// Checks that neither a message nor a turn of the loop allocates: there are many of both, and few allocations.
fn assert_no_allocations(args: &str, asked: &[u8], answered: &[u8]) {
    for (at_once, times) in [(1, 20_000), (100, 1_000)] {
        let counted = allocations(args, |address| exchange_repeatedly(address, asked, answered, at_once, times));
        // Memory that a burst of replies needed is freed after each burst, if it is cut.
        let bursts = if at_once > 1 { times } else { 0 };
        assert!(counted < FIXED + bursts, "{args:?}: {counted} allocations for {times} times {at_once} messages");
    }
}

#[test]
fn listen_allocates_nothing_per_message() {
    let (asked, answered) = (b"SECRET 42\n", b"Digits: 42   Count: 2\n");
    assert_no_allocations("", asked, answered);
    assert_no_allocations("", b"hello\n", b"Secret code not found.\n");
    assert_no_allocations("--chunk 7", asked, answered);
    assert_no_allocations("--read-size 3", asked, answered);
    assert_no_allocations("--service echo", asked, asked);
    assert_no_allocations("--framing length:u16", b"\0\x09SECRET 42", b"\0\x15Digits: 42   Count: 2");
    assert_no_allocations(
        "--framing http",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nSECRET 42",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\nDigits: 42   Count: 2\n",
    );
}

#[test]
fn relay_allocates_nothing_per_message() {
    allocations("--service echo", |server| {
        assert_no_allocations(&format!("--relay {server}"), b"SECRET 42\n", b"SECRET 42\n");
    });
}

/// Not a test of its own: [`connect_allocations`] runs it in a process whose stdin and stdout are
/// those of the conversation, and reads the count on its stderr.
#[test]
#[ignore = "it is a part of another test, which runs it"]
fn count_allocations_of_one_connect() {
    let Ok(line) = std::env::var(COUNTED) else { return };
    let Task::Connect(config) = cli::parse(words(&line)).unwrap().task else { panic!() };
    let counted = measure(|| connect::run(&config, &without_output()).unwrap());
    writeln!(std::io::stderr(), "{}", counted.count_total).unwrap();
}

/// As [`allocations`], of a `connect` with these options: so many messages at a time go to its
/// stdin, and what is answered comes out of its stdout, again and again.
fn connect_allocations(
    args: &str,
    server: SocketAddr,
    asked: &[u8],
    answered: &[u8],
    at_once: usize,
    times: u64,
) -> u64 {
    // It ends by itself after a long time without traffic.
    let line = format!("secretcat connect {server} --quiet --idle-timeout {} {args}", DEADLINE.as_secs());
    let mut client = Command::new(std::env::current_exe().unwrap())
        // With one thread, the harness prints the name of the test, and the first reply on the same line.
        .args(["--ignored", "--exact", "count_allocations_of_one_connect", "--nocapture", "--test-threads", "2"])
        .env(COUNTED, line)
        .env_remove("SECRETCAT_ADDRESS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (client.stdin.take().unwrap(), BufReader::new(client.stdout.take().unwrap()));
    let (asked, mut got) = (asked.repeat(at_once), vec![0; answered.len() * at_once]);
    for turn in 0..times {
        input.write_all(&asked).unwrap();
        let mut came = 0;
        while turn == 0 && came == 0 {
            // The test harness prints on stdout before the first reply.
            let mut line = Vec::new();
            assert!(output.read_until(b'\n', &mut line).unwrap() > 0, "no reply");
            came = if line == answered { line.len() } else { 0 };
        }
        got[..came].copy_from_slice(&answered[..came]);
        output.read_exact(&mut got[came..]).unwrap();
        assert!(got.chunks(answered.len()).all(|reply| reply == answered), "{:?}", String::from_utf8_lossy(&got));
    }
    drop(input);
    let out = client.wait_with_output().unwrap();
    let output = String::from_utf8_lossy(&out.stderr);
    output.trim().parse().unwrap_or_else(|_| panic!("{output}"))
}

#[test]
fn connect_allocates_nothing_per_message() {
    let (asked, answered) = (b"SECRET 42\n", b"Digits: 42   Count: 2\n");
    // Memory that a burst of messages needed is freed after each burst, if it is cut.
    for (served, args, each_burst) in [
        ("", "", 0),
        ("", "--crlf", 0),
        ("", "--chunk 7", 1),
        ("", "--cut 3,-1", 1),
        ("", "--coalesce 2", 1),
        ("--framing length:u16", "--framing length:u16", 0),
        ("--framing http", "--framing http", 0),
    ] {
        allocations(served, |server| {
            for (at_once, times, bursts) in [(2, 2_000, 0), (100, 500, 500)] {
                let counted = connect_allocations(args, server, asked, answered, at_once, times);
                let most = FIXED + bursts * each_burst;
                assert!(counted < most, "{args:?}: {counted} allocations for {times} times {at_once} messages");
            }
        });
    }
}
