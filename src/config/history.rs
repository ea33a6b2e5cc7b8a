//! The checked configuration of `secretcat history`.

use std::path::PathBuf;

use crate::value::{Expression, Since};

/// The checked configuration of `secretcat history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryConfig {
    /// The transcript; `None` is stdin.
    pub file: Option<PathBuf>,
    /// Print only the messages of this room.
    pub room: Option<String>,
    /// Print only messages from this time on.
    pub since: Option<Since>,
    /// Print only messages in which this matches.
    pub grep: Option<Expression>,
    /// Print only this number of messages, the last ones.
    pub last: Option<usize>,
    /// Print the lines of the transcript.
    pub json: bool,
}
