//! A member of a room at a terminal (`connect --name NAME --room ROOM`): what is sent, and what is shown.
//!
//! | file | what is in it |
//! |---|---|
//! | `received` | what a received line is |
//! | `look` | how a line is shown |
//! | `seen` | the names and rooms that TAB knows |

mod look;
mod received;
mod seen;

use std::rc::Rc;

pub use look::Look;
use look::Sent;
use received::{Content, News, Received};
use seen::Seen;

use crate::value::Timestamp;

/// The prompt before the server has said in which room this member is.
pub const PROMPT: &str = "> ";
/// How the server begins the lines of a history; it gives their times in UTC, which are shown as local ones.
const HISTORY: (&[u8], &[u8]) = (b"the last ", b" (UTC):");

/// The name and the room that a client asks for. One of them may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The name.
    pub name: Option<String>,
    /// The room.
    pub room: Option<String>,
}

/// A member of a room, as its client knows it.
#[derive(Debug)]
pub struct ChatClient {
    look: Look,
    /// A line that was typed is shown again, as the others see it.
    shows_own: bool,
    /// What it asks for when it connects again.
    wanted: Place,
    name: Option<Rc<str>>,
    room: Option<Rc<str>>,
    names: Seen,
    rooms: Seen,
    /// The number of names that the next lines have.
    names_follow: usize,
    was_connected: bool,
    /// The names or rooms have changed since [`take_changed`](Self::take_changed).
    changed: bool,
}

/// What a typed line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing.
    Nothing,
    /// It is sent.
    Line,
    /// It is sent, and the client leaves.
    Quit,
}

/// What TAB and the prompt need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The prompt.
    pub prompt: String,
    /// The names of other members.
    pub names: Vec<Rc<str>>,
    /// The names of rooms.
    pub rooms: Vec<Rc<str>>,
}

impl Place {
    /// The lines that ask for it. A service of rooms takes them before it greets.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let name = self.name.iter().map(|name| format!("/nick {name}"));
        name.chain(self.room.iter().map(|room| format!("/join {room}"))).collect()
    }
}

impl ChatClient {
    /// A client that asks for this name and room.
    #[must_use]
    pub fn new(wanted: Place, look: Look) -> Self {
        ChatClient {
            look,
            shows_own: true,
            wanted,
            name: None,
            room: None,
            names: Seen::default(),
            rooms: Seen::default(),
            names_follow: 0,
            was_connected: false,
            changed: true,
        }
    }

    /// From now on a line that was typed is not shown again, because the terminal shows what is typed.
    pub fn leave_own_to_terminal(&mut self) {
        self.shows_own = false;
    }

    /// The prompt, and the words that TAB completes, if they have changed since the last call.
    #[must_use]
    pub fn take_changed(&mut self) -> Option<Known> {
        std::mem::take(&mut self.changed).then(|| Known {
            prompt: self.room.as_ref().map_or_else(|| PROMPT.to_owned(), |room| format!("[{room}] ")),
            names: self.names.others(self.name.as_deref()),
            rooms: self.rooms.others(None),
        })
    }

    /// The connection was made: returns the lines that are sent first. After the first time that is shown.
    pub(super) fn connected(&mut self, now: Timestamp, out: &mut Vec<u8>) -> Vec<String> {
        let lines = self.wanted.lines();
        if std::mem::replace(&mut self.was_connected, true) {
            self.notice(&format!("connected again: {}", lines.join(", ")), now, out);
        }
        (self.name, self.room, self.changed) = (None, None, true);
        lines
    }

    /// What a typed line is for.
    pub(super) fn typed(line: &[u8]) -> Typed {
        let is_quit = line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"/quit"));
        match line.get(5) {
            _ if line.trim_ascii().is_empty() => Typed::Nothing,
            None if is_quit => Typed::Quit,
            Some(byte) if is_quit && byte.is_ascii_whitespace() => Typed::Quit,
            _ => Typed::Line,
        }
    }

    /// A typed line was sent: shows it as the others see it. Most commands have an answer instead.
    pub(super) fn sent(&self, line: &[u8], now: Timestamp, out: &mut Vec<u8>) {
        let (kind, text) = match line {
            _ if !self.shows_own => return,
            [b'/', b'/', ..] => ("", &line[1..]),
            [b'/', ..] => match private_text(line) {
                Some(text) => (" (private)", text),
                None => return,
            },
            _ => ("", line),
        };
        let by = self.name.as_deref().or(self.wanted.name.as_deref()).unwrap_or("you");
        self.look.show(Sent::Now(now), Content::Spoken { by, kind, text }, out);
    }

    /// A line was received: shows it.
    pub(super) fn received(&mut self, line: &[u8], now: Timestamp, out: &mut Vec<u8>) {
        let Received { past, content } = Received::parse(line);
        let sent = past.map_or(Sent::Now(now), |past| Sent::Before(past, now));
        match content {
            Content::Spoken { by, .. } => {
                self.names.note(by);
                self.changed = true;
            }
            Content::Notice(text) => self.learn(text),
            Content::Other(_) => {}
        }
        let content = match content {
            Content::Notice(text) if text.starts_with(HISTORY.0) && text.ends_with(HISTORY.1) => {
                let end = text.len() - HISTORY.1.len();
                return self.look.show(sent, Content::Notice(&[&text[..end], b":"].concat()), out);
            }
            content => content,
        };
        self.look.show(sent, content, out);
    }

    /// Shows a line of this program.
    pub(super) fn notice(&self, text: &str, now: Timestamp, out: &mut Vec<u8>) {
        self.look.show(Sent::Now(now), Content::Notice(text.as_bytes()), out);
    }

    /// Keeps what a line of the server reports.
    fn learn(&mut self, notice: &[u8]) {
        if self.names_follow > 0 {
            let words: Vec<_> = std::str::from_utf8(notice).unwrap_or_default().split(' ').collect();
            if words.len() <= self.names_follow && words.iter().all(|word| received::is_name(word)) {
                self.names_follow -= words.len();
                for name in words {
                    self.names.add(name);
                }
                self.changed = true;
                return;
            }
            self.names_follow = 0;
        }
        match News::of(notice) {
            News::Entered { name, room } => {
                (self.name, self.room) = (Some(name.into()), Some(room.into()));
                self.rooms.note(room);
            }
            News::Moved { room } => {
                self.room = Some(room.into());
                self.wanted.room = Some(room.to_owned());
                self.rooms.note(room);
            }
            News::Named { name } => {
                if let Some(before) = self.name.replace(name.into()) {
                    self.names.remove(&before);
                }
                self.wanted.name = Some(name.to_owned());
            }
            News::Seen { name } => self.names.note(name),
            News::Left { name } => drop(self.names.remove(name)),
            News::Renamed { from, to } => {
                self.names.remove(from);
                self.names.note(to);
            }
            News::Room { room } => self.rooms.add(room),
            News::NamesFollow { count } => self.names_follow = count,
            News::Nothing => return,
        }
        self.changed = true;
    }
}

/// The text of `/msg NAME TEXT`.
fn private_text(line: &[u8]) -> Option<&[u8]> {
    let rest = line.get(..4).filter(|word| word.eq_ignore_ascii_case(b"/msg")).map(|_| line[4..].trim_ascii())?;
    let end = rest.iter().position(u8::is_ascii_whitespace)?;
    line[4].is_ascii_whitespace().then(|| rest[end..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> ChatClient {
        let wanted = Place { name: Some("ann".into()), room: Some("lab".into()) };
        let mut client = ChatClient::new(wanted, Look::default());
        assert_eq!(client.connected(Timestamp::default(), &mut Vec::new()), ["/nick ann", "/join lab"]);
        client
    }

    fn reads(client: &mut ChatClient, lines: &[&str]) -> String {
        let mut out = Vec::new();
        for line in lines {
            client.received(line.as_bytes(), Timestamp::default(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn known(client: &mut ChatClient) -> (String, String, String) {
        let Known { prompt, names, rooms } = client.take_changed().unwrap();
        assert_eq!(client.take_changed(), None);
        (prompt, names.join(" "), rooms.join(" "))
    }

    fn texts(prompt: &str, names: &str, rooms: &str) -> (String, String, String) {
        (prompt.into(), names.into(), rooms.into())
    }

    #[test]
    fn client_knows_its_room_and_the_names_that_it_has_read() {
        let mut client = client();
        assert_eq!(known(&mut client), texts("> ", "", ""));
        reads(
            &mut client,
            &["* you are ann in lab (2 members); /help lists the commands", "bob> hi", "* eve joined lab"],
        );
        assert_eq!(known(&mut client), texts("[lab] ", "eve bob", "lab"));
        let names = ["* 4 members in lab:", "* ann bob", "* eve kim", "* max joined lab"];
        reads(&mut client, &names);
        assert_eq!(known(&mut client), texts("[lab] ", "max eve bob kim", "lab"));
        reads(
            &mut client,
            &["* bob left (bye)", "* eve is now eva", "* hall: 3 members", "* you are in hall (4 members)"],
        );
        assert_eq!(known(&mut client), texts("[hall] ", "eva max kim", "hall lab"));
        let names = ["* 4 members in lab:", "* the names are not here", "* you are now anna"];
        reads(&mut client, &names);
        assert_eq!(known(&mut client), texts("[hall] ", "eva max kim", "hall lab"));
    }

    #[test]
    fn client_that_connects_again_asks_for_its_last_name_and_room() {
        let mut client = client();
        let mut out = Vec::new();
        reads(&mut client, &["* you are guest1 in lobby (1 member); /help lists the commands"]);
        assert_eq!(client.connected(Timestamp::default(), &mut out), ["/nick ann", "/join lab"]);
        reads(
            &mut client,
            &["* you are ann in lab (1 member); /help", "* you are now anna", "* you are in hall (1 member)"],
        );
        assert_eq!(client.connected(Timestamp::default(), &mut out), ["/nick anna", "/join hall"]);
        let again = "00:00 * connected again: /nick ann, /join lab\n00:00 * connected again: /nick anna, /join hall\n";
        assert_eq!(String::from_utf8(out).unwrap(), again);
        let alone = |name: Option<&str>, room: Option<&str>| {
            Place { name: name.map(str::to_owned), room: room.map(str::to_owned) }.lines()
        };
        assert_eq!(
            (alone(Some("ann"), None), alone(None, Some("lab"))),
            (vec!["/nick ann".into()], vec!["/join lab".into()])
        );
    }

    #[test]
    fn own_lines_are_shown_as_the_others_see_them() {
        let shown = |client: &ChatClient, line: &str| {
            let mut out = Vec::new();
            client.sent(line.as_bytes(), Timestamp::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        let mut client = client();
        let cases = [
            ("hi \x1b[31m", "00:00 ann> hi \\x1b[31m\n"),
            ("//etc", "00:00 ann> /etc\n"),
            ("/msg bob  psst you", "00:00 ann (private)> psst you\n"),
            ("/MSG bob x", "00:00 ann (private)> x\n"),
            ("/msg bob", ""),
            ("/msgbob x", ""),
            ("/names", ""),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(&client, line), expected, "{line}");
        }
        reads(&mut client, &["* you are guest1 in lab (1 member); /help"]);
        assert_eq!(shown(&client, "hi"), "00:00 guest1> hi\n");
        client.leave_own_to_terminal();
        assert_eq!(shown(&client, "hi"), "");
    }

    #[test]
    fn typed_line_is_a_text_or_ends_the_chat() {
        let cases = [
            ("", Typed::Nothing),
            (" \t", Typed::Nothing),
            ("hi", Typed::Line),
            ("quit", Typed::Line),
            ("/quit", Typed::Quit),
            ("/QUIT for today", Typed::Quit),
            ("/quitter", Typed::Line),
            ("//quit", Typed::Line),
        ];
        for (line, typed) in cases {
            assert_eq!(ChatClient::typed(line.as_bytes()), typed, "{line}");
        }
    }

    #[test]
    fn times_of_the_history_are_local() {
        let look = Look { utc_offset: 3600, ..Look::default() };
        let mut client = ChatClient::new(Place::default(), look);
        let shown = reads(&mut client, &["* the last 1 line (UTC):", "[00:00:59] bob> hi"]);
        assert_eq!(shown, "01:00 * the last 1 line:\n01:00 bob> hi\n");
    }
}
