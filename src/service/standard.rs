//! The services every host once had: echo (RFC 862), discard (RFC 863), and a source of bytes (RFC 864's job).

use std::collections::HashMap;

use super::{Context, Entry, Event, OnShutdown, PeerId, Service, Traits};
use crate::frame::Framing;
use crate::value::Word;

/// Sends back what it is sent.
#[derive(Debug, Default)]
pub struct Echo;

impl Echo {
    /// In the registry.
    pub const ENTRY: Entry = Entry {
        word: Word::new("echo", "Send back all received bytes (RFC 862)"),
        traits: Self::TRAITS,
        new: || Box::new(Echo),
    };

    const TRAITS: Traits = Traits { framing: Framing::Raw, raw: true, answers: true, ..Traits::PLAIN };
}

impl Service for Echo {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } => context.send(peer, bytes),
            Event::Eof { peer } | Event::TooLong { peer } => context.close(peer),
            _ => {}
        }
    }
}

/// Reads and discards.
#[derive(Debug, Default)]
pub struct Discard;

impl Discard {
    /// In the registry.
    pub const ENTRY: Entry = Entry {
        word: Word::new("discard", "Read and discard all bytes (RFC 863)"),
        traits: Self::TRAITS,
        new: || Box::new(Discard),
    };

    const TRAITS: Traits = Traits { framing: Framing::Raw, raw: true, writes: false, ..Traits::PLAIN };
}

impl Service for Discard {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        if let Event::Eof { peer } | Event::TooLong { peer } = event {
            context.close(peer);
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
    /// The traits of a source.
    pub const TRAITS: Traits = Traits { framing: Framing::Raw, raw: true, streams: true, ..Traits::PLAIN };

    /// A source of `count` bytes on each connection; `None` is no limit.
    #[must_use]
    pub fn new(count: Option<u64>) -> Self {
        let ring: Vec<u8> = RING.collect();
        let line = |first: usize| ring.iter().cycle().skip(first).take(LINE).chain(b"\r\n").copied();
        let round: Vec<u8> = (0..ring.len()).flat_map(line).collect();
        let period = round.len() as u64;
        let pattern = round.iter().cycle().take(round.len() + 64 * 1024).copied().collect();
        Source { pattern, period, count, sent: HashMap::new() }
    }

    fn give(&mut self, peer: PeerId, context: &mut Context) {
        let Some(sent) = self.sent.get_mut(&peer) else { return };
        let left = self.count.map_or(u64::MAX, |count| count - *sent);
        let portion = left.min(PORTION);
        let index = |n: u64| usize::try_from(n).unwrap_or(0); // both are within the pattern
        let from = index(*sent % self.period);
        context.send(peer, &self.pattern[from..from + index(portion)]);
        *sent += portion;
        if left == portion {
            context.close(peer);
            self.sent.remove(&peer);
        }
    }
}

impl Service for Source {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => {
                self.sent.insert(peer, 0);
            }
            Event::Drained { peer } => self.give(peer, context),
            Event::Closed { peer } => {
                self.sent.remove(&peer);
            }
            _ => {} // received bytes are ignored, and so is their end
        }
    }

    fn on_shutdown(&self, peer: PeerId) -> OnShutdown {
        let is_owed_more = self.count.is_some() && self.sent.contains_key(&peer);
        if is_owed_more { OnShutdown::Abort } else { OnShutdown::Close }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Action;

    const PEER: PeerId = PeerId::conn(1);
    const OTHER: PeerId = PeerId::conn(2);

    #[test]
    fn echo_replies_and_discard_does_not() {
        let mut context = Context::default();
        Echo.on(Event::Message { peer: PEER, bytes: b"abc" }, &mut context);
        Discard.on(Event::Message { peer: PEER, bytes: b"abc" }, &mut context);
        Discard.on(Event::Eof { peer: PEER }, &mut context);
        let script: Vec<_> = context.script().into_iter().collect();
        assert_eq!(script, [(Action::Send(PEER, 3), "abc".to_owned()), (Action::Close(PEER), String::new())]);
    }

    #[test]
    fn source_continues_where_it_stopped_and_ends_at_count() {
        let mut source = Source::new(Some(100_000));
        let mut context = Context::default();
        for event in [
            Event::Open { peer: PEER },
            Event::Drained { peer: PEER },
            Event::Drained { peer: PEER },
            Event::Drained { peer: PEER },
        ] {
            source.on(event, &mut context);
        }
        let script = context.script();
        let all: String = script.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(all.len(), 100_000);
        assert_eq!(script.last().map(|(action, _)| *action), Some(Action::Close(PEER)));
        assert_eq!(source.on_shutdown(PEER), OnShutdown::Close);
        source.on(Event::Open { peer: OTHER }, &mut context);
        assert_eq!(source.on_shutdown(OTHER), OnShutdown::Abort);
        let lines: Vec<_> = all.split("\r\n").collect();
        assert!(lines[..lines.len() - 1].iter().all(|line| line.len() == 72), "lines are whole across portions");
        assert!(lines[1].starts_with("!\"#") && lines[95] == lines[0]);
    }
}
