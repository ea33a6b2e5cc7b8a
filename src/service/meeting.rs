//! A service of the tests: a chat with a timer and a journal. It shows what a service is: this file and one line
//! in the registry.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Context, Entry, Event, PeerId, Service, Traits};
use crate::value::Word;

/// The timer that announces how many clients are present.
const ANNOUNCEMENT: u64 = 1;
const INTERVAL: Duration = Duration::from_millis(20);

/// Clients that see each other's lines, and from time to time how many they are. Each line goes to the journal.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    present: BTreeSet<PeerId>,
}

impl Meeting {
    pub(crate) const ENTRY: Entry = Entry {
        word: Word::new("meeting", "Send each line to all other clients, and keep a journal"),
        traits: Traits { answers: true, stateful: true, sheds: true, ..Traits::PLAIN },
        new: || Box::new(Meeting::default()),
    };

    fn announce(&self, context: &mut Context) {
        for &peer in &self.present {
            context.send(peer, format!("{} present\n", self.present.len()).as_bytes());
        }
    }
}

impl Service for Meeting {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => {
                if self.present.is_empty() {
                    context.timer(ANNOUNCEMENT, INTERVAL);
                }
                self.present.insert(peer);
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } => {
                let line = [bytes, b"\n"].concat();
                context.store(&line);
                for &other in self.present.iter().filter(|&&other| other != peer) {
                    context.send(other, &line);
                }
            }
            Event::Timer { id: ANNOUNCEMENT } => {
                self.announce(context);
                context.timer(ANNOUNCEMENT, INTERVAL);
            }
            Event::Eof { peer } | Event::TooLong { peer } => context.close(peer),
            Event::Closed { peer } => {
                self.present.remove(&peer);
                if self.present.is_empty() {
                    context.cancel_timer(ANNOUNCEMENT);
                }
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
    fn lines_are_stored_and_timer_runs_while_clients_exist() {
        let (mut meeting, mut context) = (Meeting::default(), Context::default());
        let (one, two) = (PeerId::conn(1), PeerId::conn(2));
        let mut script = |event| {
            meeting.on(event, &mut context);
            context.script()
        };
        let set =
            || (Action::Timer { id: ANNOUNCEMENT, nanos: u64::try_from(INTERVAL.as_nanos()).unwrap() }, String::new());
        assert_eq!(script(Event::Open { peer: one }), [set()]);
        assert_eq!(script(Event::Open { peer: two }), []);
        let line = |action| (action, "hi\n".to_owned());
        let said = script(Event::Message { peer: one, bytes: b"hi" });
        assert_eq!(said, [line(Action::Store(3)), line(Action::Send(two, 3))]);
        let present = |peer| (Action::Send(peer, 10), "2 present\n".to_owned());
        assert_eq!(script(Event::Timer { id: ANNOUNCEMENT }), [present(one), present(two), set()]);
        assert_eq!(script(Event::Closed { peer: one }), []);
        assert_eq!(script(Event::Closed { peer: two })[0].0, Action::CancelTimer { id: ANNOUNCEMENT });
    }
}
