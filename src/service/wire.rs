//! How a client encodes its messages, and why some are refused.

use crate::frame::{EncodeError, Framing, Role, encode};
use crate::plan::{CutOutside, Cutting};

/// How messages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The framing.
    pub framing: Framing,
    /// Lines end with CR LF.
    pub crlf: bool,
}

impl Wire {
    /// Checks that every offset of a plan cuts this message, as it is encoded.
    ///
    /// # Errors
    /// The first offset that does not. A message that cannot be encoded is skipped.
    pub fn check(self, cutting: &Cutting, number: u64, message: &[u8]) -> Result<(), CutOutside> {
        let Cutting::Cut(_) = cutting else { return Ok(()) };
        match self.encode_cut(cutting, number, message, &mut Vec::new()) {
            Err(NotSent::Uncut(outside)) => Err(outside),
            Err(NotSent::Refused(_)) | Ok(()) => Ok(()),
        }
    }

    /// Encodes message `number`, if every offset of a plan cuts it.
    pub(super) fn encode_cut(
        self,
        cutting: &Cutting,
        number: u64,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), NotSent> {
        let start = out.len();
        self.encode(message, out).map_err(NotSent::Refused)?;
        cutting.check(number, out.len() - start).map_err(NotSent::Uncut)
    }

    /// Encodes a line without a plan of cuts.
    pub(super) fn encode_line(self, line: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(line);
        out.extend_from_slice(if self.crlf { b"\r\n" } else { b"\n" });
    }

    fn encode(self, message: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        // Lines are read as lines.
        if self.framing != Framing::Lines && self.framing.ends_within(message) {
            return Err(EncodeError::EndsWithin);
        }
        encode(self.framing, Role::Requests, message, out)?;
        if self.crlf && self.framing == Framing::Lines {
            out.truncate(start + message.len());
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

/// Why a message is not sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// It does not fit the framing.
    #[error(transparent)]
    Refused(EncodeError),
    /// An offset does not cut it.
    #[error(transparent)]
    Uncut(CutOutside),
}

/// A problem with a message or a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The last reply was incomplete.
    CutShort,
    /// A message does not fit its framing.
    Refused(EncodeError),
    /// A message would not be cut at an offset.
    Uncut(CutOutside),
    /// A reply was longer than the limit.
    TooLong,
    /// The server of a room serves users only.
    UsersOnly,
}

/// Whether a line of a server of rooms asks for a login. No line of a member begins so.
pub(super) fn asks_for_login(line: &[u8]) -> bool {
    line.starts_with(b"AUTH REQUIRED")
}

/// Appends a reply as a line of text.
pub(super) fn line(label: &str, text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(label.as_bytes());
    out.extend_from_slice(text);
    if !text.ends_with(b"\n") {
        out.push(b'\n'); // the body of another framing may end with its own
    }
}
