//! The messages of a client that is a member: which command does what.

use std::rc::Rc;

use super::super::event::{Refusal, Request, RoomEvent};
use super::super::foreign::Foreign;
use super::message::{Message, Unreadable};
use super::numeric::{
    ERR_ALREADYREGISTERED, ERR_INPUTTOOLONG, ERR_NONICKCHANGE, ERR_NONICKNAMEGIVEN, ERR_SASLALREADY, RPL_NOWAWAY,
    RPL_UNAWAY,
};
use super::seat::{Seat, Then};
use super::show;

impl Seat<'_> {
    /// Handles a line of the client.
    pub(in super::super) fn take(&mut self, line: &[u8]) -> Then {
        self.client.was_pinged = false;
        let message = match Message::parse(line) {
            Ok(message) => message,
            Err(why) => {
                if why == Unreadable::TooLong {
                    return self.refuse_long();
                }
                self.charge(0);
                return Then::Stays;
            }
        };
        if !self.client.is_registered() {
            if Foreign::of_first_line(line) == Some(Foreign::Http) {
                return Then::refused("this port speaks IRC, not HTTP");
            }
            if line.starts_with(b"/") {
                return Then::refused("this port speaks IRC: connect an IRC client, or use the port for lines of text");
            }
            return self.register(&message);
        }
        let then = self.command(&message);
        if !self.has_paid {
            self.charge(0);
        }
        then
    }

    /// Answers a line of the client that is too long.
    pub(in super::super) fn refuse_long(&mut self) -> Then {
        self.client.was_pinged = false;
        self.reply(ERR_INPUTTOOLONG, &[], "Input line was too long");
        self.charge(0);
        self.count_message()
    }

    fn command(&mut self, message: &Message<'_>) -> Then {
        match &message.command.to_ascii_uppercase()[..] {
            b"JOIN" => self.join(message),
            b"PART" => self.part(message),
            b"PRIVMSG" => self.say(message),
            b"NOTICE" => self.notice(message),
            b"TOPIC" => self.topic(message),
            b"NAMES" => self.names(message),
            b"LIST" => self.list(message),
            b"WHO" => self.who(message),
            b"WHOIS" => self.whois(message),
            b"ISON" => self.is_on(message),
            b"USERHOST" => self.user_host(message),
            b"MODE" => self.mode(message),
            b"AWAY" => self.away(message),
            b"NICK" => self.nick_again(message),
            b"CHATHISTORY" => self.chat_history(message),
            b"PING" => self.pong(message),
            b"CAP" => self.capabilities(message),
            b"MOTD" => self.no_motd(),
            b"LUSERS" => self.count_users(),
            b"VERSION" => self.version(),
            b"TIME" => self.time(),
            b"PONG" | b"TAGMSG" => {} // tags of clients are not passed on: CLIENTTAGDENY
            b"AUTHENTICATE" if self.context.user(self.peer).is_some() => {
                self.reply(ERR_SASLALREADY, &[], "You have already logged in");
            }
            b"USER" | b"PASS" => self.reply(ERR_ALREADYREGISTERED, &[], "You may not reregister"),
            b"QUIT" => {
                let reason = message.text(0).unwrap_or_default();
                return Then::Leaves { text: "quit".to_owned(), reason: reason.to_vec() };
            }
            _ => return self.unknown(message),
        }
        Then::Stays
    }

    fn nick_again(&mut self, message: &Message<'_>) {
        let Some(nick) = message.param(0) else {
            return self.reply(ERR_NONICKNAMEGIVEN, &[], "No nickname given");
        };
        if self.nick().as_bytes() == nick {
            return;
        }
        match self.ask(Request::Nick { name: nick }) {
            Ok(event) => self.show_own(event),
            Err(refusal) if self.policy.is_some() => self.reply(ERR_NONICKCHANGE, &[], &refusal.to_string()),
            Err(refusal) => self.refuse_nick(nick, &refusal),
        }
    }

    fn away(&mut self, message: &Message<'_>) {
        let reason = message.text(0).unwrap_or_default();
        if self.ask(Request::Away { reason }).is_ok() {
            if reason.is_empty() {
                self.reply(RPL_UNAWAY, &[], "You are no longer marked as being away");
            } else {
                self.reply(RPL_NOWAWAY, &[], "You have been marked as being away");
            }
        }
    }

    /// Sends the event of its own request to the client.
    pub(super) fn show_own(&mut self, event: Option<Rc<RoomEvent>>) {
        let capabilities = self.client.capabilities;
        if let Some(event) = event {
            self.context.send_with(self.peer, |out| show::event(&event, capabilities, out));
        }
    }

    /// Answers a request that was refused, with the parameter that it was for.
    pub(super) fn refuse(&mut self, refusal: &Refusal, of: &str) {
        use super::numeric as n;
        let number = match refusal {
            Refusal::NoSuchMember(_) => n::ERR_NOSUCHNICK,
            Refusal::BadRoom { .. } | Refusal::NoSuchRoom(_) => n::ERR_NOSUCHCHANNEL,
            Refusal::NotInRoom(_) => n::ERR_NOTONCHANNEL,
            Refusal::TooManyRoomsOfMember(_) | Refusal::TooManyRooms(_) => n::ERR_TOOMANYCHANNELS,
            Refusal::RoomFull { .. } => n::ERR_CHANNELISFULL,
            Refusal::NoText => return self.reply(n::ERR_NOTEXTTOSEND, &[], "No text to send"),
            _ => n::ERR_UNKNOWNERROR,
        };
        self.reply(number, &[of], &refusal.to_string());
    }
}
