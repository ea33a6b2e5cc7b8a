//! Everybody hears what anybody says: each line goes to all the others.

use std::collections::BTreeSet;

use super::{Action, Actions, Event, PeerId, Service};

/// A room, and who is in it.
#[derive(Debug, Default)]
pub struct Chat {
    present: BTreeSet<PeerId>,
}

impl Chat {
    fn tell_others(&self, from: PeerId, line: &[u8], actions: &mut Actions) {
        for &to in self.present.iter().filter(|&&to| to != from) {
            actions.send_with(to, |out| {
                out.extend_from_slice(line);
                out.push(b'\n');
            });
        }
    }
}

impl Service for Chat {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Open(peer) => {
                self.present.insert(peer);
            }
            Event::Message(peer, line) | Event::Last(peer, line) => self.tell_others(peer, line, actions),
            Event::Eof(peer) | Event::TooLong(peer) => actions.push(Action::Close(peer)),
            Event::Closed(peer) => {
                self.present.remove(&peer);
            }
            _ => {}
        }
    }

    fn sheds(&self) -> bool {
        true // whoever does not read must not stop the others from talking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_to_all_the_others() {
        let (mut chat, mut actions) = (Chat::default(), Actions::default());
        for event in [
            Event::Open(PeerId::Conn(1)),
            Event::Open(PeerId::Conn(2)),
            Event::Open(PeerId::Conn(3)),
            Event::Message(PeerId::Conn(2), b"hi"),
            Event::Closed(PeerId::Conn(1)),
        ] {
            chat.on(event, &mut actions);
        }
        chat.on(Event::Message(PeerId::Conn(3), b"yo"), &mut actions);
        let told: Vec<_> = actions.script();
        let send = |to, text: &str| (Action::Send(PeerId::Conn(to), 3), format!("{text}\n"));
        assert_eq!(told, [send(1, "hi"), send(3, "hi"), send(2, "yo")]);
    }
}
