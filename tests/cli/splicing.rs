//! Bulk data stays within the kernel if possible: the bytes of all system calls are counted.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::support::transfer::{Scenario, Std, Transfer};
use crate::support::{Dir, Server, accept, local_listener, noise, skip, under_strace};

/// The number of bytes in each direction.
const BULK: usize = 4 << 20;
/// The limit of other bytes that are read and written: wake-ups, the lines on stderr, the loading of libraries.
const REST: usize = 64 * 1024;
/// The calls that copy between the kernel and a program.
const COPIES: [&str; 12] = [
    "read", "readv", "pread64", "recvfrom", "recvmsg", "recvmmsg", "write", "writev", "pwrite64", "sendto", "sendmsg",
    "sendmmsg",
];

/// The bytes that a program moved with splice(2), and with calls that copy.
#[derive(Debug)]
struct Moved {
    within: usize,
    copied: usize,
}

/// The program, with its system calls logged to `log`.
fn watched<S: AsRef<OsStr>>(log: &Path, args: impl IntoIterator<Item = S>) -> Command {
    under_strace(log, &["-s", "0", "-e", &format!("trace=splice,{}", COPIES.join(","))], args)
}

impl Moved {
    /// Adds up the bytes in the log of strace(1): `PID call(…) = N`, or `PID <... call resumed>…) = N`.
    fn read(log: &Path) -> Moved {
        let mut moved = Moved { within: 0, copied: 0 };
        for line in std::fs::read_to_string(log).unwrap().lines() {
            let Some((call, result)) = line.rsplit_once(" = ") else { continue };
            let call = call.split_once(' ').unwrap().1.trim_start().trim_start_matches("<... ");
            let name = call.split(['(', ' ']).next().unwrap();
            // A failed call (`-1 EAGAIN`) has moved nothing.
            let Ok(bytes) = result.trim().parse::<usize>() else { continue };
            match name {
                "splice" => moved.within += bytes,
                _ if COPIES.contains(&name) => moved.copied += bytes,
                _ => {}
            }
        }
        moved
    }
}

#[test]
fn pipes_and_files_on_stdin_and_stdout_are_spliced() {
    if !skip::has_strace() {
        return;
    }
    let (up, down) = (noise(BULK), noise(BULK + 1));
    let dir = Dir::new("spliced");
    let log = dir.file("strace");
    for listens in [false, true] {
        let moved = |input, output, options| {
            let transfer = Transfer { listens, input, output, options, scenario: Scenario::InputFirst };
            transfer.check_with(|args| watched(&log, args), &up, &down, &dir);
            Moved::read(&log)
        };
        // Between a file and a socket there is a pipe: in, and out of it.
        for (input, output, within) in [
            (Std::Pipe, Std::Pipe, up.len() + down.len()),
            (Std::File, Std::Pipe, 2 * up.len() + down.len()),
            (Std::Pipe, Std::File, up.len() + 2 * down.len()),
        ] {
            let moved = moved(input, output, &[]);
            assert_eq!(moved.within, within, "{listens} {input:?} {output:?} {moved:?}");
            assert!(moved.copied < REST, "{listens} {input:?} {output:?} {moved:?}");
        }
        // Bytes that cannot be spliced are copied in and out of the program.
        let appended = moved(Std::Pipe, Std::Append, &[]);
        assert_eq!(appended.within, up.len(), "{appended:?}");
        assert!((2 * down.len()..2 * down.len() + REST).contains(&appended.copied), "{appended:?}");
        let traced = moved(Std::File, Std::Pipe, &["--trace", "/dev/null"]);
        assert_eq!(traced.within, 0, "{traced:?}");
        assert!(traced.copied >= 2 * (up.len() + down.len()), "{traced:?}");
    }
}

#[test]
fn relayed_bytes_are_spliced() {
    if !skip::has_strace() {
        return;
    }
    let bytes = noise(BULK);
    let dir = Dir::new("spliced-relay");
    let log = dir.file("strace");
    let moved = |args: &[&str]| {
        let (listener, address) = local_listener();
        let words = ["listen", "127.0.0.1:0", "--once", "--relay", &address];
        let relay = Server::from_command(&mut watched(&log, [&words, args].concat()));
        let client = relay.open();
        let server = accept(&listener);
        for (from, mut to) in [(&client, &server), (&server, &client)] {
            let mut got = Vec::new();
            thread::scope(|scope| {
                scope.spawn(|| {
                    (&*from).write_all(&bytes).unwrap();
                    from.shutdown(Shutdown::Write).unwrap();
                });
                to.read_to_end(&mut got).unwrap();
            });
            assert!(got == bytes, "{args:?}");
        }
        drop((client, server));
        relay.proc.end().is(0, "", &relay.ready_line);
        Moved::read(&log)
    };
    // Every byte goes in and out, in both directions. The first portions are copied, until it is clear that there are
    // many bytes.
    let spliced = moved(&[]);
    assert!(spliced.within + spliced.copied >= 4 * BULK, "{spliced:?}");
    assert!(spliced.copied < BULK, "{spliced:?}");
    let copied = moved(&["--read-size", "5000"]);
    assert_eq!(copied.within, 0, "{copied:?}");
    assert!(copied.copied >= 4 * BULK, "{copied:?}");
}
