//! What is sent to members, in the form that each of them reads.

use std::rc::Rc;

use super::super::event::{Happening, RoomEvent};
use super::super::irc::capability::Capabilities;
use super::super::irc::show as irc_show;
use super::super::line::show;
use super::{Front, RoomClient, RoomService, State};
use crate::service::{Context, PeerId};

impl RoomService {
    /// Sends an event to members, in the form that each of them reads. A form is written once.
    pub(super) fn deliver(&self, event: &Rc<RoomEvent>, to: impl Iterator<Item = PeerId>, context: &mut Context) {
        let mut lines = Vec::new();
        let mut irc: Vec<(Capabilities, Vec<PeerId>)> = Vec::new();
        for peer in to {
            let Some(RoomClient { front: Front::Irc(client), .. }) = self.clients.get(&peer) else {
                lines.push(peer);
                continue;
            };
            let capabilities = client.capabilities.of_events();
            match irc.iter_mut().find(|(known, _)| *known == capabilities) {
                Some((_, peers)) => peers.push(peer),
                None => irc.push((capabilities, vec![peer])),
            }
        }
        if !event.what.is_unannounced() {
            context.send_to_all(lines, |out| show::event(event, out));
        }
        for (capabilities, peers) in irc {
            match &event.what {
                Happening::Crowd { moves, .. } => {
                    let crowd = irc_show::Crowd::of(moves, capabilities);
                    let (members, others): (Vec<_>, Vec<_>) = peers.into_iter().partition(|peer| crowd.has(*peer));
                    context.send_to_all(others, |out| out.extend_from_slice(crowd.for_others()));
                    for peer in members {
                        let bytes = crowd.for_member(peer);
                        if !bytes.is_empty() {
                            context.send(peer, &bytes);
                        }
                    }
                }
                _ => context.send_to_all(peers, |out| irc_show::event(event, capabilities, out)),
            }
        }
    }

    /// Answers a line that is too long. Its sender stays.
    pub(super) fn refuse_long(&mut self, peer: PeerId, context: &mut Context) {
        if self.is_irc(peer) {
            return self.irc_line(peer, None, context);
        }
        let Some(client) = self.clients.get_mut(&peer).filter(|client| client.state != State::Gone) else { return };
        let is_present = client.state == State::Present;
        if client.state == State::Arriving {
            client.state = State::Choosing;
        }
        context.send_with(peer, |out| show::notice("the line is too long: it was not sent", out));
        self.engine.charge(peer, 1, context.now());
        if is_present {
            self.pause(peer, context);
        }
    }

    /// Sends a client the reason why it is closed.
    pub(super) fn send_reason(&self, peer: PeerId, reason: &str, context: &mut Context) {
        if self.is_irc(peer) {
            context.send_with(peer, |out| irc_show::closing(reason, out));
        } else {
            context.send_with(peer, |out| show::notice(reason, out));
        }
    }
}
