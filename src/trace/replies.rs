//! Reply times, from the writes and reads that carried the last bytes of a message and of its reply.

use std::collections::VecDeque;

use super::conns::ConnMap;
use super::event::{Direction, Event, EventKind, Side};
use crate::value::{ExpectedReplies, Pairing};

/// The largest number of entries of each queue of a connection. Beyond it, reply times are not measured.
const MOST: usize = 64 * 1024;
/// The largest number of reads that are kept for the messages that end in them.
const READS: usize = 1024;

/// Measures reply times where it is certain which reply answers which message.
///
/// At a connection that was made, a reply time begins with the write that carries the last byte of the message, and
/// ends with the read that returns the last byte of its last reply. At one that was accepted, it begins with the read
/// and ends with the write. A reply without a message ends the measuring of its connection.
#[derive(Clone, Debug, Default)]
pub struct ReplyTimes {
    pairing: Pairing,
    open: ConnMap<Open>,
}

/// The messages and replies of an open connection.
#[derive(Clone, Debug)]
struct Open {
    /// The direction of the messages that are answered.
    asks: Direction,
    expected: ExpectedReplies,
    /// Whether a layer such as TLS encodes bytes: messages are then at offsets of the plaintext.
    is_layered: bool,
    /// The records that were not written: the offset after each on the wire and in the plaintext.
    records: VecDeque<(u64, u64)>,
    /// The messages or replies whose last byte was not written.
    unwritten: VecDeque<Unwritten>,
    /// The time of the latest read.
    read_at: u64,
    /// The offset after each of the last reads, where messages have offsets, and its time.
    reads: VecDeque<(u64, u64)>,
    /// The messages without their reply, whose last byte was written or read.
    asked: VecDeque<Asked>,
    /// The replies received of those to the first message.
    parts: u32,
}

/// A message or reply whose last byte was not written.
#[derive(Clone, Copy, Debug)]
struct Unwritten {
    /// The offset after its last byte.
    end: u64,
    /// The number of the message.
    number: u64,
    /// Of a reply: when its message was read.
    since: u64,
}

/// Messages that follow each other, and whose last bytes were written or read at the same time.
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u64,
    count: u64,
    /// The time; `None`: it is not known.
    at: Option<u64>,
}

impl ReplyTimes {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(pairing: Pairing) -> Self {
        ReplyTimes { pairing, open: ConnMap::default() }
    }

    /// Notes an event, and appends an event for each reply that it completes.
    pub fn note(&mut self, event: &Event, replies: &mut Vec<Event>) {
        match &event.what {
            EventKind::Open { side, .. } => {
                let (asks, expected) = match side {
                    Side::Connect => (Direction::Out, self.pairing.made),
                    Side::Listen => (Direction::In, self.pairing.accepted.then_some(ExpectedReplies::ONE)),
                };
                if let Some(expected) = expected {
                    self.open.insert(event.conn, Open::new(asks, expected));
                }
            }
            EventKind::Close { .. } => {
                self.open.remove(&event.conn);
            }
            what => {
                let Some(open) = self.open.get_mut(&event.conn) else { return };
                let mut complete = |number, nanos| {
                    replies.push(Event::new(event.t, event.conn, EventKind::Reply { number, nanos }));
                };
                if open.note(event.t, what, &mut complete).is_none() {
                    self.open.remove(&event.conn);
                }
            }
        }
    }
}

impl Open {
    fn new(asks: Direction, expected: ExpectedReplies) -> Self {
        Open {
            asks,
            expected,
            is_layered: false,
            records: VecDeque::new(),
            unwritten: VecDeque::new(),
            read_at: 0,
            reads: VecDeque::new(),
            asked: VecDeque::new(),
            parts: 0,
        }
    }

    /// Notes an event. `complete` gets the number of each message whose reply is complete, and its reply time. `None`:
    /// messages and replies can no longer be paired.
    fn note(&mut self, now: u64, what: &EventKind, complete: &mut impl FnMut(u64, u64)) -> Option<()> {
        match what {
            EventKind::Write { offset, accepted, .. } => self.on_written(offset + accepted, now, complete),
            EventKind::Read { offset, len } => {
                self.read_at = now;
                if !self.is_layered {
                    self.on_read(offset + len);
                }
            }
            EventKind::Record { dir, offset, len, end, .. } => {
                if !std::mem::replace(&mut self.is_layered, true) {
                    self.reads.clear(); // they have offsets on the wire
                }
                match dir {
                    Direction::Out if self.records.len() < MOST => self.records.push_back((offset + len, *end)),
                    Direction::Out => return None,
                    Direction::In => self.on_read(*end),
                }
            }
            EventKind::Message { dir, number, end, .. } if *dir == self.asks => match dir {
                Direction::Out => self.push_unwritten(Unwritten { end: *end, number: *number, since: 0 })?,
                Direction::In => {
                    let at = self.time_of_read(*end);
                    self.push_asked(*number, at);
                }
            },
            EventKind::Message { dir: Direction::In, end, .. } => self.on_reply_read(*end, complete)?,
            EventKind::Message { dir: Direction::Out, end, .. } => {
                // A login is not recorded, and is replied to.
                if let Some((number, Some(since))) = self.answer_first() {
                    self.push_unwritten(Unwritten { end: *end, number, since })?;
                }
            }
            _ => {}
        }
        Some(())
    }

    /// Bytes were written up to this offset on the wire.
    fn on_written(&mut self, mut reached: u64, now: u64, complete: &mut impl FnMut(u64, u64)) {
        if self.is_layered {
            let mut plaintext = None;
            while let Some((_, end)) = pop_if(&mut self.records, |(wire, _)| *wire <= reached) {
                plaintext = Some(end);
            }
            let Some(end) = plaintext else { return };
            reached = end;
        }
        while let Some(Unwritten { number, since, .. }) = pop_if(&mut self.unwritten, |next| next.end <= reached) {
            match self.asks {
                Direction::Out => self.push_asked(number, Some(now)),
                Direction::In => complete(number, now.saturating_sub(since)),
            }
        }
    }

    /// Bytes were read up to this offset.
    fn on_read(&mut self, reached: u64) {
        if self.reads.len() == READS {
            self.reads.pop_front();
        }
        self.reads.push_back((reached, self.read_at));
    }

    /// When the byte before this offset was read.
    fn time_of_read(&mut self, end: u64) -> Option<u64> {
        while pop_if(&mut self.reads, |(reached, _)| *reached < end).is_some() {}
        self.reads.front().map(|&(_, at)| at)
    }

    /// A reply was received.
    fn on_reply_read(&mut self, end: u64, complete: &mut impl FnMut(u64, u64)) -> Option<()> {
        if self.expected.greeting > 0 {
            self.expected.greeting -= 1;
            return Some(());
        }
        if self.asked.is_empty() {
            // The server replies to a message before it has all of it.
            let Unwritten { number, .. } = self.unwritten.pop_front()?;
            self.push_asked(number, None);
        }
        self.parts += 1;
        if self.parts >= self.expected.each {
            self.parts = 0;
            let (number, since) = self.answer_first()?;
            if let Some((since, at)) = since.zip(self.time_of_read(end)) {
                complete(number, at.saturating_sub(since));
            }
        }
        Some(())
    }

    fn push_unwritten(&mut self, unwritten: Unwritten) -> Option<()> {
        if self.unwritten.len() == MOST {
            return None;
        }
        self.unwritten.push_back(unwritten);
        Some(())
    }

    fn push_asked(&mut self, number: u64, mut at: Option<u64>) {
        if self.asked.len() >= MOST {
            at = None; // the rest is one entry
        }
        match self.asked.back_mut() {
            Some(last) if last.at == at && last.number + last.count == number => last.count += 1,
            _ => self.asked.push_back(Asked { number, count: 1, at }),
        }
    }

    /// Takes the first message without a reply: its number and time.
    fn answer_first(&mut self) -> Option<(u64, Option<u64>)> {
        let first = self.asked.front_mut()?;
        let Asked { number, at, .. } = *first;
        (first.number, first.count) = (number + 1, first.count - 1);
        if first.count == 0 {
            self.asked.pop_front();
        }
        Some((number, at))
    }
}

/// Takes the first entry of a queue, if it is so.
fn pop_if<T>(queue: &mut VecDeque<T>, is_so: impl FnOnce(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(is_so) { queue.pop_front() } else { None }
}

#[cfg(test)]
mod tests {
    use super::super::event::ConnId;
    use super::*;
    use crate::trace::samples::{coalesced, event, loopback};

    const BOTH: Pairing = Pairing { made: Some(ExpectedReplies::ONE), accepted: true };

    /// Connection, number and time of each reply in microseconds.
    fn replies(events: &[Event], pairing: Pairing) -> Vec<(ConnId, u64, u64)> {
        let (mut times, mut found) = (ReplyTimes::new(pairing), Vec::new());
        for event in events {
            times.note(event, &mut found);
        }
        let shown = found.iter().map(|event| match event.what {
            EventKind::Reply { number, nanos } => (event.conn, number, nanos / 1000),
            _ => panic!("{event:?}"),
        });
        shown.collect()
    }

    fn opened(side: Side) -> Event {
        event(0, 1, EventKind::Open { side, local: String::new(), peer: String::new(), made_for: None })
    }

    fn message(t: u64, dir: Direction, number: u64, end: u64) -> Event {
        event(t, 1, EventKind::Message { dir, number, start: 0, end })
    }

    fn write(t: u64, offset: u64, accepted: u64) -> Event {
        event(t, 1, EventKind::Write { offset, asked: accepted, accepted, pinned: false })
    }

    fn read(t: u64, offset: u64, len: u64) -> Event {
        event(t, 1, EventKind::Read { offset, len })
    }

    /// The times that the events of the samples have, on both sides.
    #[test]
    fn reply_time_lies_between_the_last_bytes() {
        let times = |events: &[Event], pairing| {
            let mut found = replies(events, pairing);
            found.sort_unstable();
            found
        };
        let all = times(&loopback(2, &[1, 5]), BOTH);
        assert_eq!(all.iter().map(|reply| (reply.0, reply.1)).collect::<Vec<_>>(), [(1, 1), (1, 2), (2, 1), (2, 2)]);
        assert!(all[0].2 > all[2].2 && all[1].2 > all[3].2 && all[2].2 > 0, "{all:?}");
        assert_eq!(times(&loopback(2, &[1, 5]), Pairing { accepted: false, ..BOTH }), all[..2]);
        assert_eq!(times(&loopback(2, &[]), Pairing::default()), []);
        // Both replies are in one write; the first message ends in the same read as the second one.
        let all = times(&coalesced(), BOTH);
        assert_eq!(all.iter().map(|reply| (reply.0, reply.1)).collect::<Vec<_>>(), [(2, 1), (2, 2)]);
        assert!(all[0].2 == all[1].2 && all[0].2 > 8, "{all:?}");
    }

    #[test]
    fn records_carry_messages_and_replies() {
        let record = |t, dir, offset, len, start, end| event(t, 1, EventKind::Record { dir, offset, len, start, end });
        let run = [
            opened(Side::Connect),
            record(1_000, Direction::Out, 0, 100, 0, 0),
            write(1_000, 0, 100),
            read(2_000, 0, 200),
            record(2_000, Direction::In, 0, 200, 0, 0),
            message(2_000, Direction::Out, 1, 10),
            record(2_000, Direction::Out, 100, 25, 0, 3),
            record(2_000, Direction::Out, 125, 29, 3, 10),
            write(2_000, 100, 25),
            write(3_000, 125, 29),
            read(7_000, 200, 30),
            read(8_000, 230, 14),
            record(8_000, Direction::In, 200, 44, 0, 22),
            read(9_000, 244, 9),
            message(9_000, Direction::In, 1, 22),
        ];
        assert_eq!(replies(&run, BOTH), [(1, 1, 5)]);
    }

    #[test]
    fn greeting_is_no_reply_and_a_message_may_have_several() {
        let pairing = Pairing { made: Some(ExpectedReplies { each: 2, greeting: 1 }), accepted: false };
        let run = [
            opened(Side::Connect),
            read(1_000, 0, 4),
            message(1_000, Direction::In, 1, 4),
            message(2_000, Direction::Out, 1, 10),
            write(3_000, 0, 10),
            read(8_000, 4, 6),
            message(8_000, Direction::In, 2, 8),
            read(9_000, 10, 4),
            message(9_500, Direction::In, 3, 12),
            message(9_500, Direction::In, 4, 14),
        ];
        assert_eq!(replies(&run, pairing), [(1, 1, 6)]);
    }

    #[test]
    fn reply_without_a_message_ends_the_measuring() {
        let end = |first: u64| {
            [
                message(first, Direction::Out, 1, 5),
                write(first, 0, 5),
                read(9_000, 0, 9),
                message(9_000, Direction::In, 1, 9),
            ]
        };
        let run = |unasked: &[Event]| [&[opened(Side::Connect)], unasked, &end(5_000)].concat();
        assert_eq!(replies(&run(&[]), BOTH), [(1, 1, 4)]);
        assert_eq!(replies(&run(&[read(1_000, 0, 3), message(1_000, Direction::In, 1, 3)]), BOTH), []);
    }

    #[test]
    fn early_reply_and_its_login_have_no_time() {
        let early = [
            opened(Side::Connect),
            message(1_000, Direction::Out, 1, 10),
            message(1_000, Direction::Out, 2, 12),
            write(1_000, 0, 5),
            read(2_000, 0, 3),
            message(2_000, Direction::In, 1, 3),
            write(3_000, 5, 7),
            read(7_000, 3, 3),
            message(7_000, Direction::In, 2, 6),
        ];
        assert_eq!(replies(&early, BOTH), [(1, 2, 4)]);
        let login = [
            opened(Side::Listen),
            read(1_000, 0, 30),
            message(1_000, Direction::Out, 1, 3),
            write(1_000, 0, 3),
            message(2_000, Direction::In, 3, 30),
            message(2_000, Direction::Out, 2, 9),
            write(2_000, 3, 4),
            write(6_000, 7, 2),
        ];
        assert_eq!(replies(&login, BOTH), [(1, 3, 5)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut times = ReplyTimes::new(BOTH);
        let mut note = |event: Event| {
            times.note(&event, &mut Vec::new());
            let open = &times.open[&1];
            (open.asked.len(), open.unwritten.len(), open.reads.len())
        };
        note(opened(Side::Connect));
        let mut most = (0, 0, 0);
        for number in 1..=200_000 {
            note(message(number, Direction::Out, number, number));
            note(write(number, number - 1, 1));
            let (asked, unwritten, reads) = note(read(number, number - 1, 1));
            most = (most.0.max(asked), most.1.max(unwritten), most.2.max(reads));
        }
        assert_eq!(most, (MOST + 1, 0, READS));
    }
}
