//! Characters on a screen: which bytes belong together, their width, and how they are shown.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::value::escape;

/// The limit of a character in bytes. A letter with a thousand accents must not cost a thousand steps for each key.
const LONGEST: usize = 64;
/// The distance of tab stops.
const TAB: usize = 8;

/// One visible character (a grapheme).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cluster<'a>(&'a [u8]);

impl<'a> Cluster<'a> {
    /// The first character of `bytes`.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Cluster<'a>> {
        let (&byte, rest) = bytes.split_first()?;
        if byte.is_ascii() && rest.first().is_none_or(u8::is_ascii) {
            return Some(Cluster(&bytes[..1]));
        }
        let near = &bytes[..bytes.len().min(LONGEST)];
        let valid = match std::str::from_utf8(near) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&near[..error.valid_up_to()]).unwrap_or_default(),
        };
        let len = valid.graphemes(true).next().map_or(1, str::len);
        Some(Cluster(&bytes[..len]))
    }

    /// The last character of `bytes`.
    pub(super) fn last(bytes: &'a [u8]) -> Option<Cluster<'a>> {
        // Start where no character continues, so that the following boundaries are right.
        let near = bytes.len().saturating_sub(2 * LONGEST);
        let start = (near..bytes.len()).find(|&at| at == 0 || bytes[at] & 0xc0 != 0x80).unwrap_or(near);
        clusters(&bytes[start..]).last()
    }

    /// Its length in bytes.
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// Whether it separates words.
    pub(super) fn is_space(self) -> bool {
        matches!(self.0, b" " | b"\t")
    }

    /// Its width in cells if it begins in this column.
    pub(super) fn width(self, column: usize) -> usize {
        match self.0 {
            [b'\t'] => TAB - column % TAB,
            [b' '..=b'~'] => 1,
            _ => self.visible().width(),
        }
    }

    /// Appends the text that shows it in this column.
    pub(super) fn show(self, column: usize, out: &mut Vec<u8>) {
        match self.0 {
            [b'\t'] => out.extend(std::iter::repeat_n(b' ', self.width(column))),
            [byte @ b' '..=b'~'] => out.push(*byte),
            _ => out.extend_from_slice(self.visible().as_bytes()),
        }
    }

    /// Its text with control characters escaped.
    fn visible(self) -> String {
        escape(self.0)
    }
}

/// Iterates over the characters of `bytes`.
pub(super) fn clusters(bytes: &[u8]) -> impl Iterator<Item = Cluster<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let cluster = Cluster::first(rest)?;
        rest = &rest[cluster.len()..];
        Some(cluster)
    })
}

/// The column after `bytes`, which begin in `column`; counting stops at `limit`.
pub(super) fn column_after(bytes: &[u8], column: usize, limit: usize) -> usize {
    let mut column = column;
    for cluster in clusters(bytes) {
        if column > limit {
            break;
        }
        column += cluster.width(column);
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8]) -> Vec<(usize, usize)> {
        clusters(bytes).map(|cluster| (cluster.len(), cluster.width(0))).collect()
    }

    #[test]
    fn combining_characters_form_one_cluster() {
        assert_eq!(split("aä世".as_bytes()), [(1, 1), (2, 1), (3, 2)]);
        assert_eq!(split("e\u{301}👩‍🚀🇩🇪".as_bytes()), [(3, 1), (11, 2), (8, 2)]);
        assert_eq!(split(b"\xff\x00\t"), [(1, 4), (1, 4), (1, 8)]);
        assert_eq!(split(b"a\xe2\x82"), [(1, 1), (1, 4), (1, 4)]);
    }

    #[test]
    fn last_cluster_is_found_from_the_end() {
        for text in ["a", "世", "xe\u{301}", "👩‍🚀", "a👩‍🚀", "\u{301}"] {
            let whole = clusters(text.as_bytes()).last();
            assert_eq!(Cluster::last(text.as_bytes()), whole, "{text:?}");
            let long = "世".repeat(1000) + text;
            assert!(Cluster::last(long.as_bytes()).is_some_and(|last| last.len() >= whole.map_or(0, Cluster::len)));
        }
        assert_eq!(Cluster::last(b""), None);
        assert_eq!(Cluster::last(&[0x80; 1000]).map(Cluster::len), Some(1));
    }

    #[test]
    fn thousand_combining_accents_cost_little() {
        let text = "e".to_owned() + &"\u{301}".repeat(1000);
        assert!(clusters(text.as_bytes()).all(|cluster| cluster.len() <= LONGEST));
        assert_eq!(clusters(text.as_bytes()).map(Cluster::len).sum::<usize>(), text.len());
    }

    #[test]
    fn columns_count_tabs_and_wide_characters() {
        assert_eq!(column_after("a\t世".as_bytes(), 0, 80), 10);
        assert_eq!(column_after(&[b'x'; 1000], 3, 80), 81);
    }
}
