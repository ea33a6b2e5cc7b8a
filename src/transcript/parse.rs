//! Reads the lines of a transcript.

use std::borrow::Cow;

use data_encoding::BASE64;
use serde::Deserialize;

use super::line::{NAME, VERSION};

/// The start of every transcript of this version.
const START: &[u8] = b"{\"secretcat\":\"transcript\",\"version\":1,\"first\":";

/// A line of a transcript, but for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A message.
    Message(Record<'a>),
    /// Messages that were lost, because the disk was full or too slow.
    Gap {
        /// The number of the last one.
        id: u64,
        /// The time at which recording went on.
        time: Cow<'a, str>,
        /// How many were lost.
        lost: u64,
    },
}

/// A recorded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number.
    pub id: u64,
    /// The time, in the form of RFC 3339.
    pub time: Cow<'a, str>,
    /// The number of the connection within the run.
    pub conn: u64,
    /// The address of the peer.
    pub peer: Cow<'a, str>,
    /// The name of the sender.
    pub user: Option<Cow<'a, str>>,
    /// The room.
    pub room: Option<Cow<'a, str>>,
    /// Whether it was sent, not received.
    pub is_out: bool,
    /// Whether it is a notice of IRC, which programs do not answer.
    pub is_notice: bool,
    /// The message.
    pub payload: Payload<'a>,
}

/// The bytes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// They are UTF-8.
    Text(Cow<'a, str>),
    /// They are not.
    Bytes(Vec<u8>),
}

impl Payload<'_> {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Payload::Text(text) => text.as_bytes(),
            Payload::Bytes(bytes) => bytes,
        }
    }
}

/// A line that is none of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine;

#[derive(Deserialize)]
struct Fields<'a> {
    id: u64,
    #[serde(borrow)]
    time: Cow<'a, str>,
    lost: Option<u64>,
    conn: Option<u64>,
    #[serde(borrow)]
    peer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    dir: Option<Cow<'a, str>>,
    notice: Option<bool>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    base64: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow)]
    secretcat: Cow<'a, str>,
    version: u32,
    first: u64,
}

/// Parses a line, without its line feed. Fields that this version does not know are skipped.
///
/// # Errors
/// When it is no line of a transcript.
pub fn parse(line: &[u8]) -> Result<Line<'_>, BadLine> {
    let fields: Fields<'_> = serde_json::from_slice(line).map_err(|_| BadLine)?;
    let Fields { id, time, lost, conn, peer, user, room, dir, notice, text, base64 } = fields;
    if let Some(lost) = lost {
        return Ok(Line::Gap { id, time, lost });
    }
    let is_out = match dir.as_deref() {
        Some("in") => false,
        Some("out") => true,
        _ => return Err(BadLine),
    };
    let payload = match (text, base64) {
        (Some(text), None) => Payload::Text(text),
        (None, Some(code)) => Payload::Bytes(BASE64.decode(code.as_bytes()).map_err(|_| BadLine)?),
        _ => return Err(BadLine),
    };
    let (conn, peer) = (conn.ok_or(BadLine)?, peer.ok_or(BadLine)?);
    Ok(Line::Message(Record { id, time, conn, peer, user, room, is_out, is_notice: notice == Some(true), payload }))
}

/// The number of the first message that a file can have, from its first line.
///
/// # Errors
/// When it is not the first line of a transcript of this version.
pub fn parse_header(line: &[u8]) -> Result<u64, BadLine> {
    let start: Start<'_> = serde_json::from_slice(line).map_err(|_| BadLine)?;
    if start.secretcat == NAME && start.version == VERSION { Ok(start.first) } else { Err(BadLine) }
}

/// Whether a file that ends within its first line, which is this, may be a transcript.
#[must_use]
pub fn header_begins(start: &[u8]) -> bool {
    let both = start.len().min(START.len());
    start[..both] == START[..both]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Header, Message, write_gap, write_header, write_message};
    use super::*;
    use crate::trace::Direction;
    use serde_json::Value;

    const TIME: &str = "2026-11-26T18:39:08.000001Z";

    fn message(bytes: &[u8]) -> Message<'_> {
        Message { conn: 3, peer: "127.0.0.1:9", user: None, room: None, direction: Direction::In, notice: false, bytes }
    }

    fn line(id: u64, message: &Message<'_>) -> String {
        let mut out = Vec::new();
        write_message(id, TIME, message, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn line_is_one_object_with_its_fields_in_order() {
        let plain = "{\"id\":7,\"time\":\"2026-11-26T18:39:08.000001Z\",\"conn\":3,\"peer\":\"127.0.0.1:9\",\
                     \"dir\":\"in\",\"text\":\"hi\"}\n";
        assert_eq!(line(7, &message(b"hi")), plain);
        let named = Message { user: Some("ann"), room: Some("lab"), direction: Direction::Out, ..message(b"\xff") };
        let expected = "{\"id\":8,\"time\":\"2026-11-26T18:39:08.000001Z\",\"conn\":3,\"peer\":\"127.0.0.1:9\",\
                        \"user\":\"ann\",\"room\":\"lab\",\"dir\":\"out\",\"base64\":\"/w==\"}\n";
        assert_eq!(line(8, &named), expected);
    }

    #[test]
    fn controls_are_escaped_so_that_a_terminal_may_show_the_file() {
        let text = line(1, &message("a\u{1b}[2J\u{7f}\u{9b}31m\u{e9}\n".as_bytes()));
        assert!(text.contains(r#""text":"a\u001b[2J\u007f\u009b31mé\n"}"#), "{text}");
    }

    #[test]
    fn header_names_the_program_and_the_version() {
        let mut out = Vec::new();
        write_header(Header { first: 5, time: TIME }, &mut out);
        assert!(out.starts_with(START) && out.ends_with(b"}\n"));
        assert_eq!(parse_header(&out), Ok(5));
        for cut in 0..out.len() {
            assert!(header_begins(&out[..cut]), "{cut}");
        }
        let others = ["", "{}", "null", r#"{"secretcat":"trace","version":1,"first":1}"#];
        for other in others {
            assert_eq!(parse_header(other.as_bytes()), Err(BadLine), "{other}");
        }
        let newer = r#"{"secretcat":"transcript","version":2,"first":1}"#;
        assert_eq!(parse_header(newer.as_bytes()), Err(BadLine));
        assert!(!header_begins(newer.as_bytes()) && !header_begins(b"{\"t\":0"));
    }

    #[test]
    fn other_lines_are_bad() {
        let both = r#"{"id":1,"time":"t","conn":1,"peer":"p","dir":"in","text":"a","base64":""}"#;
        let bad = ["", "{}", "[1]", "\0\0", r#"{"id":1,"time":"t"}"#, both];
        let torn = line(1, &message(b"hello"));
        let cuts = (0..torn.len() - 1).map(|cut| &torn[..cut]);
        for text in bad.into_iter().chain(cuts) {
            assert_eq!(parse(text.as_bytes()), Err(BadLine), "{text}");
        }
        for (field, value) in [("dir", "up"), ("base64", "!")] {
            let text = torn.replace("\"dir\":\"in\",\"text\":\"hello\"", &format!("\"{field}\":\"{value}\""));
            assert_eq!(parse(text.trim_end().as_bytes()), Err(BadLine), "{text}");
        }
    }

    #[test]
    fn every_kind_of_line_is_in_the_schema() {
        let schema: Value = serde_json::from_str(include_str!("../../tests/cases/transcript.schema.json")).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&schema));
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let mut lines = Vec::new();
        write_header(Header { first: 1, time: TIME }, &mut lines);
        write_message(1, TIME, &message(b"a"), &mut lines);
        write_message(2, TIME, &Message { user: Some("u"), room: Some("r"), ..message(b"\xff") }, &mut lines);
        for bytes in [&b"a"[..], b"\xff"] {
            write_message(3, TIME, &Message { room: Some("r"), notice: true, ..message(bytes) }, &mut lines);
        }
        write_gap(5, TIME, 3, &mut lines);
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let value: Value = serde_json::from_slice(line).unwrap();
            let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{value}: {wrong:?}");
            let mut more = value.clone();
            more["surprise"] = Value::from(1);
            assert!(!validator.is_valid(&more), "{more}");
            for field in
                value.as_object().unwrap().keys().filter(|field| !["user", "room", "notice"].contains(&field.as_str()))
            {
                let mut less = value.clone();
                less.as_object_mut().unwrap().remove(field);
                assert!(!validator.is_valid(&less), "{less}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_message_round_trips_in_one_line(
            id: u64, conn: u64, peer: String, user: Option<String>, room: Option<String>, is_out: bool, notice: bool,
            bytes in prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)],
        ) {
            let direction = if is_out { Direction::Out } else { Direction::In };
            let user_name = user.as_deref();
            let message =
                Message { conn, peer: &peer, user: user_name, room: room.as_deref(), direction, notice, bytes: &bytes };
            let text = line(id, &message);
            prop_assert!(text.strip_suffix('\n').is_some_and(|line| !line.contains(char::is_control)));
            let parsed = parse(text.trim_end().as_bytes());
            let Ok(Line::Message(record)) = parsed else { panic!("{parsed:?}") };
            prop_assert_eq!((record.id, record.conn, &*record.peer, record.is_out), (id, conn, &*peer, is_out));
            prop_assert_eq!((record.user.as_deref(), record.room.as_deref()), (user.as_deref(), room.as_deref()));
            prop_assert_eq!(record.is_notice, notice);
            prop_assert_eq!((&*record.time, record.payload.bytes()), (TIME, &bytes[..]));
        }

        #[test]
        fn any_bytes_parse_or_are_a_bad_line(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse_header(&bytes);
        }

        #[test]
        fn gap_round_trips(id: u64, lost: u64) {
            let mut out = Vec::new();
            write_gap(id, TIME, lost, &mut out);
            prop_assert_eq!(parse(out.trim_ascii_end()), Ok(Line::Gap { id, time: TIME.into(), lost }));
        }
    }
}
