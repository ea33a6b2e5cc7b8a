//! Whether what was sent has arrived, and what a peer sees where this program does not come to its end.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::sys;
use super::{Conn, barrier};

/// After this time without a byte a peer is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

impl Conn {
    /// From now on closing the connection resets it, until it comes to its end in order: whoever is
    /// on the other side must not take what it has for all where this program is killed.
    pub fn arm(&mut self) {
        if !self.resets && !self.linger {
            self.armed = self.stream.socket().set_linger(Some(Duration::ZERO)).is_ok();
        }
    }

    /// Whether the peer's system has acknowledged everything that was sent, our end included: `None`
    /// when it has, or where that is not known; otherwise when to look again. `since` is when the
    /// wait began.
    ///
    /// # Errors
    /// The kernel's: the connection was reset.
    pub fn acknowledgement(&self, since: Instant, now: Instant) -> io::Result<Option<Instant>> {
        barrier::arrival(&self.stream, since, now)
    }

    /// Bytes that the kernel has taken and that the peer's system has not acknowledged.
    ///
    /// # Errors
    /// `Unsupported` where the system does not say.
    pub fn unacknowledged(&self) -> io::Result<u64> {
        if !self.stream.is_tcp() {
            return Ok(0); // what a unix socket has taken stands in the peer's queue
        }
        let queued = sys::queued_out(self.stream.as_fd())? as u64;
        Ok(queued.saturating_sub(u64::from(self.end_sent))) // the end counts as a byte (RFC 9293, section 3.4)
    }

    /// Has the kernel ask an idle peer whether it is still there (tcp(7)), unless the options say how.
    pub fn watch_peer(&self) {
        if self.stream.is_tcp() && !self.keepalive_was_set {
            // Where it cannot be set, a peer that is gone is noticed by the next write.
            let _ = self.stream.keep_alive(KEEPALIVE);
        }
    }
}
