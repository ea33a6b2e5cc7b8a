//! `secretcat send`: sends files, until the receiver has confirmed each.

use std::collections::VecDeque;

use super::exchange::{self, STEPS, Side};
use super::meeting;
use super::peer::Peer;
use crate::config::{SendConfig, SentFile};
use crate::error::Error;
use crate::io::transfer::{FileReader, FileWriter, Piece, Progress, SourceFile, Task};
use crate::session::Context;
use crate::transfer::{Checksum, Digest, LONGEST, Offer, Role, Sender, SenderEvent};

/// Sends the files.
///
/// # Errors
/// When a file cannot be read, the connection fails, or the receiver does not confirm a file.
pub fn run(config: &SendConfig, context: &Context) -> Result<(), Error> {
    // A file that is missing is an error before anything is sent.
    for file in &config.files {
        open(file)?;
    }
    meeting::run(&config.link, Role::Send, context, |peer| {
        let sending = Sending {
            checksum: config.checksum,
            sender: Sender::new(),
            reader: FileReader::start(peer.reactor.waker())?,
            files: config.files.iter().collect(),
            current: None,
            piece: None,
        };
        exchange::run(sending, peer)
    })
}

fn open(file: &SentFile) -> Result<SourceFile, Error> {
    file.path.as_deref().map_or_else(SourceFile::stdin, SourceFile::open)
}

struct Sending<'a> {
    checksum: Checksum,
    sender: Sender,
    reader: FileReader,
    /// Those that were not offered yet.
    files: VecDeque<&'a SentFile>,
    current: Option<Current>,
    /// The piece of it that is sent, and the number of its bytes that are.
    piece: Option<(Piece, usize)>,
}

/// The file that is offered or sent.
struct Current {
    /// Until it is read.
    source: Option<SourceFile>,
    size: Option<u64>,
    /// What was confirmed with its last line.
    facts: (u64, Option<Digest>),
}

impl Sending<'_> {
    /// Takes bytes of the receiver.
    fn take(&mut self, mut bytes: &[u8], peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        while let Some(event) = self.sender.pull(&mut bytes).map_err(|violation| peer.violated(&violation))? {
            self.on(event, peer)?;
        }
        Ok(())
    }

    fn on(&mut self, event: SenderEvent, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        match event {
            SenderEvent::Have { offset, digest } => {
                let (have, checksum) = (digest.map(|digest| (offset, digest)), self.checksum);
                self.begin(|file| Task::Read { file, have, checksum });
                return Ok(());
            }
            SenderEvent::Exists(digest) => {
                self.begin(|file| Task::Compare(file, digest));
                return Ok(());
            }
            SenderEvent::Ended => {
                peer.is_over = true;
                return Ok(());
            }
            SenderEvent::Failed(reason) => return Err(peer.ended_by_peer(&reason)),
            SenderEvent::Ready => peer.has_begun = true,
            SenderEvent::Saved => {
                let (size, digest) = self.current.as_ref().map_or((0, None), |current| current.facts);
                peer.saved(size, digest);
            }
            SenderEvent::Skipped(reason) => peer.skipped(&reason),
            SenderEvent::Refused(reason) => peer.refused(&reason),
        }
        self.current = None;
        self.offer_next(peer);
        Ok(())
    }

    /// Has the thread read the file that is offered.
    fn begin(&mut self, task: impl FnOnce(SourceFile) -> Task) {
        if let Some(file) = self.current.as_mut().and_then(|current| current.source.take()) {
            self.reader.begin(task(file));
        }
    }

    /// Offers the next file that can be opened, or sends the end.
    fn offer_next(&mut self, peer: &mut Peer<'_, '_>) {
        let (file, source) = loop {
            let Some(file) = self.files.pop_front() else {
                peer.send(|line| self.sender.end(line));
                return;
            };
            match open(file) {
                Ok(source) => break (file, source),
                Err(error) => peer.cannot_open(error),
            }
        };
        let (size, modified, checksum) = (source.size, source.modified, self.checksum);
        let offer = Offer { name: file.name.clone(), size, modified, checksum };
        peer.send(|line| self.sender.offer(&offer, line));
        peer.offered(&file.name);
        self.current = Some(Current { source: Some(source), size, facts: (0, None) });
    }

    fn on_progress(&mut self, progress: Progress, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let sender = &mut self.sender;
        match progress {
            Progress::Compared(Some((size, digest))) => {
                current.facts = (size, Some(digest));
                peer.send(|line| sender.complete(size, Some(digest), line));
            }
            Progress::Compared(None) => peer.send(|line| sender.differ(line)),
            Progress::Begins(offset) => {
                peer.send(|line| sender.begin(offset, line));
                peer.begin_bytes(current.size, offset);
            }
            Progress::Piece(piece) => {
                let count = piece.bytes().len();
                peer.send(|line| sender.chunk(count, line));
                peer.meter.add(count);
                self.piece = Some((piece, 0));
                self.send_piece(peer);
            }
            Progress::Ended { size, digest } => {
                peer.meter.end();
                current.facts = (size, digest);
                peer.send(|line| sender.complete(size, digest, line));
            }
            Progress::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends the rest of the piece, as far as the kernel takes it.
    fn send_piece(&mut self, peer: &mut Peer<'_, '_>) {
        if let Some((piece, mut sent)) = self.piece.take() {
            sent += peer.wire.send_first(&piece.bytes()[sent..]);
            if sent < piece.bytes().len() {
                self.piece = Some((piece, sent));
            } else {
                self.reader.give_back(piece);
            }
        }
    }
}

impl Side for Sending<'_> {
    fn greet(&self, line: &mut Vec<u8>) {
        self.sender.greet(line);
    }

    fn advance(&mut self, peer: &mut Peer<'_, '_>) -> Result<(), Error> {
        let received = std::mem::take(&mut peer.received);
        self.take(&received, peer)?;
        let mut buf = [0; LONGEST];
        for _ in 0..STEPS {
            let read = peer.read(&mut buf)?;
            self.take(&buf[..read], peer)?;
            if peer.is_over {
                return Ok(());
            }
            self.send_piece(peer);
            let is_free = self.piece.is_none() && peer.wire.is_free();
            let progress = if is_free { self.reader.progress() } else { None };
            let has_sent = progress.is_some();
            progress.map_or(Ok(()), |progress| self.on_progress(progress, peer))?;
            peer.wire.flush(peer.reactor);
            if read == 0 && !has_sent {
                return Ok(());
            }
        }
        peer.wire.again(peer.reactor);
        Ok(())
    }

    /// After the rest of the chunk that is sent.
    fn fail(&mut self, reason: &str, peer: &mut Peer<'_, '_>) {
        if let Some((piece, sent)) = self.piece.take() {
            peer.wire.send(&piece.bytes()[sent..]);
        }
        peer.send(|line| self.sender.fail(reason, line));
    }

    fn abandon(&mut self) -> Option<&mut FileWriter> {
        None
    }
}
