//! What a peer is answered: each service is a function of events, with no socket, clock or thread in it.

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

/// Somebody a service talks with: a connection, or the [console](CONSOLE).
pub type PeerId = usize;

/// The peer that stands for this program's own stdin and stdout.
pub const CONSOLE: PeerId = usize::MAX;

/// What happened to a peer. Events of one peer come in order: `Open`, then messages, then `Eof`
/// or `Closed`, and nothing after `Closed`.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The peer is there.
    Open(PeerId),
    /// A whole message, without its framing; or a run of bytes, where the framing is raw.
    Message(PeerId, &'a [u8]),
    /// A whole message that says how it wants to be answered: a request of HTTP.
    Request(PeerId, &'a [u8], Wish),
    /// The connection that [`Action::Dial`] asked for stands: first who it is for, then itself.
    Linked(PeerId, PeerId),
    /// The connection that [`Action::Dial`] asked for this peer cannot be made.
    Unreachable(PeerId),
    /// What stood unterminated when the peer half-closed.
    Last(PeerId, &'a [u8]),
    /// A message that has begun waits to be told that the rest of it is wanted: a request of HTTP.
    Expects(PeerId),
    /// A message over the limit; nothing more will be read from this peer.
    TooLong(PeerId),
    /// Not a message as the framing has it, or not all of one; nothing more will be read from this
    /// peer. Unless it is parted from now, it is dropped.
    Malformed(PeerId, &'a FrameError),
    /// The peer half-closed: no more messages will come. It may still read.
    Eof(PeerId),
    /// All that was sent to this peer has been handed to the kernel. Of the console it is reported
    /// when a peer whose bytes go there has ended.
    Drained(PeerId),
    /// Bytes of this peer went to its sink without being shown here: see [`Service::forwards`].
    Moved(PeerId),
    /// The connection has failed: it was reset, or the network has lost it. `Closed` comes next.
    Failed(PeerId),
    /// The peer is gone.
    Closed(PeerId),
}

impl<'a> Event<'a> {
    /// What a message is to a service.
    #[inline]
    #[must_use]
    pub fn of(from: PeerId, message: &'a Message<'a>) -> Self {
        match message.wish {
            Some(wish) => Event::Request(from, &message.body, wish),
            None => Event::Message(from, &message.body),
        }
    }
}

/// What becomes of a peer when the session is stopped and what has arrived from it is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It has its answers, and is parted from.
    Leave,
    /// It is parted from as well, but was to be sent more: that shows.
    Cut,
    /// It is taken to have ended: its answers are somebody else's, and still to come.
    End,
    /// It is heard until it ends: others wait for what it says.
    Hear,
}

/// What answers events with actions.
pub trait Service {
    /// Takes one event and adds what is to be done.
    fn on(&mut self, event: Event<'_>, actions: &mut Actions);

    /// The peer whose unread output stops the reading from `from`: whoever gets the answers.
    fn sink(&self, from: PeerId) -> PeerId {
        from
    }

    /// Whether a further message from this peer is wanted now. What is not wanted is not read.
    fn wants(&self, from: PeerId) -> bool {
        let _ = from;
        true
    }

    /// Whether what a peer says goes to its sink byte for byte, so that nobody need look at it on
    /// the way: who runs the service may move the bytes by itself, and tell only of the ends.
    fn forwards(&self) -> bool {
        false
    }

    /// Whether a peer has ended its side, and the other direction waits for stdin alone.
    fn waits_for_input(&self) -> bool {
        false
    }

    /// What becomes of a peer when the session is stopped.
    fn farewell(&self, peer: PeerId) -> Farewell {
        let _ = peer;
        Farewell::Leave
    }

    /// Whether it sends without being asked: it is told [`Event::Drained`] whenever there is room.
    fn streams(&self) -> bool {
        false
    }

    /// Whether a peer that leaves too much unread is parted from, for nobody's reading is stopped
    /// for its sake.
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
