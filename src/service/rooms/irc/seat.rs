//! A client of IRC that has sent a message, and everything that the answer needs.

use std::rc::Rc;

use super::super::asking;
use super::super::engine::Engine;
use super::super::event::{Effect, Refusal, Request, RoomEvent};
use super::super::settings::Settings;
use super::capability::Capability;
use super::client::{IrcClient, Network, Stage};
use super::message::Outgoing;
use super::show::SERVER;
use crate::auth::Policy;
use crate::service::{Context, PeerId};

/// A client of IRC that has sent a message, and everything that the answer needs.
pub(in super::super) struct Seat<'a> {
    pub(in super::super) engine: &'a mut Engine,
    pub(in super::super) settings: &'a Settings,
    pub(in super::super) context: &'a mut Context,
    pub(in super::super) effects: &'a mut Vec<Effect>,
    pub(in super::super) network: &'a mut Network,
    pub(in super::super) policy: Option<&'a Policy>,
    pub(in super::super) peer: PeerId,
    /// The address that bans apply to.
    pub(in super::super) ip: Option<std::net::IpAddr>,
    pub(in super::super) client: &'a mut IrcClient,
    /// The message has taken tokens of the member.
    pub(in super::super) has_paid: bool,
}

/// What becomes of a client after its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Then {
    /// It stays what it is.
    Stays,
    /// It is a member now.
    Registered,
    /// It is to be closed: with this text for it, and this reason for others.
    Leaves { text: String, reason: Vec<u8> },
}

impl Then {
    /// Closes a client that is no member, for this reason.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Then::Leaves { text: text.into(), reason: Vec::new() }
    }
}

impl Seat<'_> {
    pub(super) fn ask(&mut self, request: Request<'_>) -> Result<Option<Rc<RoomEvent>>, Refusal> {
        self.has_paid = true;
        asking::ask(self.engine, self.settings, self.context, self.effects, self.peer, request)
    }

    /// Takes tokens for an answer with this number of lines.
    pub(super) fn charge(&mut self, lines: usize) {
        const LINES_OF_TOKEN: usize = 100;
        self.has_paid = true;
        let tokens = 1 + u32::try_from(lines / LINES_OF_TOKEN).unwrap_or(u32::MAX - 1);
        self.engine.charge(self.peer, tokens, self.context.now());
    }

    /// The name of the client; `*` before it has one.
    pub(super) fn nick(&self) -> String {
        let member = self.engine.member(self.peer).map(|member| member.name.to_string());
        let asked = || match &self.client.stage {
            Stage::Registering(registration) => registration.nick.as_deref().map(super::text::word),
            Stage::Registered => None,
        };
        member.or_else(asked).unwrap_or_else(|| "*".to_owned())
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.client.capabilities.has(capability)
    }

    /// Sends a message of the server.
    pub(super) fn send(&mut self, command: &str, params: &[&str], text: Option<&[u8]>) {
        let message = Outgoing { tags: "", source: SERVER, command, params, text };
        self.context.send_with(self.peer, |out| message.write(out));
    }

    /// Sends an answer with a number: the name of the client comes first.
    pub(super) fn reply(&mut self, number: &str, params: &[&str], text: &str) {
        self.reply_with(number, params, Some(text.as_bytes()));
    }

    /// Sends an answer with a number, and a text of a member.
    pub(super) fn reply_with(&mut self, number: &str, params: &[&str], text: Option<&[u8]>) {
        let nick = self.nick();
        let params: Vec<_> = std::iter::once(nick.as_str()).chain(params.iter().copied()).collect();
        self.send(number, &params, text);
    }
}
