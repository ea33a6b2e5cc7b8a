//! The `--stats` summary.

use std::time::Duration;

use super::event::{Event, Sink};

/// Counts over a whole run.
#[derive(Clone, Debug, Default)]
pub struct Summary {}

impl Summary {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Summary {
        Summary::default()
    }

    /// Counts one event.
    pub fn note(&mut self, event: &Event) {
        let _ = event;
    }

    /// The summary, some lines that each end in a line feed.
    #[must_use]
    pub fn render(&self, elapsed: Duration) -> String {
        let _ = elapsed;
        String::new()
    }
}

impl Sink for Summary {
    fn note(&mut self, event: &Event) {
        Summary::note(self, event);
    }
}
