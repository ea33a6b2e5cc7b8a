//! A PROXY header before everything else on a connection.

use super::Conn;
use crate::plan::HeaderPieces;
use crate::value::Endpoint;

impl Conn {
    /// The client's end, and ours.
    #[must_use]
    pub fn client_ends(&self) -> Option<(Endpoint, Endpoint)> {
        let (ours, client) = self.stream.ends().ok()?;
        Some((client, ours))
    }

    /// Sends a header, in these pieces, before everything else, the handshake of a layer included. To be called before
    /// anything is written; [`flush`](Self::flush) writes it.
    pub fn send_header(&mut self, header: &[u8], pieces: HeaderPieces) {
        self.writer.outbox.push_header(header, pieces);
        if let Some(layer) = self.codec.layer_mut() {
            layer.begin_after(header.len());
        }
    }
}
