//! What a connection came to, for the line that is printed at its end.

use std::time::{Duration, Instant};

use super::peer::{Link, Peer};
use crate::trace::ConnId;

/// What a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: ConnId,
    /// The other connection of the same client of a relay.
    pub(super) pair: Option<Pair>,
    pub(super) duration: Duration,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Messages received; `None` for a stream of bytes, which has none.
    pub(super) messages_in: Option<u64>,
    /// The peer ended its side first.
    pub(super) ended_by_peer: bool,
    /// It was closed by a reset of ours.
    pub(super) reset: bool,
}

/// The other connection of a client of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// This one is the client's, and that one goes to the server.
    Server(ConnId),
    /// This one goes to the server, and that one is the client's.
    Client(ConnId),
}

/// What the clients of a listener came to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) connections: u64,
    /// How many of them have not ended.
    pub(super) open: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// `None` as long as no connection has messages.
    pub(super) messages_in: Option<u64>,
}

impl Totals {
    /// Adds a connection. That of a relay to its server is none of a client, and not counted.
    pub(super) fn add(&mut self, account: &Account) {
        if !matches!(account.pair, Some(Pair::Client(_))) {
            self.connections += 1;
            self.bytes_in += account.bytes_in;
            self.bytes_out += account.bytes_out;
            self.add_messages(account.messages_in);
        }
    }

    /// Adds a connection that has not ended.
    pub(super) fn add_open(&mut self, account: &Account) {
        let before = self.connections;
        self.add(account);
        self.open += self.connections - before;
    }

    /// Adds those of another loop.
    pub(super) fn merge(&mut self, other: &Totals) {
        self.connections += other.connections;
        self.open += other.open;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.add_messages(other.messages_in);
    }

    fn add_messages(&mut self, messages: Option<u64>) {
        if let Some(messages) = messages {
            *self.messages_in.get_or_insert(0) += messages;
        }
    }
}

impl Account {
    /// What the connection of this peer has come to until now; the console has no account.
    pub(super) fn of(peer: &Peer, now: Instant) -> Option<Account> {
        let Link::Conn(conn) = &peer.link else { return None };
        Some(Account {
            id: conn.id(),
            pair: peer.pair,
            duration: now.saturating_duration_since(peer.opened),
            bytes_in: conn.received(),
            bytes_out: conn.written(),
            messages_in: (!conn.is_raw()).then_some(peer.heard.messages),
            ended_by_peer: conn.is_ended_by_peer(),
            reset: conn.resets(),
        })
    }
}
