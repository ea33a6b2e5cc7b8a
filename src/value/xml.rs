//! Escapes text for an XML document.

/// Replaces markup characters by references, for text and for attributes in double quotes. Control characters except
/// tab and line breaks, and two other characters that XML does not permit (XML 1.0, production 2), become U+FFFD.
#[must_use]
pub fn escape_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_forbidden_characters_are_replaced() {
        assert_eq!(escape_xml("a<b & \"c\">\u{ffff}\0\n"), "a&lt;b &amp; &quot;c&quot;&gt;\u{fffd}\u{fffd}\n");
    }
}
