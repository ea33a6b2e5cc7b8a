//! Cuts the handshake records that a layer sends anew, and joins them as the plan asks.

use super::{Channel, Cutter, Piece, Plan};
use crate::plan::Recutter;

/// The re-cutter of one connection, with what its bytes carry.
#[derive(Debug)]
pub(super) struct Recut {
    recutter: Recutter,
    /// The number of records in one piece.
    joined: usize,
    /// Bytes of plaintext whose encoded bytes the re-cutter holds.
    held: u64,
}

impl Recut {
    pub(super) fn new(plan: &Plan, channel: Channel) -> Self {
        let recutter = Recutter::new(Cutter::new(plan, channel.number));
        Recut { recutter, joined: plan.coalesce.get(), held: 0 }
    }

    /// Appends encoded bytes that carry so much plaintext to the wire. Returns the plaintext that the appended bytes
    /// carry.
    pub(super) fn push(&mut self, encoded: &[u8], plain: u64, wire: &mut Vec<u8>, pieces: &mut Vec<Piece>) -> u64 {
        self.held += plain;
        self.append(wire, pieces, |recutter, wire, made| recutter.push(encoded, wire, made))
    }

    /// Appends the bytes that are held. Returns the plaintext that they carry.
    pub(super) fn end(&mut self, wire: &mut Vec<u8>, pieces: &mut Vec<Piece>) -> u64 {
        self.append(wire, pieces, Recutter::end)
    }

    /// Whether all further bytes pass unchanged: they are encrypted, or no TLS.
    pub(super) fn is_over(&self) -> bool {
        self.recutter.off().is_some()
    }

    fn append(
        &mut self,
        wire: &mut Vec<u8>,
        pieces: &mut Vec<Piece>,
        recut: impl FnOnce(&mut Recutter, &mut Vec<u8>, &mut Vec<Piece>),
    ) -> u64 {
        let (before, mut made) = (wire.len(), Vec::new());
        recut(&mut self.recutter, wire, &mut made);
        let mut joined = 0;
        for piece in made {
            if let Some(last) = pieces.last_mut().filter(|last| joined > 0 && last.is_whole && piece.is_whole) {
                last.len += piece.len;
            } else {
                joined = 0;
                pieces.push(piece);
            }
            joined = (joined + 1) % self.joined;
        }
        if wire.len() > before { std::mem::take(&mut self.held) } else { 0 }
    }
}
