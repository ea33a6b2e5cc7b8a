//! Messages with a length prefix.

use super::{Found, FrameError, Need, Scan};

/// The length prefix: the number of bytes of the body that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LengthPrefix {
    /// One byte.
    U8,
    /// Two bytes, big-endian.
    U16,
    /// Two bytes, little-endian.
    U16le,
    /// Four bytes, big-endian.
    U32,
    /// Four bytes, little-endian.
    U32le,
}

impl LengthPrefix {
    fn width(self) -> usize {
        match self {
            LengthPrefix::U8 => 1,
            LengthPrefix::U16 | LengthPrefix::U16le => 2,
            LengthPrefix::U32 | LengthPrefix::U32le => 4,
        }
    }

    fn is_little_endian(self) -> bool {
        matches!(self, LengthPrefix::U16le | LengthPrefix::U32le)
    }

    /// Reads the prefix at the start of `held`; `None` while it is incomplete.
    fn read(self, held: &[u8]) -> Option<u32> {
        let bytes = held.get(..self.width())?;
        let append = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        Some(if self.is_little_endian() { bytes.iter().rev().fold(0, append) } else { bytes.iter().fold(0, append) })
    }

    pub(super) fn scan(self, held: &[u8], limit: usize) -> Result<Scan, FrameError> {
        let body = self.width();
        let Some(len) = self.read(held) else {
            return Ok(Scan::More(Need::Bytes(body - held.len())));
        };
        let wire = match usize::try_from(len) {
            Ok(len) if len <= limit => body.saturating_add(len),
            _ => return Err(FrameError::TooLong { limit }),
        };
        Ok(match held.len() {
            have if have < wire => Scan::More(Need::Bytes(wire - have)),
            _ => Scan::Whole(Found { wire, body, body_end: wire, chunked: false }),
        })
    }

    pub(super) fn encode(self, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let width = self.width();
        let most = u32::MAX >> (32 - 8 * width);
        let len = match u32::try_from(body.len()) {
            Ok(len) if len <= most => len,
            _ => return Err(FrameError::TooLong { limit: usize::try_from(most).unwrap_or(usize::MAX) }),
        };
        if self.is_little_endian() {
            out.extend_from_slice(&len.to_le_bytes()[..width]);
        } else {
            out.extend_from_slice(&len.to_be_bytes()[4 - width..]);
        }
        out.extend_from_slice(body);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(prefix: LengthPrefix, body: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut out = Vec::new();
        prefix.encode(body, &mut out).map(|()| out)
    }

    #[test]
    fn length_prefix_has_its_byte_order() {
        let cases: [(LengthPrefix, &[u8]); 5] = [
            (LengthPrefix::U8, b"\x02ab"),
            (LengthPrefix::U16, b"\0\x02ab"),
            (LengthPrefix::U16le, b"\x02\0ab"),
            (LengthPrefix::U32, b"\0\0\0\x02ab"),
            (LengthPrefix::U32le, b"\x02\0\0\0ab"),
        ];
        for (prefix, wire) in cases {
            assert_eq!(encoded(prefix, b"ab").unwrap(), wire);
            let found = Found { wire: wire.len(), body: wire.len() - 2, body_end: wire.len(), chunked: false };
            assert_eq!(prefix.scan(wire, 2), Ok(Scan::Whole(found)));
            assert_eq!(prefix.scan(&wire[..wire.len() - 1], 2), Ok(Scan::More(Need::Bytes(1))));
            assert_eq!(prefix.scan(wire, 1), Err(FrameError::TooLong { limit: 1 }));
        }
    }

    #[test]
    fn body_too_long_for_the_prefix_is_refused() {
        assert_eq!(encoded(LengthPrefix::U8, &[7; 255]).unwrap().len(), 256);
        assert_eq!(encoded(LengthPrefix::U8, &[7; 256]), Err(FrameError::TooLong { limit: 255 }));
        assert_eq!(encoded(LengthPrefix::U16, &[7].repeat(65536)), Err(FrameError::TooLong { limit: 65535 }));
        assert_eq!(encoded(LengthPrefix::U16le, &[7].repeat(65535)).unwrap()[..2], [0xff, 0xff]);
    }

    #[test]
    fn length_over_the_limit_is_refused_before_the_body() {
        assert_eq!(LengthPrefix::U32.scan(b"\xff\xff\xff\xff", 1000), Err(FrameError::TooLong { limit: 1000 }));
        assert_eq!(LengthPrefix::U32le.scan(b"\xe8\x03\0\0", 1000), Ok(Scan::More(Need::Bytes(1000))));
        assert_eq!(LengthPrefix::U32.scan(b"\0\0\x03", 1000), Ok(Scan::More(Need::Bytes(1))));
        assert_eq!(LengthPrefix::U32.scan(b"\0", 1000), Ok(Scan::More(Need::Bytes(3))));
    }
}
