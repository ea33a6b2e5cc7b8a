//! Where a run can be watched: the metrics.

use std::path::PathBuf;

use super::ConfigError;
use crate::value::Address;

/// Where a run can be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Where Prometheus gets the metrics.
    pub metrics: Option<Address>,
    /// The file with the token that it has to send.
    pub metrics_token: Option<PathBuf>,
}

impl Watch {
    /// The default address of the metrics.
    pub const METRICS: &'static str = "127.0.0.1:4503";

    /// Checks the options against each other.
    ///
    /// # Errors
    /// When anybody could read the metrics.
    pub fn check(self) -> Result<Self, ConfigError> {
        let Some(address) = &self.metrics else { return Ok(self) };
        if self.metrics_token.is_none() && !address.is_loopback() {
            return Err(ConfigError::new(format!(
                "--metrics={address}: others can reach this address: add --metrics-token-file FILE, or use a loopback address or unix:PATH"
            )));
        }
        Ok(self)
    }

    /// Whether there is anything to watch.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.metrics.is_some()
    }
}
