//! Raw bytes arrive unchanged and end the same way, whether the kernel or the program moves them.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use proptest::prelude::*;
use proptest::sample::select;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::connect::stage;
use crate::raw::noise;
use crate::support::{Dir, Proc, Server, accept, ends_in_a_reset, poll_until, reset, secretcat};

/// What stdin or stdout is. A pipe and a file can be moved within the kernel; to append to a file,
/// or to use a socket that is not ours, bytes are copied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Std {
    Pipe,
    File,
    Append,
    Socket,
}

/// What has the bytes read and written by this program, and what does not.
const SEEING: [&[&str]; 4] = [&[], &["--trace", "/dev/null"], &["--chunk", "1000..70000"], &["--read-size", "5000"]];

/// How the conversation goes and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Story {
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

const STORIES: [Story; 5] = [Story::InputFirst, Story::PeerFirst, Story::SlowOutput, Story::SlowPeer, Story::Killed];

/// One run: what is between the two streams, and what is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub listens: bool,
    pub input: Std,
    pub output: Std,
    pub seeing: &'static [&'static str],
    pub story: Story,
}

impl Case {
    /// Runs it; what the peer was sent, what came out at stdout, status and stderr.
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
            Proc::start_on(command.args(self.seeing), stdin.into(), stdout.into(), Stdio::piped())
        };
        let (proc, peer, address) = if self.listens {
            let server = Server::from_proc(start(&["listen", "127.0.0.1:0", "--service", "pipe"]));
            let (peer, address) = (server.open(), server.address());
            (server.proc, peer, address)
        } else {
            let (listener, address) = stage();
            let proc = start(&["connect", "--raw", &address]);
            (proc, accept(&listener), address)
        };
        let theirs = peer.local_addr().unwrap().to_string();
        let (said, shown, [open, _kept]) =
            self.converse(peer, feed.map(File::from), read.map(File::from), up, down, &to);
        let _open = open.filter(|_| self.story == Story::Killed);
        let ended = proc.end();
        let shown = if self.output == Std::File || append { std::fs::read(&to).unwrap() } else { shown };
        let lines = ended.stderr.lines().filter(|line| !line.starts_with("listening on"));
        let told: String = lines.map(|line| line.replace(&theirs, "PEER").replace(&address, "PEER")).collect();
        (said, shown, ended.status, told)
    }

    /// Plays the peer and both streams; what the peer and stdout were given, and the open ends of stdin and stdout.
    fn converse(
        self,
        mut peer: TcpStream,
        mut feed: Option<File>,
        read: Option<File>,
        up: &[u8],
        down: &[u8],
        to: &std::path::Path,
    ) -> (Vec<u8>, Vec<u8>, [Option<File>; 2]) {
        let mut said = vec![0; up.len()];
        let (go, gate) = channel();
        let (all_is_shown, shown_all) = channel();
        let input_ends = !matches!(self.story, Story::PeerFirst | Story::Killed);
        let mut mouth = peer.try_clone().unwrap();
        thread::scope(|scope| {
            let feeder = scope.spawn(move || {
                if let Some(feed) = &mut feed {
                    feed.write_all(up).unwrap();
                }
                feed.filter(|_| !input_ends)
            });
            let ends_late = self.story == Story::PeerFirst;
            let reader = scope.spawn(move || {
                gate.recv().unwrap();
                let mut shown = vec![0; down.len()];
                let mut kept = None;
                if let Some(mut read) = read {
                    read.read_exact(&mut shown).unwrap();
                    all_is_shown.send(()).unwrap();
                    if !ends_late {
                        read.read_to_end(&mut shown).unwrap(); // else it ends when stdin does
                    }
                    kept = Some(read);
                } else {
                    let whole = || std::fs::metadata(to).unwrap().len() >= down.len() as u64;
                    poll_until("all of it in the file", thread::yield_now, whole);
                    all_is_shown.send(()).unwrap();
                }
                (shown, kept)
            });
            let teller = scope.spawn(move || mouth.write_all(down).unwrap_or_else(|error| panic!("{self:?}: {error}")));
            if self.story != Story::SlowOutput {
                go.send(()).unwrap();
            }
            if self.story == Story::SlowPeer {
                shown_all.recv().unwrap();
            }
            peer.read_exact(&mut said).unwrap();
            if self.story == Story::SlowOutput {
                go.send(()).unwrap();
            }
            let open = feeder.join().unwrap();
            teller.join().unwrap();
            if self.story != Story::SlowPeer {
                shown_all.recv().unwrap();
            }
            if input_ends && !(self.listens && up.is_empty()) {
                assert_eq!(
                    peer.read(&mut [0]).unwrap_or_else(|error| panic!("{self:?}: {error}")),
                    0,
                    "the end of stdin is passed on"
                );
            }
            if self.story == Story::Killed {
                reset(peer);
            } else {
                drop(peer);
            }
            let (shown, kept) = reader.join().unwrap();
            (said, shown, [open, kept])
        })
    }

    fn check(self, up: &[u8], down: &[u8], dir: &Dir) {
        self.check_of(|args| secretcat(args), up, down, dir);
    }

    /// Runs it, the program being started so, and compares all that came of it.
    pub fn check_of(self, program: impl Fn(&[&str]) -> Command, up: &[u8], down: &[u8], dir: &Dir) {
        let (said, shown, status, told) = self.run(program, up, down, dir);
        assert!(said == up, "{self:?} of {}: the peer was sent something else", up.len());
        assert!(shown == down, "{self:?} of {}: {} bytes came out", down.len(), shown.len());
        let (expected, word) = if self.story == Story::Killed {
            let lost = "0 bytes not sent, 0 sent but not acknowledged: connection reset by peer";
            let open = if self.input == Std::File { "" } else { "; stdin had not ended" };
            // What the peer has read it need not have acknowledged when it resets.
            let count =
                told.split(" not sent, ").nth(1).and_then(|rest| rest.split(" sent").next()).unwrap_or_default();
            (Some(1), format!("secretcat: PEER: {lost}{open}").replace("0 sent", &format!("{count} sent")))
        } else {
            (Some(0), String::new())
        };
        assert_eq!((status, told), (expected, word), "{self:?}");
    }
}

#[test]
fn every_kind_of_stdin_and_stdout_transfers_all_bytes() {
    let bytes = noise(900_000);
    let dir = Dir::new("every-way");
    let inputs = [Std::Pipe, Std::File, Std::Socket];
    let outputs = [Std::Pipe, Std::File, Std::Append, Std::Socket];
    let mut number = 0;
    for listens in [false, true] {
        for input in inputs {
            for output in outputs {
                for seeing in SEEING {
                    // Each way has one of the stories, and each story all the ways but one in five.
                    let story = STORIES[number % STORIES.len()];
                    number += 1;
                    Case { listens, input, output, seeing, story }.check(&bytes, &bytes[1..], &dir);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_transfers_give_all_bytes_and_the_right_end(
        listens: bool,
        input in select(vec![Std::Pipe, Std::File, Std::Socket]),
        output in select(vec![Std::Pipe, Std::File, Std::Append, Std::Socket]),
        seeing in select(SEEING.to_vec()),
        story in select(STORIES.to_vec()),
        up in 0..2_000_000_usize,
        down in 0..2_000_000_usize,
    ) {
        let bytes = noise(up.max(down));
        let dir = Dir::new("any-way");
        Case { listens, input, output, seeing, story }.check(&bytes[..up], &bytes[..down], &dir);
    }
}

/// A client, a relay, and a server that is the test.
fn relayed(args: &[&str], up: &[u8], down: &[u8], server_first: bool) {
    let (listener, address) = stage();
    let relay = Server::start(&[&["--relay", &address], args].concat());
    let client = relay.open();
    let server = accept(&listener);
    let tell = |mut to: &TcpStream, bytes: &[u8]| {
        to.write_all(bytes).unwrap();
        to.shutdown(Shutdown::Write).unwrap();
    };
    let hear = |mut from: &TcpStream| {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let (heard_by_server, heard_by_client) = thread::scope(|scope| {
        if server_first {
            scope.spawn(|| tell(&server, down));
            let heard = hear(&client); // only then does it say anything
            scope.spawn(|| tell(&client, up));
            (hear(&server), heard)
        } else {
            scope.spawn(|| tell(&client, up));
            scope.spawn(|| tell(&server, down));
            let by_server = scope.spawn(|| hear(&server));
            let by_client = hear(&client);
            (by_server.join().unwrap(), by_client)
        }
    });
    assert!(heard_by_server == up && heard_by_client == down, "{args:?} {} {}", up.len(), down.len());
    drop((client, server));
    relay.stops_with("");
}

#[test]
fn relay_transfers_all_bytes_spliced_or_copied() {
    let bytes = noise(3_000_000);
    for args in SEEING {
        for server_first in [false, true] {
            for (up, down) in [(0, 0), (10, 3), (3_000_000, 10), (100_000, 2_500_000)] {
                relayed(args, &bytes[..up], &bytes[..down], server_first);
            }
        }
    }
}

#[test]
fn relay_sends_earlier_bytes_before_the_servers_reset() {
    let bytes = noise(200_000);
    for args in SEEING {
        let (listener, address) = stage();
        let relay = Server::start(&[&["--relay", &address], args].concat());
        let mut client = relay.open();
        let mut server = accept(&listener);
        let mut got = vec![0; bytes.len()];
        thread::scope(|scope| {
            scope.spawn(|| client.read_exact(&mut got).unwrap());
            server.write_all(&bytes).unwrap();
        });
        reset(server);
        assert!(got == bytes);
        ends_in_a_reset(&mut client, "");
        relay.stops_with("");
    }
}

#[test]
fn file_set_to_append_during_a_transfer_gets_every_byte() {
    let dir = Dir::new("append-meanwhile");
    let (listener, address) = stage();
    let file = File::create(dir.file("out")).unwrap();
    let mut command = secretcat(["connect", "--raw", &address]);
    let proc = Proc::start_on(&mut command, Stdio::null(), file.try_clone().unwrap().into(), Stdio::piped());
    let mut server = accept(&listener);
    let bytes = noise(500_000);
    server.write_all(&bytes[..200_000]).unwrap();
    let length = || file.metadata().unwrap().len();
    poll_until("the first part in the file", thread::yield_now, || length() == 200_000);
    // The descriptor is shared, and so are its flags: from here on splice(2) refuses.
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND).unwrap();
    server.write_all(&bytes[200_000..]).unwrap();
    drop(server);
    proc.end().is(0, "", "");
    assert!(std::fs::read(dir.file("out")).unwrap() == bytes);
}
