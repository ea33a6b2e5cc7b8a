//! Conversations of a sweep, all on one exchange.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::super::Context;
use super::super::account::Sending;
use super::super::exchange::{Ended, Exchange};
use super::conversation::{Conversation, Limits, Next, Pace, State};
use super::progress::Progress;
use super::second_look::Runner;
use super::server::{HANGS, Server};
use super::time::SweepTime;
use crate::config::{ProxyHeader, SweepConfig, Traffic};
use crate::dialog::{Dialog, Learned};
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
use crate::io::witness::Witness;
use crate::peer::codec::OptionNames;
use crate::peer::life::CloseReason;
use crate::peer::outbox::Proofs;
use crate::plan::{Fin, Label, Layout, Place, Trial};
use crate::service::probe::{Probe, Sends, Stage};
use crate::service::{NoStore, PeerId};
use crate::verdict::{Ending, Outcome};

/// How long a handshake without messages waits for the server's end.
const LAST_WAIT: Duration = Duration::from_millis(250);
/// The number of bytes above the expected ones that are accepted before a reply counts as endless.
pub(super) const SURPLUS: usize = 1 << 20;

/// The number of questions and answers that a conversation waits for a witness, in a limit of silence.
const WAYS: u32 = 4;

/// The running conversations and their common state.
pub(super) struct Pool<'a> {
    pub(super) config: &'a SweepConfig,
    pub(super) limits: Limits,
    /// More received bytes than this are a reply without end.
    pub(super) most: usize,
    pub(super) progress: Progress,
    /// The bytes of the header of the last connection.
    pub(super) header: usize,
    pub(super) exchange: Exchange<Probe>,
    /// Encodes the bytes of the connections.
    encoding: Option<Box<dyn Encoding>>,
    dials: Dials<Trial>,
    running: HashMap<PeerId, Conversation>,
    /// The trials that have ended since this was last emptied.
    pub(super) ended: Vec<Done>,
    recorder: Recorder,
    pub(super) signals: Signals,
    proxy: Option<Proxy>,
    pub(super) time: SweepTime,
    witness: Option<Witness>,
    /// The server that is started for the sweep.
    pub(super) server: Option<Server>,
}

/// A trial that has ended.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) trial: Trial,
    pub(super) outcome: Outcome,
    /// What each part of the replies had.
    pub(super) learned: Vec<Learned>,
    pub(super) pace: Pace,
    /// When the connection was ready.
    pub(super) begun: Option<Instant>,
}

impl Done {
    /// A trial whose connection was not made.
    fn not_begun(trial: Trial, ending: Ending) -> Done {
        let outcome = Outcome { ending, ..Outcome::default() };
        Done { trial, outcome, learned: Vec::new(), pace: Pace::default(), begun: None }
    }
}

impl<'a> Pool<'a> {
    pub(super) fn new(config: &'a SweepConfig, probe: Probe, context: &Context) -> Result<Self, Error> {
        let handshake_only = probe.dialog().steps.is_empty();
        // A server that can be started again is not waited for as long.
        let timeout = config.server.as_ref().map_or(config.timeout, |_| config.timeout.min(HANGS));
        let most = probe.dialog().steps.len().saturating_mul(config.traffic.max_message).saturating_add(SURPLUS);
        let reactor =
            Reactor::new(config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
        context.signals.watch(&reactor.waker());
        let time = SweepTime::begin(config.max_time, reactor.now());
        encoding::warn_of(config.tls.as_ref(), "--tls-insecure", &context.report);
        Ok(Pool {
            config,
            limits: Limits { silence: timeout, timeout, end: LAST_WAIT, handshake_only },
            most,
            progress: Progress::default(),
            header: 0,
            exchange: Exchange::new(reactor, probe, Probe::TRAITS, Box::new(NoStore), None, &context.recorder),
            encoding: encoding::client(
                config.tls.as_ref(),
                &config.address,
                OptionNames::TLS,
                &context.report,
                &context.recorder,
            )?,
            dials: Dials::default(),
            running: HashMap::new(),
            ended: Vec::new(),
            recorder: context.recorder.clone(),
            signals: context.signals.clone(),
            proxy: context.proxy.clone(),
            time,
            witness: context.witness.clone(),
            server: config.server.as_ref().map(|command| Server::new(command, &config.address)),
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

    /// The dialog that is held on each connection.
    pub(super) fn dialog(&self) -> &Dialog {
        self.exchange.hosted.service.dialog()
    }

    /// Sends only this number of messages from now on. No conversation may be running.
    pub(super) fn keep(&mut self, messages: usize) {
        self.exchange.hosted.service.keep(messages);
    }

    /// Leaves out the message with this number, from 1, from now on. No conversation may be running.
    pub(super) fn leave_out(&mut self, message: usize) {
        self.exchange.hosted.service.leave_out(message);
    }

    /// Does not wait for the server to close the connection from now on. No conversation may be running.
    pub(super) fn expect_no_close(&mut self) {
        self.exchange.hosted.service.expect_no_close();
    }

    /// Holds the dialog with these ends of replies from now on. No conversation may be running.
    pub(super) fn learn(&mut self, learned: &[Learned]) {
        self.exchange.hosted.service.learn(learned);
    }

    /// Whether the sweep ends now, and all conversations with it.
    pub(super) fn must_abort(&mut self) -> bool {
        self.time.must_abort(self.limits.timeout, &self.signals, &mut self.exchange.reactor)
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
                witness: self.witness.as_ref(),
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
        if let Some(server) = &mut self.server {
            server.on_event(ready, &mut self.exchange.reactor);
        }
        for made in self.dials.on_event(ready, &mut self.exchange.reactor) {
            self.take(made);
        }
    }

    /// Ends a turn of the event loop.
    pub(super) fn end_turn(&mut self) {
        self.exchange.end_turn();
    }

    /// Sends the messages as soon as the connection is made.
    fn take(&mut self, Made { purpose: trial, result, in_handshake, .. }: Made<Trial>) {
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
            Err(ending) => self.ended.push(Done::not_begun(trial, ending)),
        }
    }

    fn add(&mut self, mut conn: Conn, trial: &Trial) -> io::Result<PeerId> {
        if trial.fin == Fin::With {
            conn.hold_last();
        }
        self.header = conn.sent_header();
        let sends = Sends { joined: trial.joined.clone(), fin: trial.fin, most: self.most };
        self.exchange.hosted.service.begin(sends);
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
            if replies.stage == Stage::Over {
                conversation.is_read.get_or_insert(conn.is_delivered());
                self.exchange.drop_one(id);
                break;
            }
            let sending = Sending::of(conn);
            // The answer of a witness that is far away takes longer than a server does.
            let extra = self.witness.as_ref().filter(|_| sending.awaiting).map(|witness| witness.slowest() * WAYS);
            let limits = self.limits.extended(extra.unwrap_or_default());
            match conversation.next(State { sending, replies }, limits, now) {
                Next::Wait(until) => {
                    self.exchange.reactor.wake_at(id, until);
                    break;
                }
                Next::Advance => self.exchange.act(|probe, context| probe.advance(id, context)),
                Next::Finish => self.exchange.act(|probe, context| probe.finish(id, context)),
                Next::End(ending) => {
                    let unread = conn.unread_by_peer();
                    conversation.is_read = Some(unread == Some(0));
                    conversation.read = conn.read_by_peer(unread);
                    self.exchange.hosted.service.end(id, ending);
                }
            }
        }
        for ended in std::mem::take(&mut self.exchange.ended) {
            self.end(ended);
        }
    }

    /// Takes the outcome of a conversation whose connection is closed.
    fn end(&mut self, Ended { id, reason, account, .. }: Ended) {
        let Some(conversation) = self.running.remove(&id) else { return };
        let Conversation { is_read, read, .. } = conversation;
        let (pace, begun) = (conversation.pace(), Some(conversation.begun));
        let trial = conversation.trial;
        let Some(account) = account else { return };
        let ending = match &reason {
            CloseReason::Failed(error) if account.wire_out == 0 => Ending::Unreachable(error.into()),
            CloseReason::Failed(_) if !account.eof => Ending::Reset,
            _ => Ending::Closed,
        };
        let Sending { unsent, awaiting, proofs: Proofs { confirmed, unconfirmed } } = account.sending;
        if let Some((mut outcome, learned)) = self.exchange.hosted.service.take(id, ending) {
            if self.limits.handshake_only {
                if outcome.ending == Ending::Open {
                    self.limits.end = Duration::ZERO; // this server does not end a connection
                }
                // Servers end an unused connection in different ways and at different times.
                outcome = Outcome { handshake_only: true, ..Outcome::default() };
            }
            let last = self.dialog().steps.iter().rev().skip(1).map(|step| step.send.len()).sum();
            let outcome = Outcome {
                unsent: usize::try_from(unsent).unwrap_or(usize::MAX),
                unread: awaiting,
                cut_last: trial.cuts.iter().any(|&cut| cut > last),
                read,
                owes_reply: unsent == 0 && is_read == Some(true) && learned.len() <= self.dialog().steps.len(),
                confirmed,
                unconfirmed,
                unseen: self.witness.as_ref().filter(|_| unconfirmed > 0).and_then(Witness::reason),
                proof: super::proof(self.config, &trial),
                ..outcome
            };
            self.ended.push(Done { trial, outcome, learned, pace, begun });
        }
    }

    /// Has the witness learn how addresses are translated: it has to see two barriers of a connection, and a server may
    /// close each connection before the last one.
    pub(super) fn show_to_witness(&mut self, layout: &Layout) -> Result<(), Error> {
        let is_needed = self.witness.as_ref().is_some_and(|witness| !witness.knows_way());
        let messages = self.dialog().messages();
        let long = messages.iter().position(|message| message.len() > 2).filter(|_| is_needed);
        if let Some(message) = long {
            let mut trial = Trial { name: Label::Shrunk, ..layout.whole() };
            let len = messages[message].len();
            let cut = |offset| layout.offset(Place { message: message + 1, offset });
            trial.cuts.extend([cut(len / 3), cut(len - len / 3)]);
            trial.cuts.sort_unstable();
            self.alone(&trial)?; // its replies prove nothing
        }
        Ok(())
    }

    /// Whether the witness has seen what the server read.
    pub(super) fn is_witnessed(&self) -> bool {
        self.witness.as_ref().is_some_and(Witness::knows_way)
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

    /// The trials that are running; they are aborted.
    pub(super) fn withdraw(&mut self) -> Vec<Trial> {
        let talking = self.running.values().map(|conversation| &conversation.trial);
        let trials = talking.chain(self.dials.purposes()).cloned().collect();
        self.abandon();
        trials
    }

    /// Runs one trial alone, and includes the time until its connection was ready in that of the
    /// conversation; `None` if the sweep is stopped meanwhile.
    pub(super) fn converse(&mut self, trial: Trial) -> Result<Option<Done>, Error> {
        Reactor::run(&mut Alone { pool: self, trial: Some(trial), asked: None })
    }
}

impl Runner for Pool<'_> {
    fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        Ok(self.alone(&trial)?.map(|done| done.outcome))
    }

    fn patiently(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        let silence = std::mem::replace(&mut self.limits.silence, self.limits.timeout);
        let outcome = self.one(trial);
        self.limits.silence = silence;
        outcome
    }

    fn restarts(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.stops > 0)
    }

    fn wait_longer(&mut self) {
        self.limits.silence = (self.limits.silence * 4).min(self.limits.timeout);
        self.limits.end = (self.limits.end * 4).min(self.limits.silence);
    }

    fn is_out_of_time(&self) -> bool {
        self.time.is_over(self.now())
    }

    fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }
}

/// One trial that runs alone.
struct Alone<'p, 'a> {
    pool: &'p mut Pool<'a>,
    /// The trial, until it begins.
    trial: Option<Trial>,
    /// When it was begun.
    asked: Option<Instant>,
}

impl Handler for Alone<'_, '_> {
    type Output = Option<Done>;
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
        pool.end_turn();
        let asked = *self.asked.get_or_insert(now);
        if let Some(mut done) = pool.ended.pop() {
            done.pace.talk += done.begun.map_or(Duration::ZERO, |begun| begun - asked);
            return Ok(ControlFlow::Break(Some(done)));
        }
        if pool.must_abort() {
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
