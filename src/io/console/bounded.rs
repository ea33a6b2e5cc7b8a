//! Output of a run that must go on while stdout is not read: lines are left out, and counted.

use std::io;

use super::Console;
use crate::value::counted;

impl Console {
    /// Prints a message, unless more than `limit` bytes wait for stdout. Messages that were left out are counted before
    /// the next one that is printed.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_within(&mut self, bytes: &[u8], limit: usize) -> io::Result<()> {
        if self.backlog() > limit {
            self.left_out += 1;
            return Ok(());
        }
        match std::mem::take(&mut self.left_out) {
            0 => {}
            left_out => self.send(format!("* {} left out\n", counted(left_out, "line")).as_bytes())?,
        }
        self.send(bytes)
    }
}
