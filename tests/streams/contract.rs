//! The required result of each cell, from "Streams" in the design, not from the behavior of the program.

use crate::cell::{Cell, Direction, End, Peer, Side, Size, Stdin};

/// The result of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every byte arrives in both directions, and the status is 0.
    Equal,
    /// Bytes are lost, and this side observes it.
    Seen(Seen),
    /// Bytes are lost, and neither side can observe it. The status is 0.
    Unseen(Unseen),
}

/// The report of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Status 1 and one line with the number of bytes not sent and not acknowledged.
    Counted,
    /// Status 2 and one line that names stdout; the peer sees a reset.
    StdoutFailed,
    /// Death by SIGPIPE without a message, as cat; the peer sees a reset.
    ReaderGone,
}

/// The reason why the loss cannot be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    SenderKilled,
    KilledAfterReading,
    FailedAfterReading,
}

impl Unseen {
    pub fn reason(self) -> &'static str {
        match self {
            Unseen::SenderKilled => "the kernel of a killed sender ends its stream in order",
            Unseen::KilledAfterReading => {
                "the peer has read everything, and its kernel closes in order when it is killed"
            }
            Unseen::FailedAfterReading => "the peer has read everything, cannot write it, and closes in order",
        }
    }
}

impl Cell {
    /// The required result.
    pub fn expected(self) -> Expected {
        match self.end {
            End::OursFirst | End::PeerFirst => Expected::Equal,
            End::OursFull | End::OursClosed => Expected::Seen(Seen::StdoutFailed),
            End::OursReaderGone => Expected::Seen(Seen::ReaderGone),
            End::PeerCannotWrite if self.size == Size::Line && self.peer != Peer::Secretcat => {
                Expected::Unseen(Unseen::FailedAfterReading)
            }
            // A killed secretcat resets its connection.
            End::PeerKilled if self.direction == Direction::FromPeer && self.peer != Peer::Secretcat => {
                Expected::Unseen(Unseen::SenderKilled)
            }
            // A socat that cannot write does not read either: the kernel resets the connection with unread bytes.
            End::PeerKilled
                if self.direction == Direction::ToPeer
                    && self.size == Size::Line
                    && self.stdin != Stdin::PipeLate
                    && !matches!(self.peer, Peer::Secretcat | Peer::Socat) =>
            {
                Expected::Unseen(Unseen::KilledAfterReading)
            }
            End::Refused | End::PeerClosesEarly | End::PeerCannotWrite | End::PeerKilled => {
                Expected::Seen(Seen::Counted)
            }
        }
    }

    /// Whether the peer ends its own stream in order before it resets the connection of a relay: it has sent its bytes,
    /// it has left with nothing unread, or it is a socat whose write fails, which calls shutdown(2) and exits half a
    /// millisecond later. A client that has ended by then, all its bytes in the buffers of the kernel, gets the end,
    /// leaves, and can see no reset: its input stays open until the reset has arrived.
    pub fn end_may_come_before_reset(self) -> bool {
        let closes = matches!(self.end, End::PeerClosesEarly | End::PeerCannotWrite);
        let ends_before = self.in_parts() || (closes && (self.receives() || self.peer == Peer::Socat));
        self.side == Side::Relay && self.client() == Peer::Python && self.size == Size::Big && ends_before
    }

    /// The reason why this combination is left out.
    pub fn left_out(self) -> Option<&'static str> {
        self.no_such_side()
            .or_else(|| self.no_such_stdin())
            .or_else(|| self.no_such_end())
            .or_else(|| self.peer_cannot())
    }

    /// Combinations that a relay cannot have, and those that only a relay has.
    fn no_such_side(self) -> Option<&'static str> {
        if self.side != Side::Relay {
            return (self.end == End::Refused).then_some("only a relay goes on to another server");
        }
        if !matches!(self.stdin, Stdin::PipeNow | Stdin::PipeLate | Stdin::DevNull) {
            return Some("a relay has no stdin: its client has a pipe, or nothing to send");
        }
        if self.cannot_write() {
            return Some("a relay has no stdout");
        }
        if self.end == End::Refused
            && (self.peer != Peer::Python || self.stdin != Stdin::PipeNow || self.direction != Direction::ToPeer)
        {
            return Some("where nobody listens there is no peer; the client is a Python program that sends");
        }
        None
    }

    fn no_such_stdin(self) -> Option<&'static str> {
        if self.sends() && !self.stdin_may_have_bytes() {
            return Some("there is nothing to send");
        }
        if !self.sends() && self.stdin_may_have_bytes() && self.stdin != Stdin::Terminal {
            return Some("bytes on stdin are sent");
        }
        if self.sends() && self.stdin == Stdin::Terminal && self.size == Size::Big {
            return Some("nobody types 10 MB");
        }
        None
    }

    fn no_such_end(self) -> Option<&'static str> {
        let midst = "a line has no midst";
        match self.end {
            End::OursFirst if !self.sends() && !self.ends_without_a_byte() => {
                Some("an end that is not sent is not first")
            }
            End::PeerFirst if self.side == Side::Connect && self.stdin_is_empty() => {
                Some("an empty stdin of connect has ended before the peer can end")
            }
            End::PeerFirst if self.sends() && self.stdin == Stdin::Terminal => {
                Some("at a terminal the end of the peer is the end: what is typed later is not sent")
            }
            End::PeerFirst
                if self.direction == Direction::ToPeer && self.peer == Peer::Secretcat && self.peer_listens() =>
            {
                Some("the end of a secretcat without input is the receipt, and the last thing it sends")
            }
            End::PeerKilled if self.direction == Direction::FromPeer && self.size == Size::Line => Some(midst),
            End::PeerKilled if self.direction == Direction::Both && self.size == Size::Line => {
                Some("the same as to-peer, and which end is first is not determined")
            }
            End::PeerKilled if self.side == Side::Relay && self.stdin == Stdin::PipeLate && self.size == Size::Line => {
                Some("the client of the relay has ended before the relay can know")
            }
            End::PeerClosesEarly if self.size == Size::Line => Some(midst),
            End::PeerClosesEarly | End::PeerCannotWrite if !self.sends() => Some("the peer has nothing to write"),
            End::PeerCannotWrite if self.direction == Direction::Both && self.size == Size::Line => {
                Some("the peer has an end of its own to send: which is first is not determined")
            }
            _ if self.cannot_write() && !self.receives() => Some("there is nothing to write"),
            _ => None,
        }
    }

    /// Whether the end of a stdin without a byte is sent: `connect` sends it (an empty transfer), a listener does not.
    fn ends_without_a_byte(self) -> bool {
        self.side == Side::Connect && (self.stdin_is_empty() || self.stdin == Stdin::Terminal)
    }

    /// Combinations that the other programs cannot have.
    fn peer_cannot(self) -> Option<&'static str> {
        let leaves_at_our_end = self.peer_listens() && matches!(self.peer, Peer::Nc | Peer::Ncat) && self.receives();
        let ours_may_be_first = self.end == End::OursFirst
            || (self.side == Side::Connect && self.stdin_is_empty())
            || (self.end == End::PeerFirst
                && self.direction == Direction::Both
                && self.size == Size::Big
                && self.stdin != Stdin::PipeLate);
        (leaves_at_our_end && ours_may_be_first)
            .then_some("as listeners nc and ncat leave at our end, their stdin unread")
    }
}
