//! Regular expressions for bytes, with an error that names the position.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::escape;

/// How a pattern is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// As the regex crate does by default.
    Plain,
    /// For the lines of a protocol: `^` and `$` match at the start and end of each line, the line may end with CR LF,
    /// and `\xHH` and `.` are bytes. These are the flags `(?mR-u)`.
    Lines,
}

/// A regular expression in the syntax of the regex crate. Two are equal if their texts are.
#[derive(Clone, Debug)]
pub struct Expression(Regex);

impl Expression {
    /// Whether it matches in these bytes.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// The ends of all matches in these bytes, in rising order: each match begins where the last one ended, or later.
    pub fn ends<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        self.0.find_iter(bytes).map(|found| found.end())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl FromStr for Expression {
    type Err = InvalidRegex;

    fn from_str(text: &str) -> Result<Expression, InvalidRegex> {
        compile(text, Syntax::Plain).map(Expression)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A pattern that is not a regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is not a regular expression: {why}{}", escape(.pattern.as_bytes()), place(.pattern, *.offset))]
pub struct InvalidRegex {
    pattern: String,
    /// The reason, in one line.
    pub why: String,
    /// The position in the pattern, in bytes; `None` if it is the whole pattern that does not do.
    pub offset: Option<usize>,
}

/// Compiles a pattern.
///
/// # Errors
/// It is not a regular expression, or exceeds the size limit of the regex crate.
pub fn compile(pattern: &str, syntax: Syntax) -> Result<Regex, InvalidRegex> {
    let lines = syntax == Syntax::Lines;
    let regex = RegexBuilder::new(pattern).multi_line(lines).crlf(lines).unicode(!lines).build();
    regex.map_err(|error| {
        // The text of the regex crate has several lines; its parser has the reason and the position.
        let at = |what: String, span: &Span| (what, Some(span.start.offset));
        let mut parser = regex_syntax::ParserBuilder::new();
        let parsed = parser.utf8(false).multi_line(lines).crlf(lines).unicode(!lines).build().parse(pattern);
        let (why, offset) = match parsed {
            Err(regex_syntax::Error::Parse(error)) => at(error.kind().to_string(), error.span()),
            Err(regex_syntax::Error::Translate(error)) => at(error.kind().to_string(), error.span()),
            _ => (error.to_string(), None), // it exceeds the size limit of the regex crate
        };
        InvalidRegex { pattern: pattern.to_owned(), why, offset }
    })
}

/// Whether a pattern, which is a regular expression, can only match between bytes: it is empty, or an anchor.
#[must_use]
pub fn matches_no_bytes(pattern: &str) -> bool {
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern);
    parsed.is_ok_and(|parsed| parsed.properties().maximum_len() == Some(0))
}

fn place(pattern: &str, offset: Option<usize>) -> String {
    let before = offset.and_then(|offset| pattern.get(..offset));
    before.map_or(String::new(), |before| format!(" (character {})", before.chars().count() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_pattern_is_reported_in_one_line() {
        let cases = [
            ("[", "unclosed character class (character 1)"),
            ("a(b", "unclosed group (character 2)"),
            ("\u{e9}*\na**?(", "unclosed group (character 8)"),
            (r"\p{nonsense}", "Unicode property not found (character 1)"),
            (r"(?:\d{1000}){1000}", "Compiled regex exceeds size limit of 10485760 bytes."),
        ];
        for (pattern, why) in cases {
            let shown = escape(pattern.as_bytes());
            let error = compile(pattern, Syntax::Plain).unwrap_err();
            assert_eq!(error.to_string(), format!("\"{shown}\" is not a regular expression: {why}"));
        }
    }

    #[test]
    fn empty_patterns_and_anchors_match_no_bytes() {
        for (pattern, matches_none) in [
            ("", true),
            ("(?i)", true),
            ("^|$", true),
            ("(?m)^$", true),
            ("()*", true),
            ("a?", false),
            ("(?i)a", false),
        ] {
            assert_eq!(matches_no_bytes(pattern), matches_none, "{pattern}");
        }
    }

    #[test]
    fn matches_end_where_the_next_may_begin() {
        let ends = |text: &str, bytes: &[u8]| text.parse::<Expression>().unwrap().ends(bytes).collect::<Vec<_>>();
        assert_eq!(ends("aa", b"aaaaa"), [2, 4]);
        assert_eq!(ends(r"\b", b"ab cd"), [0, 2, 3, 5]);
        assert_eq!(ends("(?i)^B.|c", b"b\xc3\xa9c"), [3, 4]);
        assert_eq!("a|b".parse::<Expression>(), "a|b".parse());
        assert_ne!("a|b".parse::<Expression>(), "b|a".parse());
    }

    #[test]
    fn patterns_of_lines_match_at_each_line() {
        let is_match = |pattern, bytes: &[u8]| compile(pattern, Syntax::Lines).unwrap().is_match(bytes);
        assert!(is_match(r"^\.$", b"+OK\r\n.\r\n") && is_match("^b$", b"a\nb\n") && is_match("(?i)^B.$", b"b\xff"));
        assert!(is_match(r"\xff", b"\xff") && !is_match(r"^a.$", b"a\r\n"));
    }
}
