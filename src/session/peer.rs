//! Somebody who takes part in an exchange: a connection or the console, with what it has said so far.

use std::io;
use std::time::Instant;

use super::account::Pair;
use crate::frame::Inbox;
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::io::driver::Ready;
use crate::io::splice::{End, Middle, Step};
use crate::io::{Flush, Incoming};
use crate::service::PeerId;

/// One participant.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) inbox: Inbox,
    pub(super) stage: Stage,
    /// Whom it was called for, if it did not come by itself.
    pub(super) called_for: Option<PeerId>,
    /// The other connection of a client of a relay.
    pub(super) pair: Option<Pair>,
    pub(super) opened: Instant,
    /// It has said more than was wanted; what it said waits in the inbox or in the kernel.
    pub(super) paused: bool,
    /// The last time that a byte came or went.
    pub(super) active: Instant,
    /// While the session is being stopped: how many more bytes of what has arrived are read.
    pub(super) allowance: Option<usize>,
    /// What was sent to it, as far as that is recorded.
    pub(super) told: Passed,
    /// Why nothing more can be written to it.
    pub(super) broken: Option<io::Error>,
    /// What is known of the end of a stream, once that has begun.
    pub(super) stream_end: Option<Box<StreamEnd>>,
    /// What has come from it.
    pub(super) heard: Passed,
    /// The pipe through which what it says gets to its sink without being read here.
    pub(super) middle: Option<Middle>,
    /// It says much at a time.
    pub(super) plenty: bool,
    /// What it says can only be read: the kernel does not move it otherwise.
    pub(super) barred: bool,
}

/// How a stream between the console and a connection comes to its end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StreamEnd {
    /// Bytes that were to be sent when writing failed.
    pub(super) unsent: u64,
    /// When the peer ended its side, and how much of stdin was read by then.
    pub(super) peer_end: Option<(Instant, u64)>,
    /// Since when nothing more was acknowledged, and how many bytes were not, while that is waited for.
    pub(super) acknowledging: Option<(Instant, u64)>,
    /// The peer's end is not waited for once it has acknowledged everything.
    pub(super) hurried: bool,
}

/// Messages that have gone one way so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) messages: u64,
    /// Stream offset behind the last of them.
    pub(super) bytes: u64,
}

/// How far a participant's leaving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is listened to.
    Talking,
    /// What was sent to it is written out, then our end; what it says is read and forgotten, for
    /// closing with unread bytes would reset the connection and destroy the last reply.
    Leaving,
    /// All is sent; its end is waited for, until then.
    Lingering(Instant),
}

/// What the bytes come from and go to.
#[derive(Debug)]
pub(super) enum Link {
    Conn(Conn),
    Console(Console),
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
    /// What is known of the end of its stream, to be changed.
    pub(super) fn stream_end_mut(&mut self) -> &mut StreamEnd {
        self.stream_end.get_or_insert_default()
    }

    /// What is known of the end of its stream.
    pub(super) fn stream_end(&self) -> StreamEnd {
        self.stream_end.as_deref().copied().unwrap_or_default()
    }
}

impl Link {
    /// Where bytes can be taken from without being read here.
    pub(super) fn input(&self) -> Option<End<'_>> {
        match self {
            Link::Conn(conn) => conn.input(),
            Link::Console(console) => console.input(),
        }
    }

    /// Where bytes can be put without being written here.
    pub(super) fn output(&self) -> Option<End<'_>> {
        match self {
            Link::Conn(conn) => conn.output(),
            Link::Console(console) => console.output(),
        }
    }

    /// Whether there may be bytes to take, and room to put some.
    pub(super) fn readiness(&self) -> (bool, bool) {
        match self {
            Link::Conn(conn) => conn.readiness(),
            Link::Console(console) => (true, console.is_writable()), // stdin has to be tried
        }
    }

    /// Notes how taking bytes came out.
    pub(super) fn moved_in(&mut self, step: Step) {
        match self {
            Link::Conn(conn) => conn.moved_in(step),
            Link::Console(console) => console.moved_in(step),
        }
    }

    /// Notes how putting bytes came out.
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
            Link::Conn(_) => Ok(()), // it has been sent our end
            Link::Console(console) => console.send(bytes),
        }
    }

    /// Whether [`flush`](Self::flush) has something to do.
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

    /// Shows the prompt, where it is the console.
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

    /// Whether something waits for further messages to be joined with.
    pub(super) fn holds_back(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.holds_back(),
            Link::Console(_) => false,
        }
    }

    /// Whether it is the peer that the next write waits for, not a pause.
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

    /// Whether our end has been sent, or what goes before a reset. The console has none.
    pub(super) fn is_finished(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.is_finished(),
            Link::Console(_) => false,
        }
    }

    /// Whether closing it is to reset it. The console knows no such thing.
    pub(super) fn resets(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.resets(),
            Link::Console(_) => false,
        }
    }

    /// The connection, where it is one.
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
