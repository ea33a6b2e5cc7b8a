//! The checked configuration of `secretcat man` and `secretcat completions`.

use crate::documents::{Document, Page};

/// What a command prints of the documents in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintConfig {
    /// A page of the manual; man(1) shows it if stdout is a terminal.
    Page(Page),
    /// The file names of all pages.
    Pages,
    /// The completions of a shell.
    Completions(Document),
}
