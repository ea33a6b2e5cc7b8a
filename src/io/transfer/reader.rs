//! The sender's thread: reads the files, and hashes what it reads.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};

use mio::Waker;

use super::super::sys;
use super::super::threads::Thread;
use super::{Hasher, PORTION, Piece, QUEUE, TAR, fill, modified};
use crate::error::{Error, Operation, cause};
use crate::transfer::{Checksum, Digest, Modified};
use crate::value::Address;

/// How long one wait for stdin takes, in milliseconds.
const WAIT: u16 = 60_000;

/// A file that is to be sent.
#[derive(Debug)]
pub struct SourceFile {
    file: File,
    /// `None` is stdin.
    path: Option<PathBuf>,
    /// Its size, if it is known.
    pub size: Option<u64>,
    /// When it was modified, if that is known.
    pub modified: Option<Modified>,
}

/// What is to be done with a file.
#[derive(Debug)]
pub enum Task {
    /// Whether it has this hash.
    Compare(SourceFile, Digest),
    /// Its bytes after the first ones, if these have this hash; otherwise all.
    Read {
        /// The file.
        file: SourceFile,
        /// The number of the first bytes, and their hash.
        have: Option<(u64, Digest)>,
        /// Whether it is hashed.
        checksum: Checksum,
    },
}

/// What the thread has done.
#[derive(Debug)]
pub enum Progress {
    /// The file of [`Task::Compare`]: its size and hash if it is the same.
    Compared(Option<(u64, Digest)>),
    /// Bytes from this offset on follow.
    Begins(u64),
    /// Bytes of the file. [`FileReader::give_back`] takes the buffer.
    Piece(Piece),
    /// All bytes were read.
    Ended {
        /// Their number.
        size: u64,
        /// Their hash.
        digest: Option<Digest>,
    },
    /// The file cannot be read, or has changed meanwhile.
    Failed(Error),
}

impl SourceFile {
    /// Opens a file that is to be sent.
    ///
    /// # Errors
    /// When it cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> Result<SourceFile, Error> {
        let fail = || Error::file(Operation::Open, path);
        let refuse = |why: &str| Err(fail()(io::Error::other(why)));
        // A pipe would not open before somebody writes to it.
        match std::fs::metadata(path).map_err(|error| fail()(or_address(error, path)))? {
            metadata if metadata.is_dir() => return refuse(&format!("it is a directory ({TAR})")),
            metadata if !metadata.is_file() => return refuse("it is no regular file (send - --name NAME < FILE)"),
            _ => {}
        }
        let file = File::open(path).map_err(fail())?;
        let metadata = file.metadata().map_err(fail())?;
        let (size, modified) = (Some(metadata.len()), Some(modified(&metadata)));
        Ok(SourceFile { file, path: Some(path.to_owned()), size, modified })
    }

    /// stdin, up to its end.
    ///
    /// # Errors
    /// When it is closed, or cannot be read.
    pub fn stdin() -> Result<SourceFile, Error> {
        let fail = || Error::local(Operation::Read, "stdin");
        if sys::was_closed(0) || !sys::is_readable(io::stdin().as_fd()) {
            return Err(fail()(io::Error::other("it is closed")));
        }
        let file = io::stdin().as_fd().try_clone_to_owned().map_err(fail())?.into();
        Ok(SourceFile { file, path: None, size: None, modified: None })
    }

    fn failed(&self, error: io::Error) -> Error {
        match &self.path {
            Some(path) => Error::file(Operation::Read, path)(error),
            None => Error::local(Operation::Read, "stdin")(error),
        }
    }

    /// Reads the next piece. It is empty at the end only.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.path.is_some() {
            return fill(&mut self.file, buf);
        }
        loop {
            match io::Read::read(&mut self.file, buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::wait_ready(self.file.as_fd(), false, WAIT)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Fails if the file has changed since it was opened.
    fn check_unchanged(&self) -> io::Result<()> {
        let Some(size) = self.size else { return Ok(()) };
        let metadata = self.file.metadata()?;
        let is_same = metadata.len() == size && self.modified == Some(modified(&metadata));
        if is_same { Ok(()) } else { Err(changed()) }
    }
}

/// The error, with a hint if the path is the address of a receiver: it would be an argument of `connect`.
fn or_address(error: io::Error, path: &Path) -> io::Error {
    let is_address = |text: &str| text.contains(':') && text.parse::<Address>().is_ok();
    match path.to_str() {
        Some(text) if error.kind() == io::ErrorKind::NotFound && is_address(text) => {
            io::Error::other(format!("{} (for an address: --to {text})", cause(&error)))
        }
        _ => error,
    }
}

fn changed() -> io::Error {
    io::Error::other("it has changed while it was sent")
}

/// The thread, as its event loop sees it.
#[derive(Debug)]
pub struct FileReader {
    tasks: Sender<Task>,
    progress: Receiver<Progress>,
    used: SyncSender<Piece>,
}

impl FileReader {
    /// Starts the thread, which wakes this loop.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(waker: Arc<Waker>) -> Result<FileReader, Error> {
        let (tasks, to_do) = channel();
        let (done, progress) = sync_channel(QUEUE);
        let (used, spare) = sync_channel(QUEUE + 1);
        let worker = Worker { done, spare, waker };
        // It is not waited for: it may read from a pipe to which nothing is written.
        Thread::start("reader", move || worker.run(to_do))
            .map_err(Error::local(Operation::Start, "the thread that reads files"))?;
        Ok(FileReader { tasks, progress, used })
    }

    /// Begins a task. The last one has ended.
    pub fn begin(&self, task: Task) {
        let _ = self.tasks.send(task); // it fails only if the thread has ended, which the next call reports
    }

    /// What was done since the last call; `None`: nothing yet.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        match self.progress.try_recv() {
            Ok(progress) => Some(progress),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let ended = io::Error::other("it has ended");
                Some(Progress::Failed(Error::local(Operation::Wait, "the thread that reads files")(ended)))
            }
        }
    }

    /// Takes the buffer of a piece that was sent.
    pub fn give_back(&self, piece: Piece) {
        let _ = self.used.try_send(piece.emptied()); // there are enough
    }
}

/// The thread.
#[derive(Debug)]
struct Worker {
    done: SyncSender<Progress>,
    spare: Receiver<Piece>,
    waker: Arc<Waker>,
}

/// The event loop has ended.
#[derive(Debug)]
struct Gone;

impl Worker {
    fn run(&self, tasks: Receiver<Task>) {
        for task in tasks {
            let done = match task {
                Task::Compare(file, digest) => self.compare(file, digest),
                Task::Read { file, have, checksum } => self.read(file, have, checksum),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn report(&self, progress: Progress) -> Result<(), Gone> {
        self.done.send(progress).map_err(|_| Gone)?;
        self.waker.wake().map_err(|_| Gone)
    }

    fn compare(&self, mut file: SourceFile, digest: Digest) -> Result<(), Gone> {
        let mut compare = || {
            let (size, mut hasher) = (file.size.unwrap_or(0), Hasher::default());
            let is_whole = hasher.read(&mut file.file, size)?;
            file.check_unchanged()?;
            Ok((is_whole && hasher.digest() == digest).then_some((size, digest)))
        };
        let compared = compare();
        self.report(compared.map_or_else(|error| Progress::Failed(file.failed(error)), Progress::Compared))
    }

    fn read(&self, mut file: SourceFile, have: Option<(u64, Digest)>, checksum: Checksum) -> Result<(), Gone> {
        let (offset, hasher) = match Self::position(&mut file, have) {
            Ok(position) => position,
            Err(error) => return self.report(Progress::Failed(file.failed(error))),
        };
        self.report(Progress::Begins(offset))?;
        let mut at = offset;
        let mut hasher = (checksum == Checksum::Sha256).then_some(hasher);
        loop {
            match self.read_piece(&mut file, at, hasher.as_mut()) {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => {
                    at += piece.bytes().len() as u64;
                    self.report(Progress::Piece(piece))?;
                }
                Err(error) => return self.report(Progress::Failed(file.failed(error))),
            }
        }
        if let Err(error) = file.check_unchanged() {
            return self.report(Progress::Failed(file.failed(error)));
        }
        self.report(Progress::Ended { size: at, digest: hasher.map(|hasher| hasher.digest()) })
    }

    /// Reads and hashes the bytes from this offset on. The piece is empty at the end only.
    fn read_piece(&self, file: &mut SourceFile, at: u64, mut hasher: Option<&mut Hasher>) -> io::Result<Piece> {
        let mut piece = self.spare.try_recv().unwrap_or_default();
        while !piece.is_full() {
            let left = file.size.map(|size| size.saturating_sub(at + piece.bytes().len() as u64));
            let left = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let room = piece.room();
            let most = room.len().min(PORTION).min(left);
            let read = file.read(&mut room[..most])?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&room[..read]);
            }
            piece.add(read);
            match file.size {
                Some(_) if read < most => return Err(changed()), // it was cut short
                Some(_) if left > read => {}
                // What stdin has is sent at once: the program that writes to it may be slow.
                _ => break,
            }
        }
        Ok(piece)
    }

    /// Where the reading begins: after the first bytes if they are the same, otherwise at 0.
    fn position(file: &mut SourceFile, have: Option<(u64, Digest)>) -> io::Result<(u64, Hasher)> {
        let mut hasher = Hasher::default();
        // stdin cannot be read twice.
        let Some((offset, digest)) = have.filter(|_| file.path.is_some()) else { return Ok((0, hasher)) };
        if hasher.read(&mut file.file, offset)? && hasher.digest() == digest {
            return Ok((offset, hasher));
        }
        file.file.seek(SeekFrom::Start(0))?;
        Ok((0, Hasher::default()))
    }
}
