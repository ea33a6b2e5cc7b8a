//! The flags of `secretcat passwd`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::auth::UserName;
use crate::config::{ConfigError, PasswdChange, PasswdConfig};
use crate::value::escape;

/// Set the password of a user in a file for listen --auth scram:FILE
///
/// The password is asked for twice at the terminal. FILE is created if it does not exist; it must be readable by its
/// owner only. It has no password: a line is NAME: and what PostgreSQL stores for SCRAM-SHA-256.
#[derive(Debug, Args)]
pub(super) struct PasswdFlags {
    /// Change the users in FILE
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Change the user NAME
    ///
    /// A name has at most 64 bytes: letters, digits and -_.@+, and it begins with a letter or a digit.
    #[arg(value_name = "NAME")]
    name: OsString,
    /// Delete the user
    #[arg(long)]
    delete: bool,
    /// Read the password from the first line of stdin
    #[arg(long, conflicts_with = "delete")]
    stdin: bool,
}

impl PasswdFlags {
    pub(super) fn into_config(self) -> Result<PasswdConfig, ConfigError> {
        Ok(PasswdConfig {
            file: self.file,
            name: user_name(&self.name)?,
            change: match (self.delete, self.stdin) {
                (true, _) => PasswdChange::Delete,
                (false, true) => PasswdChange::FromStdin,
                (false, false) => PasswdChange::FromTerminal,
            },
        })
    }
}

/// A name of a user on the command line.
pub(super) fn user_name(word: &OsString) -> Result<UserName, ConfigError> {
    let shown = escape(word.as_encoded_bytes());
    let text = word.to_str().ok_or_else(|| ConfigError::new(format!("\"{shown}\": a user name is UTF-8")))?;
    text.parse::<UserName>().map_err(|error| ConfigError::new(format!("\"{shown}\": {error}")))
}
