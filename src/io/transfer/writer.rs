//! The receiver's threads: one hashes what is received, the next one writes it.

use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use mio::Waker;

use super::super::threads::Thread;
use super::directory::{Directory, Existing, Part, Refusal};
use super::{Hasher, Piece, QUEUE};
use crate::config::Overwrite;
use crate::error::{Error, Operation};
use crate::transfer::{Digest, FileName, Offer};

/// The reason for which a file is refused whose name is taken.
const EXISTS: &str = "a file of this name exists (--overwrite replaces it)";

/// What the threads answer.
#[derive(Debug)]
pub enum Answer {
    /// The first bytes of the file that is offered are there, if any.
    Have {
        /// Their number.
        offset: u64,
        /// Their hash.
        hasher: Hasher,
    },
    /// A file of this name and size is there.
    Exists(Digest),
    /// The file is not wanted.
    Skip(&'static str),
    /// The file cannot be taken.
    Refuse(String),
    /// The file is whole, and has its name.
    Saved(Option<Digest>),
    /// A piece was written.
    Written,
    /// What had come of an incomplete file is written.
    Kept(Option<Kept>),
    /// This system failed.
    Failed(Error),
}

/// What is kept of an incomplete file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The name of the file.
    pub name: FileName,
    /// The bytes that are there.
    pub size: u64,
}

/// What the threads are to do.
#[derive(Debug)]
enum Task {
    Offer(Offer),
    Begin {
        offset: u64,
        hasher: Option<Hasher>,
    },
    Piece(Piece),
    Complete {
        announced: Option<Digest>,
        computed: Option<Digest>,
    },
    Differs,
    /// What came of the file is kept, or removed.
    Abandon {
        keeps: bool,
    },
}

/// The threads, as their event loop sees them.
#[derive(Debug)]
pub struct FileWriter {
    tasks: Sender<Task>,
    answers: Receiver<Answer>,
    spare: Receiver<Piece>,
    /// The pieces that are not written yet.
    waiting: usize,
}

impl FileWriter {
    /// Starts the threads, which wake this loop.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start(directory: Arc<Directory>, overwrite: Overwrite, waker: Arc<Waker>) -> Result<FileWriter, Error> {
        let (tasks, to_hash) = channel();
        let (hashed, to_write) = channel();
        let (answering, answers) = channel();
        let (used, spare) = channel();
        let fail = || Error::local(Operation::Start, "the threads that write files");
        let worker = Worker { directory, overwrite, answers: answering, used, waker, current: None };
        Thread::start("hash", move || hash(to_hash, &hashed)).map_err(fail())?;
        Thread::start("writer", move || worker.run(to_write)).map_err(fail())?;
        Ok(FileWriter { tasks, answers, spare, waiting: 0 })
    }

    fn begin(&self, task: Task) {
        let _ = self.tasks.send(task); // it fails only if a thread has ended, which the next answer reports
    }

    /// Looks for the file that is offered. [`Answer::Have`], `Exists`, `Skip` or `Refuse` follows.
    pub fn offer(&self, offer: Offer) {
        self.begin(Task::Offer(offer));
    }

    /// Bytes from this offset on follow: 0, or that of [`Answer::Have`]. `hasher` has hashed those before, and hashes
    /// these too; with `None` they are not hashed.
    pub fn begin_at(&self, offset: u64, hasher: Option<Hasher>) {
        self.begin(Task::Begin { offset, hasher });
    }

    /// Takes bytes of the file. There is [room](Self::has_room) for them.
    pub fn write(&mut self, piece: Piece) {
        self.waiting += 1;
        self.begin(Task::Piece(piece));
    }

    /// Whether another piece is taken.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.waiting < QUEUE
    }

    /// An empty buffer for a piece.
    #[must_use]
    pub fn buffer(&self) -> Piece {
        self.spare.try_recv().unwrap_or_default()
    }

    /// All bytes of the file came. [`Answer::Saved`] or `Refuse` follows.
    pub fn complete(&self, announced: Option<Digest>) {
        self.begin(Task::Complete { announced, computed: None });
    }

    /// The file of [`Answer::Exists`] is another one. [`Answer::Refuse`] follows.
    pub fn differs(&self) {
        self.begin(Task::Differs);
    }

    /// No more bytes come; those that have come are kept or removed. [`Answer::Kept`] follows when everything is written.
    pub fn abandon(&self, keeps: bool) {
        self.begin(Task::Abandon { keeps });
    }

    /// What was answered since the last call; `None`: nothing yet.
    pub fn answer(&mut self) -> Option<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => {
                if matches!(answer, Answer::Written) {
                    self.waiting -= 1;
                }
                Some(answer)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let ended = std::io::Error::other("they have ended");
                Some(Answer::Failed(Error::local(Operation::Wait, "the threads that write files")(ended)))
            }
        }
    }
}

/// The thread that hashes: passes everything on in order.
fn hash(tasks: Receiver<Task>, next: &Sender<Task>) {
    let mut hasher = None;
    for mut task in tasks {
        match &mut task {
            Task::Offer(_) | Task::Differs | Task::Abandon { .. } => hasher = None,
            Task::Begin { hasher: state, .. } => hasher = state.take(),
            Task::Piece(piece) => {
                if let Some(hasher) = &mut hasher {
                    hasher.update(piece.bytes());
                }
            }
            Task::Complete { announced, computed } => {
                // Without a hash of the sender there is nothing to compare.
                *computed = hasher.take().filter(|_| announced.is_some()).map(|hasher| hasher.digest());
            }
        }
        if next.send(task).is_err() {
            return;
        }
    }
}

/// The thread that writes.
#[derive(Debug)]
struct Worker {
    directory: Arc<Directory>,
    overwrite: Overwrite,
    answers: Sender<Answer>,
    used: Sender<Piece>,
    waker: Arc<Waker>,
    current: Option<Current>,
}

/// The file that is received.
#[derive(Debug)]
struct Current {
    offer: Offer,
    /// `None`: a file that exists is compared.
    part: Option<Part>,
    /// Writing has failed: what still comes is dropped.
    has_failed: bool,
}

impl Worker {
    fn run(mut self, tasks: Receiver<Task>) {
        for task in tasks {
            let answer = match self.perform(task) {
                Ok(Some(answer)) => answer,
                Ok(None) => continue,
                Err(Refusal::File(reason)) => Answer::Refuse(reason),
                Err(Refusal::System(error)) => {
                    if let Some(current) = &mut self.current {
                        current.has_failed = true;
                    }
                    Answer::Failed(error)
                }
            };
            if self.answers.send(answer).is_err() || self.waker.wake().is_err() {
                return; // the loop has ended
            }
        }
    }

    fn perform(&mut self, task: Task) -> Result<Option<Answer>, Refusal> {
        match task {
            Task::Offer(offer) => self.look_for(offer).map(Some),
            Task::Begin { offset, .. } => self.position(offset).map(|()| None),
            Task::Piece(piece) => self.write(piece).map(Some),
            // The failure of a write is answered. The rest may have come before the loop has seen it.
            Task::Complete { .. } if self.current.as_ref().is_some_and(|current| current.has_failed) => Ok(None),
            Task::Complete { announced, computed } => self.complete(announced, computed).map(Some),
            Task::Differs => {
                self.current = None;
                Ok(Some(Answer::Refuse(EXISTS.to_owned())))
            }
            Task::Abandon { keeps } => {
                let kept = self.current.take().and_then(|current| self.keep(current, keeps));
                Ok(Some(Answer::Kept(kept)))
            }
        }
    }

    /// What is there of the file that is offered.
    fn look_for(&mut self, offer: Offer) -> Result<Answer, Refusal> {
        match (self.directory.look(&offer.name)?, self.overwrite) {
            (Existing::Other(what), _) => return Ok(Answer::Refuse(what.to_owned())),
            (Existing::File { size, .. }, Overwrite::Never) => {
                if offer.size != Some(size) {
                    return Ok(Answer::Refuse(EXISTS.to_owned()));
                }
                let path = self.directory.path(offer.name.as_os_str());
                let (mut file, mut hasher) = (self.directory.read(&offer.name)?, Hasher::default());
                hasher.read(&mut file, size).map_err(Error::file(Operation::Read, &path))?;
                self.current = Some(Current { offer, part: None, has_failed: false });
                return Ok(Answer::Exists(hasher.digest()));
            }
            (Existing::File { modified, .. }, Overwrite::Newer)
                if offer.modified.is_some_and(|new| new <= modified) =>
            {
                return Ok(Answer::Skip("the file there is as new"));
            }
            _ => {}
        }
        let mut part = self.directory.part(&offer.name)?;
        let mut hasher = Hasher::default();
        let mut offset = if offer.size.is_some_and(|size| part.size <= size) { part.size } else { 0 };
        let path = self.directory.path(offer.name.as_os_str());
        if !hasher.read(&mut part.file, offset).map_err(Error::file(Operation::Read, &path))? {
            (offset, hasher) = (0, Hasher::default()); // it was cut short
        }
        self.current = Some(Current { offer, part: Some(part), has_failed: false });
        Ok(Answer::Have { offset, hasher })
    }

    /// The path of the file that is received, and its partial file.
    fn part(&mut self) -> Option<(std::path::PathBuf, &mut Part)> {
        let current = self.current.as_mut().filter(|current| !current.has_failed)?;
        let path = self.directory.path(current.offer.name.as_os_str());
        Some((path, current.part.as_mut()?))
    }

    /// Keeps the first bytes, and drops the others.
    fn position(&mut self, offset: u64) -> Result<(), Refusal> {
        let Some((path, part)) = self.part() else { return Ok(()) };
        let positioned = part.file.set_len(offset).and_then(|()| part.file.seek(SeekFrom::Start(offset)));
        part.size = positioned.map_err(Error::file(Operation::Write, &path))?;
        part.written_out = part.size;
        Ok(())
    }

    fn write(&mut self, piece: Piece) -> Result<Answer, Refusal> {
        let mut written = Ok(());
        if let Some((path, part)) = self.part() {
            // Part of it may be written where all of it is not.
            let mut rest = piece.bytes();
            while !rest.is_empty() && written.is_ok() {
                match part.file.write(rest) {
                    Ok(n) => (rest, part.size) = (&rest[n..], part.size + n as u64),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => written = Err(Error::file(Operation::Write, &path)(error)),
                }
            }
            if written.is_ok() {
                part.begin_write_out();
            }
        }
        let _ = self.used.send(piece.emptied()); // it fails only if the loop has ended
        written?;
        Ok(Answer::Written)
    }

    fn complete(&mut self, announced: Option<Digest>, computed: Option<Digest>) -> Result<Answer, Refusal> {
        let Some(Current { offer, part, .. }) = self.current.take() else { return Ok(Answer::Saved(None)) };
        // Of a file that exists, the sender has compared the hash.
        let Some(part) = part else { return Ok(Answer::Saved(announced)) };
        if announced != computed {
            self.directory.remove(&part);
            return Ok(Answer::Refuse("the checksum does not match: what came is not what was sent".to_owned()));
        }
        self.directory.finish(&part, &offer.name, offer.modified, self.overwrite)?;
        Ok(Answer::Saved(announced))
    }

    /// Leaves what has come of a file, or removes it; nothing is left of a file of which nothing came.
    fn keep(&self, current: Current, keeps: bool) -> Option<Kept> {
        let part = current.part?;
        if part.size == 0 || !keeps {
            self.directory.remove(&part);
            return None;
        }
        Some(Kept { name: current.offer.name, size: part.size })
    }
}
