//! `secretcat witness`: answers questions about the sockets of this host, over stdin and stdout.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::error::{Error, Operation, cause};
use crate::io::console::{Console, Source};
use crate::io::key::Key;
use crate::io::peer_queue::Sockets;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::{Flush, Incoming, read_buffer};
use crate::peer::witness::protocol::{Answer, Kind, hello};
use crate::peer::witness::questions::{Nonsense, Questions};
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
    let questions = Questions::new(MOST_QUESTIONS);
    let mut answering = Answering { reactor, console, sockets, questions, buffer: read_buffer(), has_ended: false };
    answering.send(hello(Kind::Sockets).as_bytes())?;
    Reactor::run(&mut answering)
}

struct Answering {
    reactor: Reactor,
    console: Console,
    sockets: Sockets,
    questions: Questions,
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
        let sockets = &mut self.sockets;
        let answers = self.questions.answers(now, |watch| look(sockets, watch, now));
        if !answers.is_empty() {
            self.send(answers.as_bytes())?;
        }
        match self.questions.due() {
            None if self.has_ended && self.console.backlog() == 0 => return Ok(ControlFlow::Break(())),
            None => {}
            Some(due) => self.reactor.wake_at(Key::Clock, due),
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
            self.questions.receive(&self.buffer[..n], now).map_err(|Nonsense| {
                Error::Usage("stdin has no question of secretcat --witness of this version".to_owned())
            })?;
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
        Look::Stream(..) => Ok(Some(Answer::Failed(
            "it sees sockets, and knows no bytes: a listener does (--answer-witness)".to_owned(),
        ))),
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
