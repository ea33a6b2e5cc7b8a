//! Framings: bytes in, messages out. The messages are the same however the bytes were cut.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::value::{Invalid, counted};

mod delimiter;
mod http;
mod inbox;
mod length;
mod lines;
pub mod proxy_header;
#[cfg(test)]
mod splits;

pub use delimiter::Delimiter;
pub use inbox::Inbox;
pub use length::LengthField;

/// A framing: how a stream of bytes is split into messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A message ends with LF; one CR right before the LF is not part of it.
    #[default]
    Lines,
    /// No messages: bytes are forwarded as they are received.
    Raw,
    /// HTTP/1.x (RFC 9112). A message is returned when its body is complete.
    Http,
    /// Each message has a length field.
    Length(LengthField),
    /// A message ends before its delimiter.
    Delimiter(Delimiter),
}

/// The messages of these bytes, which are all there is, as on the wire.
///
/// # Errors
/// The bytes do not fit the framing.
pub fn split_all(framing: Framing, role: Role, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut inbox = Inbox::new(framing, role, usize::MAX);
    let (mut messages, mut fresh) = (Vec::new(), bytes);
    while let Some(message) = inbox.pull(&mut fresh)? {
        messages.push(message.wire.to_vec());
    }
    while let Some(message) = inbox.finish()? {
        messages.push(message.wire.to_vec());
    }
    Ok(messages)
}

/// The kind of messages that are read or written. It matters for HTTP only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Messages of a client.
    Requests,
    /// Messages of a server. [`Inbox::expect`] adds the requests, because a response to HEAD has no body.
    Responses,
}

/// One message, borrowed from the received bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// All its bytes: with line ending, delimiter, length field, or head and chunk sizes.
    pub wire: &'a [u8],
    /// Its content: without line ending, delimiter, length field, head and chunk sizes.
    pub body: Cow<'a, [u8]>,
    /// For an HTTP request: how it wants to be answered.
    pub mode: Option<ResponseMode>,
}

/// How an HTTP request wants to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseMode {
    /// With the head of the response only (HEAD; RFC 9110, section 9.3.2).
    pub head_only: bool,
    /// What happens to the connection after the reply.
    pub after: After,
    /// The client waits for `100 Continue` (RFC 9110, section 10.1.1), and none was sent yet.
    pub expects_continue: bool,
}

/// What happens to a connection after the reply to a request (RFC 9112, section 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// It stays open for further requests.
    #[default]
    GoOn,
    /// It stays open, and the reply has to say so.
    KeepAlive,
    /// It is closed; further requests on it are not answered.
    Close,
}

/// The status of an HTTP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400.
    BadRequest,
    /// 413.
    ContentTooLarge,
}

/// The error of a decoder. It is final, because the decoder cannot find the start of a later message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message exceeds the limit. This is detected before the message is complete.
    #[error("message longer than {limit} bytes")]
    TooLong {
        /// The largest number of bytes of a message.
        limit: usize,
    },
    /// The bytes break the rules of the framing.
    #[error("malformed message: {what}")]
    Malformed {
        /// The problem; it never contains bytes of the peer.
        what: String,
    },
    /// The stream ended inside a message.
    #[error("stream ended in the middle of a message, after {received} bytes of it")]
    Truncated {
        /// The received bytes of that message.
        received: usize,
    },
}

/// The reason why a body cannot be a message of a framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The length field cannot count so many bytes.
    #[error("longer than {}", counted(*.most as u64, "byte"))]
    TooLong {
        /// The largest number of bytes.
        most: usize,
    },
    /// The header before the length field is not complete, or bytes after it that the field does not count.
    #[error("shorter than {}", counted(*.least as u64, "byte"))]
    TooShort {
        /// The smallest number of bytes.
        least: usize,
    },
    /// The body contains the bytes that end a message.
    #[error("the end of a message is in it")]
    EndsWithin,
}

/// Appends the message with this body to `out`.
///
/// [`Framing::Lines`] cannot represent a body that contains an LF or ends with a CR, and [`Framing::Delimiter`] none
/// that contains the delimiter: the decoder returns another message ([`Framing::ends_within`]). A length field cannot
/// count every number of bytes: then nothing is appended.
pub fn encode(framing: Framing, role: Role, body: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match framing {
        Framing::Lines => {
            out.extend_from_slice(body);
            out.push(b'\n');
        }
        Framing::Raw => out.extend_from_slice(body),
        Framing::Http => http::encode(role, body, out),
        Framing::Length(field) => field.encode(body, out)?,
        Framing::Delimiter(delimiter) => delimiter.encode(body, out),
    }
    Ok(())
}

/// Appends an HTTP response with this body, in the mode that its request wants.
pub fn respond(status: Status, mode: ResponseMode, body: &[u8], out: &mut Vec<u8>) {
    http::respond(status, mode, body, out);
}

/// Appends the HTTP interim response that asks for the body of a request.
pub fn respond_continue(out: &mut Vec<u8>) {
    http::respond_continue(out);
}

impl Framing {
    /// Whether a message with this body would end before the end of the body: the peer would get several messages.
    #[must_use]
    pub fn ends_within(self, body: &[u8]) -> bool {
        match self {
            Framing::Lines => body.contains(&b'\n'),
            Framing::Delimiter(delimiter) => delimiter.ends_within(body),
            Framing::Raw | Framing::Http | Framing::Length(_) => false,
        }
    }
}

impl FromStr for Framing {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Framing, Invalid> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let (framing, expected) = match (name, value) {
            ("lines", None) => return Ok(Framing::Lines),
            ("raw", None) => return Ok(Framing::Raw),
            ("http", None) => return Ok(Framing::Http),
            ("length", Some(value)) => (value.parse().ok().map(Framing::Length), LENGTH_SYNTAX),
            ("delimiter", Some(value)) => (value.parse().ok().map(Framing::Delimiter), DELIMITER_SYNTAX),
            _ => (None, FRAMING_SYNTAX),
        };
        framing.ok_or_else(|| Invalid::new(text, "a framing", expected))
    }
}

const FRAMING_SYNTAX: &str = "lines, http, length:[OFFSET:]FIELD, delimiter:BYTES or raw";
const LENGTH_SYNTAX: &str = "length:[OFFSET:]FIELD[+N|-N] with OFFSET and N up to 255, and FIELD u8, u16be, u16le, \
                             u24be, u24le, u32be, u32le or varint";
const DELIMITER_SYNTAX: &str = r"delimiter: and 1 to 16 bytes, with \r \n \t \0 \\ \xHH for other bytes";

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Framing::Lines => f.write_str("lines"),
            Framing::Raw => f.write_str("raw"),
            Framing::Http => f.write_str("http"),
            Framing::Length(field) => write!(f, "length:{field}"),
            Framing::Delimiter(delimiter) => write!(f, "delimiter:{delimiter}"),
        }
    }
}

/// The result of a scan of the buffered bytes.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// They begin with a complete message.
    Whole(Found),
    /// More are needed.
    More(Need),
}

/// The position of a message, counted from its first byte.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// The length of the message on the wire.
    wire: usize,
    /// The offset of the body.
    body: usize,
    /// The end of the body.
    body_end: usize,
    form: Form,
}

/// The form of a body on the wire.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// As it is.
    Plain,
    /// Chunked, as in HTTP.
    Chunked,
    /// Around the bytes from `from` to `to`, which are its length field.
    Around { from: usize, to: usize },
}

/// The bytes that the decoder needs next, never more than the message can have.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Up to the next byte `last` inclusive, at most `most`.
    Through { last: u8, most: usize },
    /// At most this number.
    Bytes(usize),
}

impl Found {
    fn message<'a>(&self, wire: &'a [u8], mode: Option<ResponseMode>) -> Message<'a> {
        let body = &wire[self.body..self.body_end];
        let body = match self.form {
            Form::Plain => Cow::Borrowed(body),
            Form::Chunked => Cow::Owned(http::dechunk(body)),
            Form::Around { from, to } => Cow::Owned([&wire[..from], &wire[to..]].concat()),
        };
        Message { wire, body, mode }
    }
}

fn malformed<T>(what: &str) -> Result<T, FrameError> {
    Err(FrameError::Malformed { what: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A framing of each kind; the tests of properties have each of them.
    const SAMPLES: [&str; 16] = [
        "lines",
        "raw",
        "http",
        "length:u8",
        "length:u16",
        "length:u16le",
        "length:u24le+1",
        "length:u32",
        "length:u32le",
        "length:varint",
        "length:1:varint",
        "length:4:u16",
        "length:1:u32-4",
        r"delimiter:\x00",
        "delimiter:--",
        r"delimiter:\r\n.\r\n",
    ];

    pub(super) fn samples() -> Vec<Framing> {
        SAMPLES.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn framings_are_parsed_and_printed() {
        for name in SAMPLES {
            assert_eq!(name.parse::<Framing>().unwrap().to_string(), name);
        }
        for (name, shown) in [("length:0:u16be", "length:u16"), (r"delimiter:\0", r"delimiter:\x00")] {
            assert_eq!(name.parse::<Framing>().unwrap().to_string(), shown);
        }
        let error = |name: &str| name.parse::<Framing>().unwrap_err().to_string();
        let length = "length:[OFFSET:]FIELD[+N|-N] with OFFSET and N up to 255, and FIELD u8, u16be, u16le, u24be, \
                      u24le, u32be, u32le or varint";
        assert_eq!(error("length:u64"), format!("\"length:u64\" is not a framing: expected {length}"));
        let delimiter = r"delimiter: and 1 to 16 bytes, with \r \n \t \0 \\ \xHH for other bytes";
        assert_eq!(error("delimiter:"), format!("\"delimiter:\" is not a framing: expected {delimiter}"));
        for name in ["", "line", "length", "delimiter", "lines:", "http:1", "Lines"] {
            assert!(error(name).ends_with("expected lines, http, length:[OFFSET:]FIELD, delimiter:BYTES or raw"));
        }
    }

    #[test]
    fn a_response_follows_its_interim_response() {
        let mut wire = Vec::new();
        respond_continue(&mut wire);
        respond(Status::BadRequest, ResponseMode::default(), b"no", &mut wire);
        let expected = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\n\
                        Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(String::from_utf8(wire).unwrap(), expected);
    }

    #[test]
    fn decoding_reverses_encoding() {
        for framing in samples() {
            for role in [Role::Requests, Role::Responses] {
                let mut wire = Vec::new();
                for body in [&b"first"[..], b"\xff\x01\x02\x03", b"third one"] {
                    encode(framing, role, body, &mut wire).unwrap();
                }
                let mut inbox = Inbox::new(framing, role, 1000);
                let mut fresh = &wire[..];
                let mut bodies = Vec::new();
                while let Some(message) = inbox.pull(&mut fresh).unwrap() {
                    bodies.push(message.body.into_owned());
                }
                assert_eq!(bodies.concat(), b"first\xff\x01\x02\x03third one", "{framing}");
                assert_eq!(bodies.len(), if framing == Framing::Raw { 1 } else { 3 }, "{framing}");
            }
        }
    }
}
