//! The flags of failed connections, for all commands that connect.

use std::time::Duration;

use clap::Args;

use crate::config::Retry;
use crate::value::{Count, Span};

#[derive(Debug, Args)]
pub(super) struct RetryFlags {
    /// Retry a failed connection N times
    ///
    /// A connection fails if it is refused, the host is unreachable, a time limit passes, or the name is not found. It also
    /// fails if it is closed or reset before the other side has sent a byte, as by the proxy of a container whose server is
    /// still starting. Local failures are not retried.
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = Count(0), allow_hyphen_values = true)]
    retry: Count,
    /// Wait TIME before each retry
    #[arg(long, value_name = "TIME", help_heading = "Limits", default_value = "1s", allow_hyphen_values = true)]
    retry_delay: Span,
}

impl Default for RetryFlags {
    fn default() -> Self {
        RetryFlags { retry: Count(0), retry_delay: Span(Duration::from_secs(1)) }
    }
}

impl RetryFlags {
    pub(super) fn into_config(self) -> Retry {
        Retry { times: self.retry.0, delay: self.retry_delay.0 }
    }
}
