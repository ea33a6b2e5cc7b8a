//! The adversarial reader: small reads, late reads, or plain ones.

use std::io::{self, Read};
use std::time::Instant;

use super::super::Incoming;
use super::super::reactor::Behind;
use super::super::stream::Stream;
use crate::config::Reading;

/// The reading half of a connection.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) readable: bool,
    pub(super) behind: Behind,
    /// Bytes read so far.
    pub(super) offset: u64,
    /// `None` reads as bytes come: idle connections are many, and few of them read slowly.
    slow: Option<Box<Slow>>,
}

/// Small reads, or late ones.
#[derive(Debug)]
struct Slow {
    reading: Reading,
    not_before: Option<Instant>,
}

impl Reader {
    pub(super) fn new(reading: Reading, now: Instant) -> Self {
        let slow = (!reading.is_plain()).then(|| {
            let not_before = reading.start_delay.and_then(|delay| now.checked_add(delay));
            Box::new(Slow { reading, not_before })
        });
        // A connection may have been given bytes before it was watched: try once.
        Reader { readable: true, behind: Behind::Nothing, offset: 0, slow }
    }

    /// Whether bytes are read as they come, and there may be more of them: splice(2) does not get
    /// over the mark of urgent data.
    pub(super) fn is_plain(&self) -> bool {
        self.slow.is_none() && self.behind != Behind::Urgent
    }

    pub(super) fn read(&mut self, stream: &mut Stream, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        if !self.readable {
            return Ok(Incoming::Blocked);
        }
        if let Some(at) = self.slow.as_ref().and_then(|slow| slow.not_before) {
            if now < at {
                return Ok(Incoming::Until(at));
            }
        }
        let size = self.slow.as_ref().and_then(|slow| slow.reading.size);
        let limit = size.map_or(buf.len(), |size| size.min(buf.len()));
        let n = loop {
            match stream.read(&mut buf[..limit]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(Incoming::Blocked);
                }
                other => break other?,
            }
        };
        if n == 0 {
            return Ok(Incoming::Eof);
        }
        // epoll(7): a short read of a stream has emptied it, and the next bytes ring again; only
        // the peer's end would not, if it has been told of already, nor what is behind urgent data.
        self.readable = n == limit || self.behind != Behind::Nothing;
        self.offset += n as u64;
        if let Some(Slow { reading: Reading { delay: Some(delay), .. }, not_before }) = self.slow.as_deref_mut() {
            // Counted from when this read was due, so that pauses do not add up their lateness.
            let due = not_before.filter(|&at| now.saturating_duration_since(at) < *delay).unwrap_or(now);
            *not_before = due.checked_add(*delay);
        }
        Ok(Incoming::Bytes(n))
    }
}
