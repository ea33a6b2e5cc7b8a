//! Transfers of raw bytes over every kind of stdin and stdout, to a peer that the test plays.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use rustix::pipe::{PipeFlags, pipe_with};

use super::{Dir, Proc, Server, accept, local_listener, poll_until, read_some, reset, secretcat};

/// What stdin or stdout is. A pipe and a file can be moved within the kernel; to append to a file,
/// or to use a socket that is not ours, bytes are copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Std {
    Pipe,
    File,
    Append,
    Socket,
}

/// Options with which the kernel moves the bytes where it can, and options with which the program copies them.
pub(crate) const OPTIONS: [&[&str]; 4] =
    [&[], &["--trace", "/dev/null"], &["--chunk", "1000..70000"], &["--read-size", "5000"]];

/// What happens in which order, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scenario {
    /// stdin ends; the peer reads to that end, and ends.
    InputFirst,
    /// The peer closes while stdin stays open; then stdin ends.
    PeerFirst,
    /// Nobody reads stdout until the peer has read everything.
    SlowOutput,
    /// The peer reads nothing until stdout has everything.
    SlowPeer,
    /// The peer is killed at the end.
    Killed,
}

pub(crate) const SCENARIOS: [Scenario; 5] =
    [Scenario::InputFirst, Scenario::PeerFirst, Scenario::SlowOutput, Scenario::SlowPeer, Scenario::Killed];

/// One run of `connect --raw` or of `listen --service pipe`, whose peer is the test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pub(crate) listens: bool,
    pub(crate) input: Std,
    pub(crate) output: Std,
    pub(crate) options: &'static [&'static str],
    pub(crate) scenario: Scenario,
}

impl Transfer {
    /// Runs it; the bytes that the peer received, those that came out of stdout, the status, and stderr.
    fn run(
        self,
        program: impl Fn(&[&str]) -> Command,
        up: &[u8],
        down: &[u8],
        dir: &Dir,
    ) -> (Vec<u8>, Vec<u8>, Option<i32>, String) {
        let (from, to) = (dir.file("in"), dir.file("out"));
        std::fs::write(&from, up).unwrap();
        let _ = std::fs::remove_file(&to);
        let append = self.output == Std::Append;
        let file = || File::options().create(true).append(append).write(true).open(&to).unwrap();
        let (stdin, feed): (OwnedFd, Option<OwnedFd>) = match self.input {
            Std::Pipe => pipe_with(PipeFlags::CLOEXEC).map(|(out, into)| (out, Some(into))).unwrap(),
            Std::Socket => UnixStream::pair().map(|(ours, theirs)| (theirs.into(), Some(ours.into()))).unwrap(),
            Std::File | Std::Append => (File::open(&from).unwrap().into(), None),
        };
        let (stdout, read): (OwnedFd, Option<OwnedFd>) = match self.output {
            Std::Pipe => pipe_with(PipeFlags::CLOEXEC).map(|(out, into)| (into, Some(out))).unwrap(),
            Std::Socket => UnixStream::pair().map(|(ours, theirs)| (theirs.into(), Some(ours.into()))).unwrap(),
            Std::File | Std::Append => (file().into(), None),
        };
        let start = |args: &[&str]| {
            let mut command = program(args);
            Proc::start_on(command.args(self.options), stdin.into(), stdout.into(), Stdio::piped())
        };
        let (proc, peer, address) = if self.listens {
            let server = Server::from_proc(start(&["listen", "127.0.0.1:0", "--service", "pipe"]));
            let (peer, address) = (server.open(), server.address());
            (server.proc, peer, address)
        } else {
            let (listener, address) = local_listener();
            let proc = start(&["connect", "--raw", &address]);
            (proc, accept(&listener), address)
        };
        let theirs = peer.local_addr().unwrap().to_string();
        let (received, written, [open, _kept]) =
            self.play(peer, feed.map(File::from), read.map(File::from), up, down, &to);
        let _open = open.filter(|_| self.scenario == Scenario::Killed);
        let ended = proc.end();
        let written = if self.output == Std::File || append { std::fs::read(&to).unwrap() } else { written };
        let lines = ended.stderr.lines().filter(|line| !line.starts_with("listening on"));
        let stderr: String = lines.map(|line| line.replace(&theirs, "PEER").replace(&address, "PEER")).collect();
        (received, written, ended.status, stderr)
    }

    /// Plays the peer and both streams. Returns what the peer and stdout received, and the open ends of stdin and
    /// stdout.
    fn play(
        self,
        mut peer: TcpStream,
        mut feed: Option<File>,
        read: Option<File>,
        up: &[u8],
        down: &[u8],
        to: &std::path::Path,
    ) -> (Vec<u8>, Vec<u8>, [Option<File>; 2]) {
        let mut received = vec![0; up.len()];
        let (go, started) = channel();
        let (is_all_written, all_written) = channel();
        let input_ends = !matches!(self.scenario, Scenario::PeerFirst | Scenario::Killed);
        let mut peer_writer = peer.try_clone().unwrap();
        thread::scope(|scope| {
            let feeder = scope.spawn(move || {
                if let Some(feed) = &mut feed {
                    feed.write_all(up).unwrap();
                }
                feed.filter(|_| !input_ends)
            });
            let ends_late = self.scenario == Scenario::PeerFirst;
            let reader = scope.spawn(move || {
                started.recv().unwrap();
                let mut written = vec![0; down.len()];
                let mut kept = None;
                if let Some(mut read) = read {
                    read.read_exact(&mut written).unwrap();
                    is_all_written.send(()).unwrap();
                    if !ends_late {
                        read.read_to_end(&mut written).unwrap(); // else it ends when stdin does
                    }
                    kept = Some(read);
                } else {
                    let whole = || std::fs::metadata(to).unwrap().len() >= down.len() as u64;
                    poll_until("all bytes in the file", thread::yield_now, whole);
                    is_all_written.send(()).unwrap();
                }
                (written, kept)
            });
            let writer =
                scope.spawn(move || peer_writer.write_all(down).unwrap_or_else(|error| panic!("{self:?}: {error}")));
            if self.scenario != Scenario::SlowOutput {
                go.send(()).unwrap();
            }
            if self.scenario == Scenario::SlowPeer {
                all_written.recv().unwrap();
            }
            peer.read_exact(&mut received).unwrap();
            if self.scenario == Scenario::SlowOutput {
                go.send(()).unwrap();
            }
            let open = feeder.join().unwrap();
            writer.join().unwrap();
            if self.scenario != Scenario::SlowPeer {
                all_written.recv().unwrap();
            }
            if input_ends && !(self.listens && up.is_empty()) {
                assert_eq!(
                    read_some(&mut peer, &mut [0]).unwrap_or_else(|error| panic!("{self:?}: {error}")),
                    0,
                    "the end of stdin is passed on"
                );
            }
            if self.scenario == Scenario::Killed {
                reset(peer);
            } else {
                drop(peer);
            }
            let (written, kept) = reader.join().unwrap();
            (received, written, [open, kept])
        })
    }

    pub(crate) fn check(self, up: &[u8], down: &[u8], dir: &Dir) {
        self.check_with(|args| secretcat(args), up, down, dir);
    }

    /// Runs it with the program started by this command, and compares bytes, status and stderr.
    pub(crate) fn check_with(self, program: impl Fn(&[&str]) -> Command, up: &[u8], down: &[u8], dir: &Dir) {
        let (received, written, status, stderr) = self.run(program, up, down, dir);
        assert!(received == up, "{self:?} of {}: the peer was sent something else", up.len());
        assert!(written == down, "{self:?} of {}: {} bytes came out", down.len(), written.len());
        let (expected, line) = if self.scenario == Scenario::Killed {
            let lost = "0 bytes not sent, 0 sent but not acknowledged: connection reset by peer";
            let open = if self.input == Std::File { "" } else { "; stdin had not ended" };
            // What the peer has read it need not have acknowledged when it resets.
            let count =
                stderr.split(" not sent, ").nth(1).and_then(|rest| rest.split(" sent").next()).unwrap_or_default();
            (Some(1), format!("secretcat: PEER: {lost}{open}").replace("0 sent", &format!("{count} sent")))
        } else {
            (Some(0), String::new())
        };
        assert_eq!((status, stderr), (expected, line), "{self:?}");
    }
}
