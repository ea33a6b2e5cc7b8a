//! Framings: bytes in, messages out. The messages are the same however the bytes were cut.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::value::Invalid;

mod http;
mod inbox;
mod length;
mod lines;
pub mod proxy_header;
#[cfg(test)]
mod splits;

pub use inbox::Inbox;
pub use length::LengthPrefix;

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
    /// Each message has a length prefix.
    Length(LengthPrefix),
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
    /// All its bytes: with line ending, length prefix, or head and chunk sizes.
    pub wire: &'a [u8],
    /// Its content: without line ending, length prefix, head and chunk sizes.
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

/// Appends the message with this body to `out`.
///
/// [`Framing::Lines`] cannot represent a body that contains an LF or ends with a CR: the decoder returns another
/// message. The error is [`FrameError::TooLong`] for a body that exceeds its length prefix; then nothing is appended.
pub fn encode(framing: Framing, role: Role, body: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    match framing {
        Framing::Lines => {
            out.extend_from_slice(body);
            out.push(b'\n');
        }
        Framing::Raw => out.extend_from_slice(body),
        Framing::Http => http::encode(role, body, out),
        Framing::Length(prefix) => prefix.encode(body, out)?,
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
    const ALL: [(Framing, &'static str); 8] = [
        (Framing::Lines, "lines"),
        (Framing::Raw, "raw"),
        (Framing::Http, "http"),
        (Framing::Length(LengthPrefix::U8), "length:u8"),
        (Framing::Length(LengthPrefix::U16), "length:u16"),
        (Framing::Length(LengthPrefix::U16le), "length:u16le"),
        (Framing::Length(LengthPrefix::U32), "length:u32"),
        (Framing::Length(LengthPrefix::U32le), "length:u32le"),
    ];
}

impl FromStr for Framing {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Framing, Invalid> {
        let known = Framing::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(framing, _)| *framing).ok_or_else(|| {
            Invalid::new(text, "a framing", "lines, raw, http, or length: with u8, u16, u16le, u32 or u32le")
        })
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Framing::ALL.iter().find(|(framing, _)| framing == self);
        f.write_str(known.map_or("", |(_, name)| name))
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
    /// The end of the body, which is still chunked if `chunked` is set.
    body_end: usize,
    chunked: bool,
}

/// The bytes that the decoder needs next, never more than the message can have.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Up to the next LF inclusive, at most this number.
    Line(usize),
    /// At most this number.
    Bytes(usize),
}

impl Found {
    fn message<'a>(&self, wire: &'a [u8], mode: Option<ResponseMode>) -> Message<'a> {
        let body = &wire[self.body..self.body_end];
        let body = if self.chunked { Cow::Owned(http::dechunk(body)) } else { Cow::Borrowed(body) };
        Message { wire, body, mode }
    }
}

fn malformed<T>(what: &str) -> Result<T, FrameError> {
    Err(FrameError::Malformed { what: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framings_are_parsed_and_printed() {
        for (framing, name) in Framing::ALL {
            assert_eq!(name.parse(), Ok(framing));
            assert_eq!(framing.to_string(), name);
        }
        assert_eq!(
            "length:u64".parse::<Framing>().unwrap_err().to_string(),
            "\"length:u64\" is not a framing: expected lines, raw, http, or length: with u8, u16, u16le, u32 or u32le"
        );
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
        for (framing, _) in Framing::ALL {
            for role in [Role::Requests, Role::Responses] {
                let mut wire = Vec::new();
                for body in [&b"first"[..], b"\xff\0", b"third one"] {
                    encode(framing, role, body, &mut wire).unwrap();
                }
                let mut inbox = Inbox::new(framing, role, 1000);
                let mut fresh = &wire[..];
                let mut bodies = Vec::new();
                while let Some(message) = inbox.pull(&mut fresh).unwrap() {
                    bodies.push(message.body.into_owned());
                }
                assert_eq!(bodies.concat(), b"first\xff\0third one", "{framing}");
                assert_eq!(bodies.len(), if framing == Framing::Raw { 1 } else { 3 }, "{framing}");
            }
        }
    }
}
