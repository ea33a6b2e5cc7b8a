//! The cost of a sweep: 1,000 plans of one message of 100 bytes, compared with 1,000 conversations without cuts.
//!
//! `cargo bench --bench sweep` prints both and their ratio, the median of five runs each, and fails if the ratio is
//! over 20.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const PLANS: u32 = 1000;
const RUNS: usize = 5;
/// The largest ratio of the cost of a sweep to that of the same conversations without cuts.
const BOUND: f64 = 20.0;

fn main() -> ExitCode {
    let message = format!("SECRET {:092}", 12345);
    assert_eq!(message.len() + 1, 100);
    let (mut server, address) = listen();
    let uncut = middle(|| {
        for _ in 0..PLANS {
            converse(address, &message);
        }
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{PLANS} conversations uncut      {:>8.1} ms", milliseconds(uncut)).unwrap();
    let mut worst: f64 = 0.0;
    for jobs in ["1", "4", "16"] {
        let cut = middle(|| sweep(address, &message, jobs));
        let ratio = cut.as_secs_f64() / uncut.as_secs_f64();
        worst = worst.max(ratio);
        writeln!(out, "{PLANS} plans, --jobs {jobs:<2}         {:>8.1} ms  {ratio:.1} times", milliseconds(cut))
            .unwrap();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    if worst > BOUND { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The message service on a free port.
fn listen() -> (Child, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secretcat"));
    let mut server = command.args(["listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    (server, line.trim_end().strip_prefix("listening on ").unwrap().parse().unwrap())
}

/// A simple client: connect, send, read the reply, close.
fn converse(address: SocketAddr, message: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{message}\n").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"Count: 92\n"));
}

/// A whole run of the program: start, baselines, plans, report.
fn sweep(address: SocketAddr, message: &str, jobs: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secretcat"));
    command.args(["sweep", &address.to_string(), "-m", message, "--jobs", jobs]);
    let out = command.args(["--max-plans", &PLANS.to_string()]).output().unwrap();
    let told = String::from_utf8_lossy(&out.stdout);
    assert!(told.contains("1000 plans: 1000 same, 0 different, 0 not proven"), "{told}");
}

fn middle(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[RUNS / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
