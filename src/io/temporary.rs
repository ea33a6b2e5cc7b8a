//! Temporary files and directories, which are removed at the end, and before a second signal ends the process at once.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::files::draw_seed;
use crate::error::{Error, Operation};

/// How often another name is tried.
const ATTEMPTS: usize = 16;

/// The files and directories that exist now.
static EXISTING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The files and directories that exist now: as long as this lives, none is made or removed.
fn existing() -> MutexGuard<'static, Vec<PathBuf>> {
    EXISTING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all of them, before the process ends. None is made from now on.
pub fn remove_all() {
    let existing = existing();
    for path in existing.iter() {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir_all(path));
    }
    std::mem::forget(existing);
}

/// A new file that only its owner can read. It is removed when this value is dropped.
#[derive(Debug)]
pub struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// Makes a file with this content. A file in its place is not overwritten.
    ///
    /// # Errors
    /// When it exists already, or cannot be written.
    pub fn create(path: PathBuf, content: &[u8]) -> Result<TemporaryFile, Error> {
        let mut existing = existing();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut opened = options.open(&path).map_err(Error::file(Operation::Create, &path))?;
        existing.push(path.clone());
        drop(existing);
        let file = TemporaryFile(path);
        opened.write_all(content).map_err(Error::file(Operation::Write, &file.0))?;
        Ok(file)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let mut existing = existing();
        existing.retain(|path| *path != self.0);
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A new directory of this user only. It is removed when this value is dropped.
#[derive(Debug)]
pub struct TemporaryDir(PathBuf);

impl TemporaryDir {
    /// Makes one where temporary files belong (`$TMPDIR`, or else /tmp).
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new() -> Result<TemporaryDir, Error> {
        let parent = std::env::temp_dir();
        let parent = parent.canonicalize().unwrap_or(parent); // as a program in it names it
        let mut attempts = 0;
        loop {
            // The process and a random number: another user cannot take all names.
            let path = parent.join(format!("secretcat-{}-{:08x}", std::process::id(), draw_seed().0));
            attempts += 1;
            let mut existing = existing();
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    existing.push(path.clone());
                    return Ok(TemporaryDir(path));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts < ATTEMPTS => {}
                Err(error) => return Err(Error::file(Operation::Create, &path)(error)),
            }
        }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        existing().retain(|path| *path != self.0);
        // A process that still writes there may have made a file in between.
        if std::fs::remove_dir_all(&self.0).is_err() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn directory_is_private_and_removed_with_its_files() {
        let (one, other) = (TemporaryDir::new().unwrap(), TemporaryDir::new().unwrap());
        let path = one.path().to_owned();
        assert_ne!(path, other.path());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::create_dir(path.join("a")).unwrap();
        std::fs::write(path.join("a/b"), "x").unwrap();
        drop(one);
        assert!(!path.exists());
        let file = TemporaryFile::create(other.path().join("link"), b"x").unwrap();
        let path = file.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(TemporaryFile::create(path.clone(), b"y").is_err(), "it exists");
        drop(file);
        assert!(!path.exists());
    }
}
