//! `secretcat receive`: receives files, and confirms each when it is saved.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use super::meeting::{self, Peer};
use super::meter::Meter;
use super::wire::Read;
use super::{ending, facts, failed, reason};
use crate::config::ReceiveConfig;
use crate::error::{Error, cause};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::read_buffer;
use crate::io::transfer::{Answer, Directory, FileWriter, Hasher, Piece};
use crate::session::Context;
use crate::transfer::{Checksum, LONGEST, Offer, Receiver, ReceiverEvent, Role, Violation};
use crate::value::{counted, escape};

/// What is done in one turn at most, before the signals are looked at.
const STEPS: usize = 64;

/// Receives files.
///
/// # Errors
/// When a file cannot be written, the connection fails, or a file is refused.
pub fn run(config: &ReceiveConfig, context: &Context) -> Result<(), Error> {
    let directory = Arc::new(Directory::open(&config.dir)?);
    meeting::run(&config.link, Role::Receive, context, |peer| receive(config, context, &directory, peer))
}

fn receive(
    config: &ReceiveConfig,
    context: &Context,
    directory: &Arc<Directory>,
    mut peer: Peer<'_, '_>,
) -> Result<(), Error> {
    let writer = FileWriter::start(directory.clone(), config.overwrite, peer.reactor.waker())?;
    let received = std::mem::take(&mut peer.received);
    let mut receiving = Receiving {
        config,
        context,
        peer,
        receiver: Receiver::new(config.limits),
        writer,
        input: Input { bytes: received, read: 0 },
        scratch: read_buffer(),
        piece: None,
        current: None,
        files: 0,
        refused: 0,
        meter: Meter::new(Role::Receive, &config.link.output, &context.report),
        is_over: false,
    };
    let mut line = Vec::new();
    if receiving.peer.arrivals.is_none() {
        // The side that connects sends its first line first.
        receiving.receiver.greet(&mut line);
        receiving.peer.wire.send(&line);
    }
    let result = Reactor::run(&mut receiving);
    receiving.meter.end();
    let told = result.as_ref().err().and_then(reason);
    receiving.write_piece();
    let Receiving { mut receiver, mut peer, mut writer, refused, files, .. } = receiving;
    if let Some(reason) = told {
        line.clear();
        receiver.fail(&reason, &mut line);
        peer.wire.send(&line);
    }
    let endpoint = peer.wire.endpoint().clone();
    writer.abandon();
    if let Some(kept) = ending::close(peer, Some(&mut writer)) {
        let (part, bytes) = (escape(&kept.name.part()), counted(kept.size, "byte"));
        let text = format!("{part} has the first {bytes} of {}: send it again to resume", kept.name);
        context.report.line(&text);
    }
    result?;
    if refused > 0 {
        return Err(failed("receive from".to_owned(), &endpoint, format!("{refused} of {files} files refused")));
    }
    Ok(())
}

struct Receiving<'r, 'l, 'a> {
    config: &'a ReceiveConfig,
    context: &'a Context,
    peer: Peer<'r, 'l>,
    receiver: Receiver,
    writer: FileWriter,
    /// Bytes that are not taken yet.
    input: Input,
    scratch: Vec<u8>,
    /// Bytes of the file that are not written yet.
    piece: Option<Piece>,
    current: Option<Current>,
    /// The number of files offered, and of those refused.
    files: u64,
    refused: u64,
    meter: Meter,
    /// The sender has seen that everything is confirmed.
    is_over: bool,
}

/// Received bytes, of which the first ones are taken.
struct Input {
    bytes: Vec<u8>,
    read: usize,
}

/// The file that is received.
struct Current {
    offer: Offer,
    /// The hash of the first bytes that are there.
    hasher: Option<Hasher>,
    /// The bytes that are received, those that were there included.
    size: u64,
}

impl Receiving<'_, '_, '_> {
    /// The name of the file that is received, for messages.
    fn name(&self) -> String {
        self.current.as_ref().map(|current| current.offer.name.to_string()).unwrap_or_default()
    }

    fn failed(&self, how: impl Into<String>) -> Error {
        let what = match &self.current {
            Some(current) => format!("receive {} from", current.offer.name),
            None => "receive from".to_owned(),
        };
        failed(what, self.peer.wire.endpoint(), how)
    }

    fn violated(&mut self, violation: &Violation) -> Error {
        self.answer(|receiver, line| receiver.fail(&violation.to_string(), line));
        self.failed(format!("the sender sends: {violation}"))
    }

    /// Sends a line of the protocol.
    fn answer(&mut self, line: impl FnOnce(&mut Receiver, &mut Vec<u8>)) {
        let mut out = Vec::new();
        line(&mut self.receiver, &mut out);
        self.peer.wire.send(&out);
    }

    /// Has the bytes so far written.
    fn write_piece(&mut self) {
        if let Some(piece) = self.piece.take().filter(|piece| !piece.is_empty()) {
            self.writer.write(piece);
        }
    }

    /// Takes the bytes that were read, until its own answer comes first.
    fn take_input(&mut self) -> Result<(), Error> {
        let mut input = std::mem::replace(&mut self.input, Input { bytes: Vec::new(), read: 0 });
        loop {
            let mut rest = &input.bytes[input.read..];
            let pulled = self.receiver.pull(&mut rest);
            input.read = input.bytes.len() - rest.len();
            match pulled {
                Ok(Some(event)) => self.on(event)?,
                Ok(None) => break,
                Err(violation) => return Err(self.violated(&violation)),
            }
        }
        if input.read == input.bytes.len() {
            (input.read, input.bytes) = (0, {
                input.bytes.clear();
                input.bytes
            });
        }
        self.input = input;
        Ok(())
    }

    fn on(&mut self, event: ReceiverEvent<'_>) -> Result<(), Error> {
        match event {
            ReceiverEvent::Ready if self.peer.arrivals.is_some() => self.answer(|receiver, line| receiver.greet(line)),
            ReceiverEvent::Ready => {}
            ReceiverEvent::Offered(offer) => {
                self.files += 1;
                self.current = Some(Current { offer: offer.clone(), hasher: None, size: 0 });
                self.writer.offer(offer);
            }
            ReceiverEvent::Begins(offset) => {
                let Some(current) = &mut self.current else { return Ok(()) };
                let hasher = current.hasher.take().filter(|_| offset > 0).unwrap_or_default();
                let is_hashed = current.offer.checksum == Checksum::Sha256;
                current.size = offset;
                let left = current.offer.size.map(|size| size.saturating_sub(offset));
                self.meter.begin(&current.offer.name, left, self.peer.reactor.now());
                self.writer.begin_at(offset, is_hashed.then_some(hasher));
            }
            ReceiverEvent::Data(mut bytes) => {
                self.note_bytes(bytes.len());
                while !bytes.is_empty() {
                    let piece = self.piece.get_or_insert_with(|| self.writer.buffer());
                    let room = piece.room();
                    let count = room.len().min(bytes.len());
                    room[..count].copy_from_slice(&bytes[..count]);
                    piece.add(count);
                    bytes = &bytes[count..];
                    if piece.is_full() {
                        self.write_piece();
                    }
                }
            }
            ReceiverEvent::Completed(digest) => {
                self.write_piece();
                self.meter.end();
                self.writer.complete(digest);
            }
            ReceiverEvent::Differs => self.writer.differs(),
            ReceiverEvent::Ended => {
                self.answer(Receiver::end);
                self.is_over = true;
            }
            ReceiverEvent::Failed(reason) => return Err(self.failed(format!("the sender: {reason}"))),
        }
        Ok(())
    }

    fn note_bytes(&mut self, count: usize) {
        self.meter.add(count);
        self.current.iter_mut().for_each(|current| current.size += count as u64);
    }

    fn on_answer(&mut self, answer: Answer) -> Result<(), Error> {
        let (report, is_quiet) = (self.context.report.clone(), self.config.link.output.quiet);
        match answer {
            Answer::Have { offset, hasher } => {
                let digest = hasher.digest();
                self.current.iter_mut().for_each(|current| current.hasher = Some(hasher.clone()));
                self.answer(|receiver, line| receiver.have(offset, Some(digest), line));
                return Ok(());
            }
            Answer::Exists(digest) => {
                self.answer(|receiver, line| receiver.exists(digest, line));
                let size = self.current.as_ref().and_then(|current| current.offer.size);
                self.current.iter_mut().for_each(|current| current.size = size.unwrap_or(0));
                return Ok(());
            }
            Answer::Written | Answer::Kept(_) => return Ok(()),
            Answer::Failed(error) => return Err(error),
            Answer::Skip(reason) => {
                self.answer(|receiver, line| receiver.skip(reason, line));
                if !is_quiet {
                    report.line(&format!("skipped {}: {reason}", self.name()));
                }
            }
            Answer::Refuse(reason) => {
                self.answer(|receiver, line| receiver.refuse(&reason, line));
                self.refused += 1;
                report.warning(&format!("{}: refused: {reason}", self.name()));
            }
            Answer::Saved(digest) => {
                self.answer(Receiver::saved);
                let size = self.current.as_ref().map_or(0, |current| current.size);
                if !is_quiet {
                    report.line(&format!("received {} ({})", self.name(), facts(size, digest)));
                }
            }
        }
        self.current = None;
        Ok(())
    }

    /// Reads once: a line or more, or the bytes of a chunk into the piece.
    fn read(&mut self) -> Result<bool, Error> {
        let left = usize::try_from(self.receiver.left()).unwrap_or(usize::MAX);
        let read = if left > 0 && !self.peer.wire.is_layered() {
            let mut piece = self.piece.take().unwrap_or_else(|| self.writer.buffer());
            let room = piece.room();
            let most = room.len().min(left);
            let read = self.peer.wire.read(&mut room[..most], self.peer.reactor);
            if let Read::Bytes(n) = read {
                piece.add(n);
                self.receiver.note_data(n as u64);
                self.note_bytes(n);
            }
            let is_full = piece.is_full();
            self.piece = Some(piece);
            if is_full {
                self.write_piece();
            }
            read
        } else {
            let most = if self.peer.wire.is_layered() { self.scratch.len() } else { 4 * LONGEST };
            let read = self.peer.wire.read(&mut self.scratch[..most], self.peer.reactor);
            if let Read::Bytes(n) = read {
                self.input.bytes.extend_from_slice(&self.scratch[..n]);
            }
            read
        };
        match read {
            Read::Bytes(_) => Ok(true),
            Read::Nothing => Ok(false),
            Read::Ended(Some(error)) => Err(self.failed(cause(&error))),
            Read::Ended(None) => Err(self.failed("closed by the sender before its end")),
        }
    }

    /// Receives as far as it goes.
    fn advance(&mut self) -> Result<(), Error> {
        for _ in 0..STEPS {
            while let Some(answer) = self.writer.answer() {
                self.on_answer(answer)?;
            }
            self.take_input()?;
            if self.is_over || self.receiver.is_answering() || !self.writer.has_room() {
                return Ok(());
            }
            if !self.read()? {
                return Ok(());
            }
        }
        self.peer.wire.again(self.peer.reactor);
        Ok(())
    }
}

impl Handler for Receiving<'_, '_, '_> {
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
