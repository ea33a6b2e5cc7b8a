//! The number of expected replies.

use std::fmt;
use std::str::FromStr;

use super::{Count, Invalid};

/// The number of replies that are expected to each message (`--replies`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// This number; 0 means that no reply is expected.
    Each(Count),
    /// Any number: replies are not counted.
    Any,
}

impl FromStr for Replies {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Replies, Invalid> {
        if text == "any" {
            return Ok(Replies::Any);
        }
        let invalid = |_| Invalid::new(text, "a count", "a whole number below 2^32 such as 3, or any");
        text.parse().map(Replies::Each).map_err(invalid)
    }
}

impl fmt::Display for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Replies::Each(count) => count.fmt(f),
            Replies::Any => f.write_str("any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_takes_a_number_or_any() {
        assert_eq!("3".parse(), Ok(Replies::Each(Count(3))));
        assert_eq!("any".parse(), Ok(Replies::Any));
        assert_eq!(Replies::Any.to_string() + &Replies::Each(Count(0)).to_string(), "any0");
        let error = "all".parse::<Replies>().unwrap_err().to_string();
        assert_eq!(error, "\"all\" is not a count: expected a whole number below 2^32 such as 3, or any");
    }
}
