//! What a member asks for with a line, and what it gets in return.

use super::super::asking;
use super::super::bans::Ban;
use super::super::engine::Engine;
use super::super::event::{Effect, Refusal, Request, Role, Tone};
use super::super::history::{Portion, Range};
use super::super::name::RoomName;
use super::super::room::Room;
use super::super::settings::Settings;
use super::command::{Action, COMMANDS, Command, Line, word};
use super::show;
use crate::service::{Context, PeerId};
use crate::value::counted;

/// The bytes of the history that are sent at once: far less than the backlog with which a client is closed.
const PORTION: usize = 128 * 1024;
/// The lines of `/history` without a number.
const LINES: usize = 20;
/// The topic that takes the topic away.
const NO_TOPIC: &[u8] = b"-";

/// A member that has sent a line, and everything that its answer needs.
pub(in super::super) struct Desk<'a> {
    pub(in super::super) engine: &'a mut Engine,
    pub(in super::super) settings: &'a Settings,
    pub(in super::super) context: &'a mut Context,
    pub(in super::super) effects: &'a mut Vec<Effect>,
    pub(in super::super) peer: PeerId,
    /// The room that its lines go to.
    pub(in super::super) room: &'a mut Option<RoomName>,
}

/// What becomes of a member after its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Then {
    /// It stays.
    Stays,
    /// It leaves, for this reason.
    Leaves(Vec<u8>),
}

/// What the first line of a client chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Choice<'a> {
    /// Its name.
    Name(&'a [u8]),
    /// A room.
    Room,
    /// Nothing.
    Nothing,
}

impl<'a> Choice<'a> {
    /// What this line chooses.
    pub(in super::super) fn of(line: &'a [u8]) -> Self {
        match Line::parse(line, Role::Member) {
            Line::Command(Command { action: Action::Nick, .. }, name) => Choice::Name(name),
            Line::Command(Command { action: Action::Join, .. }, _) => Choice::Room,
            _ => Choice::Nothing,
        }
    }
}

impl Desk<'_> {
    /// Does what a line asks for.
    pub(in super::super) fn take(&mut self, line: &[u8]) -> Then {
        let Some(role) = self.engine.member(self.peer).map(|member| member.role) else { return Then::Stays };
        let done = match Line::parse(line, role) {
            Line::Empty => Ok(()),
            Line::Text(text) => self.say(text),
            Line::Command(Command { action: Action::Quit, .. }, reason) => return Then::Leaves(reason.to_vec()),
            Line::Command(command, rest) => self.command(command, rest, role),
            Line::Unknown(name) => {
                self.charge();
                self.answer(|out| {
                    out.extend_from_slice(b"* there is no command /");
                    show::clean(name, out);
                    out.extend_from_slice(b" (/help lists the commands; //TEXT says /TEXT)\n");
                });
                Ok(())
            }
        };
        if let Err(refusal) = done {
            self.notice(&refusal.to_string());
        }
        Then::Stays
    }

    fn command(&mut self, command: &Command, rest: &[u8], role: Role) -> Result<(), Refusal> {
        let (first, text) = word(rest);
        match command.action {
            Action::Join | Action::Nick | Action::Kick | Action::Ban | Action::Unban if first.is_empty() => {
                self.usage(command);
            }
            Action::Message if text.is_empty() => self.usage(command),
            Action::Join => return self.go_to(rest),
            Action::Nick => {
                self.ask(Request::Nick { name: rest })?;
                let name = self.name();
                self.notice(&format!("you are now {name}"));
            }
            Action::Message => return self.message(first, text),
            Action::Topic if rest.is_empty() => return self.show_topic(),
            Action::Topic => {
                let room = self.current()?;
                let text = if rest == NO_TOPIC { b"" } else { rest };
                self.ask(Request::Topic { room: room.as_str().as_bytes(), text })?;
            }
            Action::Kick => {
                self.ask(Request::Kick { name: first, reason: text })?;
                self.notice(&format!("removed: {}", String::from_utf8_lossy(first)));
            }
            Action::Ban => {
                self.ask(Request::Ban { name: first, reason: text })?;
                self.list_bans();
            }
            Action::Unban => {
                self.ask(Request::Unban { target: first })?;
                self.list_bans();
            }
            Action::Names | Action::Rooms | Action::History | Action::Help | Action::Bans | Action::Quit => {
                self.charge();
                match command.action {
                    Action::Names => return self.list_names(),
                    Action::Rooms => self.list_rooms(),
                    Action::History => return self.show_history(rest, command),
                    Action::Bans => self.list_bans(),
                    _ => self.help(role),
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, text: &[u8]) -> Result<(), Refusal> {
        let room = self.current()?;
        self.ask(Request::Say { room: room.as_str().as_bytes(), text, tone: Tone::Message })
    }

    fn message(&mut self, to: &[u8], text: &[u8]) -> Result<(), Refusal> {
        self.ask(Request::Message { to, text, tone: Tone::Message })?;
        let (name, away) = match self.engine.receivers(to) {
            Ok((name, receivers)) if receivers.len() > 1 => {
                (format!("{name} ({} connections)", receivers.len()), self.engine.away(&receivers))
            }
            Ok((name, receivers)) => (name.to_string(), self.engine.away(&receivers)),
            // A member of another server may be away without its being known here.
            Err(_) => (String::from_utf8_lossy(to).into_owned(), None),
        };
        self.context.send_with(self.peer, |out| match away {
            None => show::notice(&format!("sent to {name}"), out),
            Some(reason) => {
                out.extend_from_slice(format!("* sent to {name}, who is away: ").as_bytes());
                show::clean(&reason, out);
                out.push(b'\n');
            }
        });
        Ok(())
    }

    /// Moves the member to a room, from the one that it is in. In its first one it learns its name, too.
    pub(in super::super) fn go_to(&mut self, room: &[u8]) -> Result<(), Refusal> {
        self.ask(if self.room.is_some() { Request::Change { room } } else { Request::Join { room } })?;
        let name = self.engine.room(room)?.name.clone();
        let before = self.room.replace(name.clone());
        let is_entrance = before.is_none();
        if let Some(before) = before {
            self.ask(Request::Part { room: before.as_str().as_bytes(), reason: b"" })?;
        }
        let Ok(joined) = self.engine.room(room) else { return Ok(()) };
        let count = counted(joined.population(), "member");
        let cut_off = self.engine.is_cut_off();
        let mine = self.name();
        let (peer, now) = (self.peer, self.context.now().time);
        let portion = Portion { lines: self.settings.replay, bytes: PORTION };
        let lines = joined.history.select(Range::Latest, portion);
        let recorded = self.settings.recorded;
        self.context.send_with(peer, |out| {
            if is_entrance {
                show::notice(&format!("you are {mine} in {name} ({count}); /help lists the commands"), out);
            } else {
                show::notice(&format!("you are in {name} ({count})"), out);
            }
            if recorded {
                show::notice("this room is recorded", out);
            }
            if cut_off {
                show::notice("this room does not reach other servers at the moment", out);
            }
            if joined.topic.is_some() {
                topic(joined, out);
            }
            if !lines.is_empty() {
                show::notice(&format!("the last {} (UTC):", counted(lines.len() as u64, "line")), out);
            }
            for line in lines {
                show::past(line, now, out);
            }
        });
        Ok(())
    }

    fn show_topic(&mut self) -> Result<(), Refusal> {
        self.charge();
        let current = self.current()?;
        let room = self.engine.room(current.as_str().as_bytes())?;
        self.context.send_with(self.peer, |out| topic(room, out));
        Ok(())
    }

    fn show_history(&mut self, number: &[u8], command: &Command) -> Result<(), Refusal> {
        let number = if number.is_empty() {
            Some(LINES)
        } else {
            std::str::from_utf8(number).ok().and_then(|number| number.parse().ok())
        };
        let Some(lines) = number else {
            self.usage(command);
            return Ok(());
        };
        let room = self.current()?;
        let portion = Portion { lines, bytes: PORTION };
        let lines = self.engine.history(self.peer, room.as_str().as_bytes(), Range::Latest, portion)?;
        let now = self.context.now().time;
        self.context.send_with(self.peer, |out| {
            show::notice(&format!("the last {} (UTC):", counted(lines.len() as u64, "line")), out);
            for line in lines {
                show::past(line, now, out);
            }
        });
        Ok(())
    }

    fn list_names(&mut self) -> Result<(), Refusal> {
        let current = self.current()?;
        let room = self.engine.room(current.as_str().as_bytes())?;
        let names = self.engine.names(room);
        self.context.send_with(self.peer, |out| {
            show::notice(&format!("{} in {current}:", counted(names.len() as u64, "member")), out);
            show::names(names.iter().map(|name| name.as_str()), out);
        });
        Ok(())
    }

    fn list_rooms(&mut self) {
        let rooms = self.engine.rooms().filter(|room| room.population() > 0);
        self.context.send_with(self.peer, |out| {
            for room in rooms {
                let count = counted(room.population(), "member");
                out.extend_from_slice(format!("* {}: {count}", room.name).as_bytes());
                if let Some(topic) = &room.topic {
                    out.extend_from_slice(b", topic: ");
                    show::clean(&topic.text, out);
                }
                out.push(b'\n');
            }
        });
    }

    fn list_bans(&mut self) {
        let bans: Vec<_> = self.engine.bans().map(ban).collect();
        self.notice(&if bans.is_empty() { "no bans".to_owned() } else { format!("banned: {}", bans.join(" ")) });
    }

    fn help(&mut self, role: Role) {
        self.answer(|out| {
            for command in COMMANDS.iter().filter(|command| command.is_for(role)) {
                let (arguments, help) = match command.action {
                    Action::Quit if role == Role::Operator => ("", "Stop the listener"),
                    _ => (command.arguments, command.help),
                };
                let usage = format!("{} {arguments}", command.name);
                show::notice(&format!("{usage:<22} {help}"), out);
            }
            show::notice(&format!("{:<22} {}", "//TEXT", "Say /TEXT"), out);
        });
    }

    fn usage(&mut self, command: &Command) {
        self.charge();
        self.notice(&format!("usage: {} {}", command.name, command.arguments));
    }

    /// The room that the member is in.
    fn current(&self) -> Result<RoomName, Refusal> {
        self.room.clone().ok_or(Refusal::InNoRoom)
    }

    fn name(&self) -> String {
        self.engine.member(self.peer).map(|member| member.name.to_string()).unwrap_or_default()
    }

    fn ask(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        asking::ask(self.engine, self.settings, self.context, self.effects, self.peer, request).map(drop)
    }

    /// A line that asks the engine for nothing takes a token too.
    fn charge(&mut self) {
        self.engine.charge(self.peer, 1, self.context.now());
    }

    fn notice(&mut self, text: &str) {
        self.answer(|out| show::notice(text, out));
    }

    fn answer(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.context.send_with(self.peer, write);
    }
}

fn topic(room: &Room, out: &mut Vec<u8>) {
    let Some(topic) = &room.topic else { return show::notice(&format!("{} has no topic", room.name), out) };
    out.extend_from_slice(b"* topic: ");
    show::clean(&topic.text, out);
    out.extend_from_slice(format!(" (set by {}, {})\n", topic.by, show::date(topic.at)).as_bytes());
}

fn ban(ban: &Ban) -> String {
    match ban {
        Ban::Name(name) => name.to_string(),
        Ban::Address(ip) => ip.to_string(),
    }
}
