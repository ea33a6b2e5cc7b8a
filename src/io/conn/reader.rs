//! The adversarial reader: small reads, late reads, or plain ones.

use std::io::{self, Read};
use std::time::Instant;

use super::super::Incoming;
use super::super::reactor::Behind;
use super::super::reads::ReadCount;
use super::super::stream::Stream;
use crate::config::Reading;
use crate::frame::proxy_header::{Decoder, Ends, Header, HeaderError};

/// The reading half of a connection.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) readable: bool,
    pub(super) behind: Behind,
    /// Bytes read so far.
    pub(super) offset: u64,
    /// `None` reads as bytes come, from the first one on: idle connections are many, and few of them need more.
    extras: Option<Box<Extras>>,
}

/// What only some connections need.
#[derive(Debug, Default)]
struct Extras {
    /// Small reads, or late ones.
    reading: Reading,
    not_before: Option<Instant>,
    header: Received,
    /// The bytes of the header.
    header_length: usize,
    /// Counts what is read, for the client.
    count: Option<ReadCount>,
}

/// The PROXY header of the client.
#[derive(Debug, Default)]
enum Received {
    /// There is none.
    #[default]
    None,
    /// It is being read.
    Partly(Decoder),
    /// It was read.
    Whole(Ends),
}

impl Reader {
    pub(super) fn new(reading: Reading, now: Instant) -> Self {
        let extras = (!reading.is_plain()).then(|| {
            let not_before = reading.start_delay.and_then(|delay| now.checked_add(delay));
            Box::new(Extras { reading, not_before, ..Extras::default() })
        });
        // A connection may have been given bytes before it was watched: try once.
        Reader { readable: true, behind: Behind::Nothing, offset: 0, extras }
    }

    /// Whether bytes are read as they come, and there may be more of them: splice(2) does not get
    /// over the mark of urgent data, and does not show them.
    pub(super) fn is_plain(&self) -> bool {
        let is_plain = |extras: &Extras| {
            extras.reading.is_plain() && !matches!(extras.header, Received::Partly(_)) && extras.count.is_none()
        };
        self.extras.as_deref().is_none_or(is_plain) && self.behind != Behind::Urgent
    }

    /// From now on what is read is counted there.
    pub(super) fn count_with(&mut self, count: ReadCount) {
        self.extras.get_or_insert_default().count = Some(count);
    }

    /// A header comes before everything else.
    pub(super) fn expect_header(&mut self) {
        self.extras.get_or_insert_default().header = Received::Partly(Decoder::default());
    }

    /// The bytes that may be read for the header; 0 when none is expected, or after its end.
    #[inline]
    pub(super) fn header_wanted(&self) -> usize {
        match self.extras.as_deref() {
            Some(Extras { header: Received::Partly(decoder), .. }) => decoder.wanted(),
            _ => 0,
        }
    }

    /// Takes bytes of the header, at most those that were wanted; returns the header when it is complete.
    pub(super) fn take_header(&mut self, mut bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
        let Some(extras) = self.extras.as_deref_mut() else { return Ok(None) };
        let Received::Partly(decoder) = &mut extras.header else { return Ok(None) };
        extras.header_length += bytes.len();
        let header = decoder.pull(&mut bytes)?;
        if let Some(header) = &header {
            extras.header = Received::Whole(header.ends.clone());
        }
        Ok(header)
    }

    /// The bytes of the header that were read.
    pub(super) fn header_received(&self) -> usize {
        self.extras.as_deref().map_or(0, |extras| extras.header_length)
    }

    /// The ends in the header that was read, if it names them.
    pub(super) fn header_ends(&self) -> Option<&Ends> {
        match self.extras.as_deref() {
            Some(Extras { header: Received::Whole(ends), .. }) if *ends != Ends::Unknown => Some(ends),
            _ => None,
        }
    }

    pub(super) fn read(&mut self, stream: &mut Stream, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        if !self.readable {
            return Ok(Incoming::Blocked);
        }
        if let Some(at) = self.extras.as_ref().and_then(|extras| extras.not_before) {
            if now < at {
                return Ok(Incoming::Until(at));
            }
        }
        let size = self.extras.as_ref().and_then(|extras| extras.reading.size);
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
        if let Some(Extras { reading, not_before, count, .. }) = self.extras.as_deref_mut() {
            if let Some(delay) = reading.delay {
                // Counted from when this read was due, so that pauses do not add up their lateness.
                let due = not_before.filter(|&at| now.saturating_duration_since(at) < delay).unwrap_or(now);
                *not_before = due.checked_add(delay);
            }
            if let Some(count) = count {
                count.add(&buf[..n]);
            }
        }
        Ok(Incoming::Bytes(n))
    }
}
