//! How streams between stdin, stdout and a connection end.

use std::time::Duration;

use super::ConfigError;

/// The default time limit for the acknowledgement of the last bytes.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// How streams between stdin, stdout and a connection end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamConfig {
    /// Which of stdin and stdout are used.
    pub direction: Direction,
    /// The peer's end ends the connection, even if stdin has not ended.
    pub end_with_peer: bool,
    /// The time limit for the acknowledgement of the last bytes, if `--ack-timeout` sets it.
    pub ack_timeout: Option<Duration>,
}

/// Which of stdin and stdout are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// stdin is sent, and received bytes go to stdout.
    #[default]
    Both,
    /// stdin is not read.
    Receive,
    /// Received bytes are dropped.
    Send,
}

impl StreamConfig {
    /// The time limit for the acknowledgement of the last bytes.
    #[must_use]
    pub fn ack_timeout(&self) -> Duration {
        self.ack_timeout.unwrap_or(ACK_TIMEOUT)
    }

    /// Refuses these options where stdin and stdout are not connected to a peer; `needs` is the option that
    /// connects them.
    ///
    /// # Errors
    /// Names the first option that is given.
    pub fn refuse_without_stream(&self, needs: &str) -> Result<(), ConfigError> {
        let given = [
            ("--recv-only", self.direction == Direction::Receive),
            ("--send-only", self.direction == Direction::Send),
            ("--end-with-peer", self.end_with_peer),
            ("--ack-timeout", self.ack_timeout.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(ConfigError::new(format!("{name} applies to streams of bytes: add {needs}"))),
            None => Ok(()),
        }
    }
}
