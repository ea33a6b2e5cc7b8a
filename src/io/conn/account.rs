//! The counts of a connection.

use super::Conn;
use crate::peer::codec::Layer;
use crate::peer::outbox::Proofs;

impl Conn {
    /// Bytes of plaintext that the kernel has taken.
    #[inline]
    #[must_use]
    pub fn written(&self) -> u64 {
        let outbox = &self.writer.outbox;
        self.codec.layer().map_or(outbox.offset_after_header(), |layer| layer.plaintext_at(outbox.offset()))
    }

    /// Bytes of plaintext that were read.
    #[must_use]
    pub fn received(&self) -> u64 {
        let after_header = || self.reader.offset.saturating_sub(self.reader.header_received() as u64);
        self.codec.layer().map_or_else(after_header, Layer::taken)
    }

    /// Offsets reached by the messages: bytes handed to [`send`](Self::send), bytes read. Without a layer they are
    /// offsets on the wire, where a header stands before the first message.
    #[must_use]
    pub fn offsets(&self) -> (u64, u64) {
        let accepted = || self.writer.outbox.offset() + self.writer.outbox.queued() as u64;
        (self.codec.layer().map_or_else(accepted, Layer::accepted), self.received())
    }

    /// What the barriers passed between two pieces have proved.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        self.writer.outbox.proofs()
    }
}
