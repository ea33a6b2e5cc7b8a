//! The files that a run writes: how they are created and filled. No two of them are the same one.

use std::borrow::Cow;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::files::Privacy;
use super::sys;
use crate::error::{Error, Operation};

/// The number of bytes that wait for the reader of a pipe. With more, the output ends.
const LARGEST: usize = 4 << 20;
/// How many milliseconds the end of the run waits for the reader of a pipe to read on.
const LAST_WAIT: u16 = 1000;
/// The largest buffer that is kept.
const KEPT: usize = 128 * 1024;

/// The most symbolic links that are followed, as in Linux (`path_resolution(7)`).
const LINKS: usize = 40;

/// Opens a file to write it, and creates it if it is missing. A named pipe must have a reader.
///
/// # Errors
/// When it cannot be opened: the operation is to create the file, whether it exists or not.
pub(in crate::io) fn open(options: &mut OpenOptions, path: &Path) -> Result<File, Error> {
    if fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo()) {
        options.custom_flags(libc::O_NONBLOCK); // without a reader the open fails, and a write never waits
    }
    let file = options.create(true).open(path).map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => io::Error::other("no process reads this pipe (start its reader first)"),
        _ => error,
    });
    file.map_err(Error::file(Operation::Create, path))
}

/// A new file, which is created before its content is known, so that a path that cannot be written is an error before the
/// work begins. What cannot be written is reported at the end. A named pipe whose reader does not read is not waited for.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    path: PathBuf,
    is_pipe: bool,
    /// The bytes that are not written yet.
    pending: Vec<u8>,
    /// The error that has ended it.
    failed: Option<io::Error>,
}

impl OutputFile {
    /// Creates the file, or empties an older one.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path, privacy: Privacy) -> Result<OutputFile, Error> {
        let mode = if privacy == Privacy::Private { 0o600 } else { 0o666 };
        OutputFile::open(path, OpenOptions::new().write(true).truncate(true).mode(mode))
    }

    /// Opens the file to append to it, or creates it; only its owner can read a new one.
    ///
    /// # Errors
    /// When it cannot be opened.
    #[cfg(feature = "tls")]
    pub(in crate::io) fn append(path: &Path) -> Result<OutputFile, Error> {
        OutputFile::open(path, OpenOptions::new().append(true).mode(0o600))
    }

    fn open(path: &Path, options: &mut OpenOptions) -> Result<OutputFile, Error> {
        let file = open(options, path)?;
        let is_pipe = file.metadata().is_ok_and(|data| data.file_type().is_fifo());
        Ok(OutputFile { file, path: path.to_owned(), is_pipe, pending: Vec::new(), failed: None })
    }

    /// Its path.
    pub(in crate::io) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on nobody else may read the file.
    ///
    /// # Errors
    /// When an older file can be read by others, and that cannot be changed.
    pub(in crate::io) fn make_private(&self) -> Result<(), Error> {
        let fail = || Error::file(Operation::Write, &self.path);
        let mut permissions = self.file.metadata().map_err(fail())?.permissions();
        if !self.is_pipe && permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            self.file.set_permissions(permissions).map_err(fail())?;
        }
        Ok(())
    }

    /// Adds the bytes that `fill` appends, and writes them when there are at least `block`; to a pipe at once. Returns
    /// the error that ends the output, when it occurs: from then on nothing is added.
    pub(in crate::io) fn add(&mut self, block: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Option<Error> {
        if self.failed.is_some() {
            return None;
        }
        fill(&mut self.pending);
        if self.pending.len() < if self.is_pipe { 1 } else { block } {
            return None;
        }
        self.write();
        if self.pending.len() > LARGEST {
            self.fail(io::Error::other("its reader does not keep up"));
        }
        let error = self.failed.as_ref()?;
        let copy =
            error.raw_os_error().map_or_else(|| io::Error::other(error.to_string()), io::Error::from_raw_os_error);
        Some(Error::file(Operation::Write, &self.path)(copy))
    }

    /// Writes what it can without waiting.
    fn write(&mut self) {
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(n) => drop(self.pending.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.fail(error),
            }
        }
        self.pending.shrink_to(KEPT);
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
        self.pending = Vec::new();
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// When not everything was written.
    pub fn finish(mut self) -> Result<(), Error> {
        loop {
            self.write();
            if self.pending.is_empty() {
                return self.failed.map_or(Ok(()), |error| Err(Error::file(Operation::Write, &self.path)(error)));
            }
            match sys::wait_ready(self.file.as_fd(), true, LAST_WAIT) {
                Ok(true) => {}
                Ok(false) => self.fail(io::Error::other("its reader does not read")),
                Err(error) => self.fail(error),
            }
        }
    }

    /// Writes its whole content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_all(mut self, content: &str) -> Result<(), Error> {
        self.pending.extend_from_slice(content.as_bytes());
        self.finish()
    }
}

/// What a name means: two names are of the same file if these are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// A file that exists: its device and inode.
    File(u64, u64),
    /// A file that is to be created: the device and inode of its directory, and its name there.
    New(u64, u64, PathBuf),
}

/// A file that a run uses.
#[derive(Clone, Debug)]
pub struct UsedFile<'a> {
    /// What an error calls it.
    pub name: &'static str,
    /// The option or variable that gives its name; `None` for a file that is only read.
    pub output: Option<&'static str>,
    /// Its path.
    pub path: Cow<'a, Path>,
}

/// The file that the secrets of TLS are appended to without an option, as in browsers and curl.
#[must_use]
pub fn keylog_of_environment() -> Option<PathBuf> {
    std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Refuses two outputs that have the same file, and an output to the file of a standard stream, or to one that is read:
/// each would overwrite the other. Devices such as `/dev/null` may have several outputs. A pipe on stdout may have an
/// output, unless stdout `has_replies`.
///
/// # Errors
/// Names the two.
pub fn check_distinct(files: &[UsedFile<'_>], has_replies: bool) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let streams = [
        ("stdin", true, of_stream(io::stdin(), false)),
        ("stdout", false, of_stream(io::stdout(), has_replies)),
        ("stderr", false, of_stream(io::stderr(), false)),
    ];
    let mut seen: Vec<(&str, bool, Meaning)> =
        streams.into_iter().filter_map(|(name, is_read, meaning)| Some((name, is_read, meaning?))).collect();
    for UsedFile { name, output, path } in files {
        let Some(meaning) = meaning(path, LINKS) else { continue };
        let is_read = output.is_none();
        let collides = |(other, other_is_read, same): &&(&str, bool, Meaning)| {
            *same == meaning && other != name && !(is_read && *other_is_read)
        };
        match seen.iter().find(collides) {
            Some((other, ..)) => {
                let hint = output.map_or_else(
                    || format!("redirect {other} to another one"),
                    |option| format!("name another one with {option}"),
                );
                return Err(Error::Usage(format!("{other} and {name} are the same file: {hint}")));
            }
            None => seen.push((name, is_read, meaning)),
        }
    }
    Ok(())
}

/// The file of a standard stream, if it is a regular one, or a pipe where that matters.
fn of_stream(stream: impl AsFd, with_pipes: bool) -> Option<Meaning> {
    let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
    let data = file.metadata().ok()?;
    (data.is_file() || with_pipes && data.file_type().is_fifo()).then(|| of_file(&data))
}

fn of_file(data: &Metadata) -> Meaning {
    Meaning::File(data.dev(), data.ino())
}

/// What a name means; `None` for a device, and for a name whose directory does not exist.
fn meaning(path: &Path, links: usize) -> Option<Meaning> {
    match fs::metadata(path) {
        Ok(data) => (!data.file_type().is_char_device()).then(|| of_file(&data)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            // A symbolic link to nothing: its target is created.
            if let Ok(target) = fs::read_link(path) {
                return meaning(&parent.join(target), links.checked_sub(1)?);
            }
            let directory = fs::metadata(parent).ok()?;
            Some(Meaning::New(directory.dev(), directory.ino(), path.file_name()?.into()))
        }
        Err(_) => None,
    }
}
