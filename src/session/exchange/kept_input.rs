//! The input of a run that may have to be made again over another connection.

use super::Exchange;
use crate::io::console::{Console, Kept};
use crate::service::Service;

impl<S: Service> Exchange<S> {
    /// Reads what an earlier run has read from stdin, and then stdin. It is all kept where a further
    /// run may be made.
    pub(in crate::session) fn replay_input(&mut self, kept: Kept, keeps: bool) {
        self.at_console(|console| console.replay(kept, keeps));
    }

    /// Keeps nothing any more.
    pub(in crate::session) fn forget_input(&mut self) {
        self.at_console(Console::forget);
    }

    /// What was read from stdin; `None` where it is not kept.
    pub(in crate::session) fn take_input(&mut self) -> Option<Kept> {
        self.at_console(Console::take_kept).flatten()
    }
}
