//! Traces read back, line by line.

use data_encoding::BASE64;
use serde::Deserialize;

use super::data::Data;
use super::event::{BarrierOutcome, ConnId, Direction, Event, EventKind, Side, TcpSample};
use super::start::{SCHEMA, Start};
use super::tls::TlsSession;
use crate::plan::Plan;

/// A line of a trace.
#[derive(Clone, Debug)]
pub enum TraceLine {
    /// The start of a run.
    Start(Start),
    /// An event.
    Event(Box<Event>),
    /// A socket option, a reply, or a type of line that this version does not know.
    Other,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Line {
    t: u64,
    conn: ConnId,
    text: Option<String>,
    base64: Option<String>,
    #[serde(flatten)]
    kind: Kind,
}

/// The fields of each type of line that a picture needs; others are skipped.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind {
    Start {
        schema: u32,
        time: String,
        version: String,
        command: Vec<Word>,
    },
    Open {
        side: Side,
        local: String,
        peer: String,
        #[serde(rename = "for")]
        made_for: Option<ConnId>,
    },
    ProxyHeader {
        dir: Direction,
        source: String,
        destination: String,
    },
    Plan(Plan),
    Tls(TlsSession),
    Record {
        dir: Direction,
        offset: u64,
        len: u64,
        start: u64,
        end: u64,
    },
    Write {
        offset: u64,
        asked: u64,
        accepted: u64,
        #[serde(default)]
        pinned: bool,
    },
    Read {
        offset: u64,
        len: u64,
    },
    Message {
        dir: Direction,
        number: u64,
        start: u64,
        end: u64,
    },
    Pause {
        offset: u64,
        nanos: u64,
    },
    Barrier {
        offset: u64,
        outcome: BarrierOutcome,
    },
    Sample(TcpSample),
    Eof {
        offset: u64,
        plaintext: Option<u64>,
    },
    Shutdown {
        offset: u64,
        plaintext: Option<u64>,
    },
    Close {
        error: Option<String>,
        #[serde(default)]
        reset: bool,
    },
    #[serde(other)]
    Other,
}

/// A word of the command line.
#[derive(Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Bytes { base64: String },
}

/// Reads a line of a trace, without its line feed. Fields that this version does not know are skipped.
///
/// # Errors
/// The column, from 1, and what is wrong. It may quote the line: escape it before printing.
pub fn parse_line(line: &[u8]) -> Result<TraceLine, (usize, String)> {
    let parsed: Line = serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        (error.column().max(1), text.strip_suffix(&place).unwrap_or(&text).to_owned())
    })?;
    let Line { t, conn, text, base64, kind } = parsed;
    let what = match kind {
        Kind::Start { schema, .. } if schema > SCHEMA => {
            return Err((1, format!("the trace has schema {schema}, and this version reads {SCHEMA}")));
        }
        Kind::Start { time, version, command, .. } => {
            let command = command.into_iter().map(Word::bytes).collect();
            return Ok(TraceLine::Start(Start { time, version, command }));
        }
        Kind::Other => return Ok(TraceLine::Other),
        Kind::Open { side, local, peer, made_for } => EventKind::Open { side, local, peer, made_for },
        Kind::ProxyHeader { dir, source, destination } => EventKind::ProxyHeader { dir, source, destination },
        Kind::Plan(plan) => EventKind::Plan(plan),
        Kind::Tls(session) => EventKind::Tls(Box::new(session)),
        Kind::Record { dir, offset, len, start, end } => EventKind::Record { dir, offset, len, start, end },
        Kind::Write { offset, asked, accepted, pinned } => EventKind::Write { offset, asked, accepted, pinned },
        Kind::Read { offset, len } => EventKind::Read { offset, len },
        Kind::Message { dir, number, start, end } => EventKind::Message { dir, number, start, end },
        Kind::Pause { offset, nanos } => EventKind::Pause { offset, nanos },
        Kind::Barrier { offset, outcome } => EventKind::Barrier { offset, outcome },
        Kind::Sample(sample) => EventKind::Sample(sample),
        Kind::Eof { offset, plaintext } => EventKind::Eof { offset, plaintext },
        Kind::Shutdown { offset, plaintext } => EventKind::Shutdown { offset, plaintext },
        Kind::Close { error, reset } => EventKind::Close { error, reset },
    };
    let decoded = base64.map(|code| BASE64.decode(code.as_bytes()));
    let bytes = match (text, decoded) {
        (Some(text), _) => Some(text.into_bytes()),
        (None, Some(Ok(bytes))) => Some(bytes),
        (None, Some(Err(error))) => return Err((1, format!("base64: {error}"))),
        (None, None) => None,
    };
    let data = bytes.map(|bytes| Data::all(&bytes));
    Ok(TraceLine::Event(Box::new(Event { t, conn, what, data })))
}

impl Word {
    fn bytes(self) -> Vec<u8> {
        match self {
            Word::Text(text) => text.into_bytes(),
            Word::Bytes { base64 } => BASE64.decode(base64.as_bytes()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::every_kind;
    use crate::trace::{write_line, write_start};
    use proptest::prelude::*;

    #[test]
    fn every_event_is_read_as_it_was_written() {
        for event in every_kind() {
            let mut line = Vec::new();
            write_line(&event, &mut line);
            match parse_line(line.trim_ascii_end()).unwrap() {
                TraceLine::Event(read) => assert_eq!(format!("{read:?}"), format!("{event:?}")),
                TraceLine::Other => {
                    assert!(matches!(event.what, EventKind::Option { .. } | EventKind::Reply { .. }), "{event:?}");
                }
                TraceLine::Start(start) => panic!("{start:?}"),
            }
        }
    }

    #[test]
    fn first_line_is_read_as_it_was_written() {
        let start = Start::of_this_program("2026".into(), vec![b"a b".to_vec(), b"\xff".to_vec()]);
        let mut line = Vec::new();
        write_start(&start, &mut line);
        assert!(matches!(parse_line(line.trim_ascii_end()), Ok(TraceLine::Start(read)) if read == start));
    }

    #[test]
    fn errors_have_a_column() {
        let error = |line: &str| parse_line(line.as_bytes()).unwrap_err();
        assert_eq!(error("{"), (1, "EOF while parsing an object".to_owned()));
        assert_eq!(error(r#"{"t":0,"conn":0}"#).1, "missing field `type`");
        assert_eq!(error(r#"{"t":0,"conn":1,"type":"read","offset":0}"#).1, "missing field `len`");
        let newer = r#"{"t":0,"conn":0,"type":"start","schema":2,"time":"","version":"","command":[]}"#;
        assert_eq!(error(newer).1, "the trace has schema 2, and this version reads 1");
        assert!(matches!(parse_line(br#"{"t":0,"conn":0,"type":"new","a":1}"#), Ok(TraceLine::Other)));
    }

    proptest! {
        #[test]
        fn no_line_causes_a_panic(line in ".{0,80}") {
            let _ = parse_line(line.as_bytes());
        }
    }
}
