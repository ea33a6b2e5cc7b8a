//! `secretcat witness`: answers questions about the sockets of this host, over stdin and stdout.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::error::{Error, Operation, cause};
use crate::io::console::{Console, Source};
use crate::io::key::Key;
use crate::io::peer_queue::Sockets;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::{Flush, Incoming, read_buffer};
use crate::peer::witness::protocol::{Answer, LONGEST_QUESTION, Question, hello};
use crate::peer::witness::watch::{Look, Watch};

/// The largest number of questions at once.
const MOST_QUESTIONS: usize = 4096;

/// Answers questions until stdin ends.
///
/// # Errors
/// When the sockets of this host are not visible, or stdin has no questions.
pub fn run() -> Result<(), Error> {
    if Source::of_stdin() == Source::Terminal {
        let usage = "secretcat witness answers a program, not a terminal: --witness 'ssh HOST secretcat witness'";
        return Err(Error::Usage(usage.to_owned()));
    }
    let sockets = Sockets::open().map_err(Error::local(Operation::Read, "the list of sockets of the kernel"))?;
    let reactor = Reactor::new(std::time::Duration::ZERO).map_err(Error::local(Operation::Start, "the event loop"))?;
    let console = Console::open(&reactor, true).map_err(Error::local(Operation::Open, "stdin and stdout"))?;
    let mut answering = Answering {
        reactor,
        console,
        sockets,
        line: Vec::new(),
        watches: Vec::new(),
        buffer: read_buffer(),
        has_ended: false,
    };
    answering.send(hello().as_bytes())?;
    Reactor::run(&mut answering)
}

struct Answering {
    reactor: Reactor,
    console: Console,
    sockets: Sockets,
    /// The beginning of a line that has not ended.
    line: Vec<u8>,
    watches: Vec<Watch>,
    buffer: Vec<u8>,
    /// No further questions come.
    has_ended: bool,
}

impl Handler for Answering {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.console.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        if self.console.flush().map_err(output_failed)? == Flush::Blocked {
            return Ok(ControlFlow::Continue(())); // whoever does not read answers gets no further ones
        }
        self.has_ended |= self.read(now)? == Incoming::Eof;
        let mut answers = String::new();
        let sockets = &mut self.sockets;
        self.watches.retain_mut(|watch| {
            if now < watch.due() {
                return true;
            }
            let answer = look(sockets, watch, now);
            if let Some(answer) = &answer {
                answers.push_str(&answer.line(watch.id()));
            }
            answer.is_none()
        });
        if !answers.is_empty() {
            self.send(answers.as_bytes())?;
        }
        if self.has_ended && self.watches.is_empty() && self.console.backlog() == 0 {
            return Ok(ControlFlow::Break(()));
        }
        if let Some(due) = self.watches.iter().map(Watch::due).min() {
            self.reactor.wake_at(Key::Clock, due);
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Answering {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.console.send(bytes).map_err(output_failed)
    }

    /// Reads questions.
    fn read(&mut self, now: Instant) -> Result<Incoming, Error> {
        loop {
            let incoming = self.console.read(&mut self.buffer).map_err(Error::local(Operation::Read, "stdin"))?;
            let Incoming::Bytes(n) = incoming else { return Ok(incoming) };
            for part in self.buffer[..n].split_inclusive(|&byte| byte == b'\n') {
                self.line.extend_from_slice(&part[..part.len().min(LONGEST_QUESTION + 1)]);
                if part.ends_with(b"\n") || self.line.len() > LONGEST_QUESTION {
                    let question = std::str::from_utf8(&self.line).ok().and_then(Question::parse);
                    let (id, question) = question.filter(|_| self.watches.len() < MOST_QUESTIONS).ok_or_else(|| {
                        Error::Usage("stdin has no question of secretcat --witness of this version".to_owned())
                    })?;
                    self.line.clear();
                    self.watches.push(Watch::new(id, question, now));
                }
            }
        }
    }
}

/// Looks at the sockets that a question is about.
fn look(sockets: &mut Sockets, watch: &mut Watch, now: Instant) -> Option<Answer> {
    let answer = match watch.look() {
        Look::At(ends, cookie) => {
            // A second look follows at once; it is another query.
            let mut again = || sockets.state(&ends, cookie).map(|state| watch.saw(state, now));
            match again() {
                Ok(None) => again(),
                other => other,
            }
        }
        Look::For(bytes) => sockets.with_bytes(bytes).map(|found| watch.found(found.total, found.sockets, now)),
    };
    answer.unwrap_or_else(|error| Some(Answer::Failed(cause(&error))))
}

/// A client that has ended is no error.
fn output_failed(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Error::OutputGone;
    }
    Error::local(Operation::WriteTo, "stdout")(error)
}
