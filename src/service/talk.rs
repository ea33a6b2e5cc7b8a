//! A conversation at a terminal: typed lines go out as messages, replies are shown.

use super::wire::{Flaw, Wire, line};
use super::{Action, Actions, CONSOLE, Event, PeerId, Service};
use crate::plan::Cutting;

/// A conversation with one server, and the count of what is owed.
#[derive(Debug)]
pub struct Talk {
    wire: Wire,
    half_close: bool,
    /// Where messages will be cut.
    cutting: Cutting,
    server: Option<PeerId>,
    sent: u64,
    answered: u64,
    input_ended: bool,
    flaw: Option<Flaw>,
}

impl Talk {
    /// A conversation that has not begun. With `half_close` the end of the input is told to the
    /// server at once, not when all replies are there.
    #[must_use]
    pub fn new(wire: Wire, half_close: bool) -> Self {
        let cutting = Cutting::Whole;
        Talk { wire, half_close, cutting, server: None, sent: 0, answered: 0, input_ended: false, flaw: None }
    }

    /// The same, of messages that are going to be cut so: those that would not be are refused.
    #[must_use]
    pub fn cut(self, cutting: &Cutting) -> Self {
        Talk { cutting: cutting.clone(), ..self }
    }

    /// Messages sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Whole replies received.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Messages that have no whole reply.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.sent.saturating_sub(self.answered)
    }

    /// Whether the input has ended, by end of file or by a quit word.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }

    /// What went wrong within the conversation itself, if anything did.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    fn on_input(&mut self, message: &[u8], actions: &mut Actions) {
        if is_quit(message) {
            return self.end_input(actions);
        }
        let Some(server) = self.server else { return };
        let (wire, cutting, number) = (self.wire, &self.cutting, self.sent + 1);
        let sent = actions.try_send_with(server, |out| {
            let start = out.len();
            wire.encode(message, out).map_err(|_| Flaw::Refused)?;
            cutting.check(number, out.len() - start).map_err(Flaw::Uncut)
        });
        if let Err(flaw) = sent {
            return self.refuse(flaw, actions);
        }
        self.sent += 1;
        // The next one is typed when this one is answered.
        actions.push(Action::Flush(server));
        labelled("Sent: ", message, actions);
    }

    /// A person may try again.
    fn refuse(&mut self, flaw: Flaw, actions: &mut Actions) {
        if let Flaw::Uncut(outside) = flaw {
            labelled("Not sent: ", outside.to_string().as_bytes(), actions);
            return prompt(actions);
        }
        self.flaw = Some(flaw);
        actions.push(Action::Stop);
    }

    fn on_reply(&mut self, reply: &[u8], actions: &mut Actions) {
        labelled("Received: ", reply, actions);
        if self.answered + 1 >= self.sent && !self.input_ended {
            prompt(actions);
        }
    }

    fn end_input(&mut self, actions: &mut Actions) {
        if self.input_ended {
            return;
        }
        self.input_ended = true;
        if let Some(server) = self.server {
            actions.push(if self.half_close { Action::Finish(server) } else { Action::Flush(server) });
        }
    }

    fn stop_when_done(&self, actions: &mut Actions) {
        if self.input_ended && self.unanswered() == 0 {
            actions.push(Action::Stop);
        }
    }
}

impl Service for Talk {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Open(CONSOLE)
            | Event::Request(..)
            | Event::Expects(_)
            | Event::Malformed(..)
            | Event::Drained(_)
            | Event::Exhausted(_)
            | Event::Linked(..)
            | Event::Failed(_)
            | Event::Unreachable(_) => return,
            Event::Open(server) => {
                self.server = Some(server);
                prompt(actions);
            }
            Event::Message(CONSOLE, message) | Event::Last(CONSOLE, message) => self.on_input(message, actions),
            Event::Message(_, reply) => {
                self.on_reply(reply, actions);
                // What comes unasked answers nothing: not the message that is sent next, either.
                self.answered = self.sent.min(self.answered + 1);
            }
            Event::Last(_, rest) => {
                self.flaw = Some(Flaw::CutShort);
                self.on_reply(rest, actions);
            }
            Event::Eof(CONSOLE) => {
                if !self.input_ended {
                    actions.send(CONSOLE, b"\n"); // Ctrl-D leaves the cursor behind the prompt
                }
                self.end_input(actions);
            }
            // How the session ends now depends on what is owed; who runs the service decides.
            Event::TooLong(_) => {
                self.flaw = Some(Flaw::TooLong);
                return actions.push(Action::Stop);
            }
            Event::Eof(_) | Event::Closed(_) => return actions.push(Action::Stop),
        }
        self.stop_when_done(actions);
    }

    fn sink(&self, from: PeerId) -> PeerId {
        if from == CONSOLE { self.server.unwrap_or(CONSOLE) } else { CONSOLE }
    }

    fn wants(&self, from: PeerId) -> bool {
        if from != CONSOLE {
            return true;
        }
        self.server.is_some() && !self.input_ended && self.unanswered() == 0
    }
}

/// Whether a line typed at the prompt ends the conversation.
fn is_quit(message: &[u8]) -> bool {
    ["q", "quit", "quit()", "close", "close()"].iter().any(|word| message.eq_ignore_ascii_case(word.as_bytes()))
}

fn prompt(actions: &mut Actions) {
    actions.send(CONSOLE, b"Enter Message: ");
}

fn labelled(label: &str, text: &[u8], actions: &mut Actions) {
    actions.send_with(CONSOLE, |out| line(label, text, out));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Framing;

    const SERVER: PeerId = 1;

    const LINES: Wire = Wire { framing: Framing::Lines, crlf: false };

    fn play(talk: &mut Talk, events: Vec<Event<'_>>) -> String {
        let mut actions = Actions::default();
        for event in events {
            talk.on(event, &mut actions);
        }
        let name = |peer| if peer == CONSOLE { "console" } else { "server" };
        let told = actions.script().into_iter().map(|(action, text)| match action {
            Action::Send(peer, _) => format!("{} {text:?}", name(peer)),
            Action::Finish(peer) => format!("finish {}", name(peer)),
            Action::Flush(peer) => format!("flush {}", name(peer)),
            other => format!("{other:?}"),
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_conversation_goes_as_the_original_did() {
        let mut talk = Talk::new(LINES, false);
        assert!(!talk.wants(CONSOLE), "nothing is read before the server is there");
        let begun = play(&mut talk, vec![Event::Open(SERVER), Event::Message(CONSOLE, b"SECRET 7")]);
        assert_eq!(
            begun,
            "console \"Enter Message: \"\nserver \"SECRET 7\\n\"\nflush server\nconsole \"Sent: SECRET 7\\n\""
        );
        assert!(!talk.wants(CONSOLE), "one message at a time");
        let ended =
            play(&mut talk, vec![Event::Message(SERVER, b"Digits: 7   Count: 1"), Event::Message(CONSOLE, b"QUIT()")]);
        assert_eq!(
            ended,
            "console \"Received: Digits: 7   Count: 1\\n\"\nconsole \"Enter Message: \"\nflush server\nStop"
        );
    }

    #[test]
    fn a_message_that_would_not_be_cut_is_not_sent() {
        let mut talk = Talk::new(LINES, false).cut(&Cutting::Cut("3".parse().unwrap()));
        let events = vec![Event::Open(SERVER), Event::Message(CONSOLE, b"abc"), Event::Message(CONSOLE, b"ab")];
        let told = play(&mut talk, events);
        let told = told.split_once("Sent: abc\\n\"\n").unwrap().1;
        assert_eq!(
            told,
            "console \"Not sent: message 2 has 3 bytes with its ending, and --cut 3 does not fall inside it: \
             1 to 2 or -1 to -2 would\\n\"\nconsole \"Enter Message: \""
        );
    }

    #[test]
    fn what_comes_unasked_answers_nothing() {
        let mut talk = Talk::new(LINES, false);
        play(&mut talk, vec![Event::Open(SERVER), Event::Message(SERVER, b"welcome"), Event::Message(CONSOLE, b"a")]);
        assert_eq!((talk.sent(), talk.answered(), talk.unanswered()), (1, 0, 1));
    }

    #[test]
    fn ctrl_d_ends_the_line_of_the_prompt() {
        let mut talk = Talk::new(LINES, false);
        let told = play(&mut talk, vec![Event::Open(SERVER), Event::Eof(CONSOLE)]);
        assert_eq!(told, "console \"Enter Message: \"\nconsole \"\\n\"\nflush server\nStop");
    }
}
