//! A temporary directory of a test.

use std::path::{Path, PathBuf};

/// An empty directory that is removed when the test ends.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// `name` is unique among the tests of one process.
    pub(crate) fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("secretcat-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
