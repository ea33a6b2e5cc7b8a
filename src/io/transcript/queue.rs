//! The lines of a transcript that are not written yet. The queue is bounded: what does not fit is lost, and counted.

use crate::transcript::{Message, write_gap, write_message};

/// The largest number of bytes that wait to be written, unless one message is larger.
const LIMIT: usize = 8 * 1024 * 1024;

/// Lines that wait to be written, in the order of their ids.
#[derive(Debug)]
pub(super) struct Queue {
    lines: Vec<u8>,
    /// The number of messages in these lines.
    waiting: u64,
    /// The id of the first message of the run.
    first: u64,
    /// The id of the next message.
    next: u64,
    /// The number of messages that were lost since the last line.
    gap: u64,
    /// The number of messages that were lost in the whole run.
    lost: u64,
}

impl Queue {
    /// An empty queue; `next` is the id of the first message.
    pub(super) fn new(next: u64) -> Queue {
        Queue { lines: Vec::new(), waiting: 0, first: next, next, gap: 0, lost: 0 }
    }

    /// Adds the line of a message. False: there is no room, and the message is lost.
    pub(super) fn push(&mut self, time: &str, message: &Message<'_>) -> bool {
        let (start, id) = (self.lines.len(), self.next);
        self.next += 1;
        let is_over = |length: usize| start > 0 && length > LIMIT;
        if !is_over(start.saturating_add(message.bytes.len())) {
            self.end_gap(id - 1, time);
            write_message(id, time, message, &mut self.lines);
            if !is_over(self.lines.len()) {
                self.gap = 0;
                self.waiting += 1;
                return true;
            }
            self.lines.truncate(start);
        }
        self.gap += 1;
        self.lost += 1;
        false
    }

    /// Moves all lines to the end of `batch`.
    pub(super) fn take(&mut self, time: &str, batch: &mut Vec<u8>) {
        self.end_gap(self.next - 1, time);
        (self.gap, self.waiting) = (0, 0);
        if batch.is_empty() {
            std::mem::swap(&mut self.lines, batch);
        } else {
            batch.append(&mut self.lines);
        }
    }

    fn end_gap(&mut self, last: u64, time: &str) {
        if self.gap > 0 {
            write_gap(last, time, self.gap, &mut self.lines);
        }
    }

    /// Counts messages that were taken, and cannot be written.
    pub(super) fn note_lost(&mut self, messages: u64) {
        self.lost += messages;
    }

    /// Whether there are no lines to take.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.gap == 0
    }

    /// The id of the last message, lost or not.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Whether so much waits that no more should be received.
    pub(super) fn is_half_full(&self) -> bool {
        self.lines.len() > LIMIT / 2
    }

    /// The number of messages that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// The number of messages that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// The number of messages of the run that were not lost.
    pub(super) fn recorded(&self) -> u64 {
        self.next - self.first - self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Direction;
    use crate::transcript::{Line, parse};

    fn push(queue: &mut Queue, bytes: &[u8]) -> bool {
        let direction = Direction::In;
        queue.push("t", &Message { conn: 1, peer: "p", user: None, room: None, direction, notice: false, bytes })
    }

    /// The ids of the lines, those of gaps with the number of lost messages.
    fn taken(queue: &mut Queue) -> Vec<(u64, u64)> {
        let mut batch = Vec::new();
        queue.take("t", &mut batch);
        let lines = batch.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| match parse(line).unwrap() {
                Line::Message(record) => (record.id, 0),
                Line::Gap { id, lost, .. } => (id, lost),
            })
            .collect()
    }

    #[test]
    fn messages_without_room_are_counted_in_their_place() {
        let mut queue = Queue::new(5);
        let half = vec![b'x'; LIMIT / 2];
        assert!(push(&mut queue, &half) && !push(&mut queue, &half) && !push(&mut queue, &half));
        assert!(push(&mut queue, b"small"), "it fits");
        assert!(!push(&mut queue, &half));
        assert_eq!((queue.waiting(), queue.lost(), queue.recorded()), (2, 3, 2));
        assert_eq!(taken(&mut queue), [(5, 0), (7, 2), (8, 0), (9, 1)]);
        assert!(queue.is_empty() && push(&mut queue, b"a"));
        assert_eq!(taken(&mut queue), [(10, 0)]);
    }

    #[test]
    fn escapes_count_and_one_message_always_fits() {
        let mut queue = Queue::new(1);
        // Each control takes six bytes in the line.
        assert!(push(&mut queue, &vec![0; LIMIT / 4]), "the first always fits");
        assert!(!push(&mut queue, b"a"));
        assert_eq!(taken(&mut queue), [(1, 0), (2, 1)]);
        assert!(push(&mut queue, b"a") && !push(&mut queue, &vec![0; LIMIT / 4]));
        assert_eq!(taken(&mut queue), [(3, 0), (4, 1)]);
        assert!(push(&mut queue, &vec![b'x'; LIMIT + 1]));
        assert_eq!(taken(&mut queue), [(5, 0)]);
    }
}
