//! Where a run can be watched: the live page and the metrics.

use std::path::PathBuf;

use super::ConfigError;
use crate::value::Address;

/// Where a run can be watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Where a browser gets the live page.
    pub page: Option<Address>,
    /// Where Prometheus gets the metrics.
    pub metrics: Option<Address>,
    /// The file with the token that it has to send.
    pub metrics_token: Option<PathBuf>,
}

impl Watch {
    /// The default address of the live page.
    pub const PAGE: &'static str = "127.0.0.1:4502";
    /// The default address of the metrics.
    pub const METRICS: &'static str = "127.0.0.1:4503";

    /// Checks the options against each other.
    ///
    /// # Errors
    /// When both have one address, or anybody could read the metrics.
    pub fn check(self) -> Result<Self, ConfigError> {
        let Some(address) = &self.metrics else { return Ok(self) };
        if self.page.as_ref() == Some(address) && !matches!(address, Address::Tcp { port: 0, .. }) {
            return Err(ConfigError::new(format!(
                "--metrics={address}: {address} is also the address of --web, which has /metrics: remove --metrics"
            )));
        }
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
        self.page.is_some() || self.metrics.is_some()
    }
}
