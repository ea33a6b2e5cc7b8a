//! A witness that this program has started: a command that runs where the server runs, and reports what the server's
//! sockets have received and what their programs have read.
//!
//! Or the server itself, a listener of this program with `--answer-witness`: the command then connects to it.
//!
//! A thread of its own exchanges lines with the command, so that no event loop waits for it and all loops of a run can
//! ask it. A connection asks, and looks for the answer when it looks at its barrier again.

mod inquiry;
mod listener;
mod talk;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Waker;

pub use inquiry::{At, Inquiry, Sight};
use talk::Talk;

use super::command::{Command, Input, Keep, Start};
use super::reactor::Reactor;
use super::signal::Signals;
use super::threads::Thread;
use crate::error::{Error, Operation};
use crate::peer::witness::claim::Claims;
use crate::peer::witness::identity::Knowledge;
use crate::peer::witness::protocol::{Answer, Kind, Question};

/// The longest wait for the first line of the command, which may have to log in on another host first.
const START_LIMIT: Duration = Duration::from_secs(20);
/// The longest wait for an answer, beyond the time that the question grants. It is shorter than the time limits of
/// conversations.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// The period at which a signal is looked for while the command starts.
const PERIOD: Duration = Duration::from_millis(50);
/// What is kept of an output of the command.
const KEPT: usize = 64 * 1024;

/// A running witness; clones ask the same one. When the last one is dropped, the command is ended.
#[derive(Clone, Debug)]
pub struct Witness(Arc<Running>);

#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    thread: Option<Thread>,
}

/// What the thread of the command and the connections share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The phase has changed.
    changed: Condvar,
    /// Wakes the thread.
    waker: Arc<Waker>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Lines that are not written yet.
    lines: Vec<u8>,
    /// The number of the last question.
    last: u64,
    asked: HashMap<u64, Asked>,
    answers: HashMap<u64, Answer>,
    /// What it answers.
    kind: Kind,
    /// What is known of the sockets, and of the connections of a listener.
    known: Knowledge,
    claims: Claims,
    /// The longest way of a question and its answer so far.
    slowest: Duration,
    /// The last reason why a connection's socket was not visible.
    reason: Option<String>,
}

/// How far the command has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Starting,
    /// It answers.
    Ready,
    /// It does not answer any more, for this reason.
    Failed(String),
    /// The run is over.
    Stopping,
}

/// A question that is not answered yet.
#[derive(Debug)]
struct Asked {
    question: Question,
    at: Instant,
    /// The connection still waits for the answer.
    is_wanted: bool,
}

impl Witness {
    /// Starts a witness, and waits until it answers.
    ///
    /// # Errors
    /// Why it does not; [`Error::Interrupted`] if a signal comes first.
    pub fn start(line: &OsStr, signals: &Signals) -> Result<Witness, Error> {
        let start = Error::local(Operation::Start, "the event loop of the witness");
        let reactor = Reactor::new(Duration::ZERO).map_err(start)?;
        let line = &*listener::command(line)?;
        let start =
            Start { line, directory: None, input: Input::Pipe, stdout: Keep::First(KEPT), stderr: Keep::Last(KEPT) };
        let command = Command::start(&start, 0, &reactor)?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), waker: reactor.waker() });
        let talk = Talk::new(reactor, command, shared.clone());
        let thread =
            Thread::start("witness", move || talk.run()).map_err(Error::local(Operation::Start, "a thread"))?;
        let witness = Witness(Arc::new(Running { shared, thread: Some(thread) }));
        witness.await_start(signals)?;
        Ok(witness)
    }

    fn await_start(&self, signals: &Signals) -> Result<(), Error> {
        let shared = &self.0.shared;
        let mut state = shared.lock();
        loop {
            match &state.phase {
                Phase::Starting => {}
                Phase::Failed(why) => return Err(Error::Usage(format!("--witness: {why}"))),
                Phase::Ready | Phase::Stopping => return Ok(()),
            }
            if signals.stopped() {
                return Err(Error::Interrupted);
            }
            let waited = shared.changed.wait_timeout(state, PERIOD).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
    }

    /// The longest time that a question and its answer have taken on their way. A server that is slower than usual by
    /// this much may not be slow.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        let state = self.0.shared.lock();
        let oldest = state.asked.values().filter(|asked| asked.is_wanted).map(|asked| asked.at.elapsed()).max();
        oldest.unwrap_or_default().max(state.slowest)
    }

    /// Whether a socket was accepted as a peer's, so that it is known how addresses are translated, or the listener has
    /// shown its reads.
    #[must_use]
    pub fn knows_way(&self) -> bool {
        let state = self.0.shared.lock();
        state.known.has_route() || state.claims.has_proof()
    }

    /// Whether it is the server itself, a listener that knows what it has read. It is asked about every connection:
    /// the peer's socket may be that of a program on the way.
    #[must_use]
    pub fn is_listener(&self) -> bool {
        self.0.shared.lock().kind == Kind::Streams
    }

    /// Why the socket of a connection was not visible, the last time.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let state = self.0.shared.lock();
        if let Phase::Failed(why) = &state.phase {
            return Some(why.clone());
        }
        let given_up = state.known.given_up().or(state.claims.given_up());
        given_up.map(ToString::to_string).or_else(|| state.reason.clone())
    }

    /// Asks a question. The number is for [`Witness::answer`].
    fn ask(&self, question: Question) -> u64 {
        let mut state = self.0.shared.lock();
        let id = state.ask(question);
        drop(state);
        self.0.shared.wake();
        id
    }

    /// The answer to a question; `None` if there is none yet.
    ///
    /// # Errors
    /// Why there will be none.
    fn answer(&self, id: u64) -> Result<Option<Answer>, String> {
        let mut state = self.0.shared.lock();
        match (state.answers.remove(&id), &state.phase) {
            (Some(answer), _) => Ok(Some(answer)),
            (None, Phase::Failed(why)) => Err(why.clone()),
            (None, _) => Ok(None),
        }
    }

    /// The answer to this question is not waited for any more.
    fn forget(&self, id: u64) {
        let mut state = self.0.shared.lock();
        state.answers.remove(&id);
        if let Some(asked) = state.asked.get_mut(&id) {
            asked.is_wanted = false;
        }
    }

    /// Uses what is known for all connections.
    fn with_knowledge<T>(&self, act: impl FnOnce(&mut Knowledge) -> T) -> T {
        act(&mut self.0.shared.lock().known)
    }

    /// Uses what is known for all connections to a listener.
    fn with_claims<T>(&self, act: impl FnOnce(&mut Claims) -> T) -> T {
        act(&mut self.0.shared.lock().claims)
    }

    fn note_reason(&self, reason: &str) {
        self.0.shared.lock().reason = Some(reason.to_owned());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.set_phase(Phase::Stopping);
        self.shared.wake();
        self.thread.take().into_iter().for_each(Thread::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A thread that cannot be woken has ended.
        let _ = self.waker.wake();
    }

    fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
        self.changed.notify_all();
    }
}

impl State {
    fn ask(&mut self, question: Question) -> u64 {
        self.last += 1;
        self.lines.extend_from_slice(question.line(self.last).as_bytes());
        self.asked.insert(self.last, Asked { question, at: Instant::now(), is_wanted: true });
        self.last
    }
}

#[cfg(test)]
mod tests;
