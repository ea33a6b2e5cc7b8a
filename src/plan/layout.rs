//! The positions of the request messages of a sweep in their stream.

use super::trial::{Fin, Label, Place, Trial};

/// The request messages of a sweep as one stream. Offsets count from its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The end of each message.
    ends: Vec<usize>,
    /// The places inside messages that are cut, in rising order; `None` for all of them.
    only: Option<Vec<usize>>,
}

impl Layout {
    /// Messages of these lengths, one after the other.
    #[must_use]
    pub fn new(messages: &[usize]) -> Layout {
        let mut end = 0;
        let next = |len: &usize| {
            end += len;
            end
        };
        Layout { ends: messages.iter().map(next).collect(), only: None }
    }

    /// The same messages, of which only these places are cut once or in pairs: rising offsets inside messages.
    #[must_use]
    pub fn only_at(self, places: Vec<usize>) -> Layout {
        Layout { only: Some(places), ..self }
    }

    /// The same, with this number of messages of the first ones.
    #[must_use]
    pub fn first(mut self, messages: usize) -> Layout {
        self.ends.truncate(messages);
        let end = self.ends.last().copied().unwrap_or(0);
        if let Some(places) = &mut self.only {
            places.retain(|place| *place < end);
        }
        self
    }

    /// The same, without the message with this number, from 1.
    #[must_use]
    pub fn without(mut self, message: usize) -> Layout {
        let start = message.checked_sub(2).and_then(|before| self.ends.get(before).copied()).unwrap_or(0);
        let end = self.ends.remove(message - 1);
        let moved = |at: usize| if at >= end { at - (end - start) } else { at };
        self.ends = self.ends.into_iter().map(moved).collect();
        self.only = self
            .only
            .map(|places| places.into_iter().filter(|place| *place <= start || *place >= end).map(moved).collect());
        self
    }

    /// The trial that cuts nothing: each message is one write.
    #[must_use]
    pub fn whole(&self) -> Trial {
        self.trial(Label::Whole, &[], vec![])
    }

    /// The trial that cuts nothing, also not between messages: all of them are one write.
    #[must_use]
    pub fn one_write(&self) -> Trial {
        self.trial(Label::Whole, self.boundaries(), vec![])
    }

    /// The number of bytes of all messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The trial that makes these cuts.
    #[must_use]
    pub fn cut_at(&self, cuts: Vec<usize>) -> Trial {
        let name = match cuts[..] {
            [cut] => Label::Cut(self.locate(cut)),
            [one, other] => Label::Pair(self.locate(one.min(other)), self.locate(one.max(other))),
            _ => Label::Shrunk,
        };
        self.trial(name, &[], cuts)
    }

    /// The offsets where one message ends and the next begins.
    #[must_use]
    pub fn boundaries(&self) -> &[usize] {
        self.ends.split_last().map_or(&[], |(_, boundaries)| boundaries)
    }

    /// The message that an offset is in. A boundary is in the message that it begins.
    #[must_use]
    pub fn locate(&self, offset: usize) -> Place {
        let message = self.boundaries().partition_point(|end| *end <= offset);
        Place { message: message + 1, offset: offset - self.start(message) }
    }

    /// The offset of a place; 0 where there is no such message.
    #[must_use]
    pub fn offset(&self, Place { message, offset }: Place) -> usize {
        let before = message.checked_sub(2).map_or(Some(&0), |before| self.ends.get(before));
        before.map_or(0, |start| start + offset)
    }

    /// The trial in which these boundaries are not cut, and these places inside messages are.
    pub(super) fn trial(&self, name: Label, joined: &[usize], mut cuts: Vec<usize>) -> Trial {
        cuts.extend(self.boundaries().iter().filter(|end| joined.binary_search(end).is_err()));
        cuts.sort_unstable();
        // An empty message has two boundaries at one place, or one at an end of the stream.
        cuts.dedup();
        cuts.retain(|cut| *cut > 0 && Some(cut) != self.ends.last());
        Trial { name, header: vec![], hello: None, cuts, joined: joined.to_vec(), fin: Fin::Replied }
    }

    fn start(&self, message: usize) -> usize {
        if message == 0 { 0 } else { self.ends[message - 1] }
    }

    /// The start and length of each message.
    fn messages(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.ends.iter().enumerate().map(|(message, end)| (self.start(message), end - self.start(message)))
    }

    /// Whether there are no messages.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The length of the longest message.
    pub(super) fn longest(&self) -> usize {
        self.messages().map(|(_, len)| len).max().unwrap_or(0)
    }

    /// The number of places inside messages.
    pub(super) fn places(&self) -> u64 {
        if let Some(places) = &self.only {
            return places.len() as u64;
        }
        self.messages().map(|(_, len)| len.saturating_sub(1) as u64).sum()
    }

    /// The place with this number, from 0, as an offset.
    pub(super) fn place(&self, number: u64) -> usize {
        let mut left = usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(places) = &self.only {
            return places.get(left).copied().unwrap_or(0);
        }
        for (start, len) in self.messages() {
            let places = len.saturating_sub(1);
            if left < places {
                return start + left + 1;
            }
            left -= places;
        }
        0
    }

    pub(super) fn chunks(&self, size: usize) -> Vec<usize> {
        self.messages().flat_map(|(start, len)| (start..start + len).step_by(size).skip(1)).collect()
    }

    /// The boundaries inside groups of `count` messages.
    pub(super) fn joined(&self, count: usize) -> Vec<usize> {
        let inside = |(number, _): &(usize, &usize)| (number + 1) % count != 0;
        self.boundaries().iter().enumerate().filter(inside).map(|(_, end)| *end).collect()
    }

    pub(super) fn crossing(&self, label: Label) -> Vec<usize> {
        let cut = |(start, len): (usize, usize)| match label {
            Label::CrossingMiddle => start + len / 2,
            Label::Crossing(-1) => start + len - 1,
            _ => start + 1,
        };
        self.messages().filter(|(_, len)| *len > 1).map(cut).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_that_is_left_out_has_no_places() {
        let layout = Layout::new(&[4, 3, 5]).only_at(vec![1, 5, 6, 8, 11]);
        assert_eq!(layout.clone().without(2), Layout::new(&[4, 5]).only_at(vec![1, 5, 8]));
        assert_eq!(layout.clone().without(1), Layout::new(&[3, 5]).only_at(vec![1, 2, 4, 7]));
        assert_eq!(layout.without(3), Layout::new(&[4, 3]).only_at(vec![1, 5, 6]));
    }

    #[test]
    fn offsets_are_found_in_their_message() {
        let layout = Layout::new(&[4, 2, 1]);
        let at = |offset| (layout.locate(offset).message, layout.locate(offset).offset);
        assert_eq!([at(0), at(3), at(4), at(5), at(6), at(7)], [(1, 0), (1, 3), (2, 0), (2, 1), (3, 0), (3, 1)]);
        assert!((0..7).all(|offset| layout.offset(layout.locate(offset)) == offset));
    }

    #[test]
    fn empty_message_adds_no_cut() {
        assert_eq!(Layout::new(&[0, 3, 0, 2, 0]).whole().cuts, [3]);
        assert_eq!(Layout::new(&[]).whole().cuts, Vec::<usize>::new());
    }

    #[test]
    fn every_offset_inside_a_message_has_a_number() {
        let layout = Layout::new(&[3, 1, 0, 2]);
        let places: Vec<usize> = (0..layout.places()).map(|number| layout.place(number)).collect();
        assert_eq!(places, [1, 2, 5]);
        let layout = layout.only_at(vec![2, 5]);
        assert_eq!((layout.places(), layout.place(0), layout.place(1), layout.place(2)), (2, 2, 5, 0));
        let layout = layout.first(1);
        assert_eq!((layout.places(), layout.place(0), layout.boundaries().len()), (1, 2, 0));
    }
}
