//! TAB: completes the word before the cursor, and with each further TAB shows the next word that fits.

use std::rc::Rc;

use super::line::Line;

/// The words that TAB completes in a chat. The nearest ones are first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The commands, with their slashes. They stand at the start of a line.
    pub commands: Vec<&'static str>,
    /// The names of members.
    pub names: Vec<Rc<str>>,
    /// The names of rooms, for `/join`.
    pub rooms: Vec<Rc<str>>,
}

/// The words, and those that fit what was typed before the first TAB.
#[derive(Debug, Default)]
pub(super) struct Completion {
    words: Words,
    fitting: Option<Fitting>,
}

/// What the next TAB goes on with.
#[derive(Debug)]
struct Fitting {
    /// Where the word begins in the line.
    start: usize,
    /// The texts that take its place, one after the other; the last is what was typed.
    texts: Vec<Vec<u8>>,
    shown: usize,
}

impl Words {
    /// The texts that may stand in the place of `word`, which begins in the line behind `before`.
    fn fitting(&self, before: &[u8], word: &[u8]) -> Vec<Vec<u8>> {
        let begins_so = |text: &&str| {
            let text = text.as_bytes();
            text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word)
        };
        let with = |end: &str, texts: Vec<&str>| -> Vec<Vec<u8>> {
            texts.into_iter().filter(begins_so).map(|text| [text, end].concat().into_bytes()).collect()
        };
        let names = |words: &[Rc<str>], end| with(end, words.iter().map(|name| &**name).collect());
        let takes = |command: &[u8]| before.trim_ascii().eq_ignore_ascii_case(command);
        match before {
            [] if word.starts_with(b"/") => with(" ", self.commands.clone()),
            _ if takes(b"/join") => names(&self.rooms, " "),
            _ if takes(b"/msg") => names(&self.names, " "),
            _ if word.is_empty() => Vec::new(),
            [] => names(&self.names, ": "),
            _ => names(&self.names, " "),
        }
    }
}

impl Completion {
    /// Sets the words.
    pub(super) fn set_words(&mut self, words: Words) {
        self.words = words;
    }

    /// Another key than TAB was typed.
    pub(super) fn end(&mut self) {
        self.fitting = None;
    }

    /// TAB was typed.
    pub(super) fn complete(&mut self, line: &mut Line) {
        let fitting = if let Some(fitting) = &mut self.fitting {
            fitting.shown = (fitting.shown + 1) % fitting.texts.len();
            fitting
        } else {
            let typed = &line.bytes()[..line.cursor()];
            let start = typed.iter().rposition(|&byte| byte == b' ').map_or(0, |space| space + 1);
            let (before, word) = typed.split_at(start);
            let mut texts = self.words.fitting(before, word);
            if texts.is_empty() {
                return;
            }
            texts.push(word.to_vec());
            self.fitting.insert(Fitting { start, texts, shown: 0 })
        };
        line.replace_before(fitting.start, &fitting.texts[fitting.shown]);
        if fitting.texts.len() == 2 {
            self.fitting = None; // nothing else fits: the next TAB completes the next word
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line after this was typed; `\t` is the key TAB.
    fn completed(typed: &str) -> String {
        let words = |words: &[&str]| words.iter().map(|&word| word.into()).collect();
        let mut completion = Completion::default();
        completion.set_words(Words {
            commands: vec!["/join", "/history", "/help"],
            names: words(&["bob", "Anna", "ann"]),
            rooms: words(&["lab", "lobby"]),
        });
        let mut line = Line::default();
        for byte in typed.bytes() {
            if byte == b'\t' {
                completion.complete(&mut line);
            } else {
                completion.end();
                line.insert(&[byte]);
            }
        }
        String::from_utf8(line.bytes().to_vec()).unwrap()
    }

    #[test]
    fn tab_completes_commands_names_and_rooms() {
        let cases = [
            ("/j\t", "/join "),
            ("/J\tl\t", "/join lab "),
            ("/h\t", "/history "),
            ("/h\t\t", "/help "),
            ("/h\t\t\t", "/h"),
            ("/h\t\t\t\t", "/history "),
            ("b\t", "bob: "),
            ("a\t", "Anna: "),
            ("a\t\t", "ann: "),
            ("ask B\t", "ask bob "),
            ("/msg \t", "/msg bob "),
            ("/msg \t\t", "/msg Anna "),
            ("/msg bob ask a\t\t", "/msg bob ask ann "),
            ("/join \t\t", "/join lobby "),
            ("/kick bo\t", "/kick bob "),
        ];
        for (typed, line) in cases {
            assert_eq!(completed(typed), line, "{typed:?}");
        }
    }

    #[test]
    fn tab_changes_nothing_where_nothing_fits() {
        for typed in ["", "x", "hi ", "/x", "/msg x", "hi /j", "\u{e9}a"] {
            assert_eq!(completed(&format!("{typed}\t\t")), typed);
        }
    }

    #[test]
    fn text_behind_the_cursor_stays() {
        let mut completion = Completion::default();
        completion.set_words(Words { names: vec!["bob".into()], ..Words::default() });
        let mut line = Line::default();
        line.insert(b"b, hi");
        line.home();
        line.right();
        completion.complete(&mut line);
        assert_eq!((line.bytes(), line.cursor()), (&b"bob: , hi"[..], 5));
    }
}
