//! Messages with a length field.

use std::fmt;
use std::str::FromStr;

use super::{EncodeError, Form, Found, FrameError, Need, Scan, malformed};

/// The length field of a message: where it is, how it is written, and which bytes it counts.
///
/// A message is a header of a fixed length, the field, and the bytes that the field counts. Its body is the header
/// and the counted bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LengthField {
    /// The bytes before the field.
    offset: u8,
    number: Number,
    /// Added to the value of the field, this gives the number of bytes after the field. A field that counts its own
    /// bytes has their number here, negative.
    adjustment: i16,
}

/// How the value of the field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Number {
    U8,
    U16,
    U16le,
    U24,
    U24le,
    U32,
    U32le,
    /// Seven bits a byte, the least significant first; the highest bit of a byte is set if another one follows.
    Varint,
}

/// The names of the numbers; the first name of each is the one that is printed.
const NAMES: [(Number, &str); 11] = [
    (Number::U8, "u8"),
    (Number::U16, "u16"),
    (Number::U16, "u16be"),
    (Number::U16le, "u16le"),
    (Number::U24, "u24"),
    (Number::U24, "u24be"),
    (Number::U24le, "u24le"),
    (Number::U32, "u32"),
    (Number::U32, "u32be"),
    (Number::U32le, "u32le"),
    (Number::Varint, "varint"),
];

/// The largest number of bytes of a varint, as in MQTT.
const VARINT_BYTES: usize = 4;
/// The largest adjustment, and the largest offset.
const FARTHEST: i16 = 255;

/// A length field that was read: the bytes that it occupies, and its value.
struct Field {
    width: usize,
    value: u32,
}

impl LengthField {
    fn offset(self) -> usize {
        self.offset.into()
    }

    pub(super) fn scan(self, held: &[u8], limit: usize) -> Result<Scan, FrameError> {
        let header = self.offset();
        let too_long = || FrameError::TooLong { limit };
        let room = limit.checked_sub(header).ok_or_else(too_long)?;
        let written = held.get(header..).unwrap_or_default();
        let Some(field) = self.number.read(written)? else {
            let least = header + self.number.width().unwrap_or(written.len() + 1);
            return Ok(Scan::More(Need::Bytes(least - held.len())));
        };
        let Ok(counted) = u64::try_from(i64::from(field.value) + i64::from(self.adjustment)) else {
            return malformed("the length field is smaller than the bytes it counts of itself");
        };
        let counted = usize::try_from(counted).ok().filter(|counted| *counted <= room).ok_or_else(too_long)?;
        let start = header + field.width;
        let wire = start.saturating_add(counted);
        if held.len() < wire {
            return Ok(Scan::More(Need::Bytes(wire - held.len())));
        }
        Ok(Scan::Whole(match header {
            0 => Found { wire, body: start, body_end: wire, form: Form::Plain },
            _ => Found { wire, body: 0, body_end: wire, form: Form::Around { from: header, to: start } },
        }))
    }

    pub(super) fn encode(self, body: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (header, adjustment) = (i64::from(self.offset), i64::from(self.adjustment));
        let (least, most) = (header + adjustment.max(0), header + i64::from(self.number.most()) + adjustment);
        let bytes = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
        let len = i64::try_from(body.len()).unwrap_or(i64::MAX);
        if len > most {
            return Err(EncodeError::TooLong { most: bytes(most.max(0)) });
        }
        let value = u32::try_from(len - header - adjustment).ok().filter(|_| len >= least);
        let (Some(value), Some((before, after))) = (value, body.split_at_checked(self.offset())) else {
            return Err(EncodeError::TooShort { least: bytes(least) });
        };
        out.extend_from_slice(before);
        self.number.write(value, out);
        out.extend_from_slice(after);
        Ok(())
    }
}

impl Number {
    /// The number of its bytes; `None` for a varint.
    fn width(self) -> Option<usize> {
        Some(match self {
            Number::U8 => 1,
            Number::U16 | Number::U16le => 2,
            Number::U24 | Number::U24le => 3,
            Number::U32 | Number::U32le => 4,
            Number::Varint => return None,
        })
    }

    /// The largest value.
    fn most(self) -> u32 {
        let bits = self.width().map_or(7 * VARINT_BYTES, |width| 8 * width);
        u32::MAX >> (32 - bits)
    }

    fn is_little_endian(self) -> bool {
        matches!(self, Number::U16le | Number::U24le | Number::U32le)
    }

    /// Reads the number at the start of `held`; `None` while it is incomplete.
    fn read(self, held: &[u8]) -> Result<Option<Field>, FrameError> {
        let Some(width) = self.width() else { return read_varint(held) };
        let Some(bytes) = held.get(..width) else { return Ok(None) };
        let append = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        let value =
            if self.is_little_endian() { bytes.iter().rev().fold(0, append) } else { bytes.iter().fold(0, append) };
        Ok(Some(Field { width, value }))
    }

    /// Appends a value, which is not above the largest.
    fn write(self, mut value: u32, out: &mut Vec<u8>) {
        match self.width() {
            Some(width) if self.is_little_endian() => out.extend_from_slice(&value.to_le_bytes()[..width]),
            Some(width) => out.extend_from_slice(&value.to_be_bytes()[4 - width..]),
            None => loop {
                let [low, ..] = value.to_le_bytes();
                value >>= 7;
                out.push(if value == 0 { low } else { low | 0x80 });
                if value == 0 {
                    return;
                }
            },
        }
    }
}

fn read_varint(held: &[u8]) -> Result<Option<Field>, FrameError> {
    let mut value = 0;
    for (at, byte) in held.iter().take(VARINT_BYTES).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some(Field { width: at + 1, value }));
        }
    }
    if held.len() < VARINT_BYTES { Ok(None) } else { malformed("a varint of more than 4 bytes") }
}

impl FromStr for LengthField {
    type Err = ();

    /// Parses `[OFFSET:]NUMBER[+N|-N]`.
    fn from_str(text: &str) -> Result<LengthField, ()> {
        let digits = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i16>().ok().filter(|number| is_number && *number <= FARTHEST)
        };
        let (offset, field) = text.split_once(':').unwrap_or(("0", text));
        let at = field.find(['+', '-']).unwrap_or(field.len());
        let (name, sum) = field.split_at(at);
        let adjustment = match sum.split_at_checked(1) {
            Some(("-", number)) => -digits(number).ok_or(())?,
            Some((_, number)) => digits(number).ok_or(())?,
            None => 0,
        };
        let offset = digits(offset).and_then(|offset| u8::try_from(offset).ok()).ok_or(())?;
        let (number, _) = NAMES.into_iter().find(|(_, known)| *known == name).ok_or(())?;
        Ok(LengthField { offset, number, adjustment })
    }
}

impl fmt::Display for LengthField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offset > 0 {
            write!(f, "{}:", self.offset)?;
        }
        let known = NAMES.iter().find(|(number, _)| *number == self.number);
        f.write_str(known.map_or("", |(_, name)| name))?;
        if self.adjustment == 0 { Ok(()) } else { write!(f, "{:+}", self.adjustment) }
    }
}

impl fmt::Debug for LengthField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> LengthField {
        text.parse().unwrap()
    }

    fn encoded(text: &str, body: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        field(text).encode(body, &mut out).map(|()| out)
    }

    #[test]
    fn length_field_has_its_place_byte_order_and_count() {
        let cases: [(&str, &[u8], usize, &[u8]); 12] = [
            ("u8", b"ab", 0, b"\x02ab"),
            ("u16", b"ab", 0, b"\0\x02ab"),
            ("u16le", b"ab", 0, b"\x02\0ab"),
            ("u24be", b"ab", 0, b"\0\0\x02ab"),
            ("u32", b"ab", 0, b"\0\0\0\x02ab"),
            ("u32le", b"ab", 0, b"\x02\0\0\0ab"),
            ("u24le+1", b"\x01ab", 0, b"\x02\0\0\x01ab"), // MySQL: a sequence number that is not counted
            ("4:u16be", b"\0\x01\0\0ab", 4, b"\0\x01\0\0\0\x02ab"), // Modbus over TCP
            ("1:varint", b"\x10ab", 1, b"\x10\x02ab"),    // MQTT
            ("1:u32be-4", b"Qab", 1, b"Q\0\0\0\x06ab"),   // PostgreSQL: the length counts itself
            ("u32-4", b"ab", 0, b"\0\0\0\x06ab"),
            ("2:u16-4", b"ccab", 2, b"cc\0\x06ab"), // the length counts the whole message
        ];
        for (text, body, header, wire) in cases {
            assert_eq!(encoded(text, body).unwrap(), wire, "{text}");
            let start = wire.len() - 2 - usize::from(text.ends_with("+1"));
            let found = match header {
                0 => Found { wire: wire.len(), body: start, body_end: wire.len(), form: Form::Plain },
                from => {
                    Found { wire: wire.len(), body: 0, body_end: wire.len(), form: Form::Around { from, to: start } }
                }
            };
            let limit = body.len();
            assert_eq!(field(text).scan(wire, limit), Ok(Scan::Whole(found)), "{text}");
            assert_eq!(field(text).scan(&wire[..wire.len() - 1], limit), Ok(Scan::More(Need::Bytes(1))), "{text}");
            let too_long = FrameError::TooLong { limit: limit - 1 };
            assert_eq!(field(text).scan(wire, limit - 1), Err(too_long), "{text}");
        }
    }

    #[test]
    fn varint_has_seven_bits_a_byte_and_four_bytes() {
        let cases: [(usize, &[u8]); 6] = [
            (0, b"\0"),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (16_383, b"\xff\x7f"),
            (16_384, b"\x80\x80\x01"),
            (2_097_152, b"\x80\x80\x80\x01"),
        ];
        for (len, bytes) in cases {
            let mut wire = encoded("varint", &vec![7; len]).unwrap();
            assert_eq!(wire.len(), bytes.len() + len);
            wire.truncate(bytes.len());
            assert_eq!(wire, bytes);
            let Ok(Some(read)) = Number::Varint.read(&wire) else { panic!("{wire:?}") };
            assert_eq!((read.width, read.value as usize), (bytes.len(), len));
            for part in 0..bytes.len() {
                let need = Ok(Scan::More(Need::Bytes(1)));
                assert_eq!(field("varint").scan(&wire[..part], usize::MAX), need);
            }
        }
        let endless = malformed("a varint of more than 4 bytes");
        assert_eq!(field("1:varint").scan(b"\x10\xff\xff\xff\x80", 1000), endless);
        assert_eq!(Number::Varint.most(), 268_435_455);
    }

    #[test]
    fn body_that_the_field_cannot_count_is_refused() {
        let too_long = |most| Err(EncodeError::TooLong { most });
        assert_eq!(encoded("u8", &[7; 255]).unwrap().len(), 256);
        assert_eq!(encoded("u8", &[7; 256]), too_long(255));
        assert_eq!(encoded("u16", &[7].repeat(65_536)), too_long(65_535));
        assert_eq!(encoded("u16le", &[7].repeat(65_535)).unwrap()[..2], [0xff, 0xff]);
        assert_eq!(encoded("1:u8-1", &[7; 255]).unwrap().len(), 256);
        assert_eq!(encoded("1:u8-1", &[7; 256]), too_long(255));
        assert_eq!(encoded("u8+2", &[7; 258]), too_long(257));
        let too_short = |least| Err(EncodeError::TooShort { least });
        assert_eq!(encoded("4:u16", b"abc"), too_short(4));
        assert_eq!(encoded("4:u16-6", b"abc"), too_short(4));
        assert_eq!(encoded("1:u16+2", b"ab"), too_short(3));
        assert_eq!(encoded("1:u16+2", b"abc").unwrap(), b"a\0\0bc");
    }

    #[test]
    fn length_over_the_limit_is_refused_before_the_body() {
        let too_long = Err(FrameError::TooLong { limit: 1000 });
        assert_eq!(field("u32").scan(b"\xff\xff\xff\xff", 1000), too_long);
        assert_eq!(field("u32+255").scan(b"\xff\xff\xff\xff", 1000), too_long);
        assert_eq!(field("u32le").scan(b"\xe8\x03\0\0", 1000), Ok(Scan::More(Need::Bytes(1000))));
        assert_eq!(field("2:u32le").scan(b"ab\xe8\x03\0\0", 1000), too_long);
        assert_eq!(field("u32").scan(b"\0\0\x03", 1000), Ok(Scan::More(Need::Bytes(1))));
        assert_eq!(field("9:u32").scan(b"\0", 1000), Ok(Scan::More(Need::Bytes(12))));
        assert_eq!(field("9:varint").scan(b"\0", 1000), Ok(Scan::More(Need::Bytes(9))));
        assert_eq!(field("9:u8").scan(b"\0", 8), Err(FrameError::TooLong { limit: 8 }));
    }

    #[test]
    fn length_that_does_not_count_itself_is_malformed() {
        let smaller = malformed("the length field is smaller than the bytes it counts of itself");
        assert_eq!(field("1:u32-4").scan(b"Z\0\0\0\x03", 1000), smaller);
        assert!(matches!(field("1:u32-4").scan(b"Z\0\0\0\x04", 1000), Ok(Scan::Whole(_))));
    }

    #[test]
    fn length_field_is_parsed_and_printed() {
        for (text, shown) in [
            ("u8", "u8"),
            ("u16be", "u16"),
            ("0:u24be+0", "u24"),
            ("4:u32be-4", "4:u32-4"),
            ("255:varint+255", "255:varint+255"),
            ("u16le-0255", "u16le-255"),
        ] {
            assert_eq!(field(text).to_string(), shown);
            assert_eq!(field(shown), field(text));
        }
        for wrong in ["", "u64", "u8be", ":u8", "256:u8", "+1:u8", "-1:u8", "1:2:u8", "u8+", "u8-", "u8+256", "u8--1"] {
            assert_eq!(wrong.parse::<LengthField>(), Err(()), "{wrong}");
        }
    }
}
