//! A reply as one line of JSON (the schema is `tests/cases/reply.schema.json`).

use data_encoding::BASE64;
use serde::Serialize;

use crate::value::Timestamp;

/// A reply with what is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonReply<'a> {
    /// The number of the message that it answers, if that is certain.
    pub(super) number: Option<u64>,
    /// Its reply time.
    pub(super) nanos: Option<u64>,
    /// Whether it matches what was expected.
    pub(super) matches: Option<bool>,
    /// The connection did not end within it.
    pub(super) is_whole: bool,
    /// When it was received.
    pub(super) time: Timestamp,
    pub(super) bytes: &'a [u8],
}

/// The fields of the object, in their order.
#[derive(Debug, Serialize)]
struct Fields<'a> {
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nanos: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl JsonReply<'_> {
    /// Appends it as one line.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let text = std::str::from_utf8(self.bytes).ok();
        let fields = Fields {
            time: self.time.to_string(),
            number: self.number,
            nanos: self.nanos,
            matches: self.matches,
            incomplete: !self.is_whole,
            text,
            base64: text.is_none().then(|| BASE64.encode(self.bytes)),
        };
        // A Vec takes every byte, and the fields are numbers and strings.
        let _ = serde_json::to_writer(&mut *out, &fields);
        out.push(b'\n');
    }
}
