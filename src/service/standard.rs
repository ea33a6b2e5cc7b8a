//! The services every host once had: echo (RFC 862), discard (RFC 863), and a source of bytes (RFC 864's job).

use std::collections::HashMap;

use super::{Action, Actions, Event, Farewell, PeerId, Service};

/// Sends back what it is sent.
#[derive(Debug, Default)]
pub struct Echo;

impl Service for Echo {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Message(peer, bytes) | Event::Last(peer, bytes) => actions.send(peer, bytes),
            Event::Eof(peer) | Event::TooLong(peer) => actions.push(Action::Close(peer)),
            _ => {}
        }
    }
}

/// Reads, and says nothing.
#[derive(Debug, Default)]
pub struct Discard;

impl Service for Discard {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        if let Event::Eof(peer) | Event::TooLong(peer) = event {
            actions.push(Action::Close(peer));
        }
    }
}

/// Bytes a peer is given at once.
const PORTION: u64 = 64 * 1024;
/// Characters of a line, without its CR LF (RFC 864).
const LINE: usize = 72;
/// The printing characters of ASCII, which the lines rotate through.
const RING: std::ops::RangeInclusive<u8> = b' '..=b'~';

/// Sends lines of printing characters as fast as they are taken.
#[derive(Debug)]
pub struct Source {
    /// The pattern once around, and a portion beyond: any portion is a slice of it.
    pattern: Vec<u8>,
    period: u64,
    count: Option<u64>,
    sent: HashMap<PeerId, u64>,
}

impl Source {
    /// A source without end, or of so many bytes a connection.
    #[must_use]
    pub fn new(count: Option<u64>) -> Self {
        let ring: Vec<u8> = RING.collect();
        let line = |first: usize| ring.iter().cycle().skip(first).take(LINE).chain(b"\r\n").copied();
        let round: Vec<u8> = (0..ring.len()).flat_map(line).collect();
        let period = round.len() as u64;
        let pattern = round.iter().cycle().take(round.len() + 64 * 1024).copied().collect();
        Source { pattern, period, count, sent: HashMap::new() }
    }

    fn give(&mut self, peer: PeerId, actions: &mut Actions) {
        let Some(sent) = self.sent.get_mut(&peer) else { return };
        let left = self.count.map_or(u64::MAX, |count| count - *sent);
        let portion = left.min(PORTION);
        let index = |n: u64| usize::try_from(n).unwrap_or(0); // both are within the pattern
        let from = index(*sent % self.period);
        actions.send(peer, &self.pattern[from..from + index(portion)]);
        *sent += portion;
        if left == portion {
            actions.push(Action::Close(peer));
            self.sent.remove(&peer);
        }
    }
}

impl Service for Source {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Open(peer) => {
                self.sent.insert(peer, 0);
            }
            Event::Drained(peer) => self.give(peer, actions),
            Event::Closed(peer) => {
                self.sent.remove(&peer);
            }
            _ => {} // what it is told does not matter, nor does the end of that
        }
    }

    fn streams(&self) -> bool {
        true
    }

    fn farewell(&self, peer: PeerId) -> Farewell {
        let is_owed_more = self.count.is_some() && self.sent.contains_key(&peer);
        if is_owed_more { Farewell::Cut } else { Farewell::Leave }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId::Conn(1);
    const OTHER: PeerId = PeerId::Conn(2);

    #[test]
    fn echo_gives_back_and_discard_does_not() {
        let mut actions = Actions::default();
        Echo.on(Event::Message(PEER, b"abc"), &mut actions);
        Discard.on(Event::Message(PEER, b"abc"), &mut actions);
        Discard.on(Event::Eof(PEER), &mut actions);
        let script: Vec<_> = actions.script().into_iter().collect();
        assert_eq!(script, [(Action::Send(PEER, 3), "abc".to_owned()), (Action::Close(PEER), String::new())]);
    }

    #[test]
    fn a_source_goes_on_where_it_was_and_ends_when_counted() {
        let mut source = Source::new(Some(100_000));
        let mut actions = Actions::default();
        for event in [Event::Open(PEER), Event::Drained(PEER), Event::Drained(PEER), Event::Drained(PEER)] {
            source.on(event, &mut actions);
        }
        let script = actions.script();
        let all: String = script.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(all.len(), 100_000);
        assert_eq!(script.last().map(|(action, _)| *action), Some(Action::Close(PEER)));
        assert_eq!(source.farewell(PEER), Farewell::Leave);
        source.on(Event::Open(OTHER), &mut actions);
        assert_eq!(source.farewell(OTHER), Farewell::Cut);
        let lines: Vec<_> = all.split("\r\n").collect();
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() == 72), "lines are whole across portions");
        assert!(lines[1].starts_with("!\"#") && lines[95] == lines[0]);
    }
}
