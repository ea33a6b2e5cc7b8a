//! The checked configuration of `secretcat passwd`.

use std::path::PathBuf;

use crate::auth::UserName;

/// The checked configuration of `secretcat passwd`.
#[derive(Clone, Debug)]
pub struct PasswdConfig {
    /// The file of users.
    pub file: PathBuf,
    /// The user.
    pub name: UserName,
    /// What is changed.
    pub change: PasswdChange,
}

/// What is changed of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswdChange {
    /// The password, which is asked for at the terminal.
    FromTerminal,
    /// The password, which is the first line of stdin.
    FromStdin,
    /// The user is deleted.
    Delete,
}
