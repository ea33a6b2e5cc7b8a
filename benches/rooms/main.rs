//! The time in which a line reaches a room: 5,000 members, one of whom does not read.
//!
//! `cargo bench --bench rooms` prints the time until the first and until the last member has the line, the median and
//! the worst of 20 lines. It fails if the worst is more than 250 ms. The members are in this process, so the time is
//! that of both sides. On a machine that has other work the processor time of the listener tells more.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const MEMBERS: usize = 5000;
const LINES: u16 = 20;
const BOUND: Duration = Duration::from_millis(250);
/// The longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(60);
/// The member that does not read.
const SILENT: usize = MEMBERS - 1;

fn main() -> ExitCode {
    let (mut server, address) = listen();
    let mut room = Room::fill(address);
    let before = processor_time(server.id());
    let mut times: Vec<_> = (0..usize::from(LINES)).map(|n| room.send(n)).collect();
    let taken =
        before.zip(processor_time(server.id())).map(|(before, after)| after.saturating_sub(before) / u32::from(LINES));
    server.kill().unwrap();
    server.wait().unwrap();
    times.sort_by_key(|&(_, last)| last);
    let ((first, last), worst) = (times[times.len() / 2], times[times.len() - 1].1);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{MEMBERS} members: a line reaches the first in {:.1} ms and the last in {:.1} ms (worst of {LINES}: {:.1} ms)",
        milliseconds(first),
        milliseconds(last),
        milliseconds(worst)
    )
    .unwrap();
    if let Some(taken) = taken {
        writeln!(out, "the listener takes {:.1} ms of a processor for a line", milliseconds(taken)).unwrap();
    }
    if worst > BOUND { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The members of a room.
struct Room {
    poll: Poll,
    members: Vec<TcpStream>,
}

impl Room {
    /// Connects the members, until each has read that it is in the room.
    fn fill(address: SocketAddr) -> Room {
        let mut room = Room { poll: Poll::new().unwrap(), members: Vec::new() };
        for number in 0..MEMBERS {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(format!("/nick m{number}\n/join lobby\n").as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut member = TcpStream::from_std(stream);
            room.poll.registry().register(&mut member, Token(number), Interest::READABLE).unwrap();
            room.members.push(member);
        }
        room.wait_for("* you are m", None);
        room
    }

    /// Has a member send a line, and returns the times in which the first and the last of the others have it.
    fn send(&mut self, number: usize) -> (Duration, Duration) {
        let line = format!("line {number}\n");
        let begun = Instant::now();
        self.members[number].write_all(line.as_bytes()).unwrap();
        let (first, last) = self.wait_for(&line, Some(number));
        (first - begun, last - begun)
    }

    /// Reads until each member but this and the silent one has got a text. Returns when the first and the last had it.
    fn wait_for(&mut self, text: &str, sender: Option<usize>) -> (Instant, Instant) {
        let begun = Instant::now();
        let mut missing: Vec<bool> = (0..MEMBERS).map(|number| Some(number) != sender && number != SILENT).collect();
        let mut left = missing.iter().filter(|&&is_missing| is_missing).count();
        let (mut first, mut events) = (None, Events::with_capacity(1024));
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            assert!(begun.elapsed() < DEADLINE, "{left} members have not got {text:?}");
            self.poll.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
            for event in &events {
                let Token(number) = event.token();
                if number == SILENT {
                    continue;
                }
                while let Some(len) = read(&mut self.members[number], &mut buffer) {
                    let has_text = buffer[..len].windows(text.len()).any(|bytes| bytes == text.as_bytes());
                    if has_text && std::mem::take(&mut missing[number]) {
                        first.get_or_insert_with(Instant::now);
                        left -= 1;
                    }
                }
            }
        }
        (first.unwrap_or(begun), Instant::now())
    }
}

/// Reads once; `None` if there is nothing.
fn read(member: &mut TcpStream, buffer: &mut [u8]) -> Option<usize> {
    match member.read(buffer) {
        Ok(0) => panic!("a member was closed"),
        Ok(len) => Some(len),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

/// A listener with rooms.
fn listen() -> (Child, SocketAddr) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_secretcat"))
        .args(["listen", "127.0.0.1:0", "--service", "rooms", "--backlog", "4096"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    (server, address)
}

/// The time that a process has had a processor: the first number of /proc/PID/schedstat (Linux).
fn processor_time(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
