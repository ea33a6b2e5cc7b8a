//! What lies between the bytes of a conversation and those on the wire: nothing, or a layer such as TLS.
//!
//! A layer is bytes in, bytes out, without a socket: what it wants to send goes into the [`Outbox`], so
//! that offsets of cuts, writes and barriers count wire bytes. [`Layer::plaintext_at`] and
//! [`Layer::wire_at`] translate them; a barrier that compared one with the other would prove nothing.

mod offsets;
mod protocol;
mod received;
mod records;
mod recut;
mod through;
#[cfg(feature = "tls")]
pub mod tls;

use std::ops::Range;

use offsets::Offsets;
pub use protocol::{End, Hello, OptionNames, Protocol, Session, Violation};
use received::Received;
pub use records::Record;
use records::Records;
use recut::Recut;
pub use through::Through;

use super::outbox::{Channel, Outbox};
use crate::plan::{CutLayer, Cutter, Piece, Pieces, Plan};

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

/// One connection of a protocol: plaintext in and out, and which offsets on the wire belong to it.
#[derive(Debug)]
pub struct Layer {
    protocol: Box<dyn Protocol>,
    received: Received,
    /// Bytes of plaintext to be sent that were accepted.
    accepted: u64,
    /// What the peer did wrong. Nothing is sent or received after it.
    violation: Option<Violation>,
    /// Plaintext that waits for the end of the handshake, or to be joined with further messages.
    waiting: Vec<u8>,
    /// Cuts plaintext into records, each of which is a piece of the plan; `None` where no plan does.
    cuts: Option<Pieces>,
    closing: Closing,
    /// Cuts handshake records anew.
    recut: Option<Recut>,
    /// Encoded bytes that are not in the outbox yet, and their pieces.
    wire: Vec<u8>,
    pieces: Vec<Piece>,
    offsets: Offsets,
    /// The records one by one, if they are wanted.
    records: Option<Box<Records>>,
    /// Each write is a whole record: no plan cuts below them.
    writes_records: bool,
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
    /// Begins a connection of this protocol, whose writes have this plan.
    #[must_use]
    pub fn new(protocol: Box<dyn Protocol>, plan: &Plan, channel: Channel) -> Self {
        let cuts_records = plan.layer == CutLayer::Record && !plan.is_plain();
        let recuts = plan.layer == CutLayer::Handshake && !plan.is_plain();
        let mut layer = Layer {
            protocol,
            received: Received::default(),
            accepted: 0,
            violation: None,
            waiting: Vec::new(),
            cuts: cuts_records.then(|| Pieces::new(plan, channel.number, channel.raw)),
            closing: Closing::Open,
            recut: recuts.then(|| Recut::new(plan, channel)),
            wire: Vec::new(),
            pieces: Vec::new(),
            offsets: Offsets::default(),
            records: None,
            writes_records: plan.layer != CutLayer::Tcp,
        };
        layer.protocol.start(&mut layer.wire);
        layer.note_uncut(0);
        layer
    }

    /// So many bytes, which are not of this layer, stand before everything that it sends on the wire.
    pub fn begin_after(&mut self, header: usize) {
        self.offsets.shift(header as u64);
        if let Some(records) = &mut self.records {
            records.shift(header as u64);
        }
    }

    /// The outbox that writes what a layer with this plan encodes.
    #[must_use]
    pub fn outbox(plan: &Plan, channel: Channel) -> Outbox {
        match plan.layer {
            CutLayer::Record | CutLayer::Handshake => Outbox::of_given_pieces(plan, channel),
            CutLayer::Tcp => Outbox::new(plan, Channel { raw: true, ..channel }),
        }
    }

    /// Encodes messages of these lengths that stand one after the other in `plain`; within the handshake
    /// they wait for its end, and after a violation for ever. Whether they were accepted: after the close nothing is.
    pub fn send(&mut self, plain: &[u8], lengths: impl Iterator<Item = usize>) -> bool {
        if self.closing != Closing::Open {
            return false;
        }
        self.accepted += plain.len() as u64;
        if let Some(cuts) = &mut self.cuts {
            cuts.take_in(plain, lengths);
        } else if self.may_seal() && self.waiting.is_empty() {
            self.seal(plain, UNCUT);
            return true;
        }
        self.waiting.extend_from_slice(plain);
        self.seal_what_waits();
        true
    }

    /// No further message follows: those that wait to be joined with others are encoded now.
    pub fn end_group(&mut self) {
        if let Some(cuts) = &mut self.cuts {
            cuts.end_group();
            self.seal_what_waits();
        }
    }

    /// Bytes of plaintext that wait for further messages to be joined with.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.cuts.as_ref().filter(|_| self.may_seal()).map_or(0, Pieces::held_back)
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
        let result = match self.records.take() {
            None => self.protocol.open(bytes, self.received.bytes_mut(), &mut self.wire),
            Some(mut records) => {
                let result = self.open_each(bytes, &mut records);
                self.records = Some(records);
                result
            }
        };
        self.after_opening(before, result.as_ref().err().cloned());
        result
    }

    /// Decodes these bytes of the buffer, which came from the wire. Returns how much plaintext is at the start of the
    /// buffer; what does not fit there is for [`take`](Self::take), as is all of it if some is there already.
    ///
    /// A violation is reported as by [`receive`](Self::receive), by the next call or as [`violation`](Self::violation).
    pub fn receive_within(&mut self, buf: &mut [u8], come: Range<usize>) -> usize {
        if self.records.is_some() || self.has_plaintext() || self.violation.is_some() || !self.wants_read() {
            let _ = self.receive(&buf[come]);
            return 0;
        }
        let before = self.wire.len();
        let (n, result) = self.protocol.open_within(buf, come, self.received.bytes_mut(), &mut self.wire);
        self.received.note_taken(n);
        self.after_opening(before, result.err());
        n
    }

    /// Goes on after bytes were decoded, with the bytes of the wire from `before` on.
    fn after_opening(&mut self, before: usize, violation: Option<Violation>) {
        self.note_uncut(before);
        self.violation = self.violation.take().or(violation);
        self.send_what_waits();
    }

    /// Moves received plaintext to the start of this buffer, and returns how much.
    pub fn take(&mut self, buf: &mut [u8]) -> usize {
        self.received.take(buf)
    }

    /// Whether there is plaintext to be taken.
    #[must_use]
    pub fn has_plaintext(&self) -> bool {
        !self.received.is_empty()
    }

    /// No more plaintext is sent: the record that says so comes after all that was taken before.
    pub fn close(&mut self) {
        if self.closing == Closing::Open {
            self.closing = Closing::Asked;
            self.send_what_waits();
        }
    }

    /// Nothing more is sent: what waits for the handshake is dropped, and no record says that this is the end.
    pub fn abandon(&mut self) {
        self.waiting = Vec::new();
        (self.wire, self.pieces) = (Vec::new(), Vec::new());
        self.take_records(); // they are not written
        self.closing = Closing::Closed;
    }

    /// What the end of the byte stream beneath means, if it comes now.
    #[must_use]
    pub fn end(&self) -> End {
        if self.protocol.is_closed_by_peer() { End::Clean } else { End::CutOff }
    }

    /// Moves encoded bytes into the outbox.
    pub fn move_into(&mut self, outbox: &mut Outbox) {
        if self.wants_write() {
            outbox.take_pieces(&mut self.wire, self.pieces.drain(..));
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

    /// What the client has asked for, if the handshake waits for [`choose`](Self::choose).
    #[must_use]
    pub fn hello(&self) -> Option<Hello> {
        self.protocol.hello()
    }

    /// Continues a handshake that waits, with the application protocol that the client gets. A failure is a
    /// [violation](Self::violation).
    pub fn choose(&mut self, alpn: Option<&[u8]>) {
        let before = self.wire.len();
        let result = self.protocol.choose(alpn, self.received.bytes_mut(), &mut self.wire);
        self.after_opening(before, result.err());
    }

    /// What both sides have agreed on, once they have.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.protocol.session()
    }

    /// What binds a login to this connection, once the handshake is over.
    #[must_use]
    pub fn binding(&self) -> Option<[u8; 32]> {
        self.protocol.binding()
    }

    /// Whether a service may know the connection.
    #[must_use]
    pub fn is_presentable(&self) -> bool {
        self.protocol.is_presentable()
    }

    /// The protocol, to be asked.
    #[must_use]
    pub fn protocol(&self) -> &dyn Protocol {
        &*self.protocol
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
        self.received.taken()
    }

    /// Bytes of plaintext that were received, those not taken included.
    #[must_use]
    pub fn decoded(&self) -> u64 {
        self.received.total()
    }

    /// Whether the record that ends our plaintext is encoded.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing == Closing::Closed
    }

    /// Bytes of plaintext that are not encoded: they wait for the end of the handshake, or are
    /// [held back](Self::held_back).
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The number of messages that are not completely encoded.
    #[must_use]
    pub fn unencoded(&self) -> usize {
        self.cuts.as_ref().map_or(0, Pieces::unfinished)
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
        self.received.shrink_to(KEPT);
        if self.wire.is_empty() {
            self.wire.shrink_to(KEPT);
        }
        self.pieces.shrink_to(KEPT / size_of::<Piece>());
    }

    /// Nobody will ask for an offset before this one on the wire.
    pub fn forget(&mut self, wire: u64) {
        self.offsets.forget(wire);
    }

    /// Whether plaintext may be encoded now.
    fn may_seal(&self) -> bool {
        !self.protocol.is_handshaking() && self.violation.is_none()
    }

    /// Encodes what waits, if it may, and then the close if it was asked for.
    fn send_what_waits(&mut self) {
        if !self.may_seal() {
            return;
        }
        if self.closing == Closing::Asked {
            self.cuts.iter_mut().for_each(Pieces::end_group);
        }
        self.seal_what_waits();
        if self.closing == Closing::Asked {
            let before = self.wire.len();
            self.protocol.close(&mut self.wire);
            self.note_uncut(before);
            self.end_recutting();
            self.closing = Closing::Closed;
        }
    }

    /// Encodes what waits, as far as it makes pieces.
    fn seal_what_waits(&mut self) {
        if !self.may_seal() || self.waiting.is_empty() {
            return;
        }
        let plain = std::mem::take(&mut self.waiting);
        let mut rest = plain.as_slice();
        match self.cuts.take() {
            None => self.seal(std::mem::take(&mut rest), UNCUT),
            Some(mut cuts) => {
                while let Some(piece) = cuts.next(rest.len()) {
                    let (part, after) = rest.split_at(piece.len);
                    self.seal(part, piece);
                    rest = after;
                }
                self.cuts = Some(cuts);
            }
        }
        self.waiting.extend_from_slice(rest);
    }

    /// Encodes one piece of the plan, as one record or, if it is too large for one, as several.
    fn seal(&mut self, plain: &[u8], piece: Piece) {
        let most = self.protocol.record_size().max(1);
        let (mut pause, mut left) = (piece.pause, plain.len());
        for part in plain.chunks(most) {
            let before = self.wire.len();
            self.protocol.seal(part, &mut self.wire);
            left -= part.len();
            let record = Piece { len: 0, pause: pause.take(), is_whole: piece.is_whole && left == 0 };
            self.note_record(before, part.len(), record);
        }
    }

    /// Notes that the bytes of the wire from `before` on belong to the handshake, or are the close: no plan cuts them.
    fn note_uncut(&mut self, before: usize) {
        self.note_record(before, 0, UNCUT);
    }

    /// Notes that the bytes of the wire from `before` on are a record with so much plaintext.
    fn note_record(&mut self, before: usize, plain: usize, piece: Piece) {
        if self.recut.is_some() {
            return self.recut(before, plain);
        }
        let length = self.wire.len() - before;
        if length > 0 {
            self.pieces.push(Piece { len: length, ..piece });
            self.note_offsets(before, plain as u64);
        }
    }

    /// Cuts the bytes of the wire from `before` on anew; they carry so much plaintext.
    fn recut(&mut self, before: usize, plain: usize) {
        let Some(recut) = &mut self.recut else { return };
        let encoded = self.wire.split_off(before);
        let plain = recut.push(&encoded, plain as u64, &mut self.wire, &mut self.pieces);
        let is_over = recut.is_over();
        self.note_offsets(before, plain);
        if is_over {
            self.end_recutting();
        }
    }

    /// No more records are cut; what is held is sent as it is.
    fn end_recutting(&mut self) {
        let Some(mut recut) = self.recut.take() else { return };
        let before = self.wire.len();
        let plain = recut.end(&mut self.wire, &mut self.pieces);
        self.note_offsets(before, plain);
    }

    /// Notes that the bytes of the wire from `before` on carry so much plaintext.
    fn note_offsets(&mut self, before: usize, plain: u64) {
        let length = self.wire.len() - before;
        if length > 0 {
            self.offsets.add(length as u64, plain);
            if let Some(records) = &mut self.records {
                records.sent(&self.wire[before..], plain, |begin| self.protocol.record_length(begin));
            }
        }
    }
}

/// A piece that no plan has cut: no pause comes before it and no barrier after it.
const UNCUT: Piece = Piece { len: 0, pause: None, is_whole: false };

#[cfg(test)]
mod rotor;
#[cfg(test)]
pub(crate) use rotor::{Rotor, kind, record};
#[cfg(test)]
mod tests;
