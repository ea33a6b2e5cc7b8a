//! The bytes of a message, a write or a read, as events carry them.

use data_encoding::BASE64;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::value::escape;

/// The number of first bytes that an event carries, unless it carries all.
const HEAD: usize = 64;

/// Bytes of a message, write or read. In JSON they are the field `text` if they are UTF-8, or else `base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data(Vec<u8>);

impl Data {
    /// The first 64 bytes, or up to three fewer so that no UTF-8 character is cut.
    #[must_use]
    pub fn head(bytes: &[u8]) -> Data {
        Data(head(bytes).to_vec())
    }

    /// All bytes.
    #[must_use]
    pub fn all(bytes: &[u8]) -> Data {
        Data(bytes.to_vec())
    }

    /// The bytes that are recorded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first bytes of `len` in quotes, escaped; dots replace the rest.
    #[must_use]
    pub fn shown(&self, len: u64) -> String {
        let head = head(&self.0);
        let dots = if (head.len() as u64) < len { "..." } else { "" };
        format!("\"{}\"{dots}", escape(head))
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match std::str::from_utf8(&self.0) {
            Ok(text) => map.serialize_entry("text", text)?,
            Err(_) => map.serialize_entry("base64", &BASE64.encode(&self.0))?,
        }
        map.end()
    }
}

fn head(bytes: &[u8]) -> &[u8] {
    let Some(head) = bytes.get(..HEAD) else { return bytes };
    if head.len() == bytes.len() {
        return head;
    }
    match std::str::from_utf8(head) {
        // The only error is an incomplete character at the end.
        Err(error) if error.error_len().is_none() => &head[..error.valid_up_to()],
        _ => head,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(data: &Data) -> String {
        serde_json::to_string(data).unwrap()
    }

    #[test]
    fn utf8_is_text_and_anything_else_is_base64() {
        assert_eq!(json(&Data::head(b"SECRET 42\n")), r#"{"text":"SECRET 42\n"}"#);
        assert_eq!(json(&Data::head(b"")), r#"{"text":""}"#);
        assert_eq!(json(&Data::head(b"\xffab")), r#"{"base64":"/2Fi"}"#);
        assert_eq!(json(&Data::all("\u{e9}".as_bytes())), "{\"text\":\"\u{e9}\"}");
        // What was cut by the sender stays cut: these are the bytes of one write.
        assert_eq!(json(&Data::head(b"caf\xc3")), r#"{"base64":"Y2Fmww=="}"#);
    }

    #[test]
    fn head_ends_at_a_character_boundary() {
        let text = format!("{}\u{e9}\u{e9}", "x".repeat(63));
        assert_eq!(Data::head(text.as_bytes()), Data::all("x".repeat(63).as_bytes()));
        assert_eq!(Data::head(&[b'x'; 100]), Data::all(&[b'x'; 64]));
        assert_eq!(Data::head(&[b'x'; 64]), Data::all(&[b'x'; 64]));
        let mixed = [&[0xff; 63][..], &[0xc3, 0xa9]].concat();
        assert_eq!(Data::head(&mixed), Data::all(&mixed[..64]), "no text anyway");
    }

    #[test]
    fn shown_bytes_are_escaped_and_clipped() {
        assert_eq!(Data::head(b"SECRET 42\n").shown(10), r#""SECRET 42\n""#);
        assert_eq!(Data::all(b"\x1b[2J\xff").shown(5), r#""\x1b[2J\xff""#);
        let long = format!("\"{}\"...", "x".repeat(64));
        assert_eq!(Data::all(&[b'x'; 65]).shown(65), long);
        assert_eq!(Data::head(&[b'x'; 65]).shown(65), long);
        assert_eq!(Data::head(&[b'x'; 64]).shown(64), format!("\"{}\"", "x".repeat(64)));
    }
}
