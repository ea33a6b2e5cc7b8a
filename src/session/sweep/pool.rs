//! Conversations of a sweep, all on one exchange.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::Context;
use super::super::account::Sending;
use super::super::exchange::{Ended, Exchange};
use super::conversation::{Conversation, Limits, Next, State};
use super::progress::Progress;
use crate::config::{ProxyHeader, SweepConfig, Traffic};
use crate::error::{Error, Operation};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::Conn;
use crate::io::connector::{Connector, Encoding, Make};
use crate::io::dials::{Dials, Made};
use crate::io::encoding;
use crate::io::key::Key;
use crate::io::proxy::Proxy;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::recorder::Recorder;
use crate::io::signal::Signals;
use crate::peer::life::CloseReason;
use crate::peer::outbox::Proofs;
use crate::plan::{Fin, Label, Trial};
use crate::service::probe::{Expected, Probe};
use crate::service::{NoStore, PeerId};
use crate::verdict::{Ending, Outcome};

/// How long a handshake without messages waits for the server's end.
const LAST_WAIT: Duration = Duration::from_millis(250);

/// The running conversations and their common state.
pub(super) struct Pool<'a> {
    pub(super) config: &'a SweepConfig,
    pub(super) limits: Limits,
    pub(super) expected: Expectations,
    pub(super) progress: Progress,
    /// The bytes of the header of the last connection.
    pub(super) header: usize,
    exchange: Exchange<Probe>,
    /// Encodes the bytes of the connections.
    encoding: Option<Box<dyn Encoding>>,
    dials: Dials<Trial>,
    running: HashMap<PeerId, Conversation>,
    /// The trials that have ended since this was last emptied, with their outcomes.
    pub(super) ended: Vec<(Trial, Outcome)>,
    recorder: Recorder,
    signals: Signals,
    proxy: Option<Proxy>,
}

/// The replies that a server is expected to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expectations {
    /// If each message is a write.
    each: Expected,
    /// If all messages are one write.
    pub(super) one_write: Expected,
}

impl<'a> Pool<'a> {
    pub(super) fn new(
        config: &'a SweepConfig,
        probe: Probe,
        expected: Expected,
        context: &Context,
    ) -> Result<Self, Error> {
        let handshake_only = probe.is_silent();
        let reactor =
            Reactor::new(config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
        context.signals.watch(&reactor.waker());
        encoding::warn_of(config.tls.as_ref().filter(|_| !config.quiet), "--tls-insecure", &context.report);
        Ok(Pool {
            config,
            // Until the replies of the server are known, their number is a guess.
            limits: Limits {
                silence: config.timeout,
                timeout: config.timeout,
                guessed: !handshake_only,
                handshake_only: handshake_only.then_some(LAST_WAIT),
            },
            expected: Expectations { each: expected, one_write: expected },
            progress: Progress::default(),
            header: 0,
            exchange: Exchange::new(reactor, probe, Probe::TRAITS, Box::new(NoStore), None, &context.recorder),
            encoding: encoding::client(config.tls.as_ref(), &config.address, "--tls")?,
            dials: Dials::default(),
            running: HashMap::new(),
            ended: Vec::new(),
            recorder: context.recorder.clone(),
            signals: context.signals.clone(),
            proxy: context.proxy.clone(),
        })
    }

    /// The bytes of the record with the `ClientHello`, which are as many on each connection; 0 without TLS.
    pub(super) fn hello(&self) -> Result<usize, Error> {
        let Some(encoding) = &self.encoding else { return Ok(0) };
        let mut wire = Vec::new();
        encoding.begin(None)?.start(&mut wire);
        Ok(wire.len())
    }

    pub(super) fn reactor(&mut self) -> &mut Reactor {
        &mut self.exchange.reactor
    }

    /// The time of this turn of the loop.
    pub(super) fn now(&self) -> Instant {
        self.exchange.reactor.now()
    }

    /// Says which replies are expected from now on; those to all messages in one write may be others.
    pub(super) fn expect(&mut self, expected: Expected) {
        self.expected = Expectations { each: expected, one_write: expected };
        self.limits.guessed = false;
    }

    /// The number of trials that have begun, and whose outcome was not taken.
    pub(super) fn len(&self) -> usize {
        self.dials.len() + self.running.len() + self.ended.len()
    }

    /// Starts a conversation.
    pub(super) fn begin(&mut self, trial: Trial) {
        let traffic = Traffic { plan: trial.plan(), ..self.config.traffic.clone() };
        let cut = |header: &ProxyHeader| ProxyHeader { cuts: trial.header_cuts(), ..header.clone() };
        let header = self.config.header.as_ref().map(cut);
        let connector = Connector {
            address: &self.config.address,
            proxy: self.proxy.as_ref(),
            family: self.config.family,
            // A server that waits for the rest of a ClientHello is known to be slower than without a cut.
            limit: if self.encoding.is_some() { self.limits.silence } else { self.config.timeout },
            limited_by: "--timeout",
            make: Make {
                raw: true,
                header: header.as_ref(),
                encoding: self.encoding.as_deref(),
                ..Make::plain(&traffic, &self.recorder)
            },
        };
        if let Some(made) = self.dials.start(&connector, trial, &mut self.exchange.reactor) {
            self.exchange.reactor.again(Key::Clock); // the outcome is taken in the next turn
            self.take(made);
        }
    }

    /// Continues the conversation that an event is for.
    pub(super) fn on_event(&mut self, ready: Ready, now: Instant) {
        if let Key::Conn(number) = ready.key {
            self.exchange.serve(ready);
            self.go_on(PeerId::conn(number), now);
        }
        for made in self.dials.on_event(ready, &mut self.exchange.reactor) {
            self.take(made);
        }
    }

    /// Sends the messages as soon as the connection is made.
    fn take(&mut self, Made { purpose: trial, result, in_handshake }: Made<Trial>) {
        let begun = match result {
            Ok(conn) => self.add(conn, &trial).map_err(|error| Ending::Unreachable((&error).into())),
            Err(error) => Err(Ending::not_begun(&error, in_handshake)),
        };
        match begun {
            Ok(id) => {
                let now = self.now();
                self.running.insert(id, Conversation::new(trial, now));
                self.go_on(id, now);
            }
            Err(ending) => self.ended.push((trial, Outcome { ending, ..Outcome::default() })),
        }
    }

    fn add(&mut self, mut conn: Conn, trial: &Trial) -> io::Result<PeerId> {
        if trial.fin == Fin::With {
            conn.hold_last();
        }
        self.header = conn.sent_header();
        let is_one_write = trial.hello.is_some() || (trial.name == Label::Whole && !trial.joined.is_empty());
        let expected = if is_one_write { self.expected.one_write } else { self.expected.each };
        self.exchange.hosted.service.begin(trial.fin, expected);
        let inbox = Inbox::new(Framing::Raw, Role::Responses, self.config.traffic.max_message);
        self.exchange.add(conn, inbox)
    }

    /// Does what the time and the replies of a conversation ask for, after its turn.
    fn go_on(&mut self, id: PeerId, now: Instant) {
        while let Some(conversation) = self.running.get_mut(&id) {
            let (Some(conn), Some(replies)) = (self.exchange.peers.conn(id), self.exchange.hosted.service.replies(id))
            else {
                break;
            };
            if replies.over {
                self.exchange.drop_one(id);
                break;
            }
            match conversation.next(State { sending: Sending::of(conn), replies }, self.limits, now) {
                Next::Wait(until) => {
                    self.exchange.reactor.wake_at(id, until);
                    break;
                }
                Next::Finish => self.exchange.act(|probe, context| probe.finish(id, context)),
                Next::End(ending) => self.exchange.hosted.service.end(id, ending),
            }
        }
        for ended in std::mem::take(&mut self.exchange.ended) {
            self.end(ended);
        }
    }

    /// Takes the outcome of a conversation whose connection is closed.
    fn end(&mut self, Ended { id, reason, account, .. }: Ended) {
        let Some(Conversation { trial, .. }) = self.running.remove(&id) else { return };
        let Some(account) = account else { return };
        let ending = match &reason {
            CloseReason::Failed(error) if account.wire_out == 0 => Ending::Unreachable(error.into()),
            CloseReason::Failed(_) if !account.eof => Ending::Reset,
            _ => Ending::Closed,
        };
        let Sending { unsent, awaiting, proofs: Proofs { confirmed, unconfirmed } } = account.sending;
        if let Some(mut outcome) = self.exchange.hosted.service.take(id, ending) {
            if let Some(wait) = &mut self.limits.handshake_only {
                if outcome.ending == Ending::Open {
                    *wait = Duration::ZERO; // this server does not end a connection
                }
                // Servers end an unused connection in different ways and at different times.
                outcome = Outcome { handshake_only: true, ..Outcome::default() };
            }
            let outcome = Outcome {
                unsent: usize::try_from(unsent).unwrap_or(usize::MAX),
                unread: awaiting,
                confirmed,
                unconfirmed,
                proof: super::proof(self.config, &trial),
                ..outcome
            };
            self.ended.push((trial, outcome));
        }
    }

    /// Aborts all conversations.
    pub(super) fn abandon(&mut self) {
        self.dials.abandon(&self.exchange.reactor, |_| true);
        for id in self.running.keys() {
            self.exchange.drop_one(*id);
        }
        for ended in std::mem::take(&mut self.exchange.ended) {
            self.end(ended);
        }
        self.ended.clear();
    }

    /// Runs one trial alone; `None` if the sweep is interrupted meanwhile.
    pub(super) fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        Ok(self.timed(trial)?.map(|(outcome, _)| outcome))
    }

    /// Runs one trial alone, and returns the time that it took too.
    pub(super) fn timed(&mut self, trial: Trial) -> Result<Option<(Outcome, Duration)>, Error> {
        Reactor::run(&mut Alone { pool: self, trial: Some(trial), begun: None })
    }
}

/// One trial that runs alone.
struct Alone<'p, 'a> {
    pool: &'p mut Pool<'a>,
    /// The trial, until it begins.
    trial: Option<Trial>,
    begun: Option<Instant>,
}

impl Handler for Alone<'_, '_> {
    type Output = Option<(Outcome, Duration)>;
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.pool.reactor()
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.pool.on_event(ready, now);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<Self::Output>, Error> {
        let pool = &mut *self.pool;
        let begun = *self.begun.get_or_insert(now);
        if let Some((_, outcome)) = pool.ended.pop() {
            return Ok(ControlFlow::Break(Some((outcome, now - begun))));
        }
        if pool.signals.stopped() {
            pool.abandon();
            return Ok(ControlFlow::Break(None));
        }
        if let Some(trial) = self.trial.take() {
            pool.begin(trial);
        }
        pool.progress.print(now);
        Ok(ControlFlow::Continue(()))
    }
}
