//! Decodes the bytes of a terminal to keys, text and pasted text, however the bytes were split.

/// One key, or a run of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Bytes for the line: characters that were typed, or anything within a paste.
    Text(Vec<u8>),
    Enter,
    Tab,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    Backspace,
    Delete,
    /// Deletes the character under the cursor; on an empty line it is the end of the input (Ctrl-D).
    DeleteOrEnd,
    KillToEnd,
    KillToStart,
    KillWordBack,
    KillWord,
    Yank,
    Transpose,
    ClearScreen,
}

/// A longer control sequence is not taken for one.
const LONGEST: usize = 32;
/// The marks before and after a paste (bracketed paste of xterm).
const PASTE_BEGIN: &[u8] = b"[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// The state of the decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC; `held` has the sequence so far, without the ESC.
    Escape,
    /// After Ctrl-V: the next byte is text.
    Literal,
    /// Within a paste; this many bytes of its end mark have been read.
    Paste(usize),
}

/// Turns the bytes of a terminal into keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    state: State,
    /// The start of an incomplete control sequence or UTF-8 character.
    held: Vec<u8>,
    /// The last byte was a CR: an LF right after it is part of the same Enter.
    cr: bool,
}

impl Keys {
    /// Takes the next key from `input`, which is moved past it. `None`: all of `input` was taken.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Option<Key> {
        while let Some((&byte, rest)) = input.split_first() {
            if std::mem::take(&mut self.cr) && byte == b'\n' {
                *input = rest;
                continue;
            }
            let key = match self.state {
                State::Ground => self.ground(byte, input),
                State::Escape => {
                    *input = rest;
                    self.escape(byte)
                }
                State::Literal => {
                    *input = rest;
                    self.state = State::Ground;
                    Some(Key::Text(vec![byte]))
                }
                State::Paste(matched) => self.paste(matched, input),
            };
            if key.is_some() {
                return key;
            }
        }
        None
    }

    fn ground(&mut self, byte: u8, input: &mut &[u8]) -> Option<Key> {
        if is_text(byte) {
            return self.text(input);
        }
        if !self.held.is_empty() {
            return Some(Key::Text(std::mem::take(&mut self.held))); // an incomplete character
        }
        *input = &input[1..];
        match byte {
            b'\r' | b'\n' => return Some(self.enter(byte)),
            0x1b => self.state = State::Escape,
            0x16 => self.state = State::Literal,
            _ => return control(byte),
        }
        None
    }

    /// Takes the text at the start of the input, without an incomplete character at its end.
    fn text(&mut self, input: &mut &[u8]) -> Option<Key> {
        let len = input.iter().position(|&byte| !is_text(byte)).unwrap_or(input.len());
        let (text, rest) = input.split_at(len);
        self.held.extend_from_slice(text);
        *input = rest;
        let whole = if rest.is_empty() { self.held.len() - cut_short(&self.held) } else { self.held.len() };
        let tail = self.held.split_off(whole);
        let text = std::mem::replace(&mut self.held, tail);
        (!text.is_empty()).then_some(Key::Text(text))
    }

    fn enter(&mut self, byte: u8) -> Key {
        self.cr = byte == b'\r';
        Key::Enter
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        if byte == 0x1b {
            self.held.clear(); // the Esc key, and then a key that sends a sequence
            return None;
        }
        self.held.push(byte);
        let whole = match self.held.as_slice() {
            [b'[' | b'O'] => false,
            [b'[', .., last] => !(0x20..=0x3f).contains(last),
            _ => true,
        };
        if !whole && self.held.len() < LONGEST {
            return None;
        }
        let sequence = std::mem::take(&mut self.held);
        self.state = State::Ground;
        match sequence.as_slice() {
            PASTE_BEGIN => self.state = State::Paste(0),
            [b'b'] => return Some(Key::WordLeft),
            [b'f'] => return Some(Key::WordRight),
            [b'd'] => return Some(Key::KillWord),
            [0x7f | 0x08] => return Some(Key::KillWordBack),
            [b'[', arguments @ .., last] => return sequence_key(arguments, *last),
            [b'O', last] => return sequence_key(b"", *last),
            [b'\r' | b'\n'] => return Some(self.enter(byte)),
            // The Esc key has no function: the byte after it is decoded by itself.
            [byte] if is_text(*byte) => return Some(Key::Text(sequence)),
            [byte] => return control(*byte),
            _ => {}
        }
        None
    }

    fn paste(&mut self, matched: usize, input: &mut &[u8]) -> Option<Key> {
        let byte = input[0];
        if PASTE_END[matched] == byte {
            *input = &input[1..];
            let whole = matched + 1 == PASTE_END.len();
            self.state = if whole { State::Ground } else { State::Paste(matched + 1) };
            return None;
        }
        if matched > 0 {
            self.state = State::Paste(0);
            return Some(Key::Text(PASTE_END[..matched].to_vec()));
        }
        if matches!(byte, b'\r' | b'\n') {
            *input = &input[1..];
            return Some(self.enter(byte));
        }
        let len = input.iter().position(|byte| matches!(byte, b'\r' | b'\n' | 0x1b)).unwrap_or(input.len());
        let (text, rest) = input.split_at(len);
        *input = rest;
        Some(Key::Text(text.to_vec()))
    }
}

fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f
}

/// The length of an incomplete UTF-8 character at the end.
fn cut_short(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(4)..];
    (1..=tail.len().min(3))
        .find(|&len| {
            let end = &tail[tail.len() - len..];
            std::str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

fn control(byte: u8) -> Option<Key> {
    Some(match byte {
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x04 => Key::DeleteOrEnd,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x08 | 0x7f => Key::Backspace,
        b'\t' => Key::Tab,
        0x0b => Key::KillToEnd,
        0x0c => Key::ClearScreen,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x14 => Key::Transpose,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWordBack,
        0x19 => Key::Yank,
        _ => return None,
    })
}

/// The key of `CSI arguments last`, as xterm, the Linux console and rxvt send it.
fn sequence_key(arguments: &[u8], last: u8) -> Option<Key> {
    let modified = arguments.len() > 1 && arguments.contains(&b';');
    let number = arguments.split(|&byte| byte == b';').next().unwrap_or_default();
    Some(match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if modified => Key::WordRight,
        (b'D', _) if modified => Key::WordLeft,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(pieces: &[&[u8]]) -> Vec<Key> {
        let mut decoder = Keys::default();
        let mut found = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(key) = decoder.next(&mut piece) {
                match (found.last_mut(), key) {
                    (Some(Key::Text(before)), Key::Text(text)) => before.extend(text),
                    (_, key) => found.push(key),
                }
            }
        }
        found
    }

    fn text(text: &str) -> Key {
        Key::Text(text.into())
    }

    #[test]
    fn keys_of_all_terminals_are_decoded() {
        for (bytes, key) in [
            ("\x1b[D", Key::Left),
            ("\x1bOD", Key::Left),
            ("\x1b[C", Key::Right),
            ("\x1b[H", Key::Home),
            ("\x1b[1~", Key::Home),
            ("\x1b[7~", Key::Home),
            ("\x1bOH", Key::Home),
            ("\x1b[F", Key::End),
            ("\x1b[4~", Key::End),
            ("\x1b[8~", Key::End),
            ("\x1b[3~", Key::Delete),
            ("\x1b[A", Key::Up),
            ("\x1bOB", Key::Down),
            ("\x1b[1;5C", Key::WordRight),
            ("\x1bb", Key::WordLeft),
            ("\x7f", Key::Backspace),
            ("\x04", Key::DeleteOrEnd),
        ] {
            assert_eq!(keys(&[bytes.as_bytes()]), [key], "{bytes:?}");
        }
        assert_eq!(keys(&[b"\x1b[15~\x1b[5~\x1b[2~\x1b[I\x00\x07"]), [], "keys that do nothing send nothing");
        assert_eq!(keys(&[b"\x1ba\x1b\x1b[D"]), [text("a"), Key::Left], "Esc alone does nothing");
    }

    #[test]
    fn any_split_gives_the_same_keys() {
        let typed = "ä€😀\x1b[1;5D\x1b[200~a\x1b[201\x03\r\nb\x1b[201~\x1b[3~c\r\nd\n\x16\x01e".as_bytes();
        let whole = keys(&[typed]);
        let expected = [
            text("ä€😀"),
            Key::WordLeft,
            text("a\x1b[201\x03"),
            Key::Enter,
            text("b"),
            Key::Delete,
            text("c"),
            Key::Enter,
            text("d"),
            Key::Enter,
            text("\x01e"),
        ];
        assert_eq!(whole, expected);
        for at in 0..=typed.len() {
            assert_eq!(keys(&[&typed[..at], &typed[at..]]), expected, "split at {at}");
        }
        assert_eq!(keys(&typed.chunks(1).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept() {
        assert_eq!(keys(&[b"\xff\xe2\x82\r"]), [Key::Text(b"\xff\xe2\x82".to_vec()), Key::Enter]);
        assert_eq!(keys(&[b"\xe2\x82", b"\r"]), [Key::Text(b"\xe2\x82".to_vec()), Key::Enter]);
        assert_eq!(keys(&[b"\x1b[200~\x00\x16\x1b[201~"]), [text("\0\x16")]);
    }

    #[test]
    fn unterminated_escape_sequence_is_dropped() {
        let mut long = b"\x1b[".to_vec();
        long.extend([b'1'; 3 * LONGEST]);
        long.push(b'x');
        let shown = keys(&[&long]);
        assert!(matches!(shown.as_slice(), [Key::Text(text)] if text.len() < 3 * LONGEST), "{shown:?}");
    }
}
