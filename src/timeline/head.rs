//! The head of the picture: the command, the version, the date, and how much of the run is drawn.

use super::canvas::{MARGIN, RIGHT};
use super::svg::Svg;
use crate::trace::Start;
use crate::trace::units::{counted, grouped};
use crate::value::escape;

/// The title of every picture.
pub(super) const TITLE: &str = "How the bytes travelled";
/// The largest number of characters of the command line that are looked at.
const COMMAND: usize = 400;

/// What the head says.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) start: Option<&'a Start>,
    /// How many connections are drawn, and of how many.
    pub(super) drawn: u64,
    pub(super) of: u64,
    pub(super) summary: &'a str,
    pub(super) warning: Option<&'a str>,
}

impl Head<'_> {
    /// Draws it; returns where it ends.
    pub(super) fn draw(&self, page: &mut Svg) -> f64 {
        let width = RIGHT - MARGIN;
        page.text("title", MARGIN, 32.0, TITLE);
        let mut y = 54.0;
        let mut line = |class: &str, text: &str| {
            page.clipped(class, MARGIN, y, text, width);
            y += 18.0;
        };
        let connections = format!("{} of {} drawn", grouped(self.drawn), counted(self.of, "connection"));
        match self.start {
            Some(start) => {
                line("code", &command(&start.command));
                line("dim", &format!("secretcat {}, {}; {connections}", kept(&start.version), date(&start.time)));
            }
            None => line("dim", &connections),
        }
        line("dim", self.summary);
        if let Some(warning) = self.warning {
            line("signal", warning);
        }
        y - 10.0
    }
}

/// The command line as a shell takes it, with the name of the program without its folder.
fn command(words: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        let word = if at == 0 { word.rsplit(|byte| *byte == b'/').next().unwrap_or(word) } else { word };
        let shown = escape(&word[..word.len().min(COMMAND)]);
        let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,@%+[]*".contains(c);
        if at > 0 {
            text.push(' ');
        }
        if shown.is_empty() || !shown.chars().all(is_plain) {
            text.extend(["'", shown.as_str(), "'"]);
        } else {
            text.push_str(&shown);
        }
        if text.len() > COMMAND {
            break;
        }
    }
    text
}

/// A time of RFC 3339 to the second, for people.
fn date(time: &str) -> String {
    let text = kept(time);
    match text.split_once('T') {
        Some((date, time)) => format!("{date} {} UTC", time.split(['.', 'Z']).next().unwrap_or_default()),
        None => text,
    }
}

fn kept(text: &str) -> String {
    escape(text.as_bytes()).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_is_shown_as_a_shell_takes_it() {
        let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(
            command(&words(&["/usr/bin/secretcat", "connect", "[::1]:80", "-m", "SECRET 42", ""])),
            "secretcat connect [::1]:80 -m 'SECRET 42' ''"
        );
        assert_eq!(command(&[b"a".to_vec(), b"\x1b[2J\xff".to_vec()]), "a '\\x1b[2J\\xff'");
        assert!(command(&vec![vec![b'x'; 5_000]; 100]).len() < 3 * COMMAND);
    }

    #[test]
    fn date_has_no_fraction() {
        assert_eq!(date("2026-11-26T21:57:12.849457909Z"), "2026-11-26 21:57:12 UTC");
        assert_eq!(date("\u{1b}x"), "\\x1bx");
    }
}
