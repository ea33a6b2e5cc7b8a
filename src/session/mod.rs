//! The commands, one file each: a checked configuration in, a result out.

mod account;
mod broker;
mod call;
pub mod connect;
pub mod documents;
mod exchange;
pub mod history;
mod input_wait;
pub mod listen;
mod loopback;
mod meter;
pub mod passwd;
mod peer;
mod progress;
mod rate_limit;
mod relay;
mod shared;
pub mod sweep;
pub mod timeline;
pub mod transfer;
pub mod witness;

use crate::config::{Direction, SocketOptions, StreamConfig, Traffic};
use crate::error::Error;
use crate::io::console::Source;
use crate::io::listener::Listener;
use crate::io::proxy::Proxy;
use crate::io::recorder::Recorder;
use crate::io::report::Report;
use crate::io::signal::Signals;
use crate::io::sockopt;
use crate::io::stream::{Stream, check_progress};
use crate::io::systemd::Manager;
use crate::io::witness::Witness;
use crate::plan::Barrier;
use crate::service::pipe::{self, SendsEnd};
use crate::trace::TlsSession;

/// The context of a session: report, recording, signals, service manager.
#[derive(Clone, Debug)]
pub struct Context {
    /// stderr.
    pub report: Report,
    /// The recording of events.
    pub recorder: Recorder,
    /// The signals received.
    pub signals: Signals,
    /// The service manager, if one started this program.
    pub manager: Manager,
    /// The proxy that connections are made through.
    pub proxy: Option<Proxy>,
    /// Sees what the peer has read, where it is not on this host.
    pub witness: Option<Witness>,
}

/// The settings of a pipe for a connection that was made (not accepted).
fn pipe_terms(config: &StreamConfig, sends_end: SendsEnd, source: Source) -> pipe::Terms {
    pipe::Terms {
        input: match source {
            Source::Nothing => pipe::Input::Nothing,
            Source::Terminal => pipe::Input::Typed,
            Source::Bytes => pipe::Input::Bytes,
        },
        sends_end,
        end_with_peer: config.end_with_peer,
        send_only: config.direction == Direction::Send,
        ..pipe::Terms::default()
    }
}

/// Refuses options that this system does not have, before anything is opened.
fn check_platform(traffic: &Traffic) -> Result<(), Error> {
    if traffic.plan.barrier != Barrier::None {
        check_progress("--barrier").map_err(|error| Error::Usage(error.to_string()))?;
    }
    sockopt::check_platform(&traffic.socket).map_err(|error| Error::Usage(error.to_string()))
}

/// Refuses a sweep where none can prove anything, and the options that this system does not have.
fn check_sweep(traffic: &Traffic) -> Result<(), Error> {
    check_progress("sweep").map_err(|error| Error::Usage(error.to_string()))?;
    check_platform(traffic)
}

/// `--show-options`: prints what the two sides of a TLS connection have agreed on, a line for each fact.
fn show_session(session: &TlsSession, report: &Report) {
    for (name, fact) in session.facts() {
        report.line(&format!("tls {name:<12}  {fact}"));
    }
}

/// `--show-options`: prints every socket option of a connection, as requested and as in effect. Options that
/// only the listening socket has, such as the backlog, are read from that one.
fn show_options(stream: &Stream, listener: Option<&Listener>, options: &SocketOptions, context: &Context) {
    let mut shown = sockopt::effective(stream.socket(), options);
    if let Some(listening) = listener.and_then(Listener::socket) {
        for (row, its) in shown.iter_mut().zip(sockopt::effective(listening, options)) {
            row.effective = row.effective.take().or(its.effective);
        }
    }
    context.report.line(sockopt::show(&shown).trim_end());
}
