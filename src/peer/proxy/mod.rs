//! The conversation with a proxy before it passes bytes on: SOCKS5 or HTTP CONNECT, as functions of bytes.

mod error;
mod http_connect;
mod socks5;
#[cfg(test)]
mod tests;

pub use error::ProxyError;
use http_connect::HttpConnect;
use socks5::Socks5;

use crate::value::{Credentials, Destination, ProxyScheme};

/// The handshake with a proxy. Send what is [`pending`](Handshake::pending), and hand over the bytes received
/// until it [`is_done`](Handshake::is_done). Bytes after the proxy's answer are not taken: they belong to the stream.
#[derive(Debug)]
pub struct Handshake {
    protocol: Protocol,
    /// The bytes to send, and how many of them were sent.
    output: Vec<u8>,
    sent: usize,
}

#[derive(Debug)]
enum Protocol {
    Socks5(Socks5),
    Http(HttpConnect),
}

impl Handshake {
    /// The handshake that asks for a connection to `to`.
    #[must_use]
    pub fn new(scheme: ProxyScheme, credentials: Option<&Credentials>, to: &Destination) -> Self {
        let mut output = Vec::new();
        let protocol = match scheme {
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => Protocol::Socks5(Socks5::start(credentials, to, &mut output)),
            ProxyScheme::Http => Protocol::Http(HttpConnect::start(credentials, to, &mut output)),
        };
        Handshake { protocol, output, sent: 0 }
    }

    /// The bytes to send next.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Notes that the first `count` bytes of those [`pending`](Handshake::pending) were sent.
    pub fn on_sent(&mut self, count: usize) {
        self.sent = self.output.len().min(self.sent + count);
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
    }

    /// Takes received bytes, and returns how many of them belong to the handshake. The others, and those received
    /// later, are the stream's.
    ///
    /// # Errors
    /// When the proxy refuses, or its answer does not fit the protocol. The handshake is over then.
    pub fn on_received(&mut self, bytes: &[u8]) -> Result<usize, ProxyError> {
        match &mut self.protocol {
            Protocol::Socks5(socks5) => socks5.on_received(bytes, &mut self.output),
            Protocol::Http(http) => http.on_received(bytes),
        }
    }

    /// The error when the proxy closes the connection now.
    #[must_use]
    pub fn on_end(&self) -> ProxyError {
        match &self.protocol {
            Protocol::Socks5(socks5) => socks5.on_end(),
            Protocol::Http(http) => http.on_end(),
        }
    }

    /// Whether the proxy has made the connection.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let accepted = match &self.protocol {
            Protocol::Socks5(socks5) => socks5.is_done(),
            Protocol::Http(http) => http.is_done(),
        };
        accepted && self.pending().is_empty()
    }
}
