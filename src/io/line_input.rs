//! A terminal with a line editor: typed bytes become lines, and output is printed above the line that is being
//! edited.

use super::Incoming;
use super::terminal::{self, EditedRow, RawMode};
use crate::editor::{Editor, Manner, Typed, Words};

/// A terminal with a line editor. Each call appends the bytes for the terminal to its argument `screen`.
#[derive(Debug)]
pub struct LineInput {
    editor: Editor,
    /// Typed bytes that are not processed yet, after `taken` bytes that are.
    typed: Vec<u8>,
    taken: usize,
    /// An entered line that is not taken yet, after `given` bytes that are.
    line: Vec<u8>,
    given: usize,
    ended: bool,
    row: EditedRow,
    _raw: RawMode,
}

impl LineInput {
    /// Puts the terminal into raw mode. `None` if there is no terminal that supports editing.
    #[must_use]
    pub fn start(prompt: &str, manner: Manner) -> Option<LineInput> {
        let raw = RawMode::start()?;
        Some(LineInput {
            editor: Editor::new(prompt, manner),
            typed: Vec::new(),
            taken: 0,
            line: Vec::new(),
            given: 0,
            ended: false,
            row: EditedRow::default(),
            _raw: raw,
        })
    }

    /// The row that is being edited, for other code that writes to the same terminal.
    #[must_use]
    pub fn row(&self) -> EditedRow {
        self.row.clone()
    }

    /// Whether there is a line to [`take`](Self::take), or the end of the input.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.ended || self.given < self.line.len() || self.taken < self.typed.len()
    }

    /// Adds typed bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken == self.typed.len() {
            self.typed.clear();
            self.taken = 0;
        }
        self.typed.extend_from_slice(bytes);
    }

    /// Takes entered bytes, at most one line at a time, so that the reply to it is printed below it. `None`: no
    /// line is complete.
    pub fn take(&mut self, buf: &mut [u8], screen: &mut Vec<u8>) -> Option<Incoming> {
        if self.given == self.line.len() {
            if self.ended {
                return Some(Incoming::Eof);
            }
            self.line.clear();
            self.given = 0;
            let mut rest = &self.typed[self.taken..];
            if rest.is_empty() {
                return None;
            }
            self.editor.set_columns(terminal::columns(), screen);
            let typed = self.editor.take(&mut rest, screen);
            self.taken = self.typed.len() - rest.len();
            match typed {
                Some(Typed::Line(line)) => {
                    self.line = line;
                    self.line.push(b'\n');
                }
                Some(Typed::End) => self.end(screen),
                None => {}
            }
            self.note_row();
            if self.line.is_empty() {
                return self.ended.then_some(Incoming::Eof);
            }
        }
        let rest = &self.line[self.given..];
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        self.given += len;
        Some(Incoming::Bytes(len))
    }

    /// Shows the prompt.
    pub fn prompt(&mut self, screen: &mut Vec<u8>) {
        self.editor.set_columns(terminal::columns(), screen);
        self.editor.prompt(screen);
        self.note_row();
    }

    /// Sets the prompt.
    pub fn set_prompt(&mut self, prompt: &str, screen: &mut Vec<u8>) {
        self.editor.set_prompt(prompt, screen);
        self.note_row();
    }

    /// Sets the words that TAB completes.
    pub fn set_words(&mut self, words: Words) {
        self.editor.set_words(words);
    }

    /// Prints whole lines above the line that is being edited.
    pub fn print(&mut self, text: &[u8], screen: &mut Vec<u8>) {
        self.editor.set_columns(terminal::columns(), screen);
        self.editor.print(text, screen);
        self.note_row();
    }

    /// Redraws the line after other output to the screen, or after a change of its size.
    pub fn redraw(&mut self, screen: &mut Vec<u8>) {
        self.editor.set_columns(terminal::columns(), screen);
        self.editor.redraw(screen);
        self.note_row();
    }

    /// Moves to a new row; the typed text is kept for the next prompt.
    pub fn leave(&mut self, screen: &mut Vec<u8>) {
        self.editor.leave(screen);
        self.note_row();
    }

    /// Ends the input: nothing more is taken.
    pub fn end(&mut self, screen: &mut Vec<u8>) {
        self.ended = true;
        self.leave(screen);
    }

    fn note_row(&mut self) {
        self.row.set(self.editor.drawing());
    }
}

impl Drop for LineInput {
    fn drop(&mut self) {
        self.row.set(Vec::new()); // the row stays on the screen, above further output
    }
}
