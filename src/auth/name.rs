//! The name of a user: what a login may be for, and what a room shows.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use stringprep::saslprep;

/// What a name may have besides letters and digits.
const MARKS: &str = "-_.@+";

/// The name of a user, in the form of SASLprep (RFC 4013): 1 to 64 bytes of letters, digits and `-_.@+`. It is never
/// a path, a command of a room, or more than one word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// Why a text is no name of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("a user name has at least one character")]
    Empty,
    /// It is too long.
    #[error("a user name has at most {} bytes", UserName::LONGEST)]
    TooLong,
    /// It begins with a character that is reserved there.
    #[error("a user name begins with a letter or a digit")]
    Begin,
    /// It has a character that no name has.
    #[error("a user name has letters, digits and {MARKS} only")]
    Character,
    /// SASLprep does not allow it.
    #[error("a user name has no characters that SASLprep (RFC 4013) prohibits")]
    Prohibited,
}

impl UserName {
    /// The largest length in bytes.
    pub const LONGEST: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        // A longer text need not be normalized first.
        if text.len() > 4 * UserName::LONGEST {
            return Err(InvalidName::TooLong);
        }
        let name = saslprep(text).map_err(|_| InvalidName::Prohibited)?;
        let first = name.chars().next().ok_or(InvalidName::Empty)?;
        if name.len() > UserName::LONGEST {
            return Err(InvalidName::TooLong);
        }
        if !name.chars().all(|c| c.is_alphanumeric() || MARKS.contains(c)) {
            return Err(InvalidName::Character);
        }
        if !first.is_alphanumeric() {
            return Err(InvalidName::Begin);
        }
        Ok(UserName(name.into_owned()))
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for UserName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalized_and_bad_ones_are_refused() {
        let longest = "x".repeat(UserName::LONGEST);
        for (text, name) in [
            ("ann", "ann"),
            ("Ann.B-c_d+e@lab.example", "Ann.B-c_d+e@lab.example"),
            ("J\u{fc}rgen", "J\u{fc}rgen"),
            ("Ju\u{308}rgen", "J\u{fc}rgen"),
            ("\u{2168}", "IX"),
            ("an\u{ad}n", "ann"),
            (&longest, &longest),
        ] {
            assert_eq!(text.parse::<UserName>().map(|name| name.to_string()).as_deref(), Ok(name), "{text:?}");
        }
        for (text, why) in [
            ("", InvalidName::Empty),
            ("\u{ad}", InvalidName::Empty),
            ("x".repeat(UserName::LONGEST + 1).as_str(), InvalidName::TooLong),
            ("x".repeat(1 << 20).as_str(), InvalidName::TooLong),
            ("-x", InvalidName::Begin),
            ("#x", InvalidName::Character),
            ("a b", InvalidName::Character),
            ("a:b", InvalidName::Character),
            ("a,b", InvalidName::Character),
            ("a/b", InvalidName::Character),
            ("a\u{200b}b c", InvalidName::Character),
            ("a\tb", InvalidName::Prohibited),
            ("a\u{1b}[2Jb", InvalidName::Prohibited),
            ("a\u{202e}b", InvalidName::Prohibited),
            ("a\u{e000}b", InvalidName::Prohibited),
            ("\u{627}1", InvalidName::Prohibited),
        ] {
            assert_eq!(text.parse::<UserName>(), Err(why), "{text:?}");
        }
    }
}
