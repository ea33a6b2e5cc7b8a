//! What of stdin had not reached the peer when its connection ended, and whether that is a loss.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::super::peer::{Link, Peer};
use crate::error::{Endpoint, Error, cause};
use crate::io::console::Unread;
use crate::io::splice::SplicePipe;
use crate::peer::life::CloseReason;

/// How long stdin must be silent before the report.
pub(in crate::session) const SILENCE: Duration = Duration::from_secs(1);

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

/// Bytes that a peer has sent and stdout has not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Leftover {
    /// They were read, and are held here.
    pub(in crate::session) held: usize,
    /// There are more that were not read.
    pub(in crate::session) more: bool,
}

impl Delivery {
    /// What of the console's input has not reached this connection.
    pub(super) fn of(peer: &Peer, console: Option<&Peer>, now: Instant) -> Delivery {
        let Link::Conn(conn) = &peer.link else { return Delivery::default() };
        let unacknowledged = conn.unacknowledged().unwrap_or(0);
        let Some(Peer { link: Link::Console(console), inbox, pipe, received, .. }) = console else {
            return Delivery { unacknowledged, ..Delivery::default() };
        };
        let Unread { bytes, more } = console.unread();
        let held = inbox.buffered() + pipe.as_ref().map_or(0, SplicePipe::held);
        Delivery {
            unsent: conn.life().unsent() + (conn.backlog() + held) as u64 + bytes,
            more,
            unacknowledged,
            quiet_since_end: peer.ended.as_deref().is_some_and(|&(since, read)| {
                // A reset right after the end may have dropped what was sent, while a pipe that is slower than
                // this program happens to be empty.
                let is_silent = !more || read == 0 || now.saturating_duration_since(since) >= SILENCE;
                read == received.bytes && is_silent
            }),
        }
    }

    /// Whether nothing that this side knows of is missing at the peer.
    pub(in crate::session) fn nothing_is_missing(self) -> bool {
        self.unsent == 0 && self.unacknowledged == 0
    }

    /// Whether a connection that ended in this way has lost something that this side could see;
    /// the address is the peer's. `None` is no loss: stdin was sent to its end, or the run was to
    /// end before that.
    pub(in crate::session) fn loss(self, address: impl Into<Endpoint>, why: &CloseReason) -> Option<Error> {
        let (unsent, more, unacknowledged) = (self.unsent, self.more, self.unacknowledged);
        let why = match why {
            CloseReason::Done if unsent == 0 => return None,
            CloseReason::Done => "the peer closed the connection".to_owned(),
            CloseReason::Unacknowledged if self.nothing_is_missing() => return None,
            CloseReason::Unacknowledged => "nothing more was acknowledged within --ack-timeout".to_owned(),
            // After the peer's end a reset loses nothing, but an error that the peer reports is none of its ends.
            CloseReason::Failed(error)
                if self.quiet_since_end && self.nothing_is_missing() && error.kind() != ErrorKind::InvalidData =>
            {
                return None;
            }
            CloseReason::Failed(error) | CloseReason::Unwritable(error) => cause(error),
            CloseReason::Idle if self.nothing_is_missing() && !more => return None,
            CloseReason::Idle => "no byte received or sent within --idle-timeout".to_owned(),
            CloseReason::Garbled(error) => error.to_string(),
            CloseReason::Overrun => "the peer reads too slowly".to_owned(),
        };
        Some(Error::Undelivered { address: address.into(), unsent, more, unacknowledged, why })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn loss_is_reported_if_this_side_can_detect_it() {
        let reset = || CloseReason::Failed(io::Error::from_raw_os_error(libc::ECONNRESET));
        let none = Delivery::default();
        let unsent = Delivery { unsent: 5, ..none };
        let unacknowledged = Delivery { unacknowledged: 7, ..none };
        let quiet = Delivery { quiet_since_end: true, more: true, ..none };
        let text = |delivery: Delivery, why: &CloseReason| delivery.loss("h:1", why).map(|error| error.to_string());
        assert_eq!(text(none, &CloseReason::Done), None);
        assert_eq!(text(Delivery { more: true, ..none }, &CloseReason::Done), None);
        assert_eq!(text(none, &CloseReason::Unacknowledged), None);
        assert_eq!(text(none, &CloseReason::Idle), None);
        assert_eq!(text(quiet, &reset()), None);
        let violation = || CloseReason::Failed(io::Error::new(ErrorKind::InvalidData, "the server ended TLS"));
        let lost = [
            (
                unsent,
                CloseReason::Done,
                "5 bytes not sent, 0 sent but not acknowledged: the peer closed the connection",
            ),
            (none, reset(), "0 bytes not sent, 0 sent but not acknowledged: connection reset by peer"),
            (
                quiet,
                violation(),
                "0 bytes not sent, 0 sent but not acknowledged: the server ended TLS; stdin had not ended",
            ),
            (
                Delivery { unsent: 3, ..quiet },
                reset(),
                "3 bytes not sent, 0 sent but not acknowledged: connection reset by peer; stdin had not ended",
            ),
            (
                unacknowledged,
                CloseReason::Unacknowledged,
                "0 bytes not sent, 7 sent but not acknowledged: nothing more was acknowledged within --ack-timeout",
            ),
            (
                quiet,
                CloseReason::Idle,
                "0 bytes not sent, 0 sent but not acknowledged: no byte received or sent within --idle-timeout; stdin had not ended",
            ),
        ];
        for (delivery, why, expected) in lost {
            assert_eq!(text(delivery, &why), Some(format!("h:1: {expected}")));
        }
    }
}
