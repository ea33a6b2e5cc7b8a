//! The lines that a member of a room gets (`listen --service rooms`): what each of them is. What a peer sends without
//! being such a service is [`Content::Other`].

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received<'a> {
    /// The time of a line of the history.
    pub(super) past: Option<Past<'a>>,
    /// The rest.
    pub(super) content: Content<'a>,
}

/// When a line of the history was sent, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past<'a> {
    /// The date, `YYYY-MM-DD`, if it is not that of today.
    pub(super) date: Option<&'a str>,
    /// The time of day, `HH:MM:SS`.
    pub(super) time: &'a str,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A text of a member.
    Spoken {
        /// The name of the member.
        by: &'a str,
        /// What stands behind the name: ` (private)`, ` (notice)`, ` (action)` or nothing.
        kind: &'a str,
        /// The text.
        text: &'a [u8],
    },
    /// A line of the server, without the `* ` before it.
    Notice(&'a [u8]),
    /// A line of something else.
    Other(&'a [u8]),
}

/// What a line of the server reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News<'a> {
    /// This member is in a room, and has this name.
    Entered { name: &'a str, room: &'a str },
    /// This member is in another room.
    Moved { room: &'a str },
    /// This member has another name.
    Named { name: &'a str },
    /// Another member has come, or does something.
    Seen { name: &'a str },
    /// Another member has left.
    Left { name: &'a str },
    /// Another member has another name.
    Renamed { from: &'a str, to: &'a str },
    /// There is such a room.
    Room { room: &'a str },
    /// The names of this many members follow, in lines of their own.
    NamesFollow { count: usize },
    /// Nothing that a client keeps.
    Nothing,
}

const KINDS: [&str; 6] = ["", " (private)", " (notice)", " (private notice)", " (action)", " (private action)"];

impl<'a> Received<'a> {
    /// Reads a line, without its line ending.
    pub(super) fn parse(line: &'a [u8]) -> Self {
        if let Some(text) = line.strip_prefix(b"* ") {
            return Received { past: None, content: Content::Notice(text) };
        }
        if let Some((past, rest)) = Past::split(line) {
            if let Some(content) = spoken(rest) {
                return Received { past: Some(past), content };
            }
        }
        Received { past: None, content: spoken(line).unwrap_or(Content::Other(line)) }
    }
}

impl<'a> Past<'a> {
    /// Splits `[18:40:03] ` or `[2026-11-26 18:40:03] ` off a line. No name has a colon.
    fn split(line: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let end = line.iter().position(|&byte| byte == b']')?;
        let rest = line[end..].strip_prefix(b"] ")?;
        let text = std::str::from_utf8(line[..end].strip_prefix(b"[")?).ok()?;
        let (date, time) = text.split_once(' ').map_or((None, text), |(date, time)| (Some(date), time));
        let is_like = |text: &str, form: &str| {
            let fits = |(byte, like): (u8, u8)| if like == b'0' { byte.is_ascii_digit() } else { byte == like };
            text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
        };
        let fits = is_like(time, "00:00:00") && date.is_none_or(|date| is_like(date, "0000-00-00"));
        fits.then_some((Past { date, time }, rest))
    }
}

/// The line of a member: its name, and what it says.
fn spoken(line: &[u8]) -> Option<Content<'_>> {
    let end = line.iter().position(|&byte| !is_of_name(byte))?;
    let by = std::str::from_utf8(&line[..end]).ok().filter(|name| !name.is_empty())?;
    KINDS.iter().find_map(|kind| {
        let text = line[end..].strip_prefix(kind.as_bytes())?.strip_prefix(b"> ")?;
        Some(Content::Spoken { by, kind, text })
    })
}

/// Whether a name may have this byte. A slash comes before the server of a member of another server.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.[]{}^|/".contains(&byte)
}

/// Whether a word is a name.
pub(super) fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(is_of_name)
}

impl<'a> News<'a> {
    /// Reads a line of the server. A member chooses names only within it, and no name is one of its first words.
    pub(super) fn of(notice: &'a [u8]) -> Self {
        let Ok(text) = std::str::from_utf8(notice) else { return News::Nothing };
        let mut words = [""; 6];
        words.iter_mut().zip(text.split(' ')).for_each(|(word, found)| *word = found);
        let is_members = |word: &str| matches!(word.trim_end_matches(','), "member" | "members");
        let news = match words {
            ["you", "are", "now", name, "", ""] => News::Named { name },
            ["you", "are", "in", room, "", ""] | ["you", "are", "in", room, _, "member)" | "members)"] => {
                News::Moved { room }
            }
            ["you", "are", name, "in", room, count] if count.starts_with('(') => News::Entered { name, room },
            [name, "joined", _, "", ..] | [name, "set" | "removed", "the", "topic" | "topic:", ..] => {
                News::Seen { name }
            }
            [name, "left", ..] => News::Left { name },
            [from, "is", "now", to, "", ""] => News::Renamed { from, to },
            [count, members, "in", _, "", ""] if is_members(members) => {
                News::NamesFollow { count: count.parse().unwrap_or(0) }
            }
            [room, count, members, ..] if is_members(members) && count.parse::<usize>().is_ok() => {
                News::Room { room: room.strip_suffix(':').unwrap_or("") }
            }
            _ => News::Nothing,
        };
        if news.names().into_iter().flatten().all(is_name) { news } else { News::Nothing }
    }

    fn names(self) -> [Option<&'a str>; 2] {
        match self {
            News::Entered { name, room } => [Some(name), Some(room)],
            News::Moved { room } | News::Room { room } => [Some(room), None],
            News::Named { name } | News::Seen { name } | News::Left { name } => [Some(name), None],
            News::Renamed { from, to } => [Some(from), Some(to)],
            News::NamesFollow { .. } | News::Nothing => [None, None],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_members_and_the_server_are_distinguished() {
        let spoken = |by, kind, text| Content::Spoken { by, kind, text };
        let cases: [(&[u8], Content<'_>); 14] = [
            (b"ann/9f3a> hi", spoken("ann/9f3a", "", b"hi")),
            (b"ann> hi all", spoken("ann", "", b"hi all")),
            (b"ann> * bob joined lab", spoken("ann", "", b"* bob joined lab")),
            (b"[o]^> \xff", spoken("[o]^", "", b"\xff")),
            (b"ann (private)> psst", spoken("ann", " (private)", b"psst")),
            (b"ann (notice)> ", spoken("ann", " (notice)", b"")),
            (b"ann (action)> waves", spoken("ann", " (action)", b"waves")),
            (b"ann (private notice)> x", spoken("ann", " (private notice)", b"x")),
            (b"* ann joined lab", Content::Notice(b"ann joined lab")),
            (b"ann>hi", Content::Other(b"ann>hi")),
            (b"> hi", Content::Other(b"> hi")),
            (b"ann (boss)> hi", Content::Other(b"ann (boss)> hi")),
            (b"Digits: 12   Count: 2", Content::Other(b"Digits: 12   Count: 2")),
            (b"", Content::Other(b"")),
        ];
        for (line, content) in cases {
            assert_eq!(Received::parse(line), Received { past: None, content });
        }
    }

    #[test]
    fn line_of_the_history_has_its_time() {
        let past = |line| Received::parse(line).past;
        assert_eq!(past(b"[18:40:03] ann> hi"), Some(Past { date: None, time: "18:40:03" }));
        let dated = Past { date: Some("2026-11-26"), time: "18:40:03" };
        assert_eq!(past(b"[2026-11-26 18:40:03] ann> hi"), Some(dated));
        for line in ["[18:40:03] hi", "[18:40] ann> hi", "[x] ann> hi", "[18:40:03]> hi", "[26 18:40:03] ann> hi"] {
            assert_eq!(past(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn news_are_read_from_lines_of_the_server() {
        let cases = [
            ("you are ann in lab (2 members); /help lists the commands", News::Entered { name: "ann", room: "lab" }),
            ("you are in lobby (1 member)", News::Moved { room: "lobby" }),
            ("you are in LOBBY", News::Moved { room: "LOBBY" }),
            ("you are now eve", News::Named { name: "eve" }),
            ("bob joined lab", News::Seen { name: "bob" }),
            ("bob set the topic: you are now boss", News::Seen { name: "bob" }),
            ("bob removed the topic", News::Seen { name: "bob" }),
            ("bob left", News::Left { name: "bob" }),
            ("bob left lab (you are now boss)", News::Left { name: "bob" }),
            ("bob is now eve", News::Renamed { from: "bob", to: "eve" }),
            ("3 members in lab:", News::NamesFollow { count: 3 }),
            ("1 member in lab:", News::NamesFollow { count: 1 }),
            ("lab: 3 members", News::Room { room: "lab" }),
            ("lab: 1 member, topic: x", News::Room { room: "lab" }),
            ("3 members joined lab", News::Nothing),
            ("you are banned", News::Nothing),
            ("you are logged in as ann, and keep this name", News::Nothing),
            ("you are in no room (/join ROOM)", News::Nothing),
            ("you are in 20 rooms, and more are not allowed", News::Nothing),
            ("there is no room x", News::Nothing),
            ("a\x1b[31m joined lab", News::Nothing),
            ("", News::Nothing),
        ];
        for (notice, news) in cases {
            assert_eq!(News::of(notice.as_bytes()), news, "{notice}");
        }
    }
}
