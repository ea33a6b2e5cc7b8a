//! What of stdin had not reached the peer when its connection ended, and whether that is a loss.

use std::io;
use std::time::Instant;

use super::super::input_wait::SILENCE;
use super::super::peer::{Link, Peer};
use super::{Exchange, Why};
use crate::error::{Error, cause};
use crate::io::console::Unread;
use crate::service::{PeerId, Service};

/// What of stdin had not reached the peer when its connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Delivery {
    /// Bytes that the connection did not take: read from stdin, or ready to be read.
    pub(in crate::session) unsent: u64,
    /// stdin had not ended: there may be more of them.
    pub(in crate::session) more: bool,
    /// Bytes that were sent, and that the peer's system had not acknowledged.
    pub(in crate::session) unacknowledged: u64,
    /// The peer had ended its side, and stdin has ended or was silent since.
    pub(in crate::session) quiet_since_end: bool,
}

impl Delivery {
    /// Whether nothing that this side knows of is missing at the peer.
    pub(in crate::session) fn nothing_is_missing(self) -> bool {
        self.unsent == 0 && self.unacknowledged == 0
    }

    /// Whether a connection that ended in this way has lost something that this side could see;
    /// the address is the peer's. `None` is no loss: stdin was sent to its end, or the run was to
    /// end before that.
    pub(in crate::session) fn loss(self, address: &str, why: &Why) -> Option<Error> {
        let (unsent, more, unacknowledged) = (self.unsent, self.more, self.unacknowledged);
        let why = match why {
            Why::Done if unsent == 0 => return None,
            Why::Done => "the peer closed the connection".to_owned(),
            Why::Unacknowledged if self.nothing_is_missing() => return None,
            Why::Unacknowledged => "nothing more was acknowledged within --ack-timeout".to_owned(),
            Why::Failed(_) if self.quiet_since_end && self.nothing_is_missing() => return None,
            Why::Failed(error) | Why::Unwritable(error) => cause(error),
            Why::Idle if self.nothing_is_missing() && !more => return None,
            Why::Idle => "no byte received or sent within --idle-timeout".to_owned(),
            Why::Garbled(error) => error.to_string(),
        };
        Some(Error::Undelivered { address: address.to_owned(), unsent, more, unacknowledged, why })
    }
}

impl<S: Service> Exchange<S> {
    /// What of stdin has not reached this peer.
    pub(in crate::session) fn delivery(&self, id: PeerId) -> Delivery {
        if self.console.is_none() && self.ack_timeout.is_none() {
            return Delivery::default(); // nothing comes from stdin: the kernel need not be asked at each end
        }
        let Some(peer) = self.peer(id) else { return Delivery::default() };
        let Link::Conn(conn) = &peer.link else { return Delivery::default() };
        let unacknowledged = conn.unacknowledged().unwrap_or(0);
        let Some(Peer { link: Link::Console(console), inbox, middle, heard, .. }) = &self.console else {
            return Delivery { unacknowledged, ..Delivery::default() };
        };
        let Unread { bytes, more } = console.unread();
        let held = inbox.buffered() + middle.as_ref().map_or(0, crate::io::splice::Middle::held);
        Delivery {
            unsent: peer.stream_end().unsent + (conn.backlog() + held) as u64 + bytes,
            more,
            unacknowledged,
            quiet_since_end: peer.stream_end().peer_end.is_some_and(|(since, read)| {
                // A reset right behind the end may have thrown away what was sent, while a pipe that
                // is slower than this program happens to be empty.
                let is_silent = !more || read == 0 || since.elapsed() >= SILENCE;
                read == heard.bytes && is_silent
            }),
        }
    }

    /// Notes that a peer has ended its side: how much of stdin was read by then.
    pub(super) fn note_end(&mut self, id: PeerId) {
        if self.console.is_none() && !self.traits.forwards {
            return; // only a stream goes on after the end of one side
        }
        let read = self.console.as_ref().map_or(0, |console| console.heard.bytes);
        if self.service.sink(id) == PeerId::Console {
            self.owes_drained = true;
        }
        self.with(id, |peer| {
            peer.stream_end_mut().peer_end = Some((Instant::now(), read));
            if let Link::Conn(conn) = &peer.link {
                conn.watch_peer(); // it may be gone, and nothing is sent to it that would tell
            }
        });
    }

    /// Tells the service that stdout has taken everything that an ended peer had sent.
    pub(super) fn tell_drained(&mut self) {
        if self.owes_drained && self.console.is_some() && self.backlog(PeerId::Console) == 0 {
            self.owes_drained = false;
            self.service.on(crate::service::Event::Drained { peer: PeerId::Console }, &mut self.context);
        }
    }

    /// Has every connection with the console end in a reset if this program dies before its end.
    pub(in crate::session) fn arm(&mut self, id: PeerId) {
        if let Some(Peer { link: Link::Conn(conn), .. }) = self.peer_mut(id) {
            conn.arm();
        }
    }

    /// Whether what a peer says could be forwarded to nobody: its sink takes nothing more. It is not
    /// read, for what was read would be lost.
    pub(super) fn is_stuck(&self, id: PeerId) -> bool {
        let is_closed = |sink: &Peer| match &sink.link {
            Link::Console(console) => console.closed,
            Link::Conn(_) => sink.broken.is_some(),
        };
        self.traits.forwards && self.peer(self.service.sink(id)).is_some_and(is_closed)
    }

    /// Nobody reads stdout any more: each connection is closed where all that came was taken, and
    /// reset where not.
    pub(in crate::session) fn end_without_output(&mut self) {
        for id in self.ids() {
            let is_received = self.peer(id).is_some_and(|peer| peer.link.eof() && peer.middle.is_none());
            if is_received { self.close(id) } else { self.abort_one(id) }
        }
    }

    /// A reset that came behind the peer's end is in no read: it is asked for.
    pub(super) fn late_failure(&self, id: PeerId) -> Option<io::Error> {
        let Link::Conn(conn) = &self.peer(id)?.link else { return None };
        if conn.eof() { conn.stream().take_error() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_what_this_side_could_see() {
        let reset = || Why::Failed(io::Error::from_raw_os_error(libc::ECONNRESET));
        let none = Delivery::default();
        let unsent = Delivery { unsent: 5, ..none };
        let unacknowledged = Delivery { unacknowledged: 7, ..none };
        let quiet = Delivery { quiet_since_end: true, more: true, ..none };
        let text = |delivery: Delivery, why: &Why| delivery.loss("h:1", why).map(|error| error.to_string());
        assert_eq!(text(none, &Why::Done), None);
        assert_eq!(text(Delivery { more: true, ..none }, &Why::Done), None);
        assert_eq!(text(none, &Why::Unacknowledged), None);
        assert_eq!(text(none, &Why::Idle), None);
        assert_eq!(text(quiet, &reset()), None);
        let lost = [
            (unsent, Why::Done, "5 bytes not sent, 0 sent but not acknowledged: the peer closed the connection"),
            (none, reset(), "0 bytes not sent, 0 sent but not acknowledged: connection reset by peer"),
            (
                Delivery { unsent: 3, ..quiet },
                reset(),
                "3 bytes not sent, 0 sent but not acknowledged: connection reset by peer; stdin had not ended",
            ),
            (
                unacknowledged,
                Why::Unacknowledged,
                "0 bytes not sent, 7 sent but not acknowledged: nothing more was acknowledged within --ack-timeout",
            ),
            (
                quiet,
                Why::Idle,
                "0 bytes not sent, 0 sent but not acknowledged: no byte received or sent within --idle-timeout; stdin had not ended",
            ),
        ];
        for (delivery, why, expected) in lost {
            assert_eq!(text(delivery, &why), Some(format!("h:1: {expected}")));
        }
    }
}
