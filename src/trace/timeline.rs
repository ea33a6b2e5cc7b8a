//! The `--timeline` picture.

use super::event::{Event, Sink};

/// What a picture of a run needs to know of it.
#[derive(Clone, Debug, Default)]
pub struct Timeline {}

impl Timeline {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Timeline {
        Timeline::default()
    }

    /// Takes note of one event.
    pub fn note(&mut self, event: &Event) {
        let _ = event;
    }

    /// The picture as an SVG document.
    #[must_use]
    pub fn render(&self) -> String {
        String::new()
    }
}

impl Sink for Timeline {
    fn note(&mut self, event: &Event) {
        Timeline::note(self, event);
    }
}
