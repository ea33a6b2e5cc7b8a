//! Running programs under one deadline, and talking to them: no test sleeps to wait for something.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod net;
pub(crate) mod pty;
pub(crate) mod skip;
pub(crate) mod trace;

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// The one deadline of every wait: far beyond what anything here takes, and reached by what hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The program under test, with nothing of this environment that would change what it does.
pub(crate) fn secretcat<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secretcat"));
    clean(&mut command).args(args);
    command
}

/// `program args…` in a shell, where a redirection or a limit is to be set: `$0` is the program
/// under test, `$@` are the arguments.
pub(crate) fn shell<S: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("sh");
    clean(&mut command).arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_secretcat")).args(args);
    command
}

/// Takes away what of this environment would change what the program does.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for name in ["SECRETCAT_ADDRESS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").env("LC_ALL", "C")
}

/// Runs the program to its end with this on its stdin.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, input: impl AsRef<[u8]>) -> Outcome {
    run_command(&mut secretcat(args), input)
}

pub(crate) fn run_command(command: &mut Command, input: impl AsRef<[u8]>) -> Outcome {
    let mut proc = Proc::start(command);
    proc.feed(input.as_ref().to_vec());
    proc.end()
}

/// How a program ended, and all that it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Compares all of it.
    #[track_caller]
    pub(crate) fn is(&self, status: i32, stdout: impl AsRef<[u8]>, stderr: impl AsRef<str>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let got = (self.status, text(&self.stdout), self.stderr.as_str());
        let want = (Some(status), text(stdout.as_ref()), stderr.as_ref());
        assert_eq!(got, want, "signal {:?}", self.signal);
        assert_eq!(self.stdout, stdout.as_ref());
    }
}

/// A running program. It is killed when this goes.
#[derive(Debug)]
pub(crate) struct Proc {
    child: Child,
    name: String,
    stdin: Option<ChildStdin>,
    stdout: Arc<Heard>,
    stderr: Arc<Heard>,
    ended: Receiver<()>,
}

/// What has come out of one stream so far.
#[derive(Debug, Default)]
struct Heard {
    state: Mutex<(Vec<u8>, bool)>,
    more: Condvar,
}

impl Heard {
    fn listen(stream: Option<impl Read + Send + 'static>) -> Arc<Heard> {
        let heard = Arc::new(Heard::default());
        let theirs = Arc::clone(&heard);
        thread::spawn(move || {
            let mut buf = vec![0; 65536];
            let mut stream = stream;
            while let Some(Ok(n @ 1..)) = stream.as_mut().map(|stream| stream.read(&mut buf)) {
                theirs.state.lock().unwrap_or_else(PoisonError::into_inner).0.extend_from_slice(&buf[..n]);
                theirs.more.notify_all();
            }
            theirs.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
            theirs.more.notify_all();
        });
        heard
    }

    /// Waits until `enough` finds what it looks for, or the stream or the time ends.
    fn wait(&self, mut enough: impl FnMut(&[u8], bool) -> bool) -> (Vec<u8>, bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut (Vec<u8>, bool)| !enough(&state.0, state.1);
        let (state, timed_out) =
            self.more.wait_timeout_while(state, DEADLINE, waiting).unwrap_or_else(PoisonError::into_inner);
        (state.0.clone(), !timed_out.timed_out())
    }
}

impl Proc {
    /// Starts it, with pipes to its three streams.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Proc {
        Proc::start_on(command, Stdio::piped(), Stdio::piped(), Stdio::piped())
    }

    /// Starts it on these streams; those that are pipes are fed and read here.
    #[track_caller]
    pub(crate) fn start_on(command: &mut Command, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Proc {
        let name = format!("{command:?}");
        let mut child = match command.stdin(stdin).stdout(stdout).stderr(stderr).spawn() {
            Ok(child) => child,
            Err(error) => panic!("{name}: {error}"),
        };
        let (sender, ended) = channel();
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            // The child is not reaped here, so its number stays its own until `Proc` is done with it.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            let _ = sender.send(());
        });
        Proc {
            stdin: child.stdin.take(),
            stdout: Heard::listen(child.stdout.take()),
            stderr: Heard::listen(child.stderr.take()),
            child,
            name,
            ended,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Writes to its stdin.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stdin.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Writes all of this to its stdin, as fast as it is taken, and closes it.
    pub(crate) fn feed(&mut self, bytes: Vec<u8>) {
        if let Some(mut stdin) = self.stdin.take() {
            // A program may end without reading its input.
            thread::spawn(move || drop(stdin.write_all(&bytes)));
        }
    }

    /// Waits until its stdout contains this.
    #[track_caller]
    pub(crate) fn until_stdout(&self, text: &str) -> String {
        self.until("stdout", &self.stdout, text)
    }

    /// Waits until its stderr contains this.
    #[track_caller]
    pub(crate) fn until_stderr(&self, text: &str) -> String {
        self.until("stderr", &self.stderr, text)
    }

    #[track_caller]
    fn until(&self, which: &str, heard: &Heard, text: &str) -> String {
        let contains = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        let (bytes, _) = heard.wait(|bytes, over| over || contains(bytes));
        let told = String::from_utf8_lossy(&bytes).into_owned();
        assert!(contains(&bytes), "{}: no {text:?} on {which}: {told:?}, stderr {:?}", self.name, self.so_far().1);
        told
    }

    /// What it has said so far on stdout and stderr.
    pub(crate) fn so_far(&self) -> (Vec<u8>, String) {
        let copy = |heard: &Heard| heard.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        (copy(&self.stdout), String::from_utf8_lossy(&copy(&self.stderr)).into_owned())
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Outcome {
        let in_time = self.ended.recv_timeout(DEADLINE).is_ok();
        assert!(in_time, "{} does not end: {:?}", self.name, self.so_far());
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.wait(|_, over| over).0;
        let stderr = self.stderr.wait(|_, over| over).0;
        Outcome {
            status: status.code(),
            signal: status.signal(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message listener of its own for one test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) proc: Proc,
    pub(crate) addr: SocketAddr,
    /// The line that said so.
    pub(crate) said: String,
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

    /// Whatever says `listening on ADDR:PORT` on its stderr.
    #[track_caller]
    pub(crate) fn from_command(command: &mut Command) -> Server {
        Server::from_proc(Proc::start(command))
    }

    #[track_caller]
    pub(crate) fn from_proc(proc: Proc) -> Server {
        let heard = proc.stderr.wait(|bytes, over| over || listening_on(bytes).is_some()).0;
        let Some((said, addr)) = listening_on(&heard) else {
            panic!("{} does not listen: {:?}", proc.name, String::from_utf8_lossy(&heard));
        };
        Server { proc, addr, said }
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
    pub(crate) fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8_lossy(&converse(self.open(), bytes.as_ref())).into_owned()
    }

    /// Asks it to end with SIGTERM, and waits.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.proc.signal(Signal::TERM);
        self.proc.end()
    }

    /// Ends it and compares all that it has said besides the line of its address.
    #[track_caller]
    pub(crate) fn stops_with(self, stderr: &str) {
        let expected = format!("{}{stderr}", self.said);
        self.stop().is(0, "", expected);
    }
}

fn listening_on(bytes: &[u8]) -> Option<(String, SocketAddr)> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.find_map(|line| Some((line.to_owned(), line.trim_end().strip_prefix("listening on ")?.parse().ok()?)))
}

/// A connection with the deadline on its reads and writes.
#[track_caller]
pub(crate) fn tcp(addr: SocketAddr) -> TcpStream {
    limited(TcpStream::connect_timeout(&addr, DEADLINE).unwrap())
}

pub(crate) fn limited(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends this, half-closes, and reads until the end of file, both at the same time.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "the conversation ends with its stream")]
pub(crate) fn converse(stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut answers = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            // A server may close before it has read all.
            let sent = (&stream).write_all(bytes);
            let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
        });
        (&stream).read_to_end(&mut answers).unwrap();
    });
    answers
}

/// Sends one message and reads its one line of answer.
#[track_caller]
pub(crate) fn ask(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(format!("{message}\n").as_bytes()).unwrap();
    read_line(stream)
}

/// Reads up to a line feed, and no further.
#[track_caller]
pub(crate) fn read_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        match stream.read(&mut byte) {
            Ok(1) => line.push(byte[0]),
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&line)),
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Makes the close of this connection a reset.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// Asks again and again, as often as `step` allows, until `done` or the deadline. `step` waits for
/// an event of its own, such as the answer of a server.
#[track_caller]
pub(crate) fn poll_until(what: &str, mut step: impl FnMut(), mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "{what} does not come true");
        step();
    }
}

/// The answer of the service to one message.
pub(crate) fn digits(digits: &str) -> String {
    format!("Digits: {digits}   Count: {}\n", digits.len())
}

pub(crate) const NOT_FOUND: &str = "Secret code not found.\n";

/// An empty directory that goes when the test ends.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// `name` tells the tests of one process apart.
    pub(crate) fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("secretcat-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a program can be started here.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A connection that takes its peer's part in the test: the first to arrive at a listener of ours.
#[track_caller]
pub(crate) fn accept(listener: &std::net::TcpListener) -> TcpStream {
    let (sender, receiver) = channel();
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || drop(sender.send(listener.accept().map(|(stream, _)| stream))));
    let arrival: io::Result<TcpStream> = receiver.recv_timeout(DEADLINE).unwrap();
    limited(arrival.unwrap())
}
