//! The figures of a connection, for its access line and for the trial of a sweep.

use std::time::{Duration, Instant};

use super::peer::{Link, Pair, Peer};
use crate::io::conn::Conn;
use crate::peer::outbox::Proofs;
use crate::trace::ConnId;

/// The figures of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) id: ConnId,
    /// In a relay: the other connection of the same client.
    pub(super) pair: Option<Pair>,
    pub(super) duration: Duration,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Bytes written, those of a header and of a handshake included.
    pub(super) wire_out: u64,
    /// The number of messages received; `None` for a stream of bytes.
    pub(super) messages_in: Option<u64>,
    /// Whether the peer closed its side first.
    pub(super) ended_by_peer: bool,
    /// Whether this side reset the connection.
    pub(super) reset: bool,
    /// Whether the FIN of the peer was read.
    pub(super) eof: bool,
    /// With TLS: what was missing when the peer closed the connection.
    pub(super) missing: Option<Missing>,
    pub(super) sending: Sending,
}

/// What was missing when a peer closed a connection that a layer encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The peer did not close the layer before.
    Close,
    /// The peer sent nothing, and ended after our close of the layer.
    Reply,
}

/// How far the bytes for a peer have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sending {
    /// Bytes that were not written.
    pub(super) unsent: u64,
    /// What the barriers between writes have proved.
    pub(super) proofs: Proofs,
    /// Whether the last write is not known to have been read, which a barrier waits for.
    pub(super) awaiting: bool,
}

/// The totals of a listener so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) connections: u64,
    /// The number of open connections among them.
    pub(super) open: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// `None` until a connection has messages.
    pub(super) messages_in: Option<u64>,
    pub(super) failed_logins: u64,
}

impl Totals {
    /// Adds a connection. Connections of a relay to its server are not counted.
    pub(super) fn add(&mut self, account: &Account) {
        if !matches!(account.pair, Some(Pair::Client(_))) {
            self.connections += 1;
            self.bytes_in += account.bytes_in;
            self.bytes_out += account.bytes_out;
            self.add_messages(account.messages_in);
        }
    }

    /// Adds an open connection.
    pub(super) fn add_open(&mut self, account: &Account) {
        let before = self.connections;
        self.add(account);
        self.open += self.connections - before;
    }

    /// Adds the totals of another loop.
    pub(super) fn merge(&mut self, other: &Totals) {
        self.connections += other.connections;
        self.open += other.open;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.add_messages(other.messages_in);
        self.failed_logins += other.failed_logins;
    }

    fn add_messages(&mut self, messages: Option<u64>) {
        if let Some(messages) = messages {
            *self.messages_in.get_or_insert(0) += messages;
        }
    }
}

impl Account {
    /// The figures of this peer's connection so far; `None` for the console.
    pub(super) fn of(peer: &Peer, now: Instant) -> Option<Account> {
        let Link::Conn(conn) = &peer.link else { return None };
        Some(Account {
            id: conn.id(),
            pair: peer.pair,
            duration: now.saturating_duration_since(peer.opened),
            bytes_in: conn.received(),
            bytes_out: conn.written(),
            wire_out: conn.wire_written(),
            messages_in: (!conn.is_raw()).then_some(peer.received.messages),
            ended_by_peer: conn.life().is_ended_by_peer(),
            reset: conn.life().resets(),
            eof: conn.life().is_closed_by_fin(),
            missing: Missing::of(conn),
            sending: Sending { unsent: conn.life().unsent().max(conn.backlog() as u64), ..Sending::of(conn) },
        })
    }
}

impl Missing {
    /// What is missing if this connection ends now.
    pub(super) fn of(conn: &Conn) -> Option<Missing> {
        match conn.is_cut_off() {
            _ if conn.is_closed_unheard() => Some(Missing::Reply),
            true => Some(Missing::Close),
            false => None,
        }
    }
}

impl Sending {
    pub(super) fn of(conn: &Conn) -> Sending {
        Sending { unsent: conn.backlog() as u64, proofs: conn.proofs(), awaiting: conn.is_awaiting() }
    }
}
