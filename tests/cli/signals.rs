//! Signals to each command: what it writes before it ends, and the status that a shell sees.

use std::any::Any;
use std::fs::read_to_string;
use std::io::Write;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::pid_1::{as_pid_1, child_of, has_pid_namespaces};
use crate::support::pty::{Terminal, on_terminal, open_pty};
use crate::support::trace::Trace;
use crate::support::{
    Dir, Outcome, Proc, Server, accept, ask, clear_env, digits, local_listener, read_line, secretcat, shell, skip,
};

/// The commands, in the states in which a signal meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Listen,
    Threads,
    Pipe,
    Relay,
    /// A run without a recording and without a terminal.
    Unrecorded,
    Connect,
    Raw,
    /// A run that waits before a retry.
    Retrying,
    Loopback,
    Sweep,
}

const TASKS: [Task; 10] = [
    Task::Listen,
    Task::Threads,
    Task::Pipe,
    Task::Relay,
    Task::Unrecorded,
    Task::Connect,
    Task::Raw,
    Task::Retrying,
    Task::Loopback,
    Task::Sweep,
];

const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

impl Task {
    fn listens(self) -> bool {
        matches!(self, Task::Listen | Task::Threads | Task::Pipe | Task::Relay)
    }
}

/// A running command.
struct Run {
    task: Task,
    proc: Proc,
    dir: Dir,
    /// Its peers, which do not change until it has ended.
    peers: Vec<Box<dyn Any>>,
}

impl Run {
    /// Starts the command that `wrap` returns, and waits until it is working.
    fn start(task: Task, wrap: &dyn Fn(&Command) -> Command) -> Run {
        let dir = Dir::new(&format!("endings-{task:?}-{:?}", std::thread::current().id()));
        let file = |name: &str| dir.file(name).display().to_string();
        let recorded = ["--stats", "--trace", &file("trace"), "--timeline", &file("timeline.svg")];
        let command = |args: &[&str], more: &[&str]| wrap(secretcat(args).args(more));
        let listen = |more: &[&str]| {
            let server =
                Server::from_command(&mut command(&[&["listen", "-v", "127.0.0.1:0"], more].concat(), &recorded));
            let client = server.open();
            (server, client)
        };
        let (listener, address) = local_listener();
        let (proc, peers): (Proc, Vec<Box<dyn Any>>) = match task {
            Task::Listen | Task::Threads => {
                let more = if task == Task::Threads { &["--threads", "2"][..] } else { &[] };
                let (server, mut client) = listen(more);
                assert_eq!(ask(&mut client, "SECRET 1"), digits("1"));
                (server.proc, vec![Box::new(client)])
            }
            Task::Pipe => {
                let (server, mut client) = listen(&["--service", "pipe"]);
                client.write_all(b"hello\n").unwrap();
                server.proc.wait_for_stdout("hello\n");
                (server.proc, vec![Box::new(client)])
            }
            Task::Relay => {
                let (relay, mut client) = listen(&["--relay", &address]);
                let mut upstream = accept(&listener);
                client.write_all(b"hello\n").unwrap();
                assert_eq!(read_line(&mut upstream), "hello\n");
                (relay.proc, vec![Box::new(client), Box::new(upstream)])
            }
            Task::Unrecorded | Task::Connect => {
                let more = if task == Task::Unrecorded { &[][..] } else { &recorded };
                let proc = Proc::start(&mut command(&["connect", &address, "-m", "a"], more));
                let mut server = accept(&listener);
                assert_eq!(read_line(&mut server), "a\n");
                (proc, vec![Box::new(server)])
            }
            Task::Raw => {
                let mut proc = Proc::start(&mut command(&["connect", "--raw", &address], &recorded));
                proc.write("a\n");
                let mut server = accept(&listener);
                assert_eq!(read_line(&mut server), "a\n");
                (proc, vec![Box::new(server)])
            }
            Task::Retrying => {
                let args = ["connect", "127.0.0.1:1", "-v", "-m", "a", "--retry", "1", "--retry-delay", "1h"];
                let proc = Proc::start(&mut command(&args, &recorded));
                proc.wait_for_stderr("trying again");
                (proc, vec![])
            }
            Task::Loopback => {
                let mut proc = Proc::start(&mut command(&["connect", "--loopback"], &recorded));
                proc.write("SECRET 1\n");
                proc.wait_for_stdout(&digits("1"));
                (proc, vec![])
            }
            Task::Sweep => {
                let reports = ["--json", "--junit", &file("junit"), "--timeout", "1h"];
                let proc = Proc::start(&mut command(&["sweep", &address, "-m", "a"], &reports));
                let mut server = accept(&listener);
                assert_eq!(read_line(&mut server), "a\n");
                (proc, vec![Box::new(server)])
            }
        };
        Run { task, proc, dir, peers }
    }

    /// Waits for its end, and checks its output.
    #[track_caller]
    fn end(mut self) -> Outcome {
        if self.task.listens() {
            self.proc.wait_for_stderr("stopping");
            self.peers.clear(); // it would wait for them
        }
        let out = self.proc.end();
        match self.task {
            Task::Unrecorded => assert!(out.stdout.is_empty(), "{out:?}"),
            Task::Sweep => {
                let found: Value = serde_json::from_slice(&out.stdout).unwrap();
                let shown = out.status.or(out.signal.map(|signal| 128 + signal)).unwrap();
                assert_eq!((&found["error"], &found["status"]), (&"interrupted".into(), &shown.into()));
                let junit = read_to_string(self.dir.file("junit")).unwrap();
                assert!(junit.ends_with("</testsuite>\n") && junit.contains("interrupted"), "{junit}");
            }
            _ => {
                assert!(out.stderr.contains("connections "), "no summary: {}", out.stderr);
                let trace = Trace::read(&self.dir.file("trace"));
                assert!(!trace.0.is_empty(), "{:?}", self.task);
                let timeline = read_to_string(self.dir.file("timeline.svg")).unwrap();
                assert!(timeline.trim_end().ends_with("</svg>"), "{timeline}");
            }
        }
        out
    }

    /// The required end after a signal: this status, or death by this signal.
    fn ends_with(task: Task, signal: Signal) -> (Option<i32>, Option<i32>) {
        if task.listens() && signal != Signal::INT { (Some(0), None) } else { (None, Some(signal.as_raw())) }
    }
}

fn unwrapped(command: &Command) -> Command {
    let mut same = Command::new(command.get_program());
    clear_env(same.args(command.get_args()));
    same
}

#[test]
fn each_command_writes_its_files_and_dies_of_the_signal() {
    if !skip::has_signals() {
        return;
    }
    for task in TASKS {
        for signal in SIGNALS {
            let run = Run::start(task, &unwrapped);
            run.proc.signal(signal);
            let out = run.end();
            assert_eq!((out.status, out.signal), Run::ends_with(task, signal), "{task:?} {signal:?}: {}", out.stderr);
        }
    }
}

#[test]
fn signals_end_each_command_as_pid_1_of_a_container() {
    if !has_pid_namespaces() {
        return;
    }
    for task in TASKS {
        for signal in [Signal::INT, Signal::TERM] {
            let run = Run::start(task, &as_pid_1);
            kill_process(child_of(&run.proc), signal).unwrap();
            let out = run.end();
            // The default action of a signal does not end PID 1: the status has the number of the signal.
            let expected = match Run::ends_with(task, signal) {
                (None, Some(number)) => Some(128 + number),
                (status, _) => status,
            };
            assert_eq!((out.status, out.signal), (expected, None), "{task:?} {signal:?}: {}", out.stderr);
        }
    }
}

#[test]
fn closing_the_terminal_ends_each_command() {
    if !skip::has_signals() {
        return;
    }
    let (listener, address) = local_listener();
    let start = |args: &[&str]| {
        let (master, slave) = open_pty();
        let mut command = on_terminal(&secretcat(args));
        let proc = Proc::start_on(&mut command, slave().into(), slave().into(), Stdio::piped());
        (proc, master)
    };
    for service in ["secret", "pipe"] {
        let (proc, terminal) = start(&["listen", "127.0.0.1:0", "--service", service]);
        let server = Server::from_proc(proc);
        drop(terminal);
        server.proc.end().is(0, "", &server.ready_line);
    }
    let sweep = ["sweep", &address, "-m", "a", "--timeout", "1h"];
    for args in [&["connect", &address, "-m", "a"][..], &["connect", "--raw", &address], &sweep] {
        let (proc, terminal) = start(args);
        let server = accept(&listener);
        drop(terminal);
        let out = proc.end();
        assert_eq!((out.status, out.signal), (None, Some(1)), "{args:?}: {}", out.stderr);
        drop(server);
    }
}

#[test]
fn second_signal_ends_pid_1_of_a_container_at_once() {
    if !has_pid_namespaces() {
        return;
    }
    // Its peers stay open: otherwise it would wait for them, and exit with status 0.
    let run = Run::start(Task::Relay, &as_pid_1);
    let first = child_of(&run.proc);
    kill_process(first, Signal::TERM).unwrap();
    run.proc.wait_for_stderr("stopping");
    kill_process(first, Signal::TERM).unwrap();
    let out = run.proc.end();
    assert_eq!((out.status, out.signal), (Some(143), None), "{}", out.stderr);
}

/// A loop of bash(1) over the program, on a terminal. `None` where there is no bash.
fn in_a_shell_loop<const N: usize>(args: [&str; N]) -> Option<Terminal> {
    if !skip::has_program("bash") {
        return None;
    }
    let mut command = Command::new("bash");
    let script = "for i in 1 2 3; do echo \"run $i\"; \"$0\" \"$@\"; done; echo finished";
    clear_env(&mut command).args(["-c", script, env!("CARGO_BIN_EXE_secretcat")]).args(args);
    Some(Terminal::start(&command))
}

#[test]
fn ctrl_c_ends_a_shell_loop_too() {
    if !skip::has_signals() {
        return;
    }
    let (listener, address) = local_listener();
    let ends = |mut terminal: Terminal| {
        terminal.types("\x03");
        let (out, shown) = terminal.end();
        assert!(shown.contains("run 1") && !shown.contains("run 2") && !shown.contains("finished"), "{shown}");
        assert_eq!(out.signal, Some(2), "{shown}");
    };
    let Some(mut listen) = in_a_shell_loop(["listen", "127.0.0.1:0"]) else { return };
    listen.sees("listening on ");
    ends(listen);
    let Some(mut conversation) = in_a_shell_loop(["connect", &address]) else { return };
    let _server = accept(&listener);
    conversation.sees("Enter Message: ");
    ends(conversation);
    let args = ["sweep", &address, "-m", "a", "--timeout", "1h"];
    let Some(sweep) = in_a_shell_loop(args) else { return };
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    ends(sweep);
}

#[test]
fn sigint_ends_listen_and_sweep_in_the_background() {
    // A shell without job control starts it with SIGINT ignored, and prints its status.
    let script = "\"$0\" \"$@\" & echo \"$!;\"; wait $!; echo \"ended with $?\"";
    let (listener, address) = local_listener();
    let ends = |job: Proc, signals: &[Signal], status: u8| {
        let pid = job.wait_for_stdout(";").trim_end().trim_end_matches(';').to_owned();
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        for &signal in signals {
            kill_process(pid, signal).unwrap();
        }
        let out = job.end();
        let shown = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(shown.ends_with(&format!("ended with {status}\n")), "{shown}");
    };
    let client = |args: &[&str]| {
        let job = Proc::start(&mut shell(script, args));
        let mut server = accept(&listener);
        assert_eq!(read_line(&mut server), "a\n");
        (job, server)
    };
    ends(Server::from_command(&mut shell(script, ["listen", "127.0.0.1:0"])).proc, &[Signal::INT], 130);
    let (sweep, _server) = client(&["sweep", &address, "-m", "a", "--timeout", "1h"]);
    ends(sweep, &[Signal::INT], 130);
    // `connect` leaves it ignored, as other programs do.
    let (connect, _server) = client(&["connect", &address, "-m", "a", "--stats"]);
    ends(connect, &[Signal::INT, Signal::TERM], 143);
}
