//! `secretcat man` and `secretcat completions`: print the documents in the program.

use crate::config::PrintConfig;
use crate::documents::Page;
use crate::error::Error;
use crate::io::{console, manual, terminal};

/// Prints what was asked for on stdout, or has man(1) show it.
///
/// # Errors
/// When stdout cannot be written, or man(1) cannot be run.
pub fn run(config: &PrintConfig) -> Result<(), Error> {
    match config {
        PrintConfig::Page(page) if terminal::is_stdout() => Err(manual::show(&page.document().text())),
        PrintConfig::Page(page) => console::print_text(page.document().text()),
        PrintConfig::Pages => {
            let names: Vec<_> = Page::all().map(|page| page.document().file()).collect();
            console::print_text(names.join("\n") + "\n")
        }
        PrintConfig::Completions(document) => console::print_text(document.text()),
    }
}
