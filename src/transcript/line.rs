//! Writes the lines of a transcript.

use std::io::{self, Write};

use data_encoding::BASE64;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::Formatter;

use crate::trace::{ConnId, Direction};

/// The name in the first line of a transcript.
pub(super) const NAME: &str = "transcript";
/// The version of the schema. It increases when programs that read earlier transcripts would misread new ones.
pub(super) const VERSION: u32 = 1;

/// The first line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The number of the first message that this file can have.
    pub first: u64,
    /// The time at which the file was created, in the form of RFC 3339.
    pub time: &'a str,
}

/// A message to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The number of the connection within the run; 0 for the operator.
    pub conn: ConnId,
    /// The address of the peer.
    pub peer: &'a str,
    /// The name of the sender, where clients have names.
    pub user: Option<&'a str>,
    /// The room, where there are rooms.
    pub room: Option<&'a str>,
    /// Whether this program has received or sent it.
    pub direction: Direction,
    /// Whether it is a notice of IRC, which programs do not answer.
    pub notice: bool,
    /// The message; of lines without their ending.
    pub bytes: &'a [u8],
}

/// Appends the first line of a file.
pub fn write_header(header: Header<'_>, out: &mut Vec<u8>) {
    struct Line<'a>(Header<'a>);
    impl Serialize for Line<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("secretcat", NAME)?;
            map.serialize_entry("version", &VERSION)?;
            map.serialize_entry("first", &self.0.first)?;
            map.serialize_entry("time", self.0.time)?;
            map.end()
        }
    }
    write_line(&Line(header), out);
}

/// Appends the line of message `id`, recorded at `time` (RFC 3339).
pub fn write_message(id: u64, time: &str, message: &Message<'_>, out: &mut Vec<u8>) {
    struct Line<'a>(u64, &'a str, &'a Message<'a>);
    impl Serialize for Line<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let Line(id, time, message) = self;
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("id", id)?;
            map.serialize_entry("time", time)?;
            map.serialize_entry("conn", &message.conn)?;
            map.serialize_entry("peer", message.peer)?;
            if let Some(user) = message.user {
                map.serialize_entry("user", user)?;
            }
            if let Some(room) = message.room {
                map.serialize_entry("room", room)?;
            }
            map.serialize_entry("dir", &message.direction)?;
            if message.notice {
                map.serialize_entry("notice", &true)?;
            }
            match std::str::from_utf8(message.bytes) {
                Ok(text) => map.serialize_entry("text", text)?,
                Err(_) => map.serialize_entry("base64", &BASE64.encode(message.bytes))?,
            }
            map.end()
        }
    }
    write_line(&Line(id, time, message), out);
}

/// Appends the line that says that this number of messages, of which `id` is the last, were lost.
pub fn write_gap(id: u64, time: &str, lost: u64, out: &mut Vec<u8>) {
    struct Line<'a>(u64, &'a str, u64);
    impl Serialize for Line<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("id", &self.0)?;
            map.serialize_entry("time", self.1)?;
            map.serialize_entry("lost", &self.2)?;
            map.end()
        }
    }
    write_line(&Line(id, time, lost), out);
}

#[allow(clippy::missing_panics_doc)] // its expect cannot fail
fn write_line(line: &impl Serialize, out: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Visible);
    line.serialize(&mut serializer).expect("a line is numbers and strings, and a Vec takes every byte");
    out.push(b'\n');
}

/// Compact JSON in which DEL and the C1 controls are escaped as C0 controls are: a terminal may show the file.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(char::is_control) {
            let (clean, others) = rest.split_at(at);
            writer.write_all(clean.as_bytes())?;
            let mut chars = others.chars();
            if let Some(control) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(control))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}
