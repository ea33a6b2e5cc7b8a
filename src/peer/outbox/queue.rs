//! Bytes in the order they go out, taken from the front without moving the rest each time.

/// An idle connection keeps no more memory than this for what it may write again.
const KEPT: usize = 256;

/// The bytes that are still to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Adds bytes in front of all others.
    pub(super) fn push_front(&mut self, bytes: &[u8]) {
        self.bytes.splice(self.start..self.start, bytes.iter().copied());
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start >= self.len() {
            // At most as much is moved as was written since the last time: linear in the bytes.
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds these bytes and leaves an empty vector, whose memory can be used again.
    pub(super) fn take(&mut self, bytes: &mut Vec<u8>) {
        if self.len() == 0 {
            self.bytes.clear();
            self.start = 0;
            std::mem::swap(&mut self.bytes, bytes);
        } else {
            self.push(bytes);
            bytes.clear();
        }
    }

    pub(super) fn advance(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    pub(super) fn shrink(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_moved_only_after_as_much_was_written() {
        let mut queue = Queue::default();
        queue.push(b"0123456789");
        for (written, start) in [(1, 1), (4, 5), (1, 0)] {
            queue.advance(written);
            queue.push(b"x");
            assert_eq!(queue.start, start);
        }
        assert_eq!(queue.bytes(), b"6789xxx");
    }

    #[test]
    fn empty_queue_takes_a_vector_instead_of_its_bytes() {
        let mut queue = Queue::default();
        queue.push(b"01");
        let mut more = b"23".to_vec();
        queue.take(&mut more);
        assert_eq!((queue.bytes(), more.as_slice()), (&b"0123"[..], &b""[..]));
        queue.advance(4);
        more = b"45".to_vec();
        let place = more.as_ptr();
        queue.take(&mut more);
        assert_eq!((queue.bytes(), queue.bytes().as_ptr()), (&b"45"[..], place));
        assert!(more.is_empty() && more.capacity() > 0, "the memory of the queue is used again");
    }

    #[test]
    fn empty_queue_frees_the_memory_of_a_burst() {
        let mut queue = Queue::default();
        for (burst, kept) in [(100, true), (KEPT, true), (1000, false)] {
            queue.push(&vec![7; burst]);
            queue.advance(burst - 1);
            queue.shrink();
            assert_eq!(queue.bytes(), [7]);
            queue.advance(1);
            queue.shrink();
            assert_eq!((queue.start, queue.bytes.capacity() > 0), (0, kept));
        }
    }
}
