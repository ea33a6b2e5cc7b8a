//! The flags of the live page and the metrics.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::traffic;
use crate::config::{ConfigError, Watch};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct WatchFlags {
    /// Show the run live in a browser, at a page on ADDRESS
    ///
    /// The page has connections, messages with their bytes, writes, segments and reads as they happen, rooms, and the map
    /// of a sweep. It cannot change anything. ADDRESS is HOST:PORT, :PORT (loopback), *:PORT or unix:PATH, by default
    /// 127.0.0.1:4502. The page opens with a link that works once. It is printed on a terminal; otherwise a file that
    /// only its owner can read has it.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = Watch::PAGE)]
    web: Option<OsString>,
    /// Serve counters for Prometheus at http://ADDRESS/metrics
    ///
    /// ADDRESS is HOST:PORT, :PORT (loopback), *:PORT or unix:PATH, by default 127.0.0.1:4503. An address that others
    /// can reach needs --metrics-token-file.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = Watch::METRICS)]
    metrics: Option<OsString>,
    /// Serve metrics only to requests with the token in FILE
    ///
    /// The token is the first line of FILE, which only its owner may read. Prometheus sends it with authorization:
    /// credentials_file: FILE.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    metrics_token_file: Option<PathBuf>,
}

impl WatchFlags {
    pub(super) fn into_config(self) -> Result<Watch, ConfigError> {
        let metrics = self.metrics.as_deref().map(traffic::one_word).transpose()?;
        let page = self.web.as_deref().map(traffic::one_word).transpose()?;
        if self.metrics_token_file.is_some() && metrics.is_none() && page.is_none() {
            return Err(ConfigError::new("--metrics-token-file is for the metrics: add --metrics or --web"));
        }
        Watch { page, metrics, metrics_token: self.metrics_token_file }.check()
    }
}
