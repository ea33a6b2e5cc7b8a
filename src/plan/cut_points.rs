//! The places of messages that `--cut-at` and `--cut-at-regex` of a sweep choose.

use std::collections::BTreeSet;

use super::finder::Finder;
use crate::value::{Expression, Pattern, escape};

/// Where a sweep cuts messages, if not at every offset: after what is found in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CutPoints {
    /// After each occurrence of these.
    pub patterns: Vec<Pattern>,
    /// After each match of these.
    pub expressions: Vec<Expression>,
}

/// A pattern that is not found where it would cut a message: a sweep with it would test nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} cuts no message: nothing is found before the last byte of one (give another pattern)")]
pub struct CutsNothing(String);

impl CutPoints {
    /// Whether nothing was chosen: messages are cut at every offset.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.expressions.is_empty()
    }

    /// The options that choose these places, one after the other.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        self.searches().into_iter().map(|(option, _)| option).collect()
    }

    /// The places, as rising offsets in the stream of these messages. Each is inside a message.
    ///
    /// # Errors
    /// The first pattern that cuts no message.
    pub fn places(&self, messages: &[Vec<u8>]) -> Result<Vec<usize>, CutsNothing> {
        let mut places = BTreeSet::new();
        for (option, mut finder) in self.searches() {
            let (mut start, mut is_found) = (0, false);
            for message in messages {
                for end in finder.ends_in(message).into_iter().filter(|end| *end < message.len()) {
                    is_found = true;
                    places.insert(start + end);
                }
                start += message.len();
            }
            if !is_found {
                return Err(CutsNothing(option));
            }
        }
        Ok(places.into_iter().collect())
    }

    /// Each option with what it searches for.
    fn searches(&self) -> Vec<(String, Finder)> {
        let patterns = self
            .patterns
            .iter()
            .map(|pattern| (format!("--cut-at '{pattern}'"), Finder::of_patterns(std::slice::from_ref(pattern))));
        let expressions = self.expressions.iter().map(|expression| {
            let text = escape(expression.to_string().as_bytes());
            (format!("--cut-at-regex '{text}'"), Finder::of_expressions(std::slice::from_ref(expression)))
        });
        patterns.chain(expressions).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(patterns: &[&str], expressions: &[&str]) -> CutPoints {
        CutPoints {
            patterns: patterns.iter().map(|text| text.parse().unwrap()).collect(),
            expressions: expressions.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn places_are_after_occurrences_inside_messages() {
        let messages = [b"A: 1\r\n\r\n".to_vec(), vec![], b"B\r\n".to_vec(), b"\r".to_vec()];
        let places = |patterns: &[&str], expressions: &[&str]| points(patterns, expressions).places(&messages).unwrap();
        assert_eq!(places(&[r"\r"], &[]), [5, 7, 10]);
        assert_eq!(places(&[r"\r\n"], &[]), [6]);
        assert_eq!(places(&[r"\r\n", ":"], &["[A-Z]"]), [1, 2, 6, 9]);
        assert_eq!(places(&[], &[]), Vec::<usize>::new());
    }

    #[test]
    fn pattern_that_cuts_no_message_is_named() {
        let messages = [b"ab\n".to_vec(), b"c\n".to_vec()];
        let error = |patterns: &[&str], expressions: &[&str]| {
            points(patterns, expressions).places(&messages).unwrap_err().to_string()
        };
        let nothing = "cuts no message: nothing is found before the last byte of one (give another pattern)";
        assert_eq!(error(&["a", r"\n"], &[]), format!(r"--cut-at '\n' {nothing}"));
        assert_eq!(error(&["a"], &["x\t?"]), format!(r"--cut-at-regex 'x\t?' {nothing}"));
        assert_eq!(error(&[r"\nc"], &[]), format!(r"--cut-at '\nc' {nothing}"));
        assert_eq!(points(&["a"], &["^"]).options(), ["--cut-at 'a'", "--cut-at-regex '^'"]);
    }
}
