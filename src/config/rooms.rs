//! How rooms are shared with other servers.

use std::path::PathBuf;

use super::auth::is_public;
use super::{ClientTls, ConfigError};
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
    /// TLS toward the broker.
    pub tls: Option<ClientTls>,
    /// TLS begins before the broker has sent anything (`--via-tls-first`).
    pub tls_first: bool,
}

impl RoomsVia {
    /// Whether a password may not be sent where others can read it: TLS hides it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.url.user.is_some() && !self.cleartext && self.tls.is_none()
    }

    /// Checks that the password goes with a user, and goes where others cannot read it.
    ///
    /// # Errors
    /// Names the option that is missing.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |text: &str| Err(ConfigError::new(text));
        match (&self.url.user, &self.password) {
            (Some(_), None) => refuse("--rooms-via has a user: add --via-password-file FILE"),
            (None, Some(_)) => refuse("--via-password-file is for a user: give --rooms-via nats://USER@HOST:PORT"),
            (Some(_), Some(_)) if self.is_secret() && self.url.addresses.iter().any(is_public) => refuse(
                "--rooms-via would send the password over a connection that others can read: give tls://, or a broker \
                 on a loopback address (or allow it with --via-cleartext)",
            ),
            (Some(_), _) if self.cleartext && self.tls.is_some() => {
                refuse("--via-cleartext is for connections without TLS: remove it")
            }
            (None, None) if self.cleartext => refuse("--via-cleartext is for a password: remove it"),
            _ => Ok(()),
        }
    }
}
