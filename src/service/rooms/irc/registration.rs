//! The messages before a client is a member: capabilities, login and name
//! (<https://modern.ircdocs.horse/#connection-registration>).

use super::super::event::{Entrance, Refusal, Role};
use super::capability::{Capabilities, Capability};
use super::client::{Registration, Stage};
use super::message::Message;
use super::numeric::{
    ERR_ERRONEUSNICKNAME, ERR_INVALIDCAPCMD, ERR_NEEDMOREPARAMS, ERR_NICKNAMEINUSE, ERR_NONICKNAMEGIVEN,
    ERR_NOTREGISTERED, ERR_UNKNOWNCOMMAND, ERR_YOUREBANNEDCREEP, RPL_CREATED, RPL_ISUPPORT, RPL_MYINFO, RPL_WELCOME,
    RPL_YOURHOST,
};
use super::seat::{Seat, Then};
use super::show::{SERVER, mask};
use super::text::word;
use crate::auth::Method;

/// The program and its version.
pub(super) const VERSION: &str = concat!("secretcat-", env!("CARGO_PKG_VERSION"));
/// A client that has sent more messages than this, and is no member yet, is closed.
const MOST_MESSAGES: u32 = 200;
/// A topic or a reason of this length fits into a message.
const LONGEST_REMARK: usize = 390;
/// The largest length of a real name; the rest is left out.
const LONGEST_REAL_NAME: usize = 100;
/// The most tokens in a line of `RPL_ISUPPORT`.
const TOKENS_OF_LINE: usize = 13;

impl Seat<'_> {
    /// Handles a message of a client that is no member yet.
    pub(super) fn register(&mut self, message: &Message<'_>) -> Then {
        let then = self.count_message();
        if then != Then::Stays {
            return then;
        }
        match &message.command.to_ascii_uppercase()[..] {
            b"CAP" => self.capabilities(message),
            b"NICK" => self.first_nick(message),
            b"USER" => self.user(message),
            b"PASS" if message.param(0).is_none() => return self.needs_more("PASS"),
            b"PASS" | b"PONG" => {} // there are no passwords but those of SASL
            b"PING" => self.pong(message),
            b"QUIT" => return Then::refused("quit"),
            b"AUTHENTICATE" => {
                let Some(policy) = self.policy else { return self.unknown(message) };
                let then = self.authenticate(policy, message);
                if then != Then::Stays {
                    return then;
                }
            }
            _ => self.reply(ERR_NOTREGISTERED, &[], "You have not registered"),
        }
        self.complete()
    }

    /// Counts a message of a client that is no member yet: it may send some only.
    pub(super) fn count_message(&mut self) -> Then {
        let Stage::Registering(registration) = &mut self.client.stage else { return Then::Stays };
        registration.messages += 1;
        if registration.messages > MOST_MESSAGES {
            return Then::refused("too many messages before NICK and USER");
        }
        Then::Stays
    }

    /// Makes the client a member, if it has sent everything that this takes.
    pub(super) fn complete(&mut self) -> Then {
        let Stage::Registering(Registration { nick: Some(nick), has_user: true, is_negotiating: false, .. }) =
            &self.client.stage
        else {
            return Then::Stays;
        };
        if self.client.login.is_open() {
            return Then::Stays;
        }
        let user = self.context.user(self.peer).cloned();
        if let Some(policy) = self.policy.filter(|_| user.is_none()) {
            return match policy.method() {
                Method::Password(_) => self.refuse_stranger(),
                Method::Certificate | Method::Process => self.begin_implicit(policy),
            };
        }
        let nick = nick.clone();
        let name = Some(&nick[..]).filter(|_| user.is_none()); // a user has its own
        let entrance = Entrance { name, ip: self.ip, role: Role::Member, user: user.as_ref() };
        match self.engine.enter(self.peer, entrance, self.context.now()) {
            Ok(_) => {
                self.client.stage = Stage::Registered;
                self.welcome();
                Then::Registered
            }
            Err(Refusal::Banned) => {
                self.reply(ERR_YOUREBANNEDCREEP, &[], "You are banned from this server");
                Then::refused("you are banned")
            }
            Err(refusal) if user.is_some() => Then::refused(refusal.to_string()),
            Err(refusal) => {
                self.refuse_nick(&nick, &refusal);
                if let Stage::Registering(registration) = &mut self.client.stage {
                    registration.nick = None;
                }
                Then::Stays
            }
        }
    }

    fn first_nick(&mut self, message: &Message<'_>) {
        let Some(nick) = message.param(0) else {
            return self.reply(ERR_NONICKNAMEGIVEN, &[], "No nickname given");
        };
        // The name of a user is that of its login.
        let refusal = self.engine.check_name(self.peer, nick).err().filter(|_| self.policy.is_none());
        if let Some(refusal) = refusal {
            return self.refuse_nick(nick, &refusal);
        }
        if let Stage::Registering(registration) = &mut self.client.stage {
            registration.nick = Some(nick.to_vec());
        }
    }

    /// Answers a name that the client cannot have.
    pub(super) fn refuse_nick(&mut self, nick: &[u8], refusal: &Refusal) {
        let number = match refusal {
            Refusal::NameInUse(_) | Refusal::NameReserved(_) => ERR_NICKNAMEINUSE,
            Refusal::Banned => ERR_YOUREBANNEDCREEP,
            _ => ERR_ERRONEUSNICKNAME,
        };
        self.reply(number, &[&word(nick)], &refusal.to_string());
    }

    fn user(&mut self, message: &Message<'_>) {
        if message.params().len() < 4 {
            self.needs_more("USER");
            return;
        }
        let real_name = super::text::prefix(message.text(3).unwrap_or_default(), LONGEST_REAL_NAME);
        self.network.real_names.insert(self.peer, real_name.into());
        if let Stage::Registering(registration) = &mut self.client.stage {
            registration.has_user = true;
        }
    }

    /// The capabilities that the client may ask for.
    fn offered(&self) -> Capabilities {
        let mut offered = Capabilities::default();
        for capability in Capability::ALL {
            let is_offered = match capability {
                Capability::Sasl => !self.mechanisms().is_empty(),
                Capability::ChatHistory => self.engine.limits().history > 0,
                _ => true,
            };
            offered.set(capability, is_offered);
        }
        offered
    }

    /// Handles `CAP`.
    pub(super) fn capabilities(&mut self, message: &Message<'_>) {
        let Some(subcommand) = message.param(0) else {
            self.needs_more("CAP");
            return;
        };
        let negotiates = |seat: &mut Self, is_negotiating| {
            if let Stage::Registering(registration) = &mut seat.client.stage {
                registration.is_negotiating = is_negotiating;
            }
        };
        let nick = self.nick();
        match &subcommand.to_ascii_uppercase()[..] {
            b"LS" => {
                negotiates(self, true);
                let version =
                    message.param(1).and_then(|version| std::str::from_utf8(version).ok()?.parse::<u32>().ok());
                let offered = self.offered();
                let mut names = offered.names();
                if version.is_some_and(|version| version >= 302) {
                    if offered.has(Capability::Sasl) {
                        names = names.replace("sasl", &format!("sasl={}", self.mechanisms()));
                    }
                    self.client.capabilities.set(Capability::CapNotify, true); // it is implied
                }
                self.send("CAP", &[&nick, "LS"], Some(names.as_bytes()));
            }
            b"LIST" => {
                let names = self.client.capabilities.names();
                self.send("CAP", &[&nick, "LIST"], Some(names.as_bytes()));
            }
            b"REQ" => {
                negotiates(self, true);
                let request = message.text(1).unwrap_or_default();
                let after = self.client.capabilities.after(request, self.offered());
                if let Some(after) = after {
                    self.client.capabilities = after;
                }
                let answer = if after.is_some() { "ACK" } else { "NAK" };
                self.send("CAP", &[&nick, answer], Some(&super::text::clean(request)));
            }
            b"END" => negotiates(self, false),
            _ => self.reply(ERR_INVALIDCAPCMD, &[&word(subcommand)], "Invalid CAP subcommand"),
        }
    }

    /// Answers `PING`.
    pub(super) fn pong(&mut self, message: &Message<'_>) {
        let Some(text) = message.text(0) else {
            self.needs_more("PING");
            return;
        };
        self.send("PONG", &[SERVER], Some(&super::text::clean(text)));
    }

    pub(super) fn needs_more(&mut self, command: &str) -> Then {
        self.reply(ERR_NEEDMOREPARAMS, &[command], "Not enough parameters");
        Then::Stays
    }

    pub(super) fn unknown(&mut self, message: &Message<'_>) -> Then {
        self.reply(ERR_UNKNOWNCOMMAND, &[&word(message.command)], "Unknown command");
        Then::Stays
    }

    fn welcome(&mut self) {
        let nick = self.nick();
        self.reply(RPL_WELCOME, &[], &format!("Welcome to these rooms, {}", mask(&nick)));
        self.reply(RPL_YOURHOST, &[], &format!("Your host is {SERVER}, running {VERSION}"));
        self.reply(RPL_CREATED, &[], "Each channel is a room; LIST shows them");
        self.reply_with(RPL_MYINFO, &[SERVER, VERSION, "i", "bn"], None);
        let tokens = self.tokens();
        for tokens in tokens.chunks(TOKENS_OF_LINE) {
            let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
            self.reply(RPL_ISUPPORT, &tokens, "are supported by this server");
        }
        self.count_users();
        self.no_motd();
    }

    /// What clients may know of this server. There is no PREFIX, because nobody has one: the irc library of Python fails
    /// on an empty one, and clients that assume `(ov)@+` never see it.
    fn tokens(&self) -> Vec<String> {
        let limits = self.engine.limits();
        let remark = limits.remark.min(LONGEST_REMARK);
        let mut tokens = vec![
            format!("AWAYLEN={remark}"),
            "CASEMAPPING=ascii".to_owned(),
            format!("CHANLIMIT=#:{}", limits.rooms_of_member),
            "CHANMODES=b,,,n".to_owned(),
            format!("CHANNELLEN={}", limits.room_name + 1),
            "CHANTYPES=#".to_owned(),
            "CLIENTTAGDENY=*".to_owned(),
            "ELIST=M".to_owned(),
            "NETWORK=secretcat".to_owned(),
            format!("NICKLEN={}", limits.name),
            "SAFELIST".to_owned(),
            "TARGMAX=JOIN:,LIST:,NAMES:,NOTICE:4,PART:,PRIVMSG:4,WHOIS:1".to_owned(),
            format!("TOPICLEN={remark}"),
            "UTF8ONLY".to_owned(),
            "WHOX".to_owned(),
        ];
        if limits.history > 0 {
            tokens.push(format!("CHATHISTORY={}", super::history::MOST));
            tokens.push("MSGREFTYPES=msgid,timestamp".to_owned());
        }
        tokens
    }
}
