//! The counts of a connection.

use super::Conn;
use crate::peer::outbox::Proofs;

impl Conn {
    /// Bytes that the kernel has taken.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.writer.outbox.offset()
    }

    /// Bytes that were read.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.reader.offset
    }

    /// Stream offsets reached: bytes handed to [`send`](Self::send), bytes read.
    #[must_use]
    pub fn offsets(&self) -> (u64, u64) {
        (self.writer.outbox.offset() + self.writer.outbox.queued() as u64, self.reader.offset)
    }

    /// What the barriers passed between two pieces have proved.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        self.writer.outbox.proofs()
    }
}
