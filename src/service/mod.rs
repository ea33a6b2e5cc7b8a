//! Services: functions of events with a context, without sockets, clocks or threads.

pub mod chat;
pub mod chat_client;
mod context;
pub mod filter;
pub mod gate;
mod json_reply;
pub mod pipe;
pub mod probe;
mod registry;
pub mod relay;
pub mod rooms;
pub mod secret;
pub mod stand_in;
pub mod standard;
mod store;
pub mod talk;
mod traits;
pub mod wire;

pub use context::{Action, Batch, Context, Ordered};
pub use registry::{Entry, ServiceKind};
pub use secret::Bug;
pub use store::{NoStore, Store};
pub use traits::{Clients, Traits};

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;

use crate::auth::{Answer, Evidence};
use crate::frame::{FrameError, Message, ResponseMode};

/// A peer of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerId {
    /// This program's stdin and stdout.
    Console,
    /// A connection, by its number; the next connection has the number of one that has closed.
    Conn(ConnNumber),
}

/// The number of a connection, from 0. It is kept as one more, so that a [`PeerId`] takes one word: one is pushed for
/// each reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnNumber(NonZeroUsize);

impl ConnNumber {
    /// This number.
    #[must_use]
    pub const fn new(number: usize) -> Self {
        ConnNumber(NonZeroUsize::MIN.saturating_add(number))
    }

    /// The number, to be used as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() - 1
    }
}

impl fmt::Debug for ConnNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.index().fmt(f)
    }
}

impl PeerId {
    /// The connection with this number.
    #[must_use]
    pub const fn conn(number: usize) -> Self {
        PeerId::Conn(ConnNumber::new(number))
    }
}

/// The listening address that a client has connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Port {
    /// The one of every listener.
    #[default]
    Main,
    /// The one for IRC (`--irc`).
    Irc,
}

impl Port {
    /// The largest length of a message there, if it is to have no more than this number of bytes.
    #[must_use]
    pub fn limit(self, most: usize) -> usize {
        match self {
            Port::Main => most,
            Port::Irc => most.min(rooms::LONGEST_OF_IRC),
        }
    }
}

/// What is known of a client before it sends anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The address that it has connected to.
    pub port: Port,
    /// Its address: the one in the PROXY header, if there is one. `None`: it has none, as on unix sockets.
    pub ip: Option<IpAddr>,
}

/// An event. The events of one peer are in order: `Open`, then messages, then `Eof` or `Closed`, and nothing
/// after `Closed`.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are, and each variant explains its own")]
pub enum Event<'a> {
    /// The peer is connected.
    Open { peer: PeerId },
    /// A complete message, without its framing; or a run of bytes, if the framing is raw.
    Message { peer: PeerId, bytes: &'a [u8] },
    /// A complete message that says how to reply: a request of HTTP.
    Request { peer: PeerId, body: &'a [u8], mode: ResponseMode },
    /// The connection of [`Context::dial`] was made: `server` is the new peer.
    Linked { client: PeerId, server: PeerId },
    /// The connection of [`Context::dial`] for this client failed.
    Unreachable { client: PeerId },
    /// The unterminated rest when the peer half-closed.
    Rest { peer: PeerId, bytes: &'a [u8] },
    /// An incomplete message waits for `100 Continue`: a request of HTTP.
    Expects { peer: PeerId },
    /// A message was longer than the limit; nothing more is read from this peer, except as [`Traits::discards`] says.
    TooLong { peer: PeerId },
    /// The bytes are not a message of the framing, or an incomplete one; nothing more is read from this peer.
    /// Unless the service closes it now, it is dropped.
    Malformed { peer: PeerId, error: &'a FrameError },
    /// The peer half-closed: there are no more messages. It may still read.
    Eof { peer: PeerId },
    /// Everything sent to this peer was passed to the kernel. For the console, this is reported when a peer
    /// whose bytes go there has ended.
    Drained { peer: PeerId },
    /// Bytes of this peer were moved to its sink within the kernel: see [`Traits::forwards`].
    Moved { peer: PeerId },
    /// The connection failed: it was reset, the network failed, or the protocol that encodes its bytes. `Closed`
    /// follows.
    Failed { peer: PeerId, why: &'a str },
    /// The peer has left too much unread, and is closed: see [`Traits::sheds`]. `Closed` follows.
    Overrun { peer: PeerId },
    /// The connection is closed.
    Closed { peer: PeerId },
    /// The work of [`Context::compute`] is done.
    Computed { peer: PeerId, ticket: u64, answer: &'a Answer },
    /// The time of [`Context::timer`] is over.
    Timer { id: u64 },
}

impl<'a> Event<'a> {
    /// The event of a message.
    #[inline]
    #[must_use]
    pub fn of(peer: PeerId, message: &'a Message<'a>) -> Self {
        match message.mode {
            Some(mode) => Event::Request { peer, body: &message.body, mode },
            None => Event::Message { peer, bytes: &message.body },
        }
    }
}

/// What to do with a peer at shutdown, after its received bytes were processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnShutdown {
    /// Close it: it has its replies.
    Close,
    /// Close it now: it has sent more than it may, and the rest is not answered.
    CloseUnread,
    /// Close it with a reset: data is missing.
    Abort,
    /// Treat it as ended: its bytes go to another peer, which still sends replies.
    TreatAsEof,
    /// Continue reading until it ends: another peer waits for its bytes.
    KeepReading,
}

/// A function of events: it acts through its context. What holds at all times is in its [`Traits`]; the methods
/// answer what depends on the moment.
pub trait Service {
    /// Begins, before the first event.
    fn begin(&mut self, context: &mut Context) {
        let _ = context;
    }

    /// Handles one event.
    fn on(&mut self, event: Event<'_>, context: &mut Context);

    /// May ask what is known of a client whose [`Event::Open`] follows. Most services do not need the answer, which
    /// takes system calls.
    fn introduce(&mut self, peer: PeerId, client: &dyn Fn() -> Client) {
        let _ = (peer, client);
    }

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

    /// Whether a peer has closed its side, and only stdin has not ended.
    fn waits_for_input(&self) -> bool {
        false
    }

    /// What to do with a peer at shutdown.
    fn on_shutdown(&self, peer: PeerId) -> OnShutdown {
        let _ = peer;
        OnShutdown::Close
    }

    /// Whether [`meet`](Self::meet) is to be called.
    fn wants_evidence(&self) -> bool {
        false
    }

    /// Notes what a connection to this port shows of its client, right before its [`Open`](Event::Open).
    fn meet(&mut self, peer: PeerId, port: Port, evidence: Evidence) {
        let _ = (peer, port, evidence);
    }

    /// Whether this message of a peer is part of a login: no record of the run has it.
    fn hides(&self, peer: PeerId, message: &[u8]) -> bool {
        let _ = (peer, message);
        false
    }

    /// The rooms, in the order of their names. Most services have none.
    fn rooms(&self) -> Vec<RoomSize> {
        Vec::new()
    }
}

/// A room, and how many are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSize {
    /// Its name.
    pub name: String,
    /// The number of its members.
    pub members: usize,
}

impl<S: Service + ?Sized> Service for Box<S> {
    fn begin(&mut self, context: &mut Context) {
        (**self).begin(context);
    }

    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        (**self).on(event, context);
    }

    fn introduce(&mut self, peer: PeerId, client: &dyn Fn() -> Client) {
        (**self).introduce(peer, client);
    }

    fn sink(&self, from: PeerId) -> PeerId {
        (**self).sink(from)
    }

    fn wants(&self, from: PeerId) -> bool {
        (**self).wants(from)
    }

    fn waits_for_input(&self) -> bool {
        (**self).waits_for_input()
    }

    fn on_shutdown(&self, peer: PeerId) -> OnShutdown {
        (**self).on_shutdown(peer)
    }

    fn wants_evidence(&self) -> bool {
        (**self).wants_evidence()
    }

    fn meet(&mut self, peer: PeerId, port: Port, evidence: Evidence) {
        (**self).meet(peer, port, evidence);
    }

    fn hides(&self, peer: PeerId, message: &[u8]) -> bool {
        (**self).hides(peer, message)
    }

    fn rooms(&self) -> Vec<RoomSize> {
        (**self).rooms()
    }
}

#[cfg(test)]
mod meeting;
