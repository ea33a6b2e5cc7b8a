//! `secretcat receive`: receives files, and confirms each when it is saved.

use std::sync::Arc;

use super::exchange::{self, STEPS, Side};
use super::meeting;
use super::peer::Peer;
use crate::config::ReceiveConfig;
use crate::error::Error;
use crate::io::read_buffer;
use crate::io::transfer::{Answer, Directory, FileWriter, Hasher, Piece};
use crate::session::Context;
use crate::transfer::{Checksum, LONGEST, Offer, Receiver, ReceiverEvent, Role, Violation};
use crate::value::counted;

/// Receives files.
///
/// # Errors
/// When a file cannot be written, the connection fails, or a file is refused.
pub fn run(config: &ReceiveConfig, context: &Context) -> Result<(), Error> {
    let directory = Arc::new(Directory::open(&config.dir)?);
    meeting::run(&config.link, Role::Receive, context, |mut peer| {
        let receiving = Receiving {
            receiver: Receiver::new(config.limits),
            writer: FileWriter::start(directory.clone(), config.overwrite, peer.reactor.waker())?,
            input: Input { bytes: std::mem::take(&mut peer.received), read: 0 },
            scratch: read_buffer(),
            piece: None,
            current: None,
            max_size: config.limits.max_size,
            keeps: true,
        };
        exchange::run(receiving, peer)
    })
}

struct Receiving {
    receiver: Receiver,
    writer: FileWriter,
    /// Bytes that are not taken yet.
    input: Input,
    scratch: Vec<u8>,
    /// Bytes of the file that are not written yet.
    piece: Option<Piece>,
    current: Option<Current>,
    max_size: Option<u64>,
    /// What came of a file is kept when the transfer fails.
    keeps: bool,
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

impl Receiving {
    /// Has the bytes so far written.
    fn write_piece(&mut self) {
        if let Some(piece) = self.piece.take().filter(|piece| !piece.is_empty()) {
            self.writer.write(piece);
        }
    }

    /// Takes the bytes that were read, until its own answer comes first.
    fn take_input(&mut self, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        let mut input = std::mem::replace(&mut self.input, Input { bytes: Vec::new(), read: 0 });
        loop {
            let mut rest = &input.bytes[input.read..];
            let pulled = self.receiver.pull(&mut rest);
            input.read = input.bytes.len() - rest.len();
            match pulled {
                Ok(Some(event)) => self.on(event, peer)?,
                Ok(None) => break,
                Err(violation) => {
                    // It would be too large the next time, too.
                    self.keeps = !matches!(violation, Violation::TooLarge(_));
                    return Err(peer.violated(&violation));
                }
            }
        }
        if input.read == input.bytes.len() {
            input.bytes.clear();
            input.read = 0;
        }
        self.input = input;
        Ok(())
    }

    fn on(&mut self, event: ReceiverEvent<'_>, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        match event {
            ReceiverEvent::Ready => peer.has_begun = true,
            ReceiverEvent::Offered(offer) => {
                peer.offered(&offer.name);
                self.current = Some(Current { offer: offer.clone(), hasher: None, size: 0 });
                self.writer.offer(offer);
            }
            ReceiverEvent::TooLarge(offer) => {
                peer.offered(&offer.name);
                let max = counted(self.max_size.unwrap_or_default(), "byte");
                let reason = format!("it has more than {max} (--max-size)");
                peer.send(|line| self.receiver.refuse(&reason, line));
                peer.refused(&reason);
            }
            ReceiverEvent::Begins(offset) => {
                let Some(current) = &mut self.current else { return Ok(()) };
                let hasher = current.hasher.take().filter(|_| offset > 0).unwrap_or_default();
                let is_hashed = current.offer.checksum == Checksum::Sha256;
                if offset < current.size {
                    peer.begins_anew();
                }
                current.size = offset;
                peer.begin_bytes(current.offer.size, offset);
                self.writer.begin_at(offset, is_hashed.then_some(hasher));
            }
            ReceiverEvent::Data(mut bytes) => {
                self.note_bytes(bytes.len(), peer);
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
                peer.meter.end();
                self.writer.complete(digest);
            }
            ReceiverEvent::Differs => self.writer.differs(),
            ReceiverEvent::Ended => {
                peer.send(|line| self.receiver.end(line));
                peer.is_over = true;
            }
            ReceiverEvent::Failed(reason) => return Err(peer.ended_by_peer(&reason)),
        }
        Ok(())
    }

    fn note_bytes(&mut self, count: usize, peer: &mut Peer<'_, '_>) {
        peer.meter.add(count);
        self.current.iter_mut().for_each(|current| current.size += count as u64);
    }

    fn on_answer(&mut self, answer: Answer, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        let receiver = &mut self.receiver;
        match answer {
            Answer::Have { offset, hasher } => {
                let digest = hasher.digest();
                if let Some(current) = &mut self.current {
                    (current.size, current.hasher) = (offset, Some(hasher));
                }
                peer.send(|line| receiver.have(offset, Some(digest), line));
                return Ok(());
            }
            Answer::Exists(digest) => {
                peer.send(|line| receiver.exists(digest, line));
                self.current.iter_mut().for_each(|current| current.size = current.offer.size.unwrap_or(0));
                return Ok(());
            }
            Answer::Written | Answer::Kept(_) => return Ok(()),
            Answer::Failed(error) => return Err(error),
            Answer::Skip(reason) => {
                peer.send(|line| receiver.skip(reason, line));
                peer.skipped(reason);
            }
            Answer::Refuse(reason) => {
                peer.send(|line| receiver.refuse(&reason, line));
                peer.refused(&reason);
            }
            Answer::Saved(digest) => {
                peer.send(|line| receiver.saved(line));
                peer.saved(self.current.as_ref().map_or(0, |current| current.size), digest);
            }
        }
        self.current = None;
        Ok(())
    }

    /// Reads once: a line or more, or the bytes of a chunk into the piece. Returns the number of bytes.
    fn read(&mut self, peer: &mut Peer<'_, '_>) -> Result<usize, Error> {
        let left = usize::try_from(self.receiver.left()).unwrap_or(usize::MAX);
        if left > 0 && !peer.wire.is_layered() {
            let mut piece = self.piece.take().unwrap_or_else(|| self.writer.buffer());
            let room = piece.room();
            let most = room.len().min(left);
            let read = peer.read(&mut room[..most]);
            if let Ok(n) = read {
                piece.add(n);
                self.receiver.note_data(n as u64);
                self.note_bytes(n, peer);
            }
            let is_full = piece.is_full();
            self.piece = Some(piece);
            if is_full {
                self.write_piece();
            }
            return read;
        }
        let most = if peer.wire.is_layered() { self.scratch.len() } else { 4 * LONGEST };
        let read = peer.read(&mut self.scratch[..most])?;
        self.input.bytes.extend_from_slice(&self.scratch[..read]);
        Ok(read)
    }
}

impl Side for Receiving {
    fn greet(&self, line: &mut Vec<u8>) {
        self.receiver.greet(line);
    }

    fn advance(&mut self, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        for _ in 0..STEPS {
            while let Some(answer) = self.writer.answer() {
                self.on_answer(answer, peer)?;
            }
            self.take_input(peer)?;
            let must_wait = self.receiver.is_answering() || !self.writer.has_room();
            if peer.is_over || must_wait || self.read(peer)? == 0 {
                return Ok(());
            }
        }
        peer.wire.again(peer.reactor);
        Ok(())
    }

    fn fail(&mut self, reason: &str, peer: &mut Peer<'_, '_>) {
        peer.send(|line| self.receiver.fail(reason, line));
    }

    fn abandon(&mut self) -> Option<&mut FileWriter> {
        self.write_piece();
        self.writer.abandon(self.keeps);
        Some(&mut self.writer)
    }
}
