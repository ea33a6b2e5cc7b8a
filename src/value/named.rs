//! Enums whose values are written as words: one table for the command line, its help, and what is printed.

/// An enum whose values a user writes as words.
pub trait Named: Copy + 'static {
    /// Every value, in the order of the help text.
    const ALL: &'static [Self];

    /// The word for this value, and its help text.
    fn word(self) -> Word;
}

/// A word that a user writes for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// The help text; empty if the option explains its words itself.
    pub help: &'static str,
}

impl Word {
    /// A word with its help text.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Word { name, help }
    }
}
