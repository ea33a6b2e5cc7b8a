//! Masks: patterns that hide what may differ between conversations, such as a date.

use std::borrow::Cow;

use regex::bytes::{NoExpand, Regex};

use super::Outcome;
use crate::value::{InvalidRegex, Syntax, compile, escape, matches_no_bytes};

/// The replacement of a match.
const BLANK: &[u8] = b"*";
/// The largest number of suggested masks.
const SUGGESTED: usize = 4;

/// Patterns whose matches are ignored in comparisons.
#[derive(Clone, Debug, Default)]
pub struct Masks {
    /// Those of the command line.
    given: Vec<Regex>,
    /// Those of a dialog, which need not match: not every server of a protocol sends a date.
    dialog: Vec<Regex>,
}

impl Masks {
    /// Masks with these patterns, in the syntax of the regex crate.
    ///
    /// # Errors
    /// The invalid pattern, and the reason.
    pub fn new(patterns: &[String]) -> Result<Masks, InvalidMask> {
        Ok(Masks { given: read(patterns)?, dialog: Vec::new() })
    }

    /// Adds the masks of a dialog, which are not reported if they match nothing.
    ///
    /// # Errors
    /// The invalid pattern, and the reason.
    pub fn with_dialog(self, patterns: &[String]) -> Result<Masks, InvalidMask> {
        Ok(Masks { dialog: read(patterns)?, ..self })
    }

    /// The patterns that match nothing in an outcome: they may be mistyped.
    pub fn unmatched<'a>(&'a self, outcome: &'a Outcome) -> impl Iterator<Item = &'a str> {
        let is_match = |mask: &Regex| outcome.replies.iter().chain([&outcome.rest]).any(|reply| mask.is_match(reply));
        self.given.iter().filter(move |mask| !is_match(mask)).map(Regex::as_str)
    }

    /// Whether this one of the patterns matches in these bytes.
    #[must_use]
    pub fn matches(&self, pattern: &str, bytes: &[u8]) -> bool {
        self.given.iter().any(|mask| mask.as_str() == pattern && mask.is_match(bytes))
    }

    /// The patterns.
    pub fn patterns(&self) -> impl Iterator<Item = String> + '_ {
        self.given.iter().map(|mask| mask.as_str().to_owned())
    }

    /// The bytes with every match replaced.
    #[must_use]
    pub fn apply<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.given.iter().chain(&self.dialog).fold(Cow::Borrowed(bytes), |bytes, mask| {
            match mask.replace_all(&bytes, NoExpand(BLANK)) {
                Cow::Borrowed(_) => bytes,
                Cow::Owned(masked) => Cow::Owned(masked),
            }
        })
    }

    /// Whether two replies are equal, apart from masked bytes.
    #[must_use]
    pub fn are_like(&self, one: &[u8], other: &[u8]) -> bool {
        one == other || self.apply(one) == self.apply(other)
    }

    /// A few simple additional masks that make these two equal; empty if there are none.
    #[must_use]
    pub fn suggest(&self, one: &[u8], other: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut all = self.clone();
        while found.len() < SUGGESTED && !all.are_like(one, other) {
            let (one, other) = (all.apply(one), all.apply(other));
            let mut lines = one.split(|&b| b == b'\n').zip(other.split(|&b| b == b'\n'));
            let Some((a, b)) = lines.find(|(a, b)| a != b) else { break };
            let header = a.iter().position(|&b| b == b':').and_then(|at| std::str::from_utf8(&a[..at]).ok());
            let is_name =
                |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let header = header.filter(is_name).map(|name| format!("(?m)^{name}:.*$"));
            let digits = Some("[0-9]+".to_owned());
            let mask = header.into_iter().chain(digits).find_map(|pattern| {
                let mask = Regex::new(&pattern).ok()?;
                let blank = |line| mask.replace_all(line, NoExpand(BLANK));
                (blank(a) == blank(b)).then_some((pattern, mask))
            });
            let Some((pattern, mask)) = mask else { break };
            found.push(pattern);
            all.given.push(mask);
        }
        if all.are_like(one, other) { found } else { Vec::new() }
    }
}

fn read(patterns: &[String]) -> Result<Vec<Regex>, InvalidMask> {
    let mask = |pattern: &String| {
        let mask = compile(pattern, Syntax::Plain)?;
        if matches_no_bytes(pattern) { Err(InvalidMask::Empty(pattern.clone())) } else { Ok(mask) }
    };
    patterns.iter().map(mask).collect()
}

/// A pattern that masks nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMask {
    /// It is not a regular expression.
    #[error(transparent)]
    Regex(#[from] InvalidRegex),
    /// It matches no bytes.
    #[error("\"{}\" matches no bytes: give a regular expression such as [0-9]+", escape(.0.as_bytes()))]
    Empty(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(patterns: &[&str]) -> Masks {
        Masks::new(&patterns.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn flags_in_a_pattern_have_their_effect() {
        for (pattern, masked) in [
            ("(?i)date: .", "*\r\n*\r\nx"),
            ("(?im)^DATE: .*$", "*\n*\nx"),
            ("(?mR)^Date: .*$", "*\r\ndate: b\r\nx"),
            ("(?s)Date.*b", "*\r\nx"),
            ("(?x) a t e # a comment", "D*: a\r\nd*: b\r\nx"),
            ("(?-u)(?i)DATE", "*: a\r\n*: b\r\nx"),
            ("(?i:D)ate", "*: a\r\n*: b\r\nx"),
        ] {
            let bytes = masks(&[pattern]).apply(b"Date: a\r\ndate: b\r\nx").into_owned();
            assert_eq!(String::from_utf8(bytes).unwrap(), masked, "{pattern}");
        }
        assert!(masks(&["(?i)\u{e9}t\u{e9}"]).are_like("\u{c9}T\u{c9}".as_bytes(), b"*"));
    }

    #[test]
    fn mask_without_a_match_is_known() {
        let masks = masks(&["a+", "(?m)^b$", "[0-9]+", "end"]);
        let outcome =
            Outcome { replies: vec![b"aa".to_vec(), b"x\nb\n".to_vec()], rest: b"end".to_vec(), ..Outcome::default() };
        assert_eq!(masks.unmatched(&outcome).collect::<Vec<_>>(), ["[0-9]+"]);
        let masks = masks.with_dialog(&["v".to_owned(), "q.".to_owned()]).unwrap();
        assert_eq!(masks.unmatched(&outcome).collect::<Vec<_>>(), ["[0-9]+"]);
        assert!(masks.are_like(b"qy", b"qz"));
    }

    #[test]
    fn mask_of_no_bytes_is_refused() {
        for pattern in ["", "(?i)", "^"] {
            let error = Masks::new(&["a".to_owned(), pattern.to_owned()]).unwrap_err().to_string();
            assert_eq!(error, format!("\"{pattern}\" matches no bytes: give a regular expression such as [0-9]+"));
        }
    }

    #[test]
    fn masked_text_does_not_count() {
        let masks = Masks::new(&["(?m)^Date: .*$".to_owned()]).unwrap();
        assert_eq!(masks.apply(b"A: 1\nDate: now\nB"), masks.apply(b"A: 1\nDate: then\nB"));
        assert_ne!(masks.apply(b"A: 1"), masks.apply(b"A: 2"));
    }

    #[test]
    fn mask_is_suggested_only_if_it_helps() {
        let suggest = |one: &str, other: &str| Masks::default().suggest(one.as_bytes(), other.as_bytes());
        assert_eq!(suggest("x\nDate: a\r\n", "x\nDate: b\r\n"), ["(?m)^Date:.*$"]);
        assert_eq!(suggest("id 17", "id 18"), ["[0-9]+"]);
        assert_eq!(suggest("A: x\nB\nC: 1\n", "A: y\nB\nC: 2\n"), ["(?m)^A:.*$", "(?m)^C:.*$"]);
        assert_eq!(suggest("abc", "abd"), Vec::<String>::new());
        assert_eq!(suggest("A: x\nabc", "A: y\nabd"), Vec::<String>::new());
    }
}
