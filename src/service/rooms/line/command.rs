//! The commands of the line front end: lines that begin with a slash.

use super::super::event::Role;

/// What a line of a member means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Line<'a> {
    /// Nothing.
    Empty,
    /// A text for the others in the room.
    Text(&'a [u8]),
    /// A command, with what stands behind its name.
    Command(&'static Command, &'a [u8]),
    /// There is no command with this name.
    Unknown(&'a [u8]),
}

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Command {
    /// Its name, with the slash.
    pub(in super::super) name: &'static str,
    /// What stands behind its name.
    pub(in super::super) arguments: &'static str,
    /// What it does.
    pub(in super::super) help: &'static str,
    /// What it is.
    pub(in super::super) action: Action,
    /// The role that it needs.
    pub(in super::super) role: Role,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "COMMANDS has the help of each")]
pub(in super::super) enum Action {
    Join,
    Nick,
    Names,
    Rooms,
    Topic,
    Message,
    History,
    Help,
    Quit,
    Kick,
    Ban,
    Bans,
    Unban,
}

/// All commands, in the order of the help.
pub(in super::super) const COMMANDS: [Command; 13] = [
    Command::new("/join", "ROOM", "Go to another room", Action::Join),
    Command::new("/nick", "NAME", "Take another name", Action::Nick),
    Command::new("/names", "", "List the members of this room", Action::Names),
    Command::new("/rooms", "", "List the rooms", Action::Rooms),
    Command::new("/topic", "[TEXT]", "Show the topic of this room, or set it", Action::Topic),
    Command::new("/msg", "NAME TEXT", "Send a private line to NAME", Action::Message),
    Command::new("/history", "[N]", "Show the last N lines of this room", Action::History),
    Command::new("/help", "", "Show this help", Action::Help),
    Command::new("/quit", "[REASON]", "Leave", Action::Quit),
    Command::for_operator("/kick", "NAME [REASON]", "Remove NAME", Action::Kick),
    Command::for_operator("/ban", "NAME [REASON]", "Remove NAME, and refuse its address or name", Action::Ban),
    Command::for_operator("/bans", "", "List the refused addresses and names", Action::Bans),
    Command::for_operator("/unban", "ADDRESS", "No longer refuse an address or a name", Action::Unban),
];

impl Command {
    const fn new(name: &'static str, arguments: &'static str, help: &'static str, action: Action) -> Self {
        Command { name, arguments, help, action, role: Role::Member }
    }

    const fn for_operator(name: &'static str, arguments: &'static str, help: &'static str, action: Action) -> Self {
        Command { name, arguments, help, action, role: Role::Operator }
    }

    /// Whether a member with this role may use it.
    #[must_use]
    pub(in super::super) fn is_for(&self, role: Role) -> bool {
        self.role == Role::Member || role == Role::Operator
    }
}

impl<'a> Line<'a> {
    /// Reads a line of a member. Two slashes at the start stand for a text that begins with one.
    #[must_use]
    pub(in super::super) fn parse(line: &'a [u8], role: Role) -> Self {
        let Some(command) = line.strip_prefix(b"/") else {
            return if line.trim_ascii().is_empty() { Line::Empty } else { Line::Text(line) };
        };
        if command.starts_with(b"/") {
            return Line::Text(command);
        }
        let (name, rest) = word(command);
        let found =
            COMMANDS.iter().find(|known| known.name.as_bytes()[1..].eq_ignore_ascii_case(name) && known.is_for(role));
        found.map_or(Line::Unknown(name), |known| Line::Command(known, rest))
    }
}

/// The names of the commands of members, with their slashes.
#[must_use]
pub fn member_commands() -> Vec<&'static str> {
    COMMANDS.iter().filter(|command| command.is_for(Role::Member)).map(|command| command.name).collect()
}

/// The first word, and what stands behind it.
#[must_use]
pub(in super::super) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_a_text_or_a_command() {
        let shown = |line: &str, role| match Line::parse(line.as_bytes(), role) {
            Line::Command(command, rest) => format!("{} {:?}", command.name, String::from_utf8_lossy(rest)),
            Line::Text(text) => format!("text {:?}", String::from_utf8_lossy(text)),
            Line::Unknown(name) => format!("unknown {:?}", String::from_utf8_lossy(name)),
            Line::Empty => "empty".to_owned(),
        };
        let cases = [
            ("hi all ", "text \"hi all \""),
            ("//etc", "text \"/etc\""),
            ("///", "text \"//\""),
            (" /join", "text \" /join\""),
            ("", "empty"),
            ("  \t", "empty"),
            ("/join lab", "/join \"lab\""),
            ("/JOIN   #lab\t", "/join \"#lab\""),
            ("/msg ann  two words ", "/msg \"ann  two words\""),
            ("/names", "/names \"\""),
            ("/", "unknown \"\""),
            ("/ join", "/join \"\""),
            ("/joins", "unknown \"joins\""),
            ("/kick ann", "unknown \"kick\""),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line, Role::Member), expected, "{line}");
        }
        assert_eq!(shown("/kick ann", Role::Operator), "/kick \"ann\"");
        assert_eq!(word(b" ann  two words "), (&b"ann"[..], &b"two words"[..]));
    }
}
