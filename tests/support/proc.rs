//! Starts programs, writes to their stdin, captures their output and waits for their end, within the deadline.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::{DEADLINE, Dir, install, read_some};

/// The program under test, without the variables of this environment that would change its behavior.
pub(crate) fn secretcat<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secretcat"));
    clear_env(&mut command).args(args);
    command
}

/// `program args…` in a shell, where a redirection or a limit is to be set: `$0` is the program
/// under test, `$@` are the arguments.
pub(crate) fn shell<S: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new("sh");
    clear_env(&mut command).arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_secretcat")).args(args);
    command
}

/// The program under a limit of setrlimit(2), as the shell's `ulimit` has it: `-n 64`.
pub(crate) fn with_limit<S: AsRef<OsStr>>(limit: &str, args: impl IntoIterator<Item = S>) -> Command {
    shell(&format!("ulimit {limit} && exec \"$0\" \"$@\""), args)
}

/// The program as the user nobody, from a copy in this directory, which that user may run.
pub(crate) fn as_nobody<S: AsRef<OsStr>>(dir: &Dir, args: impl IntoIterator<Item = S>) -> Command {
    let program = dir.file("secretcat");
    if !program.exists() {
        install(&program, File::open(env!("CARGO_BIN_EXE_secretcat")).unwrap());
    }
    let mut command = Command::new("setpriv");
    clear_env(&mut command).args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]);
    command.arg(program).args(args);
    command
}

/// The program under strace(1) with these options, which logs system calls to `log`.
pub(crate) fn under_strace<S: AsRef<OsStr>>(
    log: &Path,
    options: &[&str],
    args: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = Command::new("strace");
    clear_env(&mut command).args(["-f", "-qq", "-o"]).arg(log).args(options);
    command.arg(env!("CARGO_BIN_EXE_secretcat")).args(args);
    command
}

/// Removes the variables of this environment that would change the behavior of the program.
pub(crate) fn clear_env(command: &mut Command) -> &mut Command {
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

/// The end of a program: its status or signal, and its whole output.
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

    /// N and M of `N bytes not sent, M sent but not acknowledged`, which must be its only line of error. On a
    /// busy machine the line about a stdin that is waited for may come before it.
    #[track_caller]
    pub(crate) fn lost_bytes(&self) -> (usize, usize) {
        assert_eq!(self.status, Some(1), "{}", self.stderr);
        let is_error = |line: &&str| !line.starts_with("listening on ") && !line.contains("still waiting for stdin");
        let lines: Vec<&str> = self.stderr.lines().filter(is_error).collect();
        let [line] = lines[..] else { panic!("not one line: {lines:?}") };
        let (before, after) = line.split_once(" not sent, ").unwrap_or_else(|| panic!("{line:?} does not count"));
        let unsent = before.split(' ').rev().find_map(|word| word.parse().ok());
        let unacknowledged = after.split(' ').next().and_then(|word| word.parse().ok());
        assert!(after.contains(" sent but not acknowledged"), "{line:?}");
        (unsent.unwrap(), unacknowledged.unwrap())
    }
}

/// A running program. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Proc {
    child: Child,
    pub(super) name: String,
    stdin: Option<ChildStdin>,
    stdout: Arc<Captured>,
    pub(super) stderr: Arc<Captured>,
    ended: Receiver<()>,
}

/// The bytes read from one stream of a program so far, and whether the stream has ended.
#[derive(Debug, Default)]
pub(super) struct Captured {
    state: Mutex<(Vec<u8>, bool)>,
    more: Condvar,
}

impl Captured {
    fn read_from(stream: Option<impl Read + Send + 'static>) -> Arc<Captured> {
        let captured = Arc::new(Captured::default());
        let writer = Arc::clone(&captured);
        thread::spawn(move || {
            let mut buf = vec![0; 65536];
            let mut stream = stream;
            while let Some(Ok(n @ 1..)) = stream.as_mut().map(|stream| read_some(stream, &mut buf)) {
                writer.state.lock().unwrap_or_else(PoisonError::into_inner).0.extend_from_slice(&buf[..n]);
                writer.more.notify_all();
            }
            writer.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
            writer.more.notify_all();
        });
        captured
    }

    /// Waits until `enough` returns true or the deadline has passed. It gets the bytes so far, and whether the
    /// stream has ended.
    pub(super) fn wait(&self, mut enough: impl FnMut(&[u8], bool) -> bool) -> (Vec<u8>, bool) {
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
            stdout: Captured::read_from(child.stdout.take()),
            stderr: Captured::read_from(child.stderr.take()),
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
    pub(crate) fn wait_for_stdout(&self, text: &str) -> String {
        self.wait_for("stdout", &self.stdout, text)
    }

    /// Waits until its stderr contains this.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, text: &str) -> String {
        self.wait_for("stderr", &self.stderr, text)
    }

    #[track_caller]
    fn wait_for(&self, which: &str, captured: &Captured, text: &str) -> String {
        let contains = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        let (bytes, _) = captured.wait(|bytes, over| over || contains(bytes));
        let output = String::from_utf8_lossy(&bytes).into_owned();
        let stderr = || self.output_so_far().1;
        assert!(contains(&bytes), "{}: no {text:?} on {which}: {output:?}, stderr {:?}", self.name, stderr());
        output
    }

    /// Its output so far: stdout and stderr.
    pub(crate) fn output_so_far(&self) -> (Vec<u8>, String) {
        let copy = |captured: &Captured| captured.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
        (copy(&self.stdout), String::from_utf8_lossy(&copy(&self.stderr)).into_owned())
    }

    /// Waits for its end, or until then; whether it has ended.
    pub(crate) fn ends_by(&self, until: Instant) -> bool {
        // The thread that waits sends once and ends.
        self.ended.recv_timeout(until.saturating_duration_since(Instant::now())) != Err(RecvTimeoutError::Timeout)
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Outcome {
        let in_time = self.ends_by(Instant::now() + DEADLINE);
        assert!(in_time, "{} does not end: {:?}", self.name, self.output_so_far());
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
