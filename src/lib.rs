//! secretcat: a netcat that knows messages and cuts them on purpose.
//!
//! Not a stable API: the crate is a program, and these pages are its map. Imports go down only.
//!
//! | layer | room | what is in it |
//! |---|---|---|
//! | L4 | [`cli`] | the command line: flags in, configuration out; the exit status |
//! | L3 | [`session`] | one file a command: who is connected, what is answered, when it ends |
//! | L2 | [`io`] | sockets, files, clocks, threads, signals; nothing else touches them |
//! | L1 | [`config`] | what a run is to do, checked |
//! | L1 | [`plan`] | where writes are cut, as functions of bytes and seed |
//! | L1 | [`frame`] | bytes in, messages out |
//! | L1 | [`service`] | what is answered, as functions of events |
//! | L1 | [`trace`] | what happened, as data, text, JSON and pictures |
//! | L1 | [`verdict`] | what a sweep makes of the replies, and how it tells |
//! | L0 | [`value`], [`error`] | what a user writes, and what can go wrong |
//!
//! What holds everywhere: nothing in `io` or above blocks but the one wait of the event loop;
//! bytes are never taken for text on their way; nothing from a peer reaches a terminal unescaped;
//! stdout carries what peers said and stderr what this program says.

pub mod cli;
pub mod config;
pub mod error;
pub mod frame;
pub mod io;
pub mod plan;
pub mod service;
pub mod session;
pub mod trace;
pub mod value;
pub mod verdict;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use cli::{Refusal, Task};
use config::{Color, Seeing};
use error::Error;
use io::recorder::Recorder;
use io::report::Report;
use io::signal::Signals;
use io::systemd::Manager;
use session::Context;

/// Parses the command line, does what it says, and tells in one line what went wrong.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let request = match cli::parse(args) {
        Ok(request) => request,
        Err(refusal) => return refuse(&refusal),
    };
    let report = Report::stderr(request.color);
    let result = perform(&request.task, &report);
    if let Err(error) = &result {
        report.error(&error.to_string());
    }
    report.finish();
    ExitCode::from(result.unwrap_or_else(|error| cli::status(&error)))
}

/// Does the task; the exit status of one that came to its end.
fn perform(task: &Task, report: &Report) -> Result<u8, Error> {
    let silent = Seeing { quiet: true, ..Seeing::default() }; // a sweep tells by itself what was not proven
    let seeing: &Seeing = match task {
        Task::Sweep(_) => &silent,
        Task::Listen(config) => &config.seeing,
        Task::Connect(config) => &config.seeing,
    };
    let signals = if takes_signals(task) {
        Signals::install().map_err(Error::local("watch", "signals"))?
    } else {
        Signals::default()
    };
    let recorder = Recorder::start(seeing, report)?;
    let context = Context { report: report.clone(), recorder, signals, manager: Manager::from_env() };
    let result = match task {
        Task::Listen(config) => session::listen::run(config, &context, |_| {}).map(|()| 0),
        Task::Connect(config) => session::connect::run(config, &context).map(|()| 0),
        Task::Sweep(config) => session::sweep::run(config, &context),
    };
    if matches!(result, Err(Error::Interrupted)) {
        report.begin_anew();
    }
    // What was recorded is told even of a run that failed; its failure comes first.
    let told = context.recorder.finish();
    let status = result?;
    told.map(|()| status)
}

/// Whether signals are taken over. A client that nobody watches and that records nothing has nothing
/// to tell when one comes: it ends of the signal, as a shell has to see to end its script too. And a
/// thread that waits for signals takes a tenth of the time of one question.
fn takes_signals(task: &Task) -> bool {
    match task {
        Task::Listen(_) | Task::Sweep(_) => true,
        Task::Connect(config) => {
            config.seeing.records() || std::io::stdin().is_terminal() || std::io::stderr().is_terminal()
        }
    }
}

/// Help and version go to stdout, and may fail there; complaints are one line on stderr.
fn refuse(refusal: &Refusal) -> ExitCode {
    let report = Report::stderr(Color::Auto);
    let status = match refusal.tell() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => {
            report.error(&error.to_string());
            cli::status(&error)
        }
    };
    report.finish();
    ExitCode::from(status)
}
