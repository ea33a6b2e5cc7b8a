//! The bytes of the first calls of a lane, for its labels.

use crate::value::escape;

/// The largest number of calls whose bytes are kept: more marks have no labels.
const CALLS: usize = 384;
/// The number of bytes that are kept of a call; the trace has no more of them.
const BYTES: usize = 64;

/// The first bytes of calls or messages, in the order of their offsets.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(Vec<(u64, Box<[u8]>)>);

/// What is known of a range of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Its first bytes, escaped.
    pub(super) escaped: String,
    /// Whether these are all of them.
    pub(super) is_whole: bool,
    /// Whether people can read it: few of its bytes are escaped.
    pub(super) is_readable: bool,
}

impl Texts {
    /// Adds the bytes of a call at this offset; offsets that go back are left out.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8]) {
        let is_next = self.0.last().is_none_or(|(last, _)| *last < offset);
        if self.0.len() < CALLS && is_next && !bytes.is_empty() {
            self.0.push((offset, bytes[..bytes.len().min(BYTES)].into()));
        }
    }

    /// The bytes from `from` to `to`, as far as they are known from the call that has the first of them.
    pub(super) fn of(&self, from: u64, to: u64) -> Option<Text> {
        let at = self.0.partition_point(|(offset, _)| *offset <= from).checked_sub(1)?;
        let (offset, bytes) = self.0.get(at)?;
        let known = bytes.get(usize::try_from(from - offset).ok()?..)?;
        let len = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX).min(known.len());
        let known = &known[..len];
        if known.is_empty() {
            return None;
        }
        let is_plain = |byte: &&u8| byte.is_ascii_graphic() || [b' ', b'\n', b'\r', b'\t'].contains(byte);
        let plain = known.iter().filter(is_plain).count();
        let is_text =
            std::str::from_utf8(known).is_ok_and(|text| !text.chars().any(is_control)) || 4 * plain >= 3 * len;
        Some(Text { escaped: escape(known), is_whole: len as u64 == to - from, is_readable: is_text })
    }

    /// The number of bytes that are kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.0.len()
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && !['\n', '\r', '\t'].contains(&c)
}

impl Text {
    /// The text with dots where it continues.
    pub(super) fn dotted(&self) -> String {
        format!("{}{}", self.escaped, if self.is_whole { "" } else { "\u{2026}" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_range_are_found_and_escaped() {
        let mut texts = Texts::default();
        texts.push(0, b"SECRET 42\n");
        texts.push(10, b"hello\n");
        let of = |from, to| texts.of(from, to).map(|text| text.dotted());
        assert_eq!(of(0, 4).unwrap(), "SECR");
        assert_eq!(of(4, 10).unwrap(), "ET 42\\n");
        assert_eq!(of(10, 16).unwrap(), "hello\\n");
        assert_eq!(of(6, 16).unwrap(), " 42\\n\u{2026}", "a call after it has the rest");
        assert_eq!((of(16, 20), of(4, 4)), (None, None));
        assert!(!texts.of(0, 16).unwrap().is_whole);
    }

    #[test]
    fn memory_is_bounded() {
        let mut texts = Texts::default();
        for offset in 0..10_000 {
            texts.push(100 * offset, &[b'x'; 5_000]);
        }
        assert_eq!(texts.room(), CALLS);
        assert!(texts.0.iter().all(|(_, bytes)| bytes.len() <= BYTES));
    }

    #[test]
    fn bytes_of_programs_are_not_readable() {
        let mut texts = Texts::default();
        texts.push(0, b"\x17\x03\x03\0\x19\x8e\xff\x10");
        texts.push(8, "caf\u{e9} \u{65e5}\n".as_bytes());
        assert!(!texts.of(0, 8).unwrap().is_readable && texts.of(8, 18).unwrap().is_readable);
    }
}
