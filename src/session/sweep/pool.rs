//! Conversations under way, all on one event loop.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use slab::Slab;

use super::conversation::{Conversation, Setting};
use super::progress::Progress;
use crate::error::{Error, Operation};
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::read_buffer;
use crate::io::signal::Signals;
use crate::plan::Trial;
use crate::verdict::Outcome;

/// Conversations, and what they share.
pub(super) struct Pool<'a> {
    pub(super) setting: Setting<'a>,
    pub(super) reactor: Reactor,
    signals: Signals,
    running: Slab<Conversation>,
    /// The trials that have ended since this was last emptied, with their outcomes.
    pub(super) ended: Vec<(Trial, Outcome)>,
    scratch: Vec<u8>,
    pub(super) progress: Progress,
}

impl<'a> Pool<'a> {
    pub(super) fn new(setting: Setting<'a>, signals: &Signals) -> Result<Self, Error> {
        let reactor =
            Reactor::new(setting.config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
        signals.watch(&reactor.waker());
        Ok(Pool {
            setting,
            reactor,
            signals: signals.clone(),
            running: Slab::new(),
            ended: Vec::new(),
            scratch: read_buffer(),
            progress: Progress::default(),
        })
    }

    /// The time of this turn of the loop.
    pub(super) fn now(&self) -> Instant {
        self.reactor.now()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Starts a conversation.
    pub(super) fn begin(&mut self, trial: Trial, now: Instant) {
        let entry = self.running.vacant_entry();
        let number = entry.key();
        entry.insert(Conversation::start(&self.setting, trial, &mut self.reactor, number, now));
    }

    /// Continues the conversation that an event is for.
    pub(super) fn on_event(&mut self, ready: Ready, now: Instant) {
        let number = match ready.key {
            Key::Conn(number) | Key::Dial(number) | Key::Attempt { dial: number, .. } => number,
            Key::Waker => {
                // A name lookup has ended: any conversation may be waiting for it.
                for (number, _) in &self.running {
                    self.reactor.again(Key::Conn(number));
                }
                return;
            }
            _ => return,
        };
        let Some(conversation) = self.running.get_mut(number) else { return };
        conversation.on_ready(ready);
        if let Some(ended) = conversation.go_on(&self.setting, &mut self.reactor, &mut self.scratch, now) {
            self.running.remove(number);
            self.ended.push(ended);
        }
    }

    /// Aborts all conversations.
    pub(super) fn abandon(&mut self) {
        for conversation in self.running.drain() {
            conversation.abandon(&self.reactor);
        }
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
        &mut self.pool.reactor
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
            pool.begin(trial, now);
        }
        pool.progress.tell(now);
        Ok(ControlFlow::Continue(()))
    }
}
