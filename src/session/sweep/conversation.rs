//! One conversation of a sweep: connect, write as the trial has it, gather the replies, end.

use std::io;
use std::time::{Duration, Instant};

use crate::config::{SweepConfig, Traffic};
use crate::error::{Error, cause};
use crate::frame::{FrameError, Inbox, Role};
use crate::io::conn::Conn;
use crate::io::dial::{Dial, Progress};
use crate::io::driver::{Driver, Ready};
use crate::io::recorder::Recorder;
use crate::io::{Flush, Incoming};
use crate::plan::{Fin, Label, Trial};
use crate::trace::Side;
use crate::value::Address;
use crate::verdict::{Ending, Outcome};

/// More than this many bytes beyond what was expected is an answer without end.
const SURPLUS: usize = 1 << 20;

/// What every conversation of a sweep shares.
pub(super) struct Setting<'a> {
    pub(super) config: &'a SweepConfig,
    pub(super) address: Address,
    pub(super) request: Vec<u8>,
    /// Replies, and bytes of them, that end the waiting.
    pub(super) expected: Expected,
    pub(super) recorder: Recorder,
}

/// How much of an answer is all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) replies: usize,
    pub(super) bytes: usize,
    /// Silence that ends a conversation which has not had it all.
    pub(super) silence: Duration,
}

/// A conversation under way.
pub(super) struct Conversation {
    stage: Stage,
    trial: Trial,
    key: usize,
    /// The last time that something moved.
    active: Instant,
    inbox: Inbox,
    outcome: Outcome,
    received: usize,
    finished: bool,
}

enum Stage {
    Calling(Box<Dial>),
    Talking(Box<Conn>),
    Over,
}

impl Conversation {
    /// Begins; `key` and `dial_keys` are the driver's keys it may use.
    pub(super) fn start(
        setting: &Setting<'_>,
        trial: Trial,
        driver: &mut Driver,
        key: usize,
        dial_keys: usize,
    ) -> Self {
        let config = setting.config;
        let mut outcome = Outcome { unsent: setting.request.len(), ..Outcome::default() };
        let dial = Dial::start(&setting.address, config.family, &config.traffic.socket, driver, dial_keys);
        let stage = match dial {
            Ok(dial) => Stage::Calling(Box::new(dial)),
            Err(error) => {
                outcome.ending = Ending::Unreachable(error.to_string());
                Stage::Over
            }
        };
        driver.again(key);
        Conversation {
            stage,
            trial,
            key,
            active: Instant::now(),
            inbox: Inbox::new(config.framing, Role::Responses, config.traffic.max_message),
            outcome,
            received: 0,
            finished: false,
        }
    }

    pub(super) fn on_ready(&mut self, ready: Ready) {
        match &mut self.stage {
            Stage::Calling(dial) => dial.on_ready(ready),
            Stage::Talking(conn) if ready.key == self.key => conn.on_ready(ready),
            Stage::Talking(_) | Stage::Over => {}
        }
    }

    /// Goes on; the trial and how it came out, when it is over.
    pub(super) fn go_on(
        &mut self,
        setting: &Setting<'_>,
        driver: &mut Driver,
        scratch: &mut [u8],
    ) -> Option<(Trial, Outcome)> {
        let now = Instant::now();
        if let Stage::Calling(dial) = &mut self.stage {
            match dial.poll(driver, now) {
                Ok(Progress::Pending(next)) => {
                    let until = self.active + setting.config.timeout;
                    if now < until {
                        driver.wake_at(self.key, next.map_or(until, |at| at.min(until)));
                        return None;
                    }
                    dial.abandon(driver);
                    self.end(Ending::Unreachable("no connection in time".to_owned()));
                }
                Ok(Progress::Connected(stream, name)) => {
                    let traffic = Traffic { plan: self.trial.plan(), ..setting.config.traffic.clone() };
                    let mut conn =
                        Box::new(Conn::new(stream, Side::Connect, name, &traffic, true, 0, &setting.recorder));
                    self.active = now;
                    let begun = conn.register(driver, self.key).and_then(|()| conn.send(&setting.request));
                    if self.trial.name == Label::Fin(Fin::With) || self.trial.fin == Fin::With {
                        conn.finish_with_last();
                        self.finished = true;
                    } else if self.trial.name == Label::Fin(Fin::After) {
                        conn.finish();
                        self.finished = true;
                    }
                    self.stage = Stage::Talking(conn);
                    if let Err(error) = begun {
                        self.fail(&error);
                    }
                }
                Err(Error::Network { source, .. }) => self.end(Ending::Unreachable(cause(&source))),
                Err(error) => self.end(Ending::Unreachable(error.to_string())),
            }
        }
        if matches!(self.stage, Stage::Talking(_)) {
            self.talk(setting, driver, scratch, now);
        }
        if matches!(self.stage, Stage::Over) {
            return Some((self.trial.clone(), std::mem::take(&mut self.outcome)));
        }
        None
    }

    /// Gives it up where it stands.
    pub(super) fn abandon(self, driver: &Driver) {
        match self.stage {
            Stage::Calling(mut dial) => dial.abandon(driver),
            Stage::Talking(conn) => conn.close(driver, None),
            Stage::Over => {}
        }
    }

    fn talk(&mut self, setting: &Setting<'_>, driver: &mut Driver, scratch: &mut [u8], now: Instant) {
        let Stage::Talking(conn) = &mut self.stage else { return };
        let before = conn.backlog();
        let flush = conn.flush(now);
        if conn.backlog() < before {
            self.active = now;
        }
        self.outcome.unsent = conn.backlog();
        match flush {
            Ok(Flush::Until(at)) => driver.wake_at(self.key, at),
            Ok(Flush::More) => driver.again(self.key),
            Ok(Flush::Idle | Flush::Blocked) => {}
            // What the server said before it went away is read below.
            Err(_) => conn.break_off(),
        }
        if let Some(ending) = self.listen(setting, scratch, now) {
            return self.close(driver, ending);
        }
        let has_all = self.has_all(setting);
        let Stage::Talking(conn) = &mut self.stage else { return };
        if !self.finished && self.outcome.unsent == 0 && has_all {
            self.finished = true;
            conn.finish();
            driver.again(self.key);
        }
        let until = self.active + setting.expected.silence;
        if now < until {
            return driver.wake_at(self.key, until);
        }
        if self.finished {
            return self.close(driver, Ending::Open);
        }
        // Nothing more comes by itself: perhaps at our end.
        self.finished = true;
        self.active = now;
        if self.outcome.unsent > 0 {
            return self.close(driver, Ending::Open);
        }
        conn.finish();
        driver.again(self.key);
    }

    /// Reads what there is; how the connection ended, if it did.
    fn listen(&mut self, setting: &Setting<'_>, scratch: &mut [u8], now: Instant) -> Option<Ending> {
        let Stage::Talking(conn) = &mut self.stage else { return None };
        loop {
            match conn.read(scratch, now) {
                Ok(Incoming::Bytes(n)) => {
                    self.active = now;
                    self.received += n;
                    let mut fresh = &scratch[..n];
                    loop {
                        match self.inbox.pull(&mut fresh) {
                            Ok(Some(message)) => self.outcome.replies.push(message.wire.to_vec()),
                            Ok(None) => break,
                            Err(error) => return Some(garbled(&error)),
                        }
                    }
                    if self.received > setting.expected.bytes.saturating_mul(2).saturating_add(SURPLUS) {
                        return Some(Ending::Endless);
                    }
                }
                Ok(Incoming::Eof) => {
                    let ending = if conn.is_open() { Ending::ClosedEarly } else { Ending::Closed };
                    self.gather_rest();
                    return Some(ending);
                }
                Ok(Incoming::Until(_) | Incoming::Blocked) => return None,
                Err(_) => return Some(Ending::Reset),
            }
        }
    }

    /// What stands behind the last whole reply.
    fn gather_rest(&mut self) {
        while let Ok(Some(message)) = self.inbox.finish() {
            self.outcome.rest.extend_from_slice(message.wire);
        }
    }

    fn has_all(&self, setting: &Setting<'_>) -> bool {
        self.outcome.replies.len() >= setting.expected.replies && self.received >= setting.expected.bytes
    }

    fn close(&mut self, driver: &Driver, ending: Ending) {
        if let Stage::Talking(conn) = std::mem::replace(&mut self.stage, Stage::Over) {
            (self.outcome.confirmed, self.outcome.unconfirmed) = conn.barriers();
            conn.close(driver, None);
        }
        self.outcome.ending = ending;
    }

    fn fail(&mut self, error: &io::Error) {
        self.end(Ending::Unreachable(cause(error)));
    }

    fn end(&mut self, ending: Ending) {
        self.outcome.ending = ending;
        self.stage = Stage::Over;
    }
}

fn garbled(error: &FrameError) -> Ending {
    Ending::Garbled(error.to_string())
}
