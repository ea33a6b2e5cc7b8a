//! Services: functions of events to actions, without sockets, clocks or threads.

mod actions;
pub mod chat;
pub mod filter;
mod kinds;
pub mod pipe;
pub mod relay;
pub mod secret;
pub mod standard;
pub mod talk;
pub mod wire;

pub use actions::{Action, Actions};
pub use kinds::{Bug, ServiceKind};

use crate::frame::{FrameError, Message, Wish};

/// A peer of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerId {
    /// This program's stdin and stdout.
    Console,
    /// A connection, by its number; the next connection has the number of one that has closed.
    Conn(usize),
}

/// An event of a peer. The events of one peer are in order: `Open`, then messages, then `Eof` or `Closed`, and
/// nothing after `Closed`.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The peer is connected.
    Open(PeerId),
    /// A complete message, without its framing; or a run of bytes, if the framing is raw.
    Message(PeerId, &'a [u8]),
    /// A complete message with its wish for the reply: a request of HTTP.
    Request(PeerId, &'a [u8], Wish),
    /// The connection of [`Action::Dial`] was made: first the peer it is for, then the new peer.
    Linked(PeerId, PeerId),
    /// The connection of [`Action::Dial`] for this peer failed.
    Unreachable(PeerId),
    /// The unterminated rest when the peer half-closed.
    Last(PeerId, &'a [u8]),
    /// An incomplete message waits for `100 Continue`: a request of HTTP.
    Expects(PeerId),
    /// A message was longer than the limit; nothing more is read from this peer.
    TooLong(PeerId),
    /// The bytes are not a message of the framing, or an incomplete one; nothing more is read from this peer.
    /// Unless the service closes it now, it is dropped.
    Malformed(PeerId, &'a FrameError),
    /// The peer half-closed: there are no more messages. It may still read.
    Eof(PeerId),
    /// Everything sent to this peer was passed to the kernel. For the console, this is reported when a peer
    /// whose bytes go there has ended.
    Drained(PeerId),
    /// Bytes of this peer were moved to its sink within the kernel: see [`Service::forwards`].
    Moved(PeerId),
    /// The connection failed: it was reset, or the network failed. `Closed` follows.
    Failed(PeerId),
    /// The connection is closed.
    Closed(PeerId),
}

impl<'a> Event<'a> {
    /// The event of a message.
    #[inline]
    #[must_use]
    pub fn of(from: PeerId, message: &'a Message<'a>) -> Self {
        match message.wish {
            Some(wish) => Event::Request(from, &message.body, wish),
            None => Event::Message(from, &message.body),
        }
    }
}

/// What to do with a peer at shutdown, after its received bytes were processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Close it: it has its replies.
    Leave,
    /// Close it with a reset: data is missing.
    Cut,
    /// Treat it as ended: its bytes go to another peer, which still sends replies.
    End,
    /// Continue reading until it ends: another peer waits for its bytes.
    Hear,
}

/// A function from events to actions.
pub trait Service {
    /// Handles one event and adds actions.
    fn on(&mut self, event: Event<'_>, actions: &mut Actions);

    /// The peer that gets the output for the input of `from`. Reading from `from` stops while this peer does
    /// not read.
    fn sink(&self, from: PeerId) -> PeerId {
        from
    }

    /// Whether to read further messages from this peer now.
    fn wants(&self, from: PeerId) -> bool {
        let _ = from;
        true
    }

    /// Whether the bytes of a peer go to its sink unchanged. The session may then move them within the kernel
    /// and report only the ends.
    fn forwards(&self) -> bool {
        false
    }

    /// Whether a peer has closed its side, and only stdin has not ended.
    fn waits_for_input(&self) -> bool {
        false
    }

    /// What to do with a peer at shutdown.
    fn farewell(&self, peer: PeerId) -> Farewell {
        let _ = peer;
        Farewell::Leave
    }

    /// Whether it sends without input: it gets [`Event::Drained`] whenever there is room.
    fn streams(&self) -> bool {
        false
    }

    /// Whether a peer that leaves too much unread is dropped, because reading from the others does not stop for
    /// it.
    fn sheds(&self) -> bool {
        false
    }
}

impl<S: Service + ?Sized> Service for Box<S> {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        (**self).on(event, actions);
    }

    fn sink(&self, from: PeerId) -> PeerId {
        (**self).sink(from)
    }

    fn wants(&self, from: PeerId) -> bool {
        (**self).wants(from)
    }

    fn forwards(&self) -> bool {
        (**self).forwards()
    }

    fn waits_for_input(&self) -> bool {
        (**self).waits_for_input()
    }

    fn farewell(&self, peer: PeerId) -> Farewell {
        (**self).farewell(peer)
    }

    fn streams(&self) -> bool {
        (**self).streams()
    }

    fn sheds(&self) -> bool {
        (**self).sheds()
    }
}
