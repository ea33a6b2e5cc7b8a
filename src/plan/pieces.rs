//! The pieces that a plan makes of one direction of a connection: of its messages, joined in groups, or of its stream.

use std::collections::VecDeque;

use super::{Cutter, Piece, Plan};

/// A group that is not full is complete at this size, to bound the memory that a peer can make us use.
const HELD: usize = 1024 * 1024;

/// Makes pieces of the bytes that are queued for one direction of a connection.
#[derive(Debug)]
pub struct Pieces {
    cutter: Cutter,
    raw: bool,
    coalesce: usize,
    /// Lengths of the messages that are not in a group yet, and their sum.
    messages: VecDeque<usize>,
    ungrouped: usize,
    /// Lengths of the messages whose pieces are being taken.
    group: Vec<usize>,
    /// A group that is not full is taken as it is.
    hurry: bool,
}

impl Pieces {
    /// Without bytes yet. `stream` is the number of the connection, which selects its random numbers; with `raw`
    /// the bytes are one stream without messages.
    #[must_use]
    pub fn new(plan: &Plan, stream: u64, raw: bool) -> Self {
        Pieces {
            cutter: Cutter::new(plan, stream),
            raw,
            coalesce: plan.coalesce.get(),
            messages: VecDeque::new(),
            ungrouped: 0,
            group: Vec::new(),
            hurry: false,
        }
    }

    /// Adds messages of these lengths that stand one after the other in `bytes`.
    pub fn take_in(&mut self, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        self.hurry = false;
        if self.raw {
            return self.cutter.read(bytes, false);
        }
        let before = self.messages.len();
        self.ungrouped += bytes.len();
        self.messages.extend(lengths.filter(|&length| length > 0));
        if self.cutter.wants_bytes() {
            let mut rest = bytes;
            for &length in self.messages.range(before..) {
                let (message, after) = rest.split_at(length.min(rest.len()));
                self.cutter.read(message, true);
                rest = after;
            }
        }
    }

    /// The next piece of the `queued` bytes that are in no piece yet; `None` if there is none yet.
    pub fn next(&mut self, queued: usize) -> Option<Piece> {
        if self.raw {
            return self.cutter.next_in_stream(queued);
        }
        if let Some(piece) = self.cutter.next_piece() {
            return Some(piece);
        }
        self.group.clear();
        if self.messages.is_empty() || self.is_holding() {
            return None;
        }
        let joined = self.coalesce.min(self.messages.len());
        self.group.extend(self.messages.drain(..joined));
        self.ungrouped -= self.group.iter().sum::<usize>();
        self.cutter.group(&self.group);
        self.cutter.next_piece()
    }

    /// No further message follows: those that wait to be joined with others are taken now.
    pub fn end_group(&mut self) {
        self.hurry = true;
    }

    /// The number of bytes that wait for further messages to be joined with.
    #[must_use]
    pub fn held_back(&self) -> usize {
        if self.is_holding() { self.ungrouped } else { 0 }
    }

    /// The number of messages whose group was not followed by another look for a piece.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.messages.len() + self.group.len()
    }

    /// Whether the messages that are in no group yet wait for further ones.
    fn is_holding(&self) -> bool {
        self.messages.len() < self.coalesce && !self.hurry && self.ungrouped < HELD
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Cutting;
    use crate::value::Pattern;

    fn at(patterns: &[&[u8]]) -> Plan {
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("\\x{byte:02x}"));
        let written = patterns.iter().map(|bytes| hex(bytes));
        Plan { cutting: Cutting::At(written.map(|text| text.parse::<Pattern>().unwrap()).collect()), ..Plan::default() }
    }

    /// Where the occurrences of the patterns end, found slowly.
    fn ends(bytes: &[u8], patterns: &[&[u8]]) -> Vec<usize> {
        (1..bytes.len()).filter(|&end| patterns.iter().any(|pattern| bytes[..end].ends_with(pattern))).collect()
    }

    /// The offsets at which the plan cuts these bytes, which are given in parts; and whether each byte was given out
    /// as soon as it was there.
    fn cuts(plan: &Plan, raw: bool, parts: &[&[u8]]) -> Vec<usize> {
        let (mut pieces, mut queued, mut done, mut cuts) = (Pieces::new(plan, 0, raw), 0, 0, Vec::new());
        let total: usize = parts.iter().map(|part| part.len()).sum();
        for part in parts {
            pieces.take_in(part, std::iter::once(part.len()));
            queued += part.len();
            while let Some(piece) = pieces.next(queued) {
                queued -= piece.len;
                done += piece.len;
                if piece.is_whole && done < total {
                    cuts.push(done);
                }
            }
            assert_eq!(queued, 0, "bytes are held back");
        }
        assert_eq!(done, total);
        cuts
    }

    #[test]
    fn cuts_stand_after_each_occurrence() {
        let crlf = at(&[b"\r\n"]);
        assert_eq!(cuts(&crlf, true, &[b"a\r", b"\nb\r\n", b"\r", b"c"]), [3, 6]);
        assert_eq!(cuts(&at(&[b"\r"]), true, &[b"a\r\nb\r\n"]), [2, 5]);
        assert_eq!(cuts(&at(&[b"aa", b"b"]), true, &[b"aaab"]), [2, 3]);
        // A message ends the search, and cuts by its end.
        assert_eq!(cuts(&crlf, false, &[b"a\r", b"\nb\r\nc", b"d"]), [2, 6, 7]);
        let joined = Plan { coalesce: 2.try_into().unwrap(), ..crlf };
        let mut pieces = Pieces::new(&joined, 0, false);
        pieces.take_in(b"a\r\nbc\r\nd", [4, 4].into_iter());
        let lengths: Vec<usize> = std::iter::from_fn(|| pieces.next(0)).map(|piece| piece.len).collect();
        assert_eq!(lengths, [3, 4, 1]);
    }

    fn matching(expressions: &[&str]) -> Plan {
        let parsed = expressions.iter().map(|text| text.parse().unwrap()).collect();
        Plan { cutting: Cutting::AtRegex(parsed), ..Plan::default() }
    }

    /// The lengths of the pieces of these messages, which are given in batches of these numbers of messages.
    fn lengths(plan: &Plan, messages: &[Vec<u8>], batches: &[usize]) -> Vec<usize> {
        let (mut pieces, mut rest, mut found) = (Pieces::new(plan, 0, false), messages, Vec::new());
        for count in batches.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, later) = rest.split_at((*count).min(rest.len()));
            rest = later;
            pieces.take_in(&batch.concat(), batch.iter().map(Vec::len));
            found.extend(std::iter::from_fn(|| pieces.next(0)).map(|piece| piece.len));
        }
        pieces.end_group();
        found.extend(std::iter::from_fn(|| pieces.next(0)).map(|piece| piece.len));
        assert_eq!(pieces.unfinished(), 0);
        found
    }

    #[test]
    fn cuts_stand_after_each_match_in_a_message() {
        let given = |expressions: &[&str], messages: &[&[u8]]| {
            let messages: Vec<Vec<u8>> = messages.iter().map(|message| message.to_vec()).collect();
            lengths(&matching(expressions), &messages, &[1])
        };
        // The longest match counts, and an empty one at a start is no cut.
        assert_eq!(given(&["a+", "a"], &[b"caab", b"aab"]), [2, 1, 1, 1, 1, 1]);
        assert_eq!(given(&[r"\b"], &[b"ab cd\n"]), [2, 1, 2, 1]);
        assert_eq!(given(&["(?m)^[A-Z]+:", "\n"], &[b"A: 1\nB: 2\n"]), [2, 3, 2, 3]);
        // No match reaches into the next message, or out of the last one.
        assert_eq!(given(&["ab", "^b", "a$"], &[b"xa", b"bx"]), [2, 1, 1]);
        let joined = Plan { coalesce: 2.try_into().unwrap(), ..matching(&["^", "b", "$"]) };
        assert_eq!(lengths(&joined, &[b"abc".to_vec(), b"bd".to_vec()], &[2]), [2, 1, 1, 1]);
        let joined = Plan { coalesce: 2.try_into().unwrap(), ..matching(&["^", "b"]) };
        assert_eq!(lengths(&joined, &[b"abc".to_vec(), b"bd".to_vec()], &[2]), [2, 2, 1]);
    }

    proptest! {
        #[test]
        fn matches_are_cut_however_the_messages_arrive(
            messages in prop::collection::vec(prop::collection::vec(0u8..3, 1..20), 1..8),
            batches in prop::collection::vec(1usize..4, 1..8), coalesce in 1usize..4,
            expressions in prop::sample::subsequence(vec![r"\x00+", r"\x01\x02?", r"^\x02", r"\x00$", r"(?s).\x02*\x01", ""], 1..4),
        ) {
            let plan = Plan { coalesce: coalesce.try_into().unwrap(), ..matching(&expressions) };
            let mut ends = std::collections::BTreeSet::new();
            let mut start = 0;
            for (number, message) in (1..).zip(&messages) {
                for expression in &expressions {
                    let found = regex::bytes::Regex::new(expression).unwrap();
                    ends.extend(found.find_iter(message).map(|found| found.end()).filter(|end| *end > 0).map(|end| start + end));
                }
                start += message.len();
                if number % coalesce == 0 {
                    ends.insert(start);
                }
            }
            ends.insert(start);
            let mut done = 0;
            let found: Vec<usize> = lengths(&plan, &messages, &batches).iter().map(|len| { done += len; done }).collect();
            prop_assert_eq!(found, ends.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn occurrences_are_cut_however_the_stream_arrives(
            bytes in prop::collection::vec(0u8..3, 1..60), sizes in prop::collection::vec(1usize..9, 1..60),
            patterns in prop::collection::vec(prop::collection::vec(0u8..3, 1..4), 1..4),
        ) {
            let patterns: Vec<&[u8]> = patterns.iter().map(Vec::as_slice).collect();
            let (mut parts, mut rest) = (Vec::new(), bytes.as_slice());
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (part, after) = rest.split_at((*size).min(rest.len()));
                parts.push(part);
                rest = after;
            }
            prop_assert_eq!(cuts(&at(&patterns), true, &parts), ends(&bytes, &patterns));
            // In one message, too.
            prop_assert_eq!(cuts(&at(&patterns), false, &[&bytes]), ends(&bytes, &patterns));
        }
    }
}
