//! What lies between the bytes of a conversation and those on the wire: nothing, or a layer such as TLS.
//!
//! A layer is bytes in, bytes out, without a socket: what it wants to send goes into the [`Outbox`], so
//! that offsets of cuts, writes and barriers count wire bytes. [`Layer::plaintext_at`] and
//! [`Layer::wire_at`] translate them; a barrier that compared one with the other would prove nothing.

#[cfg(feature = "tls")]
pub mod mlkem;
mod offsets;

use std::fmt;

use offsets::Offsets;

use super::outbox::Outbox;

/// How the bytes of a conversation become those on the wire.
#[derive(Debug, Default)]
pub enum Codec {
    /// They are the same bytes: nothing is copied, and bytes may be spliced.
    #[default]
    Plain,
    /// They are encoded.
    Layer(Box<Layer>),
}

impl Codec {
    /// The layer that encodes; `None` where wire and plaintext are the same bytes.
    #[inline]
    #[must_use]
    pub fn layer(&self) -> Option<&Layer> {
        match self {
            Codec::Plain => None,
            Codec::Layer(layer) => Some(layer),
        }
    }

    /// The same, mutable.
    #[inline]
    pub fn layer_mut(&mut self) -> Option<&mut Layer> {
        match self {
            Codec::Plain => None,
            Codec::Layer(layer) => Some(layer),
        }
    }
}

/// An idle connection keeps no larger buffers than this.
const KEPT: usize = 256;

/// The rules of one protocol that encodes a stream of bytes. Bytes to be sent are appended to `wire`.
pub trait Protocol: fmt::Debug {
    /// Its name, for errors.
    fn name(&self) -> &'static str;

    /// Begins the handshake, where this side has the first message of it.
    fn start(&mut self, wire: &mut Vec<u8>);

    /// Decodes bytes that came, in pieces of any size; appends plaintext to `plain`.
    ///
    /// # Errors
    /// The peer does not keep to the protocol; what is in `wire` may say so to it.
    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation>;

    /// Encodes plaintext as one record, after the handshake.
    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>);

    /// Appends the record that says that no more plaintext comes.
    fn close(&mut self, wire: &mut Vec<u8>);

    /// Plaintext bytes that one record holds at most; at least 1.
    fn record_size(&self) -> usize;

    /// Whether plaintext may not be sent yet.
    fn is_handshaking(&self) -> bool;

    /// Whether the peer has said that no more plaintext comes.
    fn is_closed_by_peer(&self) -> bool;
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

/// One connection of a protocol: plaintext in and out, and which offsets on the wire belong to it.
#[derive(Debug)]
pub struct Layer {
    protocol: Box<dyn Protocol>,
    /// Plaintext that was received, after `start` bytes that were taken.
    received: Vec<u8>,
    start: usize,
    /// Bytes of plaintext taken, and bytes of plaintext to be sent that were accepted.
    taken: u64,
    accepted: u64,
    /// What the peer did wrong. Nothing is sent or received after it.
    violation: Option<Violation>,
    /// Plaintext that waits for the end of the handshake, and the lengths of its messages.
    waiting: Vec<u8>,
    lengths: Vec<usize>,
    closing: Closing,
    /// Encoded bytes that are not in the outbox yet, and the lengths of their records.
    wire: Vec<u8>,
    records: Vec<usize>,
    offsets: Offsets,
}

/// How far our close of the layer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    /// Asked for within the handshake; it comes after the plaintext that waits.
    Asked,
    Closed,
}

impl Layer {
    /// Begins a connection of this protocol.
    #[must_use]
    pub fn new(protocol: Box<dyn Protocol>) -> Self {
        let mut layer = Layer {
            protocol,
            received: Vec::new(),
            start: 0,
            taken: 0,
            accepted: 0,
            violation: None,
            waiting: Vec::new(),
            lengths: Vec::new(),
            closing: Closing::Open,
            wire: Vec::new(),
            records: Vec::new(),
            offsets: Offsets::default(),
        };
        layer.protocol.start(&mut layer.wire);
        layer.note_record(0, 0);
        layer
    }

    /// Encodes messages of these lengths that stand one after the other in `plain`; within the handshake
    /// they wait for its end, and after a violation for ever. Whether they were accepted: after the close nothing is.
    pub fn send(&mut self, plain: &[u8], lengths: impl Iterator<Item = usize>) -> bool {
        if self.closing != Closing::Open {
            return false;
        }
        self.accepted += plain.len() as u64;
        if self.protocol.is_handshaking() || self.violation.is_some() {
            self.waiting.extend_from_slice(plain);
            self.lengths.extend(lengths);
        } else {
            self.seal(plain, lengths);
        }
        true
    }

    /// Decodes bytes that came from the wire, in pieces of any size; [`take`](Self::take) returns the plaintext.
    /// Bytes after the peer's close are ignored.
    ///
    /// # Errors
    /// The peer does not keep to the protocol; every further call returns the same.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if let Some(violation) = &self.violation {
            return Err(violation.clone());
        }
        if self.protocol.is_closed_by_peer() {
            return Ok(());
        }
        let before = self.wire.len();
        let result = self.protocol.open(bytes, &mut self.received, &mut self.wire);
        self.note_record(before, 0);
        match &result {
            Ok(()) if !self.protocol.is_handshaking() => self.send_what_waits(),
            Ok(()) => {}
            Err(violation) => self.violation = Some(violation.clone()),
        }
        result
    }

    /// Moves received plaintext to the start of this buffer, and returns how much.
    pub fn take(&mut self, buf: &mut [u8]) -> usize {
        let left = &self.received[self.start..];
        let n = left.len().min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        self.start += n;
        self.taken += n as u64;
        if self.start == self.received.len() {
            self.received.clear();
            self.start = 0;
        }
        n
    }

    /// Whether there is plaintext to be taken.
    #[must_use]
    pub fn has_plaintext(&self) -> bool {
        self.start < self.received.len()
    }

    /// No more plaintext is sent: the record that says so comes after all that was taken before.
    pub fn close(&mut self) {
        if self.closing == Closing::Open {
            self.closing = Closing::Asked;
            if !self.protocol.is_handshaking() && self.violation.is_none() {
                self.send_what_waits();
            }
        }
    }

    /// Nothing more is sent: what waits for the handshake is dropped, and no record says that this is the end.
    pub fn abandon(&mut self) {
        (self.waiting, self.lengths) = (Vec::new(), Vec::new());
        (self.wire, self.records) = (Vec::new(), Vec::new());
        self.closing = Closing::Closed;
    }

    /// What the end of the byte stream beneath means, if it comes now.
    #[must_use]
    pub fn end(&self) -> End {
        if self.protocol.is_closed_by_peer() { End::Clean } else { End::CutOff }
    }

    /// Moves encoded bytes into the outbox, each record as a message to its plan.
    pub fn move_into(&mut self, outbox: &mut Outbox) {
        if self.wants_write() {
            outbox.push(&self.wire, self.records.drain(..));
            self.wire.clear();
        }
    }

    /// Whether there are bytes for [`move_into`](Self::move_into).
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.wire.is_empty()
    }

    /// Whether bytes from the wire can still bring something.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.protocol.is_closed_by_peer()
    }

    /// Whether the handshake is over, and plaintext is sent as it comes.
    #[must_use]
    pub fn is_established(&self) -> bool {
        !self.protocol.is_handshaking()
    }

    /// Whether our side is still open: no close was asked for.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closing == Closing::Open
    }

    /// Whether something is still to be moved into the outbox: what was accepted, or the close.
    #[must_use]
    pub fn owes_bytes(&self) -> bool {
        let waits = !self.waiting.is_empty() || self.closing == Closing::Asked;
        self.wants_write() || (waits && self.violation.is_none())
    }

    /// What the peer did wrong.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The name of the protocol.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.protocol.name()
    }

    /// Bytes of plaintext that were accepted for sending.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Bytes of received plaintext that were taken.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether the record that ends our plaintext is encoded.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing == Closing::Closed
    }

    /// Bytes of plaintext that are not encoded: they wait for the end of the handshake.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of our plaintext that the peer can decode once it has all wire bytes up to this offset.
    #[must_use]
    pub fn plaintext_at(&self, wire: u64) -> u64 {
        self.offsets.plaintext_at(wire)
    }

    /// The wire bytes that the peer needs to decode our plaintext up to this offset; `None` while it is
    /// not encoded.
    #[must_use]
    pub fn wire_at(&self, plaintext: u64) -> Option<u64> {
        self.offsets.wire_at(plaintext)
    }

    /// Whether so many offsets are remembered that those of acknowledged bytes should be
    /// [forgotten](Self::forget). Without that, older offsets become coarser.
    #[must_use]
    pub fn remembers_many(&self) -> bool {
        self.offsets.are_many()
    }

    /// Gives back memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        for buffer in [&mut self.received, &mut self.wire] {
            if buffer.is_empty() {
                buffer.shrink_to(KEPT);
            }
        }
        self.records.shrink_to(KEPT / size_of::<usize>());
    }

    /// Nobody will ask for an offset before this one on the wire.
    pub fn forget(&mut self, wire: u64) {
        self.offsets.forget(wire);
    }

    fn send_what_waits(&mut self) {
        let (waiting, lengths) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.lengths));
        self.seal(&waiting, lengths.into_iter());
        if self.closing == Closing::Asked {
            let before = self.wire.len();
            self.protocol.close(&mut self.wire);
            self.note_record(before, 0);
            self.closing = Closing::Closed;
        }
    }

    /// Encodes messages, each as records of its own. A plan that is to cut the plaintext into records instead of the
    /// wire into writes (`--cut-layer record`) cuts here: its pieces are then the parts of a message.
    fn seal(&mut self, mut plain: &[u8], lengths: impl Iterator<Item = usize>) {
        let most = self.protocol.record_size().max(1);
        for length in lengths {
            let (message, rest) = plain.split_at(length.min(plain.len()));
            for part in message.chunks(most) {
                let before = self.wire.len();
                self.protocol.seal(part, &mut self.wire);
                self.note_record(before, part.len());
            }
            plain = rest;
        }
    }

    /// Notes that the bytes of the wire from `before` on are a record with so much plaintext.
    fn note_record(&mut self, before: usize, plain: usize) {
        let length = self.wire.len() - before;
        if length > 0 {
            self.records.push(length);
            self.offsets.add(length as u64, plain as u64);
        }
    }
}

#[cfg(test)]
mod rotor;
#[cfg(test)]
pub(crate) use rotor::{Rotor, kind, record};
#[cfg(test)]
mod tests;
