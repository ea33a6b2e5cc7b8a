//! One connection of a browser or of Prometheus: a request, a response, and the end.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::viewer::Viewer;
use crate::io::stream::Stream;
use crate::web::{LONGEST_HEAD, Request, Response, Status};

/// How long a request, a response and the end may take together.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number of bytes that are read in a turn.
const READ: usize = LONGEST_HEAD + 1;
/// The largest number of bytes of a body, which nobody asked for, that is read so that the response arrives.
const IGNORED: usize = 256 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) stream: Stream,
    phase: Phase,
    /// When it is dropped, unless it watches.
    until: Instant,
}

#[derive(Debug)]
enum Phase {
    /// The head of the request so far.
    Asks(Vec<u8>),
    /// The rest of the response.
    Answered(Vec<u8>),
    /// It shows the live page.
    Watches(Viewer),
    /// The response is written, and what the client still sends is read, so that its end is no reset: how many bytes.
    Ends(usize),
}

/// What follows a turn.
#[derive(Debug)]
pub(super) enum Next {
    /// Wait for readiness, or for the deadline.
    Wait,
    /// Answer this.
    Answer(Request),
    /// The connection is done.
    Drop,
}

impl Client {
    pub(super) fn new(stream: Stream, now: Instant) -> Client {
        Client { stream, phase: Phase::Asks(Vec::new()), until: now + PATIENCE }
    }

    /// When it must be looked at again; those that watch are looked at with each update.
    pub(super) fn due(&self) -> Option<Instant> {
        (!matches!(self.phase, Phase::Watches(_))).then_some(self.until)
    }

    /// Sends this response.
    pub(super) fn answer(&mut self, response: Vec<u8>) {
        self.phase = Phase::Answered(response);
    }

    /// Sends updates from now on.
    pub(super) fn watch(&mut self, viewer: Viewer) {
        self.phase = Phase::Watches(viewer);
    }

    /// The stream of updates, if it watches.
    pub(super) fn viewer(&mut self) -> Option<&mut Viewer> {
        if let Phase::Watches(viewer) = &mut self.phase { Some(viewer) } else { None }
    }

    /// Reads and writes as far as it does not wait.
    ///
    /// # Errors
    /// The kernel's: the connection is gone.
    pub(super) fn turn(&mut self, now: Instant) -> io::Result<Next> {
        let mut buffer = [0; READ];
        loop {
            let is_late = now >= self.until;
            match &mut self.phase {
                Phase::Asks(head) if is_late && !head.is_empty() => {
                    self.refuse(Status::Timeout, "the head of the request did not come in time");
                    self.until = now + PATIENCE;
                }
                Phase::Asks(_) | Phase::Answered(_) | Phase::Ends(_) if is_late => return Ok(Next::Drop),
                Phase::Asks(head) => {
                    match unless_blocked(|| self.stream.read(&mut buffer))? {
                        None => return Ok(Next::Wait),
                        Some(0) => return Ok(Next::Drop),
                        Some(n) => head.extend_from_slice(&buffer[..n]),
                    }
                    match Request::read(head) {
                        Ok(None) => {}
                        Ok(Some(request)) => return Ok(Next::Answer(request)),
                        Err(status) => self.refuse(status, "the request cannot be served"),
                    }
                }
                Phase::Answered(rest) => {
                    match unless_blocked(|| self.stream.write(rest))? {
                        None => return Ok(Next::Wait),
                        Some(n) => drop(rest.drain(..n)),
                    }
                    if rest.is_empty() {
                        self.stream.half_close()?;
                        self.phase = Phase::Ends(0);
                    }
                }
                Phase::Watches(viewer) => {
                    // It sends nothing more: bytes are ignored, and its end is the end.
                    let is_over = unless_blocked(|| self.stream.read(&mut buffer))? == Some(0);
                    let goes_on = !is_over && viewer.turn(&mut self.stream, now)?;
                    return Ok(if goes_on { Next::Wait } else { Next::Drop });
                }
                Phase::Ends(ignored) => match unless_blocked(|| self.stream.read(&mut buffer))? {
                    None => return Ok(Next::Wait),
                    Some(n) if n > 0 && *ignored < IGNORED => *ignored += n,
                    Some(_) => return Ok(Next::Drop),
                },
            }
        }
    }

    fn refuse(&mut self, status: Status, reason: &str) {
        self.answer(Response::refuse(status, reason).encode(false));
    }
}

/// Calls this again after an interruption; `None` if it would block.
pub(super) fn unless_blocked(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Ok(n) => return Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
