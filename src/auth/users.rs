//! The file of users: a line `NAME:KEYS` for each, comments that begin with `#`, and empty lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::keys::InvalidKeys;
use super::name::InvalidName;
use super::{Keys, UserName};

/// The users that may log in, with their keys.
#[derive(Debug, Default)]
pub struct Users(HashMap<UserName, Keys>);

/// A line of the file that is wrong. It shows nothing of the keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {why}")]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: LineFlaw,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFlaw {
    /// It is not UTF-8.
    #[error("the line is not UTF-8")]
    Encoding,
    /// There is no colon.
    #[error("expected NAME:SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY")]
    Form,
    /// The name is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The keys are none.
    #[error(transparent)]
    Keys(#[from] InvalidKeys),
    /// An earlier line has the same name, but for upper and lower case.
    #[error("line {0} has the same name")]
    Duplicate(usize),
    /// The name of a user to add differs from the one in it in upper and lower case only.
    #[error("the user {0} has the same name but for upper and lower case")]
    Similar(UserName),
}

/// A line of the file.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    /// With its ending.
    bytes: &'a [u8],
}

impl<'a> Line<'a> {
    fn all(content: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
        content.split_inclusive(|&byte| byte == b'\n').enumerate().map(|(at, bytes)| Line { number: at + 1, bytes })
    }

    /// The user in it; `None` if it has none.
    fn user(self) -> Result<Option<(UserName, Keys)>, BadLine> {
        let bad = |why| BadLine { line: self.number, why };
        let text = std::str::from_utf8(self.bytes).map_err(|_| bad(LineFlaw::Encoding))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let (name, keys) = text.split_once(':').ok_or_else(|| bad(LineFlaw::Form))?;
        let name = name.parse().map_err(|error: InvalidName| bad(error.into()))?;
        let keys = keys.parse().map_err(|error: InvalidKeys| bad(error.into()))?;
        Ok(Some((name, keys)))
    }
}

impl Users {
    /// The largest file that is read: about 100,000 users.
    pub const MAX_FILE: usize = 16 << 20;

    /// Reads the content of a file.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(content: &[u8]) -> Result<Users, BadLine> {
        // A room shows names that differ in case only as one.
        let (mut users, mut lines) = (HashMap::new(), HashMap::new());
        for line in Line::all(content) {
            let Some((name, keys)) = line.user()? else { continue };
            match lines.entry(name.as_str().to_lowercase()) {
                Entry::Occupied(first) => {
                    return Err(BadLine { line: line.number, why: LineFlaw::Duplicate(*first.get()) });
                }
                Entry::Vacant(free) => free.insert(line.number),
            };
            users.insert(name, keys);
        }
        Ok(Users(users))
    }

    /// The keys of a user.
    #[must_use]
    pub fn keys(&self, name: &UserName) -> Option<&Keys> {
        self.0.get(name)
    }

    /// The number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of iterations and the size of the salt that keys of this file have: those of one of its users.
    pub(super) fn usual(&self) -> Option<(u32, usize)> {
        // The same one each time: the order of a map does not change.
        self.0.values().next().map(|keys| (keys.iterations, keys.salt.len()))
    }
}

/// The content of a file with these keys for a user: the user's line is replaced, or one is added at the end. Every
/// other line stays as it is.
///
/// # Errors
/// The first line that is wrong.
pub fn with(content: &[u8], name: &UserName, keys: &Keys) -> Result<Vec<u8>, BadLine> {
    Users::parse(content)?;
    let new = format!("{name}:{keys}\n");
    let mut result = Vec::with_capacity(content.len() + new.len() + 1);
    let mut is_there = false;
    for line in Line::all(content) {
        if is_of(line, name)? {
            is_there = true;
            result.extend_from_slice(new.as_bytes());
        } else {
            result.extend_from_slice(line.bytes);
        }
    }
    if !is_there {
        if result.last().is_some_and(|&last| last != b'\n') {
            result.push(b'\n');
        }
        result.extend_from_slice(new.as_bytes());
    }
    match Users::parse(&result) {
        Err(BadLine { why: LineFlaw::Duplicate(line), .. }) => Err(similar(content, line)),
        _ => Ok(result),
    }
}

/// The content of a file without the line of a user; `None` if it has none.
///
/// # Errors
/// The first line that is wrong.
pub fn without(content: &[u8], name: &UserName) -> Result<Option<Vec<u8>>, BadLine> {
    if Users::parse(content)?.keys(name).is_none() {
        return Ok(None);
    }
    let mut result = Vec::with_capacity(content.len());
    for line in Line::all(content) {
        if !is_of(line, name)? {
            result.extend_from_slice(line.bytes);
        }
    }
    Ok(Some(result))
}

/// The refusal of a new user because of the user in this line.
fn similar(content: &[u8], line: usize) -> BadLine {
    let other = Line::all(content).nth(line - 1).and_then(|line| line.user().ok().flatten());
    BadLine { line, why: other.map_or(LineFlaw::Duplicate(line), |(name, _)| LineFlaw::Similar(name)) }
}

fn is_of(line: Line<'_>, name: &UserName) -> Result<bool, BadLine> {
    Ok(line.user()?.is_some_and(|(other, _)| other == *name))
}

#[cfg(test)]
mod tests {
    use super::super::Password;
    use super::*;

    fn keys(password: &[u8]) -> Keys {
        Keys::new(&Password::new(password).unwrap(), [7; 16])
    }

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    #[test]
    fn edit_keeps_every_other_line_byte_for_byte() {
        let (old, new) = (keys(b"old"), keys(b"new"));
        let content = format!("# users\r\n\nann:{old}\r\nbob:{old}");
        let bytes = content.as_bytes();
        let changed = with(bytes, &name("ann"), &new).unwrap();
        assert_eq!(changed, format!("# users\r\n\nann:{new}\nbob:{old}").into_bytes());
        let added = with(bytes, &name("J\u{fc}r"), &new).unwrap();
        assert_eq!(added, format!("{content}\nJ\u{fc}r:{new}\n").into_bytes());
        assert_eq!(Users::parse(&added).unwrap().len(), 3);
        assert_eq!(with(b"", &name("ann"), &new).unwrap(), format!("ann:{new}\n").into_bytes());
        let removed = without(bytes, &name("ann")).unwrap().unwrap();
        assert_eq!(removed, format!("# users\r\n\nbob:{old}").into_bytes());
        assert_eq!(without(bytes, &name("carl")), Ok(None));
        let users = Users::parse(&changed).unwrap();
        assert_eq!((users.keys(&name("ann")), users.keys(&name("bob"))), (Some(&new), Some(&old)));
        assert_eq!(users.keys(&name("carl")), None);
    }

    #[test]
    fn bad_lines_are_refused_with_their_number() {
        let good = format!("ann:{}\n", keys(b"pencil"));
        let cases: [(&[u8], &str); 9] = [
            (b"ann", "2: expected NAME:SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY"),
            (b"bob:", "2: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY"),
            (b"bob:pencil", "2: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY"),
            (b"bob:$6$salt$hash", "2: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY"),
            (b":x", "2: a user name has at least one character"),
            (b" bob:x", "2: a user name has letters, digits and -_.@+ only"),
            (b"b\xff:x", "2: the line is not UTF-8"),
            (b"bob:SCRAM-SHA-256$1:AAAA$AAAA:AAAA", "2: the iterations are a number from 4096 to 1000000"),
            (good.as_bytes(), "2: line 1 has the same name"),
        ];
        for (line, text) in cases {
            let content = [good.as_bytes(), line].concat();
            assert_eq!(Users::parse(&content).unwrap_err().to_string(), text);
            assert!(with(&content, &name("bob"), &keys(b"x")).is_err() && without(&content, &name("ann")).is_err());
        }
        let upper = with(good.as_bytes(), &name("ANN"), &keys(b"x")).unwrap_err().to_string();
        assert_eq!(upper, "1: the user ann has the same name but for upper and lower case");
        let again = format!("{good}\n{}", good.replace("ann", "a\u{ad}nn"));
        assert_eq!(Users::parse(again.as_bytes()).unwrap_err().to_string(), "3: line 1 has the same name");
    }
}
