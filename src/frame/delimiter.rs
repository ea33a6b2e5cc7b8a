//! Messages that end with the bytes of a delimiter.

use std::fmt;
use std::str::FromStr;

use memchr::memmem;

use super::{Form, Found, FrameError, Need, Scan};
use crate::value::Pattern;

/// The bytes that end a message: 1 to 16 of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Delimiter {
    /// Zero after the first `len` bytes.
    bytes: [u8; Delimiter::MOST],
    len: u8,
}

impl Delimiter {
    /// The largest number of bytes.
    const MOST: usize = 16;

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len.into()]
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self.as_bytes() {
            [byte] => memchr::memchr(*byte, bytes),
            delimiter => memmem::find(bytes, delimiter),
        }
    }

    /// Whether a message with this body would end before the end of the body.
    pub(super) fn ends_within(&self, body: &[u8]) -> bool {
        // An occurrence can begin in the body and end in the delimiter after it.
        let overlap = body.len().min(self.as_bytes().len() - 1);
        let tail = [&body[body.len() - overlap..], self.as_bytes()].concat();
        self.find(body).is_some() || self.find(&tail).is_some_and(|at| at < overlap)
    }

    pub(super) fn encode(&self, body: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(body);
        out.extend_from_slice(self.as_bytes());
    }
}

impl FromStr for Delimiter {
    type Err = ();

    fn from_str(text: &str) -> Result<Delimiter, ()> {
        let pattern: Pattern = text.parse().map_err(|_| ())?;
        let given = pattern.as_bytes();
        let mut bytes = [0; Delimiter::MOST];
        bytes.get_mut(..given.len()).ok_or(())?.copy_from_slice(given);
        Ok(Delimiter { bytes, len: u8::try_from(given.len()).map_err(|_| ())? })
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pattern::write(self.as_bytes(), f)
    }
}

impl fmt::Debug for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Searches for the delimiter, and remembers how far it has searched.
#[derive(Debug)]
pub(super) struct Delimited {
    delimiter: Delimiter,
    limit: usize,
    searched: usize,
}

impl Delimited {
    pub(super) fn new(delimiter: Delimiter, limit: usize) -> Delimited {
        Delimited { delimiter, limit, searched: 0 }
    }

    pub(super) fn reset(&mut self) {
        self.searched = 0;
    }

    pub(super) fn scan(&mut self, held: &[u8]) -> Result<Scan, FrameError> {
        let delimiter = self.delimiter.as_bytes();
        // The limit has room for the delimiter, which does not count.
        let most = self.limit.saturating_add(delimiter.len());
        let window = &held[..held.len().min(most)];
        let from = self.searched.saturating_sub(delimiter.len() - 1);
        if let Some(found) = self.delimiter.find(&window[from..]) {
            let body_end = from + found;
            let wire = body_end + delimiter.len();
            return Ok(Scan::Whole(Found { wire, body: 0, body_end, form: Form::Plain }));
        }
        self.searched = window.len();
        if window.len() == most {
            return Err(FrameError::TooLong { limit: self.limit });
        }
        let last = delimiter.last().copied().unwrap_or_default();
        Ok(Scan::More(Need::Through { last, most: most - window.len() }))
    }

    /// At the end of the stream the message needs no delimiter.
    pub(super) fn finish(&self, held: &[u8]) -> Result<Found, FrameError> {
        if held.len() > self.limit {
            return Err(FrameError::TooLong { limit: self.limit });
        }
        Ok(Found { wire: held.len(), body: 0, body_end: held.len(), form: Form::Plain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimited(delimiter: &str, limit: usize) -> Delimited {
        Delimited::new(delimiter.parse().unwrap(), limit)
    }

    fn message(wire: usize, body_end: usize) -> Scan {
        Scan::Whole(Found { wire, body: 0, body_end, form: Form::Plain })
    }

    #[test]
    fn message_ends_before_its_first_delimiter() {
        for (delimiter, held, wire, body_end) in [
            (r"\r\n.\r\n", &b"a\r\n.\r\n.\r\n"[..], 6, 1),
            (r"\0", b"ab\0c\0", 3, 2),
            ("aab", b"aaab", 4, 1),
            ("--", b"----", 2, 0),
        ] {
            assert_eq!(delimited(delimiter, 10).scan(held), Ok(message(wire, body_end)), "{delimiter}");
            let mut parts = delimited(delimiter, 10);
            for end in 0..wire {
                assert!(matches!(parts.scan(&held[..end]), Ok(Scan::More(Need::Through { .. }))), "{delimiter} {end}");
            }
            assert_eq!(parts.scan(&held[..wire]), Ok(message(wire, body_end)), "{delimiter}");
        }
    }

    #[test]
    fn delimiter_does_not_count_for_the_limit() {
        let too_long = Err(FrameError::TooLong { limit: 3 });
        assert_eq!(delimited("--", 3).scan(b"abc--"), Ok(message(5, 3)));
        assert_eq!(delimited("--", 3).scan(b"abcd--"), too_long);
        assert_eq!(delimited("--", 3).scan(b"abc-"), Ok(Scan::More(Need::Through { last: b'-', most: 1 })));
        assert_eq!(delimited("--", 3).scan(b"abc-d"), too_long);
        assert_eq!(delimited("--", 3).finish(b"ab-"), Ok(Found { wire: 3, body: 0, body_end: 3, form: Form::Plain }));
        assert_eq!(delimited("--", 3).finish(b"abc-"), too_long.map(|_: Scan| unreachable!()));
    }

    #[test]
    fn body_that_ends_early_is_found() {
        let within = |delimiter: &str, body: &[u8]| delimiter.parse::<Delimiter>().unwrap().ends_within(body);
        assert!(within("--", b"a--b") && within("--", b"a-") && within("abab", b"xab"));
        assert!(!within("--", b"a-b") && !within("--", b"") && !within(r"\r\n", b"a\r") && !within("aab", b"a"));
        assert!(within(r"\0", b"a\0") && !within(r"\0", b"a0"));
    }

    #[test]
    fn delimiter_has_at_most_16_bytes() {
        let parse = |text: &str| text.parse::<Delimiter>();
        assert_eq!(parse(&"x".repeat(16)).unwrap().as_bytes(), &[b'x'; 16]);
        for wrong in ["", r"\", r"\q", &"x".repeat(17)] {
            assert_eq!(parse(wrong), Err(()), "{wrong}");
        }
        assert_eq!(parse(r"\r\n\0 ").unwrap().to_string(), r"\r\n\x00\x20");
    }
}
