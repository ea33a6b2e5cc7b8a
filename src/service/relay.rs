//! Forwards the bytes, ends and resets of each side to the other.

use std::collections::{HashMap, HashSet};

use super::{Action, Actions, Event, Farewell, PeerId, Service};

/// Any number of pairs of a client and its server.
#[derive(Debug, Default)]
pub struct Relay {
    partners: HashMap<PeerId, PeerId>,
    ended: HashMap<PeerId, bool>,
    servers: HashSet<PeerId>,
}

impl Relay {
    fn partner(&self, peer: PeerId) -> Option<PeerId> {
        self.partners.get(&peer).copied()
    }

    /// Removes the pair, and ends the other connection with this action.
    fn part(&mut self, lost: PeerId, how: fn(PeerId) -> Action, actions: &mut Actions) {
        if let Some(other) = self.partners.remove(&lost) {
            self.partners.remove(&other);
            actions.push(how(other));
        }
    }
}

impl Service for Relay {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Open(client) => actions.push(Action::Dial(client)),
            Event::Linked(client, server) => {
                self.partners.extend([(client, server), (server, client)]);
                self.ended.extend([(client, false), (server, false)]);
                self.servers.insert(server);
            }
            Event::Unreachable(client) => actions.push(Action::Reset(client)), // a FIN would look like an empty reply
            Event::Message(from, bytes) | Event::Last(from, bytes) => {
                if let Some(to) = self.partner(from) {
                    actions.send(to, bytes);
                }
            }
            Event::Eof(from) => {
                self.ended.insert(from, true);
                let Some(to) = self.partner(from) else { return };
                if self.ended.get(&to) == Some(&true) {
                    actions.push(Action::Close(to));
                    actions.push(Action::Close(from));
                } else {
                    actions.push(Action::Finish(to));
                }
            }
            Event::Failed(peer) => self.part(peer, Action::Reset, actions),
            Event::Closed(peer) => {
                self.ended.remove(&peer);
                self.servers.remove(&peer);
                self.part(peer, Action::Close, actions);
            }
            Event::TooLong(peer) | Event::Malformed(peer, _) => actions.push(Action::Close(peer)),
            Event::Request(..) | Event::Expects(_) | Event::Drained(_) | Event::Moved(_) => {}
        }
    }

    fn sink(&self, from: PeerId) -> PeerId {
        self.partner(from).unwrap_or(from)
    }

    fn forwards(&self) -> bool {
        true
    }

    fn farewell(&self, peer: PeerId) -> Farewell {
        match self.partner(peer) {
            None => Farewell::Leave,
            Some(_) if self.servers.contains(&peer) => Farewell::Hear,
            Some(_) => Farewell::End,
        }
    }

    fn wants(&self, from: PeerId) -> bool {
        self.partners.contains_key(&from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: PeerId = 1;
    const SERVER: PeerId = 2;

    fn script(relay: &mut Relay, events: Vec<Event<'_>>) -> Vec<Action> {
        let mut actions = Actions::default();
        for event in events {
            relay.on(event, &mut actions);
        }
        actions.script().into_iter().map(|(action, _)| action).collect()
    }

    #[test]
    fn each_end_is_passed_on_and_the_pair_parts_after_both() {
        let mut relay = Relay::default();
        assert_eq!(script(&mut relay, vec![Event::Open(CLIENT)]), [Action::Dial(CLIENT)]);
        assert!(!relay.wants(CLIENT), "nothing is read before there is somebody to tell it");
        let told = script(
            &mut relay,
            vec![
                Event::Linked(CLIENT, SERVER),
                Event::Message(CLIENT, b"ask"),
                Event::Eof(CLIENT),
                Event::Message(SERVER, b"answer"),
                Event::Eof(SERVER),
            ],
        );
        assert_eq!(
            told,
            [
                Action::Send(SERVER, 3),
                Action::Finish(SERVER),
                Action::Send(CLIENT, 6),
                Action::Close(CLIENT),
                Action::Close(SERVER),
            ]
        );
        assert_eq!((relay.sink(CLIENT), relay.sink(SERVER)), (SERVER, CLIENT));
        assert_eq!((relay.farewell(CLIENT), relay.farewell(SERVER)), (Farewell::End, Farewell::Hear));
    }

    #[test]
    fn who_loses_its_partner_is_parted_from() {
        let mut relay = Relay::default();
        assert_eq!(script(&mut relay, vec![Event::Open(CLIENT), Event::Unreachable(CLIENT)])[1], Action::Reset(CLIENT));
        let told =
            script(&mut relay, vec![Event::Linked(CLIENT, SERVER), Event::Closed(SERVER), Event::Closed(CLIENT)]);
        assert_eq!(told, [Action::Close(CLIENT)]);
        let told = script(
            &mut relay,
            vec![Event::Linked(CLIENT, SERVER), Event::Failed(SERVER), Event::Closed(SERVER), Event::Closed(CLIENT)],
        );
        assert_eq!(told, [Action::Reset(CLIENT)]);
        assert!(relay.partners.is_empty() && relay.ended.is_empty() && relay.servers.is_empty());
    }
}
