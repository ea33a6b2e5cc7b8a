//! How `secretcat connect` probes a server.

use std::time::Duration;

use crate::value::Expression;

/// How a server is probed: how often it is asked, and what its replies are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Send the messages several times.
    pub rounds: Option<Rounds>,
    /// What each reply must match.
    pub expect: Option<Expression>,
    /// Print each reply as a JSON object.
    pub json: bool,
}

/// How often the messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// The number of rounds; 0 is no limit.
    pub times: u32,
    /// The time from the beginning of a round to that of the next one.
    pub interval: Duration,
}

impl Rounds {
    /// The interval without `--interval`, as with ping(8).
    pub const INTERVAL: Duration = Duration::from_secs(1);
}

impl Probe {
    /// The first option of this probe, if there is one.
    #[must_use]
    pub fn option(&self) -> Option<&'static str> {
        match self {
            Probe { rounds: Some(_), .. } => Some("--repeat"),
            Probe { expect: Some(_), .. } => Some("--expect"),
            Probe { json: true, .. } => Some("--json"),
            Probe { rounds: None, expect: None, json: false } => None,
        }
    }
}
