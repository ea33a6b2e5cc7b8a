//! Bytes to look for, written with escapes: `\r\n`, `\x00`.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::text::serde_as_text;

/// At least one byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(Vec<u8>);

const WHAT: &str = "a pattern of bytes";
const EXPECTED: &str = r"text of at least one byte, with \r \n \t \0 \\ \xHH for other bytes";

impl Pattern {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Writes bytes as a pattern: printable ASCII that no shell takes for more than itself between single quotes;
    /// all else is escaped.
    pub(crate) fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytes.iter().try_for_each(|byte| match byte {
            b'\r' => f.write_str(r"\r"),
            b'\n' => f.write_str(r"\n"),
            b'\t' => f.write_str(r"\t"),
            b'\\' => f.write_str(r"\\"),
            b'!'..=b'~' if *byte != b'\'' => write!(f, "{}", char::from(*byte)),
            byte => write!(f, r"\x{byte:02x}"),
        })
    }
}

impl FromStr for Pattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Pattern, Invalid> {
        let bytes = unescape(text.as_bytes()).filter(|bytes| !bytes.is_empty());
        bytes.map(Pattern).ok_or_else(|| Invalid::new(text, WHAT, EXPECTED))
    }
}

fn unescape(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !text.is_empty() {
        bytes.push(take_byte(&mut text)?);
    }
    Some(bytes)
}

/// Takes the first byte of a text, or the byte that an escape at its start means. `None` if the text is empty, or
/// begins with an unknown escape.
pub fn take_byte(text: &mut &[u8]) -> Option<u8> {
    let (byte, rest) = match *text {
        [b'\\', b'r', rest @ ..] => (b'\r', rest),
        [b'\\', b'n', rest @ ..] => (b'\n', rest),
        [b'\\', b't', rest @ ..] => (b'\t', rest),
        [b'\\', b'0', rest @ ..] => (0, rest),
        [b'\\', b'\\', rest @ ..] => (b'\\', rest),
        [b'\\', b'x', high, low, rest @ ..] => (digit(*high)? << 4 | digit(*low)?, rest),
        [b'\\', ..] | [] => return None,
        [byte, rest @ ..] => (*byte, rest),
    };
    *text = rest;
    Some(byte)
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pattern::write(&self.0, f)
    }
}

serde_as_text!(Pattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_is_read_as_it_is_written() {
        for (text, bytes, shown) in [
            (r"\r\n", &b"\r\n"[..], r"\r\n"),
            (r"a\0\xfF\t", b"a\0\xff\t", r"a\x00\xff\t"),
            (r"\\ '", b"\\ '", r"\\\x20\x27"),
            ("\u{e9}", b"\xc3\xa9", r"\xc3\xa9"),
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!((pattern.as_bytes(), pattern.to_string().as_str()), (bytes, shown));
            assert_eq!(shown.parse::<Pattern>().unwrap(), pattern);
        }
        for wrong in ["", r"\", r"\q", r"\x1", r"\xg0"] {
            assert!(wrong.parse::<Pattern>().unwrap_err().to_string().contains("is not a pattern of bytes: expected"));
        }
    }
}
