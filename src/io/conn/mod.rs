//! One connection: what it still has to write and how, how it reads, and how it ends.

mod account;
mod arrival;
mod barrier;
mod reader;
mod record;
mod writer;

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use account::FirstEnd;
use reader::Reader;
pub use record::Origin;
use record::sample;
use writer::{Wire, Writer};

use super::reactor::{Reactor, Ready};
use super::recorder::Recorder;
use super::splice::{End, Kind, Step};
use super::stream::Stream;
use super::{Flush, Incoming, key::Key};
use crate::config::Traffic;
use crate::peer::outbox::Channel;
use crate::trace::{ConnId, What};

/// A connection as the sessions see it: bytes go in with [`send`](Conn::send) and come out of
/// [`read`](Conn::read), cut, delayed and recorded on the way, and nothing here ever blocks.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Conn {
    id: ConnId,
    stream: Stream,
    peer: Box<str>,
    writer: Writer,
    reader: Reader,
    recorder: Recorder,
    /// A stream of bytes, without messages.
    raw: bool,
    linger: bool,
    /// Closing it is to reset it. Behind our end there may be nothing left to reset.
    resets: bool,
    /// The options say how idle peers are watched.
    keepalive_was_set: bool,
    /// Closing it resets it, unless it has come to its end in order: a program that is killed leaves
    /// no end that looks like one.
    armed: bool,
    /// Our end of the stream is in what the peer has to acknowledge.
    end_sent: bool,
    first_end: FirstEnd,
    ending: Ending,
}

/// How far our end of the stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// More may be sent.
    Open,
    /// The end is to be sent when all before it is.
    Asked,
    /// A reset is to take its place when all before it is written.
    Left,
    /// The same, when all has arrived as well; waited for since then.
    Reset(Instant),
    /// The end is sent, or there will be none.
    Sent,
}

impl Conn {
    /// Wraps a connected stream. With `raw`, what is sent is one stream of bytes to the plan, not
    /// messages.
    #[must_use]
    pub fn new(stream: Stream, origin: Origin, traffic: &Traffic, raw: bool, recorder: &Recorder) -> Self {
        let id = recorder.new_connection(origin.side);
        record::opened(id, &stream, &origin, traffic, recorder);
        let channel = Channel { number: origin.number, raw, has_barriers: stream.is_tcp() };
        Conn {
            id,
            writer: Writer::new(&traffic.plan, channel),
            reader: Reader::new(traffic.reading, Instant::now()),
            recorder: recorder.clone(),
            raw,
            linger: traffic.socket.linger.is_some_and(|time| !time.is_zero()),
            resets: traffic.socket.reset_on_close || traffic.socket.linger.is_some_and(|time| time.is_zero()),
            first_end: FirstEnd::Peer,
            keepalive_was_set: traffic.socket.wants_keepalive().is_some(),
            armed: false,
            end_sent: false,
            ending: Ending::Open,
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

    /// Notes what the kernel said.
    pub fn on_ready(&mut self, ready: Ready) {
        self.writer.writable |= ready.writable;
        self.reader.readable |= ready.readable;
        self.reader.behind = self.reader.behind.max(ready.behind);
    }

    /// Reads once, as fast as the reading options allow.
    ///
    /// # Errors
    /// The kernel's: the connection was reset, or timed out.
    pub fn read(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        let mut turn = self.recorder.turn();
        let incoming = self.reader.read(&mut self.stream, buf, now)?;
        match incoming {
            Incoming::Bytes(n) => {
                let offset = self.reader.offset - n as u64;
                turn.note_bytes(self.id, &buf[..n], || What::Read { offset, len: n as u64 });
                if turn.wants_samples() {
                    sample(&self.stream, &mut turn, self.id);
                }
            }
            Incoming::Eof => turn.note(self.id, || What::Eof { offset: self.reader.offset }),
            Incoming::Blocked | Incoming::Until(_) => {}
        }
        Ok(incoming)
    }

    /// Where bytes can be taken from without being read here; `None` where reading is slowed down
    /// on purpose, or has come to the end. Who takes some says so with [`moved_in`](Self::moved_in).
    #[must_use]
    pub fn input(&self) -> Option<End<'_>> {
        self.reader.is_plain().then(|| End { fd: self.stream.as_fd(), kind: Kind::Socket })
    }

    /// Where bytes can be put without being written here; `None` where a plan says how they are
    /// written, or others stand before them. Who puts some says so with [`moved_out`](Self::moved_out).
    #[must_use]
    pub fn output(&self) -> Option<End<'_>> {
        let plain = self.is_open() && self.writer.outbox.is_plain();
        plain.then(|| End { fd: self.stream.as_fd(), kind: Kind::Socket })
    }

    /// Whether the kernel may have bytes for us, and whether it may take some.
    #[must_use]
    pub fn readiness(&self) -> (bool, bool) {
        (self.reader.readable, self.writer.writable)
    }

    /// Notes what was taken from [`input`](Self::input).
    pub fn moved_in(&mut self, step: Step) {
        match step {
            Step::Moved(n) => self.reader.offset += n as u64,
            Step::Starved => self.reader.readable = false,
            Step::Ended => self.reader.eof = true,
            Step::Full | Step::Refused => {}
        }
    }

    /// Notes what was put into [`output`](Self::output).
    pub fn moved_out(&mut self, step: Step) {
        match step {
            Step::Moved(n) => self.writer.outbox.wrote_directly(n),
            Step::Full => self.writer.writable = false,
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
        let mut wire = Wire { stream: &mut self.stream, recorder: &self.recorder, id: self.id };
        self.writer.send_all(bytes, lengths, &mut wire)
    }

    /// Whether something is held back to be joined with further messages.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.writer.outbox.held_back() > 0
    }

    /// No further message is to be waited for: what was held back to be joined goes now.
    pub fn end_group(&mut self) {
        self.writer.outbox.end_group();
    }

    /// Whether [`flush`](Self::flush) may have something to do.
    #[must_use]
    pub fn has_to_write(&self) -> bool {
        self.is_ending() || !self.writer.outbox.is_idle()
    }

    /// Whether our end, or what takes its place, is still to come.
    fn is_ending(&self) -> bool {
        !matches!(self.ending, Ending::Open | Ending::Sent)
    }

    /// Goes on writing what was sent.
    ///
    /// # Errors
    /// The kernel's: the peer is gone.
    pub fn flush(&mut self, now: Instant) -> io::Result<Flush> {
        let mut wire = Wire { stream: &mut self.stream, recorder: &self.recorder, id: self.id };
        let flush = self.writer.flush(&mut wire, now)?;
        if flush == Flush::Idle && self.is_ending() {
            return self.end(now);
        }
        Ok(flush)
    }

    /// All is written: ends our side of the stream.
    fn end(&mut self, now: Instant) -> io::Result<Flush> {
        if let Ending::Reset(since) = self.ending {
            if let Some(at) = barrier::arrival(&self.stream, since, now)? {
                return Ok(Flush::Until(at));
            }
        }
        let ending = std::mem::replace(&mut self.ending, Ending::Sent);
        if ending != Ending::Asked {
            return Ok(Flush::Idle);
        }
        // Before the call: the peer may see the end before it returns.
        self.recorder.note(self.id, || What::Shutdown { offset: self.writer.outbox.offset() });
        match self.stream.half_close() {
            // The peer has reset or closed already: it needs no end from us.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(Flush::Idle),
            Err(error) => Err(error),
            Ok(()) => {
                self.end_sent = true;
                Ok(Flush::Idle)
            }
        }
    }

    /// Half-closes the connection when all that was sent is written.
    pub fn finish(&mut self) {
        if self.ending == Ending::Open {
            self.ending = Ending::Asked;
            self.first_end = if self.reader.eof { FirstEnd::Peer } else { FirstEnd::Ours };
            self.writer.outbox.end_group();
        }
    }

    /// Nothing more is for the peer: half-closes the connection as [`finish`](Self::finish) does,
    /// unless closing it is to reset it.
    pub fn leave(&mut self) {
        self.finish();
        if self.resets && self.ending == Ending::Asked {
            self.ending = Ending::Left;
        }
    }

    /// Nothing more is for the peer, and closing the connection is to reset it, when all that was
    /// sent has arrived: a reset drops what is still under way.
    pub fn reset(&mut self, now: Instant) {
        self.finish();
        self.ending = Ending::Reset(now);
        self.tear();
    }

    /// Closing the connection is to reset it, whatever has been sent: it is not all there was.
    pub fn tear(&mut self) {
        // Where it cannot be set, the peer sees an end like any other.
        self.resets = self.stream.socket().set_linger(Some(Duration::ZERO)).is_ok();
        self.linger = false;
    }

    /// Whether closing it resets it.
    #[must_use]
    pub fn resets(&self) -> bool {
        self.resets
    }

    /// From now on the last of what was sent is held back, so that our end goes in its segment,
    /// where the kernel can.
    pub fn hold_last(&mut self) {
        self.writer.outbox.hold_last();
    }

    /// Whether the peer is not known to have read the last write, which the barrier waits for.
    #[must_use]
    pub fn is_awaiting(&self) -> bool {
        self.writer.outbox.is_at_barrier() || matches!(self.ending, Ending::Reset(_))
    }

    /// Gives up writing: the peer takes nothing more.
    pub fn break_off(&mut self) {
        self.ending = Ending::Sent;
        self.writer.clear(&self.recorder, self.id);
    }

    /// Whether our end is sent, or all before the reset that takes its place.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.ending == Ending::Sent
    }

    /// Whether more may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ending == Ending::Open
    }

    /// Whether the peer's end has been read.
    #[must_use]
    pub fn eof(&self) -> bool {
        self.reader.eof
    }

    /// Bytes that were sent and that the kernel has not taken yet, but for those that wait for
    /// further messages to be joined with.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.writer.outbox.backlog()
    }

    /// Messages of a plan that have not left whole.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.writer.outbox.unwritten()
    }

    /// Whether it is the plan that has the next write wait, for a pause or for further messages, and
    /// not the peer.
    #[must_use]
    pub fn is_pausing(&self) -> bool {
        self.writer.is_pausing()
    }

    /// Gives back memory that an idle connection does not need.
    pub fn settle(&mut self) {
        self.writer.outbox.settle();
    }

    /// Closes it. Where `--linger` has close(2) wait for the peer, somebody else does the waiting.
    pub fn close(mut self, reactor: &Reactor, error: Option<&io::Error>) {
        if self.armed && !self.resets && error.is_none() {
            // Where it cannot be taken back, the peer sees a reset behind an end that it has.
            let _ = self.stream.socket().set_linger(None);
        }
        self.writer.clear(&self.recorder, self.id);
        let mut turn = self.recorder.turn();
        sample(&self.stream, &mut turn, self.id);
        turn.note(self.id, || What::Close { error: error.map(crate::error::cause) });
        let mut stream = self.stream;
        if self.linger {
            reactor.deregister(&mut stream);
            stream.close_elsewhere();
        } // else it is closed here, which ends the watching as well (epoll(7), kqueue(2))
    }
}
