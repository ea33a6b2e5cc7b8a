//! Shows the lines of a transcript to people, and selects them.

use super::{Line, Record};
use crate::value::{Expression, action_of, counted, escape};

/// Which messages are selected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// Those of this room.
    pub room: Option<&'a str>,
    /// Those from this time on, in the form that transcripts have.
    pub since: Option<&'a str>,
    /// Those in which this matches.
    pub grep: Option<&'a Expression>,
}

impl Selection<'_> {
    /// Whether a line is selected. One about lost messages may stand for some that would be.
    #[must_use]
    pub fn has(&self, line: &Line<'_>) -> bool {
        let is_recent = |time: &str| self.since.is_none_or(|since| time >= since);
        match line {
            Line::Gap { time, .. } => is_recent(time),
            Line::Message(record) => {
                is_recent(&record.time)
                    && self.room.is_none_or(|room| record.room.as_deref().is_some_and(|of| is_same_room(of, room)))
                    && self.grep.is_none_or(|grep| grep.matches(record.payload.bytes()))
            }
        }
    }
}

/// Whether this is the name of a room, with or without the `#` of IRC. Upper and lower case are the same.
fn is_same_room(room: &str, name: &str) -> bool {
    room.eq_ignore_ascii_case(name.strip_prefix('#').unwrap_or(name))
}

/// A line for people, without a line feed and with every control character escaped.
#[must_use]
pub fn show(line: &Line<'_>) -> String {
    match line {
        Line::Gap { time, lost, .. } => format!("{} ({} lost)", clock(time), counted(*lost, "message")),
        Line::Message(record) => {
            let Record { time, peer, user, room, is_out, is_notice, payload, .. } = record;
            let action = action_of(payload.bytes()).filter(|_| room.is_some() && !is_notice);
            let kind = match (is_notice, action) {
                (true, _) => " (notice)",
                (false, Some(_)) => " (action)",
                (false, None) => "",
            };
            let room = room.as_ref().map(|room| format!("{} ", escape(room.as_bytes()))).unwrap_or_default();
            let arrow = match (user, is_out) {
                (Some(_), false) => ">",
                (_, false) => " ->",
                (_, true) => " <-",
            };
            let name = escape(user.as_ref().unwrap_or(peer).as_bytes());
            format!("{} {room}{name}{kind}{arrow} {}", clock(time), escape(action.unwrap_or(payload.bytes())))
        }
    }
}

/// A time of RFC 3339 for people: to the second, without T and Z.
fn clock(time: &str) -> String {
    match (time.get(..10), time.get(11..19)) {
        (Some(date), Some(clock)) => escape(format!("{date} {clock}").as_bytes()),
        _ => escape(time.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn lines_are_shown_with_controls_escaped() {
        let start = r#"{"id":1,"time":"2026-11-26T18:39:08.000001Z""#;
        for (rest, expected) in [
            (r#","conn":1,"peer":"127.0.0.1:9","dir":"in","text":"a\u001b[2J\n"}"#, r"127.0.0.1:9 -> a\x1b[2J\n"),
            (r#","conn":1,"peer":"\u009b","dir":"out","base64":"/w=="}"#, r"\xc2\x9b <- \xff"),
            (r#","conn":1,"peer":"p","user":"ann","room":"lab","dir":"in","text":"hi"}"#, "lab ann> hi"),
            (
                r#","conn":1,"peer":"p","user":"ann","room":"lab","dir":"in","notice":true,"text":"hi"}"#,
                "lab ann (notice)> hi",
            ),
            (
                r#","conn":1,"peer":"p","user":"a","room":"lab","dir":"in","text":"\u0001ACTION waves\u0001"}"#,
                "lab a (action)> waves",
            ),
            (r#","conn":1,"peer":"p","dir":"in","text":"\u0001ACTION waves\u0001"}"#, r"p -> \x01ACTION waves\x01"),
            (r#","lost":1}"#, "(1 message lost)"),
        ] {
            let text = format!("{start}{rest}");
            assert_eq!(show(&parse(text.as_bytes()).unwrap()), format!("2026-11-26 18:39:08 {expected}"));
        }
    }

    #[test]
    fn selection_is_by_time_room_and_text() {
        let text =
            r#"{"id":1,"time":"2026-11-26T18:39:08.000001Z","conn":1,"peer":"p","room":"lab","dir":"in","text":"hi"}"#;
        let line = parse(text.as_bytes()).unwrap();
        let (matching, other): (Expression, Expression) = ("^h".parse().unwrap(), "x".parse().unwrap());
        let all = Selection::default();
        for (selection, is_selected) in [
            (all, true),
            (Selection { room: Some("lab"), ..all }, true),
            (Selection { room: Some("#LAB"), ..all }, true),
            (Selection { room: Some("la"), ..all }, false),
            (Selection { room: Some("##lab"), ..all }, false),
            (Selection { since: Some("2026-11-26T18:39:08.000001Z"), ..all }, true),
            (Selection { since: Some("2026-11-26T18:39:08.000002Z"), ..all }, false),
            (Selection { grep: Some(&matching), ..all }, true),
            (Selection { grep: Some(&other), ..all }, false),
        ] {
            assert_eq!(selection.has(&line), is_selected, "{selection:?}");
        }
        let gap = Line::Gap { id: 2, time: "2026".into(), lost: 1 };
        assert!(Selection { room: Some("x"), grep: Some(&other), ..all }.has(&gap));
        assert!(!Selection { since: Some("2027"), ..all }.has(&gap));
    }
}
