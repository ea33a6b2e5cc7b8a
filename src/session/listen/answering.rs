//! `--answer-witness`: a second listening socket, whose clients ask what this listener has read from its connections.
//!
//! A thread of its own answers them, so that no loop of the listener waits for a question or an answer.

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use slab::Slab;

use super::super::Context;
use crate::config::{ListenConfig, SocketOptions};
use crate::error::{Error, Operation};
use crate::io::key::Key;
use crate::io::listener::{Arrival, Listener, NoArrival};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::reads::Reads;
use crate::io::signal::Signals;
use crate::io::stream::Stream;
use crate::io::threads::Thread;
use crate::peer::witness::protocol::{Answer, Kind, hello};
use crate::peer::witness::questions::Questions;
use crate::peer::witness::watch::{Look, Watch};
use crate::value::Address;

/// The largest number of clients at once. A further one is disconnected.
const MOST_CLIENTS: usize = 16;
/// The largest number of questions of a client at once.
const MOST_QUESTIONS: usize = 1024;
/// The size of a read.
const READ: usize = 4096;
/// Reads from one client in a turn.
const READS_PER_TURN: usize = 16;
/// The pause after accept has found no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// The thread that answers, until this is dropped.
#[derive(Debug)]
pub(super) struct Answering {
    shown: String,
    /// Stops the thread.
    stop: Signals,
    thread: Option<Thread>,
}

impl Answering {
    /// Listens on this address, and answers what was read.
    ///
    /// # Errors
    /// When the address cannot be bound, or a thread cannot be started; `Interrupted` when a signal arrives during the
    /// name lookup.
    pub(super) fn start(
        address: &Address,
        config: &ListenConfig,
        context: &Context,
        reads: &Reads,
    ) -> Result<Self, Error> {
        let mut reactor = Reactor::new(Duration::ZERO).map_err(Error::local(Operation::Start, "the event loop"))?;
        let options = SocketOptions { nodelay: Some(true), ..SocketOptions::default() };
        let mut listener = Listener::bind(address, config.family, &options, &mut reactor, &context.signals)?;
        listener.register(&mut reactor).map_err(Error::network(Operation::Listen, address))?;
        let (shown, stop) = (listener.shown().to_owned(), Signals::default());
        stop.watch(&reactor.waker());
        let mut front = Front {
            reactor,
            listener: Some(listener),
            clients: Slab::new(),
            reads: reads.clone(),
            stop: stop.clone(),
            buffer: vec![0; READ],
        };
        let report = context.report.clone();
        let run = move || {
            if let Err(error) = Reactor::run(&mut front) {
                report.warning(&format!("--answer-witness: {error}"));
            }
        };
        let thread = Thread::start("answers", run).map_err(Error::local(Operation::Start, "a thread"))?;
        Ok(Answering { shown, stop, thread: Some(thread) })
    }

    /// The address, as text.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().into_iter().for_each(Thread::join);
    }
}

/// The listening socket and its clients.
struct Front {
    reactor: Reactor,
    /// `None` after it has failed.
    listener: Option<Listener>,
    clients: Slab<Client>,
    reads: Reads,
    stop: Signals,
    buffer: Vec<u8>,
}

/// A program that asks.
struct Client {
    stream: Stream,
    questions: Questions,
    /// Answers that are not written yet.
    output: Vec<u8>,
    is_readable: bool,
    /// No further questions come.
    has_ended: bool,
}

impl Handler for Front {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.reactor
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        match ready.key {
            Key::Listener => self.accept(now),
            Key::Conn(number) => {
                if let Some(client) = self.clients.get_mut(number) {
                    client.is_readable |= ready.readable;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        if self.stop.stopped() {
            if let Some(listener) = self.listener.take() {
                listener.close(&self.reactor);
            }
            return Ok(ControlFlow::Break(()));
        }
        let (reactor, reads, buffer) = (&mut self.reactor, &self.reads, &mut self.buffer);
        self.clients.retain(|number, client| {
            let goes_on = client.turn(buffer, reads, now).unwrap_or(false);
            if !goes_on {
                reactor.deregister(&mut client.stream);
            } else if client.is_readable && client.output.is_empty() {
                reactor.again(Key::Conn(number));
            }
            goes_on
        });
        if let Some(due) = self.clients.iter().filter_map(|(_, client)| client.due()).min() {
            self.reactor.wake_at(Key::Clock, due);
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Front {
    /// Accepts the clients that wait.
    fn accept(&mut self, now: Instant) {
        while let Some(listener) = &self.listener {
            match listener.accept() {
                Ok(arrival) => self.admit(arrival),
                Err(NoArrival::Gone) => {}
                Err(NoArrival::Nobody) => return,
                Err(NoArrival::Exhausted(_)) => return self.reactor.wake_at(Key::Listener, now + PAUSE),
                Err(NoArrival::Failed(_) | NoArrival::NoMore) => self.listener = None,
            }
        }
    }

    fn admit(&mut self, Arrival { mut stream, .. }: Arrival) {
        let entry = self.clients.vacant_entry();
        let is_served =
            entry.key() < MOST_CLIENTS && self.reactor.register(&mut stream, Key::Conn(entry.key())).is_ok();
        if is_served {
            let (questions, output) = (Questions::new(MOST_QUESTIONS), hello(Kind::Streams).into_bytes());
            entry.insert(Client { stream, questions, output, is_readable: true, has_ended: false });
        }
    }
}

impl Client {
    /// Writes answers, reads questions, and answers those that can be answered. False: the client is done.
    fn turn(&mut self, buffer: &mut [u8], reads: &Reads, now: Instant) -> io::Result<bool> {
        self.write()?;
        if !self.output.is_empty() {
            return Ok(true); // whoever does not read answers gets no further ones
        }
        for _ in 0..READS_PER_TURN {
            if !self.is_readable || self.has_ended {
                break;
            }
            match self.stream.read(buffer) {
                Ok(0) => self.has_ended = true,
                Ok(n) => {
                    if self.questions.receive(&buffer[..n], now).is_err() {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let answers = self.questions.answers(now, |watch| look(reads, watch, now));
        self.output = answers.into_bytes();
        self.write()?;
        Ok(!(self.has_ended && self.output.is_empty() && self.questions.due().is_none()))
    }

    /// Writes answers as far as the client takes them.
    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(n) => drop(self.output.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// When to look again for answers.
    fn due(&self) -> Option<Instant> {
        if self.output.is_empty() { self.questions.due() } else { None }
    }
}

/// Looks at what was read.
fn look(reads: &Reads, watch: &mut Watch, now: Instant) -> Option<Answer> {
    match watch.look() {
        Look::Stream(cookie, ends, hash) => watch.read(reads.find(cookie, &ends, hash), now),
        Look::At(..) | Look::For(_) => Some(Answer::Failed(
            "it is a listener, and sees no other sockets: run 'secretcat witness' there".to_owned(),
        )),
    }
}
