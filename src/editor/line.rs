//! The line that is being edited: bytes, and a cursor between them.

use super::text::{Cluster, clusters};

/// The bytes of the line, and a cursor between two of its characters.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    cursor: usize,
    /// The text that was deleted last, for Ctrl-Y.
    killed: Vec<u8>,
}

impl Line {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) fn insert(&mut self, text: &[u8]) {
        if self.cursor == self.bytes.len() {
            self.bytes.extend_from_slice(text);
        } else {
            self.bytes.splice(self.cursor..self.cursor, text.iter().copied());
        }
        self.cursor += text.len();
    }

    /// Takes the line and leaves an empty one.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.cursor = 0;
        std::mem::take(&mut self.bytes)
    }

    /// Replaces the text, with the cursor at its end.
    pub(super) fn set(&mut self, text: Vec<u8>) {
        self.cursor = text.len();
        self.bytes = text;
    }

    /// Puts a text in the place of what stands between `start` and the cursor.
    pub(super) fn replace_before(&mut self, start: usize, text: &[u8]) {
        self.bytes.splice(start..self.cursor, text.iter().copied());
        self.cursor = start + text.len();
    }

    fn before(&self) -> &[u8] {
        &self.bytes[..self.cursor]
    }

    fn after(&self) -> &[u8] {
        &self.bytes[self.cursor..]
    }

    pub(super) fn left(&mut self) {
        self.cursor -= Cluster::last(self.before()).map_or(0, Cluster::len);
    }

    pub(super) fn right(&mut self) {
        self.cursor += Cluster::first(self.after()).map_or(0, Cluster::len);
    }

    pub(super) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn end(&mut self) {
        self.cursor = self.bytes.len();
    }

    pub(super) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub(super) fn word_right(&mut self) {
        self.cursor = self.word_end();
    }

    pub(super) fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.bytes.drain(self.cursor..end);
    }

    pub(super) fn delete(&mut self) {
        let len = Cluster::first(self.after()).map_or(0, Cluster::len);
        self.bytes.drain(self.cursor..self.cursor + len);
    }

    pub(super) fn kill_to_end(&mut self) {
        self.kill(self.cursor, self.bytes.len());
    }

    pub(super) fn kill_to_start(&mut self) {
        self.kill(0, self.cursor);
    }

    pub(super) fn kill_word_back(&mut self) {
        self.kill(self.word_start(), self.cursor);
    }

    pub(super) fn kill_word(&mut self) {
        self.kill(self.cursor, self.word_end());
    }

    pub(super) fn yank(&mut self) {
        let text = std::mem::take(&mut self.killed);
        self.insert(&text);
        self.killed = text;
    }

    /// Exchanges the characters around the cursor, or the last two at the end of the line.
    pub(super) fn transpose(&mut self) {
        if self.after().is_empty() {
            self.left();
        }
        let (before, after) = (Cluster::last(self.before()), Cluster::first(self.after()));
        let (Some(before), Some(after)) = (before, after) else { return self.right() };
        let (start, end, by) = (self.cursor - before.len(), self.cursor + after.len(), before.len());
        self.bytes[start..end].rotate_left(by);
        self.cursor = end;
    }

    fn kill(&mut self, start: usize, end: usize) {
        if start < end {
            self.killed = self.bytes.drain(start..end).collect();
            self.cursor = start;
        }
    }

    /// The start of the word before the cursor.
    fn word_start(&self) -> usize {
        let mut at = self.cursor;
        for spaces in [true, false] {
            while let Some(cluster) = Cluster::last(&self.bytes[..at]).filter(|last| last.is_space() == spaces) {
                at -= cluster.len();
            }
        }
        at
    }

    /// The end of the word after the cursor.
    fn word_end(&self) -> usize {
        let mut word = false;
        let within = |cluster: &Cluster<'_>| {
            word |= !cluster.is_space();
            !(word && cluster.is_space())
        };
        self.cursor + clusters(self.after()).take_while(within).map(Cluster::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line with `|` for the cursor.
    fn line(text: &str) -> Line {
        let (before, after) = text.split_once('|').unwrap();
        let mut line = Line::default();
        line.set([before, after].concat().into_bytes());
        line.cursor = before.len();
        line
    }

    fn shown(line: &Line) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}|{}", text(line.before()), text(line.after()))
    }

    #[test]
    fn each_editing_key_makes_its_change() {
        type Change = (&'static str, fn(&mut Line), &'static str);
        let changes: &[Change] = &[
            ("ab|c", Line::left, "a|bc"),
            ("|ab", Line::left, "|ab"),
            ("世|", Line::left, "|世"),
            ("a|e\u{301}c", Line::right, "ae\u{301}|c"),
            ("ab|", Line::right, "ab|"),
            ("a|b", Line::home, "|ab"),
            ("a|b", Line::end, "ab|"),
            ("a世|b", Line::backspace, "a|b"),
            ("|b", Line::backspace, "|b"),
            ("a|世b", Line::delete, "a|b"),
            ("ab|", Line::delete, "ab|"),
            ("a|bc", Line::kill_to_end, "a|"),
            ("a|bc", Line::kill_to_start, "|bc"),
            ("one two  |x", Line::kill_word_back, "one |x"),
            ("one| two x", Line::kill_word, "one| x"),
            ("one two|", Line::word_left, "one |two"),
            ("|one two", Line::word_right, "one| two"),
            ("ab|c", Line::transpose, "acb|"),
            ("ab|", Line::transpose, "ba|"),
            ("a|", Line::transpose, "a|"),
            ("|ab", Line::transpose, "a|b"),
        ];
        for (before, change, after) in changes {
            let mut line = line(before);
            change(&mut line);
            assert_eq!(shown(&line), *after, "of {before}");
        }
    }

    #[test]
    fn killed_text_can_be_yanked() {
        let mut line = line("one two|!");
        line.kill_word_back();
        line.home();
        line.yank();
        assert_eq!(shown(&line), "two|one !");
    }

    #[test]
    fn text_is_inserted_at_the_cursor() {
        let mut line = line("a|d");
        line.insert(b"bc");
        assert_eq!(shown(&line), "abc|d");
        assert_eq!(line.take(), b"abcd");
        assert_eq!(shown(&line), "|");
    }
}
