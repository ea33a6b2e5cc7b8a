//! Messages that end in LF.

use super::{Form, Found, FrameError, Need, Scan};

/// The largest length that is searched byte by byte.
const FEW: usize = 64;

/// Searches for the end of a line, and remembers how far it has searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    limit: usize,
    searched: usize,
    /// Lines are returned with their ending.
    keeps_ending: bool,
}

impl Lines {
    pub(super) fn new(limit: usize) -> Lines {
        Lines { limit, searched: 0, keeps_ending: false }
    }

    /// Returns lines with their ending from now on.
    pub(super) fn keep_ending(&mut self) {
        self.keeps_ending = true;
    }

    pub(super) fn reset(&mut self) {
        self.searched = 0;
    }

    /// Splits off the first line of `fresh`, if it is complete and not too long; returns it with its ending and
    /// without. None of its bytes may have been examined before.
    #[inline]
    pub(super) fn split<'a>(&self, fresh: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let lf = find_lf(fresh).filter(|&lf| lf <= self.limit)?;
        let (wire, rest) = fresh.split_at_checked(lf + 1)?;
        *fresh = rest;
        if self.keeps_ending {
            return Some((wire, wire));
        }
        Some((wire, wire[..lf].strip_suffix(b"\r").unwrap_or(&wire[..lf])))
    }

    pub(super) fn scan(&mut self, held: &[u8]) -> Result<Scan, FrameError> {
        // The limit has room for the line ending, which does not count.
        let most = self.limit.saturating_add(2);
        let window = &held[..held.len().min(most)];
        if let Some(found) = find_lf(&window[self.searched..]) {
            let lf = self.searched + found;
            let end = if held[..lf].ends_with(b"\r") { lf - 1 } else { lf };
            self.allow(end)?;
            let body_end = if self.keeps_ending { lf + 1 } else { end };
            return Ok(Scan::Whole(Found { wire: lf + 1, body: 0, body_end, form: Form::Plain }));
        }
        self.searched = window.len();
        if window.len() == most {
            self.allow(most)?;
        }
        Ok(Scan::More(Need::Through { last: b'\n', most: most - window.len() }))
    }

    /// At the end of the stream the line needs no LF, and a CR at its end is part of it.
    pub(super) fn finish(&self, held: &[u8]) -> Result<Found, FrameError> {
        self.allow(held.len())?;
        Ok(Found { wire: held.len(), body: 0, body_end: held.len(), form: Form::Plain })
    }

    fn allow(&self, len: usize) -> Result<(), FrameError> {
        if len > self.limit { Err(FrameError::TooLong { limit: self.limit }) } else { Ok(()) }
    }
}

/// The position of the first LF. The first call of memchr queries the features of the processor (CPUID). Under a
/// hypervisor that takes longer than all other work on the bytes of a short conversation.
#[inline]
fn find_lf(bytes: &[u8]) -> Option<usize> {
    if bytes.len() <= FEW { bytes.iter().position(|&byte| byte == b'\n') } else { memchr::memchr(b'\n', bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(wire: usize, body_end: usize) -> Scan {
        Scan::Whole(Found { wire, body: 0, body_end, form: Form::Plain })
    }

    #[test]
    fn first_lf_is_found_in_short_and_long_input() {
        for len in [0, 1, 13, FEW, FEW + 1, 3 * FEW] {
            let mut bytes = vec![b'x'; len];
            assert_eq!(find_lf(&bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'\n';
                assert_eq!(find_lf(&bytes), Some(at), "of {len}");
            }
        }
    }

    #[test]
    fn line_ends_before_lf_and_one_cr() {
        let cases: [(&[u8], usize, usize); 6] = [
            (b"ab\ncd\n", 3, 2),
            (b"ab\r\n", 4, 2),
            (b"ab\r\r\n", 5, 3),
            (b"\n", 1, 0),
            (b"\r\n", 2, 0),
            (b"\r\0\xff\n", 4, 3),
        ];
        for (held, wire, body_end) in cases {
            assert_eq!(Lines::new(10).scan(held), Ok(line(wire, body_end)), "{held:?}");
        }
    }

    #[test]
    fn whole_line_is_split_off_without_a_scan() {
        let split = |limit, mut fresh: &'static [u8]| (Lines::new(limit).split(&mut fresh), fresh);
        assert_eq!(split(3, b"ab\r\ncd"), (Some((&b"ab\r\n"[..], &b"ab"[..])), &b"cd"[..]));
        assert_eq!(split(3, b"abc\n"), (Some((&b"abc\n"[..], &b"abc"[..])), &b""[..]));
        for not_one_line in [&b"abc"[..], b"abcd\n", b""] {
            assert_eq!(split(3, not_one_line), (None, not_one_line));
        }
    }

    #[test]
    fn line_ending_does_not_count_for_the_limit() {
        let too_long = Err(FrameError::TooLong { limit: 3 });
        assert_eq!(Lines::new(3).scan(b"abc\n"), Ok(line(4, 3)));
        assert_eq!(Lines::new(3).scan(b"abc\r\n"), Ok(line(5, 3)));
        assert_eq!(Lines::new(3).scan(b"abcd\n"), too_long);
        assert_eq!(Lines::new(3).scan(b"abc\r\r\n"), too_long);
        assert_eq!(Lines::new(0).scan(b"\r\n"), Ok(line(2, 0)));
        assert_eq!(
            Lines::new(usize::MAX).scan(b"a"),
            Ok(Scan::More(Need::Through { last: b'\n', most: usize::MAX - 1 }))
        );
    }

    #[test]
    fn line_is_too_long_before_its_lf_arrives() {
        assert_eq!(Lines::new(3).scan(b"abcd"), Ok(Scan::More(Need::Through { last: b'\n', most: 1 })));
        assert_eq!(Lines::new(3).scan(b"abcde"), Err(FrameError::TooLong { limit: 3 }));
        assert_eq!(Lines::new(3).finish(b"abc"), Ok(Found { wire: 3, body: 0, body_end: 3, form: Form::Plain }));
        assert_eq!(Lines::new(3).finish(b"abcd"), Err(FrameError::TooLong { limit: 3 }));
    }
}
