//! What was read from stdin, kept so that a run can be made again over another connection.

use super::Console;

/// The most bytes that are kept.
const LIMIT: usize = 1 << 20;

/// All that was read from stdin so far.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    /// The end of stdin was read, too.
    ended: bool,
}

/// stdin from its beginning: what was kept is read first, and what is read is kept.
#[derive(Debug)]
pub(super) struct Replay {
    kept: Kept,
    /// Bytes of it that were read again.
    read: usize,
    /// A further run may be made.
    keeps: bool,
}

impl Replay {
    /// Reads what was kept. `None`: stdin itself is next. Nothing read is the end of stdin.
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

    /// Keeps what was read from stdin itself. False: that is too much, and nothing is kept any more.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> bool {
        if !self.keeps || self.kept.bytes.len() + bytes.len() > LIMIT {
            return false;
        }
        self.kept.bytes.extend_from_slice(bytes);
        self.kept.ended = bytes.is_empty();
        self.read = self.kept.bytes.len();
        true
    }

    /// Whether there is something that stdin itself does not have.
    pub(super) fn has_more(&self) -> bool {
        self.unread() > 0 || self.kept.ended
    }

    /// Bytes that were kept and not read again.
    pub(super) fn unread(&self) -> u64 {
        (self.kept.bytes.len() - self.read) as u64
    }
}

impl Console {
    /// Reads what was kept first. What is read from now on is kept only where a further run may be made.
    pub fn replay(&mut self, kept: Kept, keeps: bool) {
        self.replay = Some(Box::new(Replay { kept, read: 0, keeps }));
        if !keeps {
            self.forget();
        }
    }

    /// There will be no further run: nothing is kept any more.
    pub fn forget(&mut self) {
        match &mut self.replay {
            Some(replay) if replay.has_more() => replay.keeps = false,
            replay => *replay = None,
        }
    }

    /// All that was read, for a further run; `None` where it is not kept.
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
    fn what_was_read_is_read_again_in_order_with_its_end() {
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
    fn what_is_kept_has_its_limit() {
        let mut replay = replay(Kept::default());
        assert!(replay.keep(&vec![0; LIMIT]) && !replay.keep(b"1"));
    }
}
