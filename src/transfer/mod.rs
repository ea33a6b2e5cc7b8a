//! The protocol of `send` and `receive`, as state machines of bytes: lines in both directions, and the bytes of files
//! in chunks. It has no sockets, files or clocks.
//!
//! ```text
//! S: secretcat-files 1 send                      the side that connects sends its line first
//! R: secretcat-files 1 receive
//! S: file 5 1732659548.000000000 sha256 a.txt    size, time of modification, checksum, name
//! R: have 2 SHA-256                              the first bytes of it are there (have 0: none)
//! S: data 2                                      the offset of the next byte; 0 if the hash differs
//! S: chunk 3
//!    llo                                         as many bytes as the line says; any number of chunks
//! S: complete 5 SHA-256                          the size and the hash of all of it
//! R: saved                                       the hash is right, and the file has its name
//!    …                                           the next file
//! S: end
//! R: end
//! ```
//!
//! In place of `have`, the receiver may answer `exists SHA-256` (a file of this name and size is there: the sender
//! answers `complete` if it has the same hash, or `differs`), `skip REASON` or `refuse REASON`. It answers `complete`
//! and `differs` with `saved` or `refuse REASON`. `error REASON` ends the transfer, from either side at any time between
//! lines and chunks. A size or time that is not known is `-`, and so is the hash with the checksum `none`.

mod line;
mod name;
mod receiver;
mod sender;

pub use line::{Checksum, Digest, LONGEST, Line, Malformed, Modified, Offer, Role};
pub use name::{BadName, FileName};
pub use receiver::{Limits, Receiver, ReceiverEvent};
pub use sender::{Sender, SenderEvent};

use thiserror::Error;

/// The largest chunk.
pub const CHUNK: u64 = 1 << 20;

/// How the other side has broken the protocol, or a limit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    /// The first line is of another protocol.
    #[error("no line of secretcat send or receive: \"{0}\"")]
    Foreign(String),
    /// The first bytes are no text.
    #[error("no line of secretcat send or receive: bytes that are no text")]
    NoText,
    /// The first bytes are those of TLS.
    #[error("it speaks TLS (--tls on both sides, or on neither)")]
    Tls,
    /// The first line has not come in time.
    #[error("it sends no first line")]
    Silent,
    /// A line is none of the protocol.
    #[error("{0}")]
    Malformed(Malformed),
    /// A line is longer than any of the protocol.
    #[error("a line has more than {LONGEST} bytes")]
    LongLine,
    /// The line is one of the protocol, but of another place in it.
    #[error("{got} where {expected} is expected")]
    Unexpected {
        /// The first word of the line.
        got: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
    /// Both sides send, or both receive.
    #[error("both sides {0}")]
    SameRole(Role),
    /// The file has more bytes than its `file` line says, or fewer.
    #[error("the file has another size than announced")]
    OtherSize,
    /// The bytes of the file would begin elsewhere than agreed, or after its end.
    #[error("an offset that does not fit the file")]
    WrongOffset,
    /// The file is larger than allowed.
    #[error("the file has more than {0} bytes (--max-size)")]
    TooLarge(u64),
    /// The sender computes no hash, and the receiver requires one.
    #[error("the sender computes no checksum (--checksum none)")]
    NoChecksum,
    /// There are too many files.
    #[error("more than {0} files")]
    TooManyFiles(u32),
}

impl Violation {
    fn unexpected(got: &Line, expected: &'static str) -> Violation {
        Violation::Unexpected { got: got.word(), expected }
    }
}

/// Reads the first line of the other side, which does `role`: its greeting, or an error. `None`: its end has not come yet.
/// What cannot be the beginning of one is refused at once: a program that waits for this side sends no more.
///
/// # Errors
/// When it is a line of another protocol, or the other side does the same as this one.
pub fn first_line(bytes: &[u8], role: Role) -> Result<Option<Line>, Violation> {
    let end = memchr::memchr(b'\n', bytes);
    let line = &bytes[..end.unwrap_or(bytes.len()).min(LONGEST + 1)];
    match line {
        // A record of TLS begins with its type and 3 (RFC 8446, section 5.1): a ClientHello, or an alert.
        [21 | 22, 3, ..] => return Err(Violation::Tls),
        [21 | 22] if end.is_none() => return Ok(None),
        _ if line.iter().any(|byte| byte.is_ascii_control() && !b"\t\r".contains(byte)) => {
            return Err(Violation::NoText);
        }
        _ if line.len() > LONGEST => return Err(Violation::LongLine),
        _ if end.is_none() => return Ok(None),
        _ => {}
    }
    match Line::parse(line) {
        Ok(Line::Greeting(other)) if other != role => Err(Violation::SameRole(other)),
        Ok(line @ (Line::Greeting(_) | Line::Error(_))) => Ok(Some(line)),
        Ok(line) => Err(Violation::unexpected(&line, "the first line")),
        Err(Malformed::Unknown(line)) => Err(Violation::Foreign(line)),
        Err(malformed) => Err(Violation::Malformed(malformed)),
    }
}

/// Takes the first line from the front of `bytes`, with what came of it before; as [`first_line`].
fn next_first_line(begun: &mut Vec<u8>, bytes: &mut &[u8], role: Role) -> Result<Option<Line>, Violation> {
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
    let (line, rest) = bytes.split_at(end);
    begun.extend_from_slice(&line[..line.len().min(LONGEST + 1)]);
    *bytes = rest;
    let first = first_line(begun, role)?;
    if first.is_some() {
        begun.clear();
    }
    Ok(first)
}

/// Takes the next line from the front of `bytes`, with what came of it before. `None`: its end has not come yet.
fn next_line(begun: &mut Vec<u8>, bytes: &mut &[u8]) -> Result<Option<Line>, Violation> {
    let (line, rest, is_whole) = match memchr::memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..], true),
        None => (*bytes, &bytes[bytes.len()..], false),
    };
    if begun.len() + line.len() > LONGEST {
        return Err(Violation::LongLine);
    }
    *bytes = rest;
    begun.extend_from_slice(line);
    if !is_whole {
        return Ok(None);
    }
    let parsed = Line::parse(begun).map_err(Violation::Malformed);
    begun.clear();
    parsed.map(Some)
}

#[cfg(test)]
mod tests;
