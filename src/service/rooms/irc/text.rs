//! Texts of members in messages of IRC: without control characters that break a message or drive a terminal, and in
//! parts that fit.

use crate::value::escape;

/// Begins and ends a text for the client program (CTCP).
pub(super) const CTCP: u8 = 0x01;
/// What clients know as formatting (<https://modern.ircdocs.horse/formatting>), and the tab.
const FORMATTING: &[u8] = b"\t\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f";
/// The CTCP message with which a member describes itself.
const ACTION: &[u8] = b"\x01ACTION ";

/// Appends a text with its control characters made visible, but for formatting. The result is UTF-8.
fn clean_into(text: &[u8], out: &mut Vec<u8>) {
    for piece in text.chunk_by(|left, right| is_formatting(*left) == is_formatting(*right)) {
        if piece.iter().copied().all(is_formatting) {
            out.extend_from_slice(piece);
        } else {
            out.extend_from_slice(escape(piece).as_bytes());
        }
    }
}

fn is_formatting(byte: u8) -> bool {
    FORMATTING.contains(&byte)
}

/// A topic or a reason with its control characters made visible, but for formatting.
pub(super) fn clean(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    clean_into(text, &mut out);
    out
}

/// A text in parts of at most `room` bytes, each of which is a message of its own. An action stays one in each part;
/// of another CTCP message there is only the first part.
pub(super) fn parts(text: &[u8], room: usize) -> Vec<Vec<u8>> {
    let (begin, body) = match text.split_first() {
        Some((&CTCP, rest)) => {
            let begin = if text.starts_with(ACTION) { ACTION } else { &text[..1] };
            (begin, text.strip_prefix(begin).unwrap_or(rest))
        }
        _ => (&b""[..], text),
    };
    let (end, body) =
        if begin.is_empty() { (&b""[..], body) } else { (&[CTCP][..], body.strip_suffix(&[CTCP]).unwrap_or(body)) };
    let body = clean(body);
    let room = room.saturating_sub(begin.len() + end.len()).max(4); // any character fits
    let mut parts = Vec::new();
    let mut rest = &body[..];
    loop {
        let (part, after) = rest.split_at(prefix(rest, room).len());
        parts.push([begin, part, end].concat());
        rest = after;
        if rest.is_empty() || (!begin.is_empty() && begin != ACTION) {
            return parts;
        }
    }
}

/// The beginning of a text with at most this number of bytes, and without a part of a character of UTF-8.
pub(super) fn prefix(text: &[u8], most: usize) -> &[u8] {
    if text.len() <= most {
        return text;
    }
    let is_start = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let end = (most.saturating_sub(3)..=most).rev().find(is_start).unwrap_or(most);
    &text[..end]
}

/// Whether a text is one of those that a mask is for: `*` stands for any characters and `?` for one. Upper and lower case
/// are the same.
pub(super) fn matches(mask: &[u8], text: &[u8]) -> bool {
    // A longer mask matches nothing, and would take long to find that out.
    if mask.iter().filter(|&&byte| byte != b'*').count() > text.len() {
        return false;
    }
    let (mut at, mut done) = (0, 0);
    let mut star = None; // the place after the last star, and the end of what it stands for
    while done < text.len() {
        match mask.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, done));
            }
            Some(byte) if *byte == b'?' || byte.eq_ignore_ascii_case(&text[done]) => {
                at += 1;
                done += 1;
            }
            _ => {
                let Some((after, end)) = star else { return false };
                (at, done) = (after, end + 1);
                star = Some((after, end + 1));
            }
        }
    }
    mask[at..].iter().all(|&byte| byte == b'*')
}

/// Something that a client has sent, as a parameter of an answer: one word, not too long.
pub(super) fn word(bytes: &[u8]) -> String {
    const MOST: usize = 60;
    let text = escape(prefix(bytes, MOST)).replace(' ', "_");
    if text.is_empty() || text.starts_with(':') { "*".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_made_visible_and_formatting_stays() {
        let cases: [(&[u8], &str); 5] = [
            (b"\x02bold\x02 \x0304red\x0f\ttab", "\x02bold\x02 \x0304red\x0f\ttab"),
            (b"\x1b[2J\r\0\x07\x7f", r"\x1b[2J\r\x00\x07\x7f"),
            (b"\x9b\xff \xc2\x9b", r"\x9b\xff \xc2\x9b"),
            ("é \u{202e}".as_bytes(), "é \\u{202e}"),
            (b"", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8(clean(text)).unwrap(), expected);
        }
    }

    #[test]
    fn long_text_is_sent_in_parts() {
        let shown = |text: &[u8], room| {
            let shown = |part: Vec<u8>| String::from_utf8(part).unwrap();
            parts(text, room).into_iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(shown(b"abcdefgh", 5), ["abcde", "fgh"]);
        assert_eq!(shown("aéé".as_bytes(), 4), ["aé", "é"]);
        assert_eq!(shown(b"", 5), [""]);
        assert_eq!(
            shown(b"\x01ACTION waves all day\x01", 17),
            ["\x01ACTION waves al\x01", "\x01ACTION l day\x01"].map(str::to_owned).to_vec()
        );
        assert_eq!(shown(b"\x01VERSION", 100), ["\x01VERSION\x01"]);
        assert_eq!(shown(b"\x01PING 123456789\x01", 10), ["\x01PING 123\x01"]);
        assert_eq!(shown(b"a\x01b", 100), ["a\\x01b"]);
    }

    #[test]
    fn parameter_of_a_client_is_one_word() {
        let cases: [(&[u8], &str); 5] =
            [(b"#lab", "#lab"), (b"", "*"), (b":x", "*"), (b"a b\x1b", "a_b\\x1b"), (b"a\rb", "a\\rb")];
        for (param, expected) in cases {
            assert_eq!(word(param), expected);
        }
        assert_eq!(word(&[b'x'; 600]).len(), 60);
    }

    #[test]
    fn mask_has_wildcards() {
        let cases: [(&str, &str, bool); 14] = [
            ("ann", "ANN", true),
            ("ann", "anna", false),
            ("a*", "ann", true),
            ("*a", "anna", true),
            ("*a*a*", "anna", true),
            ("*a*a*a*", "anna", false),
            ("a?n", "ann", true),
            ("ann?", "ann", false),
            ("ann*", "ann", true),
            ("", "ann", false),
            ("", "", true),
            ("*", "", true),
            ("**n", "ann", true),
            ("*ab", "aab", true),
        ];
        for (mask, text, expected) in cases {
            assert_eq!(matches(mask.as_bytes(), text.as_bytes()), expected, "{mask} {text}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_utf_8_without_line_ends_and_fit(text in proptest::collection::vec(any::<u8>(), 0..300), room in 20..60_usize) {
            for part in parts(&text, room) {
                prop_assert!(part.len() <= room && !part.iter().any(|byte| b"\r\n\0".contains(byte)));
                prop_assert!(std::str::from_utf8(&part).is_ok());
            }
        }
    }
}
