//! A client of IRC: what the server keeps of it besides its membership.

use std::collections::HashMap;

use super::capability::Capabilities;
use super::login::Exchange;
use crate::auth::Evidence;
use crate::service::PeerId;

/// A client of IRC.
#[derive(Debug, Default)]
pub(in super::super) struct IrcClient {
    /// What it has agreed on.
    pub(in super::super) capabilities: Capabilities,
    pub(super) stage: Stage,
    /// What its connection shows.
    pub(in super::super) evidence: Evidence,
    pub(super) login: Exchange,
    /// It was sent a `PING` and has sent nothing since.
    pub(in super::super) was_pinged: bool,
}

/// How far a client has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// It has not given its name, or has not logged in.
    Registering(Registration),
    /// It is a member.
    Registered,
}

/// What a client has sent before it is a member.
#[derive(Debug, Default)]
pub(super) struct Registration {
    /// The name that it asks for.
    pub(super) nick: Option<Vec<u8>>,
    /// It has sent `USER`.
    pub(super) has_user: bool,
    /// Capabilities are being negotiated: it ends that.
    pub(super) is_negotiating: bool,
    /// The number of its messages.
    pub(super) messages: u32,
}

impl Default for Stage {
    fn default() -> Self {
        Stage::Registering(Registration::default())
    }
}

impl IrcClient {
    /// Whether it is a member, or was one.
    pub(in super::super) fn is_registered(&self) -> bool {
        matches!(self.stage, Stage::Registered)
    }

    /// Whether it waits for the result of this work.
    pub(in super::super) fn awaits(&self, ticket: u64) -> bool {
        self.login.ticket == Some(ticket)
    }

    /// Whether it waits for the result of any work.
    pub(in super::super) fn is_waiting(&self) -> bool {
        self.login.ticket.is_some()
    }
}

/// What all clients of IRC share.
#[derive(Debug, Default)]
pub(in super::super) struct Network {
    /// The texts that clients have given as their real names.
    pub(super) real_names: HashMap<PeerId, Box<[u8]>>,
    /// The number of works so far.
    pub(super) tickets: u64,
    /// The number of batches so far.
    pub(super) batches: u64,
}

impl Network {
    /// Forgets a client.
    pub(in super::super) fn forget(&mut self, peer: PeerId) {
        self.real_names.remove(&peer);
    }
}
