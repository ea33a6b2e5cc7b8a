//! The sequence numbers of one TCP connection, whose two ends may both be connections of this program.

use std::net::SocketAddr;

use super::packet::{Flag, Header};

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The one that was recorded first.
    First,
    /// The other one.
    Second,
}

impl End {
    /// The end that it talks to.
    pub(super) fn other(self) -> End {
        match self {
            End::First => End::Second,
            End::Second => End::First,
        }
    }
}

/// A connection. Each direction begins with the sequence number 0, because the real one is not known; its first byte
/// has the number 1.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    first: Half,
    second: Half,
}

/// What one end has sent.
#[derive(Clone, Copy, Debug)]
struct Half {
    address: SocketAddr,
    /// Payload in packets so far, in bytes.
    sent: u64,
    /// Payload of it that the other end is known to have received.
    acknowledged: u64,
    /// Whether a FIN was sent, or a reset by either end: nothing follows.
    fin: bool,
    /// The largest number by which a packet of the other end has acknowledged it.
    seen: u32,
}

impl Flow {
    /// A connection between these ends.
    pub(super) fn new(first: SocketAddr, second: SocketAddr) -> Flow {
        let half = |address| Half { address, sent: 0, acknowledged: 0, fin: false, seen: 1 };
        Flow { first: half(first), second: half(second) }
    }

    /// The addresses of an end and the other one.
    pub(super) fn addresses(&self, end: End) -> (SocketAddr, SocketAddr) {
        (self.half(end).address, self.half(end.other()).address)
    }

    /// The packets that open the connection, which this end has asked for.
    pub(super) fn handshake(&self, from: End) -> [(End, Header); 3] {
        let to = from.other();
        let opening = |end, flag, acknowledges| (end, Header { sequence: 0, acknowledges, flag, ..self.header(end) });
        [opening(from, Flag::FirstSyn, 0), opening(to, Flag::Syn, 1), (from, self.header(from))]
    }

    /// The number of payload bytes that an end has sent.
    pub(super) fn sent(&self, from: End) -> u64 {
        self.half(from).sent
    }

    /// Whether an end sends no more.
    pub(super) fn is_closed(&self, from: End) -> bool {
        self.half(from).fin
    }

    /// The header of the next packet with this many bytes of payload.
    pub(super) fn send(&mut self, from: End, len: usize) -> Header {
        let header = self.header(from);
        self.half_mut(from).sent += len as u64;
        header
    }

    /// The other end has received everything up to this offset.
    pub(super) fn acknowledge(&mut self, from: End, offset: u64) {
        let half = self.half_mut(from);
        half.acknowledged = half.acknowledged.max(offset.min(half.sent));
    }

    /// The header of a packet without payload by which this end acknowledges what no packet has acknowledged; `None` if
    /// there is nothing.
    pub(super) fn acknowledgement(&self, from: End) -> Option<Header> {
        let header = self.header(from);
        (header.acknowledges != self.half(from.other()).seen).then_some(header)
    }

    /// A packet of this end has this header.
    pub(super) fn note_packet(&mut self, from: End, header: &Header) {
        self.half_mut(from.other()).seen = header.acknowledges;
    }

    /// The header of a packet without payload.
    pub(super) fn header(&self, from: End) -> Header {
        let (own, other) = (self.half(from), self.half(from.other()));
        Header {
            from: own.address,
            to: other.address,
            sequence: number(own.sent, own.fin),
            // A FIN arrives with, or after, everything before it.
            acknowledges: number(other.acknowledged, other.fin && other.acknowledged == other.sent),
            flag: Flag::None,
        }
    }

    /// The header of the FIN of an end; `None` if it has sent one.
    pub(super) fn finish(&mut self, from: End) -> Option<Header> {
        let header = Header { flag: Flag::Fin, ..self.header(from) };
        let half = self.half_mut(from);
        (!std::mem::replace(&mut half.fin, true)).then_some(header)
    }

    /// The header of a reset, after which neither end sends anything.
    pub(super) fn reset(&mut self, from: End) -> Header {
        let header = Header { flag: Flag::Reset, ..self.header(from) };
        (self.first.fin, self.second.fin) = (true, true);
        header
    }

    fn half(&self, end: End) -> &Half {
        match end {
            End::First => &self.first,
            End::Second => &self.second,
        }
    }

    fn half_mut(&mut self, end: End) -> &mut Half {
        match end {
            End::First => &mut self.first,
            End::Second => &mut self.second,
        }
    }
}

/// The sequence number behind this many bytes, and behind a FIN. It wraps (RFC 9293, 3.4).
fn number(bytes: u64, fin: bool) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "sequence numbers count modulo 2^32")]
    let low = bytes as u32;
    low.wrapping_add(1 + u32::from(fin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        Flow::new("127.0.0.1:1000".parse().unwrap(), "127.0.0.1:4500".parse().unwrap())
    }

    fn numbers(header: Header) -> (u16, u32, u32, Flag) {
        (header.from.port(), header.sequence, header.acknowledges, header.flag)
    }

    #[test]
    fn numbers_follow_the_bytes() {
        let mut flow = flow();
        let opening = flow.handshake(End::First).map(|(_, header)| numbers(header));
        assert_eq!(opening, [(1000, 0, 0, Flag::FirstSyn), (4500, 0, 1, Flag::Syn), (1000, 1, 1, Flag::None)]);
        assert_eq!(numbers(flow.send(End::First, 4)), (1000, 1, 1, Flag::None));
        assert_eq!(numbers(flow.send(End::First, 7)), (1000, 5, 1, Flag::None));
        assert!(flow.acknowledgement(End::Second).is_none());
        flow.acknowledge(End::First, 99);
        flow.acknowledge(End::First, 3);
        let header = flow.acknowledgement(End::Second).unwrap();
        assert_eq!(numbers(header), (4500, 1, 12, Flag::None));
        flow.note_packet(End::Second, &header);
        assert!(flow.acknowledgement(End::Second).is_none(), "a packet has acknowledged it");
        assert_eq!(numbers(flow.send(End::Second, 27)), (4500, 1, 12, Flag::None));
        assert_eq!(numbers(flow.finish(End::First).unwrap()), (1000, 12, 1, Flag::Fin));
        assert!(flow.finish(End::First).is_none() && flow.is_closed(End::First));
        flow.acknowledge(End::Second, 27);
        assert_eq!(numbers(flow.header(End::First)), (1000, 13, 28, Flag::None));
        assert_eq!(numbers(flow.reset(End::Second)), (4500, 28, 13, Flag::Reset));
        assert!(flow.is_closed(End::Second));
    }

    #[test]
    fn sequence_numbers_wrap() {
        assert_eq!(number((1 << 32) - 1, false), 0);
        assert_eq!(number((3 << 32) + 5, true), 7);
    }
}
