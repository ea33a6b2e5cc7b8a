//! Forwards the bytes, ends and resets of each side to the other.

use super::{Context, Event, OnShutdown, PeerId, Service, Traits};
use crate::frame::Framing;

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
    /// The traits of a relay.
    pub const TRAITS: Traits =
        Traits { framing: Framing::Raw, raw: true, answers: true, stateful: true, forwards: true, ..Traits::PLAIN };

    fn end(&self, peer: PeerId) -> Option<End> {
        let PeerId::Conn(number) = peer else { return None };
        self.ends.get(number.index()).copied().flatten()
    }

    fn pair(&mut self, peer: PeerId, partner: PeerId, is_server: bool) {
        let PeerId::Conn(number) = peer else { return };
        let number = number.index();
        if self.ends.len() <= number {
            self.ends.resize(number + 1, None);
        }
        self.ends[number] = Some(End { partner, is_server, has_ended: false });
    }

    fn end_mut(&mut self, peer: PeerId) -> Option<&mut Option<End>> {
        if let PeerId::Conn(number) = peer { self.ends.get_mut(number.index()) } else { None }
    }

    fn remove(&mut self, peer: PeerId) -> Option<End> {
        self.end_mut(peer)?.take()
    }

    /// Removes the pair, and ends the other connection with this action of the context.
    fn remove_pair(&mut self, lost: PeerId, end: fn(&mut Context, PeerId), context: &mut Context) {
        if let Some(End { partner, .. }) = self.remove(lost) {
            self.remove(partner);
            end(context, partner);
        }
    }
}

impl Service for Relay {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer: client } => context.dial(client),
            Event::Linked { client, server } => {
                self.pair(client, server, false);
                self.pair(server, client, true);
            }
            Event::Unreachable { client } => context.reset(client), // a FIN would look like an empty reply
            Event::Message { peer: from, bytes } | Event::Rest { peer: from, bytes } => {
                if let Some(End { partner, .. }) = self.end(from) {
                    context.send(partner, bytes);
                }
            }
            Event::Eof { peer: from } => {
                let Some(Some(end)) = self.end_mut(from) else { return };
                end.has_ended = true;
                let to = end.partner;
                if self.end(to).is_some_and(|end| end.has_ended) {
                    context.close(to);
                    context.close(from);
                } else {
                    context.finish(to);
                }
            }
            Event::Failed { peer, .. } => self.remove_pair(peer, Context::reset, context),
            Event::Closed { peer } => self.remove_pair(peer, Context::close, context),
            Event::TooLong { peer } | Event::Malformed { peer, .. } => context.close(peer),
            _ => {}
        }
    }

    fn sink(&self, from: PeerId) -> PeerId {
        self.end(from).map_or(from, |end| end.partner)
    }

    fn on_shutdown(&self, peer: PeerId) -> OnShutdown {
        match self.end(peer) {
            None => OnShutdown::Close,
            Some(end) if end.is_server => OnShutdown::KeepReading,
            Some(_) => OnShutdown::TreatAsEof,
        }
    }

    fn wants(&self, from: PeerId) -> bool {
        self.end(from).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Action;

    const CLIENT: PeerId = PeerId::conn(1);
    const SERVER: PeerId = PeerId::conn(2);

    fn script(relay: &mut Relay, events: Vec<Event<'_>>) -> Vec<Action> {
        let mut context = Context::default();
        for event in events {
            relay.on(event, &mut context);
        }
        context.script().into_iter().map(|(action, _)| action).collect()
    }

    #[test]
    fn half_closes_are_relayed_and_both_close_the_pair() {
        let mut relay = Relay::default();
        assert_eq!(script(&mut relay, vec![Event::Open { peer: CLIENT }]), [Action::Dial(CLIENT)]);
        assert!(!relay.wants(CLIENT), "nothing is read before there is somebody to tell it");
        let told = script(
            &mut relay,
            vec![
                Event::Linked { client: CLIENT, server: SERVER },
                Event::Message { peer: CLIENT, bytes: b"ask" },
                Event::Eof { peer: CLIENT },
                Event::Message { peer: SERVER, bytes: b"answer" },
                Event::Eof { peer: SERVER },
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
        assert_eq!(
            (relay.on_shutdown(CLIENT), relay.on_shutdown(SERVER)),
            (OnShutdown::TreatAsEof, OnShutdown::KeepReading)
        );
    }

    #[test]
    fn peer_is_closed_or_reset_with_its_partner() {
        let mut relay = Relay::default();
        assert_eq!(
            script(&mut relay, vec![Event::Open { peer: CLIENT }, Event::Unreachable { client: CLIENT }])[1],
            Action::Reset(CLIENT)
        );
        let told = script(
            &mut relay,
            vec![
                Event::Linked { client: CLIENT, server: SERVER },
                Event::Closed { peer: SERVER },
                Event::Closed { peer: CLIENT },
            ],
        );
        assert_eq!(told, [Action::Close(CLIENT)]);
        let told = script(
            &mut relay,
            vec![
                Event::Linked { client: CLIENT, server: SERVER },
                Event::Failed { peer: SERVER, why: "reset" },
                Event::Closed { peer: SERVER },
                Event::Closed { peer: CLIENT },
            ],
        );
        assert_eq!(told, [Action::Reset(CLIENT)]);
        assert!(relay.ends.iter().all(Option::is_none));
    }
}
