//! The thread of a witness: writes questions to the command and reads its answers.

use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::command::{Command, CommandEnd};
use super::super::key::Key;
use super::super::reactor::{Handler, Reactor, Ready};
use super::{ANSWER_LIMIT, Asked, Phase, START_LIMIT, Shared};
use crate::error::Error;
use crate::peer::witness::protocol::{Answer, Ends, Kind, LONGEST_ANSWER, Question, check_hello, is_hello};
use crate::value::{Span, escape};

/// The bytes before the first line of a witness that are skipped: a login shell may print something.
const NOISE: usize = 16 * 1024;
/// How long a command may take to end after its stdin has.
const END_LIMIT: Duration = Duration::from_millis(500);
/// The bytes of an output that a reason shows.
const SHOWN: usize = 160;

/// The exchange with the command.
pub(super) struct Talk {
    reactor: Reactor,
    command: Command,
    shared: Arc<Shared>,
    /// The beginning of a line that has not ended.
    line: Vec<u8>,
    /// The bytes that were skipped, and the last line of them.
    skipped: usize,
    noise: Vec<u8>,
    begun: Instant,
    /// The number of the question that measures the way, once the first line has come.
    first: Option<u64>,
    /// Until when the end of the command is waited for.
    ending: Option<Instant>,
}

impl Talk {
    pub(super) fn new(reactor: Reactor, command: Command, shared: Arc<Shared>) -> Talk {
        let begun = reactor.now();
        Talk {
            reactor,
            command,
            shared,
            line: Vec::new(),
            skipped: 0,
            noise: Vec::new(),
            begun,
            first: None,
            ending: None,
        }
    }

    /// Runs until the witness fails or is not needed any more.
    pub(super) fn run(mut self) {
        if let Err(Failed(why)) = Reactor::run(&mut self) {
            // The connections look for answers, and find this.
            self.shared.set_phase(Phase::Failed(why));
        }
    }

    fn turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Failed> {
        self.command.turn(&mut self.reactor);
        if let Some(until) = self.ending {
            self.reactor.wake_at(Key::Clock, until);
            let is_over = self.command.status().is_some() || now >= until;
            return Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
        }
        if self.shared.lock().phase == Phase::Stopping {
            self.command.close_input();
            self.ending = Some(now + END_LIMIT);
            return self.turn(now);
        }
        self.read(now)?;
        if let Some(end) = self.command.status() {
            return Err(Failed(format!("the witness {}{}", ended(end), self.complaint())));
        }
        self.write()?;
        self.check_time(now)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Takes the lines that have come.
    fn read(&mut self, now: Instant) -> Result<(), Failed> {
        let bytes = self.command.stdout().take();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = mem::take(&mut self.line);
                self.take(line.trim_ascii_end(), now)?;
            } else if self.line.len() > LONGEST_ANSWER {
                return Err(nonsense(&self.line));
            }
        }
        if self.command.stdout().dropped() > 0 {
            return Err(Failed("the witness sends more than answers".to_owned()));
        }
        Ok(())
    }

    fn take(&mut self, line: &[u8], now: Instant) -> Result<(), Failed> {
        if self.first.is_none() {
            return self.take_hello(line);
        }
        let Some((id, answer)) = std::str::from_utf8(line).ok().and_then(Answer::parse) else {
            return Err(nonsense(line));
        };
        let mut state = self.shared.lock();
        let asked = state.asked.remove(&id).filter(|asked| answer.fits(&asked.question));
        let Some(Asked { at, is_wanted, .. }) = asked else { return Err(nonsense(line)) };
        let waited = match &answer {
            Answer::Read(reading) => Some(reading.waited),
            Answer::Known(_, waited) | Answer::Stream(_, waited) => Some(*waited),
            // A search of a host with many sockets takes its time.
            Answer::Sockets(_) => (Some(id) == self.first).then_some(Duration::ZERO),
            Answer::Gone => Some(Duration::ZERO),
            Answer::Failed(_) => None,
        };
        if let Some(waited) = waited {
            state.slowest = state.slowest.max(now.saturating_duration_since(at).saturating_sub(waited));
        }
        if Some(id) == self.first {
            drop(state);
            self.shared.set_phase(Phase::Ready);
        } else if is_wanted {
            state.answers.insert(id, answer);
        }
        Ok(())
    }

    /// Takes a line before the first one of the protocol.
    fn take_hello(&mut self, line: &[u8]) -> Result<(), Failed> {
        if is_hello(line) {
            let hello = check_hello(&String::from_utf8_lossy(line));
            let kind = hello.map_err(|why| Failed(format!("the witness: {why}")))?;
            // No socket has received so much, and no connection has this number. The answer shows that the witness
            // answers, and how long that takes.
            let none = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
            let (ends, wait) = (Ends { local: none, remote: none }, Duration::ZERO);
            let measure = match kind {
                Kind::Sockets => Question::Sockets { received: u64::MAX, wait },
                Kind::Streams => Question::Stream { cookie: Some(u64::MAX), ends, hash: 0, wait },
            };
            let mut state = self.shared.lock();
            state.kind = kind;
            self.first = Some(state.ask(measure));
            return Ok(());
        }
        self.skipped += line.len() + 1;
        self.noise = line.to_vec();
        if self.skipped > NOISE { Err(nonsense(line)) } else { Ok(()) }
    }

    /// Writes questions as far as the command takes them.
    fn write(&mut self) -> Result<(), Failed> {
        let mut state = self.shared.lock();
        while !state.lines.is_empty() {
            match self.command.write(&state.lines) {
                Ok(n) => drop(state.lines.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What it has printed on its way out says more: its end is waited for, and comes as an event.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => state.lines.clear(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Failed(format!("write to the witness: {error}"))),
            }
        }
        Ok(())
    }

    /// Fails if the command takes too long.
    fn check_time(&mut self, now: Instant) -> Result<(), Failed> {
        let state = self.shared.lock();
        let limit = |asked: &Asked| asked.at + asked.question.wait() + ANSWER_LIMIT;
        let (until, what) = match self.first {
            None => (Some(self.begun + START_LIMIT), "first line"),
            Some(_) => (state.asked.values().map(limit).min(), "answer"),
        };
        drop(state);
        let Some(until) = until else { return Ok(()) };
        if now < until {
            self.reactor.wake_at(Key::Clock, until);
            return Ok(());
        }
        let limit = if self.first.is_none() { START_LIMIT } else { ANSWER_LIMIT };
        Err(Failed(format!("the witness gave no {what} within {}{}", Span(limit), self.complaint())))
    }

    /// The last line that the command has printed on stderr, or before its first line on stdout.
    fn complaint(&mut self) -> String {
        let text = self.command.stderr().bytes();
        let last = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).rfind(|line| !line.is_empty());
        let last = last.or((self.first.is_none() && !self.noise.is_empty()).then_some(&self.noise));
        last.map_or_else(String::new, |line| format!(": {}", shown(line)))
    }
}

impl Handler for Talk {
    type Output = ();
    type Error = Failed;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.reactor
    }

    fn on_event(&mut self, _: Ready, _: Instant) -> Result<(), Failed> {
        Ok(()) // each turn looks at everything
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Failed> {
        self.turn(now)
    }
}

/// Why a witness does not answer.
pub(super) struct Failed(String);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed(error.to_string())
    }
}

fn nonsense(line: &[u8]) -> Failed {
    Failed(format!("the witness sent a line that is no answer: \"{}\"", shown(line)))
}

/// The beginning of a line, for a reason.
fn shown(line: &[u8]) -> String {
    escape(&line[..line.len().min(SHOWN)])
}

fn ended(end: CommandEnd) -> String {
    match end {
        CommandEnd::Exited(status) => format!("has ended with status {status}"),
        CommandEnd::Signaled(signal) => format!("was ended by signal {signal}"),
    }
}
