//! The bytes of the application, in both directions of each connection: `--hex` and `--dump`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::config::Output;
use crate::error::{Error, Operation, shown_path};
use crate::io::report::Report;
use crate::trace::{ConnId, Direction, hex_lines};

/// The largest number of files of a dump that are open at once.
const OPEN: usize = 64;

/// Where the bytes of the application go.
#[derive(Debug)]
pub(super) struct Passed {
    report: Report,
    /// Whether they are printed.
    hex: bool,
    dump: Option<Dump>,
    /// The bytes so far, of each direction of the open connections.
    offsets: BTreeMap<Stream, u64>,
}

/// One direction of a connection: `true` is from us to the peer.
type Stream = (ConnId, bool);

/// The files of a dump.
#[derive(Debug)]
struct Dump {
    dir: PathBuf,
    /// The files that are open, the oldest first by the time of opening.
    open: Vec<(Stream, File)>,
    /// The files that exist, of open connections.
    created: BTreeSet<Stream>,
    /// What has failed; after that nothing is written.
    failed: Option<Error>,
}

impl Passed {
    /// Creates the directory of the dump, if there is one; `None` if no output has these bytes.
    pub(super) fn start(output: &Output, report: &Report) -> Result<Option<Passed>, Error> {
        let dump = output.dump.as_deref().map(Dump::create).transpose()?;
        let is_on = output.hex || dump.is_some();
        let passed = || Passed { report: report.clone(), hex: output.hex, dump, offsets: BTreeMap::new() };
        Ok(is_on.then(passed))
    }

    /// Notes bytes that follow those before in this direction.
    pub(super) fn note(&mut self, conn: ConnId, dir: Direction, bytes: &[u8]) {
        let stream = (conn, dir == Direction::Out);
        let offset = self.offsets.entry(stream).or_default();
        if self.hex {
            hex_lines(conn, dir, *offset, bytes).for_each(|line| self.report.data(&line));
        }
        *offset += bytes.len() as u64;
        if let Some(dump) = self.dump.as_mut().filter(|dump| dump.failed.is_none()) {
            if let Err(error) = dump.write(stream, bytes) {
                let path = dump.path(stream);
                let error = Error::file(Operation::Write, &path)(error);
                self.report.warning(&format!("{error}; nothing more is dumped"));
                dump.failed = Some(error);
            }
        }
    }

    /// A connection has ended.
    pub(super) fn close(&mut self, conn: ConnId) {
        for stream in [(conn, false), (conn, true)] {
            self.offsets.remove(&stream);
            if let Some(dump) = &mut self.dump {
                dump.created.remove(&stream);
                dump.open.retain(|(other, _)| *other != stream);
            }
        }
    }

    /// Whether everything was written.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.dump.and_then(|dump| dump.failed).map_or(Ok(()), Err)
    }
}

impl Dump {
    /// Creates the directory, which only its owner can read, or takes an empty one.
    fn create(dir: &Path) -> Result<Dump, Error> {
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let entries = dir.read_dir().map_err(|error| match error.kind() {
                    ErrorKind::NotADirectory => io::Error::other("not a directory (name a new or empty one)"),
                    _ => error,
                });
                let mut entries = entries.map_err(Error::file(Operation::Create, dir))?;
                if entries.next().is_some() {
                    let dir = shown_path(dir);
                    return Err(Error::Usage(format!("--dump {dir}: not empty, and each run needs its own directory")));
                }
            }
            created => created.map_err(Error::file(Operation::Create, dir))?,
        }
        Ok(Dump { dir: dir.to_owned(), open: Vec::new(), created: BTreeSet::new(), failed: None })
    }

    /// `1-out`: the names have nothing from a peer.
    fn path(&self, (conn, is_out): Stream) -> PathBuf {
        self.dir.join(format!("{conn}-{}", if is_out { "out" } else { "in" }))
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, file)) = self.open.iter_mut().find(|(other, _)| *other == stream) {
            return file.write_all(bytes);
        }
        // A new file, and never one that a symbolic link names.
        let is_new = self.created.insert(stream);
        let mut options = OpenOptions::new();
        options.append(true).create_new(is_new).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let mut file = options.open(self.path(stream))?;
        file.write_all(bytes)?;
        if self.open.len() == OPEN {
            self.open.remove(0);
        }
        self.open.push((stream, file));
        Ok(())
    }
}
