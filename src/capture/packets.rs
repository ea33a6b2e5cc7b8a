//! Events in, packets out.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use slab::Slab;

use super::blocks::{self, Packet};
use super::flow::{End, Flow};
use super::packet::{self, Flag, Header, LARGEST};
use crate::trace::{BarrierOutcome, ConnId, Direction, Event, EventKind, Side, TcpSample, established, shown};

/// The most messages of a connection whose bytes are not all written, and that comments name.
const MESSAGES: usize = 1024;
/// The length up to which the comment of a write is made longer by what came before it.
const NOTES: usize = 256;
/// The most bytes of packets that wait for the secrets of their handshake.
const WAITING: usize = 256 * 1024;
/// The first byte of a TLS connection: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// The comment of packets whose bytes may have been in other segments.
const AS_WRITTEN: &str = "as written; the wire may differ";
const AS_READ: &str = "as read; the wire may differ";

/// A capture: the events of a run become the bytes of a file, which [`take`](Self::take) hands out.
#[derive(Debug)]
pub struct Capture {
    /// The time of day at which the run began, in nanoseconds since 1970.
    start: u64,
    /// Secrets of TLS connections are to come.
    has_secrets: bool,
    flows: Slab<TcpConnection>,
    /// The connections of which the other end may come, by the addresses that it has.
    twins: HashMap<(SocketAddr, SocketAddr), usize>,
    conns: HashMap<ConnId, Conn>,
    /// The last write or read, until the sample of its connection shows the size of segments.
    last: Option<Call>,
    /// The packets of the last read, until the messages that end in it are known.
    held: Option<Received>,
    /// The bytes that are not handed out yet: whole blocks.
    out: Vec<u8>,
}

/// A TCP connection, of which this program has one end or both.
#[derive(Debug)]
struct TcpConnection {
    flow: Flow,
    /// How many of its ends are open connections of this program.
    open: usize,
    /// Packets that wait for secrets, as blocks; `None` if they do not wait.
    waiting: Option<Vec<u8>>,
    /// Whether its first byte was seen, which decides whether packets wait.
    has_begun: bool,
}

/// An end of a TCP connection that this program has.
#[derive(Debug)]
struct Conn {
    flow: usize,
    end: End,
    side: Side,
    /// The largest segment, once the kernel has reported it.
    mss: Option<u64>,
    /// The messages that are not completely written: number, start and end.
    messages: VecDeque<(u64, u64, u64)>,
    /// Whether offsets of messages are offsets of the wire: no layer and no header comes in between.
    is_plain: bool,
    /// The barrier that the next write has waited for, and the messages received, if no packet shows it.
    passed: Option<String>,
    /// The bytes of messages up to this offset are in packets of the other end, which name the messages.
    named: u64,
}

/// A write or read.
#[derive(Debug)]
struct Call {
    conn: ConnId,
    time: u64,
    offset: u64,
    bytes: Vec<u8>,
    kind: CallKind,
}

/// The packets of a read that wait for their comment.
#[derive(Debug)]
struct Received {
    conn: ConnId,
    flow: usize,
    from: End,
    time: u64,
    packets: Vec<(Header, Vec<u8>)>,
    comment: String,
    /// The offsets of its first byte and after its last one.
    range: (u64, u64),
    /// The first and the last message that ends in it, by their numbers.
    messages: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallKind {
    Read,
    /// A write. Pinned: the kernel was asked to end a segment with it (`MSG_EOR`), and it took all of it.
    Write {
        pinned: bool,
    },
}

impl Capture {
    /// The capture of a run that began at this time, in nanoseconds since 1970. The comment describes the file.
    #[must_use]
    pub fn new(start: u64, comment: &str) -> Capture {
        let mut out = Vec::new();
        blocks::section(comment, &mut out);
        blocks::interface(&mut out);
        let (flows, twins, conns) = (Slab::new(), HashMap::new(), HashMap::new());
        Capture { start, has_secrets: false, flows, twins, conns, last: None, held: None, out }
    }

    /// Secrets of TLS connections are to come: the packets of a handshake wait for them. False: they were expected.
    pub fn expect_secrets(&mut self) -> bool {
        !std::mem::replace(&mut self.has_secrets, true)
    }

    /// Nothing more of the last read is decoded at this time: its packets wait no longer.
    pub fn end_turn(&mut self) {
        self.flush();
        self.settle();
    }

    /// Takes the blocks that are complete.
    pub fn take(&mut self, into: &mut Vec<u8>) {
        into.append(&mut self.out);
    }

    /// Nothing follows: hands out what waits.
    pub fn finish(&mut self) {
        self.end_turn();
        for (_, tcp) in &mut self.flows {
            self.out.extend(tcp.waiting.take().into_iter().flatten());
        }
    }

    /// Adds lines of the key log of TLS, which decrypt what follows.
    pub fn add_secrets(&mut self, lines: &str) {
        blocks::secrets(lines, &mut self.out);
    }

    /// Adds an event, with all bytes of a write or read.
    pub fn note(&mut self, event: &Event, bytes: &[u8]) {
        if let EventKind::Sample(sample) = &event.what {
            return self.sample(event.conn, sample);
        }
        self.flush();
        let time = self.start.saturating_add(event.t);
        let call = |offset, kind| Some(Call { conn: event.conn, time, offset, bytes: bytes.to_vec(), kind });
        match &event.what {
            EventKind::Open { side, local, peer, .. } => self.open(event.conn, time, *side, local, peer),
            EventKind::Write { offset, asked, accepted, pinned } => {
                self.last = call(*offset, CallKind::Write { pinned: *pinned && asked == accepted });
            }
            EventKind::Read { offset, .. } => self.last = call(*offset, CallKind::Read),
            what => self.note_other(event.conn, time, what),
        }
    }

    /// Builds the packets of the call before the sample, which shows the size of segments, and notes what has arrived.
    fn sample(&mut self, id: ConnId, sample: &TcpSample) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.mss = sample.snd_mss.or(conn.mss);
        }
        self.flush();
        let Some(conn) = self.conns.get(&id) else { return };
        // The kernel counts the SYN of the side that connects.
        let syn = u64::from(conn.side == Side::Connect);
        if let (Some(acked), Some(tcp)) = (sample.bytes_acked, self.flows.get_mut(conn.flow)) {
            tcp.flow.acknowledge(conn.end, acked.saturating_sub(syn));
        }
    }

    fn note_other(&mut self, id: ConnId, time: u64, what: &EventKind) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let (index, end) = (conn.flow, conn.end);
        match what {
            EventKind::Message { dir: Direction::In, number, end, .. } => self.end_message(id, time, *number, *end),
            EventKind::ProxyHeader { .. } | EventKind::Record { .. } => conn.is_plain = false,
            EventKind::Message { dir: Direction::Out, number, start, end } if conn.messages.len() < MESSAGES => {
                conn.messages.push_back((*number, *start, *end));
            }
            EventKind::Tls(_) => {
                self.settle();
                self.release(index);
            }
            EventKind::Barrier { outcome: BarrierOutcome::Abandoned, .. } => {}
            EventKind::Barrier { offset, outcome } => {
                self.settle();
                let Some(tcp) = self.flows.get_mut(index) else { return };
                tcp.flow.acknowledge(end, *offset);
                let comment = format!("barrier at {offset}: {}", established(*outcome));
                self.acknowledge(id, time, end.other(), comment);
            }
            EventKind::Eof { .. } => {
                self.settle();
                self.finish_half(index, time, end.other(), "the peer closed its side");
                let header = self.flows.get(index).and_then(|tcp| tcp.flow.acknowledgement(end));
                if let Some(header) = header {
                    self.put(index, time, end, &header, b"", "read to the end");
                }
            }
            EventKind::Shutdown { .. } => {
                self.settle();
                self.finish_half(index, time, end, "this side closed its side");
            }
            EventKind::Close { error, reset } => self.close(id, time, error.as_deref(), *reset),
            _ => {}
        }
    }

    /// A received message is complete: the packet of its last byte names it, if that was not handed out yet.
    fn end_message(&mut self, id: ConnId, time: u64, number: u64, end: u64) {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.is_plain && conn.named < end) else { return };
        if let Some(held) =
            self.held.as_mut().filter(|held| held.conn == id && (held.range.0 < end && end <= held.range.1))
        {
            held.messages = Some((held.messages.map_or(number, |(first, _)| first), number));
            return;
        }
        let comment = format!("received message {number}, which ends at {end}");
        let from = conn.end;
        self.settle();
        self.acknowledge(id, time, from, comment);
    }

    /// Adds an acknowledgement from this end with this comment. If another packet has acknowledged everything, the next
    /// write has the comment.
    fn acknowledge(&mut self, id: ConnId, time: u64, from: End, comment: String) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let index = conn.flow;
        match self.flows.get(index).and_then(|tcp| tcp.flow.acknowledgement(from)) {
            Some(header) => self.put(index, time, from, &header, b"", &comment),
            None => conn.note(comment),
        }
    }

    fn open(&mut self, id: ConnId, time: u64, side: Side, local: &str, peer: &str) {
        self.settle();
        let ends = addresses(local, peer);
        let twin = ends.and_then(|ends| self.twins.remove(&ends));
        if let Some(tcp) = twin.and_then(|index| self.flows.get_mut(index)) {
            tcp.open += 1;
        }
        let (flow, end) = match twin {
            Some(flow) => (flow, End::Second),
            None => (self.begin(id, time, side, ends, peer), End::First),
        };
        let messages = VecDeque::new();
        self.conns.insert(id, Conn { flow, end, side, mss: None, messages, is_plain: true, passed: None, named: 0 });
    }

    /// Begins a TCP connection with its handshake.
    fn begin(
        &mut self,
        id: ConnId,
        time: u64,
        side: Side,
        ends: Option<(SocketAddr, SocketAddr)>,
        peer: &str,
    ) -> usize {
        let mut comment = format!("connection {id}: the handshake was over by this time");
        let (local, peer) = ends.unwrap_or_else(|| {
            comment = format!("connection {id} with {}: the addresses are placeholders", shown(peer));
            placeholders(id)
        });
        let flow = Flow::new(local, peer);
        let from = if side == Side::Connect { End::First } else { End::Second };
        let opening = flow.handshake(from);
        let twin = flow.addresses(End::Second);
        let index = self.flows.insert(TcpConnection { flow, open: 1, waiting: None, has_begun: false });
        self.twins.insert(twin, index);
        for (from, header) in opening {
            self.put(index, time, from, &header, b"", &comment);
        }
        index
    }

    fn finish_half(&mut self, index: usize, time: u64, from: End, comment: &str) {
        let Some(tcp) = self.flows.get_mut(index) else { return };
        // A FIN that was received has everything before it.
        let sent = tcp.flow.sent(from);
        tcp.flow.acknowledge(from, sent);
        if let Some(header) = tcp.flow.finish(from) {
            self.put(index, time, from, &header, b"", comment);
        }
    }

    fn close(&mut self, id: ConnId, time: u64, error: Option<&str>, resets: bool) {
        self.settle();
        let Some(conn) = self.conns.remove(&id) else { return };
        let (index, end) = (conn.flow, conn.end);
        let Some(tcp) = self.flows.get_mut(index) else { return };
        let is_over = tcp.flow.is_closed(end) && tcp.flow.is_closed(end.other());
        let ending = match (error, resets) {
            (_, true) if !is_over => Some((end, "this side reset the connection".to_owned())),
            (Some(error), false) if !is_over => Some((end.other(), format!("ended: {}", shown(error)))),
            _ => None,
        };
        match ending {
            Some((from, comment)) => {
                let header = tcp.flow.reset(from);
                self.put(index, time, from, &header, b"", &comment);
            }
            None if error.is_none() && !is_over => {
                self.finish_half(index, time, end, "this side closed the connection");
            }
            None => {}
        }
        let Some(tcp) = self.flows.get_mut(index) else { return };
        tcp.open -= 1;
        if tcp.open == 0 {
            self.release(index);
            let twin = self.flows.remove(index).flow.addresses(End::Second);
            // Another connection may have the same addresses by now.
            if self.twins.get(&twin) == Some(&index) {
                self.twins.remove(&twin);
            }
        }
    }

    /// Builds the packets of the last call.
    fn flush(&mut self) {
        let Some(call) = self.last.take() else { return };
        self.settle();
        let Some(conn) = self.conns.get_mut(&call.conn) else { return };
        let (index, is_write) = (conn.flow, call.kind != CallKind::Read);
        let from = if is_write { conn.end } else { conn.end.other() };
        let Some(tcp) = self.flows.get_mut(index) else { return };
        // What the other end of this program has written is there already.
        let known = tcp.flow.sent(from).saturating_sub(call.offset);
        let skipped = usize::try_from(known).map_or(call.bytes.len(), |known| known.min(call.bytes.len()));
        let bytes = &call.bytes[skipped..];
        if !std::mem::replace(&mut tcp.has_begun, true) && self.has_secrets && bytes.first() == Some(&HANDSHAKE) {
            tcp.waiting = Some(Vec::new());
        }
        let call_text = call.comment(conn);
        let fits = conn.mss.is_none_or(|mss| bytes.len() as u64 <= mss);
        let comment = match call.kind {
            CallKind::Write { pinned: true } if fits => format!("{call_text}; a segment of its own"),
            CallKind::Write { .. } => format!("{call_text}; {AS_WRITTEN}"),
            CallKind::Read => call_text,
        };
        let comment = match conn.passed.take_if(|_| is_write) {
            Some(passed) => format!("{passed}; {comment}"),
            None => comment,
        };
        let parts: Vec<&[u8]> = bytes.chunks(LARGEST).collect();
        let headers: Vec<Header> = parts.iter().map(|part| tcp.flow.send(from, part.len())).collect();
        if is_write {
            for (header, part) in headers.iter().zip(parts) {
                self.put(index, call.time, from, header, part, &comment);
            }
            return;
        }
        // What was read was received.
        let range = (call.offset, call.offset + call.bytes.len() as u64);
        tcp.flow.acknowledge(from, range.1);
        if parts.is_empty() {
            conn.named = range.1;
            return;
        }
        let packets = headers.into_iter().zip(parts.into_iter().map(<[u8]>::to_vec)).collect();
        let (conn, time) = (call.conn, call.time);
        self.held = Some(Received { conn, flow: index, from, time, packets, comment, range, messages: None });
    }

    /// Adds the packets of the last read.
    fn settle(&mut self) {
        let Some(held) = self.held.take() else { return };
        let messages = match held.messages {
            None => String::new(),
            Some((first, last)) if first == last => format!("; end of message {first}"),
            Some((first, last)) => format!("; ends of messages {first} to {last}"),
        };
        let comment = format!("{}{messages}; {AS_READ}", held.comment);
        for (header, part) in &held.packets {
            self.put(held.flow, held.time, held.from, header, part, &comment);
        }
    }

    /// Adds a packet, behind those that wait.
    fn put(&mut self, index: usize, time: u64, from: End, header: &Header, payload: &[u8], comment: &str) {
        let mut bytes = Vec::with_capacity(payload.len() + 64);
        packet::write(header, payload, &mut bytes);
        if let Some(tcp) = self.flows.get_mut(index) {
            tcp.flow.note_packet(from, header);
        }
        let direction = if from == End::First { Direction::Out } else { Direction::In };
        let packet = Packet { time, direction, bytes: &bytes, comment };
        match self.flows.get_mut(index).and_then(|tcp| tcp.waiting.as_mut()) {
            None => blocks::packet(&packet, &mut self.out),
            Some(waiting) => {
                blocks::packet(&packet, waiting);
                if waiting.len() > WAITING || header.flag == Flag::Reset {
                    self.release(index);
                }
            }
        }
    }

    /// The packets of a connection wait no longer.
    fn release(&mut self, index: usize) {
        let waiting = self.flows.get_mut(index).and_then(|tcp| tcp.waiting.take());
        self.out.extend(waiting.into_iter().flatten());
    }
}

impl Conn {
    /// Adds a comment to the next write.
    fn note(&mut self, comment: String) {
        self.passed = Some(match self.passed.take() {
            Some(before) if before.len() < NOTES => format!("{before}; {comment}"),
            Some(before) => before,
            None => comment,
        });
    }
}

impl Call {
    /// What the call did: `write of 4 bytes at 0; message 1, bytes 0 to 4 of 11; cut at 4`.
    fn comment(&self, conn: &mut Conn) -> String {
        let (start, len) = (self.offset, self.bytes.len() as u64);
        let end = start + len;
        let verb = if self.kind == CallKind::Read { "read" } else { "write" };
        let unit = if len == 1 { "byte" } else { "bytes" };
        let mut text = format!("{verb} of {len} {unit} at {start}");
        if self.kind == CallKind::Read {
            return text;
        }
        while conn.messages.front().is_some_and(|&(_, _, last)| last <= start) {
            conn.messages.pop_front();
        }
        let inside = conn.messages.iter().take_while(|&&(_, first, _)| first < end);
        let (Some(&(first, from, to)), Some(&(last, _, last_end)), true) =
            (inside.clone().next(), inside.last(), conn.is_plain)
        else {
            return text;
        };
        let part = match (first == last, from >= start && to <= end) {
            (true, true) => format!("; message {first}"),
            (true, false) => {
                format!(
                    "; message {first}, bytes {} to {} of {}",
                    start.max(from) - from,
                    end.min(to) - from,
                    to - from
                )
            }
            (false, _) => format!("; messages {first} to {last}"),
        };
        text.push_str(&part);
        if end < last_end {
            let _ = write!(text, "; cut at {end}"); // writing to a string does not fail
        }
        text
    }
}

/// The addresses of the ends, if the socket has some and both are of one family.
fn addresses(local: &str, peer: &str) -> Option<(SocketAddr, SocketAddr)> {
    let parse = |text: &str| {
        let address: SocketAddr = text.parse().ok()?;
        Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
    };
    let (local, peer) = (parse(local)?, parse(peer)?);
    (local.is_ipv4() == peer.is_ipv4()).then_some((local, peer))
}

/// Addresses for a connection that has none: those of documentation (RFC 3849), with its number.
fn placeholders(id: ConnId) -> (SocketAddr, SocketAddr) {
    let [.., third, second, low_high, low] = id.to_be_bytes();
    let group = u16::from_be_bytes([third, second]);
    let port = u16::from_be_bytes([low_high, low]);
    let address = |last| SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, group, last)), port);
    (address(1), address(2))
}

#[cfg(test)]
mod tests;
