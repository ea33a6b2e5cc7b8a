//! One conversation of a sweep: connect, write as the trial has it, gather the replies, end.

use std::time::{Duration, Instant};

use crate::config::{SweepConfig, Traffic};
use crate::error::{Error, cause};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::{Conn, Origin};
use crate::io::dial::{Dial, Progress};
use crate::io::driver::{Driver, Ready};
use crate::io::recorder::Recorder;
use crate::io::{Flush, Incoming};
use crate::plan::{Fin, Trial};
use crate::trace::Side;
use crate::value::Address;
use crate::verdict::{Ending, Outcome};

/// The least and the most silence behind the first answer, until it is taken for all of it.
const GRACE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// What every conversation of a sweep shares.
pub(super) struct Setting<'a> {
    pub(super) config: &'a SweepConfig,
    pub(super) address: Address,
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) request: Vec<u8>,
    /// Replies, and bytes of them, that end the waiting.
    pub(super) expected: Expected,
    pub(super) recorder: Recorder,
}

/// How much of an answer is all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) replies: usize,
    /// 0 where the number of replies says it all.
    pub(super) bytes: usize,
    /// More bytes than this are an answer without end.
    pub(super) most: usize,
    /// It is a guess: more may come behind that.
    pub(super) guessed: bool,
    /// Silence that ends a conversation which has not had it all.
    pub(super) silence: Duration,
}

/// A conversation under way.
pub(super) struct Conversation {
    stage: Stage,
    trial: Trial,
    key: usize,
    /// When the connection stood.
    begun: Instant,
    /// The last time that something moved.
    active: Instant,
    /// The last time that the server took something.
    taken: Instant,
    framing: Framing,
    inbox: Inbox,
    outcome: Outcome,
    /// Our end is asked for.
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
        let mut inbox = Inbox::new(config.framing, Role::Responses, config.traffic.max_message);
        for message in &setting.messages {
            inbox.expect(message);
        }
        let now = Instant::now();
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
        self.call(setting, driver, now);
        self.talk(setting, driver, scratch, now);
        matches!(self.stage, Stage::Over).then(|| (self.trial.clone(), std::mem::take(&mut self.outcome)))
    }

    /// Gives it up where it stands.
    pub(super) fn abandon(self, driver: &Driver) {
        match self.stage {
            Stage::Calling(mut dial) => dial.abandon(driver),
            Stage::Talking(conn) => conn.close(driver, None),
            Stage::Over => {}
        }
    }

    /// Goes on making the connection; what is to be said is said as soon as it stands.
    fn call(&mut self, setting: &Setting<'_>, driver: &mut Driver, now: Instant) {
        let Stage::Calling(dial) = &mut self.stage else { return };
        match dial.poll(driver, now) {
            Ok(Progress::Pending(next)) => {
                let until = self.active + setting.config.timeout;
                if now < until {
                    return driver.wake_at(self.key, next.map_or(until, |at| at.min(until)));
                }
                let why = if dial.is_resolving() { "the name lookup timed out" } else { "no connection in time" };
                dial.abandon(driver);
                self.end(Ending::Unreachable(why.to_owned()));
            }
            Ok(Progress::Connected(stream, name)) => {
                let traffic = Traffic { plan: self.trial.plan(), ..setting.config.traffic.clone() };
                let origin = Origin { side: Side::Connect, peer: name, number: 0, made_for: None };
                let mut conn = Box::new(Conn::new(stream, origin, &traffic, true, &setting.recorder));
                (self.begun, self.active, self.taken) = (now, now, now);
                if self.trial.fin == Fin::With {
                    conn.hold_last();
                }
                let begun = conn.register(driver, self.key).and_then(|()| conn.send(&setting.request));
                if self.trial.fin != Fin::Replied {
                    conn.finish();
                    self.finished = true;
                }
                self.stage = Stage::Talking(conn);
                if let Err(error) = begun {
                    self.end(Ending::Unreachable(cause(&error)));
                }
            }
            Err(Error::Network { source, .. }) => self.end(Ending::Unreachable(cause(&source))),
            Err(error) => self.end(Ending::Unreachable(error.to_string())),
        }
    }

    fn talk(&mut self, setting: &Setting<'_>, driver: &mut Driver, scratch: &mut [u8], now: Instant) {
        let Stage::Talking(conn) = &mut self.stage else { return };
        let before = (conn.backlog(), conn.is_awaiting());
        let flush = conn.flush(now);
        self.outcome.unsent = conn.backlog();
        if (conn.backlog(), conn.is_awaiting()) != before {
            (self.active, self.taken) = (now, now);
        }
        // Nothing was read yet: the server may be busy with others, and has said nothing by it.
        let at_the_door = conn.is_awaiting() && conn.barriers() == (0, 0) && self.outcome.received == 0;
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
        let timeout = setting.config.timeout;
        let silence = if at_the_door { timeout } else { setting.expected.silence };
        // Bytes that drip without end do not put off the end for ever.
        let until = (self.active + silence).min(self.taken + timeout);
        if now >= until {
            let talking = now < self.active + silence && self.outcome.received > 0;
            return self.close(driver, if talking { Ending::Endless } else { Ending::Open });
        }
        driver.wake_at(self.key, until);
        if !self.finished && self.outcome.unsent == 0 {
            // When nothing more comes by itself, perhaps something does at our end.
            let wait = if self.has_all(setting) { self.grace(setting).min(silence / 2) } else { silence / 2 };
            let at = (self.active + wait).min(self.taken + timeout / 2);
            if now < at {
                return driver.wake_at(self.key, at);
            }
            self.finished = true;
            self.outcome.prompt();
            let Stage::Talking(conn) = &mut self.stage else { return };
            conn.finish();
            driver.again(self.key);
        }
    }

    /// Reads what there is; how the connection ended, if it did.
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
                // Whether that was before our end or behind it is a matter of microseconds.
                Ok(Incoming::Eof) => return Some(Ending::Closed),
                Ok(Incoming::Until(_) | Incoming::Blocked) => return None,
                Err(_) => return Some(Ending::Reset),
            }
        }
    }

    /// Silence behind all that is expected, before our end is sent: where that is a guess, it is
    /// long beside what the server has taken for its answer.
    fn grace(&self, setting: &Setting<'_>) -> Duration {
        let taken = self.active.saturating_duration_since(self.begun);
        if setting.expected.guessed { (taken * 20).clamp(GRACE.0, GRACE.1) } else { Duration::ZERO }
    }

    fn has_all(&self, setting: &Setting<'_>) -> bool {
        let expected = &setting.expected;
        self.outcome.replies.len() >= expected.replies && self.outcome.received >= expected.bytes
    }

    fn close(&mut self, driver: &Driver, ending: Ending) {
        if let Stage::Talking(conn) = std::mem::replace(&mut self.stage, Stage::Over) {
            (self.outcome.confirmed, self.outcome.unconfirmed) = conn.barriers();
            self.outcome.unread = conn.is_awaiting();
            conn.close(driver, None);
        }
        self.gather_rest(ending == Ending::Closed);
        if !self.finished {
            self.outcome.prompt();
        }
        self.outcome.ending = ending;
    }

    /// What stands behind the last whole reply; a body may be whole for its connection has ended.
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
