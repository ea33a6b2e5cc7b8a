//! A command of the user that runs beside the event loop: started by `sh -c` in a process group of its own, its output
//! captured up to a limit, and its end reported without waiting.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::Interest;
use mio::unix::SourceFd;
use mio::unix::pipe::{Receiver, Sender};

use super::key::{CommandPart, Key};
use super::reactor::Reactor;
use super::{read_buffer, sys};
use crate::error::{Error, Operation};

/// Reads of one stream in one turn.
const READS_PER_TURN: usize = 16;
/// How long the streams of a command whose shell has ended are read: a process that it left behind may hold them open.
const LINGER: Duration = Duration::from_millis(200);
/// The period at which the end is looked for on a system that does not report it.
const PERIOD: Duration = Duration::from_millis(10);

/// The process groups that run now. Each is killed if a second signal ends this program at once.
static GROUPS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Kills the process groups of all commands.
pub fn kill_all() {
    for group in GROUPS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        sys::kill_group(*group);
    }
}

/// How a command is started.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The command line for `sh -c`.
    pub line: &'a OsStr,
    /// Its working directory; that of this program if there is none. `$OLDPWD` is the one of this program.
    pub directory: Option<&'a Path>,
    /// Its stdin.
    pub input: Input,
    /// What is kept of its stdout.
    pub stdout: Keep,
    /// What is kept of its stderr.
    pub stderr: Keep,
}

/// The stdin of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// /dev/null.
    Nothing,
    /// A pipe for [`Command::write`].
    Pipe,
}

/// What is kept of a stream. All of it is read; the rest is dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// At most this number of bytes from its start.
    First(usize),
    /// At most this number of bytes before its end.
    Last(usize),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

impl From<ExitStatus> for CommandEnd {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => CommandEnd::Exited(code),
            (None, signal) => CommandEnd::Signaled(signal.unwrap_or_default()),
        }
    }
}

/// The bytes of a stream that were kept.
#[derive(Debug)]
pub struct Captured {
    keep: Keep,
    bytes: Vec<u8>,
    total: u64,
    taken: u64,
}

impl Captured {
    fn new(keep: Keep) -> Self {
        Captured { keep, bytes: Vec::new(), total: 0, taken: 0 }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        match self.keep {
            Keep::First(most) => {
                let room = most.saturating_sub(self.bytes.len());
                self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Keep::Last(most) => {
                self.bytes.extend_from_slice(&bytes[bytes.len().saturating_sub(most)..]);
                if self.bytes.len() > 2 * most {
                    self.bytes.drain(..self.bytes.len() - most);
                }
            }
        }
    }

    /// The bytes kept so far.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self.keep {
            Keep::First(_) => &self.bytes,
            Keep::Last(most) => &self.bytes[self.bytes.len().saturating_sub(most)..],
        }
    }

    /// Takes the bytes kept so far, which makes room for others.
    pub fn take(&mut self) -> Vec<u8> {
        let taken = self.bytes().to_vec();
        self.taken += taken.len() as u64;
        self.bytes.clear();
        taken
    }

    /// The number of bytes that were read and dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.total - self.taken - self.bytes().len() as u64
    }
}

/// A stream of a command that is read.
#[derive(Debug)]
struct Stream {
    /// `None` at its end.
    pipe: Option<Receiver>,
    captured: Captured,
}

impl Stream {
    /// Reads what is ready. True: there may be more.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some(pipe) = &mut self.pipe else { return false };
            match pipe.read(buffer) {
                Ok(n @ 1..) => self.captured.add(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Ok(0) | Err(_) => self.pipe = None,
            }
        }
        true
    }
}

/// A command that was started. It and all processes of its group are killed when this value is dropped.
#[derive(Debug)]
pub struct Command {
    /// Its number among the commands of this reactor.
    number: usize,
    child: Child,
    /// Readable when the shell has ended. `None` where the system has no such descriptor.
    pidfd: Option<OwnedFd>,
    input: Option<Sender>,
    stdout: Stream,
    stderr: Stream,
    buffer: Vec<u8>,
    state: State,
    /// How the shell ended.
    status: Option<CommandEnd>,
}

/// How far a command has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// Its group is killed; it is not waited for longer than this.
    Killed(Instant),
    /// The shell has ended, and its streams are read until then.
    Lingering(Instant),
    /// The shell is reaped, and its number is free.
    Ended,
}

impl Command {
    /// Starts a command and registers it with the reactor. `number` must differ from those of the commands that run.
    ///
    /// # Errors
    /// When there is no shell, or no process or pipe can be made.
    pub fn start(start: &Start<'_>, number: usize, reactor: &Reactor) -> Result<Command, Error> {
        let mut command = std::process::Command::new("sh");
        command.arg("-c").arg(start.line).process_group(0);
        command.stdin(if start.input == Input::Pipe { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = start.directory {
            command.current_dir(directory).env("PWD", directory);
            if let Ok(here) = std::env::current_dir() {
                command.env("OLDPWD", here);
            }
        }
        let child = command.spawn().map_err(Error::local(Operation::Start, "sh"))?;
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).push(child.id());
        let stream = |keep| Stream { pipe: None, captured: Captured::new(keep) };
        // From here on, dropping it kills the group.
        let mut command = Command {
            number,
            pidfd: sys::pidfd(child.id()).ok(),
            child,
            input: None,
            stdout: stream(start.stdout),
            stderr: stream(start.stderr),
            buffer: read_buffer(),
            state: State::Running,
            status: None,
        };
        command.register(reactor).map_err(Error::local(Operation::Start, "sh"))?;
        Ok(command)
    }

    fn register(&mut self, reactor: &Reactor) -> io::Result<()> {
        let key = |part| Key::Command { number: self.number, part };
        for (stream, pipe, part) in [
            (&mut self.stdout, self.child.stdout.take().map(Receiver::from), CommandPart::Stdout),
            (&mut self.stderr, self.child.stderr.take().map(Receiver::from), CommandPart::Stderr),
        ] {
            if let Some(mut pipe) = pipe {
                pipe.set_nonblocking(true)?;
                reactor.register_one(&mut pipe, key(part), Interest::READABLE)?;
                stream.pipe = Some(pipe);
            }
        }
        if let Some(mut input) = self.child.stdin.take().map(Sender::from) {
            input.set_nonblocking(true)?;
            reactor.register_one(&mut input, key(CommandPart::Stdin), Interest::WRITABLE)?;
            self.input = Some(input);
        }
        if let Some(pidfd) = &self.pidfd {
            let descriptor = pidfd.as_raw_fd();
            let mut source = SourceFd(&descriptor);
            reactor.register_one(&mut source, key(CommandPart::End), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Reads what is ready and looks for the end. To be called once after the start, and for every event of a key of
    /// this command.
    pub fn turn(&mut self, reactor: &mut Reactor) {
        if self.state == State::Ended {
            return;
        }
        let now = reactor.now();
        let number = self.number;
        let key = |part| Key::Command { number, part };
        for (stream, part) in [(&mut self.stdout, CommandPart::Stdout), (&mut self.stderr, CommandPart::Stderr)] {
            if stream.read(&mut self.buffer) {
                reactor.again(key(part));
            }
        }
        let has_ended = self.has_ended();
        if has_ended && self.state == State::Running {
            self.state = State::Lingering(now + LINGER);
        }
        let is_read = self.stdout.pipe.is_none() && self.stderr.pipe.is_none();
        match self.state {
            State::Killed(_) | State::Lingering(_) if has_ended && is_read => self.reap(),
            State::Lingering(until) if now >= until => {
                self.kill(now);
                reactor.wake_at(key(CommandPart::End), now + LINGER);
            }
            // A process that has left the group holds a stream open, or the kernel does not end the shell.
            State::Killed(until) if now >= until => self.reap(),
            State::Killed(until) | State::Lingering(until) => reactor.wake_at(key(CommandPart::End), until),
            State::Running if self.pidfd.is_none() => reactor.wake_at(key(CommandPart::End), now + PERIOD),
            State::Running | State::Ended => {}
        }
    }

    /// Whether the shell has ended. It is not reaped yet, so that no other group can have the number of its group.
    fn has_ended(&self) -> bool {
        sys::has_ended(self.child.id())
    }

    /// Kills what is left of the group, and takes the status of the shell.
    fn reap(&mut self) {
        self.end_group();
        let killed = CommandEnd::Signaled(libc::SIGKILL);
        self.status = Some(self.child.try_wait().ok().flatten().map_or(killed, CommandEnd::from));
        self.state = State::Ended;
        (self.input, self.stdout.pipe, self.stderr.pipe, self.pidfd) = (None, None, None, None);
    }

    fn end_group(&mut self) {
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = groups.iter().position(|group| *group == self.child.id()) {
            groups.swap_remove(at);
            sys::kill_group(self.child.id());
        }
    }

    /// Kills the process group. Its end is reported as any other.
    pub fn kill(&mut self, now: Instant) {
        if matches!(self.state, State::Running | State::Lingering(_)) {
            sys::kill_group(self.child.id());
            self.state = State::Killed(now + LINGER);
        }
    }

    /// How it ended; `None` as long as it runs or its streams are read.
    #[must_use]
    pub fn status(&self) -> Option<CommandEnd> {
        self.status
    }

    /// Writes to its stdin as much as the pipe takes now. An event of [`CommandPart::Stdin`] reports room for more.
    ///
    /// # Errors
    /// `WouldBlock` if the pipe is full, `BrokenPipe` if the command does not read, or has no stdin.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |input| input.write(bytes))
    }

    /// Closes its stdin.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Its stdout so far.
    pub fn stdout(&mut self) -> &mut Captured {
        &mut self.stdout.captured
    }

    /// Its stderr so far.
    pub fn stderr(&mut self) -> &mut Captured {
        &mut self.stderr.captured
    }

    /// The number of its process, which is that of its group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        self.end_group();
        // Not waited for: if the kernel takes longer, the process is reaped when this program ends.
        let _ = self.child.try_wait();
    }
}

#[cfg(test)]
mod tests;
