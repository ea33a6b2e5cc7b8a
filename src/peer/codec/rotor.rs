//! A protocol of the tests, with a handshake, an alert and a close of its own.

use kind::{ALERT, CLOSE, DATA, HELLO, WELCOME};

use super::{Channel, Layer, Plan, Protocol, Violation};

/// The kinds of its records.
pub(crate) mod kind {
    /// The first record of the client.
    pub(crate) const HELLO: u8 = 1;
    /// The first record of the server.
    pub(crate) const WELCOME: u8 = 2;
    /// A record with plaintext.
    pub(crate) const DATA: u8 = 3;
    /// The record that says that no more plaintext comes.
    pub(crate) const CLOSE: u8 = 4;
    /// The record that says that the peer broke the protocol.
    pub(crate) const ALERT: u8 = 5;
}

/// A protocol that rotates each byte. A record is its kind, its length, and its body; the client says
/// hello and the server welcome, and neither sends data before both are said.
#[derive(Debug)]
pub(crate) struct Rotor {
    is_client: bool,
    is_established: bool,
    is_closed_by_peer: bool,
    /// A record that has not come whole.
    partial: Vec<u8>,
}

impl Rotor {
    /// One end of a connection.
    pub(crate) fn end(is_client: bool) -> Box<dyn Protocol> {
        Box::new(Rotor { is_client, is_established: false, is_closed_by_peer: false, partial: Vec::new() })
    }

    /// The same as a layer without a plan.
    pub(crate) fn layer(is_client: bool) -> Layer {
        let channel = Channel { number: 0, raw: false, has_barriers: true, joins: false };
        Layer::new(Rotor::end(is_client), &Plan::default(), channel)
    }
}

/// Appends a record.
pub(crate) fn record(kind: u8, body: &[u8], wire: &mut Vec<u8>) {
    wire.extend([kind, u8::try_from(body.len()).unwrap()]);
    wire.extend(body.iter().map(|byte| byte.wrapping_add(13)));
}

impl Protocol for Rotor {
    fn name(&self) -> &'static str {
        "Rotor"
    }

    fn start(&mut self, wire: &mut Vec<u8>) {
        if self.is_client {
            record(HELLO, b"hello", wire);
        }
    }

    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        self.partial.extend_from_slice(bytes);
        while let [kind, length, rest @ ..] = self.partial.as_slice() {
            let length = usize::from(*length);
            let Some(body) = rest.get(..length) else { break };
            match *kind {
                HELLO if !self.is_client && !self.is_established => record(WELCOME, b"", wire),
                WELCOME if self.is_client && !self.is_established => {}
                DATA if self.is_established => plain.extend(body.iter().map(|byte| byte.wrapping_sub(13))),
                CLOSE if self.is_established => {
                    self.is_closed_by_peer = true;
                    self.partial.clear();
                    return Ok(());
                }
                ALERT => return Err(Violation("the peer has sent an alert".to_owned())),
                kind => {
                    record(ALERT, b"", wire);
                    return Err(Violation(format!("a record of kind {kind} does not belong here")));
                }
            }
            self.is_established = true;
            self.partial.drain(..2 + length);
        }
        Ok(())
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        assert!(self.is_established, "plaintext within the handshake");
        record(DATA, plain, wire);
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        record(CLOSE, b"", wire);
    }

    fn record_size(&self) -> usize {
        16
    }

    fn record_length(&self, begin: &[u8]) -> Option<usize> {
        begin.get(1).map(|length| 2 + usize::from(*length))
    }

    fn is_handshaking(&self) -> bool {
        !self.is_established
    }

    fn is_closed_by_peer(&self) -> bool {
        self.is_closed_by_peer
    }
}
