//! `secretcat sweep`: sends the same messages under every cut, and compares the replies.

mod conversation;
mod pool;
mod progress;
mod second_look;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use self::conversation::Pace;
use self::pool::{Done, Pool, SURPLUS};
use self::progress::Progress;
use self::second_look::{Runner, Suspects, examine};
use super::Context;
use crate::config::{ClientTls, ProxyHeader, SweepConfig};
use crate::dialog::{Dialog, Until};
use crate::error::{Error, ExitStatus};
use crate::frame::{Framing, Inbox, Role};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::signal::Signals;
use crate::io::{console, files, sys, terminal};
use crate::plan::{HelloForm, Order, Prelude, Trial};
use crate::service::probe::Probe;
use crate::verdict::{
    Baseline, BaselineError, Ending, Outcome, Proof, Subject, SubjectProxy, Tally, Verdict, to_json, to_junit, to_text,
    unsteady_ending,
};

/// The number of refused connections in a row that ends a sweep: the server is gone.
const REFUSALS: usize = 16;
/// The limit of silence, as a multiple of the duration of the uncut conversation.
const SILENCE_FACTOR: u32 = 50;
/// The shortest limit of silence.
const LEAST_SILENCE: Duration = Duration::from_millis(300);
/// The limits of the wait for the server's end behind the whole reply, while no conversation has shown it, and the
/// factor by which it grows when two conversations end in different ways.
const FIRST_END: Duration = Duration::from_millis(250);
const LONGER: u32 = 8;
/// The same after a conversation whose connection the server left open.
const OPEN_END: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// These limits as a multiple of the longest time that a reply took.
const END_FACTOR: u32 = 20;

/// Sweeps, prints the findings, and returns the exit status: 0 the same, 3 different, 4 not proven; or that of the
/// signal that arrived.
///
/// # Errors
/// When the sweep cannot be started, or its findings cannot be written.
pub fn run(config: &SweepConfig, context: &Context) -> Result<ExitStatus, Error> {
    super::check_platform(&config.traffic.socket)?;
    let _ = sys::raise_descriptor_limit();
    // With TLS and no messages, the handshake is swept alone; a terminal is then not asked for any.
    let is_empty = config.dialog.steps.is_empty();
    let from_stdin = is_empty && !(config.tls.is_some() && terminal::is_stdin());
    if from_stdin && !config.quiet && terminal::is_stdin() {
        context.report.event("type the messages, one per line; Ctrl-D ends the input");
    }
    let mut dialog = config.dialog.clone();
    if from_stdin {
        let messages = read_messages(config, &context.signals)?;
        dialog.steps = Dialog::of_messages(messages, dialog.framing).steps;
    }
    let lengths = dialog.lengths();
    let mut order = Order::new(Prelude::default(), &lengths, config.plans);
    let mut subject = Subject {
        address: config.address.to_string(),
        proxy: config
            .proxy
            .as_ref()
            .map(|proxy| SubjectProxy { url: proxy.url.clone(), credentials: proxy.credentials.clone() }),
        proof: if config.tls.is_some() { Proof::RecordRead } else { Proof::Read },
        family: config.family,
        header: config.header.as_ref().map_or_else(Vec::new, ProxyHeader::words),
        tls: config.tls.as_ref().map_or_else(Vec::new, ClientTls::words),
        hello: 0,
        plans: order.len(),
        single_cuts: order.single_cuts(),
        skipped: order.skipped(),
        families: config.plans.families,
        seed: config.plans.seed.0,
        messages: dialog.messages(),
        from_stdin,
    };
    let probe = Probe::new(dialog, config.traffic.max_message);
    let mut sweep = Sweep { pool: Pool::new(config, probe, context)?, context, tally: Tally::default() };
    subject.hello = sweep.pool.hello()?;
    let gone = sweep.go(&mut order, &lengths, subject.hello);
    (subject.plans, subject.skipped) = (order.len(), order.skipped());
    subject.single_cuts = order.single_cuts();
    let signalled = || context.signals.received().map(ExitStatus::Signal);
    match gone {
        Ok(baseline) => {
            let status = signalled().unwrap_or_else(|| sweep.tally.status(&subject));
            write_reports(config, &subject, Ok(&baseline), &sweep.tally, status)?;
            Ok(status)
        }
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::NoBaseline(error)) => {
            let status = signalled().unwrap_or_else(|| error.status());
            write_reports(config, &subject, Err(&error.to_string()), &sweep.tally, status)?;
            context.report.error(&format!("sweep {}: {error}", subject.path()));
            Ok(status)
        }
    }
}

/// What a proven cut is: with TLS each piece is a record, unless the bytes of the connection are cut.
fn proof(config: &SweepConfig, trial: &Trial) -> Proof {
    let cuts_stream = trial.hello.as_ref().is_some_and(|hello| hello.form == HelloForm::Tcp);
    if config.tls.is_some() && !cuts_stream { Proof::RecordRead } else { Proof::Read }
}

/// The reason why a sweep has no result.
enum Stop {
    /// There is no baseline.
    NoBaseline(NoBaseline),
    /// This host failed.
    Failed(Error),
}

/// The reason why there is no baseline.
#[derive(Debug, thiserror::Error)]
enum NoBaseline {
    #[error(transparent)]
    Unusable(#[from] BaselineError),
    #[error("interrupted")]
    Interrupted,
}

impl NoBaseline {
    /// The network or the server failed, or the server cannot be compared.
    fn status(&self) -> ExitStatus {
        match self {
            NoBaseline::Unusable(BaselineError::Silent(_) | BaselineError::NoHandshake(_)) => ExitStatus::Peer,
            NoBaseline::Unusable(BaselineError::Unsteady { .. } | BaselineError::Incomplete(_))
            | NoBaseline::Interrupted => ExitStatus::Unproven,
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

struct Sweep<'a> {
    pool: Pool<'a>,
    context: &'a Context,
    tally: Tally,
}

impl Sweep<'_> {
    fn go(&mut self, order: &mut Order, lengths: &[usize], hello: usize) -> Result<Baseline, Stop> {
        let SweepConfig { quiet, plans, .. } = *self.pool.config;
        self.pool.begin_time();
        let baseline = self.baseline(order)?;
        // How long the header is, is known once there was a connection.
        let prelude = Prelude { header: self.pool.header, hello };
        *order = Order::new(prelude, lengths, plans);
        self.pool.progress = Progress::new(order.len(), quiet, &self.context.report, self.pool.now());
        let suspects = self.all(order, &baseline)?;
        let examined = examine(suspects, order, &baseline, &mut self.pool, &mut self.tally);
        self.pool.progress.finish();
        self.tally.interrupted = self.context.signals.stopped();
        examined.map(|()| baseline)
    }

    /// Two conversations without cuts, in lock-step. The first one teaches how each reply ends.
    fn baseline(&mut self, order: &Order) -> Result<Baseline, Stop> {
        let unusable = |error: BaselineError| Stop::NoBaseline(error.into());
        let whole = || order.layout().whole();
        self.pool.limits.end = FIRST_END;
        let mut one = self.uncut(whole())?;
        one.outcome.check().map_err(unusable)?;
        self.check_replies(&one).map_err(unusable)?;
        self.pool.learn(&one.learned);
        self.pool.most = one.outcome.received * 2 + SURPLUS;
        let mut other = self.uncut(whole())?;
        let timeout = self.pool.limits.timeout;
        // How long a server takes to end a connection may be just the wait.
        while is_unsteady_end(&one.outcome, &other.outcome) {
            if self.pool.limits.end >= timeout {
                return Err(unusable(unsteady_ending(&one.outcome, &other.outcome)));
            }
            self.pool.limits.end = (self.pool.limits.end * LONGER).min(timeout);
            one = self.uncut(whole())?;
            other = self.uncut(whole())?;
        }
        let baseline = Baseline::new(&one.outcome, &other.outcome, self.pool.config.masks.clone()).map_err(unusable)?;
        let Pace { talk, reply } = other.pace;
        let silence = (talk * SILENCE_FACTOR).max(LEAST_SILENCE).min(timeout);
        let open = (reply * END_FACTOR).clamp(OPEN_END.0, OPEN_END.1);
        let limits = &mut self.pool.limits;
        limits.silence = silence;
        if !limits.handshake_only {
            limits.end = if one.outcome.ending == Ending::Open { open } else { silence };
        }
        Ok(baseline)
    }

    /// Checks that each message was answered.
    fn check_replies(&self, one: &Done) -> Result<(), BaselineError> {
        let Done { outcome, learned, .. } = one;
        let dialog = self.pool.dialog();
        let messages = dialog.steps.len();
        let sent = messages - outcome.unasked;
        let received = |part: usize| learned.get(part).map_or(outcome.received, |part| part.received);
        let is_answered = |message: usize| received(message) > received(message - 1);
        if sent < messages {
            let verb = match outcome.ending {
                Ending::Closed => "closed the connection",
                Ending::Reset => "reset the connection",
                _ => "sent nothing more",
            };
            let give = if sent == 1 { "one message".to_owned() } else { format!("{sent} messages") };
            return Err(BaselineError::Incomplete(format!(
                "the server {verb} after reply {sent} of {messages} (give {give})"
            )));
        }
        let counts = dialog.framing != Framing::Raw;
        let unknown = (1..=messages).filter(|&message| matches!(dialog.until(message), Some(Until::Learned)));
        let unanswered: Vec<usize> = unknown.filter(|&message| !is_answered(message)).collect();
        // What comes after our end answers the last message.
        let late = usize::from(outcome.received > outcome.unprompted.1 && unanswered.last() == Some(&messages));
        match unanswered.first() {
            Some(first) if counts && unanswered.len() > late => Err(BaselineError::Incomplete(format!(
                "fewer replies than messages: none to message {first} of {messages} \
                 (--framing raw sends all as one message)"
            ))),
            _ => Ok(()),
        }
    }

    /// One conversation without cuts.
    fn uncut(&mut self, trial: Trial) -> Result<Done, Stop> {
        self.pool.alone(trial)?.ok_or(Stop::NoBaseline(NoBaseline::Interrupted))
    }

    /// Runs all trials until `--max-time` is over, several at once; returns those that were not the same.
    fn all(&mut self, order: &Order, baseline: &Baseline) -> Result<Suspects, Error> {
        let next = order.iter();
        let mut all = All { sweep: self, baseline, next, suspects: Suspects::new(), refused: 0, lifeless: 0 };
        Reactor::run(&mut all)?;
        Ok(all.suspects)
    }
}

/// All trials, several at once.
struct All<'s, 'a, I> {
    sweep: &'s mut Sweep<'a>,
    baseline: &'s Baseline,
    /// The trials that have not begun.
    next: I,
    /// The trials that were not the same.
    suspects: Suspects,
    /// The number of trials in a row that were refused.
    refused: usize,
    /// The number of trials in a row without a byte of the server.
    lifeless: usize,
}

impl<I: Iterator<Item = Trial>> Handler for All<'_, '_, I> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.sweep.pool.reactor()
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.sweep.pool.on_event(ready, now);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        for Done { trial, outcome, .. } in std::mem::take(&mut self.sweep.pool.ended) {
            self.judge(trial, outcome);
        }
        let Sweep { pool, context, tally } = &mut *self.sweep;
        if tally.gave_up.is_some() || context.signals.stopped() {
            tally.interrupted = context.signals.stopped();
            pool.abandon();
            return Ok(ControlFlow::Break(()));
        }
        while pool.len() < pool.config.jobs {
            let Some(trial) = self.next.next() else { break };
            if pool.is_out_of_time() {
                tally.out_of_time = true;
                break;
            }
            pool.begin(trial);
        }
        if pool.len() == 0 {
            return Ok(ControlFlow::Break(()));
        }
        pool.progress.print(now);
        Ok(ControlFlow::Continue(()))
    }
}

impl<I> All<'_, '_, I> {
    /// Counts a trial, or keeps it as a suspect; stops when the server is gone.
    fn judge(&mut self, trial: Trial, outcome: Outcome) {
        let Sweep { pool, tally, .. } = &mut *self.sweep;
        let unreachable = matches!(outcome.ending, Ending::Unreachable(_));
        self.refused = if unreachable { self.refused + 1 } else { 0 };
        self.lifeless = if outcome.is_lifeless() && !unreachable { self.lifeless + 1 } else { 0 };
        if self.refused >= REFUSALS {
            tally.gave_up = Some(format!(
                "{} connections in a row failed: {} (--jobs 1 shows the plan before the failure)",
                self.refused, outcome.ending
            ));
        } else if self.lifeless >= pool.config.jobs.max(2) {
            tally.gave_up = Some(format!("the server read nothing on {} connections in a row", self.lifeless));
        }
        match self.baseline.judge(&outcome) {
            Verdict::NotProven(why) if outcome.unconfirmed > 0 || unreachable => {
                tally.count(trial.name, Verdict::NotProven(why));
            }
            Verdict::Same => tally.count(trial.name, Verdict::Same),
            Verdict::NotProven(_) | Verdict::Different => self.suspects.push((trial, outcome)),
        }
        pool.progress.advance(tally.total(), self.suspects.len());
    }
}

/// Whether one of two conversations with all replies ended and the other did not.
fn is_unsteady_end(one: &Outcome, other: &Outcome) -> bool {
    matches!((&one.ending, &other.ending), (Ending::Open, Ending::Closed) | (Ending::Closed, Ending::Open))
        && one.replies.len() == other.replies.len()
}

/// Writes the reports of the findings.
fn write_reports(
    config: &SweepConfig,
    subject: &Subject,
    baseline: Result<&Baseline, &str>,
    tally: &Tally,
    status: ExitStatus,
) -> Result<(), Error> {
    if let Some(path) = &config.reports.junit {
        files::write(path, &to_junit(subject, baseline, tally))?;
    }
    match baseline {
        _ if config.reports.json => console::print_text(&to_json(subject, baseline, tally, status)),
        Ok(baseline) => console::print_text(&to_text(subject, baseline, tally)),
        Err(_) => Ok(()),
    }
}

/// The messages of stdin, split by the framing.
fn read_messages(config: &SweepConfig, signals: &Signals) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = files::read_stdin(|| signals.stopped())?;
    let garbled = |error| Error::Usage(format!("stdin: {error} (--framing {})", config.dialog.framing));
    let mut inbox = Inbox::new(config.dialog.framing, Role::Requests, usize::MAX);
    let mut messages = Vec::new();
    let mut fresh = &bytes[..];
    while let Some(message) = inbox.pull(&mut fresh).map_err(garbled)? {
        messages.push(message.wire.to_vec());
    }
    while let Some(message) = inbox.finish().map_err(garbled)? {
        messages.push(message.wire.to_vec());
    }
    if messages.is_empty() && config.tls.is_none() {
        return Err(Error::Usage("sweep has no messages to send: give -m TEXT, or messages on stdin".to_owned()));
    }
    Ok(messages)
}
