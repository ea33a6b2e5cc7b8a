//! The traits of a service: what holds for each of its connections and events, known before the first one.

use crate::frame::{Framing, Inbox, Role};

/// What holds for a service at all times. Each service states every fact as a constant in its own file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Traits {
    /// How the input is split before the service gets it: what clients send, or stdin if there are none.
    pub framing: Framing,
    /// Connections carry a stream of bytes, so the plan cuts at offsets of the stream, not of a message.
    pub raw: bool,
    /// Clients wait for what is sent, so Nagle's algorithm is off unless an option asks for it.
    pub answers: bool,
    /// The service writes to its peers at all.
    pub writes: bool,
    /// Connections share something, so one event loop serves all of them: `--threads` makes a service for
    /// each loop, and clients of different loops would not see each other.
    pub stateful: bool,
    /// How many clients are served.
    pub clients: Clients,
    /// The bytes of a peer go to its sink unchanged. The engine may then move them within the kernel and report
    /// only the ends.
    pub forwards: bool,
    /// The service sends without input: it gets [`Event::Drained`](super::Event::Drained) whenever there is room.
    pub streams: bool,
    /// A peer that leaves too much unread is dropped, because reading from the others does not stop for it.
    pub sheds: bool,
    /// A line that is too long is discarded, and the peer stays: after [`Event::TooLong`](super::Event::TooLong) the
    /// service gets the next lines.
    pub discards: bool,
}

impl Traits {
    /// Any number of clients send lines, and each may be served by another loop. A service names what is different.
    pub(crate) const PLAIN: Traits = Traits {
        framing: Framing::Lines,
        raw: false,
        answers: false,
        writes: true,
        stateful: false,
        clients: Clients::Many,
        forwards: false,
        streams: false,
        sheds: false,
        discards: false,
    };

    /// The inbox of a client whose messages have at most this number of bytes.
    #[must_use]
    pub fn inbox(&self, limit: usize) -> Inbox {
        let inbox = Inbox::new(self.framing, Role::Requests, limit);
        if self.discards { inbox.discarding_long_lines() } else { inbox }
    }
}

/// How many clients are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Any number at once.
    Many,
    /// One after the other, because they cannot share stdin.
    InTurn,
    /// One; then the run ends.
    One,
}
