//! The clients of IRC: their messages, their logins, and whether they are still there.

use std::time::Duration;

use super::super::irc::client::IrcClient;
use super::super::irc::seat::{Seat, Then};
use super::super::irc::show as irc_show;
use super::{Front, RoomClient, RoomService, State};
use crate::auth::Answer;
use crate::service::{Context, PeerId, Port};

/// How long a client may take to become a member.
const REGISTRATION: Duration = Duration::from_secs(30);
/// A client that has sent nothing for this long is asked whether it is still there, and closed if it sends nothing for
/// as long again.
const QUIET: Duration = Duration::from_secs(90);

impl RoomService {
    /// A client that has connected to this port.
    pub(super) fn client_at(&mut self, peer: PeerId, port: Port) -> &mut RoomClient {
        let client = self.clients.entry(peer).or_default();
        if port == Port::Irc && !matches!(client.front, Front::Irc(_)) {
            client.front = Front::Irc(Box::default());
        }
        client
    }

    pub(super) fn is_irc(&self, peer: PeerId) -> bool {
        self.clients.get(&peer).is_some_and(|client| matches!(client.front, Front::Irc(_)))
    }

    pub(super) fn open_irc(&mut self, peer: PeerId, context: &mut Context) {
        self.wait_until(peer, Some(context.now().elapsed + REGISTRATION));
        let then = self.seat(peer, context).map(|seat| seat.admit());
        self.follow(peer, then, context);
    }

    fn seat<'a>(&'a mut self, peer: PeerId, context: &'a mut Context) -> Option<Seat<'a>> {
        let RoomClient { ip, front: Front::Irc(client), .. } = self.clients.get_mut(&peer)? else { return None };
        Some(Seat {
            engine: &mut self.engine,
            settings: &self.settings,
            context,
            effects: &mut self.effects,
            network: &mut self.network,
            policy: self.policy.as_deref(),
            peer,
            ip: *ip,
            client,
            has_paid: false,
        })
    }

    /// Handles a line of a client of IRC; `None`: it is too long.
    pub(super) fn irc_line(&mut self, peer: PeerId, line: Option<&[u8]>, context: &mut Context) {
        let Some(client) = self.clients.get_mut(&peer).filter(|client| client.state != State::Gone) else { return };
        client.heard = context.now().elapsed;
        let then = self.seat(peer, context).map(|mut seat| match line {
            Some(line) => seat.take(line),
            None => seat.refuse_long(),
        });
        self.follow(peer, then, context);
        let is_present = |client: &RoomClient| client.state == State::Present;
        if self.clients.get(&peer).is_some_and(is_present) {
            self.pause(peer, context);
        }
    }

    /// Continues the login of a client.
    pub(super) fn on_answer(&mut self, peer: PeerId, ticket: u64, answer: &Answer, context: &mut Context) {
        let awaits = |client: &IrcClient| client.awaits(ticket);
        let Some(seat) = self.seat(peer, context).filter(|seat| awaits(seat.client)) else { return };
        let mut seat = seat;
        let then = seat.on_answer(answer);
        context.flush(peer); // its next messages may be read
        self.follow(peer, Some(then), context);
    }

    fn follow(&mut self, peer: PeerId, then: Option<Then>, context: &mut Context) {
        match then {
            None | Some(Then::Stays) => {}
            Some(Then::Registered) => {
                let now = context.now().elapsed;
                self.wait_until(peer, None);
                if let Some(client) = self.clients.get_mut(&peer) {
                    client.state = State::Present;
                    client.heard = now;
                }
                self.watch_at(peer, Some(now + QUIET));
            }
            Some(Then::Leaves { text, reason }) => {
                self.send_reason(peer, &text, context);
                self.close(peer, &reason, context);
            }
        }
    }

    /// Has a client looked at again at this time, or no longer.
    pub(super) fn watch_at(&mut self, peer: PeerId, at: Option<Duration>) {
        let Some(client) = self.clients.get_mut(&peer) else { return };
        if let Some(before) = client.watched.take() {
            self.watched.remove(&(before, peer));
        }
        client.watched = at;
        self.watched.extend(at.map(|at| (at, peer)));
    }

    /// Asks the clients that have sent nothing for long whether they are still there, and closes those that have not
    /// answered.
    pub(super) fn check_watched(&mut self, context: &mut Context) {
        let now = context.now().elapsed;
        while let Some(&(at, peer)) = self.watched.first() {
            if at > now {
                return;
            }
            self.watch_at(peer, None);
            let Some(RoomClient { heard, front: Front::Irc(client), .. }) = self.clients.get_mut(&peer) else {
                continue;
            };
            let next = *heard + QUIET;
            if next > now {
                self.watch_at(peer, Some(next));
            } else if client.was_pinged {
                self.send_reason(peer, "no answer to PING", context);
                self.close(peer, b"no answer to PING", context);
            } else {
                client.was_pinged = true;
                context.send_with(peer, irc_show::ping);
                self.watch_at(peer, Some(now + QUIET));
            }
        }
    }
}
