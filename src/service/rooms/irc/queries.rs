//! Questions about members, channels and the server.

use super::super::event::{MemberId, Role};
use super::super::name::Name;
use super::super::room::Room;
use super::super::roster::Member;
use super::message::Message;
use super::numeric::{
    ERR_CHANOPRIVSNEEDED, ERR_NOMOTD, ERR_NONICKNAMEGIVEN, ERR_NOSUCHNICK, ERR_TOOMANYMATCHES, ERR_USERSDONTMATCH,
    RPL_AWAY, RPL_CHANNELMODEIS, RPL_CREATIONTIME, RPL_ENDOFBANLIST, RPL_ENDOFWHO, RPL_ENDOFWHOIS, RPL_GLOBALUSERS,
    RPL_ISON, RPL_LIST, RPL_LISTEND, RPL_LOCALUSERS, RPL_LUSERCHANNELS, RPL_LUSERCLIENT, RPL_LUSERME, RPL_LUSEROP,
    RPL_TIME, RPL_UMODEIS, RPL_USERHOST, RPL_VERSION, RPL_WHOISACCOUNT, RPL_WHOISCHANNELS, RPL_WHOISIDLE,
    RPL_WHOISOPERATOR, RPL_WHOISSERVER, RPL_WHOISUSER, RPL_WHOREPLY, RPL_WHOSPCRPL,
};
use super::registration::VERSION;
use super::seat::Seat;
use super::show::{HOST, SERVER, channel};
use super::text::{clean, matches, word};

/// The most members that one answer lists.
const MOST_ROWS: usize = 5000;
/// The most names in a question.
const MOST_NAMES: usize = 16;
/// What is known of the server.
const SERVER_INFO: &str = "secretcat rooms";

/// A member in an answer.
struct Row {
    /// `None`: it is a member of another server.
    id: Option<MemberId>,
    nick: String,
    server: String,
    is_away: bool,
    is_operator: bool,
    idle: u64,
}

impl Seat<'_> {
    /// Handles `LIST`.
    pub(super) fn list(&mut self, message: &Message<'_>) {
        let masks: Vec<_> = message.list(0).collect();
        let is_asked = |room: &&Room| {
            let name = channel(&room.name);
            room.population() > 0 && (masks.is_empty() || masks.iter().any(|mask| matches(mask, name.as_bytes())))
        };
        let row = |room: &Room| {
            let topic = room.topic.as_ref().map(|topic| clean(&topic.text)).unwrap_or_default();
            (channel(&room.name), room.population().to_string(), topic)
        };
        let rows: Vec<_> = self.engine.rooms().filter(is_asked).map(row).collect();
        self.charge(rows.len());
        for (name, members, topic) in rows {
            self.reply_with(RPL_LIST, &[&name, &members], Some(&topic));
        }
        self.reply(RPL_LISTEND, &[], "End of /LIST");
    }

    /// Handles `WHO`, with the fields of WHOX.
    pub(super) fn who(&mut self, message: &Message<'_>) {
        let mask = message.param(0).unwrap_or(b"*");
        let (names, place) = self.names_of_mask(mask);
        let (flags, fields) = flags_and_fields(message.param(1).unwrap_or_default());
        let is_shown = |row: &Row| !flags.contains(&b'o') || row.is_operator;
        let mut rows: Vec<_> = names.iter().take(MOST_ROWS).map(|name| self.row(name)).filter(is_shown).collect();
        rows.sort_by(|left, right| left.nick.cmp(&right.nick));
        self.charge(rows.len());
        for row in rows {
            match fields {
                None => self.who_row(&place, &row),
                Some(fields) => self.whox_row(fields, &place, &row),
            }
        }
        let mask = word(mask);
        if names.len() > MOST_ROWS {
            self.reply(ERR_TOOMANYMATCHES, &[&mask], &format!("The list has the first {MOST_ROWS} members only"));
        }
        self.reply(RPL_ENDOFWHO, &[&mask], "End of /WHO list");
    }

    /// The names of the members that a mask of `WHO` is for, and the channel in the answer.
    fn names_of_mask(&mut self, mask: &[u8]) -> (Vec<Name>, String) {
        let names = if mask.starts_with(b"#") {
            let Ok(room) = self.engine.room(mask) else { return (Vec::new(), String::new()) };
            return (self.engine.names(room).into_iter().cloned().collect(), channel(&room.name));
        } else if matches!(mask, b"*" | b"0") {
            self.engine.all_names().cloned().collect()
        } else if let Ok((_, member)) = self.engine.find(mask) {
            vec![member.name.clone()]
        } else {
            self.charge(self.engine.all_members());
            self.engine.all_names().filter(|name| self.is_meant(name, mask)).cloned().collect()
        };
        (names, "*".to_owned())
    }

    /// Whether a mask of `WHO` that is no name is for a member (RFC 2812, 3.6.1).
    fn is_meant(&self, name: &Name, mask: &[u8]) -> bool {
        let texts = [name.as_str(), HOST, name.server().unwrap_or(SERVER)].map(str::as_bytes);
        let id = || self.engine.find(name.as_str().as_bytes()).map(|(id, _)| id).ok();
        texts.iter().any(|text| matches(mask, text)) || matches(mask, &self.real_name(id(), name.as_str()))
    }

    fn row(&self, name: &Name) -> Row {
        let found = self.engine.find(name.as_str().as_bytes()).ok();
        let member = found.map(|(_, member)| member);
        Row {
            id: found.map(|(id, _)| id),
            nick: name.to_string(),
            server: name.server().unwrap_or(SERVER).to_owned(),
            is_away: member.is_some_and(|member| member.away.is_some()),
            is_operator: member.is_some_and(|member| member.role == Role::Operator),
            idle: member.map_or(0, |member| self.idle(member)),
        }
    }

    /// The seconds since a member has sent something.
    fn idle(&self, member: &Member) -> u64 {
        self.context.now().elapsed.saturating_sub(member.active).as_secs()
    }

    fn real_name(&self, id: Option<MemberId>, nick: &str) -> Vec<u8> {
        id.and_then(|id| self.network.real_names.get(&id)).map_or_else(|| nick.as_bytes().to_vec(), |name| clean(name))
    }

    fn who_row(&mut self, place: &str, row: &Row) {
        let flags = flags(row);
        let text = [hops(row).as_bytes(), b" ", &self.real_name(row.id, &row.nick)[..]].concat();
        let params = [place, &row.nick, HOST, &row.server, &row.nick, &flags];
        self.reply_with(RPL_WHOREPLY, &params, Some(&text));
    }

    fn whox_row(&mut self, fields: &[u8], place: &str, row: &Row) {
        let (letters, token) = fields.split_at(fields.iter().position(|&byte| byte == b',').unwrap_or(fields.len()));
        let token = word(token.get(1..).unwrap_or_default());
        let (flags, idle) = (flags(row), row.idle.to_string());
        let account = row.id.and_then(|id| self.account(id)).unwrap_or_else(|| "0".to_owned());
        // In the order of WHOX, not in that of the question.
        let all: [(u8, &str); 12] = [
            (b't', &token),
            (b'c', place),
            (b'u', &row.nick),
            (b'i', "255.255.255.255"),
            (b'h', HOST),
            (b's', &row.server),
            (b'n', &row.nick),
            (b'f', &flags),
            (b'd', hops(row)),
            (b'l', &idle),
            (b'a', &account),
            (b'o', "n/a"),
        ];
        let params: Vec<_> =
            all.iter().filter(|(letter, _)| letters.contains(letter)).map(|(_, field)| *field).collect();
        let real_name = letters.contains(&b'r').then(|| self.real_name(row.id, &row.nick));
        self.reply_with(RPL_WHOSPCRPL, &params, real_name.as_deref());
    }

    /// The user that a member has logged in as.
    fn account(&self, id: MemberId) -> Option<String> {
        self.context.user(id).map(|user| user.as_str().to_owned())
    }

    /// Handles `WHOIS`.
    pub(super) fn whois(&mut self, message: &Message<'_>) {
        let Some(target) = message.param(1).or_else(|| message.param(0)) else {
            return self.reply(ERR_NONICKNAMEGIVEN, &[], "No nickname given");
        };
        let target = target.split(|&byte| byte == b',').next().unwrap_or_default();
        if let Some((name, rooms)) = self.engine.remote_member(target) {
            let (nick, server) = (name.to_string(), name.server().unwrap_or_default().to_owned());
            let channels: Vec<_> = rooms.iter().map(channel).collect();
            self.reply(RPL_WHOISUSER, &[&nick, &nick, HOST, "*"], &nick);
            self.whois_channels(&nick, &channels);
            self.reply(RPL_WHOISSERVER, &[&nick, &server], SERVER_INFO);
            return self.reply(RPL_ENDOFWHOIS, &[&nick], "End of /WHOIS list");
        }
        let Ok((id, member)) = self.engine.find(target) else {
            self.reply(ERR_NOSUCHNICK, &[&word(target)], "No such nick");
            return self.reply(RPL_ENDOFWHOIS, &[&word(target)], "End of /WHOIS list");
        };
        let member = member.clone();
        let nick = member.name.to_string();
        let real_name = self.real_name(Some(id), &nick);
        self.reply_with(RPL_WHOISUSER, &[&nick, &nick, HOST, "*"], Some(&real_name));
        let channels: Vec<_> = member.rooms.iter().map(channel).collect();
        self.whois_channels(&nick, &channels);
        self.reply(RPL_WHOISSERVER, &[&nick, SERVER], SERVER_INFO);
        if member.role == Role::Operator {
            self.reply(RPL_WHOISOPERATOR, &[&nick], "is the operator of this server");
        }
        if let Some(account) = self.account(id) {
            self.reply(RPL_WHOISACCOUNT, &[&nick, &account], "is logged in as");
        }
        if let Some(reason) = &member.away {
            self.reply_with(RPL_AWAY, &[&nick], Some(&clean(reason)));
        }
        let (idle, since) = (self.idle(&member).to_string(), (member.since.millis() / 1000).to_string());
        self.reply(RPL_WHOISIDLE, &[&nick, &idle, &since], "seconds idle, signon time");
        self.reply(RPL_ENDOFWHOIS, &[&nick], "End of /WHOIS list");
    }

    fn whois_channels(&mut self, nick: &str, channels: &[String]) {
        for channels in channels.chunks(10) {
            self.reply(RPL_WHOISCHANNELS, &[nick], &channels.join(" "));
        }
    }

    /// The name of a member, here or at another server.
    fn known(&self, name: &[u8]) -> Option<&Name> {
        let remote = || self.engine.remote_member(name).map(|(name, _)| name);
        self.engine.find(name).ok().map(|(_, member)| &member.name).or_else(remote)
    }

    /// Handles `ISON`.
    pub(super) fn is_on(&mut self, message: &Message<'_>) {
        if message.params().is_empty() {
            self.needs_more("ISON");
            return;
        }
        let names = message.params().iter().flat_map(|param| param.split(|&byte| byte == b' '));
        let found: Vec<_> = names.filter_map(|name| Some(self.known(name)?.to_string())).collect();
        self.reply(RPL_ISON, &[], &found.join(" "));
    }

    /// Handles `USERHOST`.
    pub(super) fn user_host(&mut self, message: &Message<'_>) {
        if message.params().is_empty() {
            self.needs_more("USERHOST");
            return;
        }
        let found = message.params().iter().take(MOST_NAMES).filter_map(|name| {
            let row = self.row(self.known(name)?);
            let (operator, away) = (if row.is_operator { "*" } else { "" }, if row.is_away { '-' } else { '+' });
            Some(format!("{0}{operator}={away}{0}@{HOST}", row.nick))
        });
        let found: Vec<_> = found.collect();
        self.reply(RPL_USERHOST, &[], &found.join(" "));
    }

    /// Handles `MODE`. Channels have no operators and no bans; the modes of members are accepted and ignored.
    pub(super) fn mode(&mut self, message: &Message<'_>) {
        let Some(target) = message.param(0) else {
            self.needs_more("MODE");
            return;
        };
        let modes = message.param(1);
        if !target.starts_with(b"#") {
            return self.modes_of(target, modes.is_some());
        }
        let Some(room) = self.channel(target) else { return };
        let (name, since) = (channel(&room.name), (room.since.millis() / 1000).to_string());
        match modes {
            None => {
                self.reply_with(RPL_CHANNELMODEIS, &[&name, "+n"], None);
                self.reply_with(RPL_CREATIONTIME, &[&name, &since], None);
            }
            Some(b"b" | b"+b") if message.param(2).is_none() => {
                self.reply(RPL_ENDOFBANLIST, &[&name], "End of channel ban list");
            }
            Some(_) => self.reply(ERR_CHANOPRIVSNEEDED, &[&name], "Channels have no operators"),
        }
    }

    /// Answers for the modes of a member, which has none.
    fn modes_of(&mut self, target: &[u8], are_set: bool) {
        match self.engine.find(target) {
            Err(_) => self.reply(ERR_NOSUCHNICK, &[&word(target)], "No such nick"),
            Ok((id, _)) if id != self.peer => {
                self.reply(ERR_USERSDONTMATCH, &[], "Cannot change mode for other users");
            }
            Ok(_) if are_set => {}
            Ok(_) => self.reply_with(RPL_UMODEIS, &["+"], None),
        }
    }

    /// Handles `LUSERS`.
    pub(super) fn count_users(&mut self) {
        let members = self.engine.members();
        let operators = self.engine.ids().iter().filter(|&&id| id == MemberId::Console).count();
        let rooms = self.engine.rooms().filter(|room| room.population() > 0).count();
        let (users, all) = (members.to_string(), self.engine.all_members().to_string());
        self.reply(RPL_LUSERCLIENT, &[], &format!("There are {all} users and 0 invisible on 1 servers"));
        self.reply(RPL_LUSEROP, &[&operators.to_string()], "operator(s) online");
        self.reply(RPL_LUSERCHANNELS, &[&rooms.to_string()], "channels formed");
        self.reply(RPL_LUSERME, &[], &format!("I have {users} clients and 0 servers"));
        self.reply(RPL_LOCALUSERS, &[&users], &format!("Current local users {users}"));
        self.reply(RPL_GLOBALUSERS, &[&all], &format!("Current global users {all}"));
    }

    /// Handles `MOTD`.
    pub(super) fn no_motd(&mut self) {
        self.reply(ERR_NOMOTD, &[], "There is no message of the day");
    }

    /// Handles `VERSION`.
    pub(super) fn version(&mut self) {
        self.reply(RPL_VERSION, &[VERSION, SERVER], SERVER_INFO);
    }

    /// Handles `TIME`.
    pub(super) fn time(&mut self) {
        let now = self.context.now().time.to_string();
        self.reply(RPL_TIME, &[SERVER], &now);
    }
}

/// How many servers away a member is.
fn hops(row: &Row) -> &'static str {
    if row.id.is_some() { "0" } else { "1" }
}

/// The flags of a `WHO`, and the fields of a WHOX: `o` and `na` of `o%na`.
fn flags_and_fields(param: &[u8]) -> (&[u8], Option<&[u8]>) {
    match param.iter().position(|&byte| byte == b'%') {
        Some(at) => (&param[..at], Some(&param[at + 1..])),
        None => (param, None),
    }
}

/// Whether a member is here or gone, and whether it is the operator.
fn flags(row: &Row) -> String {
    format!("{}{}", if row.is_away { 'G' } else { 'H' }, if row.is_operator { "*" } else { "" })
}
