//! The proxy that connections are made through.

use std::path::PathBuf;

use super::ConfigError;
use crate::value::{Address, Destination, ProxyUrl, Unproxied};

/// The proxy that connections are made through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The proxy.
    pub url: ProxyUrl,
    /// The file with user and password for it.
    pub credentials: Option<PathBuf>,
}

impl ProxyConfig {
    /// Checks whether the proxy could connect to this address.
    ///
    /// # Errors
    /// The reason why no proxy can, or not one that is asked in this way.
    pub(super) fn check(&self, to: &Address) -> Result<(), ConfigError> {
        match Destination::new(to) {
            // It is resolved here, and the proxy gets its address.
            Err(Unproxied::NotAscii(_)) if self.url.scheme.resolves_here() => Ok(()),
            Err(error) => Err(ConfigError::new(error.to_string())),
            Ok(_) => Ok(()),
        }
    }
}
