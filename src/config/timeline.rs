//! The checked configuration of `secretcat timeline`.

use std::path::PathBuf;

use crate::value::View;

/// The checked configuration of `secretcat timeline`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineConfig {
    /// The trace; `None` is stdin.
    pub trace: Option<PathBuf>,
    /// The picture; `None` is stdout.
    pub picture: Option<PathBuf>,
    /// What the picture shows of time.
    pub view: View,
}
