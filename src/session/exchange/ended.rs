//! A connection that has ended: who it was with, why it ended, what it came to.

use std::io;

use super::super::account::Account;
use super::Delivery;
use crate::frame::FrameError;
use crate::service::PeerId;

/// A peer that is gone.
#[derive(Debug)]
pub(in crate::session) struct Ended {
    pub(in crate::session) id: PeerId,
    pub(in crate::session) name: String,
    pub(in crate::session) why: Why,
    /// What it had sent and is no whole message.
    pub(in crate::session) unfinished: Vec<u8>,
    /// What of stdin it had not got.
    pub(in crate::session) delivery: Delivery,
    /// What its connection came to; `None` for the console.
    pub(in crate::session) account: Option<Account>,
}

/// Why a peer is gone.
#[derive(Debug)]
pub(in crate::session) enum Why {
    /// Both sides were done.
    Done,
    /// Reading failed, or the network did.
    Failed(io::Error),
    /// Writing to the console failed.
    Unwritable(io::Error),
    /// What came was not what the framing expects.
    Garbled(FrameError),
    /// Nothing came or went for too long.
    Idle,
    /// What was sent was not acknowledged in time.
    Unacknowledged,
}
