//! A console at which a person is asked for each line: with a line editor, or without.

use std::io;

use super::Console;
use crate::io::Incoming;
use crate::io::line_input::LineInput;
use crate::io::terminal::EditedRow;

/// How a person is asked for a line.
#[derive(Debug)]
pub(super) struct Dialogue {
    prompt: &'static str,
    /// The line editor. Without one, the terminal has lines edited and echoes what is typed.
    editor: Option<LineInput>,
    /// Without an editor: the last thing in the row is the prompt.
    prompted: bool,
}

impl Dialogue {
    /// Whether something was typed that was not given out.
    pub(super) fn has_more(&self) -> bool {
        self.editor.as_ref().is_some_and(LineInput::has_more)
    }
}

impl Console {
    /// Asks a person for each line from now on: with a line editor, where stdin and stdout are a
    /// terminal that can have one. Returns the row that is edited, if one is.
    pub fn converse(&mut self, prompt: &'static str) -> Option<EditedRow> {
        let editor = LineInput::start(prompt);
        let row = editor.as_ref().map(LineInput::row);
        self.dialogue = Some(Dialogue { prompt, editor, prompted: false });
        row
    }

    /// Shows the prompt, and what was typed behind it.
    pub fn prompt(&mut self) {
        match &mut self.dialogue {
            Some(Dialogue { editor: Some(editor), .. }) => editor.prompt(&mut self.waiting),
            Some(dialogue) if !dialogue.prompted => {
                dialogue.prompted = true;
                self.waiting.extend_from_slice(dialogue.prompt.as_bytes());
            }
            _ => {}
        }
    }

    /// Draws the line anew that is being edited.
    pub fn redraw(&mut self) {
        if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
            editor.redraw(&mut self.waiting);
        }
    }

    /// Goes to a new row, where a prompt stands in this one.
    pub fn leave_row(&mut self) {
        match &mut self.dialogue {
            Some(Dialogue { editor: Some(editor), .. }) => editor.leave(&mut self.waiting),
            _ => self.leave_cooked_row(),
        }
    }

    /// The same, where there is no line editor.
    pub fn leave_cooked_row(&mut self) {
        if let Some(dialogue @ Dialogue { editor: None, prompted: true, .. }) = &mut self.dialogue {
            dialogue.prompted = false;
            self.waiting.push(b'\n');
        }
    }

    /// Shows text above the line that is being edited. False: no line editor is in the way of it.
    pub(super) fn print_above(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
            let mut text = Vec::with_capacity(bytes.len());
            self.escaper.get_or_insert_default().push(bytes, &mut text);
            editor.print(&text, &mut self.waiting);
            self.flush()?;
            return Ok(true);
        }
        self.leave_cooked_row();
        Ok(false)
    }

    /// Reads what a person has typed.
    pub(super) fn read_typed(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        if matches!(&self.dialogue, Some(Dialogue { editor: Some(_), .. })) {
            return self.read_line(buf);
        }
        let incoming = self.read_input(buf)?;
        match incoming {
            Incoming::Eof => {
                self.leave_row();
                self.flush()?;
            }
            // The terminal has echoed it, and the Enter.
            Incoming::Bytes(_) => self.dialogue.iter_mut().for_each(|dialogue| dialogue.prompted = false),
            Incoming::Blocked | Incoming::Until(_) => {}
        }
        Ok(incoming)
    }

    /// Reads what was typed into the line editor, until that has a line or there is no more.
    fn read_line(&mut self, buf: &mut [u8]) -> io::Result<Incoming> {
        let mut typed = [0; 4096];
        loop {
            let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue else { return Ok(Incoming::Eof) };
            if let Some(incoming) = editor.take(buf, &mut self.waiting) {
                if incoming == Incoming::Eof {
                    self.input = None;
                }
                self.flush()?;
                return Ok(incoming);
            }
            self.flush()?;
            match self.read_input(&mut typed)? {
                Incoming::Bytes(n) => {
                    if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
                        editor.push(&typed[..n]);
                    }
                }
                Incoming::Eof => {
                    self.leave_row();
                    self.flush()?;
                    return Ok(Incoming::Eof);
                }
                other => return Ok(other),
            }
        }
    }
}
