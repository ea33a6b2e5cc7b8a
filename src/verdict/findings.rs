//! All that a report of a sweep is made from.

use std::time::Duration;

use super::{Baseline, Mark, Part, SingleCut, Subject, Tally};
use crate::error::ExitStatus;
use crate::value::escape;

/// All that a report of a sweep is made from.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// The run of the program.
    pub run: &'a Run,
    /// What was swept.
    pub subject: &'a Subject,
    /// The expected replies, or why there are none.
    pub baseline: Result<&'a Baseline, &'a str>,
    /// The verdicts.
    pub tally: &'a Tally,
    /// The exit status.
    pub status: ExitStatus,
}

/// The run of the program that a report is about.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The name of the program and its arguments, as given.
    pub command: Vec<Vec<u8>>,
    /// When it began, in the form of RFC 3339.
    pub time: String,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// The version of this program.
    pub const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    /// The command line as one line of text, quoted for a shell.
    #[must_use]
    pub fn command_line(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._/:=,@%+-".contains(c);
        let word = |word: &Vec<u8>| match std::str::from_utf8(word) {
            Ok(word) if !word.is_empty() && word.chars().all(plain) => word.to_owned(),
            Ok(word) if word.chars().any(char::is_control) => {
                format!("$'{}'", escape(word.as_bytes()).replace('\'', "\\'"))
            }
            _ => format!("'{}'", escape(word).replace('\'', "'\\''")),
        };
        self.command.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Consecutive single cuts with one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first offset.
    pub from: usize,
    /// The last offset.
    pub to: usize,
    /// The result; `None` if they were not tried.
    pub mark: Option<Mark>,
}

impl Tally {
    /// The results of all single cuts in a part of this length, from offset 1 to the last.
    #[must_use]
    pub fn stretches(&self, part: Part, length: usize) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut add = |from: usize, to: usize, mark: Option<Mark>| match stretches.last_mut() {
            _ if from > to => {}
            Some(last) if last.mark == mark => last.to = to,
            _ => stretches.push(Stretch { from, to, mark }),
        };
        let mut next = 1;
        let last = length.saturating_sub(1);
        for (cut, mark) in self.single_cuts.range(part.cut(1)..=part.cut(last.max(1))) {
            let offset = SingleCut::offset(*cut);
            add(next, (offset - 1).min(last), None);
            add(offset, offset.min(last), Some(*mark));
            next = offset + 1;
        }
        add(next, last, None);
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Label, Place};
    use crate::verdict::Verdict;

    #[test]
    fn command_line_can_be_typed_again() {
        let words: [&[u8]; 5] = [b"secretcat", b"-m", b"it's <42>", b"", b"a\r\n\x1b'"];
        let run = Run { command: words.map(<[u8]>::to_vec).to_vec(), ..Run::default() };
        assert_eq!(run.command_line(), r"secretcat -m 'it'\''s <42>' '' $'a\r\n\x1b\''");
    }

    #[test]
    fn stretches_cover_every_offset_once() {
        let mut tally = Tally::default();
        let mut count = |message, offset, verdict| tally.count(Label::Cut(Place { message, offset }), verdict);
        for offset in 3..=5 {
            count(1, offset, Verdict::Same);
        }
        count(1, 6, Verdict::Different);
        count(1, 8, Verdict::NotProven("why".to_owned()));
        count(2, 1, Verdict::Same);
        let shown = |message, length| {
            let stretches = tally.stretches(Part::Message(message), length);
            stretches.iter().map(|stretch| (stretch.from, stretch.to, stretch.mark)).collect::<Vec<_>>()
        };
        let (same, different, not_proven) = (Some(Mark::Same), Some(Mark::Different), Some(Mark::NotProven));
        let expected = [(1, 2, None), (3, 5, same), (6, 6, different), (7, 7, None), (8, 8, not_proven), (9, 9, None)];
        assert_eq!(shown(1, 10), expected);
        assert_eq!(shown(2, 2), [(1, 1, same)]);
        assert_eq!(shown(3, 4), [(1, 3, None)]);
        assert_eq!((shown(3, 1), shown(3, 0)), (vec![], vec![]));
    }
}
