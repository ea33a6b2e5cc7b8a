//! secretcat: a netcat that knows messages and cuts them on purpose.
//!
//! The crate is a program, not a stable API. This table is the map of its modules; a layer imports only from lower
//! layers.
//!
//! | layer | module | content |
//! |---|---|---|
//! | L4 | [`cli`] | the command line: flags in, configuration out |
//! | L3 | [`session`] | one file a command: connections, service and end of a run |
//! | L2 | [`io`] | the only code with sockets, files, clocks, threads, terminals and signals |
//! | L1 | [`auth`] | who a client is: SCRAM-SHA-256, PLAIN, and the file of users |
//! | L1 | [`peer`] | a connection without its socket: what is written next and when, and how it is encoded |
//! | L1 | [`config`] | checked configuration |
//! | L1 | [`plan`] | where writes are cut, as functions of bytes and seed |
//! | L1 | [`frame`] | bytes in, messages out |
//! | L1 | [`dialog`] | the messages of a sweep, and what ends the reply to each |
//! | L1 | [`editor`] | a line editor: keys in, lines and screen out |
//! | L1 | [`service`] | services and clients, as functions of events |
//! | L1 | [`capture`] | the packets of a trace, for Wireshark |
//! | L1 | [`documents`] | the manual and the completions, which the program contains |
//! | L1 | [`timeline`] | the picture of a trace |
//! | L1 | [`trace`] | events as data, text and JSON |
//! | L1 | [`transcript`] | recorded messages as JSON lines |
//! | L1 | [`transfer`] | the protocol of `send` and `receive`, as state machines of bytes |
//! | L1 | [`verdict`] | how a sweep compares replies, and its report |
//! | L1 | [`web`] | the live page and the metrics, as functions of requests and events |
//! | L0 | [`value`], [`error`] | values on the command line, and errors |
//!
//! `tests/layers.rs` has the table of what each module imports.
//!
//! Invariants:
//! - An event loop blocks in its one wait only ([`io::reactor`]); the name lookup of `listen` waits there too. Before
//!   and after its loop a run may wait for stdin, a typed password, stderr, threads, a witness, the disk of a transcript
//!   and the service manager; `tests/layers.rs` lists where. Regular files are read and written without waiting until
//!   they are ready: they always are. The transcript is written by a thread, because a disk may be slow.
//! - All of a turn of a loop happens at one time, which the reactor reads from the clock.
//! - Received bytes are never assumed to be text, and bytes of a peer are escaped before a terminal.
//! - stdout has the bytes of peers only, and stderr the messages of this program.

pub mod auth;
pub mod capture;
pub mod cli;
pub mod config;
pub mod dialog;
pub mod documents;
pub mod editor;
pub mod error;
pub mod frame;
pub mod io;
pub mod peer;
pub mod plan;
pub mod service;
pub mod session;
pub mod timeline;
pub mod trace;
pub mod transcript;
pub mod transfer;
pub mod value;
pub mod verdict;
pub mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::{Refusal, Task};
use config::{Color, LinkConfig, Meeting, Output};
use error::{Error, ExitStatus, Operation};
use io::outputs::check_distinct;
use io::proxy::Proxy;
use io::recorder::Recorder;
use io::report::Report;
use io::signal::{IgnoredInterrupt, Signals, die_of};
use io::systemd::Manager;
use io::terminal;
use io::web::{Watched, Web};
use io::witness::Witness;
use session::Context;
use value::Signal;

/// Parses the command line, runs the command, and reports an error in one line.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let request = match cli::parse(args) {
        Ok(request) => request,
        Err(refusal) => return refuse(&refusal),
    };
    let report = Report::stderr(request.color);
    if matches!(request.task, Task::Listen(_)) {
        report.keep_a_log();
    }
    let (result, signal) = perform(&request.task, &report);
    // Where Ctrl-C is read as a key, there is no signal.
    let signal = signal.or(matches!(result, Err(Error::Interrupted)).then_some(Signal::Interrupt));
    if let Err(error) = &result {
        match (error, signal) {
            (Error::OutputGone, _) => {}
            (Error::Interrupted, Some(signal)) => report.error(&signal.to_string()),
            _ => report.error(&error.to_string()),
        }
    }
    end(result, signal.filter(|&signal| kills(signal, &request.task)), &report)
}

/// Whether the program dies of the signal after everything is written. SIGTERM and SIGHUP are the way to stop a
/// listener; SIGINT must be seen by the shell, or it continues its script.
fn kills(signal: Signal, task: &Task) -> bool {
    let serves = matches!(task, Task::Listen(_)) || task.link().is_some_and(LinkConfig::keeps_open);
    signal == Signal::Interrupt || !serves
}

/// Ends the process: by the signal that ended the run, by SIGPIPE if no process reads stdout, or with a status.
fn end(result: Result<ExitStatus, Error>, signal: Option<Signal>, report: &Report) -> ExitCode {
    report.finish();
    // A trace or bytes on stderr are an output, and a lost one is no success.
    let result = result.map(|status| if report.has_lost_data() { ExitStatus::Host } else { status });
    let pipe = matches!(result, Err(Error::OutputGone)).then_some(Signal::Pipe);
    ExitCode::from(match signal.or(pipe) {
        Some(signal) => die_of(signal),
        None => result.unwrap_or_else(|error| error.status()).number(),
    })
}

/// Runs the command; returns its exit status, and the signal that arrived meanwhile.
fn perform(task: &Task, report: &Report) -> (Result<ExitStatus, Error>, Option<Signal>) {
    let mut silent = Output { quiet: true, ..Output::default() }; // a sweep reports by itself what was not proven
    let is_quiet = match task {
        Task::Listen(config) => config.output.quiet,
        Task::Connect(config) => config.output.quiet,
        Task::Send(_) | Task::Receive(_) => task.link().is_some_and(|link| link.output.quiet),
        Task::Sweep(config) => {
            silent.watch = config.watch.clone();
            silent.pcap.clone_from(&config.reports.pcap);
            config.quiet
        }
        Task::SweepClient(config) => {
            silent.watch = config.watch.clone();
            silent.pcap.clone_from(&config.reports.pcap);
            config.quiet
        }
        Task::History(_) | Task::Timeline(_) | Task::Passwd(_) | Task::Print(_) | Task::Witness => true,
    };
    let output: &Output = match task {
        Task::Sweep(_)
        | Task::SweepClient(_)
        | Task::History(_)
        | Task::Timeline(_)
        | Task::Passwd(_)
        | Task::Print(_)
        | Task::Witness => &silent,
        Task::Listen(config) => &config.output,
        Task::Connect(config) => &config.output,
        Task::Send(config) => &config.link.output,
        Task::Receive(config) => &config.link.output,
    };
    let start = || -> Result<(Context, Web), Error> {
        check_distinct(&task.files(), task.writes_to_stdout())?;
        let signals = match ignored_interrupt(task) {
            Some(ignored) => Signals::install(ignored).map_err(Error::local(Operation::Handle, "signals"))?,
            None => Signals::default(),
        };
        let has_totals = matches!(task, Task::Listen(_)) || output.records();
        if has_totals {
            signals.handle_usr1().map_err(Error::local(Operation::Handle, "signals"))?;
        }
        let recorder = Recorder::start(output, task.pairing(), report)?;
        let of_signals = recorder.clone();
        signals.on_usr1(move || of_signals.print_summary());
        if let Some(transcript) = recorder.transcript().cloned() {
            let reopen = signals.on_usr2(move || transcript.reopen());
            reopen.map_err(Error::local(Operation::Handle, "signals"))?;
        }
        let watched = Watched { recorder: &recorder, signals: &signals, report, quiet: is_quiet };
        let web = Web::start(&output.watch, &watched)?;
        let proxy = task.proxy().map(|proxy| Proxy::open(proxy, report)).transpose()?;
        let manager = Manager::from_env();
        Ok((Context { report: report.clone(), recorder, signals, manager, proxy, witness: None }, web))
    };
    let (mut context, web) = match start() {
        Ok(started) => started,
        Err(error) => return (Err(error), None),
    };
    let witness = task.witness().map(|command| Witness::start(command, &context.signals)).transpose();
    let result = witness.and_then(|witness| {
        context.witness = witness;
        run_task(task, &context)
    });
    if matches!(result, Err(Error::Interrupted)) {
        report.begin_anew();
    }
    web.stop();
    // The record of a failed run is written too; the failure of the run takes precedence. Each other error has its line.
    let mut unrecorded = context.recorder.finish().into_iter();
    let result = match result {
        Ok(status) => unrecorded.next().map_or(Ok(status), Err),
        Err(Error::Interrupted | Error::OutputGone) => unrecorded.next().map_or(result, Err),
        Err(failed) => Err(failed),
    };
    unrecorded.for_each(|error| report.error(&error.to_string()));
    (result, context.signals.received())
}

/// Runs the command.
fn run_task(task: &Task, context: &Context) -> Result<ExitStatus, Error> {
    match task {
        Task::Listen(config) => session::listen::run(config, context, |_, _| {}).map(|()| ExitStatus::Done),
        Task::Connect(config) => session::connect::run(config, context).map(|()| ExitStatus::Done),
        Task::Send(config) => session::transfer::send::run(config, context).map(|()| ExitStatus::Done),
        Task::Receive(config) => session::transfer::receive::run(config, context).map(|()| ExitStatus::Done),
        Task::Sweep(config) => session::sweep::run(config, context),
        Task::SweepClient(config) => session::sweep::client::run(config, context),
        Task::Timeline(config) => session::timeline::run(config, &context.report).map(|()| ExitStatus::Done),
        Task::History(config) => session::history::run(config, &context.report).map(|()| ExitStatus::Done),
        Task::Passwd(config) => session::passwd::run(config, &context.report).map(|()| ExitStatus::Done),
        Task::Print(config) => session::documents::run(config).map(|()| ExitStatus::Done),
        Task::Witness => session::witness::run().map(|()| ExitStatus::Done),
    }
}

/// Whether signals are handled, and how a SIGINT that was ignored at the start is treated. A client without a
/// terminal and without a record has nothing to write at a signal: it dies by the default action (which PID 1
/// does not). Starting the thread that waits for signals takes a tenth of a run with one message.
fn ignored_interrupt(task: &Task) -> Option<IgnoredInterrupt> {
    match task {
        Task::Listen(_) | Task::Sweep(_) | Task::SweepClient(_) => Some(IgnoredInterrupt::Handle),
        // What has come of a file is kept, and its sender is told.
        Task::Send(_) | Task::Receive(_) => {
            let listens = task.link().is_some_and(|link| matches!(link.meeting, Meeting::Listen { .. }));
            Some(if listens { IgnoredInterrupt::Handle } else { IgnoredInterrupt::Keep })
        }
        Task::History(_) | Task::Timeline(_) | Task::Passwd(_) | Task::Print(_) | Task::Witness => None,
        Task::Connect(_) if std::process::id() == 1 => Some(IgnoredInterrupt::Handle),
        Task::Connect(config) => {
            let watched = terminal::is_stdin() || terminal::is_stderr();
            (config.output.records() || watched).then_some(IgnoredInterrupt::Keep)
        }
    }
}

/// Prints help and version on stdout, which may fail, and other refusals as one line on stderr.
fn refuse(refusal: &Refusal) -> ExitCode {
    let report = Report::stderr(Color::Auto);
    let result = refusal.print().map(|()| ExitStatus::Done);
    if let Err(error) = &result {
        if !matches!(error, Error::OutputGone) {
            report.error(&error.to_string());
        }
    }
    end(result, None, &report)
}
