//! A password, in the form in which it is hashed.

use std::fmt;

use stringprep::saslprep;
use zeroize::Zeroizing;

/// The largest length of a password in bytes.
const LONGEST: usize = 1024;

/// A password in the form of SASLprep (RFC 4013). No output shows it, and its memory is overwritten at the end.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

/// Why a text is no password. The message shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// It is empty.
    #[error("the password is empty")]
    Empty,
    /// It is too long.
    #[error("the password has more than {LONGEST} bytes")]
    TooLong,
    /// It is more than a line.
    #[error("there is more than one line")]
    Lines,
    /// It is not UTF-8, or SASLprep does not allow it.
    #[error("the password is not UTF-8, or has characters that SASLprep (RFC 4013) prohibits")]
    Prohibited,
}

impl Password {
    /// The largest size of a file with a password: the password and a line ending.
    pub const MAX_FILE: usize = LONGEST + 2;

    /// Prepares a password.
    ///
    /// # Errors
    /// When it is empty, too long, or has characters that no password has.
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidPassword> {
        if bytes.len() > LONGEST {
            return Err(InvalidPassword::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidPassword::Prohibited)?;
        let password = saslprep(text).map_err(|_| InvalidPassword::Prohibited)?;
        if password.is_empty() {
            return Err(InvalidPassword::Empty);
        }
        Ok(Password(Zeroizing::new(password.into_owned())))
    }

    /// The password of a line with an optional line ending.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for more than a line.
    pub fn of_line(line: &[u8]) -> Result<Self, InvalidPassword> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\n') { Err(InvalidPassword::Lines) } else { Password::new(line) }
    }

    /// The password, for a protocol that sends it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_normalized_and_bad_ones_are_refused() {
        let same = |one: &str, other: &str| Password::new(one.as_bytes()) == Password::new(other.as_bytes());
        assert!(same("pencil", "pen\u{ad}cil") && same("\u{fc}", "u\u{308}") && same("a b", "a\u{a0}b"));
        assert!(!same("pencil", "Pencil") && !same("pencil", "pencil "));
        assert_eq!(Password::of_line(b"pencil\r\n"), Password::new(b"pencil"));
        assert_eq!(Password::of_line(b"pencil\n\n"), Err(InvalidPassword::Lines));
        for (bytes, why) in [
            (&b""[..], InvalidPassword::Empty),
            (&[b'x'; LONGEST + 1], InvalidPassword::TooLong),
            (b"\xff", InvalidPassword::Prohibited),
            (b"a\0b", InvalidPassword::Prohibited),
            (b"a\nb", InvalidPassword::Prohibited),
        ] {
            assert_eq!(Password::new(bytes).unwrap_err(), why);
        }
        assert_eq!(format!("{:?}", Password::new(b"pencil").unwrap()), "Password");
    }
}
