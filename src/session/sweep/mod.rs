//! `secretcat sweep`: the same messages under every cut, and whether the replies stay the same.

mod conversation;
mod progress;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use slab::Slab;

use self::conversation::{Conversation, Expected, Setting};
use self::progress::Progress;
use super::Context;
use crate::config::SweepConfig;
use crate::error::Error;
use crate::frame::{Framing, Inbox, Role};
use crate::io::dial::KEYS;
use crate::io::driver::{Driver, WOKEN};
use crate::io::sys;
use crate::plan::{Order, Shrink, Trial};
use crate::verdict::{
    Baseline, Difference, Ending, Masks, Outcome, Subject, Tally, Verdict, describe, headline, to_json, to_junit,
};

/// The first key of the dials of conversations; conversation n dials from `DIALS + n * KEYS` on.
const DIALS: usize = 1 << 32;
/// The longest request that is taken from stdin.
const REQUEST: u64 = 64 << 20;
/// Differences that are shrunk and told; the others are counted.
const TOLD: usize = 4;
/// So many connections refused one after the other end a sweep: the server is gone.
const REFUSALS: usize = 16;
/// A conversation may be silent so many times longer than the uncut one took altogether.
const PATIENCE: u32 = 50;
/// But never less than this.
const LEAST_PATIENCE: Duration = Duration::from_millis(300);

/// Sweeps, tells, and returns the exit status: 0 the same, 3 different, 4 could not tell.
///
/// # Errors
/// When the sweep cannot be begun, or what it found cannot be written.
pub fn run(config: &SweepConfig, context: &Context) -> Result<u8, Error> {
    let _ = sys::raise_descriptor_limit();
    let messages = if config.messages.is_empty() { read_messages(config)? } else { config.messages.clone() };
    let driver = Driver::new().map_err(Error::local("start", "the event loop"))?;
    context.signals.watch(driver.waker());
    let lengths: Vec<_> = messages.iter().map(Vec::len).collect();
    let order = Order::new(&lengths, config.max_plans, config.seed);
    let subject = Subject {
        address: config.address.to_string(),
        plans: order.len(),
        skipped: order.skipped(),
        seed: config.seed.0,
        messages,
    };
    let expected = Expected { replies: subject.messages.len(), bytes: 0, silence: config.timeout };
    let request = subject.messages.concat();
    let recorder = context.recorder.clone();
    let setting = Setting { config, address: config.address.clone(), request, expected, recorder };
    let mut sweep = Sweep { setting, context, driver, scratch: vec![0; 64 * 1024], tally: Tally::default() };
    let baseline = match sweep.baseline(&order)? {
        Ok(baseline) => baseline,
        Err(why) => {
            context.report.error(&format!("sweep {}: {why}", subject.address));
            if config.output.json {
                print(&to_json(&subject, None, &sweep.tally, 4))?;
            }
            return Ok(4);
        }
    };
    sweep.all(&order, &baseline)?;
    sweep.tell(&subject, &baseline)
}

struct Sweep<'a> {
    setting: Setting<'a>,
    context: &'a Context,
    driver: Driver,
    scratch: Vec<u8>,
    tally: Tally,
}

impl Sweep<'_> {
    /// Two conversations with nothing cut.
    fn baseline(&mut self, order: &Order) -> Result<Result<Baseline, String>, Error> {
        let mut outcomes = Vec::new();
        let begun = Instant::now();
        for _ in 0..2 {
            match self.one(order.layout().whole())? {
                Some(outcome) => {
                    self.setting.expected.replies = outcome.replies.len();
                    self.setting.expected.bytes = outcome.bytes().len();
                    outcomes.push(outcome);
                }
                None => return Ok(Err("interrupted".to_owned())),
            }
        }
        let [one, other] = &outcomes[..] else { return Ok(Err("no baseline".to_owned())) };
        let patience = (begun.elapsed() * PATIENCE).max(LEAST_PATIENCE).min(self.setting.config.timeout);
        // A server that leaves the connection open is waited for as long as it takes, each time.
        self.setting.expected.silence = patience;
        let masks: Masks = self.setting.config.masks.clone();
        Ok(Baseline::new(one, other, masks).map_err(|error| error.to_string()))
    }

    /// Every trial, several at once.
    fn all(&mut self, order: &Order, baseline: &Baseline) -> Result<(), Error> {
        let mut progress = Progress::new(order.len(), self.setting.config.quiet);
        let mut suspects = Vec::new();
        let mut refused = 0;
        let mut next = order.iter();
        let mut running: Slab<Conversation> = Slab::new();
        let mut ready = Vec::new();
        let most = self.setting.config.jobs;
        let mut more = true;
        while !self.context.signals.stopped() && refused < REFUSALS {
            while more && running.len() < most {
                match next.next() {
                    Some(trial) => self.begin(&mut running, trial),
                    None => more = false,
                }
            }
            if running.is_empty() {
                break;
            }
            for (trial, outcome) in self.wait(&mut running, &mut ready)? {
                refused = if matches!(outcome.ending, Ending::Unreachable(_)) { refused + 1 } else { 0 };
                match baseline.judge(&outcome) {
                    Verdict::Same => self.tally.same += 1,
                    Verdict::NotProven(why) => *self.tally.not_proven.entry(why).or_default() += 1,
                    Verdict::Different => suspects.push((trial, outcome)),
                }
                progress.advance(self.tally.judged() + suspects.len(), suspects.len());
            }
        }
        for (_, conversation) in std::mem::take(&mut running) {
            conversation.abandon(&self.driver);
        }
        self.tally.interrupted = self.context.signals.stopped() || refused >= REFUSALS;
        progress.finish();
        self.examine(suspects, order, baseline)
    }

    /// Looks at every difference again, without haste, and shrinks the first ones.
    fn examine(
        &mut self,
        mut suspects: Vec<(Trial, Outcome)>,
        order: &Order,
        baseline: &Baseline,
    ) -> Result<(), Error> {
        let calm = (self.setting.expected.silence * 4).min(self.setting.config.timeout);
        self.setting.expected.silence = calm;
        // Conversations end in any order; the simplest trials are the most instructive.
        suspects.sort_by_key(|(trial, _)| (trial.cuts.len(), trial.cuts.clone()));
        for (trial, outcome) in suspects {
            let told = self.tally.differences.len() < TOLD && !self.context.signals.stopped();
            if !told {
                self.tally.different += 1;
                continue;
            }
            let again = self.one(trial.clone())?;
            let verdict = again.as_ref().map(|again| baseline.judge(again));
            if verdict == Some(Verdict::Same) {
                let why = "the replies differed once, and were the same a second time".to_owned();
                *self.tally.not_proven.entry(why).or_default() += 1;
                continue;
            }
            self.tally.different += 1;
            let repeated = verdict == Some(Verdict::Different);
            let (trial, got, found_by) = if repeated {
                let found_by = trial.name.to_string();
                let (least, got) = self.shrink(&trial, order, baseline, again.unwrap_or(outcome))?;
                (least, got, found_by)
            } else {
                let found_by = trial.name.to_string();
                (trial, outcome, found_by)
            };
            let known = |seen: &Difference| seen.trial.cuts == trial.cuts && seen.trial.fin == trial.fin;
            if !self.tally.differences.iter().any(known) {
                self.tally.differences.push(Difference { found_by, trial, got, repeated });
            }
        }
        Ok(())
    }

    fn shrink(
        &mut self,
        trial: &Trial,
        order: &Order,
        baseline: &Baseline,
        got: Outcome,
    ) -> Result<(Trial, Outcome), Error> {
        let mut shrink = Shrink::new(order.layout(), trial);
        let mut least = got;
        while let Some(candidate) = shrink.candidate() {
            let Some(outcome) = self.one(candidate)? else { break };
            let differs = baseline.judge(&outcome) == Verdict::Different;
            shrink.tell(differs);
            if differs {
                least = outcome;
            }
        }
        Ok((shrink.result(), least))
    }

    /// One trial on its own; `None` when the sweep is interrupted meanwhile.
    fn one(&mut self, trial: Trial) -> Result<Option<Outcome>, Error> {
        let mut running = Slab::new();
        let mut ready = Vec::new();
        self.begin(&mut running, trial);
        loop {
            if let Some((_, outcome)) = self.wait(&mut running, &mut ready)?.pop() {
                return Ok(Some(outcome));
            }
            if self.context.signals.stopped() {
                for (_, conversation) in running {
                    conversation.abandon(&self.driver);
                }
                return Ok(None);
            }
        }
    }

    fn begin(&mut self, running: &mut Slab<Conversation>, trial: Trial) {
        let entry = running.vacant_entry();
        let key = entry.key();
        entry.insert(Conversation::start(&self.setting, trial, &mut self.driver, key, DIALS + key * KEYS));
    }

    /// Waits once, and returns what has come to its end.
    fn wait(
        &mut self,
        running: &mut Slab<Conversation>,
        ready: &mut Vec<crate::io::driver::Ready>,
    ) -> Result<Vec<(Trial, Outcome)>, Error> {
        ready.clear();
        self.driver.wait(ready).map_err(Error::local("wait in", "the event loop"))?;
        let mut over = Vec::new();
        for &event in ready.iter() {
            if event.key == WOKEN {
                // A name was looked up, for whoever waits for one.
                let all: Vec<_> = running.iter().map(|(key, _)| key).collect();
                for key in all {
                    self.driver.again(key);
                }
                continue;
            }
            let key = if event.key >= DIALS { (event.key - DIALS) / KEYS } else { event.key };
            let Some(conversation) = running.get_mut(key) else { continue };
            conversation.on_ready(event);
            if let Some(ended) = conversation.go_on(&self.setting, &mut self.driver, &mut self.scratch) {
                running.remove(key);
                over.push(ended);
            }
        }
        Ok(over)
    }

    fn tell(&self, subject: &Subject, baseline: &Baseline) -> Result<u8, Error> {
        let (tally, output) = (&self.tally, &self.setting.config.output);
        let status = tally.status(subject);
        if let Some(path) = &output.junit {
            std::fs::write(path, to_junit(subject, baseline, tally)).map_err(Error::file("write", path))?;
        }
        if output.json {
            print(&to_json(subject, Some(baseline), tally, status))?;
            return Ok(status);
        }
        let mut text = String::new();
        for difference in &tally.differences {
            text.push_str(&describe(subject, baseline, difference));
            text.push('\n');
        }
        for (why, count) in &tally.not_proven {
            text = format!("{text}not proven: {count} plans: {why}\n");
        }
        text.push_str(&headline(subject, tally));
        text.push('\n');
        print(&text)?;
        Ok(status)
    }
}

/// The messages of stdin, found by the framing.
fn read_messages(config: &SweepConfig) -> Result<Vec<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(REQUEST).read_to_end(&mut bytes).map_err(Error::local("read", "stdin"))?;
    let garbled = |error| Error::Usage(format!("stdin: {error}"));
    if config.framing == Framing::Raw {
        return if bytes.is_empty() { Err(no_messages()) } else { Ok(vec![bytes]) };
    }
    let mut inbox = Inbox::new(config.framing, Role::Requests, config.traffic.max_message);
    let mut messages = Vec::new();
    let mut fresh = &bytes[..];
    while let Some(message) = inbox.pull(&mut fresh).map_err(garbled)? {
        messages.push(message.wire.to_vec());
    }
    while let Some(message) = inbox.finish().map_err(garbled)? {
        messages.push(message.wire.to_vec());
    }
    if messages.is_empty() { Err(no_messages()) } else { Ok(messages) }
}

fn no_messages() -> Error {
    Error::Usage("sweep has no messages to send: give -m TEXT, or messages on stdin".to_owned())
}

fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Error::local("write to", "stdout")),
    }
}
