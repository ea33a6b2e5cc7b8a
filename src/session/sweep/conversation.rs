//! One conversation of a sweep: connects, writes by the plan of the trial, collects the replies, ends.

use std::time::{Duration, Instant};

use crate::config::{SweepConfig, Traffic};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::Conn;
use crate::io::connector::{Connecting, Connector};
use crate::io::key::Key;
use crate::io::reactor::{Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::{Flush, Incoming};
use crate::peer::outbox::Proofs;
use crate::plan::{Fin, Trial};
use crate::value::Address;
use crate::verdict::{Ending, Outcome};

/// The shortest and the longest silence after the first reply, until it is taken to be complete.
const GRACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// The settings of all conversations of a sweep.
pub(super) struct Setting<'a> {
    pub(super) config: &'a SweepConfig,
    pub(super) address: Address,
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) request: Vec<u8>,
    /// The number of replies, and of their bytes, after which nothing more is waited for.
    pub(super) expected: Expected,
    pub(super) recorder: Recorder,
}

/// When a reply is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) replies: usize,
    /// The expected bytes; 0 if the number of replies is enough.
    pub(super) bytes: usize,
    /// More bytes than this are a reply without end.
    pub(super) most: usize,
    /// The number is a guess: more bytes may follow.
    pub(super) guessed: bool,
    /// The silence after which an incomplete conversation ends.
    pub(super) silence: Duration,
}

/// A running conversation.
pub(super) struct Conversation {
    stage: Stage,
    trial: Trial,
    key: Key,
    /// When the connection was made.
    begun: Instant,
    /// The last time that a byte was sent or received.
    active: Instant,
    /// The last time that the server read bytes.
    taken: Instant,
    framing: Framing,
    inbox: Inbox,
    outcome: Outcome,
    /// The half-close was requested.
    finished: bool,
}

enum Stage {
    Calling(Box<Connecting>),
    Talking(Box<Conn>),
    Over,
}

impl Conversation {
    /// Starts; `number` is that of its connection and its dial among the keys of the reactor.
    pub(super) fn start(
        setting: &Setting<'_>,
        trial: Trial,
        reactor: &mut Reactor,
        number: usize,
        now: Instant,
    ) -> Self {
        let config = setting.config;
        let mut outcome = Outcome { unsent: setting.request.len(), ..Outcome::default() };
        let connector = Connector {
            address: &setting.address,
            family: config.family,
            options: &config.traffic.socket,
            limit: config.timeout,
            limited_by: "--timeout",
        };
        let stage = match connector.start(reactor, number) {
            Ok(connecting) => Stage::Calling(Box::new(connecting)),
            Err(error) => {
                outcome.ending = Ending::Unreachable((&error).into());
                Stage::Over
            }
        };
        let key = Key::Conn(number);
        reactor.again(key);
        let mut inbox = Inbox::new(config.framing, Role::Responses, config.traffic.max_message);
        for message in &setting.messages {
            inbox.expect(message);
        }
        let framing = config.framing;
        Conversation {
            stage,
            trial,
            key,
            begun: now,
            active: now,
            taken: now,
            framing,
            inbox,
            outcome,
            finished: false,
        }
    }

    pub(super) fn on_ready(&mut self, ready: Ready) {
        match &mut self.stage {
            Stage::Calling(connecting) => connecting.on_ready(ready),
            Stage::Talking(conn) if ready.key == self.key => conn.on_ready(ready),
            Stage::Talking(_) | Stage::Over => {}
        }
    }

    /// Continues; returns the trial and its outcome when it is over.
    pub(super) fn go_on(
        &mut self,
        setting: &Setting<'_>,
        reactor: &mut Reactor,
        scratch: &mut [u8],
        now: Instant,
    ) -> Option<(Trial, Outcome)> {
        self.call(setting, reactor, now);
        self.talk(setting, reactor, scratch, now);
        matches!(self.stage, Stage::Over).then(|| (self.trial.clone(), std::mem::take(&mut self.outcome)))
    }

    /// Aborts it.
    pub(super) fn abandon(self, reactor: &Reactor) {
        match self.stage {
            Stage::Calling(mut connecting) => connecting.abandon(reactor),
            Stage::Talking(conn) => conn.close(reactor, None),
            Stage::Over => {}
        }
    }

    /// Continues connecting; sends the messages as soon as the connection is made.
    fn call(&mut self, setting: &Setting<'_>, reactor: &mut Reactor, now: Instant) {
        let Stage::Calling(connecting) = &mut self.stage else { return };
        match connecting.poll(reactor) {
            Ok(None) => {}
            Ok(Some(connected)) => {
                let traffic = Traffic { plan: self.trial.plan(), ..setting.config.traffic.clone() };
                let mut conn = Box::new(connected.into_conn(0, None, &traffic, true, &setting.recorder));
                (self.begun, self.active, self.taken) = (now, now, now);
                if self.trial.fin == Fin::With {
                    conn.hold_last();
                }
                let begun = conn.register(reactor, self.key).and_then(|()| conn.send(&setting.request));
                if self.trial.fin != Fin::Replied {
                    conn.finish();
                    self.finished = true;
                }
                self.stage = Stage::Talking(conn);
                if let Err(error) = begun {
                    self.end(Ending::Unreachable((&error).into()));
                }
            }
            Err(error) => self.end(Ending::Unreachable((&error).into())),
        }
    }

    fn talk(&mut self, setting: &Setting<'_>, reactor: &mut Reactor, scratch: &mut [u8], now: Instant) {
        let Stage::Talking(conn) = &mut self.stage else { return };
        let before = (conn.backlog(), conn.is_awaiting());
        let flush = conn.flush(now);
        self.outcome.unsent = conn.backlog();
        if (conn.backlog(), conn.is_awaiting()) != before {
            (self.active, self.taken) = (now, now);
        }
        // The server has read nothing yet: it may be busy with other clients, which means nothing for this
        // trial.
        let at_the_door = conn.is_awaiting() && conn.proofs() == Proofs::default() && self.outcome.received == 0;
        match flush {
            Ok(Flush::Until(at)) => reactor.wake_at(self.key, at),
            Ok(Flush::More) => reactor.again(self.key),
            Ok(Flush::Idle | Flush::Blocked) => {}
            // The bytes that the server sent before it closed are read below.
            Err(_) => conn.break_off(),
        }
        if let Some(ending) = self.listen(setting, scratch, now) {
            return self.close(reactor, ending);
        }
        let timeout = setting.config.timeout;
        let silence = if at_the_door { timeout } else { setting.expected.silence };
        // A server that sends slowly without end must not delay the end for ever.
        let until = (self.active + silence).min(self.taken + timeout);
        if now >= until {
            let talking = now < self.active + silence && self.outcome.received > 0;
            return self.close(reactor, if talking { Ending::Endless } else { Ending::Open });
        }
        reactor.wake_at(self.key, until);
        if !self.finished && self.outcome.unsent == 0 {
            // The server may send more after our half-close.
            let wait = if self.has_all(setting) { self.grace(setting).min(silence / 2) } else { silence / 2 };
            let at = (self.active + wait).min(self.taken + timeout / 2);
            if now < at {
                return reactor.wake_at(self.key, at);
            }
            self.finished = true;
            self.outcome.prompt();
            let Stage::Talking(conn) = &mut self.stage else { return };
            conn.finish();
            reactor.again(self.key);
        }
    }

    /// Reads available bytes; returns how the connection ended, if it did.
    fn listen(&mut self, setting: &Setting<'_>, scratch: &mut [u8], now: Instant) -> Option<Ending> {
        let Stage::Talking(conn) = &mut self.stage else { return None };
        loop {
            match conn.read(scratch, now) {
                Ok(Incoming::Bytes(n)) => {
                    self.active = now;
                    self.outcome.received += n;
                    let mut fresh = &scratch[..n];
                    loop {
                        match self.inbox.pull(&mut fresh) {
                            Ok(Some(message)) => self.outcome.take(message.wire, self.framing),
                            Ok(None) => break,
                            Err(error) => return Some(Ending::Garbled(error.to_string())),
                        }
                    }
                    if self.outcome.received > setting.expected.most {
                        return Some(Ending::Endless);
                    }
                }
                // Whether that was before or after our half-close is a matter of microseconds.
                Ok(Incoming::Eof) => return Some(Ending::Closed),
                Ok(Incoming::Until(_) | Incoming::Blocked) => return None,
                Err(_) => return Some(Ending::Reset),
            }
        }
    }

    /// The silence after everything expected, before half-closing. If the expectation is a guess, it is long
    /// compared with the time that the reply took.
    fn grace(&self, setting: &Setting<'_>) -> Duration {
        let taken = self.active.saturating_duration_since(self.begun);
        if setting.expected.guessed { (taken * 20).clamp(GRACE.0, GRACE.1) } else { Duration::ZERO }
    }

    fn has_all(&self, setting: &Setting<'_>) -> bool {
        let expected = &setting.expected;
        self.outcome.replies.len() >= expected.replies && self.outcome.received >= expected.bytes
    }

    fn close(&mut self, reactor: &Reactor, ending: Ending) {
        if let Stage::Talking(conn) = std::mem::replace(&mut self.stage, Stage::Over) {
            let Proofs { confirmed, unconfirmed } = conn.proofs();
            (self.outcome.confirmed, self.outcome.unconfirmed) = (confirmed, unconfirmed);
            self.outcome.unread = conn.is_awaiting();
            conn.close(reactor, None);
        }
        self.gather_rest(ending == Ending::Closed);
        if !self.finished {
            self.outcome.prompt();
        }
        self.outcome.ending = ending;
    }

    /// The bytes after the last complete reply; a body may be complete because its connection has ended.
    fn gather_rest(&mut self, ended: bool) {
        self.outcome.rest = self.inbox.held().to_vec();
        if ended && self.inbox.ends_with_stream() {
            if let Ok(Some(message)) = self.inbox.finish() {
                self.outcome.take(message.wire, self.framing);
                self.outcome.rest.clear();
            }
        }
    }

    fn end(&mut self, ending: Ending) {
        self.outcome.ending = ending;
        self.stage = Stage::Over;
    }
}
