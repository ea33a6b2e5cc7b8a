//! How the two directions of a stream between stdin, stdout and a connection end.

use std::time::Duration;

use super::ConfigError;

/// How long the acknowledgement of the last bytes is waited for, unless an option says otherwise.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// How a stream between the standard streams and a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamConfig {
    /// Which of the standard streams are used.
    pub direction: Direction,
    /// The peer's end ends the connection, whatever stdin may still have.
    pub end_with_peer: bool,
    /// How long the acknowledgement of the last bytes is waited for, where an option says it.
    pub ack_timeout: Option<Duration>,
}

/// Which of the standard streams are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// stdin is sent, and what comes goes to stdout.
    #[default]
    Both,
    /// stdin is not read.
    Receive,
    /// What comes is dropped.
    Send,
}

impl StreamConfig {
    /// How long the acknowledgement of the last bytes is waited for.
    #[must_use]
    pub fn ack_timeout(&self) -> Duration {
        self.ack_timeout.unwrap_or(ACK_TIMEOUT)
    }

    /// Refuses what has nothing to do where bytes do not pass between the standard streams and a
    /// connection; `needs` is what would make them pass.
    ///
    /// # Errors
    /// Names the first option of them.
    pub fn refuse_without_stream(&self, needs: &str) -> Result<(), ConfigError> {
        let given = [
            ("--recv-only", self.direction == Direction::Receive),
            ("--send-only", self.direction == Direction::Send),
            ("--end-with-peer", self.end_with_peer),
            ("--ack-timeout", self.ack_timeout.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(ConfigError::new(format!(
                "{name} is for bytes between stdin, stdout and a connection: give {needs} too"
            ))),
            None => Ok(()),
        }
    }
}
