//! A connection that has ended: who it was with, why it ended, what it came to.

use super::super::account::Account;
use super::Delivery;
use crate::peer::life::CloseReason;
use crate::service::PeerId;

/// A peer that is gone.
#[derive(Debug)]
pub(in crate::session) struct Ended {
    pub(in crate::session) id: PeerId,
    pub(in crate::session) name: String,
    pub(in crate::session) reason: CloseReason,
    /// The shutdown has cut it off.
    pub(in crate::session) aborted: bool,
    /// What it had sent and is no whole message.
    pub(in crate::session) unfinished: Vec<u8>,
    /// What of stdin it had not got.
    pub(in crate::session) delivery: Delivery,
    /// What its connection came to; `None` for the console.
    pub(in crate::session) account: Option<Account>,
}
