//! A peer of an exchange: a connection or the console, with the state of its input and output.

use std::io;
use std::time::Instant;

use crate::frame::Inbox;
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::io::reactor::Ready;
use crate::io::recorder::Recorder;
use crate::io::splice::{End, SplicePipe, Step};
use crate::io::transcript::Recorded;
use crate::io::{Flush, Incoming};
use crate::peer::flow::{Flow, Sink};
use crate::peer::life::Life;
use crate::service::Port;
use crate::trace::{ConnId, Direction, EventKind};
use crate::transcript::Message;

/// One peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) inbox: Inbox,
    pub(super) flow: Flow,
    /// The address that it has connected to, if it is a client.
    pub(super) port: Port,
    /// It was made for a client, to the server of a relay; or for the service.
    pub(super) is_made: bool,
    /// In a relay: the other connection of the same client.
    pub(super) pair: Option<Pair>,
    pub(super) opened: Instant,
    /// The messages sent to it, if events are recorded.
    pub(super) sent: Passed,
    /// The messages received from it.
    pub(super) received: Passed,
    /// The pipe through which its bytes are spliced to its sink.
    pub(super) pipe: Option<SplicePipe>,
    /// When the peer closed its side, and the number of bytes read from stdin by then.
    pub(super) ended: Option<Box<(Instant, u64)>>,
    /// The record that has to be on the disk before anything is written to it; 0 for none.
    pub(super) held_for: u64,
}

/// In a relay: the other connection of the same client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// This connection is the client's; the other one, with this number, goes to the server.
    Server(ConnId),
    /// This connection goes to the server; the other one, with this number, is the client's.
    Client(ConnId),
}

/// The messages of one direction so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) messages: u64,
    /// The stream offset after the last message.
    pub(super) bytes: u64,
}

/// The input and output of a peer.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "almost all are connections, which need no second allocation")]
pub(super) enum Link {
    Conn(Conn),
    /// There is one of it and it is large; connections are many.
    Console(Box<Console>),
}

impl Peer {
    pub(super) fn new(link: Link, inbox: Inbox, now: Instant) -> Self {
        // Messages come after a header that is queued already.
        let header = link.conn().map_or(0, |conn| conn.offsets().0);
        // A login has received bytes already.
        let received = link.conn().map_or(0, |conn| conn.received().saturating_sub(inbox.buffered() as u64));
        Peer {
            link,
            inbox,
            flow: Flow::new(now),
            port: Port::Main,
            is_made: false,
            pair: None,
            opened: now,
            sent: Passed { messages: 0, bytes: header },
            received: Passed { messages: 0, bytes: received },
            pipe: None,
            ended: None,
            held_for: 0,
        }
    }

    /// Whether it is a connection that the service has asked for, and for no client.
    pub(super) fn is_of_service(&self) -> bool {
        self.is_made && self.pair.is_none()
    }

    /// Whether its bytes are processed: it is not being closed.
    #[inline]
    pub(super) fn is_processing(&self) -> bool {
        self.link.life().is_none_or(Life::is_processing)
    }

    /// At shutdown: how many more received bytes are processed; `None` if that is not limited.
    #[inline]
    pub(super) fn drains(&self) -> Option<usize> {
        self.link.life().and_then(Life::drains)
    }

    /// Whether it takes nothing more.
    pub(super) fn is_broken(&self) -> bool {
        match &self.link {
            Link::Conn(conn) => conn.life().is_broken(),
            Link::Console(console) => console.closed,
        }
    }

    /// Whether bytes received from it are held here: in the splice pipe or in the inbox.
    pub(super) fn holds_input(&self) -> bool {
        self.pipe.is_some() || self.inbox.buffered() > 0
    }

    /// What its sources need to know of it as their sink.
    pub(super) fn as_sink(&self) -> Sink {
        Sink { backlog: self.link.backlog(), is_writable: self.link.readiness().1 }
    }

    /// Records messages that are about to be sent. An interim response before one belongs to it. Copies of a received
    /// message are not in the transcript.
    pub(super) fn note_sent(
        &mut self,
        mut bytes: &[u8],
        lengths: impl Iterator<Item = usize>,
        are_copies: bool,
        recorder: &Recorder,
    ) -> Recorded {
        let (has_lines, mut all) = (self.inbox.has_lines(), Recorded::Yes);
        let Some(conn) = self.link.conn().filter(|conn| !conn.is_raw()) else { return all };
        let mut end = conn.offsets().0;
        for length in lengths {
            let (message, rest) = bytes.split_at(length);
            end += length as u64;
            let (number, start) = (self.sent.messages + 1, self.sent.bytes);
            self.sent = Passed { messages: number, bytes: end };
            recorder.note_bytes(conn.id(), message, || EventKind::Message { dir: Direction::Out, number, start, end });
            if !are_copies && conn.life().is_open() {
                all = all.and(record(conn, Direction::Out, message, None, has_lines, recorder));
            }
            bytes = rest;
        }
        all
    }
}

/// Whose a message is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Author<'a> {
    /// It is part of a login: no record has it.
    Hidden,
    /// The user that the peer has proven to be, if it has.
    User(Option<&'a str>),
}

/// Counts a received message, by a borrow of these fields of the peer only.
pub(super) fn note_received(
    link: &Link,
    received: &mut Passed,
    wire: &[u8],
    author: Author<'_>,
    has_lines: bool,
    recorder: &Recorder,
) -> Recorded {
    let start = received.bytes;
    received.bytes += wire.len() as u64;
    received.messages += 1;
    let Author::User(user) = author else { return Recorded::Yes };
    if let Some(conn) = link.conn().filter(|conn| !conn.is_raw()) {
        let (number, end) = (received.messages, received.bytes);
        recorder.note_bytes(conn.id(), wire, || EventKind::Message { dir: Direction::In, number, start, end });
        return record(conn, Direction::In, wire, user, has_lines, recorder);
    }
    Recorded::Yes
}

/// Records a message in the transcript, if there is one: a line without its ending.
#[inline]
fn record(
    conn: &Conn,
    direction: Direction,
    wire: &[u8],
    user: Option<&str>,
    is_line: bool,
    recorder: &Recorder,
) -> Recorded {
    let Some(transcript) = recorder.transcript_of_messages() else { return Recorded::Yes };
    let line = wire.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let bytes = line.filter(|_| is_line).unwrap_or(wire);
    transcript.record(&Message {
        conn: conn.id(),
        peer: conn.peer(),
        user,
        room: None,
        direction,
        notice: false,
        bytes,
    })
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

    /// Whether a layer encodes its bytes: [`flush`](Self::flush) may have work after each read.
    #[inline]
    pub(super) fn is_layered(&self) -> bool {
        self.conn().is_some_and(Conn::is_layered)
    }

    /// Whether the service is not to know it yet.
    #[inline]
    pub(super) fn is_opening(&self) -> bool {
        self.conn().is_some_and(Conn::is_opening)
    }

    /// Whether a PROXY header comes first, which is not complete.
    pub(super) fn expects_header(&self) -> bool {
        self.conn().is_some_and(Conn::expects_header)
    }

    /// Reads once for what comes before the service is to know it.
    pub(super) fn advance_opening(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        match self {
            Link::Conn(conn) if conn.expects_header() => conn.read_header(now),
            _ => self.advance_handshake(buf, now),
        }
    }

    /// Reads once for the handshake of its layer; [`Incoming::Blocked`] if there is none in progress.
    #[inline]
    pub(super) fn advance_handshake(&mut self, buf: &mut [u8], now: Instant) -> io::Result<Incoming> {
        match self {
            Link::Conn(conn) if conn.is_handshaking() => conn.advance_handshake(buf, now),
            _ => Ok(Incoming::Blocked),
        }
    }

    /// Whether [`flush`](Self::flush) has work.
    pub(super) fn has_queued(&self) -> bool {
        match self {
            Link::Conn(conn) => conn.has_queued(),
            Link::Console(_) => true,
        }
    }

    pub(super) fn flush(&mut self, now: Instant) -> io::Result<Flush> {
        match self {
            Link::Conn(conn) => conn.flush(now),
            Link::Console(console) => console.flush(),
        }
    }

    #[inline]
    pub(super) fn backlog(&self) -> usize {
        match self {
            Link::Conn(conn) => conn.backlog(),
            Link::Console(console) => console.backlog(),
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
            Link::Conn(conn) => conn.life().is_open(),
            Link::Console(console) => !console.closed,
        }
    }

    /// The life of the connection; `None` for the console.
    #[inline]
    pub(super) fn life(&self) -> Option<&Life> {
        self.conn().map(Conn::life)
    }

    /// The connection, if it is one.
    #[inline]
    pub(super) fn conn(&self) -> Option<&Conn> {
        match self {
            Link::Conn(conn) => Some(conn),
            Link::Console(_) => None,
        }
    }

    pub(super) fn shrink(&mut self) {
        if let Link::Conn(conn) = self {
            conn.shrink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connection_takes_less_than_512_bytes() {
        assert!(size_of::<Peer>() < 512, "{} bytes; benches/compare idle has the whole", size_of::<Peer>());
    }
}
