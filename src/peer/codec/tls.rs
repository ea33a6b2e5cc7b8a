//! TLS 1.2 and 1.3 as a protocol of the codec: rustls does the cryptography, this file the bytes.

mod deferred;
pub mod mlkem;
mod refusal;

use std::io::{Read, Write};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Connection, IoState, ProtocolVersion, ServerConfig, ServerConnection};

pub use deferred::Deferred;

use super::{OptionNames, Protocol, Session, Violation};
pub use refusal::{Refused, certificate};
use refusal::{Side, explain, not_tls};

/// The plaintext of one record, at most (RFC 8446, section 5.1).
const RECORD: usize = 1 << 14;

/// The header of a record: its type, two bytes of version, and the length of what follows.
const HEADER: usize = 5;
/// The most characters of a name in a certificate.
const NAME: usize = 255;
/// The label of the exporter that binds logins (RFC 9266, section 4); its context is empty.
const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";
/// The alert for a client that does not speak TLS: fatal, `protocol_version` (RFC 8446, section 6), as OpenSSL sends it.
const WRONG_VERSION: [u8; 7] = [21, 3, 1, 0, 2, 2, 70];

/// One end of a TLS connection.
#[derive(Debug)]
pub struct Tls {
    connection: Connection,
    side: Side,
    is_closed_by_peer: bool,
    /// A byte was received.
    has_begun: bool,
}

impl Tls {
    /// A client's end, to a server of this name.
    ///
    /// # Errors
    /// When the configuration does not allow it.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        options: OptionNames,
    ) -> Result<Self, rustls::Error> {
        let has_certificate = config.client_auth_cert_resolver.has_certs();
        let side = Side::Client { name: name.to_str().into_owned(), options, has_certificate };
        Ok(Tls::new(Connection::Client(ClientConnection::new(config, name)?), side))
    }

    /// A server's end.
    ///
    /// # Errors
    /// When the configuration does not allow it.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Tls::new(Connection::Server(ServerConnection::new(config)?), Side::Server))
    }

    /// A server's end whose `ClientHello` is read.
    fn accepted(connection: ServerConnection) -> Self {
        Tls { has_begun: true, ..Tls::new(Connection::Server(connection), Side::Server) }
    }

    fn new(mut connection: Connection, side: Side) -> Self {
        connection.set_buffer_limit(None); // what is encoded goes into the outbox at once
        Tls { connection, side, is_closed_by_peer: false, has_begun: false }
    }

    /// Moves what rustls wants to send.
    fn write(&mut self, wire: &mut Vec<u8>) {
        while self.connection.wants_write() {
            if self.connection.write_tls(wire).is_err() {
                return; // a vector takes everything
            }
        }
    }

    /// Looks at the first bytes that come.
    fn begin(&mut self, bytes: &[u8], wire: &mut Vec<u8>) -> Result<(), Violation> {
        if !std::mem::replace(&mut self.has_begun, true) {
            if let Some(violation) = not_tls(bytes, &self.side) {
                if self.side == Side::Server {
                    wire.extend_from_slice(&WRONG_VERSION); // rustls would send one of its own, of a decoding error
                }
                return Err(violation);
            }
        }
        Ok(())
    }

    /// Decodes some of these bytes, and leaves the others. What that means comes after the plaintext before it.
    fn process(&mut self, bytes: &mut &[u8]) -> Result<Result<IoState, rustls::Error>, Violation> {
        match self.connection.read_tls(bytes) {
            Ok(_) => Ok(self.connection.process_new_packets()),
            Err(_) => Err(Violation("a TLS record is too long".to_owned())),
        }
    }

    /// Notes how the decoding went; an alert may be to be sent.
    fn note_state(&mut self, processed: Result<IoState, rustls::Error>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        match processed {
            Ok(state) => self.is_closed_by_peer = state.peer_has_closed(),
            Err(error) => {
                self.write(wire);
                return Err(explain(&error, &self.side));
            }
        }
        Ok(())
    }

    /// As [`open_within`](Protocol::open_within), and notes how much is in `buf`.
    fn open_to(
        &mut self,
        buf: &mut [u8],
        come: Range<usize>,
        filled: &mut usize,
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.begin(&buf[come.clone()], wire)?;
        let mut at = come.start;
        while at < come.end && !self.is_closed_by_peer {
            let mut bytes = &buf[at..come.end];
            let processed = self.process(&mut bytes)?;
            at = come.end - bytes.len();
            // As in `drain`. What is in `plain` comes after what is in `buf`.
            while plain.is_empty() && *filled < at {
                match self.connection.reader().read(&mut buf[*filled..at]) {
                    Ok(n @ 1..) => *filled += n,
                    _ => break,
                }
            }
            self.drain(plain);
            self.note_state(processed, wire)?;
        }
        self.write(wire);
        Ok(())
    }

    /// Moves decoded plaintext.
    fn drain(&mut self, plain: &mut Vec<u8>) {
        // That there is no more now, or ever, is no failure; what the end means is asked for separately.
        let _ = self.connection.reader().read_to_end(plain);
    }
}

impl Protocol for Tls {
    fn name(&self) -> &'static str {
        "TLS"
    }

    fn start(&mut self, wire: &mut Vec<u8>) {
        self.write(wire);
    }

    fn open(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        self.begin(bytes, wire)?;
        while !bytes.is_empty() && !self.is_closed_by_peer {
            let processed = self.process(&mut bytes)?;
            self.drain(plain);
            self.note_state(processed, wire)?;
        }
        self.write(wire);
        Ok(())
    }

    fn open_within(
        &mut self,
        buf: &mut [u8],
        come: Range<usize>,
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> (usize, Result<(), Violation>) {
        let mut filled = 0;
        let result = self.open_to(buf, come, &mut filled, plain, wire);
        (filled, result)
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        // Without a limit of its buffer, rustls takes everything.
        let _ = self.connection.writer().write_all(plain);
        self.write(wire);
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        self.connection.send_close_notify();
        self.write(wire);
    }

    fn record_size(&self) -> usize {
        RECORD
    }

    fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    fn is_closed_by_peer(&self) -> bool {
        self.is_closed_by_peer
    }

    fn record_length(&self, begin: &[u8]) -> Option<usize> {
        let &[_, _, _, high, low, ..] = begin else { return None };
        Some(HEADER + usize::from(u16::from_be_bytes([high, low])))
    }

    /// A listener of this program speaks TLS 1.3 and sends no tickets, which other servers do right after the handshake.
    fn may_be_secretcat(&self) -> bool {
        let is_current = self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        match &self.connection {
            Connection::Client(client) => is_current && client.tls13_tickets_received() == 0,
            Connection::Server(_) => is_current,
        }
    }

    /// Only that of TLS 1.3 is unique in each case (RFC 9266, section 4.2).
    fn binding(&self) -> Option<[u8; 32]> {
        let is_unique = self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let export = || self.connection.export_keying_material([0; 32], EXPORTER, Some(b"")).ok();
        if is_unique && !self.connection.is_handshaking() { export() } else { None }
    }

    fn session(&self) -> Option<Session> {
        let connection = &self.connection;
        let version = match connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLS 1.2",
            ProtocolVersion::TLSv1_3 => "TLS 1.3",
            _ => "TLS",
        };
        let certificate = || connection.peer_certificates()?.first().and_then(name_of);
        Some(Session {
            version,
            suite: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .map_or("?", registered),
            group: connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            server_name: match (&self.side, connection) {
                (Side::Client { name, .. }, _) => Some(name).filter(|name| name.parse::<IpAddr>().is_err()).cloned(),
                (Side::Server, Connection::Server(server)) => server.server_name().map(str::to_owned),
                (Side::Server, Connection::Client(_)) => None,
            },
            client: if self.side == Side::Server { certificate() } else { None },
        })
    }
}

/// The name of a cipher suite in its registry; rustls names those of TLS 1.3 differently.
fn registered(suite: &'static str) -> &'static str {
    match suite {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite,
    }
}

/// The name of the subject of a certificate: its common name, or else the first name that it is for. A longer one is
/// cut.
fn name_of(certificate: &CertificateDer<'_>) -> Option<String> {
    use x509_cert::der::Decode;
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    let common = parsed.tbs_certificate().subject().common_name().ok().flatten();
    let common = common.map(|name| name.value().into_owned()).filter(|name| !name.is_empty());
    let for_name = || Some(webpki::EndEntityCert::try_from(certificate).ok()?.valid_dns_names().next()?.to_owned());
    common.or_else(for_name).map(|name| name.chars().take(NAME).collect())
}

#[cfg(test)]
mod tests;
