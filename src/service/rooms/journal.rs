//! The lines of rooms in the store of the service, and back. A record has the number of the connection, a byte that is 1
//! for a notice, the lengths and bytes of the room and the sender, and then the text.

use super::event::{Happening, RoomEvent, Tone};
use super::name::{Name, RoomName};
use crate::service::PeerId;
use crate::value::Timestamp;

/// A line of a room as it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedLine<'a> {
    /// The client that has sent it.
    pub peer: PeerId,
    /// The room.
    pub room: &'a str,
    /// The name of the sender.
    pub user: &'a str,
    /// How it is meant.
    pub tone: Tone,
    /// The text.
    pub text: &'a [u8],
}

impl<'a> RecordedLine<'a> {
    /// The record of this event; `None` if it is no line of a room.
    #[must_use]
    pub fn of(peer: PeerId, event: &'a RoomEvent) -> Option<Self> {
        let Happening::Line { room, text, tone } = &event.what else { return None };
        Some(RecordedLine { peer, room: room.as_str(), user: event.by.as_ref()?.as_str(), tone: *tone, text })
    }

    /// The bytes of the record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let number = match self.peer {
            PeerId::Console => 0,
            PeerId::Conn(number) => number.index() as u64 + 1,
        };
        let mut out = number.to_le_bytes().to_vec();
        out.push(u8::from(self.tone == Tone::Notice));
        for part in [self.room, self.user] {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(self.text);
        out
    }

    /// The record in these bytes, if they are one.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
            let (number, rest) = bytes.split_first_chunk()?;
            Some((usize::try_from(u64::from_le_bytes(*number)).ok()?, rest))
        }
        fn part(bytes: &[u8]) -> Option<(&str, &[u8])> {
            let (length, rest) = number(bytes)?;
            let (part, rest) = rest.split_at_checked(length)?;
            Some((std::str::from_utf8(part).ok()?, rest))
        }
        let (peer, rest) = number(bytes)?;
        let (&notice, rest) = rest.split_first()?;
        let tone = if notice == 1 { Tone::Notice } else { Tone::Message };
        let (room, rest) = part(rest)?;
        let (user, text) = part(rest)?;
        Some(RecordedLine { peer: peer.checked_sub(1).map_or(PeerId::Console, PeerId::conn), room, user, tone, text })
    }
}

/// The line of an earlier run, with the first id from `next` on that its time allows. `None` if the names are none.
#[must_use]
pub fn restored(next: u64, at: Timestamp, line: &RecordedLine<'_>) -> Option<RoomEvent> {
    let room = RoomName::parse(line.room.as_bytes(), line.room.len()).ok()?;
    let by = Name::parse_recorded(line.user).ok()?;
    let what = Happening::Line { room, text: line.text.into(), tone: line.tone };
    Some(RoomEvent { id: next.max(at.millis() << 10), at, by: Some(by), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_of_a_line_round_trips() {
        for (peer, tone) in
            [(PeerId::Console, Tone::Message), (PeerId::conn(0), Tone::Notice), (PeerId::conn(7), Tone::Message)]
        {
            let line = RecordedLine { peer, room: "lab", user: "ann", tone, text: b"a\xff\0" };
            let bytes = line.encode();
            assert_eq!(RecordedLine::decode(&bytes), Some(line));
            for cut in 0..bytes.len() - line.text.len() {
                assert_eq!(RecordedLine::decode(&bytes[..cut]), None);
            }
            let event = restored(5, Timestamp::from_millis(1), &line).unwrap();
            assert_eq!((event.id, RecordedLine::of(peer, &event)), (1024, Some(line)));
            assert_eq!(restored(2000, Timestamp::from_millis(1), &line).unwrap().id, 2000);
        }
        let bad = RecordedLine { peer: PeerId::Console, room: "a b", user: "ann", tone: Tone::Message, text: b"" };
        assert_eq!(restored(1, Timestamp::default(), &bad), None);
    }
}
