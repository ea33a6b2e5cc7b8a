//! Splits what a server sends into the replies of a dialog, the same ones however the bytes arrive.

use super::{Dialog, Until};
use crate::frame::{FrameError, Framing, Inbox, Role};

/// The received part of one conversation.
#[derive(Debug)]
pub struct Splitter {
    /// The part that is received now: 0 is the greeting, n the reply to message n, and more are bytes that nothing was
    /// expected for.
    part: usize,
    /// The frames of this part so far.
    frames: usize,
    /// Decodes the frames of this part.
    inbox: Inbox,
    /// The bytes of this part that are not a reply yet, where no framing applies.
    open: Vec<u8>,
    /// The unfinished line of `open` begins here.
    line: usize,
    /// All bytes so far, ignored lines included.
    received: usize,
    /// The complete replies.
    replies: Vec<Vec<u8>>,
    /// The last of them grows: bytes without framing are one reply, up to a part whose end is given.
    grows: bool,
    /// What each complete part had.
    learned: Vec<Learned>,
    limit: usize,
}

/// What a part of a conversation had when it was complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Its frames.
    pub frames: usize,
    /// All bytes of the conversation up to then.
    pub received: usize,
    /// All replies up to then.
    pub replies: usize,
}

impl Splitter {
    /// Nothing was received. `limit` is the largest size of a reply.
    #[must_use]
    pub fn new(dialog: &Dialog, limit: usize) -> Splitter {
        let mut splitter = Splitter {
            part: 0,
            frames: 0,
            inbox: Inbox::new(dialog.framing, Role::Responses, limit),
            open: Vec::new(),
            line: 0,
            received: 0,
            replies: Vec::new(),
            grows: false,
            learned: Vec::new(),
            limit,
        };
        splitter.pass_complete(dialog);
        splitter
    }

    /// The number of complete parts: message n may be sent when it is n or more.
    #[must_use]
    pub fn complete(&self) -> usize {
        self.part
    }

    /// Whether the reply to the last message is complete.
    #[must_use]
    pub fn is_complete(&self, dialog: &Dialog) -> bool {
        self.part > dialog.steps.len()
    }

    /// All bytes so far.
    #[must_use]
    pub fn received(&self) -> usize {
        self.received
    }

    /// The number of complete replies.
    #[must_use]
    pub fn replies(&self) -> usize {
        self.replies.len()
    }

    /// What each complete part had.
    #[must_use]
    pub fn learned(&self) -> &[Learned] {
        &self.learned
    }

    /// Whether the part that is received now has had a byte.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.received > self.learned.last().map_or(0, |last| last.received)
    }

    /// Ends a part whose end is not known.
    pub fn advance(&mut self, dialog: &Dialog) {
        self.next_part(dialog);
        self.pass_complete(dialog);
    }

    /// Takes received bytes.
    ///
    /// # Errors
    /// The bytes do not fit the framing, or a reply is too long.
    pub fn receive(&mut self, dialog: &Dialog, mut fresh: &[u8]) -> Result<(), FrameError> {
        loop {
            let before = fresh.len();
            let ends = match dialog.until(self.part) {
                Some(Until::Line(pattern)) => {
                    let has_line = self.take_line(dialog, &mut fresh)?;
                    has_line && pattern.is_match(&self.open) && self.close_reply()
                }
                Some(&Until::Bytes(count)) => {
                    self.open(count - self.open.len(), &mut fresh)?;
                    self.open.len() == count && self.close_reply()
                }
                Some(&Until::Frames(count)) => {
                    self.take_frame(dialog, &mut fresh)?;
                    self.frames == count
                }
                until => {
                    self.take_frame(dialog, &mut fresh)?;
                    let received = self.received + before - fresh.len();
                    matches!(until, Some(&Until::Received(count)) if received >= count)
                }
            };
            self.received += before - fresh.len();
            if ends {
                self.next_part(dialog);
                self.pass_complete(dialog);
            }
            if fresh.is_empty() {
                return Ok(());
            }
        }
    }

    /// The connection has ended: a frame may be complete by that, if the end was an orderly one. Returns the complete
    /// replies, and the bytes after them.
    #[must_use]
    pub fn finish(mut self, orderly: bool) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut rest = self.open;
        if orderly && self.inbox.ends_with_stream() {
            if let Ok(Some(message)) = self.inbox.finish() {
                self.replies.push(message.wire.to_vec());
                return (self.replies, rest);
            }
        }
        rest.extend_from_slice(self.inbox.held());
        (self.replies, rest)
    }

    /// Takes bytes up to the end of a line, if it is complete. An ignored line is dropped.
    fn take_line(&mut self, dialog: &Dialog, fresh: &mut &[u8]) -> Result<bool, FrameError> {
        let end = memchr::memchr(b'\n', fresh);
        self.open(end.map_or(fresh.len(), |end| end + 1), fresh)?;
        if end.is_none() {
            return Ok(false);
        }
        if is_ignored(dialog, &self.open[self.line..]) {
            self.open.truncate(self.line);
            return Ok(false);
        }
        self.line = self.open.len();
        Ok(true)
    }

    /// Takes at most this number of bytes.
    fn open(&mut self, most: usize, fresh: &mut &[u8]) -> Result<(), FrameError> {
        let (taken, rest) = fresh.split_at(most.min(fresh.len()));
        if taken.len() > self.limit.saturating_sub(self.open.len()) {
            return Err(FrameError::TooLong { limit: self.limit });
        }
        self.open.extend_from_slice(taken);
        *fresh = rest;
        Ok(())
    }

    fn close_reply(&mut self) -> bool {
        self.replies.push(std::mem::take(&mut self.open));
        self.grows = false;
        true
    }

    /// Takes one frame, if it is complete.
    fn take_frame(&mut self, dialog: &Dialog, fresh: &mut &[u8]) -> Result<(), FrameError> {
        let Some(message) = self.inbox.pull(fresh)? else { return Ok(()) };
        if dialog.framing == Framing::Lines && is_ignored(dialog, message.wire) {
            return Ok(());
        }
        self.frames += 1;
        match self.replies.last_mut() {
            Some(reply) if self.grows => reply.extend_from_slice(message.wire),
            _ => self.replies.push(message.wire.to_vec()),
        }
        self.grows = dialog.framing == Framing::Raw;
        Ok(())
    }

    /// Passes the parts that are complete at once.
    fn pass_complete(&mut self, dialog: &Dialog) {
        while match dialog.until(self.part) {
            Some(Until::Nothing) => true,
            Some(&Until::Received(count)) => self.received >= count,
            _ => false,
        } {
            self.next_part(dialog);
        }
    }

    fn next_part(&mut self, dialog: &Dialog) {
        let Splitter { frames, received, ref replies, .. } = *self;
        self.learned.push(Learned { frames, received, replies: replies.len() });
        self.part += 1;
        self.frames = 0;
        self.line = 0;
        if let Some(step) = self.part.checked_sub(1).and_then(|step| dialog.steps.get(step)) {
            self.inbox.expect(&step.send);
        }
    }
}

fn is_ignored(dialog: &Dialog, line: &[u8]) -> bool {
    dialog.ignore.iter().any(|pattern| pattern.is_match(line))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::Regex;

    use super::*;
    use crate::dialog::Step;

    fn line(pattern: &str) -> Until {
        Until::Line(Regex::new(pattern).unwrap())
    }

    fn dialog(framing: Framing, greeting: Until, ends: &[Until]) -> Dialog {
        let steps = ends.iter().map(|until| Step::new(b"x".to_vec(), until.clone())).collect();
        Dialog { greeting, steps, framing, ignore: vec![Regex::new("^\\* NOTE").unwrap()], ..Dialog::default() }
    }

    /// The replies and the rest, as text, of bytes that arrive in these pieces.
    fn split(dialog: &Dialog, bytes: &[u8], pieces: &[usize]) -> (Vec<String>, String, usize) {
        let mut splitter = Splitter::new(dialog, 100);
        let mut rest = bytes;
        for &piece in pieces {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            splitter.receive(dialog, now).unwrap();
            rest = later;
        }
        splitter.receive(dialog, rest).unwrap();
        let complete = splitter.complete();
        let (replies, rest) = splitter.finish(true);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (replies.iter().map(|reply| text(reply)).collect(), text(&rest), complete)
    }

    #[test]
    fn each_reply_ends_where_its_step_ends_it() {
        let smtp = dialog(Framing::Lines, line("(?m)^220 "), &[line("(?m)^250 "), Until::Nothing, Until::Frames(2)]);
        let bytes = b"220 hi\r\n250-A\r\n* NOTE\r\n250 B\r\none\ntwo\nthree\nfo";
        let (replies, rest, complete) = split(&smtp, bytes, &[]);
        assert_eq!(replies, ["220 hi\r\n", "250-A\r\n250 B\r\n", "one\n", "two\n", "three\n"]);
        assert_eq!((rest.as_str(), complete), ("fo", 4));
        let binary = dialog(Framing::Raw, Until::Nothing, &[Until::Bytes(2), Until::Bytes(3), Until::Close]);
        assert_eq!(split(&binary, b"abcdef", &[]), (["ab", "cde", "f"].map(str::to_owned).to_vec(), String::new(), 3));
    }

    #[test]
    fn unknown_end_is_learned() {
        let dialog = dialog(Framing::Lines, Until::Nothing, &[Until::Learned, Until::Learned]);
        let mut splitter = Splitter::new(&dialog, 100);
        assert_eq!((splitter.complete(), splitter.has_begun()), (1, false));
        splitter.receive(&dialog, b"a\nb\n").unwrap();
        assert!(splitter.has_begun());
        splitter.advance(&dialog);
        assert!(!splitter.has_begun() && !splitter.is_complete(&dialog));
        splitter.advance(&dialog);
        assert!(splitter.is_complete(&dialog));
        let seen = [(0, 0, 0), (2, 4, 2), (0, 4, 2)];
        let seen = seen.map(|(frames, received, replies)| Learned { frames, received, replies });
        assert_eq!(splitter.learned(), seen);
    }

    #[test]
    fn stream_counts_all_bytes() {
        let dialog =
            dialog(Framing::Raw, Until::Nothing, &[Until::Received(2), Until::Received(2), Until::Received(5)]);
        let mut splitter = Splitter::new(&dialog, 100);
        splitter.receive(&dialog, b"a").unwrap();
        assert_eq!(splitter.complete(), 1);
        splitter.receive(&dialog, b"bcd").unwrap();
        assert_eq!(splitter.complete(), 3);
        splitter.receive(&dialog, b"ef").unwrap();
        assert!(splitter.is_complete(&dialog));
        assert_eq!(splitter.finish(false), (vec![b"abcdef".to_vec()], vec![]));
    }

    #[test]
    fn reply_that_is_too_long_is_an_error() {
        for until in [line("never"), Until::Bytes(1000), Until::Frames(1)] {
            let dialog = dialog(Framing::Lines, Until::Nothing, &[until]);
            let mut splitter = Splitter::new(&dialog, 100);
            assert!(splitter.receive(&dialog, &[b'x'; 100]).is_ok());
            assert!(splitter.receive(&dialog, &[b'x'; 100]).is_err());
        }
    }

    proptest! {
        #[test]
        fn replies_are_the_same_however_the_bytes_arrive(pieces in prop::collection::vec(0usize..9, 0..30)) {
            let bytes = b"220 hi\r\n250-A\r\n* NOTE\r\n250 B\r\none\n* NOTE x\ntwo\n12345three\nfo";
            let ends = [line("(?m)^250 "), Until::Nothing, Until::Frames(2), Until::Bytes(5)];
            let lines = dialog(Framing::Lines, line("(?m)^220 "), &ends);
            prop_assert_eq!(split(&lines, bytes, &pieces), split(&lines, bytes, &[]));
        }
    }
}
