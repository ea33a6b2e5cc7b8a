//! How far a sweep has come, on a terminal's stderr; silent anywhere else.

use crate::verdict::Count;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, or nothing.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar for so many trials. The crate draws on a terminal only, and not too often.
    pub(super) fn new(trials: usize, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(trials as u64), target);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} plans, {msg} ({eta} left)");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress(bar)
    }

    pub(super) fn advance(&mut self, counted: Count, suspects: usize) {
        self.0.set_position((counted.judged() + suspects) as u64);
        self.0.set_message(format!("{suspects} to look at again"));
    }

    pub(super) fn look_again(&self, number: usize, of: usize) {
        self.0.set_message(format!("looking again at {number} of {of}"));
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
