//! The console of a conversation: a prompt for each line, with a line editor or without.

use std::io;

use super::Console;
use crate::editor::{Manner, Words};
use crate::io::Incoming;
use crate::io::line_input::LineInput;
use crate::io::terminal::EditedRow;

/// The prompt and the line editor.
#[derive(Debug)]
pub(super) struct Dialogue {
    prompt: String,
    manner: Manner,
    /// The line editor. Without one, the terminal edits the lines and echoes typed text.
    editor: Option<LineInput>,
    /// Without an editor: the row ends with the prompt.
    prompted: bool,
}

impl Dialogue {
    /// Whether what is printed is escaped already, and has styles of its own.
    pub(super) fn is_styled(&self) -> bool {
        self.manner == Manner::Chat
    }

    /// Whether typed lines are waiting to be taken.
    pub(super) fn has_more(&self) -> bool {
        self.editor.as_ref().is_some_and(LineInput::has_more)
    }
}

impl Console {
    /// Prompts for each line from now on, with a line editor if stdin and stdout are a terminal that supports
    /// one. Returns the row of the editor, if there is one.
    ///
    /// In a chat, everything that is printed must have been escaped before.
    pub fn converse(&mut self, prompt: &str, manner: Manner) -> Option<EditedRow> {
        let editor = LineInput::start(prompt, manner);
        let row = editor.as_ref().map(LineInput::row);
        self.dialogue = Some(Dialogue { prompt: prompt.to_owned(), manner, editor, prompted: false });
        row
    }

    /// Whether typed lines are edited here; otherwise the terminal edits them, and shows them.
    #[must_use]
    pub fn has_editor(&self) -> bool {
        self.dialogue.as_ref().is_some_and(|dialogue| dialogue.editor.is_some())
    }

    /// Sets the prompt.
    pub fn set_prompt(&mut self, prompt: &str) {
        let Some(dialogue) = &mut self.dialogue else { return };
        prompt.clone_into(&mut dialogue.prompt);
        if let Some(editor) = &mut dialogue.editor {
            editor.set_prompt(prompt, &mut self.waiting);
        }
    }

    /// Sets the words that TAB completes in a chat.
    pub fn set_words(&mut self, words: Words) {
        if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
            editor.set_words(words);
        }
    }

    /// Shows the prompt, and the text typed after it.
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

    /// Redraws the line that is being edited.
    pub fn redraw(&mut self) {
        if let Some(Dialogue { editor: Some(editor), .. }) = &mut self.dialogue {
            editor.redraw(&mut self.waiting);
        }
    }

    /// Moves to a new row, if this one has the prompt.
    pub fn leave_row(&mut self) {
        match &mut self.dialogue {
            Some(Dialogue { editor: Some(editor), .. }) => editor.leave(&mut self.waiting),
            _ => self.leave_cooked_row(),
        }
    }

    /// The same, only without a line editor.
    pub fn leave_cooked_row(&mut self) {
        if let Some(dialogue @ Dialogue { editor: None, prompted: true, .. }) = &mut self.dialogue {
            dialogue.prompted = false;
            self.waiting.push(b'\n');
        }
    }

    /// Prints text above the line that is being edited. False: there is no line editor, and nothing was
    /// printed.
    pub(super) fn print_above(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if let Some(dialogue @ Dialogue { editor: Some(_), .. }) = &mut self.dialogue {
            let is_styled = dialogue.is_styled();
            let Some(editor) = &mut dialogue.editor else { return Ok(false) };
            if is_styled {
                editor.print(bytes, &mut self.waiting);
            } else {
                let mut text = Vec::with_capacity(bytes.len());
                self.escaper.get_or_insert_default().push(bytes, &mut text);
                editor.print(&text, &mut self.waiting);
            }
            self.flush()?;
            return Ok(true);
        }
        self.leave_cooked_row();
        Ok(false)
    }

    /// Reads typed text.
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
            // The terminal has echoed it, with the Enter.
            Incoming::Bytes(_) => self.dialogue.iter_mut().for_each(|dialogue| dialogue.prompted = false),
            Incoming::Undecoded | Incoming::Blocked | Incoming::Until(_) => {}
        }
        Ok(incoming)
    }

    /// Reads typed bytes into the line editor until it has a line or there are no more.
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
