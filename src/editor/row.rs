//! The row of the screen in which a line is edited, and the bytes that draw it.
//!
//! It is always one row: of a longer line, the part around the cursor is shown. Therefore drawing is bounded
//! whatever was pasted, and one row has to be erased.

use unicode_width::UnicodeWidthStr;

use super::line::Line;
use super::text::{Cluster, clusters, column_after};

/// Back to the start of the row.
const START: &[u8] = b"\r";
/// Erases from the cursor to the end of the row.
const ERASE: &[u8] = b"\x1b[K";
/// A prompt that leaves fewer cells than this for the line is not shown.
const LEAST: usize = 8;

/// The content of the row.
#[derive(Debug)]
pub(super) struct Row {
    prompt: String,
    columns: usize,
    /// The row is shown.
    shown: bool,
    /// The start of the part of the line that is shown.
    first: usize,
    /// The length of the line and the column of the cursor, if the cursor is at the end of the line. Typed text
    /// is then appended without redrawing.
    end: Option<(usize, usize)>,
}

impl Row {
    pub(super) fn new(prompt: &str) -> Row {
        Row { prompt: prompt.to_owned(), columns: 80, shown: false, first: 0, end: None }
    }

    pub(super) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Sets the width of the screen; true if it changed.
    pub(super) fn set_columns(&mut self, columns: usize) -> bool {
        self.end = self.end.filter(|_| columns == self.columns);
        std::mem::replace(&mut self.columns, columns) != columns
    }

    /// Notes a change other than text at the end of the line.
    pub(super) fn changed(&mut self) {
        self.end = None;
    }

    /// Draws the row for this line. A row that is not shown yet begins at the start of the line.
    pub(super) fn draw(&mut self, line: &Line, out: &mut Vec<u8>) {
        if self.append(line, out) {
            return;
        }
        let fresh = !std::mem::replace(&mut self.shown, true);
        if !fresh {
            out.extend_from_slice(START);
        }
        let prompt = self.fit(line);
        let cells = self.cells();
        out.extend_from_slice(&self.prompt.as_bytes()[..prompt]);
        let (mut column, mut cursor) = (self.prompt[..prompt].width(), None);
        let mut at = self.first;
        for cluster in clusters(&line.bytes()[self.first..]) {
            if at == line.cursor() {
                cursor = Some(column);
            }
            let width = cluster.width(column);
            if column + width > cells {
                break;
            }
            cluster.show(column, out);
            (at, column) = (at + cluster.len(), column + width);
        }
        if !fresh {
            out.extend_from_slice(ERASE);
        }
        match cursor.filter(|_| at > line.cursor() || at < line.bytes().len()) {
            Some(cursor) => {
                out.extend_from_slice(START);
                if cursor > 0 {
                    out.extend_from_slice(format!("\x1b[{cursor}C").as_bytes());
                }
                self.end = None;
            }
            None => self.end = Some((at, column)),
        }
    }

    /// Sets the prompt; true if it changed.
    pub(super) fn set_prompt(&mut self, prompt: &str) -> bool {
        let changed = self.prompt != prompt;
        if changed {
            prompt.clone_into(&mut self.prompt);
        }
        changed
    }

    /// Erases the row, whose line has been entered.
    pub(super) fn clear(&mut self, out: &mut Vec<u8>) {
        self.erase(out);
        self.first = 0;
    }

    /// Erases the row.
    pub(super) fn erase(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.shown) {
            out.extend_from_slice(START);
            out.extend_from_slice(ERASE);
        }
        self.end = None;
    }

    /// Notes that the row is not shown any more, or that the screen is unknown.
    pub(super) fn forget(&mut self) {
        (self.shown, self.end) = (false, None);
    }

    /// Shows the whole line, and moves to the next row.
    pub(super) fn finish(&mut self, line: &mut Line, out: &mut Vec<u8>) {
        line.end();
        let prompt = self.prompt.width();
        if column_after(line.bytes(), prompt, self.cells()) <= self.cells() {
            self.draw(line, out);
        } else {
            if self.shown {
                out.extend_from_slice(START);
            }
            out.extend_from_slice(self.prompt.as_bytes());
            let mut column = prompt;
            for cluster in clusters(line.bytes()) {
                cluster.show(column, out);
                column += cluster.width(column);
            }
        }
        out.push(b'\n');
        self.forget();
        self.first = 0;
    }

    /// The number of cells that are used. Not the last column: there many terminals wrap to the next row.
    fn cells(&self) -> usize {
        self.columns.max(2) - 1
    }

    /// Draws appended text only, if nothing else has changed since the row was drawn.
    fn append(&mut self, line: &Line, out: &mut Vec<u8>) -> bool {
        let Some((len, column)) = self.end.filter(|_| self.shown) else { return false };
        let Some(text) = line.bytes().get(len..).filter(|_| line.cursor() == line.bytes().len()) else { return false };
        let plain = text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if !plain || column + text.len() > self.cells() {
            return false;
        }
        out.extend_from_slice(text);
        self.end = Some((len + text.len(), column + text.len()));
        true
    }

    /// Chooses the part of the line around the cursor; returns how much of the prompt is shown.
    fn fit(&mut self, line: &Line) -> usize {
        let cells = self.cells();
        let width = self.prompt.width();
        let (prompt, column) = if width + LEAST <= cells { (self.prompt.len(), width) } else { (0, 0) };
        let (bytes, cursor) = (line.bytes(), line.cursor());
        let after = |first: usize, end: usize| column_after(&bytes[first..end], column, cells);
        if self.first > 0 && after(0, bytes.len()) <= cells {
            self.first = 0;
        } else if cursor < self.first || after(self.first, cursor) > cells {
            self.first = start_before(&bytes[..cursor], (cells - column) / 2);
        }
        prompt
    }
}

/// The start of the last characters that fill `cells` cells.
fn start_before(bytes: &[u8], cells: usize) -> usize {
    let (mut start, mut width) = (bytes.len(), 0);
    // Characters of width 0 count as well: there may be a megabyte of them.
    while let Some(cluster) = Cluster::last(&bytes[..start]) {
        width += cluster.width(0).max(1);
        if width > cells {
            break;
        }
        start -= cluster.len();
    }
    start
}
