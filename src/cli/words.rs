//! Parses an option whose values are words, from the table of its enum.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::value::{Invalid, Named};

/// A parser for the words of `T`; help and completions list them.
pub(super) fn words<T: Named + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let words = T::ALL.iter().map(|value| value.word());
    PossibleValuesParser::new(words.map(|word| {
        let value = PossibleValue::new(word.name);
        if word.help.is_empty() { value } else { value.help(word.help) }
    }))
    .try_map(|text: String| {
        let named = T::ALL.iter().find(|value| value.word().name == text);
        named.copied().ok_or_else(|| Invalid::new(&text, "an accepted value", "a value that --help lists"))
    })
}
