//! Parses an option whose values are words, from the table of its enum.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Command};

use crate::plan::{Families, Family};
use crate::value::{Invalid, Named};

/// A parser for the words of `T`; help and completions list them.
pub(super) fn words<T: Named + Send + Sync>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(listed::<T>()).try_map(|text: String| {
        let named = T::ALL.iter().find(|value| value.word().name == text);
        named.copied().ok_or_else(|| Invalid::new(&text, "an accepted value", "a value that --help lists"))
    })
}

/// The words of `T`, as help and completions list them.
pub(super) fn listed<T: Named>() -> impl Iterator<Item = PossibleValue> {
    T::ALL.iter().map(|value| value.word()).map(|word| {
        let value = PossibleValue::new(word.name);
        if word.help.is_empty() { value } else { value.help(word.help) }
    })
}

/// A parser for a list of families of plans; help and completions list the families.
#[derive(Clone)]
pub(super) struct FamiliesParser;

impl TypedValueParser for FamiliesParser {
    type Value = Families;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Families, clap::Error> {
        StringValueParser::new().try_map(|text: String| text.parse::<Families>()).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let more = PossibleValue::new("+half-close").help("The default families and half-close");
        Some(Box::new(listed::<Family>().chain([more])))
    }
}
