//! The lines that were entered before, for Up and Down.

/// The largest number of lines.
const LINES: usize = 1000;
/// The largest number of bytes of all lines.
const BYTES: usize = 4 << 20;

/// The lines that were entered before, oldest first, and a position among them.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: std::collections::VecDeque<Vec<u8>>,
    bytes: usize,
    /// The number of lines that the position is back, and the line that was being typed.
    visited: Option<(usize, Vec<u8>)>,
}

impl History {
    /// Adds a line that was entered, unless it is empty or equals the last one.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.visited = None;
        if line.is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        self.bytes += line.len();
        self.lines.push_back(line.to_vec());
        while self.lines.len() > LINES || (self.bytes > BYTES && self.lines.len() > 1) {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }

    /// Moves to the previous line, if there is one.
    pub(super) fn older(&mut self, shown: &[u8]) -> Option<Vec<u8>> {
        let back = self.visited.as_ref().map_or(0, |(back, _)| *back) + 1;
        let line = self.lines.get(self.lines.len().checked_sub(back)?)?.clone();
        let typed = self.visited.take().map_or_else(|| shown.to_vec(), |(_, typed)| typed);
        self.visited = Some((back, typed));
        Some(line)
    }

    /// Moves to the next line; the last one is the line that was being typed.
    pub(super) fn newer(&mut self) -> Option<Vec<u8>> {
        let (back, typed) = self.visited.take()?;
        if back == 1 {
            return Some(typed);
        }
        self.visited = Some((back - 1, typed));
        self.lines.get(self.lines.len() - (back - 1)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_and_down_move_through_the_history_and_back() {
        let mut history = History::default();
        assert_eq!((history.older(b"x"), history.newer()), (None, None));
        for line in ["one", "one", "", "two"] {
            history.push(line.as_bytes());
        }
        assert_eq!(history.older(b"typed").as_deref(), Some(&b"two"[..]));
        assert_eq!(history.older(b"two").as_deref(), Some(&b"one"[..]));
        assert_eq!(history.older(b"one"), None);
        assert_eq!(history.newer().as_deref(), Some(&b"two"[..]));
        assert_eq!(history.newer().as_deref(), Some(&b"typed"[..]));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn history_is_limited_in_lines_and_bytes() {
        let mut history = History::default();
        for number in 0..3 * LINES {
            history.push(number.to_string().as_bytes());
        }
        assert_eq!(history.lines.len(), LINES);
        history.push(&vec![b'x'; BYTES + 1]);
        assert_eq!(history.lines.len(), 1, "the last line is always there");
    }
}
