//! Listeners, relays and pipes that a test starts for itself.

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use rustix::process::Signal;

use super::{Dir, Outcome, Proc, accept, ask, exchange, poll_until, run_command, secretcat, skip, tcp};

/// The reply to a message with these digits.
pub(crate) fn digits(digits: &str) -> String {
    format!("Digits: {digits}   Count: {}\n", digits.len())
}

pub(crate) const NOT_FOUND: &str = "Secret code not found.\n";

/// A listener that is ready.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) proc: Proc,
    pub(crate) addr: SocketAddr,
    /// The line `listening on ADDR:PORT` that it has printed.
    pub(crate) ready_line: String,
}

impl Server {
    /// `secretcat listen 127.0.0.1:0` with these arguments besides.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Server {
        Server::at("127.0.0.1:0", args)
    }

    #[track_caller]
    pub(crate) fn at(address: &str, args: &[&str]) -> Server {
        Server::from_command(secretcat(["listen", address]).args(args))
    }

    /// A program that prints `listening on ADDR:PORT` on stderr when it is ready.
    #[track_caller]
    pub(crate) fn from_command(command: &mut Command) -> Server {
        Server::from_proc(Proc::start(command))
    }

    #[track_caller]
    pub(crate) fn from_proc(proc: Proc) -> Server {
        let output = proc.stderr.wait(|bytes, over| over || listening_on(bytes).is_some()).0;
        let Some((ready_line, addr)) = listening_on(&output) else {
            panic!("{} does not listen: {:?}", proc.name, String::from_utf8_lossy(&output));
        };
        Server { proc, addr, ready_line }
    }

    /// A server of tests/peers with these arguments; `None` where there is no Python.
    #[track_caller]
    pub(crate) fn python(script: &str, args: &[&str]) -> Option<Server> {
        let mut command = Command::new("python3");
        command.arg("-u").arg(peer_script(script)).args(args);
        skip::has_program("python3").then(|| Server::from_command(&mut command))
    }

    /// A C program of tests/peers with files of `dir` as its arguments; `None` where its library is missing.
    #[track_caller]
    pub(crate) fn compiled(name: &str, libraries: &[&str], dir: &Dir, files: &[&str]) -> Option<Server> {
        if !skip::has_program("cc") {
            return None;
        }
        let program = dir.file(name);
        let compiled = run_command(
            Command::new("cc").arg(peer_script(&format!("{name}.c"))).arg("-o").arg(&program).args(libraries),
            "",
        );
        if compiled.status != Some(0) {
            assert!(compiled.stderr.contains("No such file or directory"), "{}", compiled.stderr);
            skip::skip(&format!("no headers of {name}"));
            return None;
        }
        Some(Server::from_command(Command::new(program).args(files.iter().map(|file| dir.file(file)))))
    }

    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    pub(crate) fn address(&self) -> String {
        self.addr.to_string()
    }

    /// A connection with the deadline on its reads and writes.
    #[track_caller]
    pub(crate) fn open(&self) -> TcpStream {
        tcp(self.addr)
    }

    /// Sends this, half-closes, and returns all that comes back until the end of file.
    #[track_caller]
    pub(crate) fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8_lossy(&exchange(self.open(), bytes.as_ref())).into_owned()
    }

    /// Stops it with SIGTERM.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.proc.signal(Signal::TERM);
        self.proc.end()
    }

    /// Stops it and compares its stderr after the ready line.
    #[track_caller]
    pub(crate) fn stops_with(self, stderr: &str) {
        let expected = format!("{}{stderr}", self.ready_line);
        self.stop().is(0, "", expected);
    }
}

/// A Python program of tests/peers.
pub(crate) fn peer_script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// A relay to the server at this address.
#[track_caller]
pub(crate) fn start_relay(to: &str, args: &[&str]) -> Server {
    Server::start(&[&["--relay", to][..], args].concat())
}

/// A client of a relay, and the server's end of its connection; the test plays both.
#[track_caller]
pub(crate) fn relayed_pair(listener: &TcpListener, relay: &Server) -> (TcpStream, TcpStream) {
    let client = relay.open();
    (client, accept(listener))
}

/// `listen --service pipe` with a file of these bytes as its stdin.
#[track_caller]
pub(crate) fn start_pipe_with_file(bytes: &[u8], dir: &Dir) -> Server {
    let path = dir.file("input");
    std::fs::write(&path, bytes).unwrap();
    start_pipe_on(File::open(path).unwrap().into(), &[])
}

/// `listen --service pipe` as a script starts it, `> out &`: with /dev/null as its stdin.
#[track_caller]
pub(crate) fn start_pipe_without_stdin(args: &[&str]) -> Server {
    start_pipe_on(Stdio::null(), args)
}

#[track_caller]
fn start_pipe_on(stdin: Stdio, args: &[&str]) -> Server {
    let mut command = secretcat(["listen", "127.0.0.1:0", "--service", "pipe"]);
    Server::from_proc(Proc::start_on(command.args(args), stdin, Stdio::piped(), Stdio::piped()))
}

/// A client that reads nothing and has sent this line until no more is taken: every buffer on the way
/// is full of lines and of their replies. Also the number of bytes it has sent.
#[track_caller]
pub(crate) fn client_with_full_buffers(server: &Server, line: &[u8]) -> (TcpStream, usize) {
    let lines = line.repeat(16384 / line.len());
    let client = server.open();
    client.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut partner = server.open();
    // It is full when nothing more is taken although the server has had turns for another client.
    poll_until(
        "full buffers",
        || assert_eq!(ask(&mut partner, ""), NOT_FOUND),
        || {
            let before = sent;
            while let Ok(n) = (&client).write(&lines[sent % line.len()..]) {
                sent += n;
            }
            sent == before
        },
    );
    client.set_nonblocking(false).unwrap();
    (client, sent)
}

/// A log of a listener without how long connections lasted.
pub(crate) fn without_durations(log: &str) -> String {
    Regex::new(r"\d+\.\d{3} s, ").unwrap().replace_all(log, "* s, ").into_owned()
}

fn listening_on(bytes: &[u8]) -> Option<(String, SocketAddr)> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.find_map(|line| {
        // The journal gets the level before it.
        let text = line.trim_end().trim_start_matches("<6>");
        Some((line.to_owned(), text.strip_prefix("listening on ")?.parse().ok()?))
    })
}
