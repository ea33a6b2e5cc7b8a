//! Keeps the bytes read from stdin, so that a retry can send them over another connection.

use super::Console;

/// The largest number of bytes that are kept.
const LIMIT: usize = 1 << 20;

/// All bytes read from stdin so far.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    /// Whether the end of stdin was read as well.
    ended: bool,
}

/// stdin from its beginning: kept bytes are read first, and bytes that are read are kept.
#[derive(Debug)]
pub(super) struct Replay {
    kept: Kept,
    /// The number of kept bytes that were read again.
    read: usize,
    /// Whether a retry may follow.
    keeps: bool,
}

impl Replay {
    /// Reads kept bytes. `None`: continue with stdin itself. 0 bytes are the end of stdin.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Option<usize> {
        let rest = &self.kept.bytes[self.read..];
        if rest.is_empty() {
            return self.kept.ended.then_some(0);
        }
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.read += len;
        Some(len)
    }

    /// Keeps bytes that were read from stdin itself. False: the limit is exceeded, and nothing is kept any
    /// more.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        if !self.keeps || self.kept.bytes.len() + bytes.len() > LIMIT {
            return false;
        }
        self.kept.bytes.extend_from_slice(bytes);
        self.kept.ended = bytes.is_empty();
        self.read = self.kept.bytes.len();
        true
    }

    /// Whether kept bytes, or the kept end, are left to read.
    pub(super) fn has_more(&self) -> bool {
        self.unread() > 0 || self.kept.ended
    }

    /// The number of kept bytes that were not read again.
    pub(super) fn unread(&self) -> u64 {
        (self.kept.bytes.len() - self.read) as u64
    }
}

impl Console {
    /// Reads these kept bytes first. Bytes read from now on are kept only if a retry may follow.
    pub fn replay(&mut self, kept: Kept, keeps: bool) {
        self.replay = Some(Box::new(Replay { kept, read: 0, keeps }));
        if !keeps {
            self.forget();
        }
    }

    /// Stops keeping bytes, because no retry will follow.
    pub fn forget(&mut self) {
        match &mut self.replay {
            Some(replay) if replay.has_more() => replay.keeps = false,
            replay => *replay = None,
        }
    }

    /// All bytes read, for a retry; `None` if they are not kept.
    pub fn take_kept(&mut self) -> Option<Kept> {
        self.replay.take().filter(|replay| replay.keeps).map(|replay| replay.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(kept: Kept) -> Replay {
        Replay { kept, read: 0, keeps: true }
    }

    #[test]
    fn replay_returns_the_kept_input_in_order_with_its_end() {
        let mut first = replay(Kept::default());
        let mut buf = [0; 4];
        assert_eq!(first.read(&mut buf), None);
        assert!(first.keep(b"one ") && first.keep(b"two"));
        assert_eq!((first.read(&mut buf), first.unread()), (None, 0));

        let mut second = replay(first.kept);
        assert_eq!((second.read(&mut buf), &buf), (Some(4), b"one "));
        assert_eq!((second.read(&mut buf), second.read(&mut buf)), (Some(3), None));
        assert!(second.keep(b""));

        let mut third = replay(second.kept);
        assert_eq!([(); 3].map(|()| third.read(&mut buf)), [Some(4), Some(3), Some(0)]);
    }

    #[test]
    fn kept_input_is_limited() {
        let mut replay = replay(Kept::default());
        assert!(replay.keep(&vec![0; LIMIT]) && !replay.keep(b"1"));
    }
}
