//! Peers that do not encode their bytes as this side does: TLS where none is expected, and TLS without its close.

use std::io;

use super::super::peer::Peer;
use super::Exchange;
use crate::io::conn::Conn;
use crate::service::{PeerId, Service};

impl<S: Service> Exchange<S> {
    /// Reading has failed. A layer that was cut off between two messages is the peer's end: each message is complete.
    #[cold]
    #[inline(never)]
    pub(super) fn on_read_error(&mut self, id: PeerId, error: io::Error) {
        let is_end = |peer: &Peer| peer.link.conn().is_some_and(Conn::is_cut_off) && peer.inbox.is_between_messages();
        if error.kind() == io::ErrorKind::UnexpectedEof && self.peers.get(id).is_some_and(is_end) {
            return self.on_peer_end(id);
        }
        self.fail(id, error);
    }

    /// The first bytes of a plain connection are TLS; whether that ends it. Bytes of a stream may be anything.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_tls(&mut self, id: PeerId, is_server: bool) -> bool {
        let is_first = |peer: &Peer| {
            let is_plain = peer.link.conn().is_some_and(|conn| !conn.is_layered());
            is_plain && peer.received.messages == 0 && peer.inbox.is_text()
        };
        let is_refused = self.peers.get(id).is_some_and(is_first);
        if is_refused {
            let text =
                if is_server { "the server speaks TLS (--tls)" } else { "the client speaks TLS (listen with --tls)" };
            self.fail(id, io::Error::new(io::ErrorKind::InvalidData, text));
        }
        is_refused
    }
}

/// Whether bytes begin as a peer does that speaks TLS: with the `ClientHello` of a client (false), or the alert of a
/// server (true) (RFC 8446, sections 4 and 6).
#[inline]
pub(super) fn begins_tls(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [22, 3, 0..=4, _, _, 1, 0, ..] => Some(false),
        [21, 3, 0..=4, 0, 2, 1 | 2, _, ..] => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_of_tls_are_recognised() {
        assert_eq!(begins_tls(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"), Some(false));
        assert_eq!(begins_tls(b"\x15\x03\x01\x00\x02\x02\x46"), Some(true));
        for bytes in
            [&b""[..], b"\x16", b"\x16\x03\x01\n", b"\x16\x03\x01\x02\x00\x02\x00", b"\x15\x03\x01\x00\x02\x03\x46"]
        {
            assert_eq!(begins_tls(bytes), None, "{bytes:?}");
        }
    }
}
