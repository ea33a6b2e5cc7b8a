//! The error of all values: the given text, and the expected syntax.

use std::ffi::OsStr;

use super::escape;

/// A text that does not parse.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("\"{}\" is not {what}: expected {expected}", escape(.input.as_bytes()))]
pub struct Invalid {
    /// The given text. Bytes that are not UTF-8 are escaped in it.
    pub input: String,
    /// The expected value, with its article: `a size`.
    pub what: &'static str,
    /// The accepted syntax, after the word "expected".
    pub expected: &'static str,
}

impl Invalid {
    /// The error that `input` is not `what`, with the syntax `expected`.
    #[must_use]
    pub fn new(input: &str, what: &'static str, expected: &'static str) -> Invalid {
        Invalid { input: input.to_owned(), what, expected }
    }

    /// As [`Invalid::new`], for an argument that may not be UTF-8.
    #[must_use]
    pub fn os(input: &OsStr, what: &'static str, expected: &'static str) -> Invalid {
        let input = input.to_str().map_or_else(|| escape(input.as_encoded_bytes()), str::to_owned);
        Invalid { input, what, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_shows_the_input_escaped() {
        let error = Invalid::new("4\x1b[2Jq\n", "a size", "a number");
        assert_eq!(error.to_string(), r#""4\x1b[2Jq\n" is not a size: expected a number"#);
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_utf8_are_shown_as_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let error = Invalid::os(OsStr::from_bytes(b"h\xff\x9b"), "an address", "HOST:PORT");
        assert_eq!(error.to_string(), r#""h\xff\x9b" is not an address: expected HOST:PORT"#);
    }
}
