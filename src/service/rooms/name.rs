//! The names of members and rooms.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use thiserror::Error;

/// The name of a member. Two names that differ only in upper and lower case are equal.
///
/// A name is ASCII, because names that only look alike must not exist: no member can take another one's name. It can
/// be printed on a terminal as it is, and it is a nickname of IRC.
#[derive(Clone)]
pub struct Name(Rc<str>);

/// The name of a room, without the `#` of IRC. It compares as a [`Name`] does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Name);

/// The reason why bytes are no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// There are no bytes.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("has more than {0} characters")]
    TooLong(usize),
    /// It begins with a character that may only follow.
    #[error("must begin with a letter or one of _ [ ] {{ }} ^ |")]
    Start,
    /// It has a character that no name may have.
    #[error("may only have letters, digits and - _ . [ ] {{ }} ^ |")]
    Character,
}

impl Name {
    /// Reads the name of a member of at most `most` characters.
    ///
    /// # Errors
    /// States the rule that it breaks.
    pub fn parse(bytes: &[u8], most: usize) -> Result<Self, InvalidName> {
        let name = Name::read(bytes, most)?;
        let starts_well = bytes[0].is_ascii_alphabetic() || b"_[]{}^|".contains(&bytes[0]);
        if starts_well { Ok(name) } else { Err(InvalidName::Start) }
    }

    fn read(bytes: &[u8], most: usize) -> Result<Self, InvalidName> {
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.[]{}^|".contains(byte);
        match std::str::from_utf8(bytes) {
            _ if bytes.is_empty() => Err(InvalidName::Empty),
            _ if !bytes.iter().all(is_allowed) => Err(InvalidName::Character),
            _ if bytes.len() > most => Err(InvalidName::TooLong(most)),
            Ok(text) => Ok(Name(text.into())),
            Err(_) => Err(InvalidName::Character),
        }
    }

    /// The name under which the members here know this member of another server. It has a slash, as no name of a member
    /// here has.
    pub(super) fn of_server(&self, server: &str) -> Self {
        Name(format!("{self}/{server}").into())
    }

    /// The other server that has this member; `None` if it is a member here.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(_, server)| server)
    }

    /// Reads the name of a member as it was recorded: it may be one of another server.
    ///
    /// # Errors
    /// States the rule that it breaks.
    pub fn parse_recorded(text: &str) -> Result<Self, InvalidName> {
        let (name, server) = text.split_once('/').map_or((text, None), |(name, server)| (name, Some(server)));
        let name = Name::parse(name.as_bytes(), name.len())?;
        match server {
            None => Ok(name),
            Some(server) => Name::read(server.as_bytes(), server.len()).map(|server| name.of_server(server.as_str())),
        }
    }

    /// The name of a guest.
    pub(super) fn guest(number: u64) -> Self {
        Name(format!("guest{number}").into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoomName {
    /// Reads the name of a room of at most `most` characters; a `#` before it is not part of it.
    ///
    /// # Errors
    /// States the rule that it breaks.
    pub fn parse(bytes: &[u8], most: usize) -> Result<Self, InvalidName> {
        Name::read(bytes.strip_prefix(b"#").unwrap_or(bytes), most).map(RoomName)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> std::cmp::Ordering {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        self.0.bytes().map(lower).cmp(other.0.bytes().map(lower))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_short_ascii_words() {
        for name in ["ann", "A", "guest12", "_x", "a-b.c", "[o]{o}^|", "ABCDEFGH"] {
            assert_eq!(Name::parse(name.as_bytes(), 8).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        let cases: [(&[u8], InvalidName); 14] = [
            (b"", InvalidName::Empty),
            (b"ABCDEFGHI", InvalidName::TooLong(8)),
            (b"1st", InvalidName::Start),
            (b"-x", InvalidName::Start),
            (b".", InvalidName::Start),
            (b"a b", InvalidName::Character),
            (b"a>", InvalidName::Character),
            (b"#ann", InvalidName::Character),
            (b"a\x1b[31m", InvalidName::Character),
            (b"a\x00", InvalidName::Character),
            (b"\xffa", InvalidName::Character),
            ("\u{430}nn".as_bytes(), InvalidName::Character), // a Cyrillic a
            ("a\u{202e}".as_bytes(), InvalidName::Character),
            (b"*ann*!@,:", InvalidName::Character),
        ];
        for (bytes, error) in cases {
            assert_eq!(Name::parse(bytes, 8).map(|_| ()), Err(error), "{bytes:?}");
        }
        for (room, name) in [("lobby", "lobby"), ("#lab", "lab"), ("2026", "2026")] {
            assert_eq!(RoomName::parse(room.as_bytes(), 8).map(|room| room.to_string()), Ok(name.to_owned()));
        }
        assert_eq!(RoomName::parse(b"#", 8), Err(InvalidName::Empty));
        assert_eq!(RoomName::parse(b"##a", 8), Err(InvalidName::Character));
    }

    #[test]
    fn upper_and_lower_case_are_the_same_name() {
        let name = |text: &str| Name::parse(text.as_bytes(), 32).unwrap();
        assert_eq!(name("Ann"), name("aNN"));
        assert_ne!(name("ann"), name("anna"));
        assert!(name("Bob") > name("ann") && name("ann") < name("anna"));
        let names: HashSet<_> = ["Ann", "ANN", "bob"].map(name).into();
        assert_eq!(names.len(), 2);
    }
}
