//! Where one message ends: bytes in, messages out, however the bytes were cut on their way.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::value::Invalid;

mod http;
mod inbox;
mod length;
mod lines;
#[cfg(test)]
mod splits;

pub use inbox::Inbox;
pub use length::LengthPrefix;

/// How a stream of bytes is divided into messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A message is what stands before LF; one CR right before the LF is not part of it.
    #[default]
    Lines,
    /// No messages: bytes are passed on as they come.
    Raw,
    /// HTTP/1.x (RFC 9112), the whole body before it is handed on.
    Http,
    /// Each message stands behind its length.
    Length(LengthPrefix),
}

/// Which kind of message is read or written; only HTTP tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// What a client sends.
    Requests,
    /// What a server sends. Which of them answer HEAD, [`Inbox::expect`] is told.
    Responses,
}

/// One message, borrowed from the bytes it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// All its bytes as they came: with line ending, length prefix, or head and chunk sizes.
    pub wire: &'a [u8],
    /// What it says: without line ending, prefix, head and chunk sizes.
    pub body: Cow<'a, [u8]>,
    /// How it wants to be answered, where it can say so: a request of HTTP can.
    pub mode: Option<ResponseMode>,
}

/// How a request of HTTP wants to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseMode {
    /// With the head of the response only, as it would be with its body (HEAD; RFC 9110, section 9.3.2).
    pub head_only: bool,
    /// What becomes of the connection then.
    pub after: After,
    /// It waits to be told that its body is wanted, and has not been told yet (100-continue; RFC
    /// 9110, section 10.1.1).
    pub expects_continue: bool,
}

/// What becomes of a connection when a request is answered (RFC 9112, section 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Further requests may come.
    #[default]
    GoOn,
    /// The same, to a client that has to be told.
    KeepAlive,
    /// It is closed, and what else has come over it is not answered.
    Close,
}

/// How a response of HTTP begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400.
    BadRequest,
    /// 413.
    ContentTooLarge,
}

/// Why no further message can be found in a stream. It stays that way: a decoder that has lost its
/// place never finds it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message is longer than is allowed; said as soon as it is known, before the message has come.
    #[error("message longer than {limit} bytes")]
    TooLong {
        /// The bytes a message may have.
        limit: usize,
    },
    /// The bytes break the rules of the framing.
    #[error("malformed message: {what}")]
    Malformed {
        /// What is wrong; never text of the peer.
        what: String,
    },
    /// The stream ended inside a message.
    #[error("stream ended in the middle of a message, after {received} bytes of it")]
    Truncated {
        /// Bytes of that message that came.
        received: usize,
    },
}

/// Appends the message with this body to `out`.
///
/// A body with an LF in it, or with a CR at its end, does not come out of [`Framing::Lines`] as it
/// went in. The error is [`FrameError::TooLong`] for a body that its length prefix cannot count;
/// nothing is appended then.
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

/// Appends the response of HTTP with this body, as its request wants it.
pub fn respond(status: Status, mode: ResponseMode, body: &[u8], out: &mut Vec<u8>) {
    http::respond(status, mode, body, out);
}

/// Appends the interim response of HTTP that asks for the body of a request.
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

/// What a scan of the bytes held so far has established.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// They begin with a whole message.
    Whole(Found),
    /// More are needed.
    More(Need),
}

/// Where a message lies, counted from its first byte.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// Bytes of the message on the wire.
    wire: usize,
    /// First byte of the body.
    body: usize,
    /// Byte after the body; it is still chunked when `chunked` says so.
    body_end: usize,
    chunked: bool,
}

/// Which bytes to hold next, never more than the message can have.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Up to and with the next LF, but at most so many.
    Line(usize),
    /// So many, or fewer if there are not as many.
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
