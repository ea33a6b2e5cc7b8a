//! A peer that has ended: its name, the reason, the figures.

use super::super::account::Account;
use super::super::peer::{Link, Peer};
use super::Delivery;
use crate::io::reactor::Reactor;
use crate::peer::life::CloseReason;
use crate::service::PeerId;

/// A peer that has ended.
#[derive(Debug)]
pub(in crate::session) struct Ended {
    pub(in crate::session) id: PeerId,
    pub(in crate::session) name: String,
    /// The name in its certificate, if it is a client that has one.
    pub(in crate::session) certified: Option<String>,
    pub(in crate::session) reason: CloseReason,
    /// The connection failed, or was reset because it was idle: its partner in a relay is reset too.
    pub(in crate::session) failed: bool,
    /// The shutdown has aborted it.
    pub(in crate::session) aborted: bool,
    /// The received bytes that are no complete message.
    pub(in crate::session) unfinished: Vec<u8>,
    /// What of stdin had not reached it.
    pub(in crate::session) delivery: Delivery,
    /// The figures of its connection; `None` for the console.
    pub(in crate::session) account: Option<Account>,
}

impl Ended {
    /// Closes a peer. `reason` is why, for the console; a connection knows by itself.
    pub(super) fn close(id: PeerId, peer: Peer, reason: CloseReason, delivery: Delivery, reactor: &Reactor) -> Self {
        let account = Account::of(&peer, reactor.now());
        let Link::Conn(conn) = peer.link else {
            let (name, unfinished) = ("console".to_owned(), Vec::new());
            let certified = None;
            return Ended { id, name, certified, reason, failed: false, aborted: false, unfinished, delivery, account };
        };
        let (name, certified) = (conn.peer().to_owned(), conn.client_name());
        let (aborted, resets) = (conn.life().is_aborted_by_shutdown(), conn.life().resets());
        let reason = match (conn.close(reactor), peer.inbox.failure()) {
            (CloseReason::Done, Some(error)) => CloseReason::Garbled(error.clone()),
            (reason, _) => reason,
        };
        let failed = match reason {
            CloseReason::Failed(_) => true,
            CloseReason::Idle => resets,
            _ => false,
        };
        let unfinished = peer.inbox.into_held();
        Ended { id, name, certified, reason, failed, aborted, unfinished, delivery, account }
    }
}
