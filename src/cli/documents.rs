//! The flags of `secretcat man` and `secretcat completions`.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};

use super::words::words;
use crate::config::PrintConfig;
use crate::documents::{Page, Shell};
use crate::value::Invalid;

/// Show a page of the manual
///
/// The program contains its manual, for systems where no package has installed it. At a terminal, man(1) shows the
/// page; otherwise the source of the page is printed, which man(1) reads.
#[derive(Debug, Args)]
pub(super) struct ManFlags {
    /// Show PAGE: the name of a command, or of a file that --list prints
    #[arg(value_name = "PAGE", default_value = "secretcat", value_parser = PageParser, hide_possible_values = true)]
    page: Page,
    /// Print the file names of all pages
    #[arg(long, conflicts_with = "page")]
    list: bool,
}

/// Print the completions for a shell
///
/// The program contains its completions, for systems where no package has installed them. For bash, the line
/// 'source <(secretcat completions bash)' in ~/.bashrc loads them.
#[derive(Debug, Args)]
pub(super) struct CompletionsFlags {
    /// Print the completions for SHELL
    #[arg(value_name = "SHELL", value_parser = words::<Shell>())]
    shell: Shell,
}

impl ManFlags {
    pub(super) fn into_config(self) -> PrintConfig {
        if self.list { PrintConfig::Pages } else { PrintConfig::Page(self.page) }
    }
}

impl CompletionsFlags {
    pub(super) fn into_config(self) -> PrintConfig {
        PrintConfig::Completions(self.shell.completions())
    }
}

/// A parser for pages; completions list their short names.
#[derive(Clone)]
struct PageParser;

impl TypedValueParser for PageParser {
    type Value = Page;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Page, clap::Error> {
        let page = |text: String| {
            Page::named(&text).ok_or_else(|| Invalid::new(&text, "a page of the manual", "a page that --list prints"))
        };
        StringValueParser::new().try_map(page).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Page::all().map(|page| PossibleValue::new(page.short_name().unwrap_or(page.name())))))
    }
}
