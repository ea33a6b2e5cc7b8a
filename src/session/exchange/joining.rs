//! How an exchange takes in the console and connections.

use std::io;
use std::time::Instant;

use super::super::account::Pair;
use super::super::peer::{Link, Peer};
use super::Exchange;
use crate::frame::{Inbox, Role};
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::service::{Event, PeerId, Service};

impl<S: Service> Exchange<S> {
    /// Takes the console in.
    pub(in crate::session) fn add_console(&mut self, console: Console, limit: usize) {
        if self.traits.forwards {
            console.widen();
        }
        let inbox = Inbox::new(self.traits.framing, Role::Requests, limit);
        self.console = Some(Peer::new(Link::Console(Box::new(console)), inbox, Instant::now()));
        self.tell(Event::Open { peer: PeerId::Console });
        self.reactor.again(PeerId::Console);
    }

    /// Takes a connection in, and gives it its first turn.
    pub(in crate::session) fn add(&mut self, conn: Conn, inbox: Inbox) -> io::Result<PeerId> {
        self.add_as(conn, inbox, |peer| Event::Open { peer })
    }

    /// Takes in the connection that was made for a peer.
    pub(in crate::session) fn add_for(&mut self, peer: PeerId, conn: Conn, inbox: Inbox) -> io::Result<PeerId> {
        let id = self.add_as(conn, inbox, |id| Event::Linked { client: peer, server: id })?;
        let conn_of = |id: PeerId| self.conn(id).map(Conn::id);
        let (client, server) = (conn_of(peer), conn_of(id));
        if let Some(called) = self.peer_mut(id) {
            called.called_for = Some(peer);
            called.pair = client.map(Pair::Client);
            self.called += 1;
        }
        self.with(peer, |peer| peer.pair = server.map(Pair::Server));
        self.resume(peer);
        Ok(id)
    }

    fn add_as(
        &mut self,
        mut conn: Conn,
        inbox: Inbox,
        event: impl FnOnce(PeerId) -> Event<'static>,
    ) -> io::Result<PeerId> {
        let entry = self.peers.vacant_entry();
        let id = PeerId::Conn(entry.key());
        conn.register(&self.reactor, id.into())?;
        let now = Instant::now();
        entry.insert(Peer::new(Link::Conn(conn), inbox, now));
        self.tell(event(id));
        self.turn(id, now);
        Ok(id)
    }
}
