//! The peers of an exchange: the connections by their numbers, and the console.

use slab::Slab;

use super::super::peer::{Link, Peer};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::service::PeerId;

/// The peers of an exchange.
#[derive(Debug, Default)]
pub(in crate::session) struct Peers {
    conns: Slab<Peer>,
    console: Option<Peer>,
    /// The number of connections that were made for clients of a relay.
    made: usize,
}

impl Peers {
    /// The number of connections.
    pub(in crate::session) fn connections(&self) -> usize {
        self.conns.len()
    }

    /// The number of connections that were accepted, or made by `connect`.
    pub(in crate::session) fn clients(&self) -> usize {
        self.conns.len() - self.made
    }

    /// The number that the next connection will have.
    pub(super) fn next_id(&self) -> PeerId {
        PeerId::conn(self.conns.vacant_key())
    }

    /// Adds a connection.
    pub(super) fn insert(&mut self, peer: Peer) -> PeerId {
        self.made += usize::from(peer.is_made);
        PeerId::conn(self.conns.insert(peer))
    }

    /// Adds the console.
    pub(super) fn insert_console(&mut self, peer: Peer) {
        self.console = Some(peer);
    }

    /// Removes a peer.
    pub(super) fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let PeerId::Conn(number) = id else { return self.console.take() };
        let peer = self.conns.try_remove(number.index())?;
        self.made -= usize::from(peer.is_made);
        Some(peer)
    }

    /// A peer.
    #[inline]
    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        if let PeerId::Conn(number) = id { self.conns.get(number.index()) } else { self.console.as_ref() }
    }

    /// A peer, mutable.
    #[inline]
    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        if let PeerId::Conn(number) = id { self.conns.get_mut(number.index()) } else { self.console.as_mut() }
    }

    /// The connection of a peer; `None` for the console.
    pub(in crate::session) fn conn(&self, id: PeerId) -> Option<&Conn> {
        self.get(id)?.link.conn()
    }

    /// The connection of a peer, mutable.
    pub(in crate::session) fn conn_mut(&mut self, id: PeerId) -> Option<&mut Conn> {
        if let Link::Conn(conn) = &mut self.get_mut(id)?.link { Some(conn) } else { None }
    }

    /// The console.
    pub(in crate::session) fn console(&self) -> Option<&Console> {
        if let Link::Console(console) = &self.console.as_ref()?.link { Some(console) } else { None }
    }

    /// The console, mutable.
    pub(in crate::session) fn console_mut(&mut self) -> Option<&mut Console> {
        if let Link::Console(console) = &mut self.console.as_mut()?.link { Some(console) } else { None }
    }

    /// From now on closing this connection resets it, unless it comes to an orderly end.
    pub(in crate::session) fn arm(&mut self, id: PeerId) {
        if let Some(conn) = self.conn_mut(id) {
            conn.arm();
        }
    }

    /// Whether stdout has lost its reader.
    pub(in crate::session) fn is_console_closed(&self) -> bool {
        self.console().is_some_and(|console| console.closed)
    }

    /// What was received from a peer and is no complete message yet.
    pub(in crate::session) fn unfinished(&self, id: PeerId) -> &[u8] {
        self.get(id).map_or(&[], |peer| peer.inbox.held())
    }

    /// Removes what is no complete message, because no more messages are expected.
    pub(in crate::session) fn take_unfinished(&mut self, id: PeerId) -> Vec<u8> {
        let bytes = || Inbox::new(Framing::Raw, Role::Responses, 0);
        let inbox = self.get_mut(id).map(|peer| std::mem::replace(&mut peer.inbox, bytes()));
        inbox.map(Inbox::into_held).unwrap_or_default()
    }

    /// Bytes queued for a peer.
    #[inline]
    pub(in crate::session) fn backlog(&self, id: PeerId) -> usize {
        self.get(id).map_or(0, |peer| peer.link.backlog())
    }

    /// Bytes received from stdin.
    pub(in crate::session) fn read_from_console(&self) -> u64 {
        self.console.as_ref().map_or(0, |console| console.received.bytes)
    }

    /// The numbers of all connections.
    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.conns.iter().map(|(number, _)| PeerId::conn(number)).collect()
    }

    /// All connections.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.conns.iter().map(|(_, peer)| peer)
    }
}
