//! The directory that files are received into. Every name is taken relative to its descriptor, and no symbolic link in
//! it is followed: whatever the names are and whoever writes to the directory, no file outside of it is touched.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, flock, fstat, fsync,
    futimens, linkat, open, openat, renameat, statat, unlinkat,
};
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;

use super::super::sys;
use crate::config::Overwrite;
use crate::error::{Error, Operation};
use crate::transfer::{FileName, Modified};

/// How often a partial file is opened again that another process has renamed or removed in between.
const ATTEMPTS: usize = 8;

/// The bytes after which the system is asked to write them to the disk.
const WRITE_OUT: u64 = 8 << 20;

/// A directory that files are received into.
#[derive(Debug)]
pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

/// What has the name of a file that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    /// Nothing.
    Nothing,
    /// A regular file.
    File {
        /// Its size.
        size: u64,
        /// When it was modified.
        modified: Modified,
    },
    /// Something that is never replaced.
    Other(&'static str),
}

/// A partial file, locked.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) file: File,
    name: OsString,
    /// The bytes that are in it.
    pub(super) size: u64,
    /// The first of them, which the system was asked to write to the disk.
    pub(super) written_out: u64,
}

impl Part {
    /// Has the system write to the disk while more bytes come: what is confirmed has to be there, and the last fsync(2)
    /// would else wait for all of it.
    pub(super) fn begin_write_out(&mut self) {
        let new = self.size.saturating_sub(self.written_out);
        if new >= WRITE_OUT {
            sys::begin_write_out(self.file.as_fd(), self.written_out, new);
            self.written_out = self.size;
        }
    }
}

/// Why there is no file.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The file is refused, for this reason; others may be received.
    File(String),
    /// This system failed.
    System(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::System(error)
    }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::File(reason.into()))
}

impl Directory {
    /// Opens the directory.
    ///
    /// # Errors
    /// When it is none, or cannot be opened.
    pub fn open(path: &Path) -> Result<Directory, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => io::Error::other("no such directory (create it with mkdir, or give another --dir)"),
            Errno::NOTDIR => io::Error::other("it is no directory (give another --dir)"),
            error => error.into(),
        });
        Ok(Directory { fd: fd.map_err(Error::file(Operation::Open, path))?, path: path.to_owned() })
    }

    /// The path of a file in it, for messages.
    pub(super) fn path(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// The error of a failed system call on a file in it.
    fn failed(&self, operation: Operation, name: &OsStr) -> impl Fn(Errno) -> Error + use<> {
        let path = self.path(name);
        move |error| Error::file(operation, &path)(error.into())
    }

    /// What has this name.
    pub(super) fn look(&self, name: &FileName) -> Result<Existing, Error> {
        let stat = match statat(&self.fd, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Existing::Nothing),
            Err(error) => return Err(self.failed(Operation::Open, name.as_os_str())(error)),
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                Existing::File { size: u64::try_from(stat.st_size).unwrap_or(0), modified: modified_of(&stat) }
            }
            FileType::Symlink => Existing::Other("a symbolic link of this name exists"),
            FileType::Directory => Existing::Other("a directory of this name exists"),
            _ => Existing::Other("a special file of this name exists"),
        })
    }

    /// Opens a regular file for reading.
    pub(super) fn read(&self, name: &FileName) -> Result<File, Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.fd, name.as_os_str(), flags, Mode::empty());
        opened.map(File::from).map_err(self.failed(Operation::Open, name.as_os_str()))
    }

    /// Opens the partial file of this name, or creates it, and locks it.
    pub(super) fn part(&self, name: &FileName) -> Result<Part, Refusal> {
        let part = OsString::from_vec(name.part());
        let fail = |operation| self.failed(operation, &part);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for _ in 0..ATTEMPTS {
            let fd = match openat(&self.fd, &part, flags, Mode::from_raw_mode(0o666)) {
                Ok(fd) => fd,
                Err(Errno::LOOP) => return refuse("its partial file is a symbolic link"),
                Err(Errno::ISDIR | Errno::NXIO) => return refuse("its partial file is no regular file"),
                Err(error) => return Err(fail(Operation::Create)(error).into()),
            };
            let stat = fstat(&fd).map_err(fail(Operation::Open))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return refuse("its partial file is no regular file");
            }
            // Somebody else could read or change what is received.
            if stat.st_uid != rustix::process::geteuid().as_raw() {
                return refuse("its partial file belongs to another user");
            }
            if stat.st_nlink > 1 {
                return refuse("its partial file has another name, too");
            }
            match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return refuse("another transfer of this name is running"),
                Err(error) => return Err(fail(Operation::Open)(error).into()),
            }
            // Another transfer may have renamed or removed it before it was locked here.
            if self.is_at(&part, &stat) {
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                return Ok(Part { file: fd.into(), name: part, size, written_out: size });
            }
        }
        refuse("its partial file changes all the time")
    }

    /// Whether the file of this status has this name.
    fn is_at(&self, name: &OsStr, stat: &Stat) -> bool {
        let found = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        found.is_ok_and(|found| (found.st_dev, found.st_ino) == (stat.st_dev, stat.st_ino))
    }

    /// Removes a partial file.
    pub(super) fn remove(&self, part: &Part) {
        let _ = unlinkat(&self.fd, &part.name, AtFlags::empty()); // it is only a rest
    }

    /// Gives a whole partial file its name, when all of it is on the disk.
    pub(super) fn finish(
        &self,
        part: &Part,
        name: &FileName,
        modified: Option<Modified>,
        overwrite: Overwrite,
    ) -> Result<(), Refusal> {
        let fail = |operation| self.failed(operation, name.as_os_str());
        if let Some(Modified { seconds, nanos }) = modified {
            let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
            // A file system that does not know this time keeps the present one.
            let _ = futimens(&part.file, &Timestamps { last_access, last_modification });
        }
        fsync(&part.file).map_err(fail(Operation::Write))?;
        let stat = fstat(&part.file).map_err(fail(Operation::Write))?;
        if !self.is_at(&part.name, &stat) {
            return refuse("its partial file was replaced");
        }
        match self.look(name)? {
            Existing::Other(what) => return refuse(what),
            Existing::File { modified: old, .. }
                if overwrite == Overwrite::Newer && modified.is_some_and(|new| new <= old) =>
            {
                return refuse("a newer file of this name exists by now");
            }
            _ => {}
        }
        let renamed = match overwrite {
            Overwrite::Never => self.rename_to_new(part, name),
            Overwrite::Newer | Overwrite::Always => renameat(&self.fd, &part.name, &self.fd, name.as_os_str()),
        };
        match renamed {
            Ok(()) => {}
            Err(Errno::EXIST) => return refuse("a file of this name exists by now"),
            Err(Errno::ISDIR) => return refuse("a directory of this name exists"),
            Err(error) => return Err(fail(Operation::Rename)(error).into()),
        }
        fsync(&self.fd).map_err(fail(Operation::Write))?;
        Ok(())
    }

    /// Renames it unless the name exists; in two steps where the system or the file system cannot do it in one.
    fn rename_to_new(&self, part: &Part, name: &FileName) -> rustix::io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        match renameat_with(&self.fd, &part.name, &self.fd, name.as_os_str(), RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done,
        }
        linkat(&self.fd, &part.name, &self.fd, name.as_os_str(), AtFlags::empty())?;
        unlinkat(&self.fd, &part.name, AtFlags::empty())
    }
}

fn modified_of(stat: &Stat) -> Modified {
    Modified { seconds: stat.st_mtime, nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) }
}
