//! The client of a sweep: holds the same dialog on each connection, and collects the replies.

use std::collections::HashMap;

use super::{Context, Event, PeerId, Service, Traits};
use crate::dialog::{Dialog, Id, Learned, Splitter, Until};
use crate::frame::Framing;
use crate::plan::Fin;
use crate::verdict::{Ending, Outcome};

/// The client of a sweep. Each connection is a trial of its own; its plan cuts the stream of all messages.
#[derive(Debug)]
pub struct Probe {
    dialog: Dialog,
    max_message: usize,
    /// How the next connection sends the messages.
    next: Sends,
    /// The number of the last connection.
    connections: u32,
    talks: HashMap<PeerId, Talk>,
}

/// How a connection sends the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sends {
    /// The ends of messages, as offsets in the stream of all of them, that the next message is sent with: in one write,
    /// without waiting for the reply.
    pub joined: Vec<usize>,
    /// When it is half-closed.
    pub fin: Fin,
    /// More received bytes than this are a reply without end.
    pub most: usize,
}

/// One trial.
#[derive(Debug)]
struct Talk {
    splitter: Splitter,
    /// Distinguishes it from other connections.
    id: Id,
    /// The number of messages that each write ends with, in rising order.
    writes: Vec<usize>,
    /// The number of messages that were sent.
    sent: usize,
    fin: Fin,
    most: usize,
    /// The half-close was requested.
    finished: bool,
    /// The complete replies, and the bytes, at that time.
    unprompted: (usize, usize),
    /// How the trial has ended.
    ending: Option<Ending>,
}

/// How far the replies of a trial have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// The number of bytes received.
    pub received: usize,
    /// The number of complete parts: the greeting and the replies to messages.
    pub parts: usize,
    /// How sure the end of the part that is awaited is.
    pub end: Certainty,
    /// That part has begun.
    pub has_begun: bool,
    /// Everything expected was received.
    pub complete: bool,
    /// How far the connection has come.
    pub stage: Stage,
}

/// How far the connection of a trial has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Messages are sent.
    #[default]
    Open,
    /// The half-close was requested.
    HalfClosed,
    /// The trial has ended.
    Over,
}

/// How sure the end of a part is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certainty {
    /// It is known.
    #[default]
    Known,
    /// The number of its bytes is known, but may differ a little. [`Probe::advance`] ends it.
    Near,
    /// It is not known. [`Probe::advance`] ends it.
    Unknown,
}

impl Probe {
    /// The traits of a probe.
    pub const TRAITS: Traits = Traits {
        // The wire bytes of a reply are compared, so the replies are split here.
        framing: Framing::Raw,
        raw: true,
        answers: true,
        ..Traits::PLAIN
    };

    /// A probe that holds this dialog; this is the largest size of a reply.
    #[must_use]
    pub fn new(dialog: Dialog, max_message: usize) -> Self {
        Probe { dialog, max_message, next: Sends::default(), connections: 0, talks: HashMap::new() }
    }

    /// Numbers the connections from here: another sweep of the same server, at the same time, has other ids.
    #[must_use]
    pub fn number_from(self, first: u32) -> Probe {
        Probe { connections: first, ..self }
    }

    /// The dialog that the next connections hold.
    #[must_use]
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// Holds the dialog with the ends of replies that a conversation has taught. There must be no connection.
    pub fn learn(&mut self, learned: &[Learned]) {
        self.dialog = std::mem::take(&mut self.dialog).learn(learned);
    }

    /// Sends only this number of messages from now on. There must be no connection.
    pub fn keep(&mut self, messages: usize) {
        self.dialog.steps.truncate(messages);
    }

    /// Does not wait for the server to close the connection after the last message. There must be no connection.
    pub fn expect_no_close(&mut self) {
        if let Some(last) = self.dialog.steps.last_mut().filter(|last| matches!(last.until, Until::Close)) {
            last.until = Until::Nothing;
        }
    }

    /// Leaves out the message with this number, from 1, from now on. There must be no connection.
    pub fn leave_out(&mut self, message: usize) {
        self.dialog.steps.remove(message - 1);
    }

    /// Says how the next connection sends the messages.
    pub fn begin(&mut self, sends: Sends) {
        self.next = sends;
    }

    /// How far the replies of a trial have come.
    #[must_use]
    pub fn replies(&self, peer: PeerId) -> Option<Replies> {
        let Talk { splitter, finished, ending, .. } = self.talks.get(&peer)?;
        let parts = splitter.complete();
        Some(Replies {
            received: splitter.received(),
            parts,
            end: match self.dialog.until(parts) {
                Some(Until::Learned) => Certainty::Unknown,
                Some(Until::Received(_)) => Certainty::Near,
                _ => Certainty::Known,
            },
            has_begun: splitter.has_begun(),
            complete: splitter.is_complete(&self.dialog),
            stage: match ending {
                Some(_) => Stage::Over,
                None if *finished => Stage::HalfClosed,
                None => Stage::Open,
            },
        })
    }

    /// Ends the part that is awaited, whose end is not known, and sends the next message.
    pub fn advance(&mut self, peer: PeerId, context: &mut Context) {
        if let Some(talk) = self.talks.get_mut(&peer) {
            talk.splitter.advance(&self.dialog);
            talk.send(&self.dialog, peer, context);
        }
    }

    /// Half-closes the connection: the server may send more after that.
    pub fn finish(&mut self, peer: PeerId, context: &mut Context) {
        if let Some(talk) = self.talks.get_mut(&peer) {
            talk.finish(peer, context);
        }
    }

    /// Ends a trial, unless it has ended.
    pub fn end(&mut self, peer: PeerId, ending: Ending) {
        if let Some(talk) = self.talks.get_mut(&peer) {
            talk.ending.get_or_insert(ending);
        }
    }

    /// The replies of a trial, whose connection is closed, and what each part of them had. `ending` is how it ended,
    /// unless it has ended before.
    pub fn take(&mut self, peer: PeerId, ending: Ending) -> Option<(Outcome, Vec<Learned>)> {
        let Talk { mut splitter, id, sent, finished, unprompted, ending: earlier, .. } = self.talks.remove(&peer)?;
        // The server has ended the reply by its end.
        if splitter.has_begun() && matches!(self.dialog.until(splitter.complete()), Some(Until::Learned)) {
            splitter.advance(&self.dialog);
        }
        let (received, learned) = (splitter.received(), splitter.learned().to_vec());
        let unprompted = if finished { unprompted } else { (splitter.replies(), received) };
        let ending = earlier.unwrap_or(ending);
        // A body may be complete because its connection has ended.
        let (mut replies, mut rest) = splitter.finish(ending == Ending::Closed);
        if self.dialog.has_ids() {
            replies = replies.into_iter().map(|reply| id.hide(reply)).collect();
            rest = id.hide(rest);
        }
        let unasked = self.dialog.steps.len() - sent;
        Some((Outcome { replies, rest, received, unprompted, ending, unasked, ..Outcome::default() }, learned))
    }
}

impl Talk {
    /// Sends the messages whose turn it is: a message follows the reply to the last one, unless they are joined.
    fn send(&mut self, dialog: &Dialog, peer: PeerId, context: &mut Context) {
        while self.sent < dialog.steps.len() && self.splitter.complete() > self.sent {
            let to = self.writes.iter().copied().find(|to| *to > self.sent).unwrap_or(dialog.steps.len());
            match &dialog.steps[self.sent..to] {
                [step] => context.send(peer, &step.message(self.id)),
                steps => {
                    let messages: Vec<_> = steps.iter().map(|step| step.message(self.id)).collect();
                    context.send(peer, &messages.concat());
                }
            }
            self.sent = to;
        }
        if self.sent == dialog.steps.len() && self.fin != Fin::Replied && !self.finished {
            self.finish(peer, context);
        }
    }

    fn finish(&mut self, peer: PeerId, context: &mut Context) {
        self.finished = true;
        self.unprompted = (self.splitter.replies(), self.splitter.received());
        context.finish(peer);
    }
}

/// The number of messages that each write ends with.
fn writes(dialog: &Dialog, joined: &[usize]) -> Vec<usize> {
    let mut end = 0;
    let ends = dialog.steps.iter().map(|step| {
        end += step.send.len();
        end
    });
    let single = ends.enumerate().filter(|(_, end)| joined.binary_search(end).is_err());
    single.map(|(number, _)| number + 1).collect()
}

impl Service for Probe {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => {
                let Sends { joined, fin, most } = std::mem::take(&mut self.next);
                self.connections = self.connections.wrapping_add(1);
                let mut talk = Talk {
                    splitter: Splitter::new(&self.dialog, self.max_message),
                    id: Id::new(self.connections),
                    writes: writes(&self.dialog, &joined),
                    sent: 0,
                    fin,
                    most,
                    finished: false,
                    unprompted: (0, 0),
                    ending: None,
                };
                talk.send(&self.dialog, peer, context);
                self.talks.insert(peer, talk);
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } => {
                if let Some(talk) = self.talks.get_mut(&peer).filter(|talk| talk.ending.is_none()) {
                    if let Err(error) = talk.splitter.receive(&self.dialog, bytes) {
                        talk.ending = Some(Ending::Garbled(error.to_string()));
                    } else if talk.splitter.received() > talk.most {
                        talk.ending = Some(Ending::Endless);
                    } else {
                        talk.send(&self.dialog, peer, context);
                    }
                }
            }
            // Whether that was before or after the half-close is a matter of microseconds.
            Event::Eof { peer } => self.end(peer, Ending::Closed),
            _ => {}
        }
    }

    /// Replies are read even while the server does not read.
    fn sink(&self, _: PeerId) -> PeerId {
        PeerId::Console
    }

    fn wants(&self, from: PeerId) -> bool {
        self.talks.get(&from).is_none_or(|talk| talk.ending.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::Step;
    use crate::service::Action;

    const PEER: PeerId = PeerId::conn(1);

    fn dialog(framing: Framing) -> Dialog {
        let mut dialog = Dialog::of_messages(vec![b"one\n".to_vec(), b"two\n".to_vec()], framing);
        dialog.steps.iter_mut().for_each(|step| step.until = Until::Frames(1));
        dialog
    }

    /// A probe with one open connection.
    fn probe(dialog: Dialog, joined: &[usize], fin: Fin) -> (Probe, Vec<(Action, String)>) {
        let mut probe = Probe::new(dialog, 8);
        let mut context = Context::default();
        probe.begin(Sends { joined: joined.to_vec(), fin, most: 20 });
        probe.on(Event::Open { peer: PEER }, &mut context);
        (probe, context.script())
    }

    fn receive(probe: &mut Probe, bytes: &[u8]) -> (Replies, Vec<(Action, String)>) {
        let mut context = Context::default();
        probe.on(Event::Message { peer: PEER, bytes }, &mut context);
        (probe.replies(PEER).unwrap(), context.script())
    }

    fn sends(text: &str) -> (Action, String) {
        (Action::Send(PEER, text.len()), text.to_owned())
    }

    #[test]
    fn next_message_follows_the_reply_unless_joined() {
        let (mut lines, script) = probe(dialog(Framing::Lines), &[], Fin::Replied);
        assert_eq!(script, [sends("one\n")]);
        assert_eq!(receive(&mut lines, b"a").1, []);
        let (replies, script) = receive(&mut lines, b"\n");
        assert_eq!((script, replies.parts, replies.complete), (vec![sends("two\n")], 2, false));
        assert!(receive(&mut lines, b"b\n").0.complete);
        let (_, script) = probe(dialog(Framing::Lines), &[4], Fin::Replied);
        assert_eq!(script, [sends("one\ntwo\n")]);
    }

    #[test]
    fn first_message_follows_the_greeting() {
        let greeted = Dialog { greeting: Until::Frames(1), ..dialog(Framing::Lines) };
        let (mut lines, script) = probe(greeted, &[4], Fin::Replied);
        assert_eq!(script, []);
        assert_eq!(receive(&mut lines, b"220 x\n").1, [sends("one\ntwo\n")]);
    }

    #[test]
    fn trial_sets_the_half_close_behind_the_last_message() {
        let finish = (Action::Finish(PEER), String::new());
        for fin in [Fin::With, Fin::After] {
            let (mut lines, script) = probe(dialog(Framing::Lines), &[], fin);
            assert_eq!(script, [sends("one\n")]);
            let (replies, script) = receive(&mut lines, b"a\n");
            assert_eq!((script, replies.stage), (vec![sends("two\n"), finish.clone()], Stage::HalfClosed));
        }
    }

    #[test]
    fn unknown_end_is_passed_by_hand() {
        let dialog = Dialog::of_messages(vec![b"one\n".to_vec(), b"two\n".to_vec()], Framing::Lines);
        let (mut lines, _) = probe(dialog, &[], Fin::Replied);
        let (replies, script) = receive(&mut lines, b"a\nb\n");
        assert_eq!((script, replies.end, replies.has_begun), (vec![], Certainty::Unknown, true));
        let mut context = Context::default();
        lines.advance(PEER, &mut context);
        assert_eq!(context.script(), [sends("two\n")]);
        lines.advance(PEER, &mut context);
        assert!(lines.replies(PEER).unwrap().complete);
        let (_, learned) = lines.take(PEER, Ending::Closed).unwrap();
        lines.learn(&learned);
        let ends: Vec<_> = lines.dialog().steps.iter().map(|step| format!("{:?}", step.until)).collect();
        assert_eq!(ends, ["Frames(2)", "Nothing"]);
    }

    /// A server that keeps the connection open after the last message is half-closed at once.
    #[test]
    fn close_that_does_not_come_is_not_awaited() {
        let dialog = |until: Until| {
            let steps = vec![Step::new(b"one\n".to_vec(), Until::Frames(1)), Step::new(b"two\n".to_vec(), until)];
            Dialog { steps, framing: Framing::Lines, ..Dialog::default() }
        };
        for (until, is_complete) in [(Until::Close, true), (Until::Frames(1), false)] {
            let mut open = Probe::new(dialog(until.clone()), 100);
            open.expect_no_close();
            let (mut lines, _) = probe(open.dialog().clone(), &[], Fin::Replied);
            assert_eq!(receive(&mut lines, b"a\n").0.complete, is_complete, "{until:?}");
            let (mut lines, _) = probe(dialog(until), &[], Fin::Replied);
            assert!(!receive(&mut lines, b"a\n").0.complete);
        }
    }

    #[test]
    fn outcome_has_replies_rest_and_unsent_messages() {
        let (mut lines, _) = probe(dialog(Framing::Lines), &[], Fin::Replied);
        receive(&mut lines, b"a\r\n");
        let mut context = Context::default();
        lines.finish(PEER, &mut context);
        assert_eq!(context.script(), [(Action::Finish(PEER), String::new())]);
        receive(&mut lines, b"b\nrest");
        lines.on(Event::Eof { peer: PEER }, &mut context);
        assert!(lines.replies(PEER).unwrap().stage == Stage::Over && !lines.wants(PEER));
        let (outcome, _) = lines.take(PEER, Ending::Reset).unwrap();
        assert_eq!(outcome.replies, [b"a\r\n".to_vec(), b"b\n".to_vec()]);
        assert_eq!((outcome.rest, outcome.received, outcome.unprompted), (b"rest".to_vec(), 9, (1, 3)));
        assert_eq!((outcome.ending, outcome.unasked), (Ending::Closed, 0));
        assert_eq!(lines.take(PEER, Ending::Reset), None);
        let (mut lines, _) = probe(dialog(Framing::Lines), &[], Fin::Replied);
        assert_eq!(lines.take(PEER, Ending::Reset).unwrap().0.unasked, 1);
    }

    #[test]
    fn id_of_a_connection_is_hidden_in_its_replies() {
        let step = Step { send: b"NICK 00000000\n".to_vec(), ids: vec![5], until: Until::Frames(1), optional: false };
        let (mut lines, script) = probe(Dialog { steps: vec![step], ..Dialog::default() }, &[], Fin::Replied);
        assert_eq!(script, [sends("NICK 00000001\n")]);
        lines.max_message = 100;
        lines.on(Event::Message { peer: PEER, bytes: b"00000001" }, &mut Context::default());
        assert_eq!(lines.take(PEER, Ending::Reset).unwrap().0.rest, b"00000000");
    }

    #[test]
    fn too_many_bytes_or_malformed_framing_end_the_trial() {
        let (mut lines, _) = probe(dialog(Framing::Lines), &[], Fin::Replied);
        assert_eq!(receive(&mut lines, b"12345\n12345\n12345\n").0.stage, Stage::Open);
        assert_eq!(receive(&mut lines, b"123").0.stage, Stage::Over);
        assert_eq!(lines.take(PEER, Ending::Reset).unwrap().0.ending, Ending::Endless);
        let (mut lines, _) = probe(dialog(Framing::Lines), &[], Fin::Replied);
        assert_eq!(receive(&mut lines, b"123456789\n").0.stage, Stage::Over);
        receive(&mut lines, b"x\n");
        let (outcome, _) = lines.take(PEER, Ending::Reset).unwrap();
        assert!(matches!(outcome.ending, Ending::Garbled(_)), "{outcome:?}");
    }

    #[test]
    fn body_may_end_with_its_connection() {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        for (ending, replies) in [(Ending::Closed, 1), (Ending::Reset, 0)] {
            let requests = vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()];
            let mut probe = Probe::new(Dialog::of_messages(requests, Framing::Http), 100);
            probe.begin(Sends { most: 100, ..Sends::default() });
            probe.on(Event::Open { peer: PEER }, &mut Context::default());
            assert!(!receive(&mut probe, format!("{head}body").as_bytes()).0.complete);
            let (outcome, _) = probe.take(PEER, ending).unwrap();
            assert_eq!(outcome.replies.len(), replies);
            assert_eq!(outcome.bytes(), format!("{head}body").into_bytes());
        }
    }
}
