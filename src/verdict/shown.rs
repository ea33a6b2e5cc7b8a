//! Parts of the text of a finding: bytes, cut to what a report shows.

use std::fmt;

use crate::value::escape;

/// The longest part of a first line that [`summary`] shows.
const SUMMARY: usize = 40;

/// The number of bytes that are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// On each side of a cut.
    pub(super) around: usize,
    /// Of a reply.
    pub(super) reply: usize,
}

/// The content of a fact.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Words.
    Words(String),
    /// A place between bytes.
    Place {
        name: String,
        before: String,
        /// `|` is the end of a write, `+` the boundary of two messages in one write.
        sign: char,
        after: String,
    },
    /// A reply.
    Reply {
        /// Its number.
        name: String,
        /// The bytes that are as expected.
        same: String,
        /// The bytes from the first that is not.
        other: String,
        /// How the connection ended, where that differs.
        end: Option<String>,
    },
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Words(words) => f.write_str(words),
            Content::Place { name, before, sign, after } => write!(f, "{name}: {before}{sign}{after}"),
            Content::Reply { name, same, other, end } => {
                write!(f, "{name}: \"{same}{other}\"")?;
                end.as_ref().map_or(Ok(()), |end| write!(f, "; {end}"))
            }
        }
    }
}

impl Content {
    /// The same with another name of its place.
    pub(super) fn renamed(self, rename: impl FnOnce(String) -> String) -> Content {
        match self {
            Content::Place { name, before, sign, after } => Content::Place { name: rename(name), before, sign, after },
            content => content,
        }
    }
}

impl Window {
    /// The bytes from a little before the first `same` ones end: those that are the same, and the others.
    pub(super) fn around_difference(self, bytes: &[u8], same: usize) -> (String, String) {
        let from = if bytes.len() > self.reply { same.saturating_sub(self.around) } else { 0 };
        let to = bytes.len().min(from + self.reply);
        let mut same = same.clamp(from, to);
        // Not inside a character.
        while same > from && bytes.get(same).is_some_and(|byte| byte & 0xc0 == 0x80) {
            same -= 1;
        }
        let before = format!("{}{}", dots(from > 0), escape(&bytes[from..same]));
        (before, format!("{}{}", escape(&bytes[same..to]), dots(to < bytes.len())))
    }
}

/// Dots for bytes that are left out.
pub(super) fn dots(left_out: bool) -> &'static str {
    if left_out { "..." } else { "" }
}

/// The first line of a reply, in quotes.
pub(super) fn summary(reply: &[u8]) -> String {
    let line = reply.split(|&b| b == b'\n').next().unwrap_or_default();
    let whole = line.len() + 1 >= reply.len();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut end = line.len().min(SUMMARY);
    // Not inside a character.
    while end < line.len() && end > 0 && line[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    let dots = if whole && end == line.len() { "" } else { "\u{2026}" };
    format!("\"{}{dots}\"", escape(&line[..end]))
}
