//! stdin and stdout as a terminal with a line editor: what is typed becomes lines, what is shown stays
//! above the line that is being edited.

use super::Incoming;
use super::terminal::{self, EditedRow, RawMode};
use crate::editor::{Editor, Typed};

/// A terminal with a line editor. What is to be written to it is appended to the `screen` that each
/// call is given.
#[derive(Debug)]
pub struct LineInput {
    editor: Editor,
    /// What was typed and not looked at yet, behind `taken` bytes that were.
    typed: Vec<u8>,
    taken: usize,
    /// A line that was entered and not given out yet, behind `given` bytes that were.
    line: Vec<u8>,
    given: usize,
    ended: bool,
    row: EditedRow,
    _raw: RawMode,
}

impl LineInput {
    /// Takes the terminal over. `None` where there is none that can be edited on.
    #[must_use]
    pub fn start(prompt: &str) -> Option<LineInput> {
        let raw = RawMode::start()?;
        Some(LineInput {
            editor: Editor::new(prompt),
            typed: Vec::new(),
            taken: 0,
            line: Vec::new(),
            given: 0,
            ended: false,
            row: EditedRow::default(),
            _raw: raw,
        })
    }

    /// The row that is being edited, for others who write to the same terminal.
    #[must_use]
    pub fn row(&self) -> EditedRow {
        self.row.clone()
    }

    /// Whether there is something to [`take`](Self::take), or an end.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.ended || self.given < self.line.len() || self.taken < self.typed.len()
    }

    /// Notes bytes that were typed.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken == self.typed.len() {
            self.typed.clear();
            self.taken = 0;
        }
        self.typed.extend_from_slice(bytes);
    }

    /// Takes what has been entered, at most one line at a time, so that what is answered to it stands
    /// under it. `None`: more must be typed.
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

    /// Puts the prompt on the screen.
    pub fn prompt(&mut self, screen: &mut Vec<u8>) {
        self.editor.set_columns(terminal::columns(), screen);
        self.editor.prompt(screen);
        self.note_row();
    }

    /// Shows text of whole lines.
    pub fn print(&mut self, text: &[u8], screen: &mut Vec<u8>) {
        self.editor.set_columns(terminal::columns(), screen);
        self.editor.print(text, screen);
        self.note_row();
    }

    /// Draws the line anew where something else may have written to the screen, or its size is another.
    pub fn redraw(&mut self, screen: &mut Vec<u8>) {
        self.editor.set_columns(terminal::columns(), screen);
        self.editor.redraw(screen);
        self.note_row();
    }

    /// Goes to a new row; what was typed is kept for the next prompt.
    pub fn leave(&mut self, screen: &mut Vec<u8>) {
        self.editor.leave(screen);
        self.note_row();
    }

    /// Ends it: nothing more is taken.
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
        self.row.set(Vec::new()); // it stays where it is, above what comes
    }
}
