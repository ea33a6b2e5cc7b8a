//! A peer of an exchange: a connection or the console, with the state of its input and output.

use std::io;
use std::time::Instant;

use super::account::Pair;
use crate::frame::Inbox;
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::io::reactor::Ready;
use crate::io::splice::{End, Middle, Step};
use crate::io::{Flush, Incoming};
use crate::service::PeerId;

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) inbox: Inbox,
    pub(super) stage: Stage,
    /// In a relay: the client that this connection to the server was made for.
    pub(super) called_for: Option<PeerId>,
    /// In a relay: the other connection of the same client.
    pub(super) pair: Option<Pair>,
    pub(super) opened: Instant,
    /// Reading is paused; received bytes wait in the inbox or in the kernel.
    pub(super) paused: bool,
    /// The last time that a byte was received or sent.
    pub(super) active: Instant,
    /// During shutdown: how many more received bytes are read.
    pub(super) allowance: Option<usize>,
    /// The messages sent to it, if events are recorded.
    pub(super) told: Passed,
    /// The error of a failed write: nothing more can be written.
    pub(super) broken: Option<io::Error>,
    /// The state of the end of a stream, once it has begun.
    pub(super) stream_end: Option<Box<StreamEnd>>,
    /// The messages received from it.
    pub(super) heard: Passed,
    /// The pipe through which its bytes are spliced to its sink.
    pub(super) middle: Option<Middle>,
    /// Whether it sends in bulk.
    pub(super) plenty: bool,
    /// Whether its bytes must be read, because the kernel does not splice them.
    pub(super) barred: bool,
}

/// The end of a stream between the console and a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StreamEnd {
    /// The number of bytes that were waiting when writing failed.
    pub(super) unsent: u64,
    /// When the peer closed its side, and the number of bytes read from stdin by then.
    pub(super) peer_end: Option<(Instant, u64)>,
    /// While waiting for acknowledgements: since when no byte was acknowledged, and how many bytes were not.
    pub(super) acknowledging: Option<(Instant, u64)>,
    /// Close without waiting for the peer's end once everything is acknowledged.
    pub(super) hurried: bool,
}

/// The messages of one direction so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) messages: u64,
    /// The stream offset after the last message.
    pub(super) bytes: u64,
}

/// The stage of closing a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Open: its messages are processed.
    Talking,
    /// Closing: pending bytes are written, then the FIN. Its bytes are read and dropped, because closing with
    /// unread bytes would reset the connection and destroy the last reply.
    Leaving,
    /// Everything is sent; waiting for the peer's end until this time.
    Lingering(Instant),
}

/// The input and output of a peer.
#[derive(Debug)]
pub(super) enum Link {
    Conn(Conn),
    /// There is one of it and it is large; connections are many.
    Console(Box<Console>),
}

impl Peer {
    pub(super) fn new(link: Link, inbox: Inbox, now: Instant) -> Self {
        Peer {
            link,
            inbox,
            stage: Stage::Talking,
            called_for: None,
            pair: None,
            opened: now,
            paused: false,
            active: now,
            allowance: None,
            told: Passed::default(),
            broken: None,
            stream_end: None,
            heard: Passed::default(),
            middle: None,
            plenty: false,
            barred: false,
        }
    }
}

impl Peer {
    /// The state of the end of its stream, mutable.
    pub(super) fn stream_end_mut(&mut self) -> &mut StreamEnd {
        self.stream_end.get_or_insert_default()
    }

    /// The state of the end of its stream.
    pub(super) fn stream_end(&self) -> StreamEnd {
        self.stream_end.as_deref().copied().unwrap_or_default()
    }
}

impl Link {
    /// Its descriptor as a source for splice(2), if possible.
    pub(super) fn input(&self) -> Option<End<'_>> {
        match self {
            Link::Conn(conn) => conn.input(),
            Link::Console(console) => console.input(),
        }
    }

    /// Its descriptor as a target for splice(2), if possible.
    pub(super) fn output(&self) -> Option<End<'_>> {
        match self {
            Link::Conn(conn) => conn.output(),
            Link::Console(console) => console.output(),
        }
    }

    /// Whether it may be readable, and whether it may be writable.
    pub(super) fn readiness(&self) -> (bool, bool) {
        match self {
            Link::Conn(conn) => conn.readiness(),
            Link::Console(console) => (true, console.is_writable()), // stdin has to be tried
        }
    }

    /// Notes the result of a splice from it.
    pub(super) fn moved_in(&mut self, step: Step) {
        match self {
            Link::Conn(conn) => conn.moved_in(step),
            Link::Console(console) => console.moved_in(step),
        }
    }

    /// Notes the result of a splice to it.
    pub(super) fn moved_out(&mut self, step: Step) {
        match self {
            Link::Conn(conn) => conn.moved_out(step),
            Link::Console(console) => console.moved_out(step),
        }
    }

    pub(super) fn on_ready(&mut self, ready: Ready) {
        match self {
            Link::Conn(conn) => conn.on_ready(ready),
            Link::Console(console) => console.on_ready(ready),
        }
    }

    pub(super) fn read(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        match self {
            Link::Conn(conn) => conn.read(buf, now),
            Link::Console(console) => console.read(buf),
        }
    }

    pub(super) fn send_all(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) -> io::Result<()> {
        match self {
            Link::Conn(conn) if conn.is_open() => conn.send_all(bytes, lengths),
            Link::Conn(_) => Ok(()), // it was sent the FIN
            Link::Console(console) => console.send(bytes),
        }
    }

    /// Whether [`flush`](Self::flush) has work.
    pub(super) fn has_to_write(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.has_to_write(),
            Link::Console(_) => true,
        }
    }

    pub(super) fn flush(&mut self, now: Instant) -> io::Result<Flush> {
        match self {
            Link::Conn(conn) => conn.flush(now),
            Link::Console(console) => console.flush(),
        }
    }

    pub(super) fn backlog(&self) -> usize {
        match self {
            Link::Conn(conn) => conn.backlog(),
            Link::Console(console) => console.backlog(),
        }
    }

    /// Shows the prompt, if it is the console.
    pub(super) fn prompt(&mut self) {
        if let Link::Console(console) = self {
            console.prompt();
        }
    }

    pub(super) fn finish(&mut self) {
        if let Link::Conn(conn) = self {
            conn.finish();
        }
    }

    pub(super) fn leave(&mut self) {
        if let Link::Conn(conn) = self {
            conn.leave();
        }
    }

    pub(super) fn reset(&mut self, now: Instant) {
        if let Link::Conn(conn) = self {
            conn.reset(now);
        }
    }

    /// Whether a message waits for further messages to be joined with.
    pub(super) fn holds_back(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.holds_back(),
            Link::Console(_) => false,
        }
    }

    /// Whether the next write waits for the peer, not for a pause.
    pub(super) fn is_awaiting(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.is_awaiting(),
            Link::Console(_) => false,
        }
    }

    pub(super) fn end_group(&mut self) {
        if let Link::Conn(conn) = self {
            conn.end_group();
        }
    }

    /// Whether more may be sent.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.is_open(),
            Link::Console(console) => !console.closed,
        }
    }

    /// Whether the FIN was sent, or everything before a reset. False for the console.
    pub(super) fn is_finished(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.is_finished(),
            Link::Console(_) => false,
        }
    }

    /// Whether closing it resets it. False for the console.
    pub(super) fn resets(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.resets(),
            Link::Console(_) => false,
        }
    }

    /// The connection, if it is one.
    pub(super) fn conn(&self) -> Option<&Conn> {
        match self {
            Link::Conn(conn) => Some(conn),
            Link::Console(_) => None,
        }
    }

    pub(super) fn eof(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.eof(),
            Link::Console(_) => false,
        }
    }

    pub(super) fn settle(&mut self) {
        if let Link::Conn(conn) = self {
            conn.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_takes_less_than_512_bytes() {
        assert!(size_of::<Peer>() < 512, "{} bytes; benches/compare idle has the whole", size_of::<Peer>());
    }
}
