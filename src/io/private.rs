//! Files that only their owner may read: users and passwords. They are replaced as a whole, so that a reader finds the
//! old content or the new one.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::auth::{Password, Users};
use crate::error::{Error, Operation, shown_path};

/// The permissions of a new file.
const PRIVATE: u32 = 0o600;
/// The permissions of the group and of others.
const OTHERS: u32 = 0o077;

/// Reads a file of at most `limit` bytes that only its owner may read or write.
///
/// # Errors
/// When it cannot be read, is longer, or other users may read or write it.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(Error::file(Operation::Open, path))?;
    let metadata = file.metadata().map_err(Error::file(Operation::Read, path))?;
    if metadata.is_dir() {
        return Err(Error::file(Operation::Read, path)(io::ErrorKind::IsADirectory.into()));
    }
    let shown = shown_path(path);
    if metadata.mode() & OTHERS != 0 {
        return Err(Error::Usage(format!("{shown}: other users may read or write it (chmod 600 makes it private)")));
    }
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(Error::file(Operation::Read, path))?;
    if bytes.len() > limit {
        return Err(Error::Usage(format!("{shown}: has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads the users of a file.
///
/// # Errors
/// When it cannot be read, is not private, or has a line that is wrong.
pub fn read_users(path: &Path) -> Result<Users, Error> {
    let content = read(path, Users::MAX_FILE)?;
    Users::parse(&content).map_err(|error| Error::Usage(format!("{}:{error}", shown_path(path))))
}

/// Reads a password, which is the one line of a file.
///
/// # Errors
/// When it cannot be read, is not private, or has no password. The error shows nothing of the content.
pub fn read_password(path: &Path) -> Result<Password, Error> {
    let content = Zeroizing::new(read(path, Password::MAX_FILE)?);
    Password::of_line(&content).map_err(|error| Error::Usage(format!("{}: {error}", shown_path(path))))
}

/// Reads a password, which is the first line of stdin.
///
/// # Errors
/// When it cannot be read, or is no password.
pub fn read_password_of_stdin() -> Result<Password, Error> {
    let mut line = Zeroizing::new(Vec::with_capacity(Password::MAX_FILE + 1));
    let mut stdin = io::stdin().lock().take(Password::MAX_FILE as u64 + 1);
    io::BufRead::read_until(&mut stdin, b'\n', &mut line).map_err(Error::local(Operation::Read, "stdin"))?;
    Password::of_line(&line).map_err(|error| Error::Usage(format!("stdin: {error}")))
}

/// A private file that is about to be replaced. No other process replaces it meanwhile.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    /// The new file beside it, whose existence is the lock.
    new: PathBuf,
    file: File,
    /// The content of the old file; `None` if there is none.
    old: Option<Vec<u8>>,
    is_done: bool,
}

impl Replacement {
    /// Begins to replace a file; it need not exist.
    ///
    /// # Errors
    /// When the old one cannot be read or is not private, or the new one cannot be created.
    pub fn begin(path: &Path, limit: usize) -> Result<Self, Error> {
        // A symbolic link stays one.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        // A pipe would be waited for, and a device would be replaced.
        if std::fs::metadata(&path).is_ok_and(|old| !old.is_file() && !old.is_dir()) {
            return Err(Error::Usage(format!("{}: not a regular file", shown_path(&path))));
        }
        let name = path.file_name().map(|name| [b".", name.as_bytes(), b".new"].concat());
        let name = name.ok_or_else(|| Error::Usage(format!("{}: not the name of a file", shown_path(&path))))?;
        let new = path.with_file_name(OsStr::from_bytes(&name));
        let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Usage(format!(
                "create {}: it exists: another secretcat passwd is running, or was killed (then remove it)",
                shown_path(&new)
            )),
            _ => Error::file(Operation::Create, &new)(error),
        })?;
        let mut replacement = Replacement { path, new, file, old: None, is_done: false };
        replacement.old = match read(&replacement.path, limit) {
            Ok(content) => Some(content),
            Err(Error::Local { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(replacement)
    }

    /// The old content; empty if there is no file yet.
    #[must_use]
    pub fn old(&self) -> &[u8] {
        self.old.as_deref().unwrap_or_default()
    }

    /// Replaces the file by one with this content. It is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written. The old file is unchanged then.
    pub fn finish(mut self, content: &[u8]) -> Result<(), Error> {
        let failed = |operation| Error::file(operation, &self.new);
        self.file.write_all(content).map_err(failed(Operation::Write))?;
        if self.old.is_some() {
            let old = std::fs::metadata(&self.path).map_err(Error::file(Operation::Read, &self.path))?;
            let new = self.file.metadata().map_err(failed(Operation::Read))?;
            // Its reader may be another user than the one who edits it.
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                fchown(&self.file, Some(old.uid()), Some(old.gid())).map_err(failed(Operation::Write))?;
            }
        }
        self.file.set_permissions(std::fs::Permissions::from_mode(PRIVATE)).map_err(failed(Operation::Write))?;
        self.file.sync_all().map_err(failed(Operation::Write))?;
        std::fs::rename(&self.new, &self.path).map_err(Error::file(Operation::Write, &self.path))?;
        self.is_done = true;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        directory.map_err(Error::file(Operation::Write, &self.path))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_done {
            // If it cannot be removed, the next one reports it.
            let _ = std::fs::remove_file(&self.new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::temporary::TemporaryDir;
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn file_is_replaced_as_a_whole_and_stays_private() {
        let dir = TemporaryDir::new().unwrap();
        let (path, link) = (dir.path().join("users"), dir.path().join("link"));
        let replacement = Replacement::begin(&path, 9).unwrap();
        assert!(replacement.old.is_none() && replacement.old().is_empty());
        let second = Replacement::begin(&path, 9).unwrap_err().to_string();
        assert!(second.contains("/.users.new: it exists: another secretcat passwd is running"), "{second}");
        replacement.finish(b"one\n").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path)), (b"one\n".to_vec(), PRIVATE));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let replacement = Replacement::begin(&link, 9).unwrap();
        assert_eq!(replacement.old(), b"one\n");
        drop(replacement);
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n", "dropped, so unchanged");
        Replacement::begin(&link, 9).unwrap().finish(b"two\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two\n");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let names = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, 2, "nothing is left over");
    }

    #[test]
    fn file_that_others_may_read_or_write_is_refused() {
        let dir = TemporaryDir::new().unwrap();
        let path = dir.path().join("users");
        std::fs::write(&path, "x\n").unwrap();
        for (bits, is_private) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o602, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(bits)).unwrap();
            assert_eq!(read(&path, 9).is_ok(), is_private, "{bits:o}");
            assert_eq!(Replacement::begin(&path, 9).is_ok(), is_private, "{bits:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(PRIVATE)).unwrap();
        assert!(read(&path, 1).unwrap_err().to_string().ends_with("users: has more than 1 bytes"));
    }
}
