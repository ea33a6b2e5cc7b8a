//! Events and answers as lines of text. Control characters of members do not get through: the line may end in a
//! terminal. A line of a member begins with its name, and every other line with `* `.

use super::super::event::{Happening, RoomEvent, Text, Tone};
use crate::value::{Escaper, Timestamp, action_of, counted};

/// Appends a text of a member with its control characters made visible, but for tabs.
pub(in super::super) fn clean(text: &[u8], out: &mut Vec<u8>) {
    let mut escaper = Escaper::new();
    escaper.push(text, out);
    escaper.finish(out);
}

/// Appends the line of an event.
pub(in super::super) fn event(event: &RoomEvent, out: &mut Vec<u8>) {
    let by = event.by.as_ref().map_or("", |by| by.as_str());
    match &event.what {
        Happening::Line { text, tone, .. } => spoken(by, None, *tone, text, out),
        Happening::Private { text, tone, .. } => spoken(by, Some("private"), *tone, text, out),
        Happening::Joined { room } => notice(&format!("{by} joined {room}"), out),
        Happening::Parted { room, reason } => with_reason(&format!("{by} left {room}"), reason, out),
        Happening::Quit { reason } => with_reason(&format!("{by} left"), reason, out),
        Happening::Renamed { name } => notice(&format!("{by} is now {name}"), out),
        Happening::Topic { text, .. } if text.is_empty() => notice(&format!("{by} removed the topic"), out),
        Happening::Topic { text, .. } => {
            out.extend_from_slice(format!("* {by} set the topic: ").as_bytes());
            clean(text, out);
            out.push(b'\n');
        }
        Happening::Notice { text, .. } => notice(text, out),
        Happening::Crowd { room, joined, left, renamed, moves: _ } => {
            let members = |count: u32| counted(count.into(), "member");
            let changed = if *renamed == 1 { "changed its name" } else { "changed their names" };
            let mut text = match (*joined, *left) {
                (0, 0) => format!("{} of {room} {changed}", members(*renamed)),
                (joined, 0) => format!("{} joined {room}", members(joined)),
                (0, left) => format!("{} left {room}", members(left)),
                (joined, left) => format!("{} joined {room}, and {left} left", members(joined)),
            };
            if *renamed > 0 && (*joined, *left) != (0, 0) {
                text = format!("{text}; {renamed} {changed}");
            }
            notice(&text, out);
        }
    }
}

/// Appends a line of the history, with its time.
pub(in super::super) fn past(line: &RoomEvent, now: Timestamp, out: &mut Vec<u8>) {
    let (then, today) = (line.at.to_string(), now.to_string());
    let (date, time) = (then.get(..10).unwrap_or_default(), then.get(11..19).unwrap_or_default());
    let date = if today.starts_with(date) { String::new() } else { format!("{date} ") };
    out.extend_from_slice(format!("[{date}{time}] ").as_bytes());
    event(line, out);
}

/// A time, to the minute.
pub(in super::super) fn date(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {} UTC", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}

/// Appends a line of the program.
pub(in super::super) fn notice(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"* ");
    clean(text.as_bytes(), out);
    out.push(b'\n');
}

fn with_reason(text: &str, reason: &Text, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("* {text}").as_bytes());
    if !reason.is_empty() {
        out.extend_from_slice(b" (");
        clean(reason, out);
        out.push(b')');
    }
    out.push(b'\n');
}

/// A text of a member. An action, which clients of IRC send for `/me`, does not become a line of the program.
fn spoken(by: &str, kind: Option<&str>, tone: Tone, text: &[u8], out: &mut Vec<u8>) {
    let action = action_of(text).filter(|_| tone == Tone::Message);
    let notice = (tone == Tone::Notice).then_some("notice");
    let kinds: Vec<_> = kind.into_iter().chain(notice).chain(action.map(|_| "action")).collect();
    out.extend_from_slice(by.as_bytes());
    if !kinds.is_empty() {
        out.extend_from_slice(format!(" ({})", kinds.join(" ")).as_bytes());
    }
    out.extend_from_slice(b"> ");
    clean(action.unwrap_or(text), out);
    out.push(b'\n');
}

/// Appends names, as many on a line as it holds.
pub(in super::super) fn names<'a>(names: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    const WIDTH: usize = 78;
    let mut line = String::new();
    for name in names {
        if !line.is_empty() && line.len() + 1 + name.len() > WIDTH {
            notice(&std::mem::take(&mut line), out);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(name);
    }
    if !line.is_empty() {
        notice(&line, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::name::{Name, RoomName};
    use super::*;

    fn shown(what: Happening) -> String {
        let mut out = Vec::new();
        let by = Name::parse(b"ann", 9).ok();
        event(&RoomEvent { id: 1, at: Timestamp::default(), by, what }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_event_is_one_line() {
        let room = || RoomName::parse(b"lab", 9).unwrap();
        let name = || Name::parse(b"bob", 9).unwrap();
        let text = |text: &[u8]| -> Text { text.into() };
        let crowd = |joined, left, renamed| Happening::Crowd { room: room(), joined, left, renamed, moves: [].into() };
        let line = |bytes, tone| Happening::Line { room: room(), text: text(bytes), tone };
        let cases = [
            (line(b"hi\tall", Tone::Message), "ann> hi\tall\n"),
            (line(b"hi", Tone::Notice), "ann (notice)> hi\n"),
            (line(b"\x01ACTION waves\x01", Tone::Message), "ann (action)> waves\n"),
            (line(b"\x01VERSION\x01", Tone::Message), "ann> \\x01VERSION\\x01\n"),
            (line(b"\x1b]0;x\x07\x9b\r\xff\xc2\x9b", Tone::Message), "ann> \\x1b]0;x\\x07\\x9b\\r\\xff\\xc2\\x9b\n"),
            (line("é \u{202e}x".as_bytes(), Tone::Message), "ann> é \\u{202e}x\n"),
            (Happening::Private { to: name(), text: text(b"psst"), tone: Tone::Message }, "ann (private)> psst\n"),
            (
                Happening::Private { to: name(), text: text(b"psst"), tone: Tone::Notice },
                "ann (private notice)> psst\n",
            ),
            (Happening::Joined { room: room() }, "* ann joined lab\n"),
            (Happening::Parted { room: room(), reason: text(b"") }, "* ann left lab\n"),
            (Happening::Parted { room: room(), reason: text(b"x\x1b") }, "* ann left lab (x\\x1b)\n"),
            (Happening::Quit { reason: text(b"bye") }, "* ann left (bye)\n"),
            (Happening::Renamed { name: name() }, "* ann is now bob\n"),
            (Happening::Topic { room: room(), text: text(b"a\x08") }, "* ann set the topic: a\\x08\n"),
            (Happening::Topic { room: room(), text: text(b"") }, "* ann removed the topic\n"),
            (crowd(47, 0, 0), "* 47 members joined lab\n"),
            (crowd(0, 1, 0), "* 1 member left lab\n"),
            (crowd(2, 1, 0), "* 2 members joined lab, and 1 left\n"),
            (crowd(2, 1, 3), "* 2 members joined lab, and 1 left; 3 changed their names\n"),
            (crowd(0, 1, 1), "* 1 member left lab; 1 changed its name\n"),
            (crowd(0, 0, 2), "* 2 members of lab changed their names\n"),
        ];
        for (what, line) in cases {
            assert_eq!(shown(what), line);
        }
    }

    #[test]
    fn past_line_has_its_time_and_date() {
        let at = |text| Timestamp::from_rfc3339(text).unwrap();
        let line = RoomEvent {
            id: 1,
            at: at("2026-11-26T18:40:03.500Z"),
            by: Name::parse(b"ann", 9).ok(),
            what: Happening::Line {
                room: RoomName::parse(b"lab", 9).unwrap(),
                text: b"hi"[..].into(),
                tone: Tone::Message,
            },
        };
        let shown = |now| {
            let mut out = Vec::new();
            past(&line, at(now), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown("2026-11-26T23:00:00Z"), "[18:40:03] ann> hi\n");
        assert_eq!(shown("2026-11-27T00:00:00Z"), "[2026-11-26 18:40:03] ann> hi\n");
    }

    #[test]
    fn names_are_broken_into_lines() {
        let mut out = Vec::new();
        names((0..12).map(|_| "0123456789"), &mut out);
        let line = |count: usize| format!("* {}\n", ["0123456789"].repeat(count).join(" "));
        assert_eq!(String::from_utf8(out).unwrap(), line(7) + &line(5));
    }
}
