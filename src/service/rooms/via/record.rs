//! What servers publish for each other: one JSON object a message, with the field names of a transcript (the schema is
//! `tests/cases/record.schema.json`).

use std::borrow::Cow;
use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

/// A server that shares rooms, by the random number of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ServerId(pub(super) u64);

impl ServerId {
    /// Reads its form in a record.
    fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| is_hex).map(ServerId)
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A line for a room: `user`, `room`, `sequence`, and `text` or `base64`.
    Line,
    /// The topic of a room: `user`, `room`, and `text` or `base64`; an empty one removes it.
    Topic,
    /// A line for one member of the server that the subject names: `user`, `to`, `sequence`, and `text` or `base64`.
    Private,
    /// A member has joined a room: `user`, `room`.
    Joined,
    /// A member has left a room, or all rooms: `user`, perhaps `room`, and `text` or `base64`.
    Left,
    /// A member has another name: `user`, `name`.
    Renamed,
    /// Members of a room: `room`, `users`, and in `sequence` the number of its last line.
    Members,
    /// The server is connected: it forgets what was known of its members. Perhaps `missing`.
    Hello,
    /// The members of all servers are asked for.
    Ask,
    /// The server is there, which it says every few seconds.
    Here,
    /// The server ends.
    Bye,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record<'a> {
    /// What it is about.
    pub(super) kind: Kind,
    /// The server: 16 hexadecimal digits.
    #[serde(borrow)]
    pub(super) server: Cow<'a, str>,
    /// When it happened, in the form of RFC 3339.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<Cow<'a, str>>,
    /// The number of the line, of those of the server in this room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence: Option<u64>,
    /// The name of the acting member.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<Cow<'a, str>>,
    /// The room.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<Cow<'a, str>>,
    /// The member that a private line is for.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<Cow<'a, str>>,
    /// The new name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Cow<'a, str>>,
    /// Names of members.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) users: Vec<Cow<'a, str>>,
    /// Programs do not answer the line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) notice: bool,
    /// The seconds for which the server was not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<u64>,
    /// The text, if it is UTF-8.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    /// The bytes of the text, if they are not UTF-8.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    /// A record of this server.
    pub(super) fn new(kind: Kind, server: ServerId) -> Self {
        Record {
            kind,
            server: server.to_string().into(),
            time: None,
            sequence: None,
            user: None,
            room: None,
            to: None,
            name: None,
            users: Vec::new(),
            notice: false,
            missing: None,
            text: None,
            base64: None,
        }
    }

    /// With this text.
    pub(super) fn with_text(mut self, text: &'a [u8]) -> Self {
        match std::str::from_utf8(text) {
            Ok(text) => self.text = Some(text.into()),
            Err(_) => self.base64 = Some(BASE64.encode(text).into()),
        }
        self
    }

    /// The record in a message, and its server. `None`: it is no record.
    pub(super) fn parse(message: &'a [u8]) -> Option<(Self, ServerId)> {
        let record: Self = serde_json::from_slice(message).ok()?;
        let server = ServerId::parse(&record.server)?;
        Some((record, server))
    }

    /// The message.
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default() // strings and numbers: it does not fail
    }

    /// Its text. `None`: there is none.
    pub(super) fn text(&self) -> Option<Cow<'_, [u8]>> {
        match (&self.text, &self.base64) {
            (Some(text), _) => Some(text.as_bytes().into()),
            (None, Some(code)) => BASE64.decode(code.as_bytes()).ok().map(Cow::Owned),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_json_and_parses_back() {
        let id = ServerId(0x9f3a);
        let line = Record { user: Some("ann".into()), room: Some("lab".into()), ..Record::new(Kind::Line, id) };
        for (text, field) in [(&b"h\"i\xc3\xa9"[..], "\"text\":\"h\\\"i\u{e9}\""), (b"\xff", "\"base64\":\"/w==\"")] {
            let record = Record { sequence: Some(7), ..line.clone() }.with_text(text);
            let json = record.encode();
            let expected = format!(
                "{{\"kind\":\"line\",\"server\":\"0000000000009f3a\",\"sequence\":7,\"user\":\"ann\",\
                 \"room\":\"lab\",{field}}}"
            );
            assert_eq!(String::from_utf8_lossy(&json), expected);
            let (parsed, server) = Record::parse(&json).unwrap();
            assert_eq!((&parsed, server, parsed.text().as_deref()), (&record, id, Some(text)));
        }
        let members = Record { users: vec!["ann".into()], ..Record::new(Kind::Members, id) };
        assert_eq!(members.encode(), b"{\"kind\":\"members\",\"server\":\"0000000000009f3a\",\"users\":[\"ann\"]}");
    }

    #[test]
    fn other_messages_are_no_record() {
        for message in [
            "",
            "hi",
            "{}",
            "{\"kind\":\"line\",\"server\":\"9f3a\"}",
            "{\"kind\":\"line\",\"server\":\"+00000000000009f3\"}",
            "{\"kind\":\"line\",\"server\":\"+000000000009f3a\"}",
            "{\"kind\":\"shout\",\"server\":\"0000000000009f3a\"}",
            "{\"kind\":\"line\",\"server\":\"0000000000009f3a\",\"sequence\":-1}",
        ] {
            assert_eq!(Record::parse(message.as_bytes()), None, "{message}");
        }
        let more = b"{\"kind\":\"here\",\"server\":\"0000000000009F3A\",\"of\":\"a later version\"}";
        assert_eq!(Record::parse(more).map(|(_, server)| server), Some(ServerId(0x9f3a)));
        let bad = b"{\"kind\":\"line\",\"server\":\"0000000000009f3a\",\"base64\":\"/\"}";
        assert_eq!(Record::parse(bad).map(|(record, _)| record.text().is_none()), Some(true));
    }
}
