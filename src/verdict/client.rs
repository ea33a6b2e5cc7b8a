//! What a report says about a client: its output instead of replies, and replies instead of messages.

use std::fmt::Write;

use super::shell::quoted;
use super::shown::{Content, Window, dots, summary};
use super::{Baseline, Difference, Outcome, Subject};
use crate::plan::Only;
use crate::value::{Family, counted, escape, last_line};

/// A client that is swept.
#[derive(Clone, Debug)]
pub struct ClientSubject {
    /// Its command line.
    pub command: String,
    /// The options that say where the replies come from, and what is masked, as words.
    pub options: Vec<String>,
}

impl Subject {
    /// The text of a place, in which the replies to a client are called so.
    pub(super) fn named(&self, text: String) -> String {
        if self.client.is_some() { text.replace("message ", "reply ") } else { text }
    }

    /// The number of messages, or of replies to a client.
    pub(super) fn counted_messages(&self) -> String {
        match (&self.client, self.messages.len()) {
            (None, count) => counted(count as u64, "message"),
            (Some(_), 1) => "1 reply".to_owned(),
            (Some(_), count) => format!("{count} replies"),
        }
    }
}

/// What a client is expected to do: `exit status 0; stdout: "hello"`.
pub(super) fn expectation(expected: &Outcome) -> String {
    let stdout = expected.replies.concat();
    let mut text = format!("{}; ", expected.ending);
    if stdout.is_empty() {
        text.push_str("nothing on stdout");
    } else {
        let _ = write!(text, "stdout of {}: {}", counted(stdout.len() as u64, "byte"), summary(&stdout));
    }
    if !expected.rest.is_empty() {
        let _ = write!(text, " and {}", escape(&expected.rest));
    }
    text
}

/// The expected and the received side of a difference.
pub(super) fn sides(baseline: &Baseline, got: &Outcome, window: Window) -> [Content; 2] {
    let expected = baseline.outcome();
    let [one, other] = [expected, got].map(Outcome::bytes);
    if one == other {
        return [expected, got].map(|outcome| Content::Words(outcome.ending.to_string()));
    }
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let other_end = expected.ending != got.ending;
    [(expected, &one), (got, &other)].map(|(outcome, bytes)| {
        let (same, rest) = window.around_difference(bytes, same);
        let end = other_end.then(|| outcome.ending.to_string());
        Content::Reply { name: "stdout".to_owned(), same, other: rest, end }
    })
}

/// The last line of stderr, if there is one.
pub(super) fn last_words(got: &Outcome, window: Window) -> Option<Content> {
    let line = last_line(&got.stderr);
    let shown = &line[..line.len().min(window.reply)];
    (!line.is_empty()).then(|| Content::Words(format!("{}{}", escape(shown), dots(shown.len() < line.len()))))
}

/// The command that runs the client with the same cuts.
pub(super) fn repeat_command(client: &ClientSubject, subject: &Subject, difference: &Difference) -> String {
    let mut command = format!("secretcat sweep --client {}", quoted(&client.command));
    for word in &client.options {
        let _ = write!(command, " {}", quoted(word));
    }
    command.push_str(match subject.family {
        Family::Any => "",
        Family::V4 => " -4",
        Family::V6 => " -6",
    });
    for word in Only::of(&difference.trial, &subject.layout()).words() {
        let _ = write!(command, " {}", quoted(&word));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Ending, Masks};

    const WINDOW: Window = Window { around: 24, reply: 100 };

    fn outcome(stdout: &str, ending: Ending) -> Outcome {
        Outcome { replies: vec![stdout.into()], ending, ..Outcome::default() }
    }

    #[test]
    fn output_and_status_are_expected() {
        assert_eq!(
            expectation(&outcome("a\nb\n", Ending::Exited(0))),
            "exit status 0; stdout of 4 bytes: \"a\u{2026}\""
        );
        assert_eq!(expectation(&outcome("", Ending::Signaled(15))), "ended by signal 15; nothing on stdout");
        let cut_off = Outcome { rest: b"9 more bytes".to_vec(), ..outcome("a", Ending::Exited(1)) };
        assert_eq!(expectation(&cut_off), "exit status 1; stdout of 1 byte: \"a\" and 9 more bytes");
    }

    #[test]
    fn difference_is_shown_in_output_or_status() {
        let one = outcome("abc\n", Ending::Exited(0));
        let baseline = Baseline::new(&one, &one, Masks::default()).unwrap();
        let shown = |got: &Outcome| sides(&baseline, got, WINDOW).map(|side| side.to_string());
        assert_eq!(shown(&outcome("abd\n", Ending::Exited(0))), ["stdout: \"abc\\n\"", "stdout: \"abd\\n\""]);
        assert_eq!(
            shown(&outcome("", Ending::Unended)),
            ["stdout: \"abc\\n\"; exit status 0", "stdout: \"\"; not ended in time, and killed"]
        );
        assert_eq!(shown(&outcome("abc\n", Ending::Exited(2))), ["exit status 0", "exit status 2"]);
    }

    #[test]
    fn last_line_of_stderr_is_shown() {
        let words = |stderr: &str| {
            let got = Outcome { stderr: stderr.into(), ..Outcome::default() };
            last_words(&got, Window { around: 3, reply: 5 }).map(|words| words.to_string())
        };
        assert_eq!(words("Traceback\nError: x\n\n"), Some("Error...".to_owned()));
        assert_eq!(words("\x1b\n"), Some("\\x1b".to_owned()));
        assert_eq!(words(" \n"), None);
    }
}
