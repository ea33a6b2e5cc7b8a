//! Plaintext that was received and not taken yet.

/// Decoded bytes in their order.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// They come after `start` bytes that were taken.
    bytes: Vec<u8>,
    start: usize,
    /// The number of bytes taken so far.
    taken: u64,
}

impl Received {
    /// Where more is appended.
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Moves bytes to the start of this buffer, and returns how many.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> usize {
        let left = &self.bytes[self.start..];
        let n = left.len().min(buf.len());
        buf[..n].copy_from_slice(&left[..n]);
        self.start += n;
        self.taken += n as u64;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
        n
    }

    /// So many bytes, which come before those that are here, were taken without being kept here.
    pub(super) fn note_taken(&mut self, n: usize) {
        self.taken += n as u64;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// The number of bytes taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The same with those that are here.
    pub(super) fn total(&self) -> u64 {
        self.taken + (self.bytes.len() - self.start) as u64
    }

    /// Keeps no more memory than this for what may come, if nothing is here.
    pub(super) fn shrink_to(&mut self, kept: usize) {
        if self.bytes.is_empty() {
            self.bytes.shrink_to(kept);
        }
    }
}
