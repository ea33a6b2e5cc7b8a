//! Forwards the bytes, ends and resets of each side to the other.

use super::{Action, Actions, Event, Farewell, PeerId, Service};

/// Any number of pairs of a client and its server.
#[derive(Debug, Default)]
pub struct Relay {
    /// By peer. The numbers of peers are small, and are used again: the relay looks several times for
    /// each write, which a map with a hash of its own would make half of its work.
    ends: Vec<Option<End>>,
}

/// One end of a pair.
#[derive(Clone, Copy, Debug)]
struct End {
    partner: PeerId,
    is_server: bool,
    /// The peer has closed its side.
    has_ended: bool,
}

impl Relay {
    fn end(&self, peer: PeerId) -> Option<End> {
        let PeerId::Conn(number) = peer else { return None };
        self.ends.get(number).copied().flatten()
    }

    fn pair(&mut self, peer: PeerId, partner: PeerId, is_server: bool) {
        let PeerId::Conn(number) = peer else { return };
        if self.ends.len() <= number {
            self.ends.resize(number + 1, None);
        }
        self.ends[number] = Some(End { partner, is_server, has_ended: false });
    }

    fn end_mut(&mut self, peer: PeerId) -> Option<&mut Option<End>> {
        if let PeerId::Conn(number) = peer { self.ends.get_mut(number) } else { None }
    }

    fn forget(&mut self, peer: PeerId) -> Option<End> {
        self.end_mut(peer)?.take()
    }

    /// Removes the pair, and ends the other connection with this action.
    fn part(&mut self, lost: PeerId, how: fn(PeerId) -> Action, actions: &mut Actions) {
        if let Some(End { partner, .. }) = self.forget(lost) {
            self.forget(partner);
            actions.push(how(partner));
        }
    }
}

impl Service for Relay {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Open(client) => actions.push(Action::Dial(client)),
            Event::Linked(client, server) => {
                self.pair(client, server, false);
                self.pair(server, client, true);
            }
            Event::Unreachable(client) => actions.push(Action::Reset(client)), // a FIN would look like an empty reply
            Event::Message(from, bytes) | Event::Last(from, bytes) => {
                if let Some(End { partner, .. }) = self.end(from) {
                    actions.send(partner, bytes);
                }
            }
            Event::Eof(from) => {
                let Some(Some(end)) = self.end_mut(from) else { return };
                end.has_ended = true;
                let to = end.partner;
                if self.end(to).is_some_and(|end| end.has_ended) {
                    actions.push(Action::Close(to));
                    actions.push(Action::Close(from));
                } else {
                    actions.push(Action::Finish(to));
                }
            }
            Event::Failed(peer) => self.part(peer, Action::Reset, actions),
            Event::Closed(peer) => self.part(peer, Action::Close, actions),
            Event::TooLong(peer) | Event::Malformed(peer, _) => actions.push(Action::Close(peer)),
            Event::Request(..) | Event::Expects(_) | Event::Drained(_) | Event::Moved(_) => {}
        }
    }

    fn sink(&self, from: PeerId) -> PeerId {
        self.end(from).map_or(from, |end| end.partner)
    }

    fn forwards(&self) -> bool {
        true
    }

    fn farewell(&self, peer: PeerId) -> Farewell {
        match self.end(peer) {
            None => Farewell::Leave,
            Some(end) if end.is_server => Farewell::Hear,
            Some(_) => Farewell::End,
        }
    }

    fn wants(&self, from: PeerId) -> bool {
        self.end(from).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: PeerId = PeerId::Conn(1);
    const SERVER: PeerId = PeerId::Conn(2);

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
        assert!(relay.ends.iter().all(Option::is_none));
    }
}
