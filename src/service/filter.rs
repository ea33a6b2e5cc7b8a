//! The message mode of a script: sends the lines of stdin without waiting, and writes replies to stdout byte
//! for byte.

use super::json_reply::JsonReply;
use super::wire::{Flaw, NotSent, Wire, asks_for_login, line};
use super::{Clients, Context, Event, PeerId, Service, Traits};
use crate::frame::Framing;
use crate::plan::Cutting;
use crate::value::{Count, Expression, Replies, escape};

/// The number of bytes that are shown of a reply that does not match.
const SHOWN: usize = 64;
/// The largest number of replies that do not match, and are still to be reported.
const UNREPORTED: usize = 16;

/// When the filter half-closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendsEnd {
    /// When the input ends.
    AfterInput,
    /// After the last expected reply, because many servers drop pending replies to a client that has
    /// half-closed.
    AfterReplies,
    /// Never before the connection is closed.
    Never,
}

/// The settings of a filter.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How messages are encoded.
    pub wire: Wire,
    /// Where messages are cut; a message that a cut does not fit is refused.
    pub cutting: Cutting,
    /// The replies that are expected to each message.
    pub replies: Replies,
    /// The replies that are expected at the start (`--greeting`).
    pub greeting: u64,
    /// What each reply must match.
    pub expect: Option<Expression>,
    /// Replies are written as JSON objects.
    pub json: bool,
    /// The input does not end by itself, but with [`end_input`](Filter::end_input).
    pub repeats: bool,
    /// When the filter half-closes.
    pub sends_end: SendsEnd,
    /// Lines that are sent before the input. They are no messages.
    pub opening: Vec<String>,
}

/// A reply that does not match `--expect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The number of its message; `None` if replies are not counted.
    pub number: Option<u64>,
    /// The reply, escaped and clipped.
    pub reply: String,
}

/// Sends messages and counts the replies.
#[derive(Debug)]
pub struct Filter {
    terms: Terms,
    server: Option<PeerId>,
    sent: u64,
    /// The number of replies that were expected when they arrived, the greeting included.
    received: u64,
    /// The number of replies that were not expected.
    surplus: u64,
    /// The first reply that did not match, clipped, and the number of all of them.
    mismatches: Option<(String, u64)>,
    /// The ones that are to be reported at once.
    unreported: Vec<Mismatch>,
    input_ended: bool,
    end_sent: bool,
    server_ended: bool,
    flaw: Option<Flaw>,
}

impl Filter {
    /// The traits of a filter. stdin is lines, whatever framing they are sent in.
    pub const TRAITS: Traits = Traits { stateful: true, clients: Clients::One, ..Traits::PLAIN };

    /// A filter without a connection yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Filter {
            terms,
            server: None,
            sent: 0,
            received: 0,
            surplus: 0,
            mismatches: None,
            unreported: Vec::new(),
            input_ended: false,
            end_sent: false,
            server_ended: false,
            flaw: None,
        }
    }

    /// The number of messages sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of messages with all their replies: all of them if replies are not counted.
    #[must_use]
    pub fn answered(&self) -> u64 {
        match self.terms.replies {
            Replies::Each(Count(replies @ 1..)) => {
                self.received.saturating_sub(self.terms.greeting) / u64::from(replies)
            }
            Replies::Each(_) | Replies::Any => self.sent,
        }
    }

    /// The number of messages without all their replies.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.sent.saturating_sub(self.answered())
    }

    /// The number of replies that were not expected. 0 if no message was sent or replies are not counted,
    /// because there is no reply that they could be mistaken for.
    #[must_use]
    pub fn surplus(&self) -> u64 {
        if self.counts_replies() && self.sent > 0 { self.surplus } else { 0 }
    }

    /// Whether replies are counted. If not, the run waits for the acknowledgement of the messages instead.
    #[must_use]
    pub fn counts_replies(&self) -> bool {
        matches!(self.terms.replies, Replies::Each(Count(1..)))
    }

    /// Whether the input has ended and every expected reply has arrived. False if replies are not counted,
    /// because the last one is unknown.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.input_ended && self.terms.replies != Replies::Any && self.received >= self.expected()
    }

    /// Whether the input has ended.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }

    /// Whether the server has closed its side.
    #[must_use]
    pub fn server_ended(&self) -> bool {
        self.server_ended
    }

    /// The problem with a message or a reply, if any.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// The first reply that did not match, escaped and clipped, and the number of all of them.
    #[must_use]
    pub fn mismatches(&self) -> Option<(&str, u64)> {
        self.mismatches.as_ref().map(|(first, count)| (first.as_str(), *count))
    }

    /// The replies that did not match since the last call, in a run that repeats its messages: the first ones of many.
    pub fn take_mismatches(&mut self) -> Vec<Mismatch> {
        std::mem::take(&mut self.unreported)
    }

    /// The number of the message that the next reply is to, if replies are counted and this one is expected.
    fn answers(&self) -> Option<u64> {
        let Replies::Each(Count(each @ 1..)) = self.terms.replies else { return None };
        let is_reply = self.received >= self.terms.greeting && self.received < self.expected();
        is_reply.then(|| (self.received - self.terms.greeting) / u64::from(each) + 1)
    }

    /// Whether a reply matches what is expected; `None` if nothing is, or it is no reply.
    fn is_expected(&mut self, message: Option<u64>, reply: &[u8]) -> Option<bool> {
        let expect = self.terms.expect.as_ref().filter(|_| message.is_some() || self.terms.replies == Replies::Any)?;
        let matches = expect.matches(reply);
        if !matches {
            let shown = || format!("\"{}\"", escape(&reply[..reply.len().min(SHOWN)]));
            self.mismatches.get_or_insert_with(|| (shown(), 0)).1 += 1;
            if self.terms.repeats && self.unreported.len() < UNREPORTED {
                self.unreported.push(Mismatch { number: message, reply: shown() });
            }
        }
        Some(matches)
    }

    /// The number of replies that are expected for the messages sent so far. A greeting is expected only after
    /// a message was sent.
    fn expected(&self) -> u64 {
        match self.terms.replies {
            Replies::Each(Count(replies @ 1..)) if self.sent > 0 => {
                self.terms.greeting.saturating_add(self.sent.saturating_mul(replies.into()))
            }
            Replies::Each(_) | Replies::Any => 0,
        }
    }

    fn on_input(&mut self, message: &[u8], context: &mut Context) {
        let Some(server) = self.server else { return };
        let (Terms { wire, cutting, .. }, number) = (&self.terms, self.sent + 1);
        match context.try_send_with(server, |out| wire.encode_cut(cutting, number, message, out)) {
            Ok(()) => self.sent += 1,
            Err(why) => {
                self.flaw = Some(match why {
                    NotSent::Refused(why) => Flaw::Refused(why),
                    NotSent::Uncut(outside) => Flaw::Uncut(outside),
                });
                context.stop();
            }
        }
    }

    /// Handles a reply, or with `whole` false the beginning of an incomplete one.
    fn on_reply(&mut self, reply: &[u8], whole: bool, context: &mut Context) {
        let is_line = self.terms.wire.framing == Framing::Lines;
        let text = if is_line { without_ending(reply) } else { reply };
        let number = self.answers();
        let matches = self.is_expected(number, text);
        if self.terms.json {
            let (nanos, time) = (context.reply_time().filter(|_| whole), context.now().time);
            let written = JsonReply { number, nanos, matches, is_whole: whole, time, bytes: text };
            context.send_with(PeerId::Console, |out| written.write(out));
        } else if is_line {
            context.send(PeerId::Console, reply); // with its line ending, unchanged
        } else {
            context.send_with(PeerId::Console, |out| line("", reply, out));
        }
        let greets = self.received < self.terms.greeting;
        match self.terms.replies {
            Replies::Each(Count(1..)) if greets || self.received < self.expected() => {
                if whole {
                    self.received += 1;
                } else {
                    self.flaw = Some(Flaw::CutShort);
                }
            }
            Replies::Each(Count(1..)) => self.surplus += 1,
            Replies::Each(_) | Replies::Any => {}
        }
    }

    /// Notes the end of the input: no further message is sent.
    pub fn end_input(&mut self, context: &mut Context) {
        self.input_ended = true;
        if let Some(server) = self.server {
            context.flush(server);
        }
        self.send_end_when_due(context);
    }

    fn send_end_when_due(&mut self, context: &mut Context) {
        let due = match self.terms.sends_end {
            SendsEnd::AfterInput => self.input_ended,
            SendsEnd::AfterReplies => self.is_complete() || (self.input_ended && self.terms.replies == Replies::Any),
            SendsEnd::Never => false,
        };
        if let Some(server) = self.server.filter(|_| due && !self.end_sent) {
            self.end_sent = true;
            context.finish(server);
        }
    }
}

impl Service for Filter {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer: server } if server != PeerId::Console => {
                self.server = Some(server);
                let wire = self.terms.wire;
                for line in &self.terms.opening {
                    context.send_with(server, |out| wire.encode_line(line.as_bytes(), out));
                }
            }
            Event::Message { peer: PeerId::Console, bytes: message }
            | Event::Rest { peer: PeerId::Console, bytes: message } => {
                self.on_input(message, context);
            }
            Event::Message { bytes: line, .. } if !self.terms.opening.is_empty() && asks_for_login(line) => {
                self.flaw = Some(Flaw::UsersOnly);
                return context.stop();
            }
            Event::Message { bytes: reply, .. } => self.on_reply(reply, true, context),
            Event::Rest { bytes: rest, .. } => self.on_reply(rest, false, context),
            Event::Eof { peer: PeerId::Console } if self.terms.repeats => return,
            Event::Eof { peer: PeerId::Console } => return self.end_input(context),
            Event::TooLong { .. } => {
                self.flaw = Some(Flaw::TooLong);
                return context.stop();
            }
            // Whether that is a failure depends on the expected replies; the session decides.
            Event::Eof { .. } | Event::Closed { .. } => {
                self.server_ended = true;
                return;
            }
            _ => return,
        }
        self.send_end_when_due(context);
    }

    fn sink(&self, from: PeerId) -> PeerId {
        if from == PeerId::Console { self.server.unwrap_or(PeerId::Console) } else { PeerId::Console }
    }

    fn wants(&self, from: PeerId) -> bool {
        from != PeerId::Console || (self.server.is_some() && !self.input_ended)
    }

    fn waits_for_input(&self) -> bool {
        self.server_ended && !self.input_ended
    }
}

/// A line without its ending.
fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::CutOutside;
    use crate::service::Action;

    const SERVER: PeerId = PeerId::conn(1);

    fn filter(change: impl FnOnce(&mut Terms)) -> Filter {
        let mut terms = Terms {
            wire: Wire { framing: Framing::Lines, crlf: false },
            cutting: Cutting::Whole,
            replies: Replies::Each(Count(1)),
            greeting: 0,
            expect: None,
            json: false,
            repeats: false,
            sends_end: SendsEnd::AfterReplies,
            opening: Vec::new(),
        };
        change(&mut terms);
        let mut filter = Filter::new(terms);
        filter.on(Event::Open { peer: SERVER }, &mut Context::default());
        filter
    }

    fn play(filter: &mut Filter, events: Vec<Event<'_>>) -> Vec<(Action, String)> {
        let mut context = Context::default();
        for event in events {
            filter.on(event, &mut context);
        }
        context.script()
    }

    fn ask(message: &'static [u8]) -> Event<'static> {
        Event::Message { peer: PeerId::Console, bytes: message }
    }

    fn reply(text: &'static [u8]) -> Event<'static> {
        Event::Message { peer: SERVER, bytes: text }
    }

    #[test]
    fn half_close_follows_the_last_expected_reply() {
        let mut filter = filter(|_| ());
        let script = play(&mut filter, vec![ask(b"quit"), Event::Eof { peer: PeerId::Console }]);
        assert_eq!(script, [(Action::Send(SERVER, 5), "quit\n".into()), (Action::Flush(SERVER), String::new())]);
        assert!(!filter.is_complete());
        let script = play(&mut filter, vec![reply(b"no\r\n")]);
        assert_eq!(
            script,
            [(Action::Send(PeerId::Console, 4), "no\r\n".into()), (Action::Finish(SERVER), String::new())]
        );
        assert!(filter.is_complete() && filter.unanswered() == 0);
    }

    #[test]
    fn replies_are_counted_as_expected() {
        // replies, greeting; what came before and after the two messages; unanswered, surplus, complete
        let cases = [
            (Replies::Each(Count(1)), 0, 0, 2, (0, 0, true)),
            (Replies::Each(Count(1)), 0, 0, 1, (1, 0, false)),
            (Replies::Each(Count(1)), 0, 0, 5, (0, 3, true)),
            (Replies::Each(Count(1)), 0, 1, 2, (0, 1, true)),
            (Replies::Each(Count(1)), 1, 1, 2, (0, 0, true)),
            (Replies::Each(Count(1)), 1, 0, 2, (1, 0, false)),
            (Replies::Each(Count(3)), 0, 0, 5, (1, 0, false)),
            (Replies::Each(Count(3)), 0, 0, 6, (0, 0, true)),
            (Replies::Each(Count(0)), 0, 0, 9, (0, 0, true)),
            (Replies::Any, 0, 4, 9, (0, 0, false)),
        ];
        for (replies, greeting, before, after, expected) in cases {
            let mut filter = filter(|terms| (terms.replies, terms.greeting) = (replies, greeting));
            (0..before).for_each(|_| drop(play(&mut filter, vec![reply(b"r\n")])));
            play(&mut filter, vec![ask(b"a"), ask(b"b"), Event::Eof { peer: PeerId::Console }]);
            (0..after).for_each(|_| drop(play(&mut filter, vec![reply(b"r\n")])));
            let found = (filter.unanswered(), filter.surplus(), filter.is_complete());
            assert_eq!(found, expected, "{replies:?}, greeting {greeting}, {before} and {after}");
        }
    }

    #[test]
    fn no_reply_is_expected_without_a_message() {
        let mut filter = filter(|terms| terms.greeting = 1);
        play(&mut filter, vec![Event::Eof { peer: PeerId::Console }]);
        assert!(filter.is_complete());
        play(&mut filter, vec![reply(b"220 hello\r\n"), reply(b"more\r\n")]);
        assert_eq!((filter.surplus(), filter.unanswered()), (0, 0));
    }

    #[test]
    fn half_close_is_as_early_as_requested() {
        let ends = |replies, sends_end| {
            let mut filter = filter(|terms| (terms.replies, terms.sends_end) = (replies, sends_end));
            let script = play(&mut filter, vec![ask(b"a"), Event::Eof { peer: PeerId::Console }]);
            script.iter().any(|(action, _)| *action == Action::Finish(SERVER))
        };
        assert!(ends(Replies::Each(Count(1)), SendsEnd::AfterInput) && ends(Replies::Any, SendsEnd::AfterReplies));
        assert!(ends(Replies::Each(Count(0)), SendsEnd::AfterReplies));
        assert!(!ends(Replies::Each(Count(1)), SendsEnd::AfterReplies) && !ends(Replies::Any, SendsEnd::Never));
    }

    #[test]
    fn truncated_reply_is_written_but_not_counted() {
        let mut filter = filter(|_| ());
        play(&mut filter, vec![ask(b"a"), Event::Eof { peer: PeerId::Console }]);
        let script = play(&mut filter, vec![Event::Rest { peer: SERVER, bytes: b"Digi" }, Event::Eof { peer: SERVER }]);
        assert_eq!(script, [(Action::Send(PeerId::Console, 4), "Digi".into())]);
        assert_eq!((filter.unanswered(), filter.flaw(), filter.server_ended()), (1, Some(Flaw::CutShort), true));
    }

    #[test]
    fn only_replies_have_to_match() {
        let mut filter = filter(|terms| (terms.expect, terms.greeting) = ("^a$".parse().ok(), 1));
        play(&mut filter, vec![ask(b"1"), ask(b"2"), ask(b"3"), reply(b"hello\n"), reply(b"a\r\n")]);
        assert_eq!(filter.mismatches(), None);
        play(&mut filter, vec![reply(b"\x1b\n"), reply(b"ab\n"), reply(b"surplus\n")]);
        assert_eq!(filter.mismatches(), Some(("\"\\x1b\"", 2)));
    }

    #[test]
    fn repeated_input_ends_when_it_is_ended() {
        let mut filter = filter(|terms| terms.repeats = true);
        play(&mut filter, vec![ask(b"1"), Event::Eof { peer: PeerId::Console }, reply(b"a\n")]);
        assert!(!filter.input_ended() && filter.unanswered() == 0);
        let mut context = Context::default();
        filter.end_input(&mut context);
        assert_eq!(context.script(), [(Action::Flush(SERVER), String::new()), (Action::Finish(SERVER), String::new())]);
    }

    #[test]
    fn uncuttable_message_is_not_sent() {
        let mut filter = filter(|terms| terms.cutting = Cutting::Cut("3".parse().unwrap()));
        let script = play(&mut filter, vec![ask(b"abc"), ask(b"ab")]);
        assert_eq!(script, [(Action::Send(SERVER, 4), "abc\n".into()), (Action::Stop, String::new())]);
        assert_eq!(filter.flaw(), Some(Flaw::Uncut(CutOutside { number: 2, len: 3, offset: 3 })));
    }
}
