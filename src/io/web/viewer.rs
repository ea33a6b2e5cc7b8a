//! A browser that shows the live page: it gets updates as long as it reads them.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::client::unless_blocked;
use crate::io::stream::Stream;
use crate::trace::ConnId;

/// A browser that has taken nothing for this long is dropped. It connects again, and learns what it has missed.
const STALLED: Duration = Duration::from_secs(10);
/// After this time without a message one is sent that says nothing, so that a browser that is gone is noticed.
const SILENCE: Duration = Duration::from_secs(10);

/// The stream of messages to a browser.
#[derive(Debug)]
pub(super) struct Viewer {
    /// Its number, which no other has in this run.
    pub(super) number: u64,
    /// The connection that it has chosen.
    pub(super) chosen: Option<ConnId>,
    /// What it has not taken yet.
    rest: Vec<u8>,
    /// The last number of events that it has, or that is on the way to it.
    pub(super) seen: u64,
    /// It was left out of an update.
    pub(super) is_behind: bool,
    /// When it last took everything, or was sent something.
    active: Instant,
}

impl Viewer {
    /// A browser with this number that is sent this first.
    pub(super) fn new(number: u64, first: Vec<u8>, seen: u64, now: Instant) -> Viewer {
        Viewer { number, chosen: None, rest: first, seen, is_behind: false, active: now }
    }

    /// Whether it has taken everything.
    pub(super) fn is_ready(&self) -> bool {
        self.rest.is_empty()
    }

    /// Sends it a message, up to this number of events.
    pub(super) fn send(&mut self, message: &[u8], number: u64, now: Instant) {
        self.rest.extend_from_slice(message);
        (self.seen, self.active) = (number, now);
    }

    /// Writes as far as it takes. False: it is dropped.
    ///
    /// # Errors
    /// The kernel's: it is gone.
    pub(super) fn turn(&mut self, stream: &mut Stream, now: Instant) -> io::Result<bool> {
        if self.rest.is_empty() && now >= self.active + SILENCE {
            self.rest.extend_from_slice(b":\n\n");
            self.active = now;
        }
        while !self.rest.is_empty() {
            match unless_blocked(|| stream.write(&self.rest))? {
                Some(n) => drop(self.rest.drain(..n)),
                None => return Ok(now < self.active + STALLED),
            }
            self.active = now;
        }
        Ok(true)
    }
}
