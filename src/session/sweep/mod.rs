//! `secretcat sweep`: sends the same messages under every cut, and compares the replies.

mod all;
mod baseline;
pub mod client;
mod conversation;
mod input;
mod live_map;
mod pool;
mod progress;
mod reports;
mod second_look;
mod server;
mod suspect;
mod time;

use std::time::Duration;

use self::baseline::LeftOut;
use self::input::Input;
use self::live_map::LiveMap;
use self::pool::Pool;
use self::progress::Progress;
use self::reports::ReportFiles;
use self::second_look::examine;
use super::Context;
use crate::config::{ClientTls, DialogSource, ProxyHeader, SweepConfig};
use crate::dialog::{Dialog, Until};
use crate::error::{Error, ExitStatus};
use crate::frame::Framing;
use crate::io::signal::Signals;
use crate::io::{files, start, sys};
use crate::plan::{Family, HelloCuts, HelloForm, Layout, Order, Prelude, Trial};
use crate::service::probe::Probe;
use crate::value::{counted, escape};
use crate::verdict::{
    Baseline, BaselineError, MessageSource, Proof, Run, Subject, SubjectDialog, SubjectProxy, SubjectWitness, Tally,
};

/// Sweeps, prints the findings, and returns the exit status: 0 the same, 3 different, 4 not proven; or that of the
/// signal that arrived.
///
/// # Errors
/// When the sweep cannot be started, or its findings cannot be written.
pub fn run(config: &SweepConfig, context: &Context) -> Result<ExitStatus, Error> {
    super::check_sweep(&config.traffic)?;
    let reports = ReportFiles::create(&config.reports)?;
    let mut run = Run { command: start::command(), time: start::time_of_day(), took: Duration::ZERO };
    let _ = sys::raise_descriptor_limit();
    let Input { dialog, from_stdin, header } = input::read(config, context)?;
    let config = &SweepConfig { header: header.or_else(|| config.header.clone()), ..config.clone() };
    let mut layout = Layout::new(&dialog.lengths());
    if !config.cut_at.is_empty() {
        let places = config.cut_at.places(&dialog.messages()).map_err(|error| Error::Usage(error.to_string()))?;
        layout = layout.only_at(places);
    }
    let mut order = Order::of_layout(Prelude::default(), layout, config.plans);
    let mut subject = subject(config, &dialog, &order, from_stdin);
    if let Some(changes) = &dialog.changes {
        let plans = config.only.as_ref().map_or(order.len(), |_| 1);
        let (messages, runs) = (dialog.steps.len() as u64, plans as u64 + 2);
        let (messages, runs) = (counted(messages, "message"), counted(runs, "connection"));
        context
            .report
            .event(&format!("the dialog {}: {messages} on each of {runs} or more", escape(changes.as_bytes())));
    }
    let first = u32::try_from(files::draw_seed().0).unwrap_or_default();
    let probe = Probe::new(dialog, config.traffic.max_message).number_from(first);
    let mut pool = Pool::new(config, probe, context)?;
    subject.hello = pool.hello()?;
    let mut tally = Tally::default();
    let begun = pool.now();
    let gone = sweep(&mut pool, &mut order, subject.hello, &mut tally, context);
    if pool.can_restart() {
        pool.stop_server()?;
    }
    (subject.plans, subject.skipped) = (order.len(), order.skipped());
    subject.single_cuts = order.single_cuts();
    subject.header_length = pool.header;
    subject.messages = pool.dialog().messages();
    if let Some(witness) = &mut subject.witness {
        witness.has_seen = pool.is_witnessed();
    }
    run.took = pool.now() - begun;
    let found = match gone {
        Ok(baseline) => Ok(baseline),
        Err(Stop::Failed(error)) => return Err(error),
        Err(Stop::NoBaseline(error)) => Err((error.to_string(), error.status())),
    };
    reports.finish(&run, &subject, &tally, &found, context)
}

/// What the reports are about.
fn subject(config: &SweepConfig, dialog: &Dialog, order: &Order, from_stdin: bool) -> Subject {
    let is_given = config.source == DialogSource::Given;
    Subject {
        address: config.address.to_string(),
        client: None,
        proxy: config
            .proxy
            .as_ref()
            .map(|proxy| SubjectProxy { url: proxy.url.clone(), credentials: proxy.credentials.clone() }),
        proof: if config.tls.is_some() { Proof::RecordRead } else { Proof::Read },
        witness: config
            .witness
            .as_ref()
            .map(|command| SubjectWitness { command: command.to_string_lossy().into_owned(), has_seen: false }),
        family: config.family,
        header: config.header.as_ref().map_or_else(Vec::new, ProxyHeader::words),
        tls: config.tls.as_ref().map_or_else(Vec::new, ClientTls::words),
        header_length: 0,
        hello: 0,
        plans: order.len(),
        single_cuts: order.single_cuts(),
        skipped: order.skipped(),
        families: config.plans.families,
        cut_at: config.cut_at.options(),
        seed: config.plans.seed.0,
        messages: dialog.messages(),
        dialog: SubjectDialog {
            source: match () {
                () if !is_given => MessageSource::Named,
                () if from_stdin => MessageSource::Stdin,
                () => MessageSource::Arguments,
            },
            framing: if is_given { dialog.framing } else { Framing::Lines },
            options: config.dialog_words(),
            needs_sweep: !matches!(dialog.greeting, Until::Nothing) || dialog.has_ids(),
            server: config.server.as_ref().map(|command| command.to_string_lossy().into_owned()),
        },
    }
}

/// What a proven cut is: with TLS each piece is a record, unless the bytes of the connection are cut.
fn proof(config: &SweepConfig, trial: &Trial) -> Proof {
    let in_stream = |hello: &HelloCuts| hello.form == HelloForm::Tcp;
    let cuts_stream = !trial.header.is_empty() || trial.hello.as_ref().is_some_and(in_stream);
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
    #[error("nothing was tested: --max-time was over before two runs without a cut had ended")]
    OutOfTime,
}

impl NoBaseline {
    /// The network or the server failed, or the server cannot be compared.
    fn status(&self) -> ExitStatus {
        match self {
            NoBaseline::Unusable(BaselineError::Silent(_) | BaselineError::NoHandshake(_)) => ExitStatus::Peer,
            NoBaseline::Unusable(
                BaselineError::Unsteady { .. } | BaselineError::UnsteadyOutput { .. } | BaselineError::Incomplete(_),
            )
            | NoBaseline::Interrupted
            | NoBaseline::OutOfTime => ExitStatus::Unproven,
        }
    }

    /// Of a run without cuts that was stopped.
    fn stopped(signals: &Signals) -> NoBaseline {
        if signals.stopped() { NoBaseline::Interrupted } else { NoBaseline::OutOfTime }
    }
}

impl From<BaselineError> for Stop {
    fn from(error: BaselineError) -> Self {
        Stop::NoBaseline(error.into())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

/// Sweeps: the baseline, all trials, and a second look at those that were not the same. Then it is known how many
/// trials there are.
fn sweep(
    pool: &mut Pool<'_>,
    order: &mut Order,
    hello: usize,
    tally: &mut Tally,
    context: &Context,
) -> Result<Baseline, Stop> {
    let mut left_out = Vec::new();
    let baseline = baseline::learn(pool, &context.report, &mut left_out)?;
    let SweepConfig { quiet, plans, .. } = *pool.config;
    tally.warnings = baseline.warnings(&pool.dialog().refusals);
    for change in &left_out {
        let layout = order.layout().clone();
        let layout = match *change {
            LeftOut::Refused { message, .. } => layout.without(message),
            LeftOut::Closed { taken, .. } => layout.first(taken),
        };
        tally.warnings.push(change.to_string());
        *order = Order::of_layout(Prelude::default(), layout, plans);
    }
    pool.show_to_witness(order.layout())?;
    *order = trials(pool, order.layout().clone(), &baseline, hello, tally)?;
    if order.single_cuts() == 0 {
        pool.time.has_no_single_cuts();
    }
    tally.others_within = pool.time.of_others();
    let map = LiveMap::new(&context.recorder, pool.header, hello, &pool.dialog().messages(), order.len());
    pool.progress = Progress::new(order.len(), quiet, &context.report, pool.now()).with_map(map);
    let suspects = all::run(pool, order, &baseline, tally, &context.signals)?;
    let examined = examine(suspects, order, &baseline, pool, tally);
    pool.progress.finish();
    tally.interrupted = context.signals.stopped();
    examined.map(|()| baseline)
}

/// The trials of these messages. How long the PROXY header is, is known once there was a connection.
fn trials(
    pool: &mut Pool<'_>,
    layout: Layout,
    baseline: &Baseline,
    hello: usize,
    tally: &mut Tally,
) -> Result<Order, Stop> {
    let prelude = Prelude { header: pool.header, hello };
    let mut plans = pool.config.plans;
    if let Some(only) = &pool.config.only {
        let trial = only.trial(&layout, prelude).map_err(|error| Error::Usage(error.to_string()))?;
        if !trial.joined.is_empty() {
            let checked = baseline::check_joined(pool, &layout, baseline)?;
            checked.map_err(|why| BaselineError::Incomplete(format!("--only joins messages: {why}")))?;
        }
        return Ok(Order::only(layout, trial));
    }
    if plans.families.has(Family::Joined) {
        if let Err(why) = baseline::check_joined(pool, &layout, baseline)? {
            plans.families = plans.families.without(Family::Joined);
            tally.warnings.push(format!("plans that join messages are left out: {why}"));
        }
    }
    Ok(Order::of_layout(prelude, layout, plans))
}
