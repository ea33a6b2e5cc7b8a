//! The other side of a transfer: its connection, and what is printed about it and the files.

use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::ending;
use super::meter::Meter;
use super::wire::{Read, Wire};
use crate::config::LinkConfig;
use crate::error::{Error, cause};
use crate::io::key::Key;
use crate::io::reactor::{Reactor, Ready};
use crate::io::transfer::FileWriter;
use crate::session::Context;
use crate::transfer::{Digest, FileName, Role, Violation};
use crate::value::{counted, escape};

/// The time without a byte of the other side after which that is reported: a listener may still close the connection of
/// another transfer, which takes some seconds at most.
const SILENCE: Duration = Duration::from_secs(5);

/// The other side of a transfer.
pub(super) struct Peer<'r, 'a> {
    role: Role,
    config: &'a LinkConfig,
    context: &'a Context,
    pub(super) reactor: &'r mut Reactor,
    pub(super) wire: Wire,
    /// What was received before the transfer began.
    pub(super) received: Vec<u8>,
    /// Where it has come from, if this side listens.
    arrivals: Option<&'r mut Arrivals<'a>>,
    pub(super) meter: Meter,
    /// It has sent its first line.
    pub(super) has_begun: bool,
    /// When it is reported that it has not; `None`: it was.
    silent_at: Option<Instant>,
    /// The file that is transferred.
    file: Option<FileName>,
    /// The files so far, and those of them that were refused.
    files: u64,
    refused: u64,
    /// Why the first file that could not be opened could not.
    unopened: Option<Error>,
    /// How the other side has broken the protocol, which it is told at the end.
    pub(super) broken: Option<String>,
    /// Both sides know that everything is confirmed.
    pub(super) is_over: bool,
}

impl<'r, 'a> Peer<'r, 'a> {
    /// A side that was connected to.
    pub(super) fn new(
        config: &'a LinkConfig,
        role: Role,
        context: &'a Context,
        reactor: &'r mut Reactor,
        wire: Wire,
    ) -> Self {
        let meter = Meter::new(role, &config.output, &context.report);
        let silent_at = reactor.now().checked_add(SILENCE);
        let (received, arrivals, file, files, refused, unopened) = (Vec::new(), None, None, 0, 0, None);
        Peer {
            role,
            config,
            context,
            reactor,
            wire,
            received,
            arrivals,
            meter,
            has_begun: false,
            silent_at,
            file,
            files,
            refused,
            unopened,
            broken: None,
            is_over: false,
        }
    }

    /// A side that was accepted, with what it has sent.
    pub(super) fn accepted(self, arrivals: &'r mut Arrivals<'a>, received: Vec<u8>) -> Self {
        Peer { received, arrivals: Some(arrivals), ..self }
    }

    /// Notes an event of the reactor.
    pub(super) fn on_ready(&mut self, ready: Ready) {
        self.wire.on_ready(ready);
        self.arrivals.iter_mut().for_each(|arrivals| arrivals.on_ready(ready));
    }

    /// Begins a turn: looks at the signals, rejects other connections, and writes what is queued.
    pub(super) fn begin_turn(&mut self) -> Result<(), Error> {
        if self.context.signals.stopped() {
            return Err(Error::Interrupted);
        }
        self.arrivals.as_mut().map_or(Ok(()), |arrivals| arrivals.reject(self.reactor))?;
        self.wire.flush(self.reactor);
        Ok(())
    }

    /// Ends a turn: fails when nothing came or went within the limit, and prints the progress.
    pub(super) fn end_turn(&mut self) -> Result<(), Error> {
        self.context.recorder.end_loop_turn();
        let limit = self.config.traffic.idle_timeout;
        if self.wire.is_idle(limit, self.reactor) {
            return Err(Error::idle(self.wire.endpoint(), limit));
        }
        self.note_silence();
        self.meter.print(self.reactor);
        Ok(())
    }

    /// Prints that the other side has sent nothing for a while.
    fn note_silence(&mut self) {
        let Some(at) = self.silent_at.filter(|_| !self.has_begun && !self.config.output.quiet) else { return };
        if self.reactor.now() < at {
            self.reactor.wake_at(Key::Clock, at);
            return;
        }
        self.silent_at = None;
        let (address, other) = (self.wire.endpoint(), self.role.other());
        let text = format!("{address} sends nothing: it may serve another transfer, or be no secretcat {other}");
        self.context.report.line(&format!("{text} (-w TIME limits the wait)"));
    }

    /// Reads once; returns the number of bytes.
    ///
    /// # Errors
    /// When the connection has ended.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        match self.wire.read(buf, self.reactor) {
            Read::Bytes(n) => Ok(n),
            Read::Nothing => Ok(0),
            Read::Ended(error) if !self.has_begun => {
                let closed = || format!("closed before the first line of a {}", self.role.other().side());
                let how = error.as_ref().map_or_else(closed, cause) + &self.hint();
                Err(Error::Lost { address: self.wire.endpoint().clone(), how, unanswered: 0 })
            }
            Read::Ended(Some(error)) => Err(self.failed(cause(&error))),
            Read::Ended(None) => Err(self.failed(match self.role {
                Role::Send => "closed by the receiver before it confirmed all files",
                Role::Receive => "closed by the sender before its end",
            })),
        }
    }

    /// Sends lines of the protocol.
    pub(super) fn send(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut lines = Vec::new();
        encode(&mut lines);
        self.wire.send(&lines);
    }

    /// The error of the transfer, or of the file that is transferred.
    pub(super) fn failed(&self, how: impl Into<String>) -> Error {
        let file = self.file.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let what = match self.role {
            Role::Send => format!("send{file} to"),
            Role::Receive => format!("receive{file} from"),
        };
        Error::Transfer { what, address: self.wire.endpoint().clone(), how: how.into() }
    }

    /// The error of a transfer that the other side has ended, for this reason.
    pub(super) fn ended_by_peer(&self, reason: &str) -> Error {
        self.failed(format!("the {}: {reason}", self.role.other().side()))
    }

    /// The error of a transfer whose other side breaks the protocol.
    pub(super) fn violated(&mut self, violation: &Violation) -> Error {
        self.broken = Some(violation.to_string());
        if self.has_begun {
            return self.failed(format!("the {} sends: {violation}", self.role.other().side()));
        }
        let hint = if *violation == Violation::Tls { String::new() } else { self.hint() };
        self.failed(format!("{violation}{hint}"))
    }

    /// What may be wrong before the first line has come.
    fn hint(&self) -> String {
        format!(" (is secretcat {} listening there?)", self.role.other())
    }

    /// A file is offered.
    pub(super) fn offered(&mut self, file: &FileName) {
        self.files += 1;
        self.file = Some(file.clone());
    }

    /// The bytes of the file follow, from this offset on.
    pub(super) fn begin_bytes(&mut self, size: Option<u64>, offset: u64) {
        if let Some(name) = &self.file {
            if offset > 0 && !self.config.output.quiet {
                self.context.report.line(&format!("resuming {name} after its first {}", counted(offset, "byte")));
            }
            self.meter.begin(name, size.map(|size| size.saturating_sub(offset)), self.reactor.now());
        }
    }

    /// The file is not resumed, because what is there of it is not its beginning.
    pub(super) fn begins_anew(&self) {
        if let Some(name) = self.file.as_ref().filter(|_| !self.config.output.quiet) {
            let part = escape(&name.part());
            self.context.report.line(&format!("{part} is not the beginning of {name}: receiving all of it"));
        }
    }

    /// The file is saved.
    pub(super) fn saved(&mut self, size: u64, digest: Option<Digest>) {
        let done = match self.role {
            Role::Send => "sent",
            Role::Receive => "received",
        };
        let digest = digest.map_or_else(|| "no checksum".to_owned(), |digest| format!("sha256 {digest}"));
        self.finish(|name| format!("{done} {name} ({}, {digest})", counted(size, "byte")));
    }

    /// The receiver does not want the file.
    pub(super) fn skipped(&mut self, reason: &str) {
        self.finish(|name| format!("skipped {name}: {reason}"));
    }

    /// Prints what has become of the file.
    fn finish(&mut self, text: impl FnOnce(FileName) -> String) {
        if let Some(name) = self.file.take().filter(|_| !self.config.output.quiet) {
            self.context.report.line(&text(name));
        }
    }

    /// The receiver cannot take the file.
    pub(super) fn refused(&mut self, reason: &str) {
        self.refused += 1;
        let by = match self.role {
            Role::Send => " by the receiver",
            Role::Receive => "",
        };
        if let Some(name) = self.file.take() {
            self.context.report.warning(&format!("{name}: refused{by}: {reason}"));
        }
    }

    /// A file cannot be opened, and is not offered. The first such error is that of the run.
    pub(super) fn cannot_open(&mut self, error: Error) {
        match self.unopened {
            Some(_) => self.context.report.warning(&error.to_string()),
            None => self.unopened = Some(error),
        }
    }

    /// Closes the connection when all files were offered, and reports what is kept of one.
    ///
    /// # Errors
    /// When a file was refused or could not be opened.
    pub(super) fn close(mut self, writer: Option<&mut FileWriter>) -> Result<(), Error> {
        let refused = format!("{} of {} files refused", self.refused, self.files);
        let result = if self.refused == 0 { Ok(()) } else { Err(self.failed(refused)) };
        let result = self.unopened.take().map_or(result, Err);
        let report = &self.context.report;
        if let Some(kept) = ending::close(self, writer) {
            let (part, bytes) = (escape(&kept.name.part()), counted(kept.size, "byte"));
            report.line(&format!("{part} has the first {bytes} of {}: send it again to resume", kept.name));
        }
        result
    }
}
