//! A connection of a transfer: lines and bytes of files go in and come out, and its failure is kept until all that had
//! come is read.

use std::io;
use std::time::{Duration, Instant};

use crate::error::Endpoint;
use crate::io::conn::{Conn, Turn};
use crate::io::key::Key;
use crate::io::reactor::{Reactor, Ready};
use crate::io::{Flush, Incoming};
use crate::peer::life::{At, Input, Reading};

/// How long the end of the other side is waited for.
const LINGER: Duration = Duration::from_secs(1);

/// A connection to the other side.
#[derive(Debug)]
pub(super) struct Wire {
    conn: Conn,
    key: Key,
    endpoint: Endpoint,
    /// Writing has failed. What the other side has sent before may say why.
    broken: Option<io::Error>,
    /// The last time that a byte came or went, and the number of bytes by then.
    active: (Instant, u64),
}

/// What a read has brought.
#[derive(Debug)]
pub(super) enum Read {
    /// This many bytes.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The connection has ended, or failed.
    Ended(Option<io::Error>),
}

impl Wire {
    /// A connection that is registered with this key.
    pub(super) fn new(mut conn: Conn, key: Key, endpoint: Endpoint, reactor: &Reactor) -> io::Result<Wire> {
        conn.register(reactor, key)?;
        conn.watch_peer();
        Ok(Wire { conn, key, endpoint, broken: None, active: (reactor.now(), 0) })
    }

    /// The other side, for messages.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Notes an event of the reactor, if it is for this connection.
    pub(super) fn on_ready(&mut self, ready: Ready) {
        if ready.key == self.key {
            self.conn.on_ready(ready);
        }
    }

    /// Sends bytes, the rest with [`flush`](Self::flush).
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.broken = self.conn.send(bytes).err();
            self.conn.end_group();
        }
    }

    /// Sends the first of these bytes, and returns their number; 0 until the kernel takes more.
    pub(super) fn send_first(&mut self, bytes: &[u8]) -> usize {
        if self.conn.is_layered() {
            self.send(bytes);
            return bytes.len();
        }
        let sent = if self.broken.is_none() { self.conn.send_unqueued(bytes) } else { Ok(0) };
        sent.unwrap_or_else(|error| {
            self.broken = Some(error);
            0
        })
    }

    /// Whether the kernel has taken everything.
    pub(super) fn is_free(&self) -> bool {
        self.conn.backlog() == 0 && self.broken.is_none() && !self.conn.is_handshaking()
    }

    /// Writes what is queued, as far as it goes.
    pub(super) fn flush(&mut self, reactor: &mut Reactor) {
        if self.broken.is_some() {
            return;
        }
        let was_free = self.is_free();
        match self.conn.flush(reactor.now()) {
            Ok(Flush::Until(at)) => reactor.wake_at(self.key, at),
            Ok(Flush::More) => reactor.again(self.key),
            Ok(Flush::Blocked | Flush::Idle) => {}
            Err(error) => self.broken = Some(error),
        }
        if !was_free && self.is_free() {
            reactor.again(self.key); // there is room for more, and no event reports it
        }
    }

    /// Whether its bytes are encoded: a read into a small buffer is then slow.
    pub(super) fn is_layered(&self) -> bool {
        self.conn.is_layered()
    }

    /// Reads once.
    pub(super) fn read(&mut self, buf: &mut [u8], reactor: &mut Reactor) -> Read {
        let now = reactor.now();
        loop {
            let read = if self.conn.is_handshaking() {
                self.conn.advance_handshake(buf, now)
            } else {
                self.conn.read(buf, now)
            };
            match read {
                Ok(Incoming::Bytes(n)) => return Read::Bytes(n),
                Ok(Incoming::Undecoded) => self.flush(reactor), // the answer of a handshake
                // A write that fails with the error of a reset takes it away from the read.
                Ok(Incoming::Eof) => return Read::Ended(self.failed_write()),
                Ok(Incoming::Until(at)) => {
                    reactor.wake_at(self.key, at);
                    return Read::Nothing;
                }
                Ok(Incoming::Blocked) if self.conn.life().has_peer_ended() => return Read::Ended(self.failed_write()),
                Ok(Incoming::Blocked) => {
                    return self.broken.take().map_or(Read::Nothing, |error| Read::Ended(Some(error)));
                }
                Err(error) => return Read::Ended(Some(error)),
            }
        }
    }

    /// Why writing has failed, if that says more than that the other side has closed.
    fn failed_write(&mut self) -> Option<io::Error> {
        self.broken.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Has the reactor report it again in the next turn.
    pub(super) fn again(&self, reactor: &mut Reactor) {
        reactor.again(self.key);
    }

    /// Whether no byte came or went within the limit. If not, the reactor wakes when it may be over.
    pub(super) fn is_idle(&mut self, limit: Option<Duration>, reactor: &mut Reactor) -> bool {
        let (Some(limit), now) = (limit, reactor.now()) else { return false };
        let bytes = self.conn.received() + self.conn.wire_written();
        if bytes != self.active.1 {
            self.active = (now, bytes);
        }
        let until = self.active.0.checked_add(limit);
        if let Some(until) = until.filter(|&until| now < until) {
            reactor.wake_at(Key::Clock, until);
        }
        until.is_some_and(|until| now >= until)
    }

    /// Closes it in order: what is queued is written, and what still comes is discarded.
    pub(super) fn begin_close(&mut self, reactor: &mut Reactor) {
        let turn = self.conn.on(Input::Close, at(reactor));
        self.follow(turn, reactor);
    }

    /// Continues the close. True: it is over.
    pub(super) fn drive_close(&mut self, reactor: &mut Reactor) -> bool {
        self.flush(reactor);
        if let Some(error) = self.broken.take() {
            self.conn.fail_write(error, 0, at(reactor));
        }
        let mut buf = [0; 16 * 1024];
        while self.conn.life().reading() == Reading::Discard {
            let turn = match self.conn.read(&mut buf, reactor.now()) {
                Ok(Incoming::Bytes(n)) => self.conn.on(Input::Received(n), at(reactor)),
                Ok(Incoming::Undecoded) => continue,
                Ok(Incoming::Eof | Incoming::Blocked | Incoming::Until(_)) => break,
                Err(error) => self.conn.on(Input::Failed(error), at(reactor)),
            };
            self.follow(turn, reactor);
        }
        let turn = self.conn.drive(at(reactor));
        self.follow(turn, reactor)
    }

    fn follow(&mut self, turn: Turn, reactor: &mut Reactor) -> bool {
        match turn {
            Turn::Idle => {}
            Turn::Until(at) => reactor.wake_at(self.key, at),
            Turn::Close => return true,
        }
        self.flush(reactor);
        false
    }

    /// Closes it at once.
    pub(super) fn close(self, reactor: &Reactor) {
        self.conn.close(reactor);
    }
}

fn at(reactor: &Reactor) -> At {
    At { now: reactor.now(), linger: LINGER, ack_timeout: None, is_receipt: false }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::config::Traffic;
    use crate::io::conn::Origin;
    use crate::io::reactor::{Behind, run_until};
    use crate::io::recorder::Recorder;
    use crate::io::sockopt::Family;
    use crate::io::stream::Stream;
    use crate::trace::Side;

    /// A connection with this key, and its other end.
    fn wire(reactor: &Reactor, key: Key) -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        let peer = String::new();
        let origin = Origin { side: Side::Listen, peer, number: 0, made_for: None, sent_to_proxy: None, witness: None };
        let stream = Stream::from_socket(ours.into(), Family::V4);
        let conn = Conn::new(stream, origin, &Traffic::default(), true, &Recorder::default());
        let wire = Wire::new(conn, key, "peer".into(), reactor).unwrap();
        (wire, listener.accept().unwrap().0)
    }

    #[test]
    fn events_of_a_closed_connection_reach_no_other_one() {
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let key = Key::Conn(0);
        let (first, mut first_peer) = wire(&reactor, key);
        first.again(&mut reactor);
        reactor.wake_at(key, reactor.now());
        first_peer.write_all(b"early").unwrap();
        first.close(&reactor);
        let (mut second, mut second_peer) = wire(&reactor, key);
        let _ = first_peer.write_all(b"late");
        let (mut buf, mut has_sent) = ([0; 9], false);
        // A wake-up of the key is all that is left of the first one: it claims nothing.
        let read = run_until(&mut reactor, |reactor, events, _| {
            for &ready in events.iter().filter(|ready| ready.key == key) {
                assert!(has_sent || (!ready.readable && ready.behind == Behind::Nothing), "{ready:?}");
                second.on_ready(ready);
            }
            if !events.is_empty() && !has_sent {
                second_peer.write_all(b"hello").unwrap();
                has_sent = true;
            }
            match second.read(&mut buf, reactor) {
                Read::Bytes(n) => Some(n),
                Read::Nothing => None,
                Read::Ended(error) => panic!("{error:?}"),
            }
        });
        assert_eq!(&buf[..read], b"hello");
    }

    #[test]
    fn reset_is_reported_though_a_write_has_noticed_it() {
        let mut reactor = Reactor::new(Duration::ZERO).unwrap();
        let (mut wire, peer) = wire(&reactor, Key::Conn(0));
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        wire.send(b"a");
        assert!(wire.broken.is_some());
        wire.on_ready(Ready { key: wire.key, readable: true, writable: true, behind: Behind::End });
        let read = wire.read(&mut [0; 9], &mut reactor);
        assert!(
            matches!(&read, Read::Ended(Some(error)) if error.kind() == io::ErrorKind::ConnectionReset),
            "{read:?}"
        );
    }
}
