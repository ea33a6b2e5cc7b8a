//! The client of a sweep: sends the same messages on each connection, and collects the replies.

use std::collections::HashMap;

use super::{Clients, Context, Event, PeerId, Service, Traits};
use crate::frame::{Framing, Inbox, Role};
use crate::plan::Fin;
use crate::verdict::{Ending, Outcome};

/// The client of a sweep. Each connection is a trial of its own; its plan cuts the stream of all messages.
#[derive(Debug)]
pub struct Probe {
    messages: Vec<Vec<u8>>,
    request: Vec<u8>,
    framing: Framing,
    max_message: usize,
    /// When the next connection is half-closed, and what is expected on it.
    next: (Fin, Expected),
    talks: HashMap<PeerId, Talk>,
}

/// When the replies are complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The number of replies.
    pub replies: usize,
    /// The number of bytes; 0 if the number of replies is enough.
    pub bytes: usize,
    /// More bytes than this are a reply without end.
    pub most: usize,
}

/// One trial.
#[derive(Debug)]
struct Talk {
    inbox: Inbox,
    outcome: Outcome,
    expected: Expected,
    /// The half-close was requested.
    finished: bool,
    /// How the trial has ended.
    ending: Option<Ending>,
}

/// How far the replies of a trial have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// The number of bytes received.
    pub received: usize,
    /// Everything expected was received.
    pub complete: bool,
    /// The half-close was requested.
    pub finished: bool,
    /// The trial has ended.
    pub over: bool,
}

impl Probe {
    /// The traits of a probe.
    pub const TRAITS: Traits = Traits {
        // The wire bytes of a reply are compared, so the replies are split here.
        framing: Framing::Raw,
        raw: true,
        answers: true,
        writes: true,
        stateful: false,
        clients: Clients::Many,
        forwards: false,
        streams: false,
        sheds: false,
    };

    /// A probe that sends these messages; replies have this framing and limit.
    #[must_use]
    pub fn new(messages: Vec<Vec<u8>>, framing: Framing, max_message: usize) -> Self {
        let request = messages.concat();
        Probe {
            messages,
            request,
            framing,
            max_message,
            next: (Fin::default(), Expected::default()),
            talks: HashMap::new(),
        }
    }

    /// Whether there are no messages.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.messages.is_empty()
    }

    /// Says when the next connection is half-closed, and what the server is expected to send on it.
    pub fn begin(&mut self, fin: Fin, expected: Expected) {
        self.next = (fin, expected);
    }

    /// How far the replies of a trial have come.
    #[must_use]
    pub fn replies(&self, peer: PeerId) -> Option<Replies> {
        let Talk { outcome, finished, ending, expected, .. } = self.talks.get(&peer)?;
        let complete = outcome.replies.len() >= expected.replies && outcome.received >= expected.bytes;
        Some(Replies { received: outcome.received, complete, finished: *finished, over: ending.is_some() })
    }

    /// Half-closes the connection: the server may send more after that.
    pub fn finish(&mut self, peer: PeerId, context: &mut Context) {
        if let Some(talk) = self.talks.get_mut(&peer) {
            talk.finished = true;
            talk.outcome.prompt();
            context.finish(peer);
        }
    }

    /// Ends a trial, unless it has ended.
    pub fn end(&mut self, peer: PeerId, ending: Ending) {
        if let Some(talk) = self.talks.get_mut(&peer) {
            talk.ending.get_or_insert(ending);
        }
    }

    /// The replies of a trial, whose connection is closed. `ending` is how it ended, unless it has ended before.
    pub fn take(&mut self, peer: PeerId, ending: Ending) -> Option<Outcome> {
        let Talk { mut inbox, mut outcome, finished, ending: earlier, .. } = self.talks.remove(&peer)?;
        outcome.ending = earlier.unwrap_or(ending);
        outcome.rest = inbox.held().to_vec();
        // A body may be complete because its connection has ended.
        if outcome.ending == Ending::Closed && inbox.ends_with_stream() {
            if let Ok(Some(message)) = inbox.finish() {
                outcome.take(message.wire, self.framing);
                outcome.rest.clear();
            }
        }
        if !finished {
            outcome.prompt();
        }
        Some(outcome)
    }
}

impl Talk {
    /// Takes the replies out of received bytes.
    fn receive(&mut self, mut bytes: &[u8], framing: Framing) {
        self.outcome.received += bytes.len();
        loop {
            match self.inbox.pull(&mut bytes) {
                Ok(Some(message)) => self.outcome.take(message.wire, framing),
                Ok(None) => break,
                Err(error) => {
                    self.ending = Some(Ending::Garbled(error.to_string()));
                    return;
                }
            }
        }
        if self.outcome.received > self.expected.most {
            self.ending = Some(Ending::Endless);
        }
    }
}

impl Service for Probe {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => {
                let mut inbox = Inbox::new(self.framing, Role::Responses, self.max_message);
                for message in &self.messages {
                    inbox.expect(message);
                }
                let (fin, expected) = self.next;
                let finished = fin != Fin::Replied;
                if !self.request.is_empty() {
                    context.send(peer, &self.request);
                }
                if finished {
                    context.finish(peer);
                }
                let outcome = Outcome::default();
                self.talks.insert(peer, Talk { inbox, outcome, expected, finished, ending: None });
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } => {
                if let Some(talk) = self.talks.get_mut(&peer).filter(|talk| talk.ending.is_none()) {
                    talk.receive(bytes, self.framing);
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
    use crate::service::Action;

    const PEER: PeerId = PeerId::conn(1);

    /// A probe with one open connection.
    fn probe(framing: Framing, fin: Fin) -> (Probe, Vec<(Action, String)>) {
        let expected = Expected { replies: 2, bytes: 0, most: 20 };
        let mut probe = Probe::new(vec![b"one\n".to_vec(), b"two\n".to_vec()], framing, 8);
        let mut context = Context::default();
        probe.begin(fin, expected);
        probe.on(Event::Open { peer: PEER }, &mut context);
        (probe, context.script())
    }

    fn receive(probe: &mut Probe, bytes: &[u8]) -> Replies {
        probe.on(Event::Message { peer: PEER, bytes }, &mut Context::default());
        probe.replies(PEER).unwrap()
    }

    #[test]
    fn messages_are_sent_at_once_and_trial_sets_half_close() {
        let (send, finish) = ((Action::Send(PEER, 8), "one\ntwo\n".to_owned()), (Action::Finish(PEER), String::new()));
        for (fin, expected) in [
            (Fin::Replied, vec![send.clone()]),
            (Fin::After, vec![send.clone(), finish.clone()]),
            (Fin::With, vec![send, finish]),
        ] {
            let (probe, script) = probe(Framing::Lines, fin);
            assert_eq!(script, expected);
            assert_eq!(probe.replies(PEER).unwrap().finished, fin != Fin::Replied);
        }
    }

    #[test]
    fn replies_are_split_and_counted_until_complete() {
        let (mut probe, _) = probe(Framing::Lines, Fin::Replied);
        assert_eq!(
            receive(&mut probe, b"a\r\nb"),
            Replies { received: 4, complete: false, finished: false, over: false }
        );
        assert!(receive(&mut probe, b"\n").complete);
        let mut context = Context::default();
        probe.finish(PEER, &mut context);
        assert_eq!(context.script(), [(Action::Finish(PEER), String::new())]);
        receive(&mut probe, b"rest");
        probe.on(Event::Eof { peer: PEER }, &mut context);
        assert!(probe.replies(PEER).unwrap().over && !probe.wants(PEER));
        let outcome = probe.take(PEER, Ending::Reset).unwrap();
        assert_eq!(outcome.replies, [b"a\r\n".to_vec(), b"b\n".to_vec()]);
        assert_eq!((outcome.rest, outcome.received, outcome.unprompted), (b"rest".to_vec(), 9, (2, 5)));
        assert_eq!(outcome.ending, Ending::Closed);
        assert_eq!(probe.take(PEER, Ending::Reset), None);
    }

    #[test]
    fn too_many_bytes_or_malformed_framing_end_the_trial() {
        let (mut lines, _) = probe(Framing::Lines, Fin::Replied);
        assert!(!receive(&mut lines, b"12345\n12345\n12345\n").over);
        assert!(receive(&mut lines, b"123").over);
        assert_eq!(lines.take(PEER, Ending::Reset).unwrap().ending, Ending::Endless);
        let (mut lines, _) = probe(Framing::Lines, Fin::Replied);
        assert!(receive(&mut lines, b"123456789\n").over);
        receive(&mut lines, b"x\n");
        let outcome = lines.take(PEER, Ending::Reset).unwrap();
        assert!(matches!(outcome.ending, Ending::Garbled(_)) && outcome.received == 10, "{outcome:?}");
    }

    #[test]
    fn body_may_end_with_its_connection() {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        for (ending, replies) in [(Ending::Closed, 1), (Ending::Reset, 0)] {
            let expected = Expected { replies: 1, bytes: 0, most: 100 };
            let mut probe = Probe::new(vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()], Framing::Http, 100);
            probe.begin(Fin::Replied, expected);
            probe.on(Event::Open { peer: PEER }, &mut Context::default());
            assert!(!receive(&mut probe, format!("{head}body").as_bytes()).complete);
            let outcome = probe.take(PEER, ending).unwrap();
            assert_eq!(outcome.replies.len(), replies);
            assert_eq!(outcome.bytes(), format!("{head}body").into_bytes());
        }
    }
}
