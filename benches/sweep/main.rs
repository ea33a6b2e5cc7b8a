//! The cost of a sweep: 1,000 plans of one message of 100 bytes, compared with 1,000 conversations without cuts, and
//! with a script that sleeps for 30 ms at each cut.
//!
//! `cargo bench --bench sweep` prints all of them and their ratios, the median of five runs each. It fails if a sweep
//! takes more than 20 times as long as the conversations, or makes less than 100 times as many plans a second as the
//! script.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const PLANS: u32 = 1000;
const RUNS: usize = 5;
/// The largest ratio of the cost of a sweep to that of the same conversations without cuts.
const BOUND: f64 = 20.0;
/// The number of plans of the script.
const SLEEPS: u32 = 20;
/// The smallest ratio of the plans a second of a sweep to those of the script.
const LEAST: f64 = 100.0;
/// A request of 100 bytes, to which nginx answers with `hello`.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \
    01234567890123456789012345678901234567890123456789012345678\r\n\r\n";

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
    let is_fast = against_nginx(&mut out);
    if worst > BOUND || !is_fast { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Compares a sweep of nginx with a script that sleeps; false if it is too slow.
fn against_nginx(out: &mut impl Write) -> bool {
    assert_eq!(REQUEST.len(), 100);
    let Some(Nginx { address, .. }) = &Nginx::start() else {
        writeln!(out, "skipped: no nginx").unwrap();
        return true;
    };
    let a_second = |plans: u32, time: Duration| f64::from(plans) / time.as_secs_f64();
    let ours = a_second(PLANS, middle(|| sweep_nginx(*address)));
    let theirs = a_second(SLEEPS, sleeps(address.port()));
    let line = |name: &str, plans: f64| format!("{name:<31}{:>8.2} ms a plan {plans:>8.0} plans/s", 1000.0 / plans);
    writeln!(out, "{}", line("nginx, sweep", ours)).unwrap();
    writeln!(out, "{}", line("nginx, script, sleeps of 30 ms", theirs)).unwrap();
    writeln!(out, "a sweep makes {:.0} times as many plans a second", ours / theirs).unwrap();
    ours / theirs >= LEAST
}

/// nginx on a free port. It is killed when this value is dropped.
struct Nginx {
    address: SocketAddr,
    server: Child,
    dir: PathBuf,
}

impl Nginx {
    /// Starts it, and waits until it listens; `None` where it is not installed.
    fn start() -> Option<Nginx> {
        // Debian installs it in a directory that only root has in its path.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let program = dirs.map(|dir| dir.join("nginx")).find(|path| path.is_file())?;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-nginx-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let root = dir.display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {root}/temp;\n"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;\nevents {{}}\n\
             http {{ access_log off; {temp} server {{ listen {address}; return 200 \"hello\\n\"; }} }}\n"
        );
        std::fs::write(dir.join("conf"), config).unwrap();
        let mut command = Command::new(program);
        command.args(["-e", "stderr", "-p"]).arg(&dir).arg("-c").arg(dir.join("conf"));
        let server = command.stderr(Stdio::null()).spawn().unwrap();
        let mut connect = Command::new(env!("CARGO_BIN_EXE_secretcat"));
        connect.args(["connect", "-z", &address.to_string(), "--retry", "500", "--retry-delay", "10ms"]);
        assert!(connect.stderr(Stdio::null()).status().unwrap().success(), "nginx does not start");
        Some(Nginx { address, server, dir })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A whole run of the program against nginx.
fn sweep_nginx(address: SocketAddr) {
    let args = ["sweep", &address.to_string(), "--framing", "http", "--mask", "(?m)^Date:.*$", "--max-plans", "1000"];
    let shown = fed(Command::new(env!("CARGO_BIN_EXE_secretcat")).args(args));
    assert!(shown.contains("1000 plans: 1000 same, 0 different, 0 not proven"), "{shown}");
}

/// The time of the plans of the script.
fn sleeps(port: u16) -> Duration {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sweep/sleeps.py");
    let shown = fed(Command::new("python3").args([script, &port.to_string(), &SLEEPS.to_string()]));
    Duration::from_secs_f64(shown.trim().parse().unwrap())
}

/// What a command prints that gets the request on stdin.
fn fed(command: &mut Command) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(REQUEST.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
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
