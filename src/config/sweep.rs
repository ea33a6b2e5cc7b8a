//! What `secretcat sweep` is to do.

use std::path::PathBuf;
use std::time::Duration;

use super::traffic::check_family;
use super::{Bytes, ConfigError, Traffic};
use crate::frame::Framing;
use crate::value::{Address, Family, Seed};
use crate::verdict::Masks;

/// A checked run of `sweep`.
#[derive(Clone, Debug)]
pub struct SweepConfig {
    /// The server.
    pub address: Address,
    /// Which addresses of a name are taken.
    pub family: Family,
    /// The request messages as they go over the wire; none: stdin has them.
    pub messages: Vec<Vec<u8>>,
    /// Where a request and a reply end.
    pub framing: Framing,
    /// What may differ between replies.
    pub masks: Masks,
    /// The most trials.
    pub max_plans: usize,
    /// Which trials are taken where there are more.
    pub seed: Seed,
    /// Conversations at once.
    pub jobs: usize,
    /// How long a conversation may be silent.
    pub timeout: Duration,
    /// What connections are given; its plan is not used.
    pub traffic: Traffic,
    /// How the findings are told.
    pub output: Output,
    /// Nothing but the findings is told.
    pub quiet: bool,
}

/// How findings are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// As JSON on stdout.
    pub json: bool,
    /// Also as JUnit's XML, in this file.
    pub junit: Option<PathBuf>,
}

impl SweepConfig {
    /// Checks what one option cannot know of another.
    ///
    /// # Errors
    /// Says what is wrong, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        let unix = matches!(self.address, Address::Unix(_));
        if unix {
            return Err(ConfigError::new(
                "sweep proves its cuts with the receive queue of TCP, and a unix socket has none",
            ));
        }
        check_family(self.family, &self.address)?;
        if self.jobs == 0 || self.max_plans == 0 {
            return Err(ConfigError::new("--jobs and --max-plans take 1 or more"));
        }
        if self.messages.iter().any(Vec::is_empty) {
            return Err(ConfigError::new("an empty raw message has no bytes to cut"));
        }
        self.traffic.socket.nodelay.get_or_insert(true);
        self.traffic = self.traffic.check(Bytes { raw: true, unix })?;
        Ok(self)
    }
}
