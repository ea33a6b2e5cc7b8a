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
    /// A line is none of the protocol.
    #[error("{0}")]
    Malformed(Malformed),
    /// A line is longer than any of the protocol.
    #[error("a line has more than {LONGEST} bytes")]
    LongLine,
    /// The line is one of the protocol, but of another place in it.
    #[error("{got} in place of {expected}")]
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
