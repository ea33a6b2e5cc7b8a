//! The file, stream or other resource of a failed local operation.

use std::fmt;
use std::path::{Path, PathBuf};

use super::shown_path;

/// What a failed operation of this host was on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file.
    File(PathBuf),
    /// A socket of the service manager, by its description.
    Socket(String),
    /// A standard stream or another resource that every process has one of: `stdin`, `the event loop`.
    Own(&'static str),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::File(path) => f.write_str(&shown_path(path)),
            Target::Socket(name) => f.write_str(name),
            Target::Own(name) => f.write_str(name),
        }
    }
}

impl From<&Path> for Target {
    fn from(path: &Path) -> Self {
        Target::File(path.to_owned())
    }
}

impl From<&'static str> for Target {
    fn from(name: &'static str) -> Self {
        Target::Own(name)
    }
}
