//! `secretcat send`: sends files, until the receiver has confirmed each.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use super::meeting::{self, Peer};
use super::meter::Meter;
use super::wire::Read;
use super::{ending, facts, failed, reason};
use crate::config::{SendConfig, SentFile};
use crate::error::{Error, cause};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::transfer::{FileReader, Piece, Progress, SourceFile, Task};
use crate::session::Context;
use crate::transfer::{Digest, LONGEST, Offer, Role, Sender, SenderEvent, Violation};

/// What is done in one turn at most, before the signals are looked at.
const STEPS: usize = 64;

/// Sends the files.
///
/// # Errors
/// When a file cannot be read, the connection fails, or the receiver does not confirm a file.
pub fn run(config: &SendConfig, context: &Context) -> Result<(), Error> {
    // A file that is missing is an error before anything is sent.
    for file in &config.files {
        open(file)?;
    }
    meeting::run(&config.link, Role::Send, context, |peer| send(config, context, peer))
}

fn open(file: &SentFile) -> Result<SourceFile, Error> {
    file.path.as_deref().map_or_else(SourceFile::stdin, SourceFile::open)
}

fn send(config: &SendConfig, context: &Context, mut peer: Peer<'_, '_>) -> Result<(), Error> {
    let reader = FileReader::start(peer.reactor.waker())?;
    let received = std::mem::take(&mut peer.received);
    let mut sending = Sending {
        config,
        context,
        peer,
        sender: Sender::new(),
        reader,
        files: config.files.iter().collect(),
        current: None,
        piece: None,
        refused: 0,
        meter: Meter::new(Role::Send, &config.link.output, &context.report),
        is_over: false,
    };
    let mut line = Vec::new();
    sending.sender.greet(&mut line);
    sending.peer.wire.send(&line);
    let result = sending.take(&received).and_then(|()| Reactor::run(&mut sending));
    sending.meter.end();
    if let Some(reason) = result.as_ref().err().and_then(|error| sending.told(error)) {
        sending.fail(&reason);
    }
    let Sending { peer, refused, .. } = sending;
    let endpoint = peer.wire.endpoint().clone();
    ending::close(peer, None);
    result?;
    if refused > 0 {
        let all = config.files.len();
        return Err(failed("send to".to_owned(), &endpoint, format!("{refused} of {all} files refused")));
    }
    Ok(())
}

struct Sending<'r, 'l, 'a> {
    config: &'a SendConfig,
    context: &'a Context,
    peer: Peer<'r, 'l>,
    sender: Sender,
    reader: FileReader,
    /// Those that were not offered yet.
    files: VecDeque<&'a SentFile>,
    current: Option<Current<'a>>,
    /// The piece of it that is sent, and the number of its bytes that are.
    piece: Option<(Piece, usize)>,
    /// The number of files that the receiver has refused.
    refused: usize,
    meter: Meter,
    /// The receiver has confirmed everything.
    is_over: bool,
}

/// The file that is offered or sent.
struct Current<'a> {
    file: &'a SentFile,
    /// Until it is read.
    source: Option<SourceFile>,
    size: Option<u64>,
    /// What was confirmed with its last line.
    facts: (u64, Option<Digest>),
}

impl Sending<'_, '_, '_> {
    /// The beginning of an error about the file that is sent.
    fn what(&self) -> String {
        match &self.current {
            Some(current) => format!("send {} to", current.file.name),
            None => "send to".to_owned(),
        }
    }

    fn failed(&self, how: impl Into<String>) -> Error {
        failed(self.what(), self.peer.wire.endpoint(), how)
    }

    fn violated(&mut self, violation: &Violation) -> Error {
        self.fail(&violation.to_string());
        self.failed(format!("the receiver sends: {violation}"))
    }

    /// Sends the reason for which the transfer ends, after the chunk that is sent.
    fn fail(&mut self, reason: &str) {
        let mut line = Vec::new();
        if let Some((piece, sent)) = self.piece.take() {
            self.peer.wire.send(&piece.bytes()[sent..]);
        }
        self.sender.fail(reason, &mut line);
        self.peer.wire.send(&line);
    }

    /// What the receiver is told of an error.
    fn told(&self, error: &Error) -> Option<String> {
        reason(error).filter(|_| !self.sender.is_over())
    }

    /// Takes bytes of the receiver.
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while let Some(event) = self.sender.pull(&mut bytes).map_err(|violation| self.violated(&violation))? {
            self.on(event)?;
        }
        Ok(())
    }

    fn on(&mut self, event: SenderEvent) -> Result<(), Error> {
        let name = self.current.as_ref().map(|current| &current.file.name);
        let (report, is_quiet) = (&self.context.report, self.config.link.output.quiet);
        match event {
            SenderEvent::Ready => return self.offer_next(),
            SenderEvent::Have { offset, digest } => {
                let have = digest.map(|digest| (offset, digest));
                let checksum = self.config.checksum;
                self.begin(|file| Task::Read { file, have, checksum });
                return Ok(());
            }
            SenderEvent::Exists(digest) => {
                self.begin(|file| Task::Compare(file, digest));
                return Ok(());
            }
            SenderEvent::Ended => {
                self.is_over = true;
                return Ok(());
            }
            SenderEvent::Failed(reason) => return Err(self.failed(format!("the receiver: {reason}"))),
            SenderEvent::Saved => {
                if let Some(current) = self.current.as_ref().filter(|_| !is_quiet) {
                    let (size, digest) = current.facts;
                    report.line(&format!("sent {} ({})", current.file.name, facts(size, digest)));
                }
            }
            SenderEvent::Skipped(reason) => {
                if let Some(name) = name.filter(|_| !is_quiet) {
                    report.line(&format!("skipped {name}: {reason}"));
                }
            }
            SenderEvent::Refused(reason) => {
                self.refused += 1;
                report.warning(&format!("{}: refused by the receiver: {reason}", self.what_is_sent()));
            }
        }
        self.current = None;
        self.offer_next()
    }

    /// Has the thread read the file that is offered.
    fn begin(&mut self, task: impl FnOnce(SourceFile) -> Task) {
        if let Some(file) = self.current.as_mut().and_then(|current| current.source.take()) {
            self.reader.begin(task(file));
        }
    }

    fn what_is_sent(&self) -> String {
        self.current.as_ref().map(|current| current.file.name.to_string()).unwrap_or_default()
    }

    /// Offers the next file, or sends the end.
    fn offer_next(&mut self) -> Result<(), Error> {
        let mut line = Vec::new();
        match self.files.pop_front() {
            Some(file) => {
                let source = open(file)?;
                let (size, modified, checksum) = (source.size, source.modified, self.config.checksum);
                self.sender.offer(&Offer { name: file.name.clone(), size, modified, checksum }, &mut line);
                self.current = Some(Current { file, source: Some(source), size, facts: (0, None) });
            }
            None => self.sender.end(&mut line),
        }
        self.peer.wire.send(&line);
        Ok(())
    }

    fn on_progress(&mut self, progress: Progress) -> Result<(), Error> {
        let mut line = Vec::new();
        let Some(current) = &mut self.current else { return Ok(()) };
        match progress {
            Progress::Compared(Some((size, digest))) => {
                current.facts = (size, Some(digest));
                self.sender.complete(size, Some(digest), &mut line);
            }
            Progress::Compared(None) => self.sender.differ(&mut line),
            Progress::Begins(offset) => {
                self.sender.begin(offset, &mut line);
                let left = current.size.map(|size| size.saturating_sub(offset));
                self.meter.begin(&current.file.name, left, self.peer.reactor.now());
            }
            Progress::Piece(piece) => {
                self.sender.chunk(piece.bytes().len(), &mut line);
                self.peer.wire.send(&line);
                self.meter.add(piece.bytes().len());
                self.piece = Some((piece, 0));
                self.send_piece();
                return Ok(());
            }
            Progress::Ended { size, digest } => {
                self.meter.end();
                current.facts = (size, digest);
                self.sender.complete(size, digest, &mut line);
            }
            Progress::Failed(error) => return Err(error),
        }
        self.peer.wire.send(&line);
        Ok(())
    }

    /// Sends the rest of the piece, as far as the kernel takes it.
    fn send_piece(&mut self) {
        if let Some((piece, mut sent)) = self.piece.take() {
            sent += self.peer.wire.send_first(&piece.bytes()[sent..]);
            if sent < piece.bytes().len() {
                self.piece = Some((piece, sent));
            } else {
                self.reader.give_back(piece);
            }
        }
    }

    /// Receives lines and sends pieces as far as it goes.
    fn advance(&mut self) -> Result<(), Error> {
        let mut buf = [0; LONGEST];
        for _ in 0..STEPS {
            let read = self.peer.wire.read(&mut buf, self.peer.reactor);
            let has_read = match read {
                Read::Bytes(n) => {
                    self.take(&buf[..n])?;
                    true
                }
                Read::Nothing => false,
                Read::Ended(_) if self.is_over => return Ok(()),
                Read::Ended(Some(error)) => return Err(self.failed(cause(&error))),
                Read::Ended(None) => return Err(self.failed("closed by the receiver before it confirmed all files")),
            };
            if self.is_over {
                return Ok(());
            }
            self.send_piece();
            let is_free = self.piece.is_none() && self.peer.wire.is_free();
            let progress = if is_free { self.reader.progress() } else { None };
            let has_sent = progress.is_some();
            progress.map_or(Ok(()), |progress| self.on_progress(progress))?;
            self.peer.wire.flush(self.peer.reactor);
            if !has_read && !has_sent {
                return Ok(());
            }
        }
        self.peer.wire.again(self.peer.reactor);
        Ok(())
    }
}

impl Handler for Sending<'_, '_, '_> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.peer.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.peer.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, _: Instant) -> Result<ControlFlow<()>, Error> {
        self.peer.begin_turn(self.context)?;
        self.advance()?;
        if self.is_over {
            self.peer.wire.flush(self.peer.reactor);
            return Ok(ControlFlow::Break(()));
        }
        self.peer.end_turn(self.config.link.traffic.idle_timeout)?;
        self.meter.print(self.peer.reactor);
        Ok(ControlFlow::Continue(()))
    }
}
