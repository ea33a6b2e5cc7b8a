//! The actions of chat clients, such as `/me waves`.

/// The text of an action, if this line of a member is one: clients of IRC send it as `ACTION` between two bytes 1
/// (CTCP, <https://modern.ircdocs.horse/ctcp>).
#[must_use]
pub fn action_of(line: &[u8]) -> Option<&[u8]> {
    let text = line.strip_prefix(b"\x01ACTION ")?;
    Some(text.strip_suffix(b"\x01").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_has_its_text_with_or_without_an_end() {
        for (line, text) in [
            (&b"\x01ACTION waves\x01"[..], Some(&b"waves"[..])),
            (b"\x01ACTION waves", Some(b"waves")),
            (b"\x01ACTION \x01", Some(b"")),
            (b"\x01VERSION\x01", None),
            (b"ACTION waves", None),
        ] {
            assert_eq!(action_of(line), text);
        }
    }
}
