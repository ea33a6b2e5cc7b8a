//! How lines are shown: the time, the colour of a name, and dimmed lines of the server. Bytes of peers are escaped here.

use super::received::{Content, Past};
use crate::value::{Escaper, Timestamp};

/// SGR (ECMA-48, 8.3.117).
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";
/// The colours of names: those that can be read on black and on white.
const COLORS: [&str; 10] = [
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[34m",
    "\x1b[35m",
    "\x1b[36m",
    "\x1b[1;32m",
    "\x1b[1;33m",
    "\x1b[1;34m",
    "\x1b[1;35m",
    "\x1b[1;36m",
];

/// How lines are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// With colours.
    pub has_colors: bool,
    /// The distance of local time from UTC, in seconds to the east.
    pub utc_offset: i32,
}

/// When a line was sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sent<'a> {
    /// Now.
    Now(Timestamp),
    /// Before this member came; and the time now.
    Before(Past<'a>, Timestamp),
}

impl Look {
    /// Appends a line.
    pub(super) fn show(self, sent: Sent<'_>, content: Content<'_>, out: &mut Vec<u8>) {
        let time = match sent {
            Sent::Now(now) => self.time(now),
            Sent::Before(past, now) => self.past(past, now),
        };
        let is_past = matches!(sent, Sent::Before(..));
        match content {
            Content::Spoken { by, kind, text } => {
                self.styled(DIM, time.as_bytes(), out);
                out.push(b' ');
                self.styled(color_of(by), by.as_bytes(), out);
                out.extend_from_slice(kind.as_bytes());
                out.extend_from_slice(b"> ");
                if is_past { self.styled(DIM, text, out) } else { clean(text, out) }
            }
            Content::Notice(text) => {
                let line = [time.as_bytes(), b" * ", text].concat();
                self.styled(DIM, &line, out);
            }
            Content::Other(text) => {
                self.styled(DIM, time.as_bytes(), out);
                out.push(b' ');
                clean(text, out);
            }
        }
        out.push(b'\n');
    }

    fn styled(self, style: &str, text: &[u8], out: &mut Vec<u8>) {
        if self.has_colors {
            out.extend_from_slice(style.as_bytes());
        }
        clean(text, out);
        if self.has_colors {
            out.extend_from_slice(PLAIN.as_bytes());
        }
    }

    /// The local time of day, to the minute.
    fn time(self, at: Timestamp) -> String {
        self.local(at).get(11..16).unwrap_or_default().to_owned()
    }

    /// The local time of a line of the history, with its date if that is not today's.
    fn past(self, past: Past<'_>, now: Timestamp) -> String {
        let today = now.to_string();
        let date = past.date.or(today.get(..10)).unwrap_or_default();
        let Some(at) = Timestamp::from_rfc3339(&format!("{date}T{}Z", past.time)) else { return past.time.to_owned() };
        let (then, now) = (self.local(at), self.local(now));
        let time = self.time(at);
        match then.get(..10) {
            Some(date) if now.get(..10) != Some(date) => format!("{date} {time}"),
            _ => time,
        }
    }

    /// The local time in the form of RFC 3339.
    fn local(self, at: Timestamp) -> String {
        let millis = i128::from(at.millis()) + i128::from(self.utc_offset) * 1000;
        Timestamp::from_millis(u64::try_from(millis).unwrap_or_default()).to_string()
    }
}

/// The colour of a name: the same at each member, in upper and lower case (FNV-1a, draft-eastlake-fnv).
fn color_of(name: &str) -> &'static str {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
    let hash = name.bytes().fold(0x811c_9dc5, mix);
    COLORS[(hash ^ (hash >> 16)) as usize % COLORS.len()]
}

/// Appends a text with its control characters made visible, but for tabs.
fn clean(text: &[u8], out: &mut Vec<u8>) {
    let mut escaper = Escaper::new();
    escaper.push(text, out);
    escaper.finish(out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::service::chat_client::received::Received;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_rfc3339(text).unwrap()
    }

    fn shown(look: Look, line: &[u8]) -> String {
        let Received { past, content } = Received::parse(line);
        let now = at("2026-11-26T23:40:03Z");
        let sent = past.map_or(Sent::Now(now), |past| Sent::Before(past, now));
        let mut out = Vec::new();
        look.show(sent, content, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_a_time_and_colours() {
        let plain = Look::default();
        let east = Look { has_colors: false, utc_offset: 7200 };
        let colors = Look { has_colors: true, utc_offset: -3600 };
        let cases = [
            (plain, "ann> hi", "23:40 ann> hi\n"),
            (east, "ann (private)> hi", "01:40 ann (private)> hi\n"),
            (plain, "* bob joined lab", "23:40 * bob joined lab\n"),
            (plain, "what?", "23:40 what?\n"),
            (plain, "[22:59:58] ann> hi", "22:59 ann> hi\n"),
            (plain, "[2026-11-25 22:59:58] ann> hi", "2026-11-25 22:59 ann> hi\n"),
            (east, "[01:00:00] ann> hi", "2026-11-26 03:00 ann> hi\n"),
            (east, "[2026-11-25 22:59:58] ann> hi", "2026-11-26 00:59 ann> hi\n"),
            (plain, "[99:00:00] ann> hi", "99:00:00 ann> hi\n"),
            (colors, "ann> hi", "\x1b[2m22:40\x1b[0m \x1b[35mann\x1b[0m> hi\n"),
            (colors, "Ann> hi", "\x1b[2m22:40\x1b[0m \x1b[35mAnn\x1b[0m> hi\n"),
            (colors, "* bob left", "\x1b[2m22:40 * bob left\x1b[0m\n"),
            (colors, "[22:59:58] ann> hi", "\x1b[2m21:59\x1b[0m \x1b[35mann\x1b[0m> \x1b[2mhi\x1b[0m\n"),
            (plain, "ann> \x1b[31m\u{9b}\r\u{202e}\tx", "23:40 ann> \\x1b[31m\\xc2\\x9b\\r\\u{202e}\tx\n"),
            (plain, "\x1b]0;x\x07", "23:40 \\x1b]0;x\\x07\n"),
        ];
        for (look, line, expected) in cases {
            assert_eq!(shown(look, line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn names_of_a_class_have_many_colours() {
        let colors: std::collections::BTreeSet<_> = (0..100).map(|n| color_of(&format!("guest{n}"))).collect();
        assert_eq!(colors.len(), COLORS.len());
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_peer_drive_the_terminal(line in "(\\* |ann> |\\[12:00:00\\] ann> )?.{0,20}", raw: Vec<u8>) {
            for line in [line.as_bytes(), &raw] {
                let text = shown(Look::default(), line);
                let text = text.strip_suffix('\n').unwrap();
                prop_assert!(raw.contains(&b'\n') || line.contains(&b'\n') || !text.contains(|c: char| c.is_control() && c != '\t'));
            }
        }
    }
}
