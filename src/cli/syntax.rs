//! The text of a parser error.

use crate::value::escape;

/// The parser's error as one line: the cause and a hint.
pub(super) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut line = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    for further in lines {
        if further.starts_with("Usage:") || further.starts_with("For more information") {
            break;
        }
        let tip = further.strip_prefix("tip: ");
        if tip.is_some_and(|tip| tip.starts_with("to pass '")) {
            continue; // nobody wants to pass an option as a value
        }
        line = tip.map_or_else(|| format!("{line} {further}"), |tip| format!("{line} ({tip})"));
    }
    escape(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(args: &[&str]) -> String {
        one_line(&crate::cli::command().try_get_matches_from(args).unwrap_err())
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
    }
}
