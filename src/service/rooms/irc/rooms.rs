//! Channels: `JOIN`, `PART`, `TOPIC`, `NAMES`, `PRIVMSG` and `NOTICE`.

use super::super::event::{Refusal, Request, Tone};
use super::super::history::{Portion, Range};
use super::super::room::Room;
use super::capability::Capability;
use super::message::{LONGEST, Message, Outgoing};
use super::numeric::{
    ERR_CANNOTSENDTOCHAN, ERR_NORECIPIENT, ERR_NOSUCHCHANNEL, ERR_TOOMANYTARGETS, RPL_AWAY, RPL_ENDOFNAMES,
    RPL_NAMREPLY, RPL_NOTOPIC, RPL_TOPIC, RPL_TOPICWHOTIME,
};
use super::seat::Seat;
use super::show::{SERVER, channel};
use super::text::{clean, word};

/// The most receivers of one message.
const MOST_TARGETS: usize = 4;

impl Seat<'_> {
    /// Handles `JOIN`.
    pub(super) fn join(&mut self, message: &Message<'_>) {
        if message.list(0).next().is_none() {
            self.needs_more("JOIN");
            return;
        }
        if message.param(0) == Some(b"0") {
            let rooms = self.engine.member(self.peer).map(|member| member.rooms.clone()).unwrap_or_default();
            for room in rooms {
                self.part_one(channel(&room).as_bytes(), b"");
            }
            return;
        }
        for target in message.list(0) {
            if !target.starts_with(b"#") {
                self.reply(ERR_NOSUCHCHANNEL, &[&word(target)], "No such channel");
                continue;
            }
            match self.ask(Request::Join { room: target }) {
                Ok(event) => {
                    self.show_own(event);
                    self.greet(target);
                }
                Err(Refusal::AlreadyInRoom(_)) => {}
                Err(refusal) => self.refuse(&refusal, &word(target)),
            }
        }
    }

    /// Sends what a new member of a room gets.
    fn greet(&mut self, target: &[u8]) {
        if self.engine.room(target).is_ok_and(|room| room.topic.is_some()) {
            self.show_topic(target);
        }
        self.name_members(target);
        let Ok(room) = self.engine.room(target) else { return };
        let name = channel(&room.name);
        if self.settings.recorded {
            self.send("NOTICE", &[&name], Some(b"This channel is recorded"));
        }
        if !self.has(Capability::ChatHistory) {
            self.replay(target);
        }
    }

    /// Sends the last lines of a room to a client that does not ask for them.
    fn replay(&mut self, target: &[u8]) {
        let portion = Portion { lines: self.settings.replay, bytes: super::history::PORTION };
        let lines = self.engine.history(self.peer, target, Range::Latest, portion);
        let lines: Vec<_> = lines.unwrap_or_default().into_iter().cloned().collect();
        if !lines.is_empty() {
            self.send_lines(target, &lines);
        }
    }

    /// Handles `PART`.
    pub(super) fn part(&mut self, message: &Message<'_>) {
        if message.list(0).next().is_none() {
            self.needs_more("PART");
            return;
        }
        let reason = message.text(1).unwrap_or_default();
        for target in message.list(0) {
            self.part_one(target, reason);
        }
    }

    fn part_one(&mut self, target: &[u8], reason: &[u8]) {
        match self.ask(Request::Part { room: target, reason }) {
            Ok(event) => self.show_own(event),
            Err(refusal) => self.refuse(&refusal, &word(target)),
        }
    }

    /// Handles `TOPIC`.
    pub(super) fn topic(&mut self, message: &Message<'_>) {
        let Some(target) = message.param(0) else {
            self.needs_more("TOPIC");
            return;
        };
        match message.text(1) {
            None => self.show_topic(target),
            Some(text) => {
                if let Err(refusal) = self.ask(Request::Topic { room: target, text }) {
                    self.refuse(&refusal, &word(target));
                }
            }
        }
    }

    fn show_topic(&mut self, target: &[u8]) {
        let Some(room) = self.channel(target) else { return };
        let name = channel(&room.name);
        match room.topic.clone() {
            None => self.reply(RPL_NOTOPIC, &[&name], "No topic is set"),
            Some(topic) => {
                self.reply_with(RPL_TOPIC, &[&name], Some(&clean(&topic.text)));
                let seconds = (topic.at.millis() / 1000).to_string();
                self.reply_with(RPL_TOPICWHOTIME, &[&name, topic.by.as_str(), &seconds], None);
            }
        }
    }

    /// The room of a channel; answers if there is none.
    pub(super) fn channel(&mut self, target: &[u8]) -> Option<&Room> {
        if target.starts_with(b"#") && self.engine.room(target).is_ok() {
            return self.engine.room(target).ok();
        }
        self.reply(ERR_NOSUCHCHANNEL, &[&word(target)], "No such channel");
        None
    }

    /// Handles `NAMES`.
    pub(super) fn names(&mut self, message: &Message<'_>) {
        if message.list(0).next().is_none() {
            return self.reply(RPL_ENDOFNAMES, &["*"], "End of /NAMES list");
        }
        for target in message.list(0) {
            self.name_members(target);
        }
    }

    fn name_members(&mut self, target: &[u8]) {
        let Ok(room) = self.engine.room(target) else {
            return self.reply(RPL_ENDOFNAMES, &[&word(target)], "End of /NAMES list");
        };
        let name = channel(&room.name);
        let names: Vec<_> = self.engine.names(room).into_iter().cloned().collect();
        self.charge(names.len());
        let nick = self.nick();
        let params = [nick.as_str(), "=", &name];
        let message = Outgoing { tags: "", source: SERVER, command: RPL_NAMREPLY, params: &params, text: None };
        let room = LONGEST.saturating_sub(message.head());
        let mut line = String::new();
        for name in &names {
            if !line.is_empty() && line.len() + 1 + name.as_str().len() > room {
                self.reply(RPL_NAMREPLY, &params[1..], &std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(name.as_str());
        }
        if !line.is_empty() {
            self.reply(RPL_NAMREPLY, &params[1..], &line);
        }
        self.reply(RPL_ENDOFNAMES, &[&name], "End of /NAMES list");
    }

    /// Handles `PRIVMSG`.
    pub(super) fn say(&mut self, message: &Message<'_>) {
        if message.list(0).next().is_none() {
            return self.reply(ERR_NORECIPIENT, &[], "No recipient given (PRIVMSG)");
        }
        let text = message.text(1).unwrap_or_default();
        for (number, target) in message.list(0).enumerate() {
            if number == MOST_TARGETS {
                return self.reply(ERR_TOOMANYTARGETS, &[&word(target)], "Too many recipients");
            }
            match self.send_text(target, text, Tone::Message) {
                Ok(()) => self.show_away(target),
                Err(Refusal::NotInRoom(_)) => {
                    self.reply(ERR_CANNOTSENDTOCHAN, &[&word(target)], "Cannot send to channel: you are not in it");
                }
                Err(refusal) => self.refuse(&refusal, &word(target)),
            }
        }
    }

    /// Handles `NOTICE`, which is never answered.
    pub(super) fn notice(&mut self, message: &Message<'_>) {
        let text = message.text(1).unwrap_or_default();
        for target in message.list(0).take(MOST_TARGETS) {
            let _ = self.send_text(target, text, Tone::Notice);
        }
    }

    fn send_text(&mut self, target: &[u8], text: &[u8], tone: Tone) -> Result<(), Refusal> {
        let request = if target.starts_with(b"#") {
            Request::Say { room: target, text, tone }
        } else {
            Request::Message { to: target, text, tone }
        };
        let event = self.ask(request)?;
        if self.has(Capability::EchoMessage) {
            self.show_own(event);
        }
        Ok(())
    }

    /// Answers that the receiver of a line is away.
    fn show_away(&mut self, target: &[u8]) {
        let Ok((name, receivers)) = self.engine.receivers(target) else { return };
        if let Some(reason) = self.engine.away(&receivers) {
            self.reply_with(RPL_AWAY, &[name.as_str()], Some(&clean(&reason)));
        }
    }
}
