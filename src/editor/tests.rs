//! Scripts: keys in, screen out.

use proptest::prelude::*;

use super::*;

/// A screen that handles only what the editor sends: rows of cells, and a cursor.
struct Screen {
    columns: usize,
    rows: Vec<Vec<String>>,
    column: usize,
}

impl Screen {
    fn new(columns: usize) -> Screen {
        Screen { columns, rows: vec![Vec::new()], column: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).expect("what is drawn is text");
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\r' => self.column = 0,
                '\n' => {
                    self.rows.push(Vec::new());
                    self.column = 0; // as a terminal with ONLCR does
                }
                '\x1b' => {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a sequence ends");
                    let (number, last) = (&rest[1..end], &rest[end..=end]);
                    rest = &rest[end + 1..];
                    let number = number.parse().unwrap_or(1);
                    match last {
                        "K" => {
                            let column = self.column;
                            self.row().truncate(column);
                        }
                        "C" => self.column += number,
                        "J" => self.rows = vec![Vec::new()],
                        "H" => self.column = 0,
                        other => panic!("{other}"),
                    }
                }
                c => self.put(c),
            }
        }
        assert!(self.column < self.columns, "the cursor is on the screen");
    }

    fn put(&mut self, c: char) {
        let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        let column = self.column;
        if width == 0 {
            let cell = column.saturating_sub(1);
            if let Some(cell) = self.row().get_mut(cell) {
                cell.push(c);
            }
            return;
        }
        if column + width > self.columns {
            self.rows.push(Vec::new());
            self.column = 0;
        }
        let column = self.column;
        let row = self.row();
        row.resize(row.len().max(column + width), " ".to_owned());
        row[column] = c.to_string();
        for cell in &mut row[column + 1..column + width] {
            cell.clear();
        }
        self.column += width;
    }

    fn row(&mut self) -> &mut Vec<String> {
        self.rows.last_mut().unwrap()
    }

    /// All rows; in the last one `|` is the cursor.
    fn shown(&self) -> String {
        let mut rows: Vec<_> = self.rows.iter().map(|row| row.concat()).collect();
        let mut cells = self.rows.last().unwrap().clone();
        cells.resize(cells.len().max(self.column), " ".to_owned());
        cells.insert(self.column, "|".to_owned());
        *rows.last_mut().unwrap() = cells.concat();
        rows.join("\n")
    }
}

struct Desk {
    editor: Editor,
    screen: Screen,
    lines: Vec<Vec<u8>>,
    sent: usize,
}

impl Desk {
    fn new(columns: usize) -> Desk {
        let mut desk = Desk {
            editor: Editor::new("> ", Manner::Questions),
            screen: Screen::new(columns),
            lines: Vec::new(),
            sent: 0,
        };
        desk.draws(|editor, out| editor.set_columns(columns, out));
        desk.draws(Editor::prompt);
        desk
    }

    fn draws(&mut self, change: impl FnOnce(&mut Editor, &mut Vec<u8>)) {
        let mut out = Vec::new();
        change(&mut self.editor, &mut out);
        self.sent += out.len();
        self.screen.take(&out);
    }

    /// Types `keys`, and shows the next prompt after each line. True: the end of the input was typed.
    fn types(&mut self, keys: impl AsRef<[u8]>) -> bool {
        let mut input = keys.as_ref();
        loop {
            let mut typed = None;
            self.draws(|editor, out| typed = editor.take(&mut input, out));
            match typed {
                Some(Typed::Line(line)) => self.lines.push(line),
                Some(Typed::End) => return true,
                None => return false,
            }
            self.draws(Editor::prompt);
        }
    }

    fn shows(&mut self, keys: &str) -> String {
        self.types(keys);
        self.screen.shown()
    }
}

#[test]
fn typed_text_is_only_echoed() {
    let mut desk = Desk::new(40);
    let mut out = Vec::new();
    desk.editor.take(&mut &b"ab"[..], &mut out);
    desk.editor.take(&mut &b"c\r"[..], &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "abc\n");
}

#[test]
fn keys_move_the_cursor_and_change_the_shown_line() {
    let mut desk = Desk::new(40);
    assert_eq!(desk.shows("hello"), "> hello|");
    assert_eq!(desk.shows("\x1b[D\x1b[D"), "> hel|lo");
    assert_eq!(desk.shows("X\x7f\x7f"), "> he|lo");
    assert_eq!(desk.shows("\x1b[3~"), "> he|o");
    assert_eq!(desk.shows("\x01世"), "> 世|heo");
    assert_eq!(desk.shows("\x1b[F\x1b[1~"), "> |世heo");
    assert_eq!(desk.shows("\x1b[C"), "> 世|heo");
    assert_eq!(desk.shows("\x0b"), "> 世|");
    assert_eq!(desk.shows("\x19"), "> 世heo|");
    assert_eq!(desk.shows("\x15"), "> |");
    assert_eq!(desk.shows("a\x16\x07\tb"), "> a\\x07 b|");
    assert_eq!(desk.shows("\x15e\u{301}x\x1b[D\x7fy"), "> y|x");
    assert_eq!(desk.shows("\r"), "> yx\n> |");
    assert_eq!(desk.lines, [b"yx"]);
}

#[test]
fn up_and_down_recall_lines() {
    let mut desk = Desk::new(40);
    desk.types("one\rtwo\rthree");
    assert_eq!(desk.shows("\x1b[A\x1b[A"), "> one\n> two\n> one|");
    assert_eq!(desk.shows("!\x1bOB\x1b[B"), "> one\n> two\n> three|");
    assert_eq!(desk.shows("\x0c"), "> three|");
}

#[test]
fn late_text_is_shown_above_the_line() {
    let mut desk = Desk::new(40);
    desk.types("half\x1b[D");
    desk.draws(|editor, out| editor.print(b"late\nlater\n", out));
    desk.draws(|editor, out| editor.print(b"login: ", out));
    assert_eq!(desk.screen.shown(), "late\nlater\nlogin: \n> hal|f");
}

#[test]
fn text_typed_before_the_prompt_is_shown_after_it() {
    let mut desk = Desk::new(40);
    let mut out = Vec::new();
    let mut input = &b"one\rtwo\rth"[..];
    for (line, drawn) in [("one", "one\n"), ("two", "> two\n")] {
        assert_eq!(desk.editor.take(&mut input, &mut out), Some(Typed::Line(line.into())));
        assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), drawn);
    }
    assert_eq!(desk.editor.take(&mut input, &mut out), None);
    assert_eq!(out, b"", "the prompt is not there yet");
    desk.editor.prompt(&mut out);
    assert_eq!(out, b"> th");
}

#[test]
fn ctrl_d_ends_the_input_only_on_an_empty_line() {
    let mut desk = Desk::new(40);
    assert!(!desk.types("ab\x01\x04"));
    assert_eq!(desk.screen.shown(), "> |b");
    assert!(!desk.types("\x04"), "it deletes");
    assert!(desk.types("\x04"));
}

#[test]
fn long_line_is_shown_around_the_cursor() {
    let mut desk = Desk::new(20);
    let digits = "0123456789".repeat(3);
    assert_eq!(desk.shows(&digits), "> 23456789|");
    assert_eq!(desk.shows("\x01"), "> |01234567890123456");
    assert_eq!(desk.shows("\x05\r"), format!("> {}\n{}\n> |", &digits[..18], &digits[18..]));
    assert_eq!(desk.lines, [digits.as_bytes()]);
}

#[test]
fn resize_redraws_the_line() {
    let mut desk = Desk::new(20);
    desk.types("0123456789abcde");
    desk.screen.columns = 12;
    desk.draws(|editor, out| editor.set_columns(12, out));
    assert_eq!(desk.screen.shown().lines().count(), 1);
    assert!(desk.screen.shown().ends_with("bcde|"), "{}", desk.screen.shown());
    desk.screen.columns = 4;
    desk.draws(|editor, out| editor.set_columns(4, out));
    assert!(desk.screen.shown().ends_with("e|"), "{}", desk.screen.shown());
}

#[test]
fn megabyte_of_input_draws_little() {
    for paste in [false, true] {
        let mut desk = Desk::new(80);
        let text = vec![b'7'; 1 << 20];
        if paste {
            desk.types("\x1b[200~");
        }
        for piece in text.chunks(4095) {
            desk.types(piece);
        }
        assert!(desk.sent < 300 * 100, "{} bytes were drawn", desk.sent);
        desk.types(if paste { "\x1b[201~\r" } else { "\r" });
        assert_eq!(desk.lines, [text.as_slice()]);
    }
}

#[test]
fn each_line_of_a_paste_is_entered() {
    let mut desk = Desk::new(40);
    desk.types("\x1b[200~one\r\ntwo\nthr\x1b[201~ee");
    assert_eq!(desk.lines, [&b"one"[..], b"two"]);
    assert_eq!(desk.screen.shown(), "> one\n> two\n> three|");
}

#[test]
fn hidden_line_is_kept_and_shown_again() {
    let mut desk = Desk::new(40);
    desk.types("half");
    desk.draws(Editor::leave);
    desk.draws(|editor, out| editor.print(b"gone\n", out));
    desk.draws(Editor::prompt);
    assert_eq!(desk.screen.shown(), "> half\ngone\n> half|");
    assert_eq!(desk.editor.drawing(), b"> half");
}

proptest! {
    #[test]
    fn screen_after_any_keys_equals_a_full_redraw(
        keys in prop::collection::vec(prop_oneof![
            "[a-z ]{1,12}", "[世ä\u{301}👩🚀]{1,3}", Just("\x1b[D".to_owned()), Just("\x1b[C".to_owned()),
            Just("\x01".to_owned()), Just("\x05".to_owned()), Just("\x7f".to_owned()), Just("\x1b[3~".to_owned()),
            Just("\x17".to_owned()), Just("\x1b[A".to_owned()), Just("\x0b".to_owned()), Just("\x14".to_owned()),
            Just("\t".to_owned()),
        ], 0..40),
        columns in 4..40_usize,
    ) {
        let mut desk = Desk::new(columns);
        for key in keys {
            desk.types(key);
            let (rows, before) = (desk.screen.rows.len(), desk.screen.shown());
            desk.draws(Editor::redraw);
            prop_assert_eq!(rows, desk.screen.rows.len());
            prop_assert_eq!(before, desk.screen.shown());
        }
    }

    #[test]
    fn any_bytes_are_accepted_and_drawn_as_utf8(bytes in prop::collection::vec(any::<u8>(), 0..300), columns in 0..30_usize) {
        let mut editor = Editor::new("Enter Message: ", Manner::Questions);
        let mut out = Vec::new();
        editor.set_columns(columns, &mut out);
        editor.prompt(&mut out);
        for piece in bytes.chunks(7) {
            let mut piece = piece;
            while editor.take(&mut piece, &mut out).is_some() {
                editor.prompt(&mut out);
            }
        }
        prop_assert!(std::str::from_utf8(&out).is_ok());
    }
}
