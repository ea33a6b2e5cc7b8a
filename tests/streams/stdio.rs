//! The stdin and stdout of a program, and the test's end of each.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::cell::{Size, Stdin};
use crate::support::pty::open_pty;
use crate::support::{Dir, noise_of};

/// The sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Ours,
    Peer,
}

/// The bytes of one sender. No part of them occurs twice, nor in the bytes of the other sender.
pub fn bytes_of(from: From, size: Size) -> &'static [u8] {
    static BIG: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
    match (from, size) {
        (From::Ours, Size::Line) => b"a short line of ours\n",
        (From::Peer, Size::Line) => b"a short line of the peer\n",
        (_, Size::Big) => BIG[from as usize].get_or_init(|| noise_of(1 + from as u64, 10_000_000)),
    }
}

/// The files that programs read from, written once.
pub struct Files(Dir);

impl Files {
    pub fn new(name: &str) -> Files {
        let files = Files(Dir::new(name));
        for from in [From::Ours, From::Peer] {
            for size in Size::ALL {
                std::fs::write(files.path(from, *size), bytes_of(from, *size)).unwrap();
            }
        }
        std::fs::write(files.0.file("empty"), "").unwrap();
        files
    }

    fn path(&self, from: From, size: Size) -> PathBuf {
        self.0.file(&format!("{from:?}-{size}"))
    }

    pub fn with(&self, from: From, size: Size) -> Input {
        Input::file(&self.path(from, size))
    }

    pub fn empty(&self) -> Input {
        Input::file(&self.0.file("empty"))
    }
}

/// A stdin.
pub struct Input {
    pub stdio: Stdio,
    pub feeder: Feeder,
    /// Closed, which the shell does.
    pub closed: bool,
}

/// The test's end of a stdin.
#[derive(Debug)]
pub enum Feeder {
    Nothing,
    Pipe(File),
    Terminal(File),
}

impl Input {
    fn of(stdio: impl Into<Stdio>, feeder: Feeder) -> Input {
        Input { stdio: stdio.into(), feeder, closed: false }
    }

    fn file(path: &Path) -> Input {
        Input::of(File::open(path).unwrap(), Feeder::Nothing)
    }

    pub fn null() -> Input {
        Input::of(Stdio::null(), Feeder::Nothing)
    }

    /// A pipe that stays open until it is fed or dropped.
    pub fn pipe() -> Input {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        Input::of(reader, Feeder::Pipe(writer.into()))
    }

    /// What this side has as its stdin; these are its bytes.
    pub fn of_ours(stdin: Stdin, files: &Files, size: Size) -> Input {
        match stdin {
            Stdin::File => files.with(From::Ours, size),
            Stdin::PipeNow => {
                let mut input = Input::pipe();
                input.feeder.feed(bytes_of(From::Ours, size));
                input
            }
            Stdin::PipeLate => Input::pipe(),
            Stdin::EmptyFile => files.empty(),
            Stdin::EmptyPipe => Input { feeder: Feeder::Nothing, ..Input::pipe() },
            Stdin::DevNull => Input::null(),
            Stdin::Closed => Input { closed: true, ..Input::null() },
            Stdin::WriteOnly => Input::of(File::options().write(true).open("/dev/null").unwrap(), Feeder::Nothing),
            Stdin::Terminal => Input::terminal(),
        }
    }

    pub fn terminal() -> Input {
        let (master, slave) = open_pty();
        Input::of(slave(), Feeder::Terminal(master.into()))
    }
}

impl Feeder {
    /// Writes all bytes as fast as possible, and closes the input.
    pub fn feed(&mut self, bytes: &'static [u8]) {
        match std::mem::replace(self, Feeder::Nothing) {
            Feeder::Nothing => {}
            // A program may end without reading its input.
            Feeder::Pipe(mut pipe) => drop(thread::spawn(move || drop(pipe.write_all(bytes)))),
            Feeder::Terminal(mut keyboard) => {
                let _ = keyboard.write_all(&[bytes, b"\x04"].concat()); // Ctrl-D
                *self = Feeder::Terminal(keyboard);
            }
        }
    }

    /// Writes all bytes, and keeps the pipe open.
    pub fn feed_open(&mut self, bytes: &'static [u8]) {
        if let Feeder::Pipe(pipe) = self {
            let open = Feeder::Pipe(pipe.try_clone().unwrap());
            self.feed(bytes);
            *self = open;
        }
    }

    /// Writes these bytes, and keeps the input open. They fit into a pipe.
    pub fn feed_part(&mut self, bytes: &[u8]) {
        if let Feeder::Pipe(pipe) = self {
            let _ = pipe.write_all(bytes);
        }
    }
}

/// A stdout.
pub struct Output {
    pub stdio: Stdio,
    pub watcher: Watcher,
    /// Closed, which the shell does.
    pub closed: bool,
}

/// The test's end of a stdout.
pub enum Watcher {
    /// The whole output is collected.
    All,
    /// The output is not collected.
    Nobody,
    /// Full, and nobody reads it.
    Full { _reader: UnixStream },
    /// Only the start is read; the flag is set when the reader has closed.
    Start(Arc<AtomicBool>),
}

impl Output {
    fn of(stdio: impl Into<Stdio>, watcher: Watcher) -> Output {
        Output { stdio: stdio.into(), watcher, closed: false }
    }

    pub fn collected() -> Output {
        Output::of(Stdio::piped(), Watcher::All)
    }

    pub fn full_disk() -> Output {
        Output::of(File::options().write(true).open("/dev/full").unwrap(), Watcher::Nobody)
    }

    pub fn closed() -> Output {
        Output { closed: true, ..Output::of(Stdio::null(), Watcher::Nobody) }
    }

    /// A pipe without a reader.
    pub fn without_reader() -> Output {
        let (_, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        Output::of(writer, Watcher::Nobody)
    }

    /// A stdout that accepts nothing: a socket, because a program may widen a pipe.
    pub fn stuck() -> Output {
        let (reader, writer) = UnixStream::pair().unwrap();
        let fill = || socket2::SockRef::from(&writer).send_with_flags(b"x", libc::MSG_DONTWAIT);
        while fill().is_ok() {}
        Output::of(OwnedFd::from(writer), Watcher::Full { _reader: reader })
    }

    /// A pipe whose reader closes after the first bytes.
    pub fn start_only(len: usize) -> Output {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let gone = Arc::new(AtomicBool::new(false));
        let says = Arc::clone(&gone);
        thread::spawn(move || {
            let mut reader = File::from(reader);
            // The program may end earlier.
            let _ = reader.read_exact(&mut vec![0; len]);
            drop(reader);
            says.store(true, Ordering::SeqCst);
        });
        Output::of(writer, Watcher::Start(gone))
    }
}

impl Watcher {
    pub fn has_left(&self) -> bool {
        matches!(self, Watcher::Start(gone) if gone.load(Ordering::SeqCst))
    }
}
