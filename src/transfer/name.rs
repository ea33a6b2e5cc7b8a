//! The name of a file that is transferred.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use thiserror::Error;

use crate::value::escape;

/// The most bytes of a name: with those of `.NAME.part` it is one that file systems take (255 bytes).
const LONGEST: usize = 249;

/// A name that is safe in any directory: one component of a path, without control characters, and not hidden. So it is
/// never `..`, and never that of a partial file.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FileName(Box<[u8]>);

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// It has no byte.
    #[error("is empty")]
    Empty,
    /// It has too many bytes.
    #[error("has more than {LONGEST} bytes")]
    TooLong,
    /// It begins with a dot: a hidden file, `.` or `..`.
    #[error("begins with a dot")]
    Hidden,
    /// It is a path.
    #[error("has a slash")]
    Slash,
    /// It has control characters.
    #[error("has control characters")]
    Control,
}

impl FileName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is none that a receiver creates.
    pub fn new(name: &[u8]) -> Result<FileName, BadName> {
        match name {
            [] => Err(BadName::Empty),
            _ if name.len() > LONGEST => Err(BadName::TooLong),
            _ if name.contains(&b'/') => Err(BadName::Slash),
            _ if has_controls(name) => Err(BadName::Control),
            [b'.', ..] => Err(BadName::Hidden),
            _ => Ok(FileName(name.into())),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name, for the system.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// The name of the file while it is incomplete.
    #[must_use]
    pub fn part(&self) -> Vec<u8> {
        [b".", &*self.0, b".part"].concat()
    }
}

/// Whether there is a C0, DEL or C1 control: as a byte, or of UTF-8 where the name is UTF-8.
fn has_controls(name: &[u8]) -> bool {
    match std::str::from_utf8(name) {
        Ok(text) => text.chars().any(char::is_control),
        Err(_) => name.iter().any(|&byte| byte < b' ' || (0x7f..0xa0).contains(&byte)),
    }
}

impl fmt::Display for FileName {
    /// As one line of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&escape(&self.0), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_names_are_names() {
        let long = [b'x'; LONGEST + 1];
        for (name, expected) in [
            (&b""[..], BadName::Empty),
            (b".", BadName::Hidden),
            (b"..", BadName::Hidden),
            (b".bashrc", BadName::Hidden),
            (b".a.part", BadName::Hidden),
            (b"/etc/passwd", BadName::Slash),
            (b"../a", BadName::Slash),
            (b"a/", BadName::Slash),
            (b"a\0", BadName::Control),
            (b"a\nb", BadName::Control),
            (b"\x1b[2J", BadName::Control),
            (b"a\x7f", BadName::Control),
            (b"a\xc2\x9bm", BadName::Control),
            (b"a\x9bm", BadName::Control),
            (&long, BadName::TooLong),
        ] {
            assert_eq!(FileName::new(name), Err(expected), "{}", escape(name));
        }
        for name in [&b"a"[..], b"a b", "Gr\u{fc}\u{df}e.txt".as_bytes(), b"caf\xe9", b"-rf", b"a..b", &long[1..]] {
            assert_eq!(FileName::new(name).unwrap().as_bytes(), name);
        }
        assert_eq!(FileName::new(b"a").unwrap().part(), b".a.part");
    }
}
