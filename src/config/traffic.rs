//! What every connection is given, whoever made it: how it writes, how it reads, which options its socket has.

use std::time::Duration;

use super::{ConfigError, SocketOptions};
use crate::plan::Plan;

/// Which addresses of a name are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Those of either family.
    #[default]
    Any,
    /// IPv4 only (`-4`).
    V4,
    /// IPv6 only (`-6`).
    V6,
}

/// How slowly we read: the adversarial reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The most bytes one read asks for.
    pub size: Option<usize>,
    /// The pause between two reads.
    pub delay: Option<Duration>,
    /// The pause before the first read.
    pub start_delay: Option<Duration>,
}

impl Reading {
    /// Whether reads are made as they come.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Reading::default()
    }
}

/// What every connection of a run has in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// How it writes.
    pub plan: Plan,
    /// How it reads.
    pub reading: Reading,
    /// The options of its socket.
    pub socket: SocketOptions,
    /// The most bytes a message may have, its ending not counted.
    pub max_message: usize,
    /// How long nothing may come or go before the connection is given up.
    pub idle_timeout: Option<Duration>,
}

impl Traffic {
    /// Checks what one field cannot know of another, and settles what follows from it.
    ///
    /// # Errors
    /// Says which options contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        self.socket.check()?;
        if self.max_message == 0 {
            return Err(ConfigError::new("--max-message 0 leaves no room for a message: give 1 or more"));
        }
        if !self.plan.is_plain() && self.socket.nodelay.is_none() && self.socket.cork != Some(true) {
            // Nagle's algorithm would join the pieces again, 40 ms late.
            self.socket.nodelay = Some(true);
        }
        Ok(self)
    }
}
