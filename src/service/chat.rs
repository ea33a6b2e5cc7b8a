//! A chat room: each line goes to all other clients.

use std::collections::BTreeSet;

use super::{Context, Entry, Event, PeerId, Service, Traits};
use crate::value::Word;

/// A room, and who is in it.
#[derive(Debug, Default)]
pub struct Chat {
    present: BTreeSet<PeerId>,
}

impl Chat {
    /// In the registry.
    pub const ENTRY: Entry = Entry {
        word: Word::new("chat", "Send each line to all other clients"),
        traits: Self::TRAITS,
        new: || Box::new(Chat::default()),
    };

    const TRAITS: Traits = Traits {
        answers: true,
        stateful: true,
        sheds: true, // a client that does not read must not stop the others
        ..Traits::PLAIN
    };

    fn tell_others(&self, from: PeerId, line: &[u8], context: &mut Context) {
        for &to in self.present.iter().filter(|&&to| to != from) {
            context.send_with(to, |out| {
                out.extend_from_slice(line);
                out.push(b'\n');
            });
        }
    }
}

impl Service for Chat {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => {
                self.present.insert(peer);
            }
            Event::Message { peer, bytes: line } | Event::Rest { peer, bytes: line } => {
                self.tell_others(peer, line, context);
            }
            Event::Eof { peer } | Event::TooLong { peer } => context.close(peer),
            Event::Closed { peer } => {
                self.present.remove(&peer);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Action;

    #[test]
    fn line_is_sent_to_all_other_clients() {
        let (mut chat, mut context) = (Chat::default(), Context::default());
        for event in [
            Event::Open { peer: PeerId::conn(1) },
            Event::Open { peer: PeerId::conn(2) },
            Event::Open { peer: PeerId::conn(3) },
            Event::Message { peer: PeerId::conn(2), bytes: b"hi" },
            Event::Closed { peer: PeerId::conn(1) },
        ] {
            chat.on(event, &mut context);
        }
        chat.on(Event::Message { peer: PeerId::conn(3), bytes: b"yo" }, &mut context);
        let told: Vec<_> = context.script();
        let send = |to, text: &str| (Action::Send(PeerId::conn(to), 3), format!("{text}\n"));
        assert_eq!(told, [send(1, "hi"), send(3, "hi"), send(2, "yo")]);
    }
}
