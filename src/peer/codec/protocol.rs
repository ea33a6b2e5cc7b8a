//! What a layer needs to know of its protocol, and what it tells about it.

use std::fmt;
use std::ops::Range;

/// The rules of one protocol that encodes a stream of bytes. Bytes to be sent are appended to `wire`.
pub trait Protocol {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// Begins the handshake, where this side has the first message of it.
    fn start(&mut self, wire: &mut Vec<u8>);

    /// Decodes bytes that came, in pieces of any size; appends plaintext to `plain`.
    ///
    /// # Errors
    /// The peer does not keep to the protocol; what is in `wire` may say so to it.
    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation>;

    /// Decodes these bytes of `buf`. Plaintext goes to its start, over bytes that are decoded already, and what does not
    /// fit there to `plain`. Returns how much is in `buf`.
    fn open_within(
        &mut self,
        buf: &mut [u8],
        come: Range<usize>,
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> (usize, Result<(), Violation>) {
        (0, self.open(&buf[come], plain, wire))
    }

    /// Encodes plaintext as one record, after the handshake.
    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>);

    /// Appends the record that says that no more plaintext comes.
    fn close(&mut self, wire: &mut Vec<u8>);

    /// Plaintext bytes that one record holds at most; at least 1.
    fn record_size(&self) -> usize;

    /// Whether plaintext may not be sent yet.
    fn is_handshaking(&self) -> bool;

    /// Whether its bytes on the wire are records of its own, with plaintext in them.
    fn has_records(&self) -> bool {
        true
    }

    /// The length of the record that begins with these bytes, its header included; `None` if they are too few.
    fn record_length(&self, _begin: &[u8]) -> Option<usize> {
        None
    }

    /// What both sides have agreed on, once they have.
    fn session(&self) -> Option<Session> {
        None
    }

    /// What binds a login to this connection, once the handshake is over: `tls-exporter` of RFC 9266.
    fn binding(&self) -> Option<[u8; 32]> {
        None
    }

    /// Whether a service may know the connection: in general when the handshake is over.
    fn is_presentable(&self) -> bool {
        !self.is_handshaking()
    }

    /// Whether the peer has said that no more plaintext comes.
    fn is_closed_by_peer(&self) -> bool;

    /// Whether the peer is a secretcat, as far as its handshake shows: it is one if nothing speaks against it.
    fn may_be_secretcat(&self) -> bool {
        true
    }

    /// Whether the end of the byte stream beneath is also that of the plaintext: the protocol has no close of its own.
    fn ends_with_stream(&self) -> bool {
        false
    }

    /// What the client has asked for, once it has, if the handshake waits for [`choose`](Self::choose).
    fn hello(&self) -> Option<Hello> {
        None
    }

    /// Continues a handshake that waits, with the application protocol that the client gets.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn choose(&mut self, alpn: Option<&[u8]>, plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        let _ = (alpn, plain, wire);
        Ok(())
    }
}

/// Its name only. [`Protocol`] has no `Debug`, because the program would contain that of everything in it.
impl fmt::Debug for dyn Protocol + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names of a client's options of a protocol, for the hints of its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionNames {
    /// Their beginning: `--tls`, or `--relay-tls` toward the server of a relay.
    pub prefix: &'static str,
    /// The hint for a server that does not speak the protocol.
    pub without: &'static str,
}

impl OptionNames {
    /// Those of `--tls`.
    pub const TLS: OptionNames = OptionNames { prefix: "--tls", without: "connect without --tls" };
}

/// What a client has asked for at the beginning of its handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name of the server that it wants (SNI).
    pub server_name: Option<String>,
    /// The application protocols that it offers (ALPN).
    pub alpn: Vec<Vec<u8>>,
}

/// What both sides have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The protocol and its version.
    pub version: &'static str,
    /// The cipher suite, as its registry names it.
    pub suite: &'static str,
    /// The group of the key exchange.
    pub group: Option<&'static str>,
    /// The application protocol (ALPN); the client chose the bytes it is chosen from.
    pub alpn: Option<Vec<u8>>,
    /// The name of the server that the client has sent (SNI).
    pub server_name: Option<String>,
    /// The name in the certificate of the client, at the server.
    pub client: Option<String>,
}

/// What a peer sent that its protocol does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// What the end of the byte stream beneath means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed the layer before: all of its plaintext is here.
    Clean,
    /// It did not: plaintext may be missing.
    CutOff,
}
