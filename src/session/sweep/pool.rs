//! Conversations under way, all on one event loop.

use std::time::Instant;

use slab::Slab;

use super::conversation::{Conversation, Setting};
use super::progress::Progress;
use crate::error::{Error, Operation};
use crate::io::key::Key;
use crate::io::reactor::{Reactor, Ready};
use crate::io::read_buffer;
use crate::io::signal::Signals;
use crate::plan::Trial;
use crate::verdict::Outcome;

/// Conversations, and what they share.
pub(super) struct Pool<'a> {
    pub(super) setting: Setting<'a>,
    reactor: Reactor,
    signals: Signals,
    running: Slab<Conversation>,
    ready: Vec<Ready>,
    scratch: Vec<u8>,
    /// What is told of how far they are.
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
            ready: Vec::new(),
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

    pub(super) fn begin(&mut self, trial: Trial) {
        let entry = self.running.vacant_entry();
        let number = entry.key();
        entry.insert(Conversation::start(&self.setting, trial, &mut self.reactor, number));
    }

    /// Waits once, and returns what has come to its end.
    pub(super) fn wait(&mut self) -> Result<Vec<(Trial, Outcome)>, Error> {
        self.ready.clear();
        self.progress.tell(self.reactor.now());
        self.reactor.wait(&mut self.ready).map_err(Error::local(Operation::Wait, "the event loop"))?;
        let mut over = Vec::new();
        for event in std::mem::take(&mut self.ready) {
            let number = match event.key {
                Key::Conn(number) | Key::Dial(number) | Key::Attempt { dial: number, .. } => number,
                Key::Waker => {
                    // A name was looked up, for whoever waits for one.
                    for (number, _) in &self.running {
                        self.reactor.again(Key::Conn(number));
                    }
                    continue;
                }
                _ => continue,
            };
            let Some(conversation) = self.running.get_mut(number) else { continue };
            conversation.on_ready(event);
            if let Some(ended) = conversation.go_on(&self.setting, &mut self.reactor, &mut self.scratch) {
                self.running.remove(number);
                over.push(ended);
            }
        }
        Ok(over)
    }

    /// Gives all of them up where they stand.
    pub(super) fn abandon(&mut self) {
        for conversation in self.running.drain() {
            conversation.abandon(&self.reactor);
        }
    }

    /// One trial on its own; `None` when the sweep is interrupted meanwhile.
    pub(super) fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        self.begin(trial);
        loop {
            if let Some((_, outcome)) = self.wait()?.pop() {
                return Ok(Some(outcome));
            }
            if self.signals.stopped() {
                self.abandon();
                return Ok(None);
            }
        }
    }
}
