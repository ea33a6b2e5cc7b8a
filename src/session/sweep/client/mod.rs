//! `secretcat sweep --client`: runs a client under every cut of the replies to it, and compares what it prints and how
//! it ends.

mod pool;
mod run;

use std::time::Duration;

use self::pool::{Pool, RECORDED, Taken};
use self::run::Done;
use super::all::REFUSALS;
use super::live_map::LiveMap;
use super::progress::Progress;
use super::reports::ReportFiles;
use super::second_look::{Suspects, examine};
use super::{NoBaseline, Stop};
use crate::config::{ClientSweepConfig, Replies as Source};
use crate::error::{Error, ExitStatus, shown_path};
use crate::frame::{Role, split_all};
use crate::io::{files, start};
use crate::plan::{Layout, Order, Prelude, Trial};
use crate::service::stand_in::{Given, Recording, Replies, Unlike};
use crate::session::Context;
use crate::value::{Span, escape, last_line};
use crate::verdict::{
    Baseline, BaselineError, ClientSubject, Ending, Masks, Proof, Run, Subject, SubjectDialog, Tally, Verdict,
    unsteady_output,
};

/// The time that a client may take, as a multiple of that without a cut, and the time added to it.
const FACTOR: u32 = 3;
const EXTRA: Duration = Duration::from_secs(1);

/// Why there is nothing to compare with.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("the client has exit status {status}: is it there?{}", because(.stderr))]
    Missing { status: i32, stderr: Vec<u8> },
    #[error("the client did not end within {} without a cut (--timeout sets the limit){}", Span(*.limit), because(.stderr))]
    Endless { limit: Duration, stderr: Vec<u8> },
    #[error("nothing was tested: {0}")]
    Untested(String),
    #[error("{0}: replies that were recorded would not fit{1}")]
    Unlike(String, &'static str),
}

/// The last line of stderr.
fn because(stderr: &[u8]) -> String {
    let line = last_line(stderr);
    if line.is_empty() { String::new() } else { format!(": {}", escape(line)) }
}

impl Unusable {
    fn status(&self) -> ExitStatus {
        match self {
            Unusable::Missing { .. } => ExitStatus::Host,
            Unusable::Endless { .. } => ExitStatus::Peer,
            Unusable::Untested(_) | Unusable::Unlike(..) => ExitStatus::Unproven,
        }
    }
}

/// Why a sweep has no result.
enum End {
    Unusable(Unusable),
    Stop(Stop),
}

impl From<Unusable> for End {
    fn from(unusable: Unusable) -> Self {
        End::Unusable(unusable)
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        End::Stop(error.into())
    }
}

impl From<BaselineError> for End {
    fn from(error: BaselineError) -> Self {
        End::Stop(Stop::NoBaseline(error.into()))
    }
}

/// Sweeps, prints the findings, and returns the exit status, as [`super::run`] does.
///
/// # Errors
/// When the sweep cannot be started, the server is not reached, or the findings cannot be written.
pub fn run(config: &ClientSweepConfig, context: &Context) -> Result<ExitStatus, Error> {
    crate::session::check_sweep(&config.traffic)?;
    let reports = ReportFiles::create(&config.reports)?;
    let mut run = Run { command: start::command(), time: start::time_of_day(), took: Duration::ZERO };
    let mut sweep = Sweep {
        pool: Pool::new(config, replies(config)?, context)?,
        config,
        context,
        tally: Tally::default(),
        subject: subject(config),
    };
    let begun = sweep.pool.now();
    let gone = sweep.go();
    run.took = sweep.pool.now() - begun;
    let found = match gone {
        Ok(baseline) => Ok(baseline),
        Err(End::Stop(Stop::Failed(error))) => return Err(error),
        Err(End::Stop(Stop::NoBaseline(error))) => Err((error.to_string(), error.status())),
        Err(End::Unusable(unusable)) => Err((unusable.to_string(), unusable.status())),
    };
    reports.finish(&run, &sweep.subject, &sweep.tally, &found, context)
}

/// The replies to the first run.
fn replies(config: &ClientSweepConfig) -> Result<Replies, Error> {
    let Source::File { path, framing, greeting } = &config.replies else { return Ok(Replies::Live) };
    let bytes = files::read(path, RECORDED)?;
    let garbled = |error| Error::Usage(format!("{}: {error} (--framing {framing})", shown_path(path)));
    let replies = split_all(*framing, Role::Responses, &bytes).map_err(garbled)?;
    if replies.is_empty() {
        return Err(Error::Usage(format!("{}: no replies in this file", shown_path(path))));
    }
    let max_message = config.traffic.max_message;
    Ok(Replies::Given(Given { replies: replies.into(), framing: *framing, greeting: *greeting, max_message }))
}

/// What the reports are about.
fn subject(config: &ClientSweepConfig) -> Subject {
    let mut options = Vec::new();
    let mut option = |name: &str, value: Option<String>| {
        options.push(name.to_owned());
        options.extend(value);
    };
    match &config.replies {
        Source::Server { address, replay } => {
            option("--relay", Some(address.to_string()));
            if *replay {
                option("--replay", None);
            }
        }
        Source::File { path, framing, greeting } => {
            option("--replies", Some(path.to_string_lossy().into_owned()));
            option("--framing", Some(framing.to_string()));
            if *greeting > 0 {
                option("--greeting", Some(greeting.to_string()));
            }
        }
    }
    for mask in config.masks.patterns() {
        option("--mask", Some(mask));
    }
    let command = config.command.line().to_string_lossy().into_owned();
    Subject {
        address: escape(command.as_bytes()),
        client: Some(ClientSubject { command, options }),
        proxy: None,
        proof: Proof::Read,
        family: config.family,
        header: Vec::new(),
        header_length: 0,
        cut_at: config.cut_at.options(),
        witness: None,
        tls: Vec::new(),
        hello: 0,
        plans: 0,
        single_cuts: 0,
        skipped: 0,
        families: config.plans.families,
        seed: config.plans.seed.0,
        messages: Vec::new(),
        dialog: SubjectDialog::default(),
    }
}

struct Sweep<'a> {
    pool: Pool<'a>,
    config: &'a ClientSweepConfig,
    context: &'a Context,
    tally: Tally,
    subject: Subject,
}

impl Sweep<'_> {
    fn go(&mut self) -> Result<Baseline, End> {
        let baseline = self.baseline()?;
        let lengths: Vec<_> = self.subject.messages.iter().map(Vec::len).collect();
        let mut layout = Layout::new(&lengths);
        if !self.config.cut_at.is_empty() {
            let places = self.config.cut_at.places(&self.subject.messages);
            layout = layout.only_at(places.map_err(|error| Error::Usage(error.to_string()))?);
        }
        let order = match &self.config.only {
            None => Order::of_layout(Prelude::default(), layout, self.config.plans),
            Some(only) => {
                let trial = only.trial(&layout, Prelude::default()).map_err(|error| Error::Usage(error.to_string()))?;
                Order::only(layout, trial)
            }
        };
        let trials: Vec<_> = order.iter().collect();
        self.subject.plans = trials.len();
        (self.subject.single_cuts, self.subject.skipped) = (order.single_cuts(), order.skipped());
        if trials.is_empty() {
            return Err(Unusable::Untested("no reply has two bytes to cut apart".to_owned()).into());
        }
        if self.subject.single_cuts == 0 {
            self.pool.time.has_no_single_cuts();
        }
        self.tally.others_within = self.pool.time.of_others();
        let map = LiveMap::new(&self.context.recorder, 0, 0, &self.subject.messages, trials.len());
        let progress = Progress::new(trials.len(), self.config.quiet, &self.context.report, self.pool.now());
        self.pool.progress = progress.with_map(map);
        let suspects = self.all(trials, &baseline)?;
        let examined = examine(suspects, &order, &baseline, &mut self.pool, &mut self.tally);
        self.pool.progress.finish();
        self.tally.interrupted = self.context.signals.stopped();
        examined.map_err(|stop| match stop {
            Stop::NoBaseline(NoBaseline::Unusable(error)) => unsteady_output(error).into(),
            stop => End::Stop(stop),
        })?;
        Ok(baseline)
    }

    /// Two runs without cuts, and a third one if replies are replayed.
    fn baseline(&mut self) -> Result<Baseline, End> {
        let (one, recording) = self.uncut()?;
        let (other, second) = self.uncut()?;
        self.warn(&one, &recording);
        let compared = |one: &Done, other: &Done| {
            let masks = self.config.masks.clone();
            Baseline::new(&one.outcome, &other.outcome, masks).map_err(unsteady_output)
        };
        let baseline = compared(&one, &other)?;
        let mut took = one.took.max(other.took);
        let replays = !matches!(self.config.replies, Source::Server { replay: false, .. });
        if replays {
            let masks = &self.config.masks;
            if let Some(unlike) = recording.unlike(&second, |one, other| masks.are_like(one, other)) {
                let live = matches!(self.config.replies, Source::Server { .. });
                let hint = if live { " (without --replay they come live)" } else { "" };
                return Err(Unusable::Unlike(sent_otherwise(&recording, &second, unlike, masks), hint).into());
            }
            self.pool.replies = Replies::Recorded(recording.clone());
            let (replayed, _) = self.uncut()?;
            compared(&one, &replayed)?;
            took = took.max(replayed.took);
        }
        self.pool.cut(&recording);
        self.pool.limit = took * FACTOR + EXTRA;
        self.subject.messages = recording.replies();
        Ok(baseline)
    }

    /// Prints what is unusual of a run without cuts.
    fn warn(&self, one: &Done, recording: &Recording) {
        if self.config.quiet {
            return;
        }
        for mask in self.config.masks.unmatched(&one.outcome) {
            if !recording.connections.iter().any(|recorded| self.config.masks.matches(mask, &recorded.requests)) {
                let text = format!("--mask '{mask}' matches nothing in what the client prints and sends");
                self.context.report.warning(&text);
            }
        }
        if one.outcome.ending != Ending::Exited(0) {
            let text = format!("the client without a cut: {}{}", one.outcome.ending, because(&one.outcome.stderr));
            self.context.report.warning(&text);
        }
        if one.dropped > 0 {
            let most = self.config.traffic.max_message;
            self.context.report.warning(&format!(
                "the client writes more than {most} bytes to stdout, and only these are compared \
                 (--max-message sets the limit)"
            ));
        }
    }

    /// One run without cuts.
    fn uncut(&mut self) -> Result<(Done, Recording), End> {
        let layout = Layout::new(&[]);
        let stopped = || End::Stop(Stop::NoBaseline(NoBaseline::stopped(&self.context.signals)));
        let mut done = self.pool.alone(layout.whole())?.ok_or_else(stopped)?;
        if let Some(error) = done.unreachable {
            return Err(error.into());
        }
        let stderr = done.outcome.stderr.clone();
        match done.outcome.ending {
            Ending::Exited(status @ (126 | 127)) => return Err(Unusable::Missing { status, stderr }.into()),
            Ending::Unended => return Err(Unusable::Endless { limit: self.pool.limit, stderr }.into()),
            _ => {}
        }
        let Some(recording) = done.recording.take() else {
            return Err(Unusable::Untested(format!("client and server sent more than {RECORDED} bytes")).into());
        };
        if recording.connections.is_empty() {
            let text = format!("the client made no connection{}", because(&done.outcome.stderr));
            return Err(Unusable::Untested(text).into());
        }
        let is_replayed = matches!(self.pool.replies, Replies::Recorded(_));
        if recording.lengths().is_empty() && !is_replayed {
            let text = format!("the client got no reply{}", because(&done.outcome.stderr));
            return Err(Unusable::Untested(text).into());
        }
        Ok((done, recording))
    }

    /// Runs all trials; returns those that were not the same.
    fn all(&mut self, trials: Vec<Trial>, baseline: &Baseline) -> Result<Suspects, Error> {
        let Sweep { pool, tally, .. } = self;
        let (mut suspects, mut refused) = (Suspects::new(), 0);
        let out_of_time = pool.run(trials.into_iter(), |Done { trial, outcome, took, .. }, progress| {
            tally.add_time(trial.name.kind(), took);
            let unreachable = matches!(outcome.ending, Ending::Unreachable(_));
            refused = if unreachable { refused + 1 } else { 0 };
            if refused >= REFUSALS {
                let why = format!("{refused} connections to the server in a row failed: {}", outcome.ending);
                tally.gave_up = Some(why);
            }
            let mut taken = Taken::Counted;
            match baseline.judge(&outcome) {
                Verdict::Different => {
                    suspects.push((trial, outcome));
                    taken = Taken::Suspect;
                }
                verdict => tally.count(trial.name, verdict),
            }
            progress.advance(tally, &suspects);
            if tally.gave_up.is_some() { Taken::Last } else { taken }
        })?;
        tally.out_of_time = out_of_time;
        Ok(suspects)
    }
}

/// What a client sent in two runs, where it differs.
fn sent_otherwise(one: &Recording, other: &Recording, unlike: Unlike, masks: &Masks) -> String {
    let Unlike { connection, offset } = unlike;
    let Some(offset) = offset else {
        return format!(
            "the client made {} connections in one run and {} in another",
            one.connections.len(),
            other.connections.len()
        );
    };
    let around = |recording: &Recording| {
        let requests = recording.connections.get(connection).map_or(&[][..], |recorded| &recorded.requests);
        let shown = &requests[offset.saturating_sub(16).min(requests.len())..requests.len().min(offset + 24)];
        format!("\"{}\"", escape(shown))
    };
    let of = |recording: &Recording| recording.connections.get(connection).map(|recorded| recorded.requests.clone());
    let suggested = masks.suggest(&of(one).unwrap_or_default(), &of(other).unwrap_or_default());
    let masks: Vec<_> = suggested.iter().map(|mask| format!(" --mask '{mask}'")).collect();
    let hint = if masks.is_empty() { String::new() } else { format!(" (try{})", masks.concat()) };
    let connection = connection + 1;
    let (one, other) = (around(one), around(other));
    format!("the client sends other bytes in each run, on connection {connection} at {offset}: {one} and {other}{hint}")
}
