//! The counts of a connection.

use std::os::fd::AsFd;

use super::super::peer_queue::PeerQueue;
use super::super::sys;
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

    /// The bytes that the peer's program has not read; `None` where its socket is not visible.
    #[must_use]
    pub fn unread_by_peer(&self) -> Option<u64> {
        let (local, peer) = self.stream.endpoints()?;
        PeerQueue::open(local, peer).look().ok().flatten().map(|peer| peer.unread)
    }

    /// The bytes of the messages that the peer's program has read, if this number of bytes is unread. `None` if it is
    /// unknown, or if the connection has TLS.
    #[must_use]
    pub fn read_by_peer(&self, unread: Option<u64>) -> Option<usize> {
        let read = self.writer.outbox.offset_after_header().checked_sub(unread?)?;
        self.codec.layer().is_none().then(|| usize::try_from(read).ok()).flatten()
    }

    /// Whether all written bytes were acknowledged, and the peer has not reset the connection. Of a peer that has
    /// closed it, this is true only if its program had read all of them: a close with unread bytes is a reset.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.stream.take_error().is_none() && sys::queued_out(self.stream.as_fd()).is_ok_and(|queued| queued == 0)
    }

    /// What the barriers passed between two pieces have proved.
    #[must_use]
    pub fn proofs(&self) -> Proofs {
        self.writer.outbox.proofs()
    }
}
