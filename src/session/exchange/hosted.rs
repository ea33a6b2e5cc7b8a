//! The service of an exchange, and what it has asked for.

use std::time::Instant;

use super::super::peer::{Author, Peer, note_received};
use super::ended::Ended;
use super::timers::Timers;
use crate::auth::UserName;
use crate::error::cause;
use crate::frame::FrameError;
use crate::io::clock::Clock;
use crate::io::recorder::Recorder;
use crate::io::splice::SplicePipe;
use crate::io::transcript::{Recorded, Transcript};
use crate::io::worker::Order;
use crate::peer::life::CloseReason;
use crate::service::{Action, Context, Event, PeerId, Service, Store};

/// A service with its context. It gets the messages of a peer in their order; what it asks for then waits in the
/// context until the exchange carries it out.
#[derive(Debug)]
pub(in crate::session) struct Hosted<S> {
    pub(in crate::session) service: S,
    pub(super) context: Context,
    pub(super) store: Box<dyn Store>,
    pub(super) timers: Timers,
    clock: Clock,
    /// The turn of the event loop whose time the service knows.
    turn_began: Option<Instant>,
    /// The service has ended the session.
    pub(in crate::session) stopped: bool,
    /// The clients that the service wants a connection for, since this was last emptied.
    pub(in crate::session) dials: Vec<PeerId>,
    /// The peers with a message that has no record and must not be answered.
    pub(super) unrecorded: Vec<PeerId>,
    /// The peers that are not read because the transcript waits for the disk.
    pub(super) waiting: Vec<PeerId>,
    /// The work that the service wants done, since this was last emptied.
    pub(in crate::session) orders: Vec<Order>,
    /// The logins that have failed, to be printed, since this was last emptied.
    pub(in crate::session) failed_logins: Vec<String>,
    /// What the service has to say to the operator, since this was last emptied.
    pub(in crate::session) operator_lines: Vec<OperatorLine>,
}

/// A line of a service for the operator.
#[derive(Debug)]
pub(in crate::session) enum OperatorLine {
    /// A warning.
    Warning(String),
    /// Another line.
    Info(String),
}

/// Whether more of a peer is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dispatched {
    /// The service got every whole message.
    All,
    /// The sink is full, or the service wants no more now: the rest waits in the inbox.
    Paused,
}

impl<S: Service> Hosted<S> {
    pub(super) fn new(service: S, store: Box<dyn Store>) -> Self {
        Hosted {
            service,
            context: Context::default(),
            store,
            timers: Timers::default(),
            clock: Clock::start(),
            turn_began: None,
            stopped: false,
            dials: Vec::new(),
            unrecorded: Vec::new(),
            waiting: Vec::new(),
            orders: Vec::new(),
            failed_logins: Vec::new(),
            operator_lines: Vec::new(),
        }
    }

    /// Has the service know the time of this turn.
    pub(super) fn note_time(&mut self, now: Instant) {
        if self.turn_began != Some(now) {
            self.turn_began = Some(now);
            self.context.set_now(self.clock.moment(now));
        }
    }

    /// Notes a line for the operator.
    pub(super) fn note_operator_line(&mut self, action: Action, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let is_warning = matches!(action, Action::Warn(_));
        self.operator_lines.push(if is_warning { OperatorLine::Warning(text) } else { OperatorLine::Info(text) });
    }

    /// Gives the service an event.
    #[inline]
    pub(super) fn on(&mut self, event: Event<'_>) {
        self.service.on(event, &mut self.context);
    }

    /// Gives the service the messages in the inbox of a peer and in these fresh bytes, as long as their output fits
    /// into the room of its sink.
    ///
    /// # Errors
    /// The peer has sent something invalid.
    pub(super) fn dispatch(
        &mut self,
        id: PeerId,
        peer: &mut Peer,
        mut fresh: &[u8],
        room: usize,
        recorder: &Recorder,
    ) -> Result<Dispatched, FrameError> {
        let (has_lines, discards) = (peer.inbox.has_lines(), peer.inbox.discards_long_lines());
        loop {
            let is_full = recorder.transcript().is_some_and(Transcript::is_full);
            if is_full {
                self.waiting.push(id);
            }
            peer.flow.pause(is_full || self.context.pending() >= room || !self.service.wants(id));
            if peer.flow.is_paused() {
                peer.inbox.keep(fresh);
                return Ok(Dispatched::Paused);
            }
            let message = match peer.inbox.pull(&mut fresh) {
                Ok(Some(message)) => message,
                Ok(None) => {
                    if peer.inbox.take_expectation() {
                        self.on(Event::Expects { peer: id });
                    }
                    return Ok(Dispatched::All);
                }
                Err(FrameError::TooLong { .. }) if discards => {
                    self.on(Event::TooLong { peer: id });
                    if self.context.closes(id) {
                        return Ok(Dispatched::Paused);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            let author = author(&self.service, &self.context, id, &message.body);
            let state = note_received(&peer.link, &mut peer.received, message.wire, author, has_lines, recorder);
            if state == Recorded::MustBe {
                self.unrecorded.push(id);
            }
            let conn = peer.link.conn().filter(|_| recorder.is_on());
            self.context.set_reply_time(conn.and_then(|conn| recorder.take_reply_time(conn.id())));
            self.service.on(Event::of(id, &message), &mut self.context);
            if self.context.closes(id) {
                return Ok(Dispatched::Paused);
            }
            if self.context.is_upgrading(id) {
                peer.inbox.keep(fresh); // for its next turn, which the upgrade gives it
                return Ok(Dispatched::Paused);
            }
        }
    }

    /// Gives the service the last messages of a peer, which end with the stream.
    ///
    /// # Errors
    /// The stream ends within a message.
    pub(super) fn dispatch_last(&mut self, id: PeerId, peer: &mut Peer, recorder: &Recorder) -> Result<(), FrameError> {
        let (is_whole, has_lines) = (peer.inbox.ends_with_stream(), peer.inbox.has_lines());
        let discards = peer.inbox.discards_long_lines();
        loop {
            let message = match peer.inbox.finish() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(FrameError::TooLong { .. }) if discards => {
                    self.on(Event::TooLong { peer: id });
                    continue;
                }
                Err(error) => return Err(error),
            };
            let author = author(&self.service, &self.context, id, &message.body);
            let state = note_received(&peer.link, &mut peer.received, message.wire, author, has_lines, recorder);
            if state == Recorded::MustBe {
                self.unrecorded.push(id);
            }
            let bytes = &message.body;
            let event = if is_whole { Event::Message { peer: id, bytes } } else { Event::Rest { peer: id, bytes } };
            self.service.on(event, &mut self.context);
        }
    }

    /// Gives the service, as messages, what is in the pipe of a peer whose bytes can no longer be spliced: it would be
    /// lost with the pipe. It is at most what a pipe holds.
    pub(super) fn dispatch_pipe(&mut self, id: PeerId, mut pipe: SplicePipe, scratch: &mut [u8]) {
        // Reading from our own pipe does not fail.
        while let Ok(n @ 1..) = pipe.take(scratch) {
            self.on(Event::Message { peer: id, bytes: &scratch[..n] });
        }
    }

    /// A peer has sent something invalid. The service may reply; false: it does not close the connection.
    pub(super) fn refuse(&mut self, id: PeerId, peer: &mut Peer, error: &FrameError) -> bool {
        if peer.inbox.take_expectation() {
            self.on(Event::Expects { peer: id }); // as if the rest had come later
        }
        if let FrameError::TooLong { .. } = error {
            self.on(Event::TooLong { peer: id });
            return true;
        }
        self.on(Event::Malformed { peer: id, error });
        self.context.closes(id)
    }

    /// Reports to the service that a peer is closed.
    pub(super) fn report_closed(&mut self, ended: &Ended) {
        let id = ended.id;
        self.dials.retain(|&client| client != id);
        if ended.failed {
            let why = if let CloseReason::Failed(error) = &ended.reason { &cause(error) } else { "idle timeout" };
            self.on(Event::Failed { peer: id, why });
        }
        if matches!(ended.reason, CloseReason::Overrun) {
            self.on(Event::Overrun { peer: id });
        }
        self.on(Event::Closed { peer: id });
    }
}

/// Whose message this one of a peer is, for records.
#[inline]
fn author<'a>(service: &impl Service, context: &'a Context, id: PeerId, message: &[u8]) -> Author<'a> {
    if service.hides(id, message) { Author::Hidden } else { Author::User(context.user(id).map(UserName::as_str)) }
}
