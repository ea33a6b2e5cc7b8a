//! How rooms are shared with other servers.

use std::path::PathBuf;

use super::ConfigError;
use super::auth::is_public;
use crate::value::BrokerUrl;

/// The broker that rooms are shared through (`--rooms-via`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomsVia {
    /// The broker.
    pub url: BrokerUrl,
    /// The file with the password of the user.
    pub password: Option<PathBuf>,
    /// The password is sent over connections that others can read, too (`--via-cleartext`).
    pub cleartext: bool,
}

impl RoomsVia {
    /// Checks that the password goes with a user, and goes where others cannot read it.
    ///
    /// # Errors
    /// Names the option that is missing.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |text: &str| Err(ConfigError::new(text));
        match (&self.url.user, &self.password) {
            (Some(_), None) => refuse("--rooms-via has a user: add --via-password-file FILE"),
            (None, Some(_)) => refuse("--via-password-file is for a user: give --rooms-via nats://USER@HOST:PORT"),
            (Some(_), Some(_)) if !self.cleartext && self.url.addresses.iter().any(is_public) => refuse(
                "--rooms-via would send the password over a connection that others can read: give a broker on a \
                 loopback address (or allow it with --via-cleartext)",
            ),
            (None, None) if self.cleartext => refuse("--via-cleartext is for a password: remove it"),
            _ => Ok(()),
        }
    }
}
