//! A temporary directory that is removed with everything in it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::files::draw_seed;
use crate::error::{Error, Operation};

/// How often another name is tried.
const ATTEMPTS: usize = 16;

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
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(TemporaryDir(path)),
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
    }
}
