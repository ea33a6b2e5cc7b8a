//! A line editor: the bytes of a terminal in, lines and the bytes for the screen out.
//!
//! | file | what is in it |
//! |---|---|
//! | `keys` | bytes in, keys out |
//! | `line` | the line and its cursor |
//! | `history` | earlier lines |
//! | `completion` | words that TAB completes |
//! | `text` | characters: their bytes and their width |
//! | `row` | the row of the screen |

mod completion;
mod history;
mod keys;
mod line;
mod row;
mod text;

use completion::Completion;
pub use completion::Words;
use history::History;
use keys::{Key, Keys};
use line::Line;
use row::Row;

/// A result of typed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line was entered.
    Line(Vec<u8>),
    /// The end of the input was typed (Ctrl-D on an empty line).
    End,
}

/// What a line editor is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Each line that was entered stays on the screen, behind its prompt. TAB is a character.
    #[default]
    Questions,
    /// A line that was entered is erased: the chat shows it again, as the others see it. TAB completes words.
    Chat,
}

/// A line editor. It performs no output: each call appends the bytes for the terminal to its argument `screen`.
#[derive(Debug)]
pub struct Editor {
    keys: Keys,
    line: Line,
    history: History,
    row: Row,
    manner: Manner,
    completion: Completion,
    /// The line is shown.
    prompting: bool,
}

impl Editor {
    /// An editor with this prompt, which is not shown yet.
    #[must_use]
    pub fn new(prompt: &str, manner: Manner) -> Editor {
        Editor {
            keys: Keys::default(),
            line: Line::default(),
            history: History::default(),
            row: Row::new(prompt),
            manner,
            completion: Completion::default(),
            prompting: false,
        }
    }

    /// Takes typed bytes up to the end of a line; `input` is moved past them. `None`: all bytes were taken, and
    /// the line is not complete.
    pub fn take(&mut self, input: &mut &[u8], screen: &mut Vec<u8>) -> Option<Typed> {
        while let Some(key) = self.keys.next(input) {
            if !matches!(key, Key::Text(_) | Key::Enter) {
                self.row.changed();
            }
            if key != Key::Tab {
                self.completion.end();
            }
            match key {
                Key::Enter => return Some(Typed::Line(self.enter(screen))),
                Key::DeleteOrEnd if self.line.bytes().is_empty() => return Some(Typed::End),
                Key::ClearScreen => {
                    screen.extend_from_slice(b"\x1b[H\x1b[2J");
                    self.row.forget();
                }
                key => self.edit(key),
            }
        }
        self.draw(screen);
        None
    }

    /// Shows the prompt, and what was typed of the next line.
    pub fn prompt(&mut self, screen: &mut Vec<u8>) {
        self.prompting = true;
        self.draw(screen);
    }

    /// Sets the prompt, and redraws if it changed.
    pub fn set_prompt(&mut self, prompt: &str, screen: &mut Vec<u8>) {
        if self.row.set_prompt(prompt) {
            self.redraw(screen);
        }
    }

    /// Sets the words that TAB completes in a chat.
    pub fn set_words(&mut self, words: Words) {
        self.completion.set_words(words);
    }

    /// Shows whole lines above the line that is being edited.
    pub fn print(&mut self, text: &[u8], screen: &mut Vec<u8>) {
        self.row.erase(screen);
        screen.extend_from_slice(text);
        if self.prompting && !text.ends_with(b"\n") {
            screen.push(b'\n');
        }
        self.draw(screen);
    }

    /// Leaves the prompt and the typed text on the screen, and moves to a new row. The text is kept for the
    /// next prompt.
    pub fn leave(&mut self, screen: &mut Vec<u8>) {
        if self.row.is_shown() {
            screen.push(b'\n');
        }
        self.prompting = false;
        self.row.forget();
    }

    /// Sets the number of columns of the screen, and redraws if it changed.
    pub fn set_columns(&mut self, columns: usize, screen: &mut Vec<u8>) {
        if self.row.set_columns(columns) {
            self.draw(screen);
        }
    }

    /// Redraws the line: something else may have written to the screen.
    pub fn redraw(&mut self, screen: &mut Vec<u8>) {
        if self.prompting {
            self.row.erase(screen);
            self.draw(screen);
        }
    }

    /// The bytes that redraw the line after other output erased it and ended with a new row. Empty if no line
    /// is shown.
    #[must_use]
    pub fn drawing(&mut self) -> Vec<u8> {
        let mut drawing = Vec::new();
        if self.row.is_shown() {
            self.row.forget();
            self.row.draw(&self.line, &mut drawing);
        }
        drawing
    }

    /// The length of the line that is being edited.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.line.bytes().len()
    }

    fn draw(&mut self, screen: &mut Vec<u8>) {
        if self.prompting {
            self.row.draw(&self.line, screen);
        }
    }

    fn enter(&mut self, screen: &mut Vec<u8>) -> Vec<u8> {
        match self.manner {
            Manner::Questions => self.row.finish(&mut self.line, screen),
            Manner::Chat => self.row.clear(screen),
        }
        self.prompting = false;
        let line = self.line.take();
        self.history.push(&line);
        line
    }

    fn edit(&mut self, key: Key) {
        let line = &mut self.line;
        match key {
            Key::Text(text) => line.insert(&text),
            Key::Tab if self.manner == Manner::Chat => self.completion.complete(line),
            Key::Tab => line.insert(b"\t"),
            Key::Left => line.left(),
            Key::Right => line.right(),
            Key::WordLeft => line.word_left(),
            Key::WordRight => line.word_right(),
            Key::Home => line.home(),
            Key::End => line.end(),
            Key::Backspace => line.backspace(),
            Key::Delete | Key::DeleteOrEnd => line.delete(),
            Key::KillToEnd => line.kill_to_end(),
            Key::KillToStart => line.kill_to_start(),
            Key::KillWordBack => line.kill_word_back(),
            Key::KillWord => line.kill_word(),
            Key::Yank => line.yank(),
            Key::Transpose => line.transpose(),
            Key::Up => {
                if let Some(older) = self.history.older(line.bytes()) {
                    line.set(older);
                }
            }
            Key::Down => {
                if let Some(newer) = self.history.newer() {
                    line.set(newer);
                }
            }
            Key::Enter | Key::ClearScreen => {}
        }
    }
}

#[cfg(test)]
mod tests;
