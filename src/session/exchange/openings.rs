//! Connections that are not open yet: a handshake, or a header, comes before their first message. The service does not
//! know them.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use super::super::peer::{Link, Peer};
use super::super::show_session;
use super::Exchange;
use crate::config::Admission;
use crate::frame::Inbox;
use crate::io::Incoming;
use crate::io::conn::Conn;
use crate::io::report::Report;
use crate::peer::flow::READS_PER_TURN;
use crate::service::{Client, Event, PeerId, Port, Service};
use crate::value::Span;

/// The time limit for what comes before the first message of a client.
const LIMIT: Duration = Duration::from_secs(10);

/// The connections that are not open yet, and until when they must be. Most connections open at once and are never
/// here.
#[derive(Debug)]
pub(super) struct Openings {
    until: HashMap<PeerId, Instant>,
    limit: Duration,
    /// Which clients of proxies are accepted.
    admission: Admission,
    /// Prints the TLS session of the first client.
    shows_session: Option<Report>,
}

impl Default for Openings {
    fn default() -> Self {
        Openings { until: HashMap::new(), limit: LIMIT, admission: Admission::default(), shows_session: None }
    }
}

impl Openings {
    /// Whether this connection is not open yet.
    #[inline]
    pub(super) fn contains(&self, id: PeerId) -> bool {
        !self.until.is_empty() && self.until.contains_key(&id)
    }

    /// Removes a connection. Whether it was not open yet.
    pub(super) fn remove(&mut self, id: PeerId) -> bool {
        !self.until.is_empty() && self.until.remove(&id).is_some()
    }

    /// Whether the time of this connection is over, and when it will be.
    fn state(&self, id: PeerId, now: Instant) -> Option<(bool, Instant)> {
        self.until.get(&id).map(|&until| (now >= until, until))
    }
}

#[cfg(test)]
impl<S> Exchange<S> {
    /// Sets the time limit.
    pub(super) fn limit_openings(&mut self, limit: Duration) {
        self.openings.limit = limit;
    }
}

impl<S: Service> Exchange<S> {
    /// Has the clients that PROXY headers name accepted or rejected by these rules.
    pub(in crate::session) fn admit_clients_by(&mut self, admission: &Admission) {
        self.openings.admission.clone_from(admission);
    }

    /// Prints what the first client with TLS and this side agree on.
    pub(in crate::session) fn show_first_session(&mut self, report: &Report) {
        self.openings.shows_session = Some(report.clone());
    }

    fn show_session(&mut self, id: PeerId) {
        let Some(session) = self.peers.conn(id).and_then(Conn::session) else { return };
        if let Some(report) = self.openings.shows_session.take() {
            show_session(&session, &report);
        }
    }

    /// Adds the connection of a client of this port, and gives it its first turn.
    pub(in crate::session) fn add_client(&mut self, conn: Conn, inbox: Inbox, port: Port) -> io::Result<PeerId> {
        let peer = Peer { port, ..Peer::new(Link::Conn(conn), inbox, self.reactor.now()) };
        self.insert(peer, |peer| Event::Open { peer })
    }

    /// Reports a new connection to the service, now or when it is open.
    pub(super) fn begin_opening(&mut self, id: PeerId, event: Event<'_>) {
        if self.peers.conn(id).is_some_and(Conn::is_opening) {
            self.openings.until.insert(id, self.reactor.now() + self.openings.limit);
        } else {
            if matches!(event, Event::Open { .. }) {
                self.meet(id);
            }
            self.introduce(id);
            self.emit(event);
        }
    }

    /// Has the service know of a client what is known before it sends anything.
    fn introduce(&mut self, id: PeerId) {
        let peers = &self.peers;
        let port = peers.get(id).map_or(Port::Main, |peer| peer.port);
        self.hosted.service.introduce(id, &|| Client { port, ip: peers.conn(id).and_then(Conn::client_ip) });
    }

    /// Shows the service what is known of a client, if it wants that.
    fn meet(&mut self, id: PeerId) {
        if self.hosted.service.wants_evidence() {
            if let Some((port, conn)) = self.peers.get(id).and_then(|peer| Some((peer.port, peer.link.conn()?))) {
                self.hosted.service.meet(id, port, conn.evidence());
            }
        }
    }

    /// Continues the opening of a connection. False: it is not open yet, and nothing else is to be done with it.
    #[cold]
    #[inline(never)]
    pub(super) fn advance_opening(&mut self, id: PeerId) -> bool {
        let is_processing = self.peers.get(id).is_some_and(Peer::is_processing);
        if is_processing && !self.continue_opening(id) {
            self.apply();
            if self.openings.contains(id) && self.peers.get(id).is_some_and(|peer| !peer.is_processing()) {
                self.reactor.again(id); // it has failed: what it sends is discarded from the next turn on
            }
            return false;
        }
        true
    }

    /// Continues the handshake of a client that waits for its server, with the application protocol that the server
    /// has chosen.
    pub(in crate::session) fn choose(&mut self, client: PeerId, alpn: Option<&[u8]>) {
        let Some(conn) = self.peers.conn_mut(client) else { return };
        if conn.hello().is_some() {
            conn.choose(alpn);
            self.reactor.again(client);
        }
    }

    /// Continues the opening of a connection. True: it is open now, and the service knows it.
    #[cold]
    #[inline(never)]
    pub(super) fn continue_opening(&mut self, id: PeerId) -> bool {
        let now = self.reactor.now();
        let Some((is_late, until)) = self.openings.state(id, now) else { return true };
        for reads in 0..=READS_PER_TURN {
            let Some(peer) = self.peers.get_mut(id) else { return false };
            if !peer.link.is_opening() {
                peer.received.bytes = peer.link.conn().map_or(0, Conn::messages_begin);
                self.openings.remove(id);
                if self.openings.shows_session.is_some() {
                    self.show_session(id);
                }
                self.meet(id);
                self.introduce(id);
                self.emit(Event::Open { peer: id });
                return self.peers.get(id).is_some();
            }
            if reads == READS_PER_TURN {
                self.reactor.again(id);
                break;
            }
            let expects_header = peer.link.expects_header();
            match peer.link.advance_opening(&mut self.scratch, now) {
                Ok(Incoming::Undecoded) => peer.flow.note_activity(now),
                Ok(Incoming::Until(at)) => {
                    self.reactor.wake_at(id, at.min(until));
                    break;
                }
                Ok(_) => break,
                Err(error) => {
                    self.fail(id, error);
                    return false;
                }
            }
            if expects_header && !self.admits_client(id) {
                return false;
            }
            self.write_out(id);
        }
        if is_late {
            let expects_header = self.peers.get(id).is_some_and(|peer| peer.link.expects_header());
            let missing = if expects_header { "PROXY header" } else { "handshake" };
            let text = format!("no {missing} within {}", Span(self.openings.limit));
            self.fail(id, io::Error::new(io::ErrorKind::TimedOut, text));
        } else {
            self.reactor.wake_at(id, until);
        }
        false
    }

    /// Whether the client of a PROXY header may be served, as soon as the header is there; ends its connection if not.
    fn admits_client(&mut self, id: PeerId) -> bool {
        let Some(conn) = self.peers.conn(id).filter(|conn| !conn.expects_header()) else { return true };
        let Some(why) = self.openings.admission.rejects_client(conn.client_ip()) else { return true };
        self.fail(id, io::Error::new(io::ErrorKind::PermissionDenied, format!("rejected ({why})")));
        false
    }

    /// Reads for the handshake of a layer, whether or not the service wants data of the peer: what is queued for the
    /// peer waits for it. False: nothing else is to be read in this turn.
    #[cold]
    #[inline(never)]
    pub(super) fn advance_handshake(&mut self, id: PeerId, now: Instant) -> bool {
        for _ in 0..READS_PER_TURN {
            let Some(peer) = self.peers.get_mut(id) else { return false };
            match peer.link.advance_handshake(&mut self.scratch, now) {
                Ok(Incoming::Undecoded) => peer.flow.note_activity(now),
                Ok(_) => return true, // it is over, or a read finds the same
                Err(error) => {
                    self.fail(id, error);
                    return false;
                }
            }
        }
        self.reactor.again(id);
        false
    }
}
