//! A PROXY header before everything else on a connection: one that is sent, and one that is received.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use super::super::Incoming;
use super::Conn;
use crate::frame::proxy_header::{Ends, Header, HeaderError};
use crate::plan::HeaderPieces;
use crate::trace::{Direction, EventKind};
use crate::value::Endpoint;

impl Conn {
    /// Sends a header with these ends, in these pieces, before everything else, the handshake of a layer included. To
    /// be called before anything is written; [`flush`](Self::flush) writes it.
    pub fn send_header(&mut self, ends: &Ends, header: &[u8], pieces: HeaderPieces) {
        self.note_header(Direction::Out, ends);
        self.writer.outbox.push_header(header, pieces);
        if let Some(layer) = self.codec.layer_mut() {
            layer.begin_after(header.len());
        }
    }

    /// The bytes of the header that is sent first.
    #[must_use]
    pub fn sent_header(&self) -> usize {
        self.writer.outbox.header()
    }

    /// The bytes that the kernel has taken: of the header, of a handshake, and of the data.
    #[must_use]
    pub fn wire_written(&self) -> u64 {
        self.writer.outbox.offset()
    }

    /// The client has to send a header before everything else, the handshake of a layer included. To be called before
    /// anything is read.
    pub fn expect_header(&mut self) {
        self.reader.expect_header();
    }

    /// Whether a header comes first, which is not complete.
    #[inline]
    #[must_use]
    pub fn expects_header(&self) -> bool {
        self.reader.header_wanted() > 0
    }

    /// Reads once for the header, and no byte after it.
    ///
    /// # Errors
    /// The kernel's, or what is wrong with the header.
    pub fn read_header(&mut self, now: Instant) -> io::Result<Incoming> {
        let mut buf = [0; 256];
        let wanted = self.reader.header_wanted().min(buf.len());
        let invalid = |error: HeaderError| io::Error::new(io::ErrorKind::InvalidData, error);
        match self.read_wire(&mut buf[..wanted], now)? {
            Incoming::Bytes(n) => {
                if let Some(header) = self.reader.take_header(&buf[..n]).map_err(invalid)? {
                    let received = self.reader.offset;
                    self.codec.layer_mut().into_iter().for_each(|layer| layer.receive_after(received));
                    self.accept_header(&header);
                }
                Ok(Incoming::Undecoded)
            }
            Incoming::Eof => Err(invalid(HeaderError::Truncated { received: self.reader.header_received() })),
            other => Ok(other),
        }
    }

    /// The client is the one in the header, if the header names one.
    fn accept_header(&mut self, header: &Header) {
        self.note_header(Direction::In, &header.ends);
        match header.ends.source() {
            Endpoint::Unknown => {}
            Endpoint::Unix(name) if name.is_empty() => {}
            source => self.peer = source.to_string().into_boxed_str(),
        }
    }

    fn note_header(&self, dir: Direction, ends: &Ends) {
        let (source, destination) = (ends.source(), ends.destination());
        self.recorder.note(self.id, || EventKind::ProxyHeader {
            dir,
            source: source.to_string(),
            destination: destination.to_string(),
        });
    }

    /// The client's end and the one that it has connected to: those of a received header, or of the connection.
    #[must_use]
    pub fn client_ends(&self) -> Option<(Endpoint, Endpoint)> {
        if let Some(ends) = self.reader.header_ends() {
            return Some((ends.source(), ends.destination()));
        }
        let (ours, client) = self.stream.ends().ok()?;
        Some((client, ours))
    }

    /// The client's IP address, in a received header or of the connection.
    #[must_use]
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client_ends().and_then(|(client, _)| client.ip_addr())
    }

    /// The offset where the messages of the client begin: after its header, or at the start of a layer's plaintext.
    #[must_use]
    pub fn messages_begin(&self) -> u64 {
        if self.is_layered() { 0 } else { self.reader.header_received() as u64 }
    }
}
