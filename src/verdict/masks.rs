//! Blanking what may differ from one conversation to the next, such as a date.

use std::borrow::Cow;

use regex::bytes::{NoExpand, Regex};

/// What is put where a mask matched.
const BLANK: &[u8] = b"*";

/// Patterns whose matches do not count.
#[derive(Clone, Debug, Default)]
pub struct Masks(Vec<Regex>);

impl Masks {
    /// Masks with these patterns, in the syntax of the regex crate.
    ///
    /// # Errors
    /// The pattern that is not one, and why.
    pub fn new(patterns: &[String]) -> Result<Masks, regex::Error> {
        patterns.iter().map(|pattern| Regex::new(pattern)).collect::<Result<_, _>>().map(Masks)
    }

    /// The bytes with every match blanked.
    #[must_use]
    pub fn apply<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.0.iter().fold(Cow::Borrowed(bytes), |bytes, mask| match mask.replace_all(&bytes, NoExpand(BLANK)) {
            Cow::Borrowed(_) => bytes,
            Cow::Owned(masked) => Cow::Owned(masked),
        })
    }

    /// A mask that would make these two the same, where one of a few simple kinds does.
    #[must_use]
    pub fn suggest(one: &[u8], other: &[u8]) -> Option<String> {
        let line = one.split(|&b| b == b'\n').zip(other.split(|&b| b == b'\n')).find(|(a, b)| a != b)?;
        let header = line.0.iter().position(|&b| b == b':').and_then(|at| std::str::from_utf8(&line.0[..at]).ok());
        let header =
            header.filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        let candidates = [header.map(|name| format!("(?m)^{name}:.*$")), Some("[0-9]+".to_owned())];
        candidates.into_iter().flatten().find(|pattern| {
            Masks::new(std::slice::from_ref(pattern)).is_ok_and(|masks| masks.apply(one) == masks.apply(other))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_does_not_count() {
        let masks = Masks::new(&["(?m)^Date: .*$".to_owned()]).unwrap();
        assert_eq!(masks.apply(b"A: 1\nDate: now\nB"), masks.apply(b"A: 1\nDate: then\nB"));
        assert_ne!(masks.apply(b"A: 1"), masks.apply(b"A: 2"));
        assert!(Masks::new(&["(".to_owned()]).is_err());
    }

    #[test]
    fn a_mask_is_suggested_only_where_it_helps() {
        assert_eq!(Masks::suggest(b"x\nDate: a\r\n", b"x\nDate: b\r\n").as_deref(), Some("(?m)^Date:.*$"));
        assert_eq!(Masks::suggest(b"id 17", b"id 18").as_deref(), Some("[0-9]+"));
        assert_eq!(Masks::suggest(b"abc", b"abd"), None);
    }
}
