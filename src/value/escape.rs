//! Escapes bytes from outside for a terminal or a log line.

/// Escapes the control characters of a stream, piece by piece.
///
/// LF and TAB are kept, because the stream is text of several lines; a CR right before an LF is dropped and any
/// other becomes `\r`. In one line LF and TAB become `\n` and `\t`. Every other C0 control, DEL, the C1
/// controls (as UTF-8 and as raw bytes) and bytes that are not UTF-8 become `\xHH`, a byte each; the
/// bidirectional controls of Unicode become `\u{..}`. Other UTF-8 is kept, also when it is split between two
/// pushes. The result is for reading: a backslash is not doubled, so it cannot be converted back to the bytes.
#[derive(Clone, Debug, Default)]
pub struct Escaper {
    /// For one line: LF and TAB are escaped too, and CR at once.
    one_line: bool,
    /// The last byte was a CR that is not written yet, because it depends on the next byte.
    cr: bool,
    /// The start of an incomplete UTF-8 sequence.
    partial: [u8; 4],
    partial_len: usize,
}

/// Escapes `bytes` as [`Escaper`] does, and LF, TAB and every CR too: the result is one line.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut escaper = Escaper { one_line: true, ..Escaper::default() };
    escaper.push(bytes, &mut out);
    escaper.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

impl Escaper {
    /// Starts a stream.
    #[must_use]
    pub fn new() -> Escaper {
        Escaper::default()
    }

    /// Appends the escaped `bytes` to `out`; at most a CR and three bytes are held back.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while self.partial_len > 0 {
            let Some((&byte, after)) = rest.split_first() else { return };
            self.partial[self.partial_len] = byte;
            let (held, partial) = (self.partial_len, self.partial);
            match std::str::from_utf8(&partial[..=held]) {
                Ok(text) => {
                    self.partial_len = 0;
                    self.text(text, out);
                    rest = after;
                }
                Err(error) if error.error_len().is_none() => {
                    self.partial_len += 1;
                    rest = after;
                }
                // The new byte does not continue the sequence: it is examined by itself.
                Err(_) => self.give_up(out),
            }
        }
        let mut at = 0;
        for chunk in rest.utf8_chunks() {
            self.text(chunk.valid(), out);
            let invalid = chunk.invalid();
            at += chunk.valid().len() + invalid.len();
            let cut_short = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if at == rest.len() && cut_short {
                self.partial[..invalid.len()].copy_from_slice(invalid);
                self.partial_len = invalid.len();
            } else {
                self.bytes(invalid, out);
            }
        }
    }

    /// Ends the stream: appends the bytes that were held back, and resets the escaper.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.give_up(out);
        self.release_cr(out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            if self.cr {
                // No bytes are pending before this character: the CR was the last byte of the previous run.
                if c == '\n' { self.cr = false } else { self.release_cr(out) }
            }
            if self.passes(c) {
                continue;
            }
            out.extend_from_slice(&text.as_bytes()[plain..at]);
            plain = at + c.len_utf8();
            match c {
                '\n' => out.extend_from_slice(b"\\n"), // only in one line
                '\t' => out.extend_from_slice(b"\\t"),
                '\r' if self.one_line => out.extend_from_slice(b"\\r"),
                '\r' => self.cr = true,
                c if is_bidi_control(c) => out.extend(c.escape_unicode().map(|c| c as u8)),
                _ => hex(&text.as_bytes()[at..plain], out),
            }
        }
        out.extend_from_slice(&text.as_bytes()[plain..]);
    }

    fn passes(&self, c: char) -> bool {
        match c {
            '\n' | '\t' => !self.one_line,
            _ => !c.is_control() && !is_bidi_control(c),
        }
    }

    /// Escapes bytes that are not UTF-8.
    fn bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !bytes.is_empty() {
            self.release_cr(out);
            hex(bytes, out);
        }
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        let (held, partial) = (self.partial_len, self.partial);
        self.partial_len = 0;
        self.bytes(&partial[..held], out);
    }

    fn release_cr(&mut self, out: &mut Vec<u8>) {
        if self.cr {
            self.cr = false;
            out.extend_from_slice(b"\\r");
        }
    }
}

/// Whether a character changes the direction of the text around it (Unicode property `Bidi_Control`).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(b"\\x");
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// The last line that has more than blanks, without those at its end; empty if there is none.
#[must_use]
pub fn last_line(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end().rsplit(|&byte| byte == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pushes each part of the stream on its own.
    fn stream(parts: &[&[u8]]) -> String {
        let mut escaper = Escaper::new();
        let mut out = Vec::new();
        for part in parts {
            escaper.push(part, &mut out);
        }
        escaper.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn control_characters_are_escaped() {
        let cases: [(&[u8], &str); 9] = [
            (b"plain \\ text", r"plain \ text"),
            (b"\x00\x07\x1b[31m\x7f", r"\x00\x07\x1b[31m\x7f"),
            (b"a\tb\nc\r\n", r"a\tb\nc\r\n"),
            (b"\x9b1m\x80", r"\x9b1m\x80"),
            ("\u{9b}1m\u{85}".as_bytes(), r"\xc2\x9b1m\xc2\x85"),
            ("é€🦀".as_bytes(), "é€🦀"),
            ("a\u{202e}b\u{2066}\u{200f}\u{61c}".as_bytes(), r"a\u{202e}b\u{2066}\u{200f}\u{61c}"),
            (b"\xe2\x82", r"\xe2\x82"),
            (b"\xe2\x82x\xff\xed\xa0\x80", r"\xe2\x82x\xff\xed\xa0\x80"),
        ];
        for (bytes, text) in cases {
            assert_eq!(escape(bytes), text);
        }
    }

    #[test]
    fn stream_keeps_lines_and_tabs_and_drops_cr_before_lf() {
        assert_eq!(stream(&[b"a\tb\r\nc\n"]), "a\tb\nc\n");
        assert_eq!(stream(&[b"a\r", b"\nb"]), "a\nb");
        assert_eq!(stream(&[b"a\r", b"b\r", b"\r\n", b"\r"]), "a\\rb\\r\n\\r");
        assert_eq!(stream(&[b"\r\x1b\r\xff"]), r"\r\x1b\r\xff");
    }

    #[test]
    fn characters_split_between_pushes_stay_whole() {
        assert_eq!(stream(&[b"\xe2", b"\x82", b"\xac!"]), "€!");
        assert_eq!(stream(&[b"\xf0\x9f", b"", b"\xa6\x80"]), "🦀");
        assert_eq!(stream(&[b"\xc2", b"\x9b1m"]), r"\xc2\x9b1m");
        assert_eq!(stream(&[b"\xe2", b"\x82", b"\xe2\x82\xac"]), r"\xe2\x82€");
        assert_eq!(stream(&[b"\xe2\x80", b"\xae"]), r"\u{202e}");
        assert_eq!(stream(&[b"\r", b"\xe2", b"\n"]), "\\r\\xe2\n");
    }

    fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            any::<u8>().prop_map(|b| vec![b]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            prop::sample::select(vec!["\r\n", "\r", "\n", "\u{9b}", "\u{202e}", "€"])
                .prop_map(|s| s.as_bytes().to_vec()),
        ];
        prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_control_characters_remain(bytes in hostile_bytes()) {
            let shown = escape(&bytes);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_bidi_control(c)), "{shown:?}");
            prop_assert_eq!(escape(shown.as_bytes()), shown);
            let shown = stream(&[&bytes]);
            prop_assert!(!shown.chars().any(|c| (c.is_control() && c != '\n' && c != '\t') || is_bidi_control(c)));
        }

        #[test]
        fn any_split_shows_the_same(bytes in hostile_bytes(), size in 1usize..5) {
            let parts: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(stream(&parts), stream(&[&bytes]));
        }
    }
}
