//! The text of a parser error.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::value::escape;

/// What the parser appends to the cause.
const APPENDED: [ContextKind; 5] = [
    ContextKind::SuggestedSubcommand,
    ContextKind::SuggestedArg,
    ContextKind::SuggestedValue,
    ContextKind::Suggested,
    ContextKind::Usage,
];

/// The parser's error as one line: the cause and a hint.
pub(super) fn one_line(mut error: clap::Error) -> String {
    let hint = hint(&error).map(|hint| format!(" ({hint})")).unwrap_or_default();
    for kind in APPENDED {
        error.remove(kind);
    }
    let text = error.render().to_string();
    // Only how to get help still follows the cause, which has the words of the user: blank lines too.
    let cause = text.trim_end().rsplit_once("\n\n").map_or(text.as_str(), |(cause, _)| cause);
    let cause = cause.strip_prefix("error: ").unwrap_or(cause);
    let lines: Vec<_> = cause.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    escape(format!("{}{hint}", lines.join(" ")).as_bytes())
}

/// What the user may have meant, by the details of the error.
fn hint(error: &clap::Error) -> Option<String> {
    let kinds = [
        (ContextKind::SuggestedSubcommand, "subcommand"),
        (ContextKind::SuggestedArg, "argument"),
        (ContextKind::SuggestedValue, "value"),
    ];
    if let Some((suggested, name)) = kinds.iter().find_map(|&(kind, name)| Some((error.get(kind)?, name))) {
        return match suggested {
            ContextValue::Strings(words) if words.len() > 1 => {
                Some(format!("some similar {name}s exist: '{}'", words.join("', '")))
            }
            ContextValue::Strings(words) => words.first().map(|word| format!("a similar {name} exists: '{word}'")),
            ContextValue::String(word) => Some(format!("a similar {name} exists: '{word}'")),
            _ => None,
        };
    }
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::ArgumentConflict, _) => return Some("remove one of them".to_owned()),
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) => {
            return Some(if missing.len() == 1 { "add it" } else { "add them" }.to_owned());
        }
        _ => {}
    }
    match (error.get(ContextKind::InvalidArg), error.get(ContextKind::Suggested)) {
        // The tip for an unknown option is to pass it as a value, which nobody means; that for a word is used.
        (Some(ContextValue::String(arg)), Some(ContextValue::StyledStrs(tips))) if !arg.starts_with('-') => {
            tips.first().map(ToString::to_string)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(args: &[&str]) -> String {
        one_line(crate::cli::command().try_get_matches_from(args).unwrap_err())
    }

    #[test]
    fn syntax_error_is_one_line() {
        assert_eq!(
            complaint(&["secretcat", "listen", "--onse"]),
            "unexpected argument '--onse' found (a similar argument exists: '--once')"
        );
        assert!(
            complaint(&["secretcat", "connect", "--timeout", "1 parsec"])
                .starts_with("invalid value '1 parsec' for '--timeout <TIME>'")
        );
        assert_eq!(
            complaint(&["secretcat", "connect", "--barrier", "Usage:\n\ntip: x"]),
            "invalid value 'Usage: tip: x' for '--barrier <POINT>' [possible values: none, acked, peer-read]"
        );
    }

    #[test]
    fn words_have_tips_and_unknown_options_have_none() {
        assert_eq!(
            complaint(&["secretcat", "--", "listen"]),
            "unexpected argument 'listen' found (subcommand 'listen' exists; to use it, remove the '--' before it)"
        );
        assert_eq!(complaint(&["secretcat", "listen", "--qqq"]), "unexpected argument '--qqq' found");
    }
}
