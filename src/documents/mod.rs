//! The documents that the program contains: its manual pages and its completions.
//!
//! Packages install the same files. A program that was installed without them, by cargo for example, prints them.
//! build.rs compresses them.

use std::fmt;

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::value::{Named, Word};

#[allow(clippy::unreadable_literal, reason = "written by build.rs")]
mod table {
    use super::Document;

    include!(concat!(env!("OUT_DIR"), "/documents.rs"));
}
use table::{COMPLETIONS, MANUAL};

/// A text file that the program contains, compressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Document {
    file: &'static str,
    size: usize,
    /// In the format of RFC 1951.
    packed: &'static [u8],
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({:?})", self.file)
    }
}

impl Document {
    /// The name of the file in man/ or completions/.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The content of the file.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        decompress_to_vec_with_limit(self.packed, self.size).unwrap_or_default() // a test unpacks every document
    }
}

/// A page of the manual, named as after `man`: `secretcat-listen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(Document);

impl Page {
    /// The pages, in the order of their names.
    pub fn all() -> impl Iterator<Item = Page> {
        MANUAL.iter().map(|document| Page(*document))
    }

    /// The page with this name, with or without `secretcat-`, or the page in this file.
    #[must_use]
    pub fn named(name: &str) -> Option<Page> {
        let has_name = |page: &Page| page.name() == name || page.short_name() == Some(name) || page.0.file == name;
        Page::all().find(has_name)
    }

    /// The name of the page without its section.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.file.rsplit_once('.').map_or(self.0.file, |(name, _)| name)
    }

    /// The name of the page without `secretcat-`; none for the page of the program.
    #[must_use]
    pub fn short_name(self) -> Option<&'static str> {
        self.name().strip_prefix("secretcat-")
    }

    /// The file of the page, for man(1).
    #[must_use]
    pub fn document(self) -> Document {
        self.0
    }
}

/// A shell that has completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash, with the package bash-completion or without it.
    Bash,
    /// Zsh.
    Zsh,
    /// fish.
    Fish,
    /// Elvish.
    Elvish,
    /// Nushell.
    Nushell,
    /// PowerShell.
    PowerShell,
}

impl Named for Shell {
    const ALL: &'static [Self] =
        &[Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::Nushell, Shell::PowerShell];

    fn word(self) -> Word {
        Word::new(
            match self {
                Shell::Bash => "bash",
                Shell::Zsh => "zsh",
                Shell::Fish => "fish",
                Shell::Elvish => "elvish",
                Shell::Nushell => "nushell",
                Shell::PowerShell => "powershell",
            },
            "",
        )
    }
}

impl Shell {
    /// The completions for this shell.
    #[must_use]
    pub fn completions(self) -> Document {
        let file = match self {
            Shell::Bash => "secretcat.bash",
            Shell::Zsh => "_secretcat",
            Shell::Fish => "secretcat.fish",
            Shell::Elvish => "secretcat.elv",
            Shell::Nushell => "secretcat.nu",
            Shell::PowerShell => "_secretcat.ps1",
        };
        let document = COMPLETIONS.iter().find(|document| document.file == file);
        document.copied().unwrap_or(Document { file, size: 0, packed: &[] }) // a test finds every one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_unpacked_whole() {
        for document in MANUAL.iter().chain(COMPLETIONS) {
            assert!(document.size > 0 && document.text().len() == document.size, "{document:?}");
        }
    }

    #[test]
    fn every_completion_belongs_to_one_shell() {
        let mut files: Vec<_> = Shell::ALL.iter().map(|shell| shell.completions().file()).collect();
        files.sort_unstable();
        assert_eq!(files, COMPLETIONS.iter().map(Document::file).collect::<Vec<_>>());
    }

    #[test]
    fn page_is_found_by_both_names() {
        let page = Page::named("secretcat-listen").unwrap();
        assert_eq!((page.document().file(), page.name()), ("secretcat-listen.1", "secretcat-listen"));
        assert_eq!(Page::named("listen"), Some(page));
        assert_eq!(Page::named("secretcat-listen.1"), Some(page));
        assert_eq!(Page::named("secretcat").unwrap().short_name(), None);
        assert_eq!(Page::named("secretcat-"), None);
        assert_eq!(Page::named(""), None);
    }
}
