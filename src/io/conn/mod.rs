//! One connection: carries out the steps of its outbox and of its life, and reads as the options ask.

mod account;
mod barrier;
mod ending;
mod header;
mod layered;
mod reader;
mod record;
mod writer;

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

pub use ending::Turn;
use reader::Reader;
pub use record::Origin;
use record::sample;
use writer::{Wire, Writer};

use super::reactor::{Reactor, Ready};
use super::reads::Reads;
use super::recorder::Recorder;
use super::splice::{End, FdKind, Step};
use super::stream::Stream;
use super::{Flush, Incoming, key::Key};
use crate::config::Traffic;
use crate::peer::codec::{Codec, Layer};
use crate::peer::life::Life;
use crate::peer::outbox::Channel;
use crate::plan::CutLayer;
use crate::trace::{ConnId, Direction, EventKind};

/// A connection as the sessions see it: bytes go in with [`send`](Conn::send) and come out of
/// [`read`](Conn::read), cut, delayed and recorded on the way. Nothing here ever blocks.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and connections are many")]
pub struct Conn {
    id: ConnId,
    stream: Stream,
    peer: Box<str>,
    codec: Codec,
    writer: Writer,
    reader: Reader,
    life: Life,
    recorder: Recorder,
    /// A stream of bytes, without messages.
    raw: bool,
    /// Received bytes are acknowledged at once.
    quick_ack: bool,
    /// The options set keepalive, so it is left alone.
    keepalive_was_set: bool,
    linger: Linger,
    /// The kernel may take more bytes.
    writable: bool,
    /// Nothing is written for now.
    held: bool,
}

/// What close(2) does with the socket (`SO_LINGER`, socket(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linger {
    /// As the life of the connection says.
    Plain,
    /// It waits for the peer (`--linger`).
    Waits,
    /// Until its orderly end the connection is closed with a reset: if this program is killed, what the peer has
    /// received must not look complete.
    Armed,
}

impl Conn {
    /// Wraps a connected stream. With `raw`, what is sent is one stream of bytes to the plan, not
    /// messages.
    #[must_use]
    pub fn new(stream: Stream, origin: Origin, traffic: &Traffic, raw: bool, recorder: &Recorder) -> Self {
        let id = recorder.new_connection(origin.side);
        record::opened(id, &stream, &origin, traffic, recorder);
        let raw_to_plan = raw || traffic.plan.layer == CutLayer::Tcp;
        let channel = Channel {
            number: origin.number,
            raw: raw_to_plan,
            has_barriers: stream.shows_progress(),
            joins: traffic.socket.joins_segments(),
        };
        let waits = traffic.socket.linger.is_some_and(|time| !time.is_zero());
        Conn {
            id,
            codec: Codec::Plain,
            writer: Writer::new(&traffic.plan, channel, origin.sent_to_proxy, origin.witness),
            reader: Reader::new(traffic.reading, Instant::now()),
            recorder: recorder.clone(),
            // A fresh connection takes bytes: the first write is tried, not waited for.
            writable: true,
            held: false,
            raw,
            quick_ack: traffic.quick_ack,
            linger: if waits { Linger::Waits } else { Linger::Plain },
            life: Life::new(traffic.socket.reset_on_close || traffic.socket.linger.is_some_and(|time| time.is_zero())),
            keepalive_was_set: traffic.socket.wants_keepalive().is_some(),
            stream,
            peer: origin.peer.into_boxed_str(),
        }
    }

    /// Its number in the recording.
    #[must_use]
    pub fn id(&self) -> ConnId {
        self.id
    }

    /// Whether what goes over it is one stream of bytes, not messages.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.raw
    }

    /// Who is on the other end.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The socket beneath.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Has the reactor watch it, under this key.
    ///
    /// # Errors
    /// The kernel's.
    pub fn register(&mut self, reactor: &Reactor, key: Key) -> io::Result<()> {
        reactor.register(&mut self.stream, key)
    }

    /// Ends the watching: another reactor, or another key, may register it.
    pub fn deregister(&mut self, reactor: &Reactor) {
        reactor.deregister(&mut self.stream);
    }

    /// Notes what the kernel said.
    pub fn on_ready(&mut self, ready: Ready) {
        self.writable |= ready.writable;
        self.reader.readable |= ready.readable;
        self.reader.behind = self.reader.behind.max(ready.behind);
    }

    /// Has what is read counted there. To be called before anything is read.
    pub fn count_reads(&mut self, reads: &Reads) {
        self.reader.count_with(reads.add(self.stream.endpoints()));
    }

    /// Reads once, as fast as the reading options allow.
    ///
    /// # Errors
    /// The kernel's: the connection was reset, or timed out.
    pub fn read(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        let incoming = match () {
            () if self.is_layered() => self.read_decoded(buf, now)?,
            () if self.life.has_peer_ended() => Incoming::Blocked,
            () => self.read_wire(buf, now)?,
        };
        if let Incoming::Bytes(n) = incoming {
            self.recorder.pass(self.id, Direction::In, &buf[..n]);
        }
        Ok(incoming)
    }

    /// Reads once from the socket.
    #[inline]
    fn read_wire(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        let mut turn = self.recorder.turn();
        let incoming = self.reader.read(&mut self.stream, buf, now)?;
        self.acknowledge_quickly();
        match incoming {
            Incoming::Bytes(n) => {
                let offset = self.reader.offset - n as u64;
                turn.note_bytes(self.id, &buf[..n], || EventKind::Read { offset, len: n as u64 });
                if turn.wants_sample(self.id) {
                    sample(&self.stream, &mut turn, self.id);
                }
            }
            Incoming::Eof => {
                self.life.note_peer_end();
                if self.life.is_closed_by_fin() {
                    turn.note(self.id, || self.eof());
                }
            }
            Incoming::Undecoded | Incoming::Blocked | Incoming::Until(_) => {}
        }
        Ok(incoming)
    }

    /// Has the next bytes acknowledged at once, if the options ask for it. The kernel forgets it with each write and
    /// read (tcp(7)).
    #[inline]
    fn acknowledge_quickly(&self) {
        if self.quick_ack {
            // Without it, a peer may wait 40 ms longer; the connection works.
            let _ = self.stream.acknowledge_quickly();
        }
    }

    /// Where bytes can be taken from without being read here; `None` where reading is slowed down
    /// on purpose, or has come to the end. Who takes some says so with [`moved_in`](Self::moved_in).
    #[must_use]
    pub fn input(&self) -> Option<End<'_>> {
        let plain = self.reader.is_plain() && !self.life.has_peer_ended() && !self.is_layered();
        plain.then(|| End { fd: self.stream.as_fd(), kind: FdKind::Socket })
    }

    /// Where bytes can be put without being written here; `None` where a plan says how they are
    /// written, or others stand before them. Who puts some says so with [`moved_out`](Self::moved_out).
    #[must_use]
    pub fn output(&self) -> Option<End<'_>> {
        let plain = self.life.is_open() && self.writer.outbox.is_plain() && !self.is_layered();
        plain.then(|| End { fd: self.stream.as_fd(), kind: FdKind::Socket })
    }

    /// Whether the kernel may have bytes for us, and whether it may take some.
    #[must_use]
    pub fn readiness(&self) -> (bool, bool) {
        (self.reader.readable, self.writable)
    }

    /// Notes what was taken from [`input`](Self::input).
    pub fn moved_in(&mut self, step: Step) {
        match step {
            Step::Moved(n) => self.reader.offset += n as u64,
            Step::Starved => self.reader.readable = false,
            Step::Ended => self.life.note_peer_end(),
            Step::Full | Step::Refused => {}
        }
    }

    /// Notes what was put into [`output`](Self::output).
    pub fn moved_out(&mut self, step: Step) {
        match step {
            Step::Moved(n) => self.writer.outbox.wrote_directly(n),
            Step::Full => self.writable = false,
            Step::Starved | Step::Ended | Step::Refused => {}
        }
    }

    /// Sends one message, or with `raw` more of the stream: at once as far as plan and kernel
    /// allow, the rest with [`flush`](Self::flush).
    ///
    /// # Errors
    /// The kernel's: the peer is gone.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.send_all(message, std::iter::once(message.len()))
    }

    /// Sends several messages at once that stand one behind the other in `bytes`.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_all(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) -> io::Result<()> {
        if self.is_layered() {
            self.send_encoded(bytes, lengths);
            return Ok(());
        }
        let mut never = false;
        let mut wire = Wire {
            stream: &mut self.stream,
            recorder: &self.recorder,
            id: self.id,
            writable: if self.held { &mut never } else { &mut self.writable },
            has_records: false,
            application: Some(self.writer.outbox.header() as u64),
        };
        self.writer.send_all(bytes, lengths, &mut wire)
    }

    /// Sends the first of these bytes, those that need not be queued, and returns their number. The others are sent
    /// when the kernel takes more: a large buffer is not copied.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_unqueued(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_layered() || self.held {
            return Ok(0);
        }
        let mut wire = Wire {
            stream: &mut self.stream,
            recorder: &self.recorder,
            id: self.id,
            writable: &mut self.writable,
            has_records: false,
            application: Some(self.writer.outbox.header() as u64),
        };
        self.writer.send_unqueued(bytes, &mut wire)
    }

    /// Whether something is held back to be joined with further messages.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.writer.outbox.held_back() > 0 || self.codec.layer().is_some_and(|layer| layer.held_back() > 0)
    }

    /// No further message is to be waited for: what was held back to be joined goes now.
    pub fn end_group(&mut self) {
        if self.is_layered() {
            return self.end_group_of_layer();
        }
        self.writer.outbox.end_group();
    }

    /// Whether [`flush`](Self::flush) may have something to do.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !self.writer.outbox.is_idle()
    }

    /// Writes queued bytes, as far as the plan and the kernel allow.
    ///
    /// # Errors
    /// The error of the kernel. Report it with [`fail_write`](Self::fail_write).
    pub fn flush(&mut self, now: Instant) -> io::Result<Flush> {
        if self.is_layered() && self.recorder.is_on() {
            self.note_layer(false);
        }
        let mut never = false;
        let mut wire = Wire {
            stream: &mut self.stream,
            recorder: &self.recorder,
            id: self.id,
            writable: if self.held { &mut never } else { &mut self.writable },
            has_records: self.codec.layer().is_some_and(Layer::writes_records),
            application: self.codec.layer().is_none().then_some(self.writer.outbox.header() as u64),
        };
        let flushed = self.writer.flush(&mut wire, now);
        self.acknowledge_quickly();
        flushed
    }

    /// From now on what is sent is queued and not written, or is written again.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// From now on the last of what was sent is held back, so that our end goes in its segment,
    /// where the kernel can.
    pub fn hold_last(&mut self) {
        self.writer.outbox.hold_last();
    }

    /// Whether the next write waits for the peer: at a barrier, or before a reset.
    #[must_use]
    pub fn is_awaiting(&self) -> bool {
        self.writer.outbox.is_at_barrier() || self.life.is_resetting()
    }

    /// Bytes of plaintext that were sent and that the kernel has not taken yet, but for those that wait for
    /// further messages to be joined with.
    #[inline]
    #[must_use]
    pub fn backlog(&self) -> usize {
        let bytes = self.writer.outbox.backlog();
        match self.codec.layer() {
            None => bytes.saturating_sub(self.writer.outbox.header_left()),
            Some(layer) => self.backlog_of(layer, bytes),
        }
    }

    /// Messages of a plan that have not left whole.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.writer.outbox.unwritten() + self.codec.layer().map_or(0, Layer::unencoded)
    }

    /// Whether it is the plan that has the next write wait, for a pause or for further messages, and
    /// not the peer.
    #[must_use]
    pub fn is_pausing(&self) -> bool {
        self.writable && self.writer.outbox.is_between_barriers()
    }

    /// Gives back memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        self.writer.outbox.shrink();
        if let Some(layer) = self.codec.layer_mut() {
            layer.shrink();
        }
    }
}
